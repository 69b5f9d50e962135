package hackrf

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"argos/device"
)

// usbVendor is OpenMoko's, who give product ids to free hardware.
const usbVendor = "1d50"

// highSpeed is that of USB 2.0 in Mb/s: what 20 Msps take.
const highSpeed = 480

// A port is a place on the USB with a radio in it.
type port struct {
	listed
	speedMbs int
}

// speed is that of the USB connection of a radio in Mb/s, 0 if not known.
func speed(e listed) int {
	for _, p := range plugged() {
		if p.product == e.product && (e.serial == "" || p.serial == e.serial) {
			return p.speedMbs
		}
	}
	return 0
}

// A Check is one of the things that it takes to use a radio.
type Check struct {
	Name string // "library", "rule", "radio", "speed", "firmware"
	OK   bool
	Text string // what was found
	Hint string // what to do where it is not well; may be empty
}

// Diagnose looks at all that it takes, and at every radio that is plugged in. What is
// in use is left alone.
func Diagnose(ctx context.Context) []Check {
	lib, err := load()
	if err != nil {
		checks := append([]Check{failed("library", err)}, rule()...)
		for _, p := range plugged() {
			text := usbNames[p.product] + " " + short(p.serial) + " is plugged in"
			checks = append(checks, Check{Name: "radio", OK: true, Text: text}, pace(p.speedMbs))
		}
		return checks
	}
	checks := append([]Check{{Name: "library", OK: true, Text: lib.release()}}, rule()...)
	all, err := List(ctx)
	if err == nil && len(all) == 0 {
		err = errNone
	}
	if err != nil {
		return append(checks, failed("radio", err))
	}
	for _, f := range all {
		c := Check{Name: "radio", OK: true, Text: f.Board + " " + short(f.Serial) + ", firmware " + f.Firmware}
		if f.Err != nil {
			c = failed("radio", f.Err)
			c.Text = f.Board + " " + short(f.Serial) + ": " + c.Text
		}
		checks = append(checks, c, pace(f.SpeedMbs))
		if f.Wrong != nil {
			checks = append(checks, failed("firmware", f.Wrong))
		}
	}
	return checks
}

// release names the library in use.
func (l *library) release() string {
	if l.libraryRelease == nil {
		return l.name
	}
	return "libhackrf " + l.libraryRelease() + " (" + l.name + ")"
}

func rule() []Check {
	if runtime.GOOS != "linux" {
		return nil
	}
	if at := ruleAt(); at != "" {
		return []Check{{Name: "rule", OK: true, Text: at}}
	}
	c := failed("rule", errAccess)
	c.Text = "no udev rule lets people use a HackRF"
	return []Check{c}
}

func pace(mbs int) Check {
	c := Check{Name: "speed", OK: true, Text: "not known"}
	if mbs > 0 {
		c.Text = fmt.Sprintf("USB at %d Mb/s", mbs)
	}
	if mbs > 0 && mbs < highSpeed {
		c.OK = false
		c.Hint = "use another port, hub or cable: 20 Msps take 480 Mb/s"
	}
	return c
}

// failed is a check that says what is wrong and what to do.
func failed(name string, err error) Check {
	var known *device.Error
	if !errors.As(err, &known) {
		known = explain("", err)
	}
	return Check{Name: name, Text: known.Err.Error(), Hint: known.Hint}
}
