package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A row is a line of --json that holds a spectrum.
type row struct {
	Kind      string         `json:"kind"`
	Seq       *uint64        `json:"seq"`
	StartHz   float64        `json:"start_hz"`
	BinHz     float64        `json:"bin_hz"`
	MeanDB    []float64      `json:"mean_db"`
	MaxDB     []float64      `json:"max_db"`
	Unit      string         `json:"unit"`
	RBWHz     float64        `json:"rbw_hz"`
	Averages  int            `json:"averages"`
	Device    map[string]any `json:"device"`
	Simulated *bool          `json:"simulated"`
}

// centerHz is the frequency in the middle of bin i.
func (r row) centerHz(i int) float64 { return r.StartHz + (float64(i)+0.5)*r.BinHz }

// parseRow reads one line and insists on every field that scripts rely on.
func parseRow(t *testing.T, line string) row {
	t.Helper()
	var r row
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatalf("not JSON: %v\n%.300s", err, line)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"kind", "seq", "start_hz", "bin_hz", "mean_db", "max_db", "unit", "rbw_hz", "averages", "device", "simulated",
	} {
		if _, ok := fields[name]; !ok {
			t.Errorf("no field %q in %.300s", name, line)
		}
	}
	if r.Kind != "spectrum" || r.Unit != "dBFS" && r.Unit != "dBm" {
		t.Errorf("kind %q, unit %q, want spectrum and dBFS or dBm", r.Kind, r.Unit)
	}
	if len(r.MeanDB) == 0 || len(r.MeanDB) != len(r.MaxDB) || r.BinHz <= 0 {
		t.Fatalf("%d mean and %d max bins of %g Hz", len(r.MeanDB), len(r.MaxDB), r.BinHz)
	}
	if r.Seq == nil || r.Simulated == nil || len(r.Device) == 0 {
		t.Errorf("seq said %v, simulated said %v, device %v: want all three", r.Seq != nil, r.Simulated != nil, r.Device)
	}
	return r
}

