package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
	"argos/views"
)

// A station is a radio of this machine, captured and served on a loopback address.
type station struct {
	radio   device.Radio
	capture *spectrum.Capture
	server  *stream.Server
	ln      net.Listener
	notice  string
}

// errInUse says that the address to serve on has an owner already.
var errInUse = errors.New("address in use")

// newStation listens first: who has the address has the radio. logs may be nil, guard
// is deferred in every goroutine.
func (o *options) newStation(ctx context.Context, logs *slog.Logger, guard func()) (*station, error) {
	if err := loopback(o.listen); err != nil {
		return nil, &usageError{err}
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, errInUse
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.listen, err)
	}
	st := &station{ln: ln}
	if st.radio, st.notice, err = o.openRadio(ctx); err != nil {
		_ = ln.Close()
		return nil, err
	}
	history := spectrum.NewHistory(0)
	settings, err := o.settings(st.radio.Info())
	if err == nil {
		st.capture, err = spectrum.NewCapture(st.radio, history, settings, nil)
		err = o.asked(err)
	}
	if err != nil {
		_ = st.radio.Close()
		_ = ln.Close()
		return nil, err
	}
	st.server = stream.NewServer(st.capture, history, &stream.ServerOptions{Version: versionText(), Log: logs, Guard: guard})
	if st.notice != "" {
		st.server.Event(stream.Event{Kind: "device", Severity: stream.Warning, Text: st.notice})
	}
	return st, nil
}

// run captures and serves until ctx ends. A radio that fails or a recording that ends
// leaves the server up: viewers see the state, and the last frames.
func (st *station) run(ctx context.Context) error {
	defer func() { _ = st.radio.Close() }()
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		_ = st.capture.Run(ctx)
		return nil
	})
	work.Go(func() error { return st.server.Serve(ctx, st.ln) })
	return work.Wait()
}

// loopback refuses addresses that others can reach: there is no protection yet.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %q: write it like 127.0.0.1:8470", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %q: only loopback addresses until tokens and TLS are there; reach it through ssh -L 8470:127.0.0.1:8470 BOX", address)
	}
	return nil
}

// defaultLogLevel leaves out what only who looks for a fault wants to read.
const defaultLogLevel = "info"

// logger writes as --log-level and --log-json say. A screen has none: it would be written
// over.
func (o *options) logger(to io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if level.UnmarshalText([]byte(o.logLevel)) != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", o.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	if o.logJSON {
		return slog.New(slog.NewJSONHandler(to, options)), nil
	}
	return slog.New(slog.NewTextHandler(to, options)), nil
}

// runServer is --serve.
func (o *options) runServer(ctx context.Context) error {
	logs, err := o.logger(os.Stderr)
	if err != nil {
		return &usageError{err}
	}
	st, err := o.newStation(ctx, logs, func() {})
	if errors.Is(err, errInUse) {
		_, held := o.owned(ctx)
		return held
	}
	if err != nil {
		return err
	}
	logs.Info("serving", "url", "ws://"+st.ln.Addr().String(), "radio", st.radio.Info().Name, "version", versionText())
	if st.notice != "" {
		logs.Warn(st.notice)
	}
	return st.run(ctx)
}

// owned finds out who has the address that we wanted, nil if that is no Argos server,
// and says so in held.
func (o *options) owned(ctx context.Context) (who *stream.Link, held error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	link, err := stream.Ask(ctx, "ws://"+o.listen)
	if err != nil {
		return nil, fmt.Errorf("%s is held by another program, which is no Argos server; use --listen with another port", o.listen)
	}
	return &link, fmt.Errorf("%s is held by argos-tui (pid %d) with %s; watch it with --connect ws://%s, or stop it, or use --listen with another port",
		o.listen, link.Server.PID, link.Device.Info.Name, o.listen)
}

// runLocal captures and shows, or watches who does so already.
func (o *options) runLocal(ctx context.Context, display *views.Options) error {
	screen, err := o.newScreen(display)
	if err != nil {
		return err
	}
	st, err := o.newStation(ctx, nil, screen.guard)
	if errors.Is(err, errInUse) {
		who, held := o.owned(ctx)
		if o.tuned() || who == nil {
			return held
		}
		screen.notice("a server runs on " + o.listen + ": watching its " + who.Device.Info.Name)
		return screen.watch(ctx, "ws://"+o.listen, nil)
	}
	if err != nil {
		return err
	}
	if st.notice != "" {
		screen.notice(st.notice)
	}
	work, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	work.Go(func() error {
		defer screen.guard()
		return st.run(ctx)
	})
	work.Go(func() error {
		defer screen.guard()
		defer cancel()
		return screen.watch(ctx, "ws://"+st.ln.Addr().String(), nil)
	})
	return work.Wait()
}
