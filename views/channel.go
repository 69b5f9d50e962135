package views

import (
	"fmt"
	"math"
	"strings"

	"argos/device"

	"github.com/gdamore/tcell/v2"
)

// A channel is a part of the band whose power is read. A zero channel is off.
type channel struct{ lowHz, highHz float64 }

func (c channel) on() bool { return c.highHz > c.lowHz }

// parseChannel reads "433.9M:434.1M" or "off".
func parseChannel(text string) (channel, error) {
	if text == "off" {
		return channel{}, nil
	}
	low, high, _ := strings.Cut(text, ":")
	a, err := device.ParseHz(low)
	if err != nil {
		return channel{}, fmt.Errorf("%q is not a channel: write it like 433.9M:434.1M, or off", clean(text))
	}
	b, err := device.ParseHz(high)
	if err != nil || !(a < b) {
		return channel{}, fmt.Errorf("%q is not a channel: write it like 433.9M:434.1M, or off", clean(text))
	}
	return channel{a, b}, nil
}

// occupied is the share of a channel's power that its occupied bandwidth has.
const occupied = 0.99

// channelWords is the reading of the channel on the mean trace, as much of it as w columns
// take: "chan -31.2 dBFS  OBW 152 kHz  -84.1 dBFS/Hz".
func (d *desk) channelWords(w int) string {
	g, c := &d.board.grid, d.channel
	if g.ZeroSpan() {
		return "chan n/a in zero span"
	}
	power := g.ChannelPower(d.board.mean, c.lowHz, c.highHz)
	if math.IsNaN(power) {
		return "chan n/a: not within what is measured"
	}
	from, to := g.OccupiedBandwidth(d.board.mean, c.lowHz, c.highHz, occupied)
	text := fmt.Sprintf("chan %.1f %s", power, g.Unit())
	for _, more := range []string{
		fmt.Sprintf("  OBW %sHz", short(to-from)),
		fmt.Sprintf("  %.1f %s/Hz", g.NoiseDensity(d.board.mean, c.lowHz, c.highHz), g.Unit()),
	} {
		if len(text)+len(more) < w {
			text += more
		}
	}
	return text
}

// drawChannel draws the edges of the channel where no trace is, and its reading.
func (p *spectrumPane) drawChannel(screen tcell.Screen, x, y, w, h int) {
	d := p.desk
	if !d.channel.on() || h < 3 {
		return
	}
	for _, hz := range []float64{d.channel.lowHz, d.channel.highHz} {
		col := d.span().column(hz, w)
		if col < 0 || col >= w || d.board.grid.ZeroSpan() {
			continue
		}
		for row := range h {
			if p.plot.dots[row*w+col] == 0 {
				screen.SetContent(x+col, y+row, d.look.vline, nil, d.look.quiet)
			}
		}
	}
	text := d.channelWords(w)
	pn := pen{screen: screen, x: x + max(w-len(text)-1, 0), y: y + 1, to: x + w}
	pn.put(text, d.faded(d.look.strong))
}
