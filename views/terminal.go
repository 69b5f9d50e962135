package views

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
	_ "github.com/gdamore/tcell/v2/encoding" // locales such as de_DE.ISO-8859-1
	"golang.org/x/term"
)

// patience is how long a terminal that takes no bytes may hold up the end.
const patience = 2 * time.Second

var errAbandoned = errors.New("terminal takes no bytes")

// openTerminal makes a screen of the terminal that standard output is; nothing is
// sent to it before Init.
func openTerminal(m *meter) (tcell.Screen, *gate, error) {
	name := os.Getenv("TERM")
	switch {
	case name == "" || name == "dumb":
		return nil, nil, fmt.Errorf("no terminal that can show the screen (TERM=%s): use --plain or --json", clean(name))
	case !term.IsTerminal(int(os.Stdout.Fd())):
		return nil, nil, errors.New("no terminal that can show the screen (standard output is none): use --plain or --json")
	}
	// A locale that is not even in package encoding gets ASCII instead of an error.
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	tty, err := tcell.NewDevTty()
	if err != nil {
		return nil, nil, fmt.Errorf("no terminal that can show the screen (%w): use --plain or --json", err)
	}
	g := newGate(tty, m)
	s, err := tcell.NewTerminfoScreenFromTty(g)
	if err != nil {
		return nil, nil, fmt.Errorf("no terminal that can show the screen (TERM=%s: %w): use --plain or --json", clean(name), err)
	}
	return s, g, nil
}

// A gate is a tcell.Tty whose writes can be given up. A terminal that is stopped
// (Ctrl-S, a hung SSH session) takes no bytes; the writer is then stuck inside tcell's
// lock, which the way out needs. All that the terminal is sent comes by here, and is counted.
type gate struct {
	tcell.Tty
	meter     *meter
	work      chan []byte
	done      chan error
	abandoned chan struct{}
	once      sync.Once
	mu        sync.Mutex // tcell writes from its main loop, too, when the size changes
	stopped   bool
	buf       []byte
	onResize  func() // nil: nothing
}

func newGate(tty tcell.Tty, m *meter) *gate {
	return &gate{Tty: tty, meter: m, abandoned: make(chan struct{})}
}

// Start begins a session of the terminal.
func (g *gate) Start() error {
	if err := g.Tty.Start(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.work, g.done, g.stopped = make(chan []byte), make(chan error, 1), false
	go func(work <-chan []byte, done chan<- error) {
		for b := range work {
			_, err := g.Tty.Write(b)
			done <- err
		}
	}(g.work, g.done)
	return nil
}

// NotifyResize has cb called when the terminal was resized, and onResize: tcell says nothing
// of one that shrank and grew again before it looked.
func (g *gate) NotifyResize(cb func()) {
	if cb == nil || g.onResize == nil {
		g.Tty.NotifyResize(cb)
		return
	}
	g.Tty.NotifyResize(func() { g.onResize(); cb() })
}

// Write waits until the terminal has taken p, or until Abandon.
func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.abandoned:
		return 0, errAbandoned
	default:
	}
	if g.stopped || g.work == nil {
		return 0, errAbandoned
	}
	g.buf = append(g.buf[:0], p...) // p is tcell's to reuse once we return
	began := time.Now()
	g.work <- g.buf
	select {
	case err := <-g.done:
		g.meter.took(len(p), time.Since(began))
		return len(p), err
	case <-g.abandoned:
		return 0, errAbandoned
	}
}

// Abandon fails the write under way and every later one.
func (g *gate) Abandon() { g.once.Do(func() { close(g.abandoned) }) }

// Stop ends the session; closing the terminal also ends a write that hangs.
func (g *gate) Stop() error {
	g.mu.Lock()
	if !g.stopped && g.work != nil {
		g.stopped = true
		close(g.work)
	}
	g.mu.Unlock()
	return g.Tty.Stop()
}

// within runs f and reports whether it ended within patience. Where it did not, rescue
// is to free it, and it gets the same time again.
func within(f, rescue func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
	}
	if rescue == nil {
		return false
	}
	rescue()
	t.Reset(patience)
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// untilEnd runs write, which ends by itself or with ctx. An out that takes nothing holds up
// the end for no longer than patience.
func untilEnd(ctx context.Context, write func() error) error {
	written := make(chan error, 1)
	go func() { written <- write() }()
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
	}
	var err error
	if !within(func() { err = <-written }, nil) {
		return errAbandoned
	}
	return err
}
