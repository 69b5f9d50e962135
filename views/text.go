package views

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"argos/device"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// clean makes text from outside safe to draw: one line, no control characters, nothing
// that turns the direction of writing. Panes draw it cell by cell, never through
// tview's tag parser.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			return -1
		default:
			return r
		}
	}, s)
}

// A pen writes along a row, up to an edge.
type pen struct {
	screen   tcell.Screen
	x, y, to int  // to: the first column that is not ours
	narrow   bool // runs of spaces shrink to one
}

// put writes s and moves on.
func (p *pen) put(s string, style tcell.Style) {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			p.putWide(s[i:], style)
			return
		}
		if p.x >= p.to {
			return
		}
		if p.narrow && i+1 < len(s) && s[i] == ' ' && s[i+1] == ' ' {
			continue
		}
		p.screen.SetContent(p.x, p.y, rune(s[i]), nil, style)
		p.x++
	}
}

func (p *pen) putWide(s string, style tcell.Style) {
	state := -1
	for s != "" {
		var g string
		var width int
		g, s, width, state = uniseg.FirstGraphemeClusterInString(s, state)
		if p.x+width > p.to {
			return
		}
		runes := []rune(g)
		p.screen.SetContent(p.x, p.y, runes[0], runes[1:], style)
		p.x += width
	}
}

func (p *pen) rune(r rune, style tcell.Style) {
	if p.x < p.to {
		p.screen.SetContent(p.x, p.y, r, nil, style)
	}
	p.x++
}

// clip shortens s to at most n cells, with a mark where something is missing.
func clip(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if uniseg.StringWidth(s) <= n {
		return s
	}
	var b strings.Builder
	width := 0
	for _, r := range s {
		w := uniseg.StringWidth(string(r))
		if width+w > n-1 {
			break
		}
		b.WriteRune(r)
		width += w
	}
	return b.String() + "~"
}

// wrap breaks s into lines of at most n cells, at spaces where there are any.
func wrap(s string, n int) []string {
	var lines []string
	for uniseg.StringWidth(s) > n && n > 8 {
		cut, width, space := len(s), 0, 0
		for i, r := range s {
			if width += uniseg.StringWidth(string(r)); width > n {
				cut = i
				break
			}
			if r == ' ' {
				space = i
			}
		}
		if space > cut/2 {
			cut = space
		}
		lines = append(lines, strings.TrimRight(s[:cut], " "))
		s = "  " + strings.TrimLeft(s[cut:], " ")
	}
	return append(lines, clip(s, n))
}

// hz writes a frequency to the kilohertz, in a fixed width within a band.
func hz(f float64) string {
	switch a := math.Abs(f); {
	case a >= 1e9:
		return device.FixedHz(f, 6)
	default:
		return device.FixedHz(f, 3)
	}
}

// width3 writes a width of frequency with three decimals, or none below 1 kHz.
func width3(f float64) string { return device.FixedHz(f, 3) }

// short writes a width of frequency in at most six cells.
func short(f float64) string {
	switch {
	case f >= 1e6:
		return device.FixedHz(f, 2)
	case f >= 1e3:
		return device.FixedHz(f, 1)
	default:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
}

// millis writes a time as milliseconds in exactly three cells; 0 is not measured.
func millis(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d == 0:
		return "  -"
	case d < 0:
		return " <0"
	case ms < 9.95:
		return fmt.Sprintf("%.1f", ms)
	case ms < 999.5:
		return fmt.Sprintf("%3.0f", ms)
	default:
		return ">1s"
	}
}

// ago writes a stretch of time for reading at a glance: 42 ms, 3.2 s, 2 m, 2 h 11 m.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d m", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}

// perSecond writes a rate in bytes, with the width kept: "  41.2 kB/s".
func perSecond(v float64) string {
	switch {
	case v < 999.5:
		return fmt.Sprintf("%5.0f  B/s", v)
	case v < 999_950:
		return fmt.Sprintf("%5.1f kB/s", v/1e3)
	case v < 999_950_000:
		return fmt.Sprintf("%5.1f MB/s", v/1e6)
	default:
		return fmt.Sprintf("%5.1f GB/s", v/1e9)
	}
}

// grouped writes a count with its thousands apart: 184 223.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
