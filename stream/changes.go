package stream

import (
	"fmt"
	"time"

	"argos/spectrum"
)

// overloadQuiet is how long a radio must be free of overload before the next one is
// news.
const overloadQuiet = 5 * time.Second

// changes says what happened between two states of a device. What happened to the
// spectrum is about the band that the radio is tuned to.
func changes(before, now *spectrum.Status) []Event {
	var events []Event
	tuning := &now.Settings.Tuning
	low, high := tuning.StartHz(), tuning.StopHz()
	if tuning.ZeroSpan() {
		low, high = low-now.Settings.RBWHz/2, high+now.Settings.RBWHz/2
	}
	lost := now.State == spectrum.Interrupted
	if now.State != before.State || lost && now.Reason != before.Reason {
		e := Event{Kind: "device", Text: fmt.Sprintf("%s: %s", now.Info.Name, now.State)}
		if now.State == spectrum.Failed || lost {
			e.Severity = Alarm
		}
		if now.Reason != "" {
			e.Text += ": " + cleanText(now.Reason)
		}
		events = append(events, e)
	}
	if text := tuned(before.Settings, now.Settings); text != "" {
		events = append(events, Event{Kind: "tuned", Text: text, LowHz: low, HighHz: high})
	}
	if missing := now.Correction.Missing; missing != before.Correction.Missing && missing != "" {
		events = append(events, Event{Kind: "calibration", Severity: Warning, Text: "the calibration has " + missing, LowHz: low, HighHz: high})
	}
	if now.LastOverload.Sub(before.LastOverload) > overloadQuiet {
		events = append(events, Event{
			Kind: "overload", Severity: Warning, Time: now.LastOverload, LowHz: low, HighHz: high,
			Text: "overload: samples at the converter's rails; lower LNA, VGA or amp",
		})
	}
	if now.Lost > before.Lost {
		events = append(events, Event{
			Kind: "lost", Severity: Warning, LowHz: low, HighHz: high,
			Text: fmt.Sprintf("%d samples lost", now.Lost-before.Lost),
		})
	}
	return events
}

// clockStep is by how much a clock must jump to be news; slewing it is none.
const clockStep = 500 * time.Millisecond

// clockStepped says that the system clock was set, where it went on by wall while in
// truth elapsed went by: a field box gets its time when there is a fix or a network.
// Frames keep their order, which is that of their numbers.
func clockStepped(wall, elapsed time.Duration) []Event {
	step := wall - elapsed
	if step.Abs() < clockStep {
		return nil
	}
	direction := "forward"
	if step < 0 {
		direction = "back"
	}
	return []Event{{
		Kind: "clock", Severity: Warning,
		Text: fmt.Sprintf("the system clock was set %s by %s", direction, lasting(step.Abs())),
	}}
}

// tuned lists the settings that differ.
func tuned(before, now spectrum.Settings) string {
	// Bins and RBW are two ways to say one thing; zero span has no bins. A range says what freq and span do, and
	// it takes a range to say that there are several.
	several := before.Tuning.Ranges != now.Tuning.Ranges
	text := ""
	for _, p := range spectrum.Params {
		switch p.Name {
		case "rbw", "bins":
			if zero := now.Tuning.ZeroSpan(); zero != (p.Name == "rbw") {
				continue
			}
		case "sweep-time":
			if !now.Tuning.ZeroSpan() {
				continue
			}
		case "freq", "span":
			if several {
				continue
			}
		case "range":
			if !several {
				continue
			}
		}
		if a, b := p.Get(&before), p.Get(&now); a != b {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%s %s -> %s", p.Name, a, b)
		}
	}
	return text
}
