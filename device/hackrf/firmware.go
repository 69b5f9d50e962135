package hackrf

import "fmt"

// USB APIs of the firmware, as bcdDevice has them, from which on it can do things.
const (
	apiSweep   = 0x0104 // February 2018
	apiM0State = 0x0106 // 2022
)

// boardsKnown are the board ids of a HackRF One.
var boardsKnown = map[uint8]bool{2: true, 4: true}

// An identity is what an open device tells of itself.
type identity struct {
	board    uint8
	name     string // "HackRF One r9"
	firmware string // "2022.09.1"
	api      uint16 // 0 if the library does not tell
}

// ask asks an open device who it is.
func (l *library) ask(dev uintptr) (id identity, err error) {
	if err = l.fault("hackrf_board_id_read", l.boardIDRead(dev, &id.board)); err != nil {
		return id, err
	}
	id.name = l.boardName(dev, id.board)
	if id.firmware, err = l.firmware(dev); err != nil {
		return id, err
	}
	if l.apiVersionRead != nil && l.apiVersionRead(dev, &id.api) != success {
		id.api = 0
	}
	return id, nil
}

// canSweep says what is missing for sweeps: library or firmware.
func (l *library) canSweep(id identity) error {
	if l.initSweep == nil || l.startSweep == nil {
		return errOldLibrary
	}
	return id.lacks(apiSweep, "to sweep")
}

// lacks says that the firmware is too old for something that takes an API.
func (id identity) lacks(api uint16, what string) error {
	if id.api == 0 || id.api >= api {
		return nil
	}
	return fmt.Errorf("%w %s: %s has API %s, it takes %s", errFirmware, what, id.firmware, apiText(id.api), apiText(api))
}

func apiText(bcd uint16) string { return fmt.Sprintf("%x.%02x", bcd>>8, bcd&0xff) }

// wrong is what is not as it should be with a device that can be used all the same, or
// nil.
func (l *library) wrong(id identity) error {
	err := l.canSweep(id)
	if err == nil {
		err = id.lacks(apiM0State, "to count samples that it loses itself")
	}
	if err == nil && !boardsKnown[id.board] {
		err = fmt.Errorf("%w but a %s", errBoard, id.name)
	}
	if err != nil {
		return explain("use hackrf", err)
	}
	return nil
}
