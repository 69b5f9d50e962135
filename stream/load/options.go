package load

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"argos/stream/access"
)

// Bounds of what can be asked for.
const (
	MostViewers   = 10_000
	LeastDuration = time.Second
	MostDuration  = time.Hour
)

// filesBeside are open files of this process that are no viewer's.
const filesBeside = 64

// Options are what is to be measured. All but URL, Viewers and Duration may be zero.
type Options struct {
	URL      string // see stream.ParseURL
	Login    *access.Login
	Agent    string
	Viewers  int
	Duration time.Duration // from when all are there
	FPS      string        // asked of the server meanwhile; empty: as it is
	Slow     float64       // share of the viewers that are slow
	Storm    bool          // all are cut off half way
	Columns  int           // that each viewer asks for; 0: all bins
	Progress io.Writer     // a line now and then; nil: none

	dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
}

// Check says what of o cannot be, before anything is done.
func (o *Options) Check() error {
	token := ""
	if o.Login != nil {
		token = o.Login.Token
	}
	switch {
	case o.Viewers < 1 || o.Viewers > MostViewers:
		return fmt.Errorf("%d viewers cannot be: use 1 to %d", o.Viewers, MostViewers)
	case o.Duration < LeastDuration || o.Duration > MostDuration:
		return fmt.Errorf("%s cannot be measured: use %s to %s", o.Duration, LeastDuration, MostDuration)
	case o.Columns < 0 || o.Columns > math.MaxInt32:
		return fmt.Errorf("%d columns cannot be: use the width of a screen, or 0 for all bins", o.Columns)
	case o.slow() == o.Viewers:
		return fmt.Errorf("all %d viewers would be slow, and none is left to measure: use a smaller share", o.Viewers)
	}
	return checkTarget(o.URL, token)
}

// slow is how many viewers are.
func (o *Options) slow() int { return int(math.Round(o.Slow * float64(o.Viewers))) }

// ParseShare reads a share of the viewers: 5%.
func ParseShare(s string) (float64, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(percent >= 0 && percent < 100) {
		return 0, fmt.Errorf("%q is not a share of the viewers: write it like 5%%", s)
	}
	return percent / 100, nil
}

// checkFiles says what to do where this process can have fewer files open than it takes.
func checkFiles(viewers int, most uint64) error {
	need := uint64(viewers) + filesBeside
	if most >= need {
		return nil
	}
	return fmt.Errorf("%d viewers take %d open files, and this process can have %d: raise the limit (ulimit -Hn %d, as root), or use fewer viewers",
		viewers, need, most, need)
}
