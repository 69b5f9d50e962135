package spectrum

import "testing"

// study begins a test that computes at length and alone: with the race detector, which finds
// nothing in it, it takes ten times as long. `make test` has the detector with -short and
// runs all of this package again without it.
func study(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs without -short")
	}
}
