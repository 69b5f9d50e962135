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
			{"a merge forgets the least power", func(got []taken) []taken {
				f := got[frame(got, func(f *spectrum.Frame) bool { return f.Merged() > 2 && f.Grid.Min })].frame
				f.Min[slices.IndexFunc(f.Min, func(q int16) bool { return q != spectrum.Absent })]++
				return got
			}, "has its least at"},
			{"a merge leaves its last frame out", func(got []taken) []taken {
				f := got[merged(got)].frame
				first, last := f.FirstSeq, f.LastSeq
				p := tr.lives[0].frames[first-1]
				spectrum.Reduce(f, p, p.Grid.Slice(0, 0, 32))
				f.FirstSeq, f.LastSeq = first, last
				return got
			}, "cell "},
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
		} {
			err := checkPeaks(tr.lives, View{Columns: 32}, c.change(copyTaken(good)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	})
}

// copyTaken copies what a sink was handed so that it can be broken.
func copyTaken(good []taken) []taken {
	broken := slices.Clone(good)
	for n, one := range broken {
		if one.frame != nil {
			broken[n].frame = new(spectrum.Frame)
			broken[n].frame.CopyFrom(one.frame)
		}
		if one.event.Gap != nil {
			gap := *one.event.Gap
			broken[n].event.Gap = &gap
		}
	}
	return broken
}

