package stream

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

// BenchmarkFanOut is what it costs to write one frame to each of many viewers on loopback,
// in CPU time of the thread that writes. All ways write to the same connections, in turn:
// bare is Write of the frame made once, on the connection itself. Readers take everything
// before the next way begins; their time does not count. Figures are medians of rounds,
// and so are ratios within a round.
func BenchmarkFanOut(b *testing.B) {
	for _, bc := range []struct {
		over          string
		viewers, bins int
	}{
		{"tcp", 100, 4096},
		{"tcp", 500, 4096},
		{"tcp", 1000, 4096},
		{"tcp", 2000, 4096},
		{"tcp", 5000, 4096},
		{"tcp", 1000, 512},
		{"tcp", 1000, 8192},
		{"tls", 1000, 4096},
		{"tls", 1000, 8192},
	} {
		b.Run(fmt.Sprintf("%s/viewers=%d/bins=%d", bc.over, bc.viewers, bc.bins), func(b *testing.B) {
			benchFanOut(b, bc.over == "tls", bc.viewers, bc.bins)
		})
	}
}

// fanWays are the ways to write a frame to one of many viewers.
var fanWays = []struct {
	name string
	send func(v *fanned, m prepared) error
}{
	{"bare", func(v *fanned, m prepared) error { _, err := v.bare.Write(m.frame()); return err }},
	{"prepared", func(v *fanned, m prepared) error { return v.prepared.write(m) }},
	{"stock", func(v *fanned, m prepared) error {
		return v.stock.Write(context.Background(), websocket.MessageBinary, m.message())
	}},
}

// A fanned is one connection, with each way's own state on it.
type fanned struct {
	bare     net.Conn
	prepared *deadlineWriter
	stock    *websocket.Conn
}

func benchFanOut(b *testing.B, secure bool, viewers, bins int) {
	var encoder frameEncoder
	frame := noiseFrame(rand.New(rand.NewPCG(1, 2)), bins, 8, 0.5)
	encoded, err := encoder.encode(make([]byte, headerRoom), encodingPB, frame, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	message := encodingPB.prepare(encoded)
	fan, underWay := newFan(b, secure, viewers)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spent := make([][]float64, len(fanWays)) // nanoseconds a frame, by way and round
	for round := 0; b.Loop(); round++ {
		for i := range fanWays {
			way := (round + i) % len(fanWays)
			began := threadTime(b)
			for n := range fan {
				if err := fanWays[way].send(&fan[n], message); err != nil {
					b.Fatal(err)
				}
			}
			spent[way] = append(spent[way], float64(threadTime(b)-began)/float64(viewers))
			for underWay.Load() > 0 {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(message.frame())), "B")
	for way, w := range fanWays {
		ratios := slices.Clone(spent[way])
		for round := range ratios {
			ratios[round] /= spent[0][round]
		}
		b.ReportMetric(median(spent[way]), w.name+"-ns")
		b.ReportMetric(median(ratios), w.name+"/bare")
	}
}

// newFan makes so many connections whose other ends take whatever comes. underWay is how
// many bytes they have yet to take.
func newFan(b *testing.B, secure bool, viewers int) (fan []fanned, underWay *atomic.Int64) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	underWay = new(atomic.Int64)
	config := doorTLS(b)
	config.SessionTicketsDisabled = true // they would come behind the handshake
	var draining sync.WaitGroup
	for range viewers {
		far, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		tcp, err := ln.Accept()
		if err != nil {
			b.Fatal(err)
		}
		var v fanned
		v.bare = watched{tcp, underWay}
		if secure {
			server := tls.Server(v.bare, config)
			shaken := make(chan error, 1)
			go func() { shaken <- server.Handshake() }()
			if err := tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake(); err != nil {
				b.Fatal(err)
			}
			if err := <-shaken; err != nil {
				b.Fatal(err)
			}
			v.bare = server
		}
		conn, under, err := accept(handed{v.bare, http.Header{}}, upgradeRequest(b), nil)
		if err != nil {
			b.Fatal(err)
		}
		v.prepared = newDeadlineWriter(conn, under, websocket.MessageBinary)
		if v.stock, err = websocket.Accept(handed{v.bare, http.Header{}}, upgradeRequest(b), nil); err != nil {
			b.Fatal(err)
		}
		fan = append(fan, v)
		draining.Go(func() {
			defer far.Close()
			buffer := make([]byte, 32<<10)
			for {
				n, err := far.Read(buffer)
				if err != nil {
					return
				}
				underWay.Add(int64(-n))
			}
		})
	}
	underWay.Store(0)
	b.Cleanup(func() {
		_ = ln.Close()
		for _, v := range fan {
			v.prepared.stop()
			_ = v.prepared.conn.CloseNow()
			_ = v.stock.CloseNow()
		}
		draining.Wait()
	})
	return fan, underWay
}

// watched counts what is written to a connection.
type watched struct {
	net.Conn
	underWay *atomic.Int64
}

func (c watched) Write(p []byte) (int, error) {
	c.underWay.Add(int64(len(p)))
	return c.Conn.Write(p)
}

// handed is a ResponseWriter that hands out a connection as net/http does.
type handed struct {
	conn   net.Conn
	header http.Header
}

func (h handed) Header() http.Header         { return h.header }
func (h handed) Write(p []byte) (int, error) { return len(p), nil }
func (h handed) WriteHeader(int)             {}

func (h handed) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

func upgradeRequest(b *testing.B) *http.Request {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://fan", nil)
	if err != nil {
		b.Fatal(err)
	}
	for key, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		r.Header.Set(key, value)
	}
	return r
}

// threadTime is the CPU time of the calling thread. Getrusage knows it by ticks.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
