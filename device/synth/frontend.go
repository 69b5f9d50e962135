package synth

import (
	"math"
	"math/rand/v2"
	"sync"

	"argos/device"
)

// The gains at which the levels of the scene are given.
const (
	refLNADB = 24
	refVGADB = 30
	ampDB    = 11
)

const (
	// noiseRef is the receiver noise in converter steps, per component, at the
	// reference gains and 2 Msps: enough to dither the converter.
	noiseRef = 2.2
	// converterNoise is in the samples whatever the gains are.
	converterNoise = 0.5
	// dcI and dcQ stand after every gain, as a converter's own offset does.
	dcI, dcQ = 1.1, -0.6

	rollOffDB = 8.0  // at the edges of the captured band
	tiltDB    = 0.75 // either way, a quarter of the band from the centre
)

// gainDB is what the gains of t add to the levels of the scene.
func gainDB(t device.Tuning) float64 {
	g := t.LNADB - refLNADB + t.VGADB - refVGADB
	if t.Amp {
		g += ampDB
	}
	return float64(g)
}

// noiseFactor is that of amplifier, LNA and what follows, by Friis: little LNA gain
// costs sensitivity, the amplifier wins some.
func noiseFactor(t device.Tuning) float64 {
	const amp, lna, rest = 2, 4, 200
	lnaGain := math.Pow(10, float64(t.LNADB)/10)
	f := lna + (rest-1)/lnaGain
	if t.Amp {
		f = amp + (f-1)/math.Pow(10, ampDB/10.)
	}
	return f
}

// noiseSigma is the noise of one component in converter steps. The density is what
// stays, so a higher rate takes in more of it.
func noiseSigma(t device.Tuning) float64 {
	ref := noiseFactor(device.Tuning{LNADB: refLNADB, VGADB: refVGADB})
	receiver := noiseRef * noiseRef * (t.RateHz / minRateHz) *
		math.Pow(10, gainDB(t)/10) * noiseFactor(t) / ref
	return math.Sqrt(receiver + converterNoise*converterNoise)
}

// shapeDB is the response of the front end at a frequency from -0.5 to 0.5 of the
// rate. It has no step at the edges, so that few filter taps can follow it.
func shapeDB(f float64) float64 {
	edge := min(max((math.Abs(f)-0.4)/0.1, 0), 1)
	return tiltDB*math.Sin(2*math.Pi*f) - rollOffDB*edge*edge*(3-2*edge)
}

// noiseLen is a table of 2 MB, little enough to stay in a processor's cache. Each
// chunk starts somewhere else in it, so that no period shows.
const noiseLen = 1 << 18

// noise is complex Gaussian noise of variance 1 per component at the centre, with the
// shape of the front end. It goes round, and a chunk more.
var noise = sync.OnceValue(func() []packed {
	taps := shapeTaps()
	rng := rand.New(rand.NewPCG(0x41, 0x52))
	white := make([]complex64, noiseLen+len(taps))
	for i := range noiseLen {
		white[i] = complex(float32(rng.NormFloat64()), float32(rng.NormFloat64()))
	}
	copy(white[noiseLen:], white)
	table := make([]packed, noiseLen+chunkLen)
	for i := range noiseLen {
		var sum complex64
		for k, h := range taps {
			sum += white[i+k] * h
		}
		table[i] = pack(complex128(sum))
	}
	copy(table[noiseLen:], table)
	return table
})

// shapeTaps samples the inverse transform of the front end's response. Convolution
// reads ahead, hence the conjugate exponent.
func shapeTaps() [31]complex64 {
	const points = 512
	var taps [31]complex64
	for k := range taps {
		var re, im float64
		for p := range points {
			f := float64(p)/points - 0.5
			a := math.Pow(10, shapeDB(f)/20) / points
			s, c := math.Sincos(2 * math.Pi * f * float64(len(taps)/2-k))
			re += a * c
			im += a * s
		}
		taps[k] = complex(float32(re), float32(im))
	}
	return taps
}
