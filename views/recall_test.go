package views

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// A keeper is a server's history behind a rig: frames come from it, and rows of the past.
type keeper struct {
	*rig
	history *spectrum.History
	wait    chan struct{} // nil: rows come at once
}

func keep(r *rig, bytes, bins int) *keeper {
	k := &keeper{rig: r, history: spectrum.NewHistory(bytes)}
	r.scene = newScene(bins)
	r.src.rows = func(ranges []stream.Range) (rows stream.Rows, err error) {
		if wait := k.wait; wait != nil {
			r.src.mu.Unlock()
			<-wait
			r.src.mu.Lock()
		}
		for _, asked := range ranges {
			for at := asked.First; at <= asked.Last; {
				f := k.reduced(at, asked.Last+1)
				if f == nil {
					break
				}
				rows.Frames = append(rows.Frames, f)
				at = f.LastSeq + 1
			}
		}
		rows.Answered = len(ranges)
		rows.Oldest, rows.OldestAt, rows.OldestMono = k.history.Oldest()
		return rows, nil
	}
	return k
}

// asked are the requests so far.
func (k *keeper) asked() [][]stream.Range {
	k.src.mu.Lock()
	defer k.src.mu.Unlock()
	return slices.Clone(k.src.recalls)
}

// answer has rows answered otherwise from now on.
func (k *keeper) answer(rows func([]stream.Range) (stream.Rows, error)) {
	k.src.change(func(*stream.Link) { k.src.rows = rows })
}

// reduced is frames as the link would bring them, nil if they are gone.
func (k *keeper) reduced(from, to uint64) *spectrum.Frame {
	var whole, f spectrum.Frame
	if !k.history.Merge(&whole, from, to) {
		return nil
	}
	v := k.src.view
	spectrum.Reduce(&f, &whole, whole.Grid.Slice(v.LowHz, v.HighHz, Wants.Columns))
	return &f
}

// measure makes n frames, and shows them unless nobody is there yet.
func (k *keeper) measure(n int, shown bool) {
	for range n {
		time.Sleep(50 * time.Millisecond)
		seq := k.history.Append(k.scene.next(time.Now()))
		if shown {
			k.src.mu.Lock()
			f := k.reduced(seq, seq+1)
			k.src.mu.Unlock()
			k.app.Frame(f)
		}
	}
	synctest.Wait()
	k.settle(20 * time.Millisecond)
}

// checkRows holds the rows of the newest life, oldest first, against the history: each is
// all that was measured in its frames, and of no frame is there more than one. It returns
// the first frame that is shown, and how many are missing behind it.
func (k *keeper) checkRows() (first, missing uint64) {
	k.t.Helper()
	f := &k.app.desk.board.fall
	next := uint64(0)
	for number := f.tail; number < f.head; number++ {
		r := f.at(number)
		if first == 0 {
			first, next = r.begins(), r.begins()
		}
		if r.begins() != next {
			k.t.Fatalf("row %d begins at %d, the one before ends at %d", number-f.tail, r.begins(), next)
		}
		if r.gap {
			missing += r.gapLast + 1 - r.gapFirst
			next = r.gapLast + 1
			continue
		}
		next = r.end
		var all spectrum.Frame
		if !k.history.Merge(&all, r.first, r.end) || all.FirstSeq != r.first || all.LastSeq+1 != r.end {
			continue // the server has forgotten what is on the screen
		}
		for i, q := range r.cells {
			low := all.Grid.BinAt(r.start + (float64(i)+0.01)*r.cell)
			high := min(all.Grid.BinAt(r.start+(float64(i)+0.99)*r.cell), len(all.Max)-1)
			if want := slices.Max(all.Max[low : high+1]); q != want {
				k.t.Fatalf("cell %d of frames %d to %d is %d, want %d", i, r.first, r.end-1, q, want)
			}
		}
	}
	return first, missing
}

