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

	"golang.org/x/sync/errgroup"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
	"argos/stream/access"
)

// A station is a radio of this machine, captured and served on a loopback address.
type station struct {
	radio   device.Radio
	capture *spectrum.Capture
	server  *stream.Server
	ln      net.Listener
	door    *access.Entrance
	notice  string
	guard   func()
}

// errInUse says that the address to serve on has an owner already.
var errInUse = errors.New("address in use")

// newStation listens first: who has the address has the radio. logs may be nil, guard
// is deferred in every goroutine.
func (o *options) newStation(ctx context.Context, logs *slog.Logger, guard func()) (*station, error) {
	door, err := o.door()
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, errInUse
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.listen, err)
	}
	st := &station{ln: ln, door: door, guard: guard}
	if err = door.Prepare(); err != nil {
		_ = ln.Close()
		return nil, err
	}
	if st.radio, st.notice, err = o.openRadio(ctx, guard); err != nil {
		_ = ln.Close()
		return nil, err
	}
	history := spectrum.NewHistory(0)
	var known *spectrum.Calibration
	settings, err := o.settings(st.radio.Info())
	if err == nil {
		known, err = o.known(st.radio.Info())
	}
	if err == nil {
		st.capture, err = spectrum.NewCapture(st.radio, history, settings, &spectrum.CaptureOptions{Calibration: known})
		err = o.asked(err)
	}
	if err != nil {
		_ = st.radio.Close()
		_ = ln.Close()
		return nil, err
	}
	st.server = stream.NewServer(st.capture, history, &stream.ServerOptions{
		Version: versionText(), Log: logs, Guard: guard, Access: door.Policy, TLS: door.TLS, Limits: o.limits,
		Journal: door.Journal(journalFailed(logs)), OneOperator: o.oneOperator,
	})
	if st.notice != "" {
		st.server.Event(stream.Event{Kind: "device", Severity: stream.Warning, Text: st.notice})
	}
	return st, nil
}

// url is what this machine connects to it by.
func (st *station) url() string { return st.door.URL(st.ln.Addr()) }

// run captures and serves until ctx ends. A radio that fails or a recording that ends
// leaves the server up: viewers see the state, and the last frames.
func (st *station) run(ctx context.Context) error {
	defer func() { _ = st.radio.Close() }()
	defer func() { _ = st.door.Close() }()
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer st.guard()
		_ = st.capture.Run(ctx)
		return nil
	})
	work.Go(func() error {
		defer st.guard()
		return st.server.Serve(ctx, st.ln)
	})
	return work.Wait()
}

// logger writes as --log-level and --log-json say. A screen has none: it would be written
// over.
func (o *options) logger(to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.logLevel}
	if o.logJSON {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// runServer is --serve.
func (o *options) runServer(ctx context.Context) error {
	logs := o.logger(os.Stderr)
	st, err := o.newStation(ctx, logs, func() {})
	if errors.Is(err, errInUse) {
		_, held := o.owned(ctx)
		return held
	}
	if err != nil {
		return err
	}
	st.door.Welcome(os.Stdout)
	st.door.OnBadCertificate(func(err error) { logs.Error("certificate not renewed", "error", err) })
	logs.Info("serving", "url", st.url(), "fingerprint", st.door.Fingerprint, "radio", st.radio.Info().Name, "version", versionText())
	if o.entrance.Insecure {
		logs.Warn("INSECURE: nothing is encrypted, and whoever reaches this address may tune")
	}
	if st.notice != "" {
		logs.Warn(st.notice)
	}
	return st.run(ctx)
}

// journalFailed tells who runs a server, if it has a log, that nothing is written down.
func journalFailed(logs *slog.Logger) func(error) {
	return func(err error) {
		if logs != nil {
			logs.Error("actions are not written down", "error", err)
		}
	}
}

// owned finds out who has the address that we wanted, nil if that is no Argos server,
// and says so in held.
func (o *options) owned(ctx context.Context) (who *stream.Link, held error) {
	link, err := stream.Ask(ctx, "ws://"+o.listen, nil)
	var tls *stream.TLSError
	if errors.As(err, &tls) {
		return nil, fmt.Errorf("%s is held by a server that speaks TLS; watch it with --connect %s, or use --listen with another port", o.listen, tls.Other())
	}
	if errors.As(err, new(*access.TokenError)) {
		return nil, fmt.Errorf("%s is held by a server that wants a token; watch it with --connect ws://%s, or use --listen with another port", o.listen, o.listen)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is held by another program, which is no Argos server; use --listen with another port", o.listen)
	}
	return &link, fmt.Errorf("%s is held by argos-tui (pid %d) with %s; watch it with --connect ws://%s, or stop it, or use --listen with another port",
		o.listen, link.Server.PID, link.Device.Info.Name, o.listen)
}

// runLocal captures and shows, or watches who does so already.
func (o *options) runLocal(ctx context.Context) error {
	screen, err := o.newScreen()
	if err != nil {
		return err
	}
	st, err := o.newStation(ctx, nil, screen.guard)
	if errors.Is(err, errInUse) {
		who, held := o.owned(ctx)
		if o.tuned || who == nil {
			return held
		}
		screen.notice("a server runs on " + o.listen + ": watching its " + who.Device.Info.Name)
		return screen.watch(ctx, "ws://"+o.listen, nil, nil)
	}
	if err != nil {
		return err
	}
	own, err := st.door.Own()
	if err != nil {
		return err
	}
	st.door.Welcome(os.Stdout)
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
		return screen.watch(ctx, st.url(), nil, own)
	})
	return work.Wait()
}
