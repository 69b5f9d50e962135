package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"argos/device"
	"argos/device/hackrf"
	"argos/device/replay"
	"argos/device/synth"
	"argos/spectrum"
)

// openRadio opens what --device names. Without it that is a HackRF if one can be used,
// or else the synthetic radio, and notice says why. guard is deferred in every goroutine.
func (o *options) openRadio(ctx context.Context, guard func()) (radio device.Radio, notice string, err error) {
	driver, argument, _ := strings.Cut(o.device, ":")
	if driver != "replay" && o.typed("speed", "no-loop") {
		return nil, "", &usageError{errors.New("--speed and --no-loop are for recordings: use them with --device replay:PATH")}
	}
	switch driver {
	case "":
		radio, err := hackrf.Open(ctx, "", &hackrf.Options{Guard: guard})
		if err != nil {
			return synth.Open(nil), why(err) + ": everything you see is SIMULATED", nil
		}
		return radio, "", nil
	case "synth":
		return synth.Open(nil), "", nil
	case "replay":
		radio, err = o.openReplay(argument)
		return radio, "", err
	default:
		// A nil *hackrf.Radio would be a device.Radio that is not nil.
		radio, err := hackrf.Open(ctx, argument, &hackrf.Options{Guard: guard})
		if err != nil {
			return nil, "", err
		}
		return radio, "", nil
	}
}

// why is the cause of err without what was tried and what to do: doctor says that.
func why(err error) string {
	var e *device.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return err.Error()
}

func (o *options) openReplay(path string) (device.Radio, error) {
	how := &replay.Options{Speed: o.speed, Unpaced: o.speed == 0 || o.once, NoLoop: o.noLoop || o.once}
	if o.speed < 0 {
		return nil, &usageError{fmt.Errorf("--speed %g: use 0 or more", o.speed)}
	}
	var err error
	if rate, ok := o.setting("rate"); ok && !strings.EqualFold(rate, "auto") {
		if how.RateHz, err = device.ParseHz(rate); err != nil {
			return nil, &usageError{fmt.Errorf("--rate: %w", err)}
		}
	}
	if freq, ok := o.setting("freq"); ok {
		if how.CenterHz, err = device.ParseHz(freq); err != nil {
			return nil, &usageError{fmt.Errorf("--freq: %w", err)}
		}
	}
	return replay.Open(path, how)
}

// setting is what the command line says of a setting, or else the file.
func (o *options) setting(name string) (text string, said bool) {
	if text, said = o.tuning[name]; !said {
		text, said = o.base[name]
	}
	return text, said
}

// settings are the defaults for the radio, changed by the file and then by the flags: a
// --freq undoes a range there.
func (o *options) settings(info device.Info) (spectrum.Settings, error) {
	s, err := spectrum.SettingsFor(info, spectrum.DefaultSettings()).With(o.base)
	if err == nil {
		s, err = s.With(o.tuning)
	}
	if err != nil {
		return s, &usageError{err}
	}
	return s, nil
}

// asked makes err, which came of tuning a radio to what the flags say, a usage error,
// unless it is the radio that failed.
func (o *options) asked(err error) error {
	var of *device.Error
	var lost *device.Interruption
	if err == nil || errors.As(err, &lost) || errors.As(err, &of) && !errors.Is(err, device.ErrOutOfRange) || len(o.tuning)+len(o.base) == 0 {
		return err
	}
	return &usageError{err}
}
