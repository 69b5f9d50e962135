package hackrf

import (
	_ "embed"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"argos/device"
)

// Rule is the udev rule that lets people use a HackRF on Linux.
//
//go:embed 53-argos-hackrf.rules
var Rule string

// RuleName is the file that Rule belongs in, below /etc/udev/rules.d.
const RuleName = "53-argos-hackrf.rules"

// What can keep a radio from being used. A person reads them.
var (
	errNotBuilt   = errors.New("this build has no HackRF support")
	errNoLibrary  = errors.New("libhackrf is not installed")
	errOldLibrary = errors.New("libhackrf is too old")
	errNone       = errors.New("no HackRF is plugged in")
	errSerial     = errors.New("there is no HackRF with that serial number")
	errUnread     = errors.New("its serial number cannot be read")
	errAccess     = errors.New("access denied")
	errBusy       = errors.New("another program uses it")
	errGone       = errors.New("it is not plugged in")
	errFirmware   = errors.New("its firmware is too old")
	errBoard      = errors.New("it is no HackRF One")
	errHung       = errors.New("it does not answer")
	errStopped    = errors.New("its samples have ended: unplugged, or a transfer failed")
	errStalled    = errors.New("its samples have stopped coming")
	errMangled    = errors.New("its blocks are not those of a sweep")
)

const firmwareURL = "https://hackrf.readthedocs.io/en/latest/updating_firmware.html"

// hints say what to do, by cause.
var hints = []struct {
	cause error
	hint  string
}{
	{errNotBuilt, "use a build for Linux or macOS without the tag nohackrf"},
	{errNoLibrary, installHint()},
	{errOldLibrary, installHint()},
	{errNone, "plug one in; lsusb -d 1d50: shows whether the system sees it"},
	{errSerial, "the last digits of one are enough"},
	{errAccess, "install the udev rule (argos-tui doctor --rule | sudo tee /etc/udev/rules.d/" + RuleName +
		"; sudo udevadm control --reload; sudo udevadm trigger), join its group (sudo usermod -aG plugdev $USER), log in again"},
	{errBusy, "stop that one, or watch it with --connect if it is argos-tui"},
	{errFirmware, "bring it up to date: hackrf_spiflash -Rw hackrf_one_usb.bin, " + firmwareURL},
	{errBoard, "gains, bias tee and levels may be others; if it is one, it has another's firmware: hackrf_spiflash -Rw hackrf_one_usb.bin, " + firmwareURL},
	{errHung, "press its reset button or plug it in again"},
}

func installHint() string {
	if runtime.GOOS == "darwin" {
		return "install it: brew install hackrf"
	}
	return "install it: sudo apt install libhackrf0 (Debian, Ubuntu), sudo dnf install hackrf (Fedora)"
}

// explain makes an error for a person.
func explain(op string, err error) *device.Error {
	e := &device.Error{Op: op, Err: err}
	for _, h := range hints {
		if errors.Is(err, h.cause) {
			e.Hint = h.hint
			break
		}
	}
	return e
}

// reason is why a radio that was there is lost, with what to do about it.
func reason(err error) error {
	if e := explain("", err); e.Hint != "" {
		return fmt.Errorf("%w; %s", err, e.Hint)
	}
	return err
}

// absent is err, of opening a radio that was there before.
func absent(err error) error {
	switch {
	case errors.Is(err, errNone), errors.Is(err, errSerial):
		return errGone
	case errors.Is(err, errBusy) && abandoned.Load() > 0:
		return fmt.Errorf("%w: an earlier call has not returned", errHung)
	}
	return err
}

// A callError is a function of libhackrf that failed.
type callError struct {
	call  string
	code  int32
	text  string // libhackrf's own
	cause error  // one of the above, or nil
}

func (e *callError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return fmt.Sprintf("%s: %s (%d)", e.call, e.text, e.code)
}

func (e *callError) Unwrap() error { return e.cause }

// fault is the error of a call, nil if there is none. It is made right after the call:
// the text of a USB error is that of the last one.
func (l *library) fault(call string, code int32) error {
	if code == success || code == streaming {
		return nil
	}
	e := &callError{call: call, code: code, text: l.errorName(code)}
	text := strings.ToLower(e.text)
	// All USB errors have one code, and libusb's text tells them apart.
	switch {
	case code == codeAPIVersion:
		e.cause = errFirmware
	case code == codeBusy, strings.Contains(text, "busy"):
		e.cause = errBusy
	case strings.Contains(text, "access denied"), strings.Contains(text, "permission"):
		e.cause = errAccess
	case code == codeNotFound, strings.Contains(text, "no such device"), strings.Contains(text, "disconnected"):
		e.cause = errGone
	}
	return e
}

// late says which call has not returned.
func late(what string, limit time.Duration) error {
	return fmt.Errorf("%w: %s has taken more than %v", errHung, what, limit)
}
