package hackrf

import (
	"fmt"
	"sync"
)

// A library is libhackrf. Functions below the line are missing in old versions, and
// then nil. Devices are opaque.
type library struct {
	init            func() int32
	deviceList      func() *deviceList
	deviceListOpen  func(list *deviceList, index int32, device *uintptr) int32
	deviceListFree  func(list *deviceList)
	closeDevice     func(device uintptr) int32
	startRX         func(device, callback, context uintptr) int32
	stopRX          func(device uintptr) int32
	isStreaming     func(device uintptr) int32
	errorName       func(code int32) string
	boardIDRead     func(device uintptr, id *uint8) int32
	boardIDName     func(id uint32) string
	versionRead     func(device uintptr, version *byte, length uint8) int32
	setFreq         func(device uintptr, hz uint64) int32
	setSampleRate   func(device uintptr, hz, divider uint32) int32
	setBandwidth    func(device uintptr, hz uint32) int32
	setLNAGain      func(device uintptr, db uint32) int32
	setVGAGain      func(device uintptr, db uint32) int32
	setAmpEnable    func(device uintptr, on uint8) int32
	setAntennaPower func(device uintptr, on uint8) int32

	// ----

	libraryRelease func() string
	apiVersionRead func(device uintptr, bcd *uint16) int32
	boardRevRead   func(device uintptr, rev *uint8) int32
	boardRevName   func(rev uint32) string
	m0State        func(device uintptr, state *m0State) int32
	initSweep      func(device uintptr, mhz *uint16, ranges int32, blockBytes, stepHz, offsetHz uint32, style int32) int32
	startSweep     func(device, callback, context uintptr) int32

	name     string  // of the file
	callback uintptr // for startRX and startSweep; the context is the number of a receiver
}

// Results of libhackrf's functions.
const (
	success         = 0
	streaming       = 1
	codeNotFound    = -5
	codeBusy        = -6
	codeAPIVersion  = -1005
	sweepInterleave = 1
)

// A transfer is the beginning of hackrf_transfer, which has been the same since 2012.
type transfer struct {
	_           uintptr // device
	buffer      *byte
	length      int32
	validLength int32
	context     uintptr
}

// A deviceList is hackrf_device_list_t.
type deviceList struct {
	serials  *[maxDevices]*byte // a nil one could not be read
	boardIDs *[maxDevices]uint32
	_        *[maxDevices]int32 // places in a list that follows
	count    int32
}

// maxDevices is more than USB can have.
const maxDevices = 256

// An m0State is hackrf_m0_state.
type m0State struct {
	_                            [2]uint16 // requests
	_                            [3]uint32 // mode, bytes in and out
	shortfalls, longestShortfall uint32
	_                            [4]uint32 // limit, threshold, next mode, error
}

var loaded struct {
	mu  sync.Mutex
	lib *library
}

// load finds and starts libhackrf. What failed is tried again the next time, as
// somebody may have installed it.
func load() (*library, error) {
	loaded.mu.Lock()
	defer loaded.mu.Unlock()
	if loaded.lib != nil {
		return loaded.lib, nil
	}
	l, err := bind()
	if err != nil {
		return nil, err
	}
	if code := l.init(); code != success {
		return nil, fmt.Errorf("libhackrf does not start: %w", l.fault("hackrf_init", code))
	}
	loaded.lib = l
	return l, nil
}
