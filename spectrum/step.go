package spectrum

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limits and default of the step of powers: those down to FloorDB fit an int16.
const (
	DefaultStepDB = 0.5
	minStepDB     = 0.01
	maxStepDB     = 3
)

// StepMatched as Settings.StepDB asks for the step that fits the noise: see matchedStep.
const StepMatched = -1

const matched = "matched"

func getStep(s *Settings) string {
	switch s.StepDB {
	case 0:
		return formatStep(DefaultStepDB)
	case StepMatched:
		return matched
	}
	return formatStep(s.StepDB)
}

func formatStep(db float64) string { return strconv.FormatFloat(db, 'f', -1, 64) }

func setStep(s *Settings, text string) error {
	if strings.EqualFold(text, matched) {
		s.StepDB = StepMatched
		return nil
	}
	// In thousandths, so that levels are written in three decimals.
	db, err := strconv.ParseFloat(text, 64)
	if err != nil || !(db >= minStepDB && db <= maxStepDB) || math.Abs(db*1000-math.Round(db*1000)) > 1e-6 {
		return fmt.Errorf("%q is not a step: use %g to %d dB, such as 0.25, or matched", text, minStepDB, maxStepDB)
	}
	s.StepDB = db
	return nil
}

// matchedStep is the greatest power of two of dB, from an eighth to two, that is no more than
// 0.7 of the spread of noise that is the mean of k independent powers. To round to it
// adds at most 4 % to its variance.
func matchedStep(k float64) float64 {
	spread := 10 / math.Ln10 / math.Sqrt(k)
	return math.Exp2(min(max(math.Floor(math.Log2(0.7*spread)), -3), 1))
}

// mostCounted is more windows than make a difference to matchedStep.
const mostCounted = 1 << 20

// match makes the step that of the noise in frames of so many windows, if that was asked for.
func (a *Analyzer) match(windows int) {
	if a.settings.StepDB == StepMatched {
		a.grid.StepDB = matchedStep(a.grid.independent(min(windows, mostCounted)))
	}
	a.settings.StepDB = a.grid.StepDB
}
