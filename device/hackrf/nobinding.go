//go:build (!linux && !darwin) || nohackrf

package hackrf

// bind has nothing to bind here.
func bind() (*library, error) { return nil, errNotBuilt }
