package stream

import (
	"fmt"
	"slices"
	"sync"

	"argos/spectrum"
)

// This file holds the two laws of the link as checkers. They know nothing of how
// frames are merged, cut or sent: they compare what was produced with what arrived.

// A life is what a server produced in one epoch.
type life struct {
	epoch     string
	frames    []*spectrum.Frame // from sequence number 1
	forgetful bool              // its history is too small to hold them all
	ledger    *ledger
}

// A taken is one thing that a sink was handed, in order.
type taken struct {
	epoch   string
	frame   *spectrum.Frame // or
	gap     hole            // frames that will not come, or
	event   Event
	missing uint64 // what the client had counted as missing in its life
	at      place  // where the client was in the event log
	unread  uint64 // events that it had counted as missing in its life
}

// A witness is a sink that keeps all it is handed.
type witness struct {
	client *Client
	mu     sync.Mutex
	taken  []taken
	stir   chan struct{} // something was taken
}

func newWitness() *witness { return &witness{stir: make(chan struct{}, 1)} }

func (w *witness) Frame(f *spectrum.Frame) {
	kept := new(spectrum.Frame)
	kept.CopyFrom(f)
	w.take(taken{frame: kept})
}

func (w *witness) Gap(first, last uint64) { w.take(taken{gap: hole{first, last}}) }
func (w *witness) Event(e Event)          { w.take(taken{event: e}) }

func (w *witness) take(t taken) {
	w.client.mu.Lock()
	t.epoch, t.missing = w.client.link.Server.Epoch, w.client.link.Missing
	t.at, t.unread = w.client.events.at, w.client.link.EventsMissing
	w.client.mu.Unlock()
	w.mu.Lock()
	w.taken = append(w.taken, t)
	w.mu.Unlock()
	select {
	case w.stir <- struct{}{}:
	default:
	}
}

func (w *witness) all() []taken {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.taken
}

// newest is the newest frame that the witness has of an epoch.
func (w *witness) newest(epoch string) (seq uint64) {
	for _, t := range slices.Backward(w.all()) {
		switch {
		case t.epoch != epoch:
			return seq
		case t.frame != nil:
			seq = max(seq, t.frame.LastSeq)
		}
	}
	return seq
}