// Each of these breaks the events that a real viewer received, and the law must see it.
func TestEventLawSeesWhatIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 1, false)
		tr.keep = 300
		tr.start()
		all := tr.invite(t, "ws://trial", &ClientOptions{Dial: tr.proxy.Dial}, func() time.Duration { return time.Millisecond })
		some := tr.invite(t, "ws://trial", &ClientOptions{
			Dial: tr.proxy.Dial, Filter: Filter{Kinds: []string{"signal"}, Severity: Warning, LowHz: 100, HighHz: 700},
		}, func() time.Duration { return time.Millisecond })
		busy := func() {
			for range 200 {
				tr.log()
				tr.feed(1)
			}
		}
		busy()
		tr.proxy.Cut()
		for range 1000 { // more than are held: a gap
			tr.log()
		}
		tr.proxy.Heal()
		time.Sleep(10 * time.Second)
		busy()
		tr.end(t, true)
		tr.start()
		busy()
		time.Sleep(10 * time.Second)
		for _, g := range []*guest{all, some} {
			if lacks := tr.behind(g); lacks != "" {
				t.Error(lacks)
			}
			g.leave()
		}
		tr.end(t, false)
		tr.proxy.Close()

		for _, g := range []*guest{all, some} {
			if err := tr.laws(g); err != nil {
				t.Fatalf("what nobody broke: %v", err)
			}
			if g.Link().EventsMissing < 500 {
				t.Fatalf("only %d events are in gaps", g.Link().EventsMissing)
			}
		}
		// One in the middle of each life, and the gap.
		logged := func(got []taken, from uint64) int {
			return slices.IndexFunc(got, func(t taken) bool { return t.frame == nil && t.event.Gap == nil && t.event.Offset >= from })
		}
		event := func(got []taken) int { return logged(got, 50) }
		gap := func(got []taken) int {
			return slices.IndexFunc(got, func(t taken) bool { return t.event.Gap != nil })
		}
		passed := func(got []taken, from int) int { // of a guest with a filter: a place that no event came with
			return from + slices.IndexFunc(got[from:], func(t taken) bool { return t.frame != nil && t.at.offset > got[from].at.offset })
		}
		for _, c := range []struct {
			name   string
			guest  *guest
			change func(got []taken) []taken
			want   string // of the error
		}{
			{"an event is dropped", all, func(got []taken) []taken {
				return slices.Delete(got, event(got), event(got)+1)
			}, "is missing before"},
			{"an event that was asked for is dropped", some, func(got []taken) []taken {
				return slices.Delete(got, event(got), event(got)+1)
			}, "is missing before"},
			{"the first event of an epoch is dropped", all, func(got []taken) []taken {
				at := slices.IndexFunc(got, func(t taken) bool { return t.epoch == tr.lives[1].epoch && t.event.Offset == 1 })
				return slices.Delete(got, at, at+1)
			}, "event 1 of those after 0 is missing"},
			{"an event comes twice", all, func(got []taken) []taken {
				return slices.Insert(got, event(got), got[event(got)])
			}, "came after"},
			{"events change places", all, func(got []taken) []taken {
				at, next := event(got), logged(got, got[event(got)].event.Offset+1)
				got[at], got[next] = got[next], got[at]
				return got
			}, "is missing before"},
			{"events change contents", all, func(got []taken) []taken {
				a, b := &got[event(got)].event, &got[logged(got, got[event(got)].event.Offset+1)].event
				a.Text, b.Text = b.Text, a.Text
				return got
			}, "logged was"},
			{"a byte is changed", all, func(got []taken) []taken {
				got[event(got)].event.Text += "!"
				return got
			}, "logged was"},
			{"a band is changed", some, func(got []taken) []taken {
				got[event(got)].event.HighHz++
				return got
			}, "logged was"},
			{"a hash is changed", all, func(got []taken) []taken {
				got[event(got)].event.Hash[hashBytes-1]++
				return got
			}, "the chain is at"},
			{"a hash of what was left out is changed", some, func(got []taken) []taken {
				got[passed(got, event(got))].at.hash[0]++
				return got
			}, "the chain is at"},
			{"an event that was not asked for", some, func(got []taken) []taken {
				return got // under the stricter filter below
			}, "was not asked for"},
			{"more is left out than was asked for", some, func(got []taken) []taken {
				return slices.DeleteFunc(got, func(t taken) bool { return t.frame == nil && t.event.Severity == Alarm })
			}, "is missing before"},
			{"an epoch that never was", all, func(got []taken) []taken {
				got[event(got)].epoch = "?"
				return got
			}, "never was"},
			{"a gap is not told", all, func(got []taken) []taken {
				return slices.Delete(got, gap(got), gap(got)+1)
			}, "without a gap"},
			{"a gap is neither told nor counted", all, func(got []taken) []taken {
				at := gap(got)
				for n := at + 1; n < len(got); n++ {
					got[n].unread -= got[at].event.Gap.Count()
				}
				return slices.Delete(got, at, at+1)
			}, "is missing before"},
			{"a gap counts one too many", all, func(got []taken) []taken {
				for n := gap(got); n < len(got); n++ {
					got[n].unread++
				}
				return got
			}, "is counted as"},
			{"a gap begins too late", all, func(got []taken) []taken {
				at := gap(got)
				got[at].event.Gap.First++
				for n := at; n < len(got); n++ {
					got[n].unread--
				}
				return got
			}, "is missing before"},
			{"a gap begins too early", some, func(got []taken) []taken {
				got[gap(got)].event.Gap.First = 1
				return got
			}, "a gap from"},
			{"a gap ends too late", all, func(got []taken) []taken {
				got[gap(got)].event.Gap.Last++
				return got
			}, "a gap from"},
			{"a gap goes on from another hash", all, func(got []taken) []taken {
				got[gap(got)].event.Hash[0]++
				return got
			}, "the chain is at"},
			{"a gap of what must be held", all, func(got []taken) []taken {
				at := slices.IndexFunc(got, func(t taken) bool { return t.epoch == tr.lives[1].epoch && t.event.Offset == 100 })
				got[at].event.Gap = &EventGap{First: 100, Last: 100, Reason: gapEvicted}
				for n := at; n < len(got); n++ {
					got[n].unread++
				}
				return got
			}, "which must be held"},
			{"a gap for another reason", all, func(got []taken) []taken {
				got[gap(got)].event.Gap.Reason = gapDiverged
				return got
			}, "nobody made the log"},
		} {
			filters := c.guest.filters
			if strings.Contains(c.want, "not asked for") {
				strict := filters[0]
				strict.Severity = Alarm
				filters = []Filter{strict}
			}
			err := checkEvents(tr.lives, filters, c.guest.joined, c.change(copyTaken(c.guest.witness.all())))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		}
	})
}
