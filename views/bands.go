package views

import (
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

// drawBands writes the names of bands into a row of n cells, quietly: where no trace is
// and the whole name has room, the narrowest first.
func (p *spectrumPane) drawBands(screen tcell.Screen, x, y, row, n int) {
	d := p.desk
	s := d.span()
	p.bands = d.bands.Within(p.bands[:0], s.startHz, s.stopHz)
	p.taken = slices.Grow(p.taken[:0], n)[:n]
	for i := range n {
		p.taken[i] = p.plot.dots[row*n+i] != 0
	}
	for len(p.bands) > 0 {
		least := 0
		for i, b := range p.bands {
			if b.HighHz-b.LowHz < p.bands[least].HighHz-p.bands[least].LowHz {
				least = i
			}
		}
		p.drawBand(screen, x, y, n, p.bands[least])
		p.bands[least] = p.bands[len(p.bands)-1]
		p.bands = p.bands[:len(p.bands)-1]
	}
}

// drawBand writes "|name  |" over the part of the band that is seen.
func (p *spectrumPane) drawBand(screen tcell.Screen, x, y, n int, b spectrum.Band) {
	d := p.desk
	s := d.span()
	low, high := 0, n-1
	if b.LowHz > s.startHz {
		low = s.column(b.LowHz, n)
	}
	if b.HighHz < s.stopHz {
		high = s.column(b.HighHz, n)
	}
	low, high = max(low, 0), min(high, n-1)
	name := clean(b.Name)
	if high-low-1 < uniseg.StringWidth(name) {
		return
	}
	for i := low; i <= high; i++ {
		if p.taken[i] {
			return
		}
	}
	for i := low; i <= high; i++ {
		p.taken[i] = true
	}
	if b.LowHz > s.startHz {
		screen.SetContent(x+low, y, d.look.vline, nil, d.look.quiet)
	}
	if b.HighHz < s.stopHz {
		screen.SetContent(x+high, y, d.look.vline, nil, d.look.quiet)
	}
	pn := pen{screen: screen, x: x + low + 1 + (high-low-1-uniseg.StringWidth(name))/2, y: y, to: x + high + 1}
	pn.put(name, d.look.quiet)
}