// checkPeaks is the law of peaks, for a viewer with a view: each frame received has in
// each cell exactly the greatest and, where it is measured, the least power produced over
// its range, all of one generation.
// In each epoch the ranges received and those declared as gaps are disjoint and cover
// first to last once; there is a reason for each gap, and the client counted it. Another
// epoch is announced.
func checkPeaks(lives []*life, view View, got []taken) error {
	var current *life
	ended := map[string]bool{}
	announced := true // the first epoch needs no announcement
	newest, declared := uint64(0), uint64(0)
	var open holes
	for _, t := range got {
		switch {
		case t.gap.first > 0:
			if !open.fill(t.gap.first, t.gap.last) {
				return fmt.Errorf("frames %d to %d are declared missing, which are not: %v", t.gap.first, t.gap.last, open)
			}
			declared += t.gap.last - t.gap.first + 1
			// What one life owes another cannot give.
			if over := current.epoch != t.epoch; !over && !current.forgetful && len(open) < holesMost-1 {
				if err := excused(current.frames, t.gap.last+1); err != nil {
					return fmt.Errorf("frames %d to %d are missing: %w", t.gap.first, t.gap.last, err)
				}
			}
		case t.frame == nil:
			announced = announced || t.event.Restart()
		default:
			f := t.frame
			if current == nil || current.epoch != t.epoch {
				at := slices.IndexFunc(lives, func(l *life) bool { return l.epoch == t.epoch })
				if at < 0 || ended[t.epoch] {
					return fmt.Errorf("frames %d to %d are of epoch %q, which is over or never was", f.FirstSeq, f.LastSeq, t.epoch)
				}
				if !announced {
					return fmt.Errorf("epoch %q begins without a word", t.epoch)
				}
				if len(open) > 0 {
					return fmt.Errorf("frames %v of %q never came", open, current.epoch)
				}
				ended[t.epoch], current, newest = true, lives[at], f.FirstSeq-1
			}
			announced = false
			switch {
			case f.LastSeq < f.FirstSeq || f.LastSeq > uint64(len(current.frames)):
				return fmt.Errorf("frames %d to %d came of %d", f.FirstSeq, f.LastSeq, len(current.frames))
			case f.FirstSeq > newest:
				if f.FirstSeq > newest+1 {
					open = append(open, hole{newest + 1, f.FirstSeq - 1})
				}
				newest = f.LastSeq
			case !open.fill(f.FirstSeq, f.LastSeq):
				return fmt.Errorf("frames %d to %d came after %d, and only %v were missing", f.FirstSeq, f.LastSeq, newest, open)
			}
			if err := checkCells(current.frames[f.FirstSeq-1:f.LastSeq], view, f); err != nil {
				return fmt.Errorf("frames %d to %d of %q: %w", f.FirstSeq, f.LastSeq, t.epoch, err)
			}
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("frames %v never came", open)
	}
	if n := len(got); n > 0 && got[n-1].missing != declared {
		return fmt.Errorf("%d frames are missing, and %d were counted", declared, got[n-1].missing)
	}
	return nil
}

// excused checks the one reason for a gap before frame first while all is held: a
// generation begins there, and it is not one of the newest.
func excused(frames []*spectrum.Frame, first uint64) error {
	at := first - 1
	if frames[at-1].Grid.Generation == frames[at].Grid.Generation {
		return fmt.Errorf("no generation begins at %d", first)
	}
	generations := 1
	for ; at+1 < uint64(len(frames)); at++ {
		if frames[at].Grid.Generation != frames[at+1].Grid.Generation {
			generations++
		}
	}
	if generations < generationsAtOnce {
		return fmt.Errorf("only %d generations follow", generations)
	}
	return nil
}

// checkCells compares f with what was produced in its range.
func checkCells(produced []*spectrum.Frame, view View, f *spectrum.Frame) error {
	measured := produced[0].Grid
	part := f.Grid.Part
	if part == (spectrum.Part{}) {
		part = spectrum.Part{Cell: 1, Of: measured.Bins}
	}
	want := measured
	want.Part, want.Bins = f.Grid.Part, f.Grid.Bins
	want.StartHz, want.BinHz = measured.StartHz+float64(part.First)*measured.BinHz, measured.BinHz*float64(part.Cell)
	want.PointSec = measured.PointSec * float64(part.Cell)
	end := min(part.First+f.Grid.Bins*part.Cell, measured.Bins)
	if f.Grid != want || part.Of != measured.Bins || (f.Grid.Bins-1)*part.Cell+part.First >= measured.Bins {
		return fmt.Errorf("the grid is %+v of %+v", f.Grid, measured)
	}
	low, high := 0, measured.Bins
	if view.LowHz < view.HighHz && !measured.ZeroSpan() {
		low = min(max(measured.BinAt(view.LowHz), 0), high-1)
		high = max(min(measured.BinAt(view.HighHz)+1, high), low+1)
	}
	if part.First > low || end < high {
		return fmt.Errorf("bins %d to %d came, %d to %d were asked for", part.First, end, low, high)
	}
	if columns := view.Columns; part.Cell > 1 && (columns == 0 || part.Cell*columns > high-low) && f.Grid.Bins < tierCells {
		return fmt.Errorf("%d cells came where %d were asked for", f.Grid.Bins, columns)
	}
	if len(f.Min) > 0 != measured.Min {
		return fmt.Errorf("%d minima came, min %t", len(f.Min), measured.Min)
	}
	for cell := range f.Max {
		peak, least := int16(spectrum.Absent), int16(spectrum.Absent)
		for _, p := range produced {
			if p.Grid != produced[0].Grid {
				return fmt.Errorf("generations %d and %d are merged", produced[0].Grid.Generation, p.Grid.Generation)
			}
			from := part.First + cell*part.Cell
			to := min(from+part.Cell, measured.Bins)
			for _, power := range p.Max[from:to] {
				peak = max(peak, power)
			}
			if measured.Min {
				for _, power := range p.Min[from:to] {
					if power != spectrum.Absent && (power < least || least == spectrum.Absent) {
						least = power
					}
				}
			}
		}
		if f.Max[cell] != peak {
			return fmt.Errorf("cell %d peaks at %d, want %d", cell, f.Max[cell], peak)
		}
		if measured.Min && f.Min[cell] != least {
			return fmt.Errorf("cell %d has its least at %d, want %d", cell, f.Min[cell], least)
		}
	}
	return nil
}
