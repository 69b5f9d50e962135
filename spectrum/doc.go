// Package spectrum is the measurement: it turns the blocks of a radio into frames of
// power and keeps the last of them in a History.
//
// Powers are dBFS unless a Frame says Calibrated: a complex tone of amplitude 128 in
// int8 samples is 0 dBFS. RBW is the noise bandwidth of the window times the bin
// width. Frequencies are Hz. Bin i of a Grid covers StartHz + i·BinHz up to
// StartHz + (i+1)·BinHz and is centred between them, as in hackrf_sweep.
//
// A Capture owns a radio, feeds an Analyzer and appends what it makes to a History.
// Package stream serves the History; nothing here knows about links or screens.
package spectrum