// once measures a whole recording.
func once(t *testing.T, args ...string) row {
	t.Helper()
	stdout, stderr, code := output(t, 2*startup, append([]string{"--once", "--json"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	if n := strings.Count(stdout, "\n"); n != 1 {
		t.Fatalf("%d lines, want one:\n%.300s", n, stdout)
	}
	return parseRow(t, stdout)
}

// TestOnceLevels holds one frame over a recording to the float64 reference.
func TestOnceLevels(t *testing.T) {
	t.Parallel()
	forEachRecording(t, func(t *testing.T, rec recording) {
		r := once(t, "--device", "replay:"+rec.meta, "--bins", "4096")
		ref := newReference(rec, int(math.Round(rec.rateHz/r.BinHz)))
		if len(r.MaxDB) != len(ref.maxDB) {
			t.Fatalf("%d bins of %g Hz, want all %d of the recording", len(r.MaxDB), r.BinHz, len(ref.maxDB))
		}
		if r.Averages != ref.windows {
			t.Errorf("averages %d, want the recording's %d windows", r.Averages, ref.windows)
		}
		if want := 1.5 * r.BinHz; math.Abs(r.RBWHz-want) > 0.01*want {
			t.Errorf("rbw_hz %g, want %g", r.RBWHz, want)
		}
		if *r.Simulated {
			t.Error("a recording is called simulated")
		}
		for _, d := range []struct {
			name      string
			got, want []float64
		}{{"mean_db", r.MeanDB, ref.meanDB}, {"max_db", r.MaxDB, ref.maxDB}} {
			i, j := strongest(d.got), strongest(d.want)
			// Two bins that rounding makes equal are both right.
			if i != j && d.want[i] < d.want[j]-0.3 {
				t.Errorf("%s: strongest at %.0f Hz (bin %d), want %.0f Hz (bin %d)", d.name, r.centerHz(i), i, ref.hz(j), j)
			}
			if diff := d.got[j] - d.want[j]; math.Abs(diff) > 0.3 {
				t.Errorf("%s: the strongest bin reads %.2f dB, want %.2f", d.name, d.got[j], d.want[j])
			}
			if got, want := r.centerHz(j), ref.hz(j); math.Abs(got-want) > 0.01*r.BinHz {
				t.Errorf("%s: bin %d is centred on %.1f Hz, want %.1f", d.name, j, got, want)
			}
			// The rest of the spectrum too, where there is power enough to compare.
			worst, at := 0.0, 0
			for k := range d.want {
				if diff := math.Abs(d.got[k] - d.want[k]); d.want[k] > -90 && diff > worst {
					worst, at = diff, k
				}
			}
			if worst > 0.5 {
				t.Errorf("%s: bin %d reads %.2f dB, want %.2f", d.name, at, d.got[at], d.want[at])
			}
		}
	})
}

// TestOnceFullScale holds what 0 dBFS is: a complex tone of full scale on the middle of a
// bin, whatever the window and the format.
func TestOnceFullScale(t *testing.T) {
	t.Parallel()
	const n, cycles, rate, center = 4096, 701, 1e6, 100e6
	windows := map[string]float64{"hann": 1.5, "blackman-harris": 2.0044, "flattop": 3.7702}
	check := func(t *testing.T, enbw float64, args ...string) {
		t.Helper()
		r := once(t, append(args, "--bins", fmt.Sprint(n))...)
		i := strongest(r.MeanDB)
		if math.Abs(r.MeanDB[i]) > 0.1 || math.Abs(r.MaxDB[i]) > 0.1 {
			t.Errorf("the tone reads %.2f dB mean and %.2f dB max, want 0 ± 0.1", r.MeanDB[i], r.MaxDB[i])
		}
		const want = center + cycles*rate/n
		if got := r.centerHz(i); math.Abs(got-want) > 0.01*r.BinHz {
			t.Errorf("the tone is at %.1f Hz, want %.1f", got, want)
		}
		if want := enbw * r.BinHz; math.Abs(r.RBWHz-want) > 0.002*want {
			t.Errorf("rbw_hz %.2f, want %.2f", r.RBWHz, want)
		}
	}
	for window, enbw := range windows {
		t.Run(window, func(t *testing.T) {
			t.Parallel()
			rec := writeRecording(t, "ci8", rate, center, tone(20*n, cycles, n))
			check(t, enbw, "--device", "replay:"+rec.meta, "--window", window)
		})
	}
	for datatype := range formats {
		t.Run(datatype, func(t *testing.T) {
			t.Parallel()
			rec := writeRecording(t, datatype, rate, center, tone(20*n, cycles, n))
			check(t, 1.5, "--device", "replay:"+rec.meta)
		})
	}
	for datatype, extension := range map[string]string{"ci8": "cs8", "cu8": "cu8", "ci16_le": "cs16", "cf32_le": "cf32"} {
		t.Run("bare "+extension, func(t *testing.T) {
			t.Parallel()
			rec := writeRecording(t, datatype, rate, center, tone(20*n, cycles, n))
			data := strings.TrimSuffix(rec.meta, "sigmf-meta")
			if err := os.Rename(data+"sigmf-data", data+extension); err != nil {
				t.Fatal(err)
			}
			check(t, 1.5, "--device", "replay:"+data+extension, "--rate", "1M", "--freq", "100M")
		})
	}
}

// TestOnceSynth: what was never on the air says so.
func TestOnceSynth(t *testing.T) {
	t.Parallel()
	if r := once(t, "--device", "synth"); !*r.Simulated {
		t.Error("the synthetic radio is not called simulated")
	}
}

// A feed is a run of --json that goes on until it is told to stop.
type feed struct {
	*exec.Cmd
	out    io.Closer
	lines  *bufio.Scanner
	stderr strings.Builder
}

func ndjson(t *testing.T, args ...string) *feed {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*startup)
	t.Cleanup(cancel)
	f := &feed{Cmd: command(ctx, t, append([]string{"--json"}, args...)...)}
	f.Stderr = &f.stderr
	out, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	f.out, f.lines = out, bufio.NewScanner(out)
	f.lines.Buffer(nil, 16<<20)
	return f
}

// serves fails the test unless a viewer of the server gets a frame.
func serves(t *testing.T, addr string) {
	t.Helper()
	f := ndjson(t, "--connect", "ws://"+addr)
	for f.lines.Scan() {
		if strings.Contains(f.lines.Text(), `"kind":"spectrum"`) {
			_ = f.Process.Kill() // fails if it has ended
			_ = f.Wait()         // killed
			return
		}
	}
	t.Fatalf("no frame (%v): %s", f.Wait(), f.stderr.String())
}

// TestJSONStream: frames, link and device state as one object a line; SIGINT ends it.
func TestJSONStream(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	serve(t, addr, "--device", lightRadio(t))
	f := ndjson(t, "--connect", "ws://"+addr)
	var lastSeq uint64
	count := map[string]int{}
	for f.lines.Scan() {
		var kind struct{ Kind string }
		if err := json.Unmarshal(f.lines.Bytes(), &kind); err != nil {
			t.Fatalf("not JSON: %v\n%.300s", err, f.lines.Text())
		}
		count[kind.Kind]++
		if kind.Kind == "spectrum" {
			r := parseRow(t, f.lines.Text())
			if *r.Seq <= lastSeq {
				t.Fatalf("seq %d after %d", *r.Seq, lastSeq)
			}
			lastSeq = *r.Seq
		}
		if count["spectrum"] >= 20 && count["link"] > 0 && count["device"] > 0 {
			break
		}
	}
	if count["spectrum"] < 20 || count["link"] == 0 || count["device"] == 0 {
		t.Errorf("lines by kind %v, want spectrum, link and device", count)
	}
	_ = f.Process.Signal(syscall.SIGINT) // fails if it has ended, which Wait tells
	for f.lines.Scan() {                 // what was under way
	}
	// A filter that is told to stop has done its job: 0, or the shell's 128 + 2.
	if code := exitCode(t, f.Wait()); code != 0 && code != 130 || f.stderr.Len() > 0 {
		t.Errorf("after SIGINT: exit %d, stderr %q; want 0 or 130 and silence", code, f.stderr.String())
	}
}

// TestJSONHead: `argos-tui --json | head -1` ends by itself and without noise.
func TestJSONHead(t *testing.T) {
	t.Parallel()
	f := ndjson(t, "--device", lightRadio(t), "--listen", freeAddr(t))
	if !f.lines.Scan() {
		t.Fatalf("no line (%v); stderr %q", f.Wait(), f.stderr.String())
	}
	parsed := map[string]any{}
	if err := json.Unmarshal(f.lines.Bytes(), &parsed); err != nil {
		t.Errorf("the first line is not JSON: %v", err)
	}
	f.out.Close()
	began := time.Now()
	err := f.Wait()
	if took := time.Since(began); took > startup/2 {
		t.Errorf("went on for %v without a reader", took)
	}
	if f.stderr.Len() > 0 {
		t.Errorf("said %q", f.stderr.String())
	}
	// Ended by the signal as filters do, or by itself.
	if s, ok := f.ProcessState.Sys().(syscall.WaitStatus); !ok || !(s.Signal() == syscall.SIGPIPE || s.ExitStatus() == 0 || s.ExitStatus() == 141) {
		t.Errorf("ended with %v", err)
	}
}
