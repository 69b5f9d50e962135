package spectrum

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"gonum.org/v1/gonum/dsp/fourier"

	"argos/device"
	"argos/device/hackrf/emulator"
)

// A contender takes windows of n int8 samples to averaged power, without overlap.
type contender struct {
	name string
	// cost is the CPU time in ns a sample, measured over as many windows; of a size
	// that it cannot do, 0.
	cost func(n, windows int) float64
}

// BenchmarkCompare prints a table of what the way from samples to power costs us and
// others. All take turns, so that what else the machine does hits them alike; each figure is the
// median of the rounds.
func BenchmarkCompare(b *testing.B) {
	const (
		rounds  = 9
		samples = 1 << 21 // in a round
	)
	sizes := []int{1024, 2048, 4096, 8192, 16384}
	others := []contender{gonum(), fftw(b), hackrfSweep(b, "2445", 8180, 300)}
	contenders := slices.Concat(ourselves(sizes), others, []contender{hackrfSweep(b, "5000000", 4, 3000)})
	for b.Loop() {
		costs := make([][][]float64, len(contenders))
		for round := range rounds {
			for c := range contenders {
				if round == 0 {
					costs[c] = make([][]float64, len(sizes))
				}
				for i, n := range sizes {
					costs[c][i] = append(costs[c][i], contenders[c].cost(n, samples/n))
				}
			}
		}
		fmt.Printf("\nns/sample of CPU, %d rounds, median%*s", rounds, 8, "")
		for _, n := range sizes {
			fmt.Printf("%8d", n)
		}
		at8192 := make(map[string]float64)
		for c := range contenders {
			fmt.Printf("\n%-42s", contenders[c].name)
			for i, n := range sizes {
				slices.Sort(costs[c][i])
				median := costs[c][i][rounds/2]
				if n == 8192 {
					at8192[contenders[c].name] = median
				}
				if median == 0 {
					fmt.Printf("%8s", "")
				} else {
					fmt.Printf("%8.2f", median)
				}
			}
		}
		fmt.Print("\n\n")
		for _, ours := range []string{"ours, assembly", "ours, plain Go"} {
			if at8192[ours] == 0 {
				continue // not on this processor
			}
			for _, c := range others {
				fmt.Printf("%s at 8192 points: %.1f times as fast as %s\n", ours, at8192[c.name]/at8192[ours], c.name)
			}
		}
	}
}

// threadTime is the CPU time of this thread in ns.
func threadTime() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return float64(t.Nano())
}

// timed makes a contender of ways to transform a number of windows, one for each size.
func timed(name string, prepare func(n int) func(raw []byte)) contender {
	const count = 8
	ways := make(map[int]func(raw []byte))
	rng := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 2*count*16384)
	for i := range raw {
		raw[i] = byte(int8(rng.NormFloat64() * 20))
	}
	return contender{name, func(n, windows int) float64 {
		if ways[n] == nil {
			ways[n] = prepare(n)
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ways[n](raw[:2*n])
		begun := threadTime()
		for done := 0; done < windows; done += count {
			ways[n](raw[:2*n*count])
		}
		return (threadTime() - begun) / float64(windows) / float64(n)
	}}
}

func ourselves(sizes []int) []contender {
	var all []contender
	for engine := range engines(sizes[0], Hann) {
		all = append(all, timed("ours, "+engine, func(n int) func(raw []byte) {
			w := newWelch(Settings{Bins: n}, 1)
			w.fft = engines(n, Hann)[engine]
			return func(raw []byte) {
				for range w.full(raw, device.CI8) {
					w.transform()
				}
			}
		}))
	}
	slices.SortFunc(all, func(a, b contender) int { return strings.Compare(a.name, b.name) })
	return all
}

func gonum() contender {
	return timed("gonum, complex128", func(n int) func(raw []byte) {
		f := fourier.NewCmplxFFT(n)
		x, y, sum, top := make([]complex128, n), make([]complex128, n), make([]float64, n), make([]float64, n)
		window := make([]float64, n)
		Hann.Coefficients(window)
		return func(raw []byte) {
			for ; len(raw) > 0; raw = raw[2*n:] {
				for i := range x {
					x[i] = complex(float64(int8(raw[2*i]))*window[i], float64(int8(raw[2*i+1]))*window[i])
				}
				for i, v := range f.Coefficients(y, x) {
					p := real(v)*real(v) + imag(v)*imag(v)
					sum[i] += p
					if p > top[i] {
						top[i] = p
					}
				}
			}
		}
	})
}

// fftw is testdata/fftw.c, for as long as the benchmark lasts.
func fftw(b *testing.B) contender {
	b.Helper()
	program := filepath.Join(b.TempDir(), "fftw")
	out, err := exec.Command("gcc", "-O3", "-march=native", "-ffast-math", "-o", program, "testdata/fftw.c", "-l:libfftw3f.so.3", "-lm").CombinedOutput()
	if err != nil {
		b.Fatalf("%v; FFTW comes with the package hackrf\n%s", err, out)
	}
	cmd := exec.Command(program)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReader(answers)
	return contender{"FFTW 3.3, float, one plan a window", func(n, windows int) (ns float64) {
		fmt.Fprintln(in, n, windows)
		if _, err := fmt.Fscanln(lines, &ns); err != nil {
			b.Fatal(err)
		}
		return ns
	}}
}

// hackrfSweep is the program on the unpaced emulator. What a run costs before it sweeps,
// such as planning, is taken off by a second, short run. The emulated radio runs in the same process; what
// it takes shows where there is next to nothing to transform.
func hackrfSweep(b *testing.B, width string, points, sweeps int) contender {
	b.Helper()
	dir := emulator.Build(b)
	run := func(sweeps int) (ns, samples float64) {
		cmd := exec.Command("hackrf_sweep", "-B", "-w", width, "-f", "2400:2500", "-N", fmt.Sprint(sweeps))
		cmd.Env = emulator.Env(dir, emulator.Options{Unpaced: true, Lock: fmt.Sprint("compare", os.Getpid())})
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		size, err := io.Copy(io.Discard, out)
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			b.Fatalf("%v\n%s", err, &said)
		}
		// Each block makes two records of a quarter of its points, after a length and two frequencies.
		blocks := float64(size) / float64(2*(20+4*(points/4)))
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		return float64(cpu.Nanoseconds()), blocks * 8180
	}
	return contender{fmt.Sprintf("hackrf_sweep -B -w %s (%d points)", width, points), func(n, _ int) float64 {
		if n != 8192 {
			return 0
		}
		few, skipped := run(5)
		many, samples := run(5 + sweeps)
		return (many - few) / (samples - skipped)
	}}
}