// A screen that has just come sees what was before it, as far as the server holds it, row
// by row like its own; and that it is being asked for.
func TestLookingBackOverTheEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "US-ASCII", 0, Options{})
		defer r.stop()
		k := keep(r, 0, 256)
		k.measure(600, false)
		k.scene.frame.Grid.Generation++ // no row is of two
		k.measure(603, false)
		k.measure(42, true)
		k.peek(func() {
			if first, _ := k.checkRows(); first != 1204 || len(k.asked()) > 0 {
				t.Errorf("from frame %d on, asked for %v", first, k.asked())
			}
		})
		wait := make(chan struct{})
		k.src.change(func(*stream.Link) { k.wait = wait })
		k.keys(tcell.KeyTab, tcell.KeyPgDn)
		k.keys(tcell.KeyPgDn)
		k.wants("back) loading", "what was before is on its way")
		before := k.src.newest()
		k.measure(20, true)
		if k.src.newest() < before+20 {
			t.Errorf("nothing is drawn while rows are asked for: %d after %d", k.src.newest(), before)
		}
		close(wait)
		k.settle(time.Second)
		for range 30 {
			k.keys(tcell.KeyPgDn)
		}
		k.settle(5 * time.Second)
		k.keys(tcell.KeyPgDn)
		k.wants("00:00:00", "no more: the server holds 1 m")
		k.peek(func() {
			if first, missing := k.checkRows(); first != 1 || missing > 0 {
				t.Errorf("from frame %d on, without %d", first, missing)
			}
			f := &k.app.desk.board.fall
			for number := f.tail; number < firstRow; number++ {
				if r := f.at(number); !r.merged || r.to-r.from > 500*time.Millisecond || r.end-r.first > 10 {
					t.Errorf("frames %d to %d in %s", r.first, r.end-1, r.to-r.from)
				}
			}
		})
		for _, ranges := range k.asked() {
			if len(ranges) > recallRows {
				t.Errorf("%d rows at once", len(ranges))
			}
		}
		k.keys("l")
		if text := k.text(); strings.Contains(text, "back)") {
			t.Errorf("not live:\n%s", text)
		}
	})
}

// What was lost on the way is asked for where it is in sight, and so is what a closer view
// shows finer, or a wider one beyond what came.
func TestWhatIsInSightIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 1<<24, Options{})
		defer r.stop()
		k := keep(r, 0, 16_384)
		k.measure(40, true)
		k.measure(30, false)
		k.measure(20, true)
		k.peek(func() {
			if _, missing := k.checkRows(); missing != 30 || len(k.asked()) > 0 {
				t.Errorf("%d frames to come, asked for %v", missing, k.asked())
			}
		})
		k.keys(tcell.KeyTab, tcell.KeyDown)
		var pointed uint64
		k.peek(func() { pointed = k.app.desk.pointedRow().first })
		k.app.Gap(41, 70)
		k.settle(time.Second)
		k.measure(1, true)
		k.peek(func() {
			if _, missing := k.checkRows(); missing > 0 {
				t.Errorf("%d frames are missing", missing)
			}
			if first := k.app.desk.pointedRow().first; pointed < 71 || first != pointed {
				t.Errorf("the cursor was on frame %d, and is on %d", pointed, first)
			}
		})
		k.keys("l")
		k.keys(tcell.KeyBacktab)
		finest := func(zoomed string) {
			k.measure(10, true)
			k.settle(time.Second)
			k.peek(func() {
				_, _ = k.checkRows()
				d := k.app.desk
				for _, line := range d.panes[paneWaterfall].(*waterfallPane).lines {
					for _, r := range []*fallRow{line.upper, line.lower} {
						if r != nil && r != d.board.fall.row(0) && r.lacks(d.span(), 60) {
							t.Errorf("%s: frames %d to %d are %d cells of %.0f Hz from %.0f Hz", zoomed, r.first, r.end-1, len(r.cells), r.cell, r.start)
						}
					}
				}
			})
		}
		k.keys(strings.Repeat("z", 7))
		finest("closer")
		k.keys(">>>>")
		finest("beside it")
		k.keys("0")
		finest("all")
		before := len(k.asked())
		k.measure(100, true)
		if len(k.asked()) != before {
			t.Errorf("asked for %v again", k.asked()[before:])
		}
	})
}

// Without an answer, without a link, and behind a server that began anew there is nothing
// to see, and it says why.
func TestNothingBehindTheEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 100, 30, "UTF-8", 256, Options{})
		defer r.stop()
		k := keep(r, 0, 64)
		k.measure(100, false)
		k.measure(20, true)
		good := k.src.rows
		k.answer(func([]stream.Range) (stream.Rows, error) { return stream.Rows{}, errors.New("past frames: no answer") })
		k.keys(tcell.KeyTab, tcell.KeyPgDn, tcell.KeyPgDn)
		k.settle(4 * time.Second)
		k.keys(tcell.KeyPgDn)
		k.wants("did not come: past frames: no answer")
		if n := len(k.asked()); n != 1 {
			t.Errorf("asked %d times within 4 s", n)
		}
		k.answer(func([]stream.Range) (stream.Rows, error) { return stream.Rows{}, nil })
		k.settle(20 * time.Second)
		if n := len(k.asked()); n < 5 || n > 20 {
			t.Errorf("asked a busy server %d times within 20 s", n)
		}
		k.answer(good)
		k.src.change(func(l *stream.Link) { l.State = stream.Reconnecting })
		k.settle(10 * time.Second)
		k.keys(tcell.KeyPgDn)
		k.wants("no link to ask")
		before := len(k.asked())
		k.settle(20 * time.Second)
		if len(k.asked()) != before {
			t.Error("asked without a link")
		}
		k.src.change(func(l *stream.Link) { l.State = stream.Live })
		k.app.Event(stream.Event{Kind: "restart"})
		k.src.change(func(*stream.Link) { k.history = spectrum.NewHistory(0) })
		k.measure(30, true)
		for range 10 {
			k.keys(tcell.KeyPgDn)
		}
		k.settle(5 * time.Second)
		k.keys(tcell.KeyPgDn)
		k.wants("no more: the server began anew")
		if len(k.asked()) != before {
			t.Errorf("asked another server for %v", k.asked()[before:])
		}
	})
}

