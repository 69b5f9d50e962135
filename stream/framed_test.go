package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"argos/spectrum"
	"argos/stream/faultproxy"
)

// checkedLibrary is the version that the path beside it was last checked with.
const checkedLibrary = "v1.8.15"

func TestLibraryIsTheOneChecked(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^.*github\.com/coder/websocket .*$`).FindAllString(string(mod), -1)
	if len(lines) != 1 || lines[0] != "\tgithub.com/coder/websocket "+checkedLibrary {
		t.Errorf("go.mod says %q, checked was %s: read in the new one what docs/adr/0021-prepared-frames.md rests on, "+
			"run TestFrame* and TestControl* with -race, and set checkedLibrary", lines, checkedLibrary)
	}
}

// transports are what frames go over.
var transports = []struct {
	name string
	tls  bool
}{{"tcp", false}, {"tls", true}}

// Frames of all lengths arrive whole, by the library's own account, each by one write as
// long as it fits into one record of TLS.
func TestFramesArriveByOneWrite(t *testing.T) {
	for _, over := range transports {
		t.Run(over.name, func(t *testing.T) {
			e := newEnds(t, endsOptions{tls: over.tls})
			e.far.SetReadLimit(1 << 20)
			for i, n := range []int{0, 1, 125, 126, 4092, 4096, 16_000, 1<<16 - 1, 1 << 16, 100_000} {
				before, sent := e.writes.Load(), preparedBytes(n, byte(i))
				failed := make(chan error, 1)
				go func() { failed <- e.write(sent) }()
				kind, got, err := e.far.Read(t.Context())
				if err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, sent.message()) {
					t.Fatalf("%d bytes: %d arrived, %v", n, len(got), err)
				}
				if err := <-failed; err != nil {
					t.Fatal(err)
				}
				if writes := e.writes.Load() - before; writes != 1 && (n < 1<<14 || !over.tls) {
					t.Errorf("%d bytes took %d writes", n, writes)
				}
			}
		})
	}
}

func TestFrameTakesNoMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools")
	}
	for _, over := range transports {
		e := newEnds(t, endsOptions{tls: over.tls})
		go func() { _, _ = io.Copy(io.Discard, e.farWire) }() // ends with the link
		m := preparedBytes(4096, 1)
		if n := testing.AllocsPerRun(1000, func() {
			if err := e.write(m); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %.2f allocations a frame", over.name, n)
		}
	}
}

// Frames that viewers share and pings of both sides, all at once.
func TestFramesBetweenPings(t *testing.T) {
	const viewers, frames = 8, 20_000
	shared := make([]prepared, 97)
	for i := range shared {
		shared[i] = preparedBytes(3*i+i/96*70_000, byte(i))
	}
	var running sync.WaitGroup
	for n := range viewers {
		e := newEnds(t, endsOptions{tls: n == 0})
		e.conn.CloseRead(context.Background())
		e.far.SetReadLimit(1 << 20)
		var taken atomic.Bool
		for _, conn := range []*websocket.Conn{e.conn, e.far} {
			running.Go(func() {
				for !taken.Load() {
					if err := conn.Ping(context.Background()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		running.Go(func() {
			for n := range frames {
				if err := e.write(shared[n%len(shared)]); err != nil {
					t.Errorf("frame %d: %v", n, err)
					return
				}
			}
		})
		running.Go(func() {
			defer e.far.CloseRead(context.Background()) // for the last pings
			defer taken.Store(true)
			buffer := make([]byte, 1<<17)
			for n := range frames {
				want := shared[n%len(shared)].message()
				_, m, err := e.far.Reader(context.Background())
				if err == nil {
					_, err = io.ReadFull(m, buffer[:len(want)])
				}
				if err != nil || !bytes.Equal(buffer[:len(want)], want) {
					t.Errorf("frame %d: %v", n, err)
					_ = e.conn.CloseNow()
					return
				}
				if more, err := m.Read(buffer); more > 0 || err != io.EOF {
					t.Errorf("frame %d has %d bytes more: %v", n, more, err)
				}
			}
		})
	}
	running.Wait()
}

// No frame follows a close, whoever began, and the other side gets its reason.
func TestFramesEndWithAClose(t *testing.T) {
	reason := strings.Repeat("so long", 17) // with the code 121 of at most 125 bytes
	for _, over := range transports {
		for _, first := range []string{"server", "viewer"} {
			t.Run(over.name+"/"+first, func(t *testing.T) {
				e := newEnds(t, endsOptions{tls: over.tls})
				closer, closed := e.conn, e.far
				if first == "viewer" {
					closer, closed = e.far, e.conn
				}
				told := make(chan error, 1)
				go func() {
					_, _, err := closed.Read(context.Background())
					told <- err
				}()
				if err := closer.Close(websocket.StatusGoingAway, reason); err != nil {
					t.Error(err)
				}
				if got := new(websocket.CloseError); !errors.As(<-told, got) || got.Code != websocket.StatusGoingAway || got.Reason != reason {
					t.Errorf("told %+v", got)
				}
				before := e.writes.Load()
				if err := e.write(preparedBytes(4, 0)); !errors.Is(err, net.ErrClosed) || e.writes.Load() != before {
					t.Errorf("a frame behind it: %v", err)
				}
			})
		}
	}
}

// slowEnds is a link whose pipe takes 32 kB, and a message of 1 MB on its way.
func slowEnds(t *testing.T) (e *ends, message prepared, written chan error) {
	t.Helper()
	ln := faultproxy.NewListener(kernelBuffer)
	e = newEnds(t, endsOptions{listen: ln, dial: ln.Dial})
	e.conn.CloseRead(context.Background())
	e.far.SetReadLimit(1 << 21)
	message, written = preparedBytes(1<<20, 7), make(chan error, 1)
	go func() { written <- e.write(message) }()
	synctest.Wait()
	return e, message, written
}

// A ping waits for the end of a frame.
func TestControlFrameWaitsForData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, message, written := slowEnds(t)
		answered := make(chan error, 1)
		go func() { answered <- e.conn.Ping(context.Background()) }()
		time.Sleep(4 * time.Second)
		_, got, err := e.far.Read(context.Background())
		if err != nil || !bytes.Equal(got, message.message()) {
			t.Errorf("%d bytes: %v", len(got), err)
		}
		e.far.CloseRead(context.Background())
		if err := errors.Join(<-written, <-answered); err != nil {
			t.Error(err)
		}
	})
}

// What is cut short ends the link, and nothing follows it: no ping, no close, no frame.
func TestFrameCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, message, written := slowEnds(t)
		began := time.Now()
		if err := e.conn.Ping(context.Background()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != controlPatience {
			t.Errorf("a ping without room: %v after %s", err, time.Since(began))
		}
		if err := <-written; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != writeTimeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ping := []byte{frameFinal | frameControl | 1, 0}
		if _, err := e.under.Write(ping); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a ping behind it: %v", err)
		}
		got, err := io.ReadAll(e.farWire)
		if err != nil || len(got) != kernelBuffer || !bytes.HasPrefix(message.frame(), got) {
			t.Errorf("%d bytes: %v", len(got), err)
		}
	})
}

// A connection that takes less than it was given and does not say why has failed, too.
func TestFrameShortWithoutAnError(t *testing.T) {
	f := &framed{Conn: stingy{}, turn: make(chan struct{}, 1)}
	if err := f.send(preparedBytes(4, 0).frame()); !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
	if err := f.send(preparedBytes(0, 0).frame()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("more: %v", err)
	}
}

type stingy struct{ net.Conn }

func (stingy) Write([]byte) (int, error) { return 1, nil }

// A library that is not as it was checked ends the link and does not spoil it.
func TestControlFramesAloneAreTheLibrarys(t *testing.T) {
	ping := []byte{frameFinal | frameControl | 1, 2, 'h', 'i'}
	for name, b := range map[string][]byte{
		"nothing": {}, "half a header": ping[:1], "data": preparedBytes(4, 0).frame(), "a piece": ping[:3],
		"a fragment": {frameControl | 1, 0}, "two at once": append(bytes.Clone(ping), ping...),
	} {
		f := &framed{Conn: stingy{}, turn: make(chan struct{}, 1)}
		if _, err := f.Write(b); !errors.Is(err, errLibrary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Who writes depends on the handshake; what arrives does not.
func TestFrameOrLibrary(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options endsOptions
		library bool
	}{
		{"plain", endsOptions{}, false},
		{"tls", endsOptions{tls: true}, false},
		{"compressed", endsOptions{flate: true}, true},
		{"middleware", endsOptions{stock: true}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEnds(t, tc.options)
			if (e.under == nil) != tc.library {
				t.Errorf("the library writes: %t", e.under == nil)
			}
			sent := preparedBytes(3000, 'x')
			failed := make(chan error, 1)
			go func() { failed <- e.write(sent) }()
			if _, got, err := e.far.Read(t.Context()); err != nil || !bytes.Equal(got, sent.message()) {
				t.Errorf("%d bytes: %v", len(got), err)
			}
			if err := <-failed; err != nil {
				t.Error(err)
			}
		})
	}
}

// However many watch, a frame is encoded once, and each message is one write.
func TestFrameIsEncodedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const viewers, frames = 30, 20 // without an acknowledgement
		r := &rig{source: newFakeSource(), network: new(pipeNet), served: make(chan error, 1), history: spectrum.NewHistory(0)}
		r.server = NewServer(r.source, r.history, nil)
		ctx, cancel := context.WithCancel(t.Context())
		r.stop = cancel
		var writes, messages atomic.Int64
		ln := tallied{r.network.listen(), &writes}
		go func() { r.served <- r.server.Serve(ctx, ln) }()
		var reading sync.WaitGroup
		for range viewers {
			conn := r.dialRaw(t, protocolPB)
			if err := tell(conn, encodingPB, helloMessage); err != nil {
				t.Fatal(err)
			}
			reading.Go(func() {
				for {
					if _, _, err := conn.Read(context.Background()); err != nil {
						return
					}
					messages.Add(1)
				}
			})
		}
		synctest.Wait()
		others := writes.Load() - messages.Load()
		r.feed(frames)
		synctest.Wait()
		if n := writes.Load() - messages.Load(); n != others || messages.Load() < viewers*frames {
			t.Errorf("%d messages took %d writes more", messages.Load(), n-others)
		}
		if encoded, reused := r.server.share.counts(); encoded != frames || reused != (viewers-1)*frames {
			t.Errorf("%d frames encoded %d times, reused %d times", frames, encoded, reused)
		}
		r.close(t)
		reading.Wait()
	})
}
