// Package hackrf is the HackRF One and its kin, by way of libhackrf, which is looked for
// when the first radio is opened: one binary runs with and without it. Where libhackrf
// cannot be bound (other systems than Linux and macOS, and the build tag nohackrf) the
// package is there and says so.
//
// # One owner
//
// Calls into libhackrf are USB control transfers, which have no time-out and may never
// return. A session has a goroutine that makes every call to one open device; the
// Radio's owner waits for it with a deadline, and leaves the whole session behind when
// that passes. Whatever goes wrong (unplugged, stalled, a transfer that fails, a call
// that hangs) ends the session, and the owner opens the radio anew until it is back.
//
// # The way of a sample
//
// libhackrf calls back on a thread of its own with 256 KiB at a time, and at 20 Msps
// the radio loses samples if that takes more than 26 ms. So the callback stamps the
// time, copies into a ring that was there before, and counts what did not fit. Read
// hands out the memory of the ring.
package hackrf
