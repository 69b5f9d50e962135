//go:build linux && !nohackrf

package hackrf

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"argos/device/hackrf/emulator"
)

func TestDiagnose(t *testing.T) {
	emulate(t, emulator.Options{})
	for _, c := range []struct {
		fault, text, hint string
		ok                bool
	}{
		{"", "HackRF One r8 ", "", true},
		{"refuse", "access denied", "udev rule", false},
		{"unplug", "no HackRF is plugged in", "plug one in", false},
	} {
		set(t, "resume\nreplug")
		if c.fault != "" {
			set(t, c.fault)
		}
		checks := Diagnose(context.Background())
		if len(checks) < 3 || checks[0].Name != "library" || !checks[0].OK || !strings.Contains(checks[0].Text, "libhackrf 2") {
			t.Fatalf("%+v", checks)
		}
		for _, k := range checks {
			if k.Name == "radio" && (k.OK != c.ok || !strings.Contains(k.Text, c.text) || !strings.Contains(k.Hint, c.hint)) {
				t.Errorf("%s: %+v", c.fault, k)
			}
		}
	}
}

// Every rule matches a board, and each board has one.
func TestRule(t *testing.T) {
	for product := range usbNames {
		if !strings.Contains(Rule, fmt.Sprintf(`ATTR{idProduct}=="%04x"`, product)) {
			t.Errorf("no rule for %x", product)
		}
	}
}

func TestPace(t *testing.T) {
	for mbs, want := range map[int]string{0: "not known", 480: "USB at 480 Mb/s", 5000: "USB at 5000 Mb/s", 12: "USB at 12 Mb/s"} {
		c := pace(mbs)
		if slow := mbs == 12; c.Text != want || c.OK == slow || slow != strings.Contains(c.Hint, "another port") {
			t.Errorf("%d Mb/s: %+v", mbs, c)
		}
	}
}
