package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"
	"golang.org/x/sync/errgroup"

	"argos/spectrum"
	"argos/stream"
	"argos/stream/access"
	"argos/views"
)

// A view shows what comes over the link until the operator has seen enough.
type view interface {
	stream.Sink
	Run(ctx context.Context, src views.Source) error
}

// A screen is the terminal, lines of JSON or sentences, whichever was asked for.
type screen struct {
	view   view
	wants  stream.View       // what of the frames it can show
	filter stream.Filter     // of events
	guard  func()            // deferred in every goroutine: leaves a usable terminal after a panic
	notice func(text string) // for what must be known from the start
}

func (o *options) newScreen() (*screen, error) {
	if o.json {
		return &screen{view: views.NewNDJSON(os.Stdout), filter: o.filter, guard: func() {}, notice: notice}, nil
	}
	if o.plain {
		return &screen{view: views.NewPlain(os.Stdout), wants: views.Wants, filter: o.filter, guard: func() {}, notice: notice}, nil
	}
	damage := o.remember()
	app, err := views.New(&o.display)
	if err != nil {
		return nil, err
	}
	if damage != nil {
		app.Notice(damage.Error())
	}
	return &screen{view: app, wants: views.Wants, filter: o.filter, guard: app.Guard, notice: app.Notice}, nil
}

// remember has the screen as it was left, but for what was said this time.
func (o *options) remember() (damage error) {
	said := o.display.Memory
	o.display.BookmarkFile = filepath.Join(xdg.StateHome, "argos", "bookmarks.csv")
	o.display.MemoryFile = filepath.Join(xdg.StateHome, "argos", "screen.json")
	o.display.Memory, damage = views.ReadMemory(o.display.MemoryFile)
	if o.said("detector") {
		o.display.Detector = said.Detector
	}
	if o.said("ref") {
		o.display.RefDB = said.RefDB
	}
	return damage
}

// notice is for who has no screen: standard error.
func notice(text string) { fmt.Fprintln(os.Stderr, "argos-tui:", printable(text)) }

// watch is --connect.
func (o *options) watch(ctx context.Context) error {
	login, err := access.NewLogin(access.DefaultDir(), o.tokenFile, o.ca)
	if err != nil {
		return err
	}
	person := &access.Console{In: os.Stdin, Out: os.Stderr}
	for {
		s, err := o.newScreen()
		if err != nil {
			return err
		}
		err = s.watch(ctx, o.connect, o.tuning, login)
		if again, why := login.Answer(ctx, person, err); !again {
			return why
		}
	}
}

// watch shows the server at url until the view or ctx ends. The screen comes up with
// the first answer, so that a wrong address is one line and not a screen. tuning is
// asked of the server first.
func (s *screen) watch(ctx context.Context, url string, tuning map[string]string, login *access.Login) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := stream.NewClient(url, s.view, &stream.ClientOptions{
		Agent: "argos-tui " + versionText(), View: s.wants, Filter: s.filter, Guard: s.guard, Login: login,
	})
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer s.guard()
		return client.Run(ctx)
	})
	work.Go(func() error {
		defer s.guard()
		defer cancel()
		select {
		case <-client.Connected():
		case <-ctx.Done():
		}
		if len(tuning) > 0 && ctx.Err() == nil {
			work.Go(func() error {
				defer s.guard()
				err := client.Do(ctx, tuning)
				var no *stream.ReplyError
				if errors.As(err, &no) {
					return &usageError{err}
				}
				return err
			})
		}
		return s.view.Run(ctx, client)
	})
	return work.Wait()
}

// onceStepDB is finer than what goes over a link: there is one frame to write, and its
// averages deserve it.
const onceStepDB = 0.01

// writeOnce is --once.
func (o *options) writeOnce(ctx context.Context) error {
	radio, warning, err := o.openRadio(ctx, nil)
	if err != nil {
		return err
	}
	if warning != "" {
		notice(warning)
	}
	defer func() { _ = radio.Close() }()
	settings, err := o.settings(radio.Info())
	if err != nil {
		return err
	}
	known, err := o.known(radio.Info())
	if err != nil {
		return err
	}
	frame, settings, err := spectrum.Once(ctx, radio, settings, 0, &spectrum.AnalyzerOptions{StepDB: onceStepDB, Calibration: known})
	if errors.Is(err, spectrum.ErrShort) {
		return err
	}
	if err != nil {
		return o.asked(err)
	}
	status := spectrum.Status{Info: radio.Info(), Settings: settings, State: spectrum.Ended, Correction: known.Correction(&frame.Grid)}
	return views.WriteFrame(os.Stdout, frame, &status)
}
