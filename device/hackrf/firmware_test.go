//go:build linux && !nohackrf

package hackrf

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"argos/device"
	"argos/device/hackrf/emulator"
)

// What a radio with the wrong firmware can do, it does; what it cannot, it says in one
// line, with what to do.
func TestWrongFirmware(t *testing.T) {
	const update = "hackrf_spiflash -Rw hackrf_one_usb.bin"
	for _, c := range []struct {
		o      emulator.Options
		name   string
		sweeps bool
		wrong  string // what doctor says
	}{
		{emulator.Options{Firmware: "2017.02.1", API: "1.01"}, "HackRF One", false, "its firmware is too old to sweep: 2017.02.1 has API 1.01, it takes 1.04"},
		{emulator.Options{Firmware: "2018.01.1", API: "1.03"}, "HackRF One", false, "its firmware is too old to sweep: 2018.01.1 has API 1.03, it takes 1.04"},
		{
			emulator.Options{Firmware: "2021.03.1", API: "1.04"},
			"HackRF One", true,
			"its firmware is too old to count samples that it loses itself: 2021.03.1 has API 1.04, it takes 1.06",
		},
		{emulator.Options{}, "HackRF One r8", true, ""},
		{emulator.Options{Board: "jawbreaker"}, "Jawbreaker", true, "it is no HackRF One but a Jawbreaker"},
		{emulator.Options{Board: "rad1o"}, "rad1o", true, "it is no HackRF One but a rad1o"},
	} {
		emulate(t, c.o)
		checks := Diagnose(context.Background())
		at := slices.IndexFunc(checks, func(k Check) bool { return k.Name == "firmware" })
		switch {
		case c.wrong == "" && at >= 0:
			t.Errorf("%+v: %+v", c.o, checks[at])
		case c.wrong != "" && (at < 0 || checks[at].OK || !strings.HasPrefix(checks[at].Text, c.wrong) || !strings.Contains(checks[at].Hint, update)):
			t.Errorf("%+v: %+v", c.o, checks)
		}

		r := open(t, "")
		if name := r.Info().Name; !strings.HasPrefix(name, c.name) {
			t.Errorf("%+v: it is a %q", c.o, name)
		}
		_, err := r.Tune(t.Context(), device.Tuning{CenterHz: 2450e6, SpanHz: 100e6})
		var known *device.Error
		switch {
		case c.sweeps && err != nil:
			t.Errorf("%+v: %v", c.o, err)
		case !c.sweeps && (!errors.As(err, &known) || known.Err.Error() != c.wrong || !strings.Contains(known.Hint, update) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%+v: sweeps, %v", c.o, err)
		}
		var b device.Block
		read(t, r, &b, nil)
		// A stop asks what was lost, which old firmware does not tell.
		tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 15e6})
		read(t, r, &b, nil)
		if b.CenterHz != 433e6 || r.Stats().Interruptions > 0 {
			t.Errorf("%+v: a block around %g, %+v", c.o, b.CenterHz, r.Stats())
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
