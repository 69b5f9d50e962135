package spectrum

import (
	"context"
	"errors"
	"fmt"
	"math"

	"argos/device"
)

// An Imbalance is what the two ways through a quadrature receiver differ by: Q is GainDB
// stronger than I, and PhaseDeg more than a quarter turn ahead of it. It puts an image of
// each signal on the other side of the centre.
type Imbalance struct {
	GainDB   float64 `toml:"gain_db"`
	PhaseDeg float64 `toml:"phase_deg"`
}

// ImageDB is how far below its signal an image lies.
func (m Imbalance) ImageDB() float64 {
	g, sin, cos := m.parts()
	re, im := g*cos, g*sin
	return 10 * math.Log10(((1+re)*(1+re)+im*im)/((1-re)*(1-re)+im*im))
}

func (m Imbalance) parts() (gain, sin, cos float64) {
	sin, cos = math.Sincos(m.PhaseDeg * math.Pi / 180)
	return math.Sqrt(ratio(m.GainDB)), sin, cos
}

// A balance takes an imbalance out of samples: I stays, Q becomes i·I + q·Q (S. W.
// Ellingson, Correcting I-Q Imbalance in Direct Conversion Receivers, 2003).
type balance struct{ i, q float32 }

// balance is what takes m out, nil if there is nothing to do.
func (m Imbalance) balance() *balance {
	if m == (Imbalance{}) {
		return nil
	}
	g, sin, cos := m.parts()
	return &balance{i: float32(-sin / cos), q: float32(1 / (g * cos))}
}

func (b *balance) apply(x []complex64) {
	for i, v := range x {
		x[i] = complex(real(v), b.i*real(v)+b.q*imag(v))
	}
}

// weakest is the least power of samples that tells an imbalance, 0 dBFS being 1: below,
// the steps of an 8 bit converter tell more than the receiver does.
const weakest = 1e-3

// MeasureImbalance tunes the radio to s and measures its imbalance over the time that
// Once takes. What comes has to be strong and without symmetry about the centre: a tone
// beside it, or noise. Errors are for a person.
func MeasureImbalance(ctx context.Context, radio device.Radio, s Settings) (Imbalance, error) {
	var err error
	if s.Tuning, err = radio.Tune(ctx, s.Tuning); err != nil {
		return Imbalance{}, err
	}
	if s.Tuning.RateHz == 0 || s.Tuning.Sweeps() {
		return Imbalance{}, errors.New("an imbalance is measured in samples of one tuning: use a smaller span")
	}
	m := &moments{some: make([]complex64, MaxBins)}
	got, err := once(ctx, radio, &Analyzer{settings: s, meter: m}, onceOf(radio.Info(), 0))
	if err != nil {
		return Imbalance{}, err
	}
	if got == 0 {
		return Imbalance{}, errNoFrame
	}
	return m.imbalance()
}

// Moments are sums over samples. The mean powers of I and Q, their means taken off, are
// equal as the antenna hands them over, and their correlation is 0; what is not so is the
// imbalance. It is a meter that makes no frames.
type moments struct {
	some                []complex64
	n, i, q, ii, qq, iq float64
	overload            float32
}

func (*moments) begin(*Analyzer, *device.Block) error { return nil }

func (m *moments) add(b *device.Block, _ func(*Frame)) error {
	m.overload = max(m.overload, railed(b.Samples, b.Format))
	for src, size := b.Samples, b.Format.Size(); len(src) >= size; {
		some := m.some[:min(len(src)/size, len(m.some))]
		convert(some, src, b.Format)
		for _, v := range some {
			i, q := float64(real(v)), float64(imag(v))
			m.i, m.q = m.i+i, m.q+q
			m.ii, m.qq, m.iq = m.ii+i*i, m.qq+q*q, m.iq+i*q
		}
		m.n += float64(len(some))
		src = src[len(some)*size:]
	}
	return nil
}

func (*moments) flush(func(*Frame)) {}

func (m *moments) imbalance() (Imbalance, error) {
	i, q := m.i/m.n, m.q/m.n
	ii, qq, iq := m.ii/m.n-i*i, m.qq/m.n-q*q, m.iq/m.n-i*q
	switch {
	case m.overload > OverloadShare:
		return Imbalance{}, errOverload
	case !(ii+qq >= weakest):
		return Imbalance{}, fmt.Errorf("the signal is too weak for this, %.0f dBFS in all: raise it or the gain to %.0f or more",
			decibels(ii+qq), decibels(weakest))
	}
	// What is all in one of both is no imbalance, and no number.
	sin := iq / math.Sqrt(max(ii*qq, math.SmallestNonzeroFloat64))
	found := Imbalance{GainDB: decibels(qq) - decibels(ii), PhaseDeg: math.Asin(min(max(sin, -1), 1)) * 180 / math.Pi}
	if !(math.Abs(found.GainDB) <= maxIQGainDB && math.Abs(found.PhaseDeg) <= maxPhaseDeg) {
		return Imbalance{}, fmt.Errorf("the ways of I and Q differ by %.1f dB and %.0f°, which is no receiver's: give it a tone beside the centre",
			found.GainDB, found.PhaseDeg)
	}
	return found, nil
}
