package stream

import (
	"bufio"
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"argos/spectrum"
)

// The environment that makes of the test program a server that lives until it is killed:
// where it writes down what it produces, where it listens, and the seed of it.
const (
	lifeJournal = "ARGOS_LIFE_JOURNAL"
	lifeAddress = "ARGOS_LIFE_ADDRESS"
	lifeSeed    = "ARGOS_LIFE_SEED"
)

// A journalled is one thing that a life produced: a frame, or an event as it is stored.
type journalled struct {
	Epoch  string // with the first
	Frame  *spectrum.Frame
	Stored []byte
}

// A journal is an event log that is written down before it is served. What a killed
// process wrote is there.
type journal struct {
	*memoryLog
	lines *json.Encoder // of one goroutine at a time: the lock is the log's
	lock  chan struct{}
}

func (j *journal) write(l journalled) {
	j.lock <- struct{}{}
	defer func() { <-j.lock }()
	if err := j.lines.Encode(l); err != nil {
		panic(err)
	}
}

func (j *journal) Append(stored []byte) error {
	j.write(journalled{Stored: stored})
	return j.memoryLog.Append(stored)
}

// live serves frames and events, says when it listens, and does not return.
func live() {
	seed, err := strconv.ParseUint(os.Getenv(lifeSeed), 10, 64)
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	check(err)
	file, err := os.Create(os.Getenv(lifeJournal))
	check(err)
	epoch := cryptorand.Text()
	j := &journal{memoryLog: newMemoryLog(epoch, 0), lines: json.NewEncoder(file), lock: make(chan struct{}, 1)}
	j.write(journalled{Epoch: epoch})
	history := spectrum.NewHistory(0)
	tr := &trial{random: rand.New(rand.NewPCG(seed, 1)), source: newFakeSource(), history: history}
	tr.server = newServer(tr.source, history, j, nil)
	tr.retune()
	ln, err := net.Listen("tcp", os.Getenv(lifeAddress))
	check(err)
	fmt.Println(epoch)
	go func() { check(tr.server.Serve(context.Background(), ln)) }()
	for tick := time.NewTicker(framePeriod); ; <-tick.C {
		switch n := tr.random.IntN(100); {
		case n < 3:
			tr.retune()
		case n < 30:
			tr.log()
		}
		f := tr.frame()
		j.write(journalled{Frame: f})
		history.Append(f)
	}
}

// readJournal is what a life produced until now, or until it was killed.
func readJournal(t *testing.T, path string) *life {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l, lines := new(life), json.NewDecoder(bufio.NewReader(file))
	for {
		var line journalled
		if err := lines.Decode(&line); err != nil { // io.EOF, or the killed one's last words
			return l
		}
		switch {
		case line.Frame != nil:
			l.frames = append(l.frames, line.Frame)
		case line.Stored != nil:
			l.ledger.stored = append(l.ledger.stored, line.Stored)
		default:
			l.epoch, l.ledger = line.Epoch, newLedger(line.Epoch, 0)
		}
	}
}

// A server process that is killed and started again twenty times is watched again at
// once, and what viewers were handed obeys both laws in each of its lives.
func TestServerKilledAndStarted(t *testing.T) {
	t.Parallel()
	const restarts, viewers = 20, 4
	first, _ := seeds(t, 1)
	r := rand.New(rand.NewPCG(first, 2))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	path := func(life int) string { return filepath.Join(dir, strconv.Itoa(life)) }
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(life int) (epoch string, kill func()) {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), lifeJournal+"="+path(life), lifeAddress+"="+address, lifeSeed+"="+strconv.FormatUint(first+uint64(life), 10))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatalf("the server ended: %v", err)
		}
		return line[:len(line)-1], func() {
			_ = cmd.Process.Kill()
			_, _ = io.Copy(io.Discard, out)
			_ = cmd.Wait() // killed, as we know
		}
	}

	_, kill := start(0)
	var guests []*guest
	for n := range viewers {
		w := newWitness()
		view := View{Columns: []int{0, 7, 32, 80}[n]}
		w.client = NewClient("ws://"+address, w, &ClientOptions{View: view})
		leave := run(t, w.client, func(ctx context.Context) { w.show(ctx, atOnce) })
		guests = append(guests, &guest{
			Client: w.client, witness: w, view: view, leave: leave,
			filters: make([]Filter, 1), joined: uint64(len(readJournal(t, path(0)).ledger.stored)),
		})
	}
	var took []time.Duration
	for life := 1; life <= restarts; life++ {
		time.Sleep(provenAfter + time.Duration(r.Int64N(int64(200*time.Millisecond))))
		kill()
		time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
		var epoch string
		epoch, kill = start(life)
		began := time.Now()
		for _, g := range guests {
			for l := g.Link(); l.State != Live || l.Server.Epoch != epoch || l.LastSeq == 0; l = g.Link() {
				if time.Since(began) > time.Minute {
					kill()
					t.Fatalf("restart %d: %s after a minute", life, l.State)
				}
				time.Sleep(time.Millisecond)
			}
			took = append(took, time.Since(began))
		}
	}
	time.Sleep(time.Second)
	kill()
	var lives []*life
	frames, events := 0, 0
	for life := range restarts + 1 {
		l := readJournal(t, path(life))
		frames, events = frames+len(l.frames), events+len(l.ledger.stored)
		lives = append(lives, l)
	}
	tr := &trial{lives: lives}
	for _, g := range guests {
		g.leave()
		if err := tr.laws(g); err != nil {
			t.Errorf("ARGOS_SEED=%d: a viewer of %d columns: %v", first, g.view.Columns, err)
		}
		if n := g.Link().Restarts; n != restarts {
			t.Errorf("%d restarts seen", n)
		}
	}
	// Of the quarters of it the best counts: what else the machine does spoils one or the other.
	best := time.Hour
	for quarter := range slices.Chunk(slices.Clone(took), len(took)/4) {
		slices.Sort(quarter)
		best = min(best, quarter[len(quarter)/2])
	}
	slices.Sort(took)
	t.Logf("seed %d: LIVE again p50 %s, %s in the best quarter, p90 %s, most %s after the server listens; %d lives with %d frames and %d events",
		first, took[len(took)/2], best, took[len(took)*9/10], took[len(took)-1], len(lives), frames, events)
	if best >= time.Second {
		t.Errorf("p50 %s", best)
	}
}
