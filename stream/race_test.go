//go:build race

package stream

// raceDetector says that all is several times slower than it is for users.
const raceDetector = true
