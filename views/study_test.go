package views

import "testing"

// study begins a test that draws at length and in one goroutine: with the race detector, which
// finds nothing in it, it takes ten times as long. `make test` has the detector with -short
// and runs all of this package again without it.
func study(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs without -short")
	}
}
