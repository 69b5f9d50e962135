package spectrum

import (
	"time"

	"argos/device"
)

// A Status is what a Capture knows about its radio at one moment.
type Status struct {
	Info     device.Info
	Settings Settings // in force, with Bins and RBWHz both resolved
	State    State
	Reason   string // why, where State is not Capturing

	Correction Correction // what is known of the radio's errors does to what is measured

	SamplesPerSec float64       // over the last second
	BytesPerSec   float64       // from the radio, over the last second
	Lost          uint64        // samples known to be lost since the start
	Late          uint64        // of these, samples that came and were not taken in time
	LastLost      time.Time     // when samples were last lost; zero: never
	Frames        uint64        // made since the start
	Overload      float32       // share of samples at the rails in the newest frame, 0 to 1
	LastOverload  time.Time     // when a frame last had more than OverloadShare; zero: never
	Position      time.Duration // in a recording
}

// OverloadShare is the share of samples at the converter's rails from which a frame
// counts as overloaded.
const OverloadShare = 0.001

// A State is how a capture is doing.
type State uint8

// The states.
const (
	Starting    State = iota // no block has come yet
	Capturing                // blocks come
	Failed                   // the radio failed; Reason says how
	Ended                    // a recording came to its end
	Interrupted              // the radio is lost for now; Reason says why
)

var stateNames = [...]string{"starting", "capturing", "failed", "ended", "interrupted"}

// States is how many there are, for who ranges over them.
const States = State(len(stateNames))

func (s State) String() string { return stateNames[s] }

// ParseState finds a state by name; what it does not know is Starting.
func ParseState(name string) State {
	for i, n := range stateNames {
		if n == name {
			return State(i)
		}
	}
	return Starting
}
