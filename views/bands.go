package views

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// ParseBands reads what --bands says: a region, a file or off.
func ParseBands(s string) (spectrum.BandPlan, error) {
	if s == "off" {
		return nil, nil
	}
	if p := spectrum.RegionPlan(s); p != nil {
		return p, nil
	}
	f, err := os.Open(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not a band plan: use %s, off, or a file of lines like 87.5M,108M,FM", clean(s), strings.Join(spectrum.Regions, ", "))
	}
	defer f.Close()
	p, err := spectrum.ParseBandPlan(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clean(s), err)
	}
	return p, nil
}

func (a *App) commandBands(arg string) error {
	p, err := ParseBands(arg)
	if err == nil {
		a.desk.bands = p
		a.desk.say("bands "+arg, false)
	}
	return err
}

// drawBands writes the names of bands into a row of n cells, quietly: where no trace is,
// the narrowest band first.
func (p *spectrumPane) drawBands(screen tcell.Screen, x, y, row, n int) {
	s := p.desk.span()
	p.bands = p.desk.bands.Within(p.bands[:0], s.start, s.stop)
	slices.SortStableFunc(p.bands, func(a, b spectrum.Band) int { return cmp.Compare(a.HighHz-a.LowHz, b.HighHz-b.LowHz) })
	p.taken = slices.Grow(p.taken[:0], n)[:n]
	for i := range n {
		p.taken[i] = p.plot.dots[row*n+i] != 0
	}
	for _, b := range p.bands {
		p.drawBand(screen, x, y, n, b)
	}
}

// drawBand writes "|  name  |" over the part of the band that is seen: the name as near to
// the middle as there is room, the edges where nothing is.
func (p *spectrumPane) drawBand(screen tcell.Screen, x, y, n int, b spectrum.Band) {
	d := p.desk
	s := d.span()
	low, high := -1, n
	if b.LowHz > s.start {
		low = max(s.column(b.LowHz, n), -1)
	}
	if b.HighHz < s.stop {
		high = min(s.column(b.HighHz, n), n)
	}
	name := clean(b.Name)
	width := uniseg.StringWidth(name)
	at, middle := -1, (low+1+high-width)/2
	for i := low + 1; i+width <= high; i++ {
		if !slices.Contains(p.taken[i:i+width], true) && (at < 0 || abs(i-middle) < abs(at-middle)) {
			at = i
		}
	}
	if at < 0 {
		return
	}
	for _, edge := range []int{low, high} {
		if edge >= 0 && edge < n && !p.taken[edge] {
			screen.SetContent(x+edge, y, d.look.vline, nil, d.look.quiet)
			p.taken[edge] = true
		}
	}
	pn := pen{screen: screen, x: x + at, y: y, to: x + high}
	pn.put(name, d.look.quiet)
	for i := max(at-1, 0); i < min(at+width+1, n); i++ {
		p.taken[i] = true
	}
}

func abs(v int) int { return max(v, -v) }
