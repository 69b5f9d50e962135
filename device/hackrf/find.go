package hackrf

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"argos/device"
)

// A Found is a radio on the USB of this machine.
type Found struct {
	Board    string // "HackRF One r9"
	Serial   string // empty if it could not be read
	Firmware string // empty if it could not be read
	SpeedMbs int    // of its USB connection; 0 if not known
	Err      error  // why it cannot be used now, or nil
	Wrong    error  // what is not well with one that can be used, or nil; with what to do
}

// usbNames are the boards by USB product id.
var usbNames = map[uint32]string{0x604b: "HackRF Jawbreaker", 0x6089: "HackRF One", 0xcc15: "rad1o"}

// A listed is an entry of a deviceList.
type listed struct {
	product uint32
	serial  string
}

// each looks at every radio that is plugged in, and says how many there are.
func (l *library) each(f func(list *deviceList, i int32, e listed)) (int, error) {
	list := l.deviceList()
	if list == nil {
		return 0, errors.New("libhackrf cannot list what is plugged in")
	}
	defer l.deviceListFree(list)
	count := min(list.count, maxDevices)
	for i := range count {
		e := listed{product: list.boardIDs[i], serial: goString(list.serials[i], 64)}
		// Where asking fails, libhackrf leaves what its stack happened to hold.
		if b, err := hex.DecodeString(e.serial); err != nil || len(b) != 16 {
			e.serial = ""
		}
		f(list, i, e)
	}
	return int(count), nil
}

// find opens the first free radio whose serial number ends in serial.
func (l *library) find(serial string) (got listed, dev uintptr, err error) {
	var (
		failed error
		others []string
	)
	count, err := l.each(func(list *deviceList, i int32, e listed) {
		if dev != 0 {
			return
		}
		if e.serial != "" && !strings.HasSuffix(strings.ToLower(e.serial), strings.ToLower(serial)) {
			others = append(others, short(e.serial))
			return
		}
		var opened uintptr
		err := l.fault("hackrf_device_list_open", l.deviceListOpen(list, i, &opened))
		if err == nil && e.serial == "" && serial != "" {
			// It may be another one.
			l.closeDevice(opened)
			err = errUnread
		}
		if err == nil {
			got, dev = e, opened
		} else if failed == nil {
			failed = err
		}
	})
	switch {
	case err != nil || dev != 0:
		return got, dev, err
	case failed != nil:
		return got, 0, failed
	case count == 0:
		return got, 0, errNone
	default:
		slices.Sort(others)
		return got, 0, fmt.Errorf("%w: %s is none of %s", errSerial, serial, strings.Join(others, ", "))
	}
}

// short is a serial number without its leading zeros.
func short(serial string) string {
	if s := strings.TrimLeft(serial, "0"); s != "" {
		return s
	}
	return serial
}

// infoOf is what can be said of every radio.
func infoOf(e listed) device.Info {
	return device.Info{
		Driver: "hackrf", Name: usbNames[e.product], Serial: e.serial,
		MinHz: minHz, MaxHz: maxHz, MinRateHz: minRateHz, MaxRateHz: maxRateHz, FlatShare: usable, Gains: true,
	}
}

// firmware is the version of an open device.
func (l *library) firmware(dev uintptr) (string, error) {
	var version [256]byte
	code := l.versionRead(dev, &version[0], uint8(len(version)-1))
	return goString(&version[0], len(version)), l.fault("hackrf_version_string_read", code)
}

// boardName is the board with its revision, where the firmware tells it.
func (l *library) boardName(dev uintptr, id uint8) string {
	name := l.boardIDName(uint32(id))
	var rev uint8
	if l.boardRevRead != nil && l.boardRevName != nil && l.boardRevRead(dev, &rev) == success {
		// Others are "older than r6" and "unrecognized".
		if r := l.boardRevName(uint32(rev)); strings.HasPrefix(r, "r") {
			name += " " + r
		}
	}
	return name
}

// List says which radios are plugged in. Those that are free are opened for a moment, to
// ask for their firmware; those in use are left alone.
func List(ctx context.Context) ([]Found, error) {
	lib, err := load()
	if err != nil {
		return nil, explain("list HackRFs", err)
	}
	type result struct {
		found []Found
		err   error
	}
	done := make(chan result, 1)
	abandoned.Add(1)
	go func() {
		found, err := lib.list()
		abandoned.Add(-1)
		done <- result{found, err}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, openLimit, late("listing", openLimit))
	defer cancel()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, explain("list HackRFs", r.err)
		}
		return r.found, nil
	case <-ctx.Done():
		return nil, explain("list HackRFs", context.Cause(ctx))
	}
}

func (l *library) list() ([]Found, error) {
	var all []Found
	_, err := l.each(func(list *deviceList, i int32, e listed) {
		f := Found{Board: usbNames[e.product], Serial: e.serial, SpeedMbs: speed(e)}
		var dev uintptr
		if err := l.fault("hackrf_device_list_open", l.deviceListOpen(list, i, &dev)); err != nil {
			f.Err = explain("open hackrf", err)
		} else {
			if id, err := l.ask(dev); err != nil {
				f.Err = explain("ask hackrf", err)
			} else {
				f.Board, f.Firmware, f.Wrong = id.name, id.firmware, l.wrong(id)
			}
			l.closeDevice(dev)
		}
		all = append(all, f)
	})
	return all, err
}

// goString copies a C string of at most most bytes.
func goString(p *byte, most int) string {
	if p == nil {
		return ""
	}
	n := 0
	for n < most && *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}
