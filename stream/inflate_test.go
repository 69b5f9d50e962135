package stream

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/flate"
)

// literals are streams without matches, of blocks of all kinds, and what they inflate to.
func literals(t testing.TB) (streams, plains [][]byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	add := func(write func(w *flate.Writer) error, plain []byte) {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.HuffmanOnly)
		if err == nil {
			err = write(w)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		streams, plains = append(streams, b.Bytes()), append(plains, plain)
	}
	for _, spread := range []float64{0, 0.5, 2, 20, 1000} {
		for _, n := range []int{0, 1, 7, 100, 5000, 100_000} {
			plain := make([]byte, n)
			for i := range plain {
				plain[i] = byte(int(r.ExpFloat64() * spread))
			}
			add(func(w *flate.Writer) error { _, err := w.Write(plain); return err }, plain)
			add(func(w *flate.Writer) error {
				for rest := plain; len(rest) > 0; {
					n := min(1+r.IntN(3000), len(rest))
					if _, err := w.Write(rest[:n]); err != nil {
						return err
					}
					if err := w.Flush(); err != nil {
						return err
					}
					rest = rest[n:]
				}
				return nil
			}, plain)
		}
	}
	// A code of one literal, and a block with the code that RFC 1951 has: "a" and the end.
	streams, plains = append(streams, []byte{0x4B, 0x04, 0x00}), append(plains, []byte("a"))
	return streams, plains
}

func TestInflate(t *testing.T) {
	streams, plains := literals(t)
	var d inflater
	for i, plain := range plains {
		got := make([]byte, len(plain))
		if n, err := d.inflate(got, streams[i]); err != nil || n != len(plain) || !bytes.Equal(got, plain) {
			t.Fatalf("stream %d: %d bytes of %d, %v", i, n, len(plain), err)
		}
		if len(plain) == 0 {
			continue
		}
		if _, err := d.inflate(got[:len(got)-1], streams[i]); err == nil {
			t.Errorf("stream %d of %d bytes fits into fewer", i, len(plain))
		}
		for cut := range min(len(streams[i]), 300) {
			if _, err := d.inflate(got, streams[i][:cut]); err == nil {
				t.Fatalf("stream %d was taken after %d of %d bytes", i, cut, len(streams[i]))
			}
		}
	}
}

// FuzzInflate holds that what is taken inflates to what the library makes of it.
func FuzzInflate(f *testing.F) {
	streams, _ := literals(f)
	for _, s := range streams {
		if len(s) < 5000 {
			f.Add(s)
		}
	}
	var d inflater
	f.Fuzz(func(t *testing.T, src []byte) {
		dst := make([]byte, 1<<16)
		n, err := d.inflate(dst, src)
		if n > 8*len(src) {
			t.Fatalf("%d bytes inflate to %d", len(src), n)
		}
		if err != nil {
			return
		}
		want, err := io.ReadAll(flate.NewReader(bytes.NewReader(src)))
		if err != nil || !bytes.Equal(dst[:n], want) {
			t.Fatalf("inflates to % X, the library's (%v) to % X", dst[:n], err, want)
		}
	})
}
