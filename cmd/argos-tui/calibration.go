package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/adrg/xdg"

	"argos/device"
	"argos/spectrum"
)

// calibrationHelp says where calibrations of this user lie.
const calibrationHelp = "$XDG_CONFIG_HOME/argos/calibration.toml"

func defaultCalibration() string { return filepath.Join(xdg.ConfigHome, "argos", "calibration.toml") }

// calibrations reads the file that --calibration names, or the default one, which need
// not be there: then there are none.
func (o *options) calibrations() (*spectrum.Calibrations, error) {
	path := o.calibration
	if path == "" {
		path = defaultCalibration()
	}
	file, err := spectrum.ReadCalibrations(path)
	switch {
	case err == nil:
		return file, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("calibration: %w", err)
	case o.calibration != "":
		return nil, fmt.Errorf("calibration: %w; argos-tui calibrate makes it", err)
	}
	return &spectrum.Calibrations{Path: path}, nil
}

// known is what the file says of a radio, nil if that is nothing.
func (o *options) known(info device.Info) (*spectrum.Calibration, error) {
	file, err := o.calibrations()
	if err != nil {
		return nil, err
	}
	return file.For(info), nil
}
