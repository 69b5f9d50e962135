// Package device is what a radio looks like to the rest of Argos: something that
// can be tuned and read.
//
// Frequencies and rates are in Hz, gains in dB, and names carry the unit where a
// bare number crosses a border. A radio hands over Blocks, either of IQ samples as
// its converter made them, or of power that somebody else has measured (a recorded
// hackrf_sweep). Package spectrum reads them; this package imports nothing of ours.
// Each driver has a package of its own below this one.
package device

import (
	"context"
	"fmt"
	"time"
)

// A Radio is a source of Blocks with one owner.
//
// Tune and Close may be called while another goroutine is inside Read. All other
// calls come one at a time.
type Radio interface {
	// Info says what the radio is and what it can do. It never changes.
	Info() Info

	// Tune asks for t and returns what the radio does instead: rate chosen, values
	// rounded to its steps. The blocks that follow carry the returned Tuning; none
	// with the old one follows the first with the new. An error leaves the tuning
	// as it was.
	Tune(ctx context.Context, t Tuning) (Tuning, error)

	// Read waits for the next block and fills b, whose memory is reused: b is valid
	// until the next Read. The end of a recording is io.EOF. When ctx ends, Read
	// returns its error at once. After an *Interruption the caller reads on; any other
	// error is for good.
	Read(ctx context.Context, b *Block) error

	// Close frees the radio; a Read under way returns ErrClosed. It may be called twice.
	Close() error
}

// Info says what a radio is and what it can do.
type Info struct {
	Driver    string // "synth", "replay", "hackrf"
	Name      string // "HackRF One", "adsb-modes1.sigmf-meta"
	Serial    string // empty if it has none
	Firmware  string // empty if it has none
	Simulated bool   // its samples were never on the air

	MinHz, MaxHz         float64 // frequencies it can receive
	MinRateHz, MaxRateHz float64 // sample rates; equal when there is no choice, 0 when it hands over Power
	FlatShare            float64 // of the sample rate, around the centre, is received evenly; beyond, levels read low. 0: not known
	Gains                bool    // LNA, VGA and amp can be set

	Duration time.Duration // of a recording, once through; 0 for what has no end
}

// A Tuning is a wish when given to Tune and a fact when returned by it. Two tunings
// that are equal by == measure the same thing in the same way.
type Tuning struct {
	CenterHz float64 // middle of what is to be seen
	SpanHz   float64 // width of what is to be seen; 0: zero span
	Ranges   Ranges  // the parts of it that are wanted; zero: all
	RateHz   float64 // sample rate; 0 in a wish leaves the choice to the radio
	LNADB    int     // 0 to 40 by 8
	VGADB    int     // 0 to 62 by 2
	Amp      bool    // front-end amplifier, about 11 dB
	BiasTee  bool    // antenna power, off unless asked for
}

// StartHz is the lower edge of the span.
func (t Tuning) StartHz() float64 { return t.CenterHz - t.SpanHz/2 }

// StopHz is the upper edge of the span.
func (t Tuning) StopHz() float64 { return t.CenterHz + t.SpanHz/2 }

// ZeroSpan reports whether CenterHz alone is to be seen. Where the radio itself is tuned
// to, near enough, is its own choice then, and in Block.CenterHz.
func (t Tuning) ZeroSpan() bool { return t.SpanHz == 0 }

// Sweeps reports whether the span takes more than one tuning of the radio, so that
// each Block covers a part of it only.
func (t Tuning) Sweeps() bool { return t.RateHz < t.SpanHz }

// StepGains is t with its gains rounded down to their steps.
func (t Tuning) StepGains() (Tuning, error) {
	if t.LNADB < 0 || t.LNADB > 40 {
		return t, OutOfRange(t, fmt.Sprintf("LNA gain %d dB", t.LNADB), "use 0 to 40 by 8")
	}
	if t.VGADB < 0 || t.VGADB > 62 {
		return t, OutOfRange(t, fmt.Sprintf("VGA gain %d dB", t.VGADB), "use 0 to 62 by 2")
	}
	t.LNADB -= t.LNADB % 8
	t.VGADB -= t.VGADB % 2
	return t, nil
}

// A Block is what a radio hands over at once: Samples or Power, never both.
type Block struct {
	Tuning   Tuning        // in force while the block was taken
	CenterHz float64       // of this block; differs from Tuning.CenterHz in a sweep, in zero span and in a part of a recording
	Time     time.Time     // when the last sample was taken, with its monotonic reading
	Position time.Duration // offset of the end of the block in a recording
	Break    bool          // does not follow the block before it sample for sample
	Lost     uint64        // samples known to be lost just before this block; implies Break
	Late     uint64        // those of Lost that came, and were not taken in time

	Format  Format
	Samples []byte // interleaved I, Q in Format, little endian

	Power   []float32 // dBFS a bin; bin i is centred on StartHz + (i+0.5)·BinHz
	StartHz float64   // lower edge of bin 0 of Power
	BinHz   float64   // bin width of Power
	RBWHz   float64   // resolution bandwidth of Power; 0 if not known
}

// A Format is how a component of an IQ sample is stored.
type Format uint8

// The formats, each with the magnitude that is 0 dBFS for a complex tone.
const (
	CI8  Format = iota // signed 8 bit, full scale 128
	CU8                // unsigned 8 bit around 127.5, full scale 128
	CI16               // signed 16 bit, full scale 32768
	CF32               // IEEE 754 single, full scale 1
)

// Size is the number of bytes of one complex sample.
func (f Format) Size() int {
	switch f {
	case CI16:
		return 4
	case CF32:
		return 8
	default:
		return 2
	}
}

// String is the SigMF datatype, without byte order for 8 bit formats.
func (f Format) String() string {
	switch f {
	case CU8:
		return "cu8"
	case CI16:
		return "ci16_le"
	case CF32:
		return "cf32_le"
	default:
		return "ci8"
	}
}
