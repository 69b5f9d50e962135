package stream

import (
	"testing"
	"testing/synctest"

	"argos/spectrum"
)

func TestViewerThatHoldsItsAcknowledgementsGetsMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		rec.setHold(true)
		r.feed(200)
		synctest.Wait()
		frames, _ := rec.taken()
		if len(frames) != windowMost {
			t.Fatalf("%d frames came without an acknowledgement, want %d", len(frames), windowMost)
		}
		rec.setHold(false)
		synctest.Wait()
		frames, _ = rec.taken()
		newest := frames[len(frames)-1]
		if len(frames) != windowMost+1 || newest.FirstSeq != windowMost+1 || newest.LastSeq != 200 {
			t.Fatalf("then %d frames, the last from %d to %d", len(frames), newest.FirstSeq, newest.LastSeq)
		}
		if l := c.Link(); l.State != Degraded || l.Merged != 200-windowMost || l.Behind != 200-windowMost {
			t.Errorf("state %s, merged %d, behind %d", l.State, l.Merged, l.Behind)
		}
		r.feed(100)
		synctest.Wait()
		frames, _ = rec.taken()
		if missing := checkLaws(t, r.produced, frames); missing != 0 || frames[0].FirstSeq != 1 || frames[len(frames)-1].LastSeq != 300 {
			t.Errorf("%d missing from %d to %d", missing, frames[0].FirstSeq, frames[len(frames)-1].LastSeq)
		}
		if l := c.Link(); l.State != Live || l.Missing != 0 {
			t.Errorf("state %s, missing %d, in the end", l.State, l.Missing)
		}
		leave()
		r.close(t)
	})
}

func TestHoleKeepsTheNewestGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(1)
		synctest.Wait()
		rec.setHold(true)
		r.feed(windowMost) // fills the window
		const generations, each = 7, 10
		for g := range generations {
			for range each {
				f := testFrame(len(r.produced))
				f.Grid.Generation = uint64(2 + g)
				r.append(f)
			}
		}
		synctest.Wait()
		rec.setHold(false)
		synctest.Wait()
		frames, _ := rec.taken()
		missing := checkLaws(t, r.produced, frames)
		const gone = (generations - generationsAtOnce) * each
		if missing < gone || missing > gone+1 {
			t.Errorf("%d frames are missing, want those of the oldest %d generations", missing, generations-generationsAtOnce)
		}
		if l := c.Link(); l.Missing != missing {
			t.Errorf("the link counts %d missing of %d", l.Missing, missing)
		}
		if n := len(frames); frames[n-1].LastSeq != uint64(len(r.produced)) || frames[n-generationsAtOnce].Merged() != each {
			t.Errorf("the last frame ends at %d of %d", frames[n-1].LastSeq, len(r.produced))
		}
		leave()
		r.close(t)
	})
}

// A frame that is asked for by many is encoded once.
func TestShareEncodesOnce(t *testing.T) {
	h := spectrum.NewHistory(0)
	for n := range 10 {
		h.Append(testFrame(n))
	}
	s := share{history: h}
	grid, _ := h.GridAt(1)
	whole := grid.Slice(0, 0, 0)
	done := make(chan *shared)
	for range 8 {
		go func() { done <- s.get(part{encodingPB, 1, whole, 1, 11}) }()
	}
	first := <-done
	for range 7 {
		if <-done != first {
			t.Error("encoded twice")
		}
	}
	if s.encoded != 1 || first.first != 1 || first.last != 10 || len(first.prepared) == 0 {
		t.Errorf("encoded %d times, %d to %d", s.encoded, first.first, first.last)
	}
	for _, gone := range []part{{encodingPB, 1, whole, 11, 12}, {encodingPB, 2, whole, 1, 11}} {
		if e := s.get(gone); e.last != 0 || e.prepared != nil {
			t.Errorf("what is not there is %d to %d", e.first, e.last)
		}
	}
}
