package stream

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
)

// Each of these breaks what a real viewer received, and a law must see it.
func TestLawsSeeWhatIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 1, false)
		tr.start()
		g := tr.invite(t, "ws://trial", &ClientOptions{Dial: tr.proxy.Dial, View: View{Columns: 32}}, func() time.Duration { return 2500 * time.Millisecond })
		for range 6 {
			tr.feed(40)
			for range 40 {
				tr.log()
			}
			tr.retune()
		}
		tr.proxy.Cut()
		for range generationsAtOnce + 1 { // more than are sent again: a gap
			tr.feed(10)
			tr.retune()
		}
		tr.proxy.Heal()
		time.Sleep(10 * time.Second)
		tr.end(t, true)
		tr.start()
		tr.log()
		tr.log()
		tr.feed(40)
		time.Sleep(10 * time.Second)
		if lacks := tr.behind(g); lacks != "" {
			t.Error(lacks)
		}
		g.leave()
		tr.end(t, false)
		tr.proxy.Close()

		if err := tr.laws(g); err != nil {
			t.Fatalf("what nobody broke: %v", err)
		}
		good := g.witness.all()
		frame := func(got []taken, is func(f *spectrum.Frame) bool) int {
			return slices.IndexFunc(got, func(t taken) bool { return t.frame != nil && is(t.frame) })
		}
		merged := func(got []taken) int { return frame(got, func(f *spectrum.Frame) bool { return f.Merged() > 2 }) }
		middle := func(got []taken) int { return frame(got, func(f *spectrum.Frame) bool { return f.FirstSeq > 5 }) }
		event := func(got []taken) int { return joined(got) + 3 }
		for _, c := range []struct {
			name   string
			change func(got []taken) []taken
			want   string // of the error
		}{
			{"a merge forgets a peak", func(got []taken) []taken {
				f := got[merged(got)].frame
				f.Max[slices.Index(f.Max, slices.Max(f.Max))]--
				return got
			}, "peaks at"},
			{"a merge makes a peak up", func(got []taken) []taken {
				got[merged(got)].frame.Max[0]++
				return got
			}, "peaks at"},
			{"a merge leaves its last frame out", func(got []taken) []taken {
				f := got[merged(got)].frame
				first, last := f.FirstSeq, f.LastSeq
				p := tr.lives[0].frames[first-1]
				spectrum.Reduce(f, p, p.Grid.Slice(0, 0, 32))
				f.FirstSeq, f.LastSeq = first, last
				return got
			}, "peaks at"},
			{"two ranges overlap", func(got []taken) []taken {
				got[merged(got)].frame.FirstSeq--
				return got
			}, "came after"},
			{"a frame comes twice", func(got []taken) []taken {
				at := middle(got)
				return slices.Insert(got, at, got[at])
			}, "came after"},
			{"a frame is dropped", func(got []taken) []taken {
				at := middle(got)
				return slices.Delete(got, at, at+1)
			}, "never came"},
			{"a gap is not counted", func(got []taken) []taken {
				got[len(got)-1].missing--
				return got
			}, "were counted"},
			{"a gap is not declared", func(got []taken) []taken {
				return slices.DeleteFunc(got, func(t taken) bool { return t.gap.first > 0 })
			}, "never came"},
			{"frames come that were declared a gap", func(got []taken) []taken {
				at := middle(got)
				f := got[at].frame
				return slices.Insert(got, at+1, taken{epoch: got[at].epoch, gap: hole{f.FirstSeq, f.LastSeq}})
			}, "which are not"},
			{"a gap without a reason", func(got []taken) []taken {
				at := middle(got)
				f := got[at].frame
				got[at] = taken{epoch: got[at].epoch, gap: hole{f.FirstSeq, f.LastSeq}}
				got[at], got[at+1] = got[at+1], got[at] // when the next has shown the hole
				for n := range got[at:] {
					got[at+n].missing += uint64(f.Merged())
				}
				return got
			}, "are missing: "},
			{"a cell too wide", func(got []taken) []taken {
				f := got[middle(got)].frame
				p := *tr.lives[0].frames[f.FirstSeq-1]
				p.FirstSeq, p.LastSeq = f.FirstSeq, f.LastSeq
				spectrum.Reduce(f, &p, p.Grid.Slice(0, 0, 4))
				return got
			}, "were asked for"},
			{"two generations are merged", func(got []taken) []taken {
				at := frame(got, func(f *spectrum.Frame) bool { return f.Grid.Generation == 2 }) - 1
				for got[at].frame == nil {
					at--
				}
				got[at].frame.LastSeq++
				return slices.DeleteFunc(got, func(t taken) bool {
					return t.frame != nil && t.frame != got[at].frame && t.frame.FirstSeq == got[at].frame.LastSeq && t.epoch == got[at].epoch
				})
			}, "are merged"},
			{"another grid", func(got []taken) []taken {
				got[middle(got)].frame.Grid.StartHz++
				return got
			}, "the grid is"},
			{"an epoch begins without a word", func(got []taken) []taken {
				return slices.DeleteFunc(got, func(t taken) bool { return t.frame == nil && t.event.Restart() })
			}, "without a word"},
			{"an epoch comes back", func(got []taken) []taken {
				got[len(got)-1] = taken{epoch: got[len(got)-1].epoch, event: Event{Kind: kindRestart}, missing: got[len(got)-1].missing}
				return append(got, got[middle(got)])
			}, "is over"},
			{"an event is dropped", func(got []taken) []taken {
				return slices.Delete(got, event(got), event(got)+1)
			}, "are missing"},
			{"the first event of an epoch is dropped", func(got []taken) []taken {
				at := slices.IndexFunc(got, func(t taken) bool { return t.epoch == tr.lives[1].epoch && t.event.Offset == 1 })
				return slices.Delete(got, at, at+1)
			}, "are missing"},
			{"an event comes twice", func(got []taken) []taken {
				return slices.Insert(got, event(got), got[event(got)])
			}, "came after"},
			{"events change places", func(got []taken) []taken {
				at := event(got)
				next := at + 1
				for got[next].frame != nil || got[next].event.Offset == 0 {
					next++
				}
				got[at].event, got[next].event = got[next].event, got[at].event
				return got
			}, "are missing"},
			{"an event says something else", func(got []taken) []taken {
				got[event(got)].event.Text += "!"
				return got
			}, "logged was"},
			{"a gap event counts wrong", func(got []taken) []taken {
				at := event(got)
				e := &got[at].event
				e.Kind, e.Text = "gap", "2 events are no longer held"
				return got
			}, "is said of 1 events"},
			{"a gap event counts right", func(got []taken) []taken {
				at := event(got)
				e := &got[at].event
				e.Kind, e.Text = "gap", "1 events are no longer held"
				return got
			}, ""},
		} {
			broken := slices.Clone(good)
			for n, one := range broken {
				if one.frame != nil {
					broken[n].frame = new(spectrum.Frame)
					broken[n].frame.CopyFrom(one.frame)
				}
			}
			err := tr.laws(&guest{view: View{Columns: 32}, witness: &witness{taken: c.change(broken)}})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	})
}
