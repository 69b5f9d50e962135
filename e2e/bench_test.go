package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
)

// BenchmarkLocal runs local mode on the synthetic radio, at 2 Msps and 20 frames a
// second, on a terminal that is read as fast as it is written, and states what that
// costs: CPU as a share of one core and bytes to the terminal. The frozen screen, the
// capture alone (--serve without a viewer), and the screen alone (--connect to a server that
// is not counted) stand beside it.
func BenchmarkLocal(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "argos-tui")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "argos/cmd/argos-tui").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	const settle, lasts = 3 * time.Second, 10 * time.Second
	for _, mode := range []struct {
		name string
		size pty.Winsize
		keys string
		args []string
	}{
		{"120x40", pty.Winsize{Cols: 120, Rows: 40}, "", nil},
		{"160x45", pty.Winsize{Cols: 160, Rows: 45}, "", nil},
		{"sweep160x45", pty.Winsize{Cols: 160, Rows: 45}, "", []string{"--fall", "sweep"}},
		{"budget160x45", pty.Winsize{Cols: 160, Rows: 45}, "", []string{"--tty-budget", "20k"}},
		{"frozen160x45", pty.Winsize{Cols: 160, Rows: 45}, "f", nil},
		{"serve", pty.Winsize{Cols: 120, Rows: 40}, "", []string{"--serve"}},
		{"connect160x45", pty.Winsize{Cols: 160, Rows: 45}, "", []string{"--connect"}},
		{"connect200x60", pty.Winsize{Cols: 200, Rows: 60}, "", []string{"--connect"}},
		{"connect-sweep200x60", pty.Winsize{Cols: 200, Rows: 60}, "", []string{"--fall", "sweep", "--connect"}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			var cpu time.Duration
			var bytes int64
			for b.Loop() {
				addr, endServer := freeAddr(b), func() {}
				radio := []string{"--device", "synth", "--freq", "98.1M", "--span", "2M", "--listen", addr}
				args := append(mode.args, radio...)
				if slices.Contains(mode.args, "--connect") {
					endServer = serveBeside(b, binary, addr, append(radio, "--serve"))
					args = append(mode.args, "ws://"+addr)
				}
				cmd := exec.Command(binary, args...)
				cmd.Env = environment(b.TempDir())
				tty, err := pty.StartWithSize(cmd, &mode.size)
				if err != nil {
					b.Fatal(err)
				}
				var written atomic.Int64
				drained := make(chan struct{})
				go func() {
					defer close(drained)
					buf := make([]byte, 64<<10)
					for {
						n, err := tty.Read(buf)
						written.Add(int64(n))
						if err != nil {
							return // the program has ended
						}
					}
				}()
				time.Sleep(settle)
				if _, err := tty.WriteString(mode.keys); err != nil {
					b.Fatal(err)
				}
				time.Sleep(settle)
				spent, sent := cpuTime(b, cmd.Process.Pid), written.Load()
				time.Sleep(lasts)
				cpu += cpuTime(b, cmd.Process.Pid) - spent
				bytes += written.Load() - sent
				_ = cmd.Process.Kill()
				<-drained
				_ = cmd.Wait() // killed, as we know
				_ = tty.Close()
				endServer()
			}
			over := float64(b.N) * lasts.Seconds()
			b.ReportMetric(100*cpu.Seconds()/over, "cpu-%")
			b.ReportMetric(float64(bytes)/over, "tty-B/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// serveBeside starts a server in a process of its own; what it returns ends it.
func serveBeside(b *testing.B, binary, addr string, args []string) func() {
	b.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = environment(b.TempDir())
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	eventually(b, startup, "the server listens", func() error { return dial(addr) })
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, as we know
	}
}

// cpuTime is the user and system time that a process has spent.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		b.Fatal(err)
	}
	// Behind the name in parentheses: utime and stime are fields 14 and 15, in ticks of 10 ms.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var user, system int64
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
