//go:build (linux || darwin) && !nohackrf

package hackrf

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/ebitengine/purego"
)

// libraryNames are tried in turn. Packages call it by its soname; a link without a
// number comes with the headers only.
var libraryNames = map[string][]string{
	"linux": {"libhackrf.so.0", "libhackrf.so.1", "libhackrf.so"},
	"darwin": {
		"libhackrf.0.dylib", "libhackrf.dylib",
		"/opt/homebrew/lib/libhackrf.0.dylib", "/usr/local/lib/libhackrf.0.dylib", "/opt/local/lib/libhackrf.0.dylib",
	},
}

// bind opens libhackrf and looks its functions up.
func bind() (*library, error) {
	names := libraryNames[runtime.GOOS]
	var found uintptr
	l := &library{}
	var first error
	for _, l.name = range names {
		handle, err := purego.Dlopen(l.name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err == nil {
			found = handle
			break
		}
		// That a file is not there says less than that one is, and cannot be used.
		if first == nil || strings.Contains(first.Error(), "No such file") {
			first = err
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("%w: %w", errNoLibrary, first)
	}
	for _, f := range []struct {
		name     string
		function any
		optional bool
	}{
		{"hackrf_init", &l.init, false},
		{"hackrf_device_list", &l.deviceList, false},
		{"hackrf_device_list_open", &l.deviceListOpen, false},
		{"hackrf_device_list_free", &l.deviceListFree, false},
		{"hackrf_close", &l.closeDevice, false},
		{"hackrf_start_rx", &l.startRX, false},
		{"hackrf_stop_rx", &l.stopRX, false},
		{"hackrf_is_streaming", &l.isStreaming, false},
		{"hackrf_error_name", &l.errorName, false},
		{"hackrf_board_id_read", &l.boardIDRead, false},
		{"hackrf_board_id_name", &l.boardIDName, false},
		{"hackrf_version_string_read", &l.versionRead, false},
		{"hackrf_set_freq", &l.setFreq, false},
		{"hackrf_set_sample_rate_manual", &l.setSampleRate, false},
		{"hackrf_set_baseband_filter_bandwidth", &l.setBandwidth, false},
		{"hackrf_set_lna_gain", &l.setLNAGain, false},
		{"hackrf_set_vga_gain", &l.setVGAGain, false},
		{"hackrf_set_amp_enable", &l.setAmpEnable, false},
		{"hackrf_set_antenna_enable", &l.setAntennaPower, false},
		{"hackrf_library_release", &l.libraryRelease, true},
		{"hackrf_usb_api_version_read", &l.apiVersionRead, true},
		{"hackrf_board_rev_read", &l.boardRevRead, true},
		{"hackrf_board_rev_name", &l.boardRevName, true},
		{"hackrf_get_m0_state", &l.m0State, true},
		{"hackrf_init_sweep", &l.initSweep, true},
		{"hackrf_start_rx_sweep", &l.startSweep, true},
	} {
		symbol, err := purego.Dlsym(found, f.name)
		switch {
		case err == nil && symbol != 0:
			purego.RegisterFunc(f.function, symbol)
		case !f.optional:
			return nil, fmt.Errorf("%w: %s lacks %s", errOldLibrary, l.name, f.name)
		}
	}
	l.callback = callback()
	return l, nil
}

// callback is what libhackrf calls with samples, on a thread of its own. purego never
// frees a callback, so there is one for all radios.
var callback = sync.OnceValue(func() uintptr { return purego.NewCallback(receive) })
