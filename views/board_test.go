package views

import (
	"slices"
	"strings"
	"testing"
	"time"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

func TestTakingFramesAllocatesNothing(t *testing.T) {
	s := newScene(4096)
	b, shown := newBoard(), newBoard()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.limits.mask = spectrum.Threshold(-40)
	for id := range b.kept {
		b.set(keptID(id), true)
	}
	step := func() {
		now = now.Add(50 * time.Millisecond)
		b.take(s.next(now), defaultPace, nil)
		shown.follow(b)
	}
	for range 10 {
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestDrawingAllocatesNothing(t *testing.T) {
	for _, g := range []Glyphs{ascii, blocks, braille} {
		s := newScene(4096)
		b := newBoard()
		for id := range b.kept {
			b.set(keptID(id), true)
		}
		b.limits.mask = spectrum.Threshold(-40)
		b.take(s.next(time.Now()), defaultPace, nil)
		d := newDesk(newLook(surface{colors: 1 << 24, glyphs: g}, Appearance{}, false))
		l := d.look
		d.detector = Max
		d.board.follow(b)
		d.stored[0].Store(&d.board.mean)
		var p plot
		for _, compared := range []comparison{{}, {a: "mean", b: "A"}} {
			d.compared = compared
			draw := func() {
				d.compare()
				p.reset(120, 30, g)
				p.trace(d)
				for i := range p.dots {
					p.glyph(i, l)
					p.style(i, l)
				}
			}
			draw()
			if n := testing.AllocsPerRun(100, draw); n != 0 {
				t.Errorf("traces with glyphs %d, comparing %q: %v allocations", g, compared.a, n)
			}
		}
		w := d.panes[paneWaterfall].(*waterfallPane)
		w.upper, w.lower = make([]int16, 120), make([]int16, 120)
		screen := newDiffScreen(tcell.NewSimulationScreen("UTF-8"))
		if err := screen.Init(); err != nil {
			t.Fatal(err)
		}
		r := d.board.fall.row(0)
		d.SetRect(0, 0, 120, 30)
		d.past.cursor = true
		row := func() {
			for _, d.sweeping = range [...]bool{false, true} {
				w.lines = slices.Grow(w.lines[:0], 20)
				w.arrange(20)
			}
			w.drawWriteLine(screen, 0, 1, 120)
			w.drawCursor(screen, 0, 0, 120)
			w.drawStamp(screen, &fallLine{upper: r, lower: r}, 0, 0)
			w.drawLine(screen, r, r, margin, 0)
		}
		row()
		if n := testing.AllocsPerRun(100, row); n != 0 {
			t.Errorf("a waterfall row with glyphs %d: %v allocations", g, n)
		}
		screen.Fini()
	}
}

func TestLevels(t *testing.T) {
	var l levels
	now := time.Hour
	mean, top := make([]int16, 1000), make([]int16, 1000)
	fill := func(noise, peak int16) {
		for i := range mean {
			mean[i], top[i] = noise, noise+8
		}
		top[500] = peak
	}
	fill(-170, -60) // 0.5 dB steps: noise at -85, one bin at -30
	l.update(mean, top, 0.5, now, nil)
	if l.bottom > -87 || l.top < -66 || l.top-l.bottom < minTall {
		t.Errorf("axis %v to %v", l.bottom, l.top)
	}
	bottom, high := l.bottom, l.top
	for range 50 { // a little up and down moves nothing
		now += 50 * time.Millisecond
		fill(-170+int16(now.Milliseconds()%3), -60)
		l.update(mean, top, 0.5, now, nil)
	}
	if l.bottom != bottom || l.top != high {
		t.Errorf("the axis moved from %v..%v to %v..%v", bottom, high, l.bottom, l.top)
	}
	fill(-600, -60) // digital silence around a carrier, and silence alone
	for range 400 {
		now += 50 * time.Millisecond
		l.update(mean, top, 0.5, now, nil)
	}
	if l.top-l.bottom > maxTall+2*stepDB || l.top < -40 {
		t.Errorf("with silence the axis is %v to %v", l.bottom, l.top)
	}
	was := l
	fill(-600, -600)
	l.update(mean, top, 0.5, now, nil)
	if l.bottom != was.bottom || l.top != was.top || l.low != was.low {
		t.Errorf("silence moved the axis to %v..%v", l.bottom, l.top)
	}
	// Bursts are between silence: the floor is theirs.
	l.settle()
	fill(-170, -60)
	for i := range 700 {
		mean[i], top[i] = -600, -600
	}
	l.update(mean, top, 0.5, now, nil)
	if l.bottom != bottom || l.top != high {
		t.Errorf("between silence the axis is %v to %v, want %v to %v", l.bottom, l.top, bottom, high)
	}
	// Nothing reads far above 0 dBFS: an axis that has to be taller is so below.
	l.settle()
	fill(-36, -20)
	l.update(mean, top, 0.5, now, nil)
	if l.top != highest || l.top-l.bottom != minTall {
		t.Errorf("over a high floor the axis is %v to %v", l.bottom, l.top)
	}
	fill(-170, -60)
	ref := -10.0
	l.update(mean, top, 0.5, now, &ref)
	if l.top != -10 || l.bottom > -87 {
		t.Errorf("with ref -10 the axis is %v to %v", l.bottom, l.top)
	}
}

// A slow sweep has bins of frames before: they are in the verdict, and fail no frame.
func TestLimitsOfASlowSweep(t *testing.T) {
	b, s := newBoard(), newScene(100)
	b.limits.mask = spectrum.Threshold(-50)
	s.frame.Segments = []spectrum.Segment{{Bins: 100}} // for Reset: nothing was measured yet
	part := func(i int, merged uint64, db int16) {
		f := &s.frame
		f.Reset(f.Grid.Bins)
		for k := i * 50; k < i*50+50; k++ {
			f.Mean[k], f.Max[k] = -180, -180
		}
		f.Max[i*50+7] = 2 * db
		f.FirstSeq, f.LastSeq = b.seq+1, b.seq+merged
		f.Mono.Last += 3 * time.Second
		f.Segments = append(f.Segments[:0], spectrum.Segment{Bin: i * 50, Bins: 50, Windows: 1})
		b.take(f, defaultPace, nil)
	}
	for i, c := range []struct {
		part    int
		merged  uint64
		db      int16
		frames  uint64
		failed  int
		failing bool
	}{
		{0, 1, -80, 0, 0, false},
		{1, 1, -40, 1, 1, true},
		{0, 1, -80, 1, 1, true},
		{0, 1, -80, 1, 1, true}, // for as long as it is to be seen
		{1, 3, -40, 4, 1, true},
		{1, 1, -80, 4, 0, true},
		{0, 1, -80, 4, 0, false},
	} {
		part(c.part, c.merged, c.db)
		if l := &b.limits; l.frames != c.frames || l.verdict.Failed != c.failed || l.failing != c.failing {
			t.Errorf("%d: %d frames failed, %d bins now, failing %v; want %+v", i, l.frames, l.verdict.Failed, l.failing, c)
		}
	}
}

func TestFallGapsAndRetune(t *testing.T) {
	study(t)
	s := newScene(32)
	b := newBoard()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	feed := func(n int) {
		for range n {
			now = now.Add(50 * time.Millisecond)
			b.take(s.next(now), defaultPace, nil)
		}
	}
	feed(20)
	s.seq += 64
	now = now.Add(3200 * time.Millisecond)
	feed(1)
	gap := b.fall.row(1)
	if !gap.gap || gap.gapFrames() != 64 || !gap.pending || (gap.to-gap.from).Round(100*time.Millisecond) != 3200*time.Millisecond {
		t.Errorf("gap row: %+v", gap)
	}
	if c := b.fall.row(2); c.gap || c.start != s.frame.Grid.StartHz {
		t.Errorf("row before the gap: %+v", c)
	}
	old := s.frame.Grid.StartHz
	s.frame.Grid.Generation++
	s.frame.Grid.StartHz += 5e6
	feed(1)
	if n, p := b.fall.row(0), b.fall.row(2); n.start != old+5e6 || !p.gap && p.start != old {
		t.Errorf("after the retune rows start at %v and %v", n.start, p.start)
	}
	// Another life of the server, on another frequency, that happens to have the same
	// generation and to be further on.
	s.seq += 1000
	s.frame.Grid.StartHz += 5e6
	b.anew = true
	feed(1)
	if g := b.fall.row(1); !g.gap || g.gapFrames() != 0 {
		t.Errorf("a restart is drawn as %+v", g)
	}
	if got, want := b.grid.StartHz, old+10e6; got != want {
		t.Errorf("after a restart the axis begins at %v, not %v", got, want)
	}
	feed(1)
	if g := b.fall.row(1); g != nil && !g.gap {
		t.Errorf("one restart left more than one gap: %+v", g)
	}
	f := s.next(now.Add(50 * time.Millisecond))
	s.seq += 4
	f.LastSeq = s.seq
	b.take(f, defaultPace, nil)
	if r := b.fall.row(0); !r.merged {
		t.Error("a merged frame left no mark")
	}
	for range fallRows + 50 { // the ring wraps
		feed(10)
	}
	shown := newBoard()
	shown.follow(b)
	feed(10)
	shown.follow(b)
	for i := range fallRows {
		if a, c := b.fall.row(i), shown.fall.row(i); a.last != c.last || len(a.cells) != len(c.cells) {
			t.Fatalf("row %d was not followed", i)
		}
	}
}

// A hold outlives a change of tier.
func TestHoldAcrossTiers(t *testing.T) {
	s := newScene(1024)
	b := newBoard()
	now := time.Now()
	b.take(s.next(now), defaultPace, nil)
	b.set(keptMax, true)
	f := s.next(now)
	f.Max[100] = -4
	b.take(f, defaultPace, nil)
	low := newScene(256)
	low.seq = s.seq
	b.take(low.next(now), defaultPace, nil)
	const held = -4 * 32 // in steps of a trace
	if got := b.kept[keptMax].Levels()[25]; got != held {
		t.Errorf("the held peak reads %v after the tier changed", got)
	}
	low.frame.Grid.Generation++
	b.take(low.next(now), defaultPace, nil)
	if b.kept[keptMax].Levels()[25] == held {
		t.Error("the held peak outlived a retune")
	}
}

func TestKeymapFeedsFooterAndHelp(t *testing.T) {
	d := newDesk(newLook(surface{glyphs: ascii}, Appearance{}, false))
	var text strings.Builder
	for _, w := range d.help.lines() {
		text.WriteString(w.text + "\n")
	}
	seen := map[stroke]string{}
	for i := range keymap {
		b := &keymap[i]
		if !strings.Contains(text.String(), b.help) {
			t.Errorf("help lacks %q", b.word)
		}
		if b.rank > lastRank || b.word == "" || b.do == nil || len(b.strokes) == 0 {
			t.Errorf("binding %q is not complete", b.word)
		}
		for _, s := range b.strokes {
			s.arg = 0
			if other, ok := seen[s]; ok && d.why(bound(other)) != elsewhere {
				t.Errorf("%q and %q share a key", other, b.word)
			}
			seen[s] = b.word
		}
	}
	for _, p := range spectrum.Params {
		if !strings.Contains(text.String(), p.Help) {
			t.Errorf("help lacks the setting %q", p.Name)
		}
	}
	if len(Keys()) != len(keymap) {
		t.Error("Keys lacks some")
	}
}