// Rows that were asked for go on top of those that are kept, and go first.
func TestAskedRowsGoFirst(t *testing.T) {
	f, shown := newFall(), newFall()
	seq := uint64(1_000_000)
	for range fallRows {
		seq++
		f.add(fallFrame(seq, seq), time.Nanosecond, -100, 0)
	}
	shown.follow(&f)
	for n := f.at(f.tail).first - 1; f.head-f.tail < fallMost; n-- {
		f.recall(fallFrame(n, n), time.Nanosecond, -100, 0)
	}
	oldest := f.at(f.tail).first
	f.recall(fallFrame(oldest-1, oldest-1), time.Nanosecond, -100, 0)
	if r := f.at(f.tail); r.first != oldest || oldest != 1_000_001-fallRows {
		t.Errorf("the oldest is %d", r.first)
	}
	shown.followBack(&f)
	if got, want := shown.all(), f.all(); !slices.Equal(got, want) || len(got) != fallMost {
		t.Errorf("%d rows are shown of %d", len(got), len(want))
	}
	seq++
	f.add(fallFrame(seq, seq), time.Nanosecond, -100, 0)
	if r := f.at(f.tail); r.first != oldest+1 {
		t.Errorf("the oldest is %d", r.first)
	}
	f.forget()
	shown.follow(&f)
	if got := shown.all(); len(got) != fallRows || !slices.Equal(got, f.all()) || f.row(fallRows-1).first != seq-fallRows+1 {
		t.Errorf("%d rows are left", len(got))
	}
}

// However rows come by, what is drawn follows what is live, and rows stay in the order of
// their frames.
func TestFollowSeesWhatWasAskedFor(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	live, shown := newFall(), newFall()
	seq, frozen := uint64(100_000), false
	for range 20_000 {
		switch n := r.IntN(30); {
		case n == 0:
			frozen = !frozen
		case n == 1:
			lost := uint64(1 + r.IntN(50))
			live.gap(fallFrame(seq+1, seq+1).Mono.First, fallFrame(seq+lost+1, seq+lost+1), seq+1, seq+lost)
			live.row(0).pending = false
			seq += lost + 1
			live.add(fallFrame(seq, seq), 0, -100, 0)
		case n < 12 && live.head > live.tail:
			rows := int(live.head - live.tail)
			row := live.row(r.IntN(rows))
			if r.IntN(2) == 0 {
				row = live.row(rows - 1)
			}
			switch {
			case row.gap:
				from := row.gapFirst + r.Uint64N(row.gapLast-row.gapFirst+1)
				live.recall(fallFrame(from, row.gapLast), time.Millisecond, -100, 0)
			case row == live.at(live.tail) && row.first > 100:
				last := row.first - 1 - r.Uint64N(2)*r.Uint64N(20)
				live.recall(fallFrame(last-r.Uint64N(10), last), time.Millisecond, -100, 0)
			default:
				fr := fallFrame(row.first, row.end-1)
				fr.Max[0]++
				live.recall(fr, time.Millisecond, -100, 0)
			}
		case n == 12:
			live.forget()
		default:
			seq++
			live.add(fallFrame(seq, seq), time.Duration(r.IntN(200))*time.Millisecond, -100, 0)
		}
		if r.IntN(10) > 0 {
			continue
		}
		if shown.followBack(&live); frozen {
			continue
		}
		shown.follow(&live)
		if got, want := shown.all(), live.all(); !slices.Equal(got, want) {
			t.Fatalf("at %d: shown %v, live %v", seq, got, want)
		}
		next := uint64(0)
		for number := shown.tail; number < shown.head; number++ {
			r, as := shown.at(number), live.at(number)
			if next > 0 && r.begins() != next || r.line != as.line || r.lower != as.lower {
				t.Fatalf("row %d begins at %d, want %d; in line %d, live %d", number, r.begins(), next, r.line, as.line)
			}
			if number > shown.tail {
				before := shown.at(number - 1)
				if paired := !r.gap && !before.gap && !before.lower; r.lower != paired || !paired && r.line != before.line+1 || paired && r.line != before.line {
					t.Fatalf("row %d is in line %d after one in line %d", number, r.line, before.line)
				}
			}
			if next = r.end; r.gap {
				next = r.gapLast + 1
			}
		}
	}
}
