//go:build linux || darwin

package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// raiseFiles lets this process have so many files open, if it may. It returns how many it
// can have.
func raiseFiles(need uint64) uint64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return need // then it shows when they are opened
	}
	if limit.Cur >= need {
		return limit.Cur
	}
	more := unix.Rlimit{Cur: need, Max: max(limit.Max, need)}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &more) == nil {
		return need
	}
	more = unix.Rlimit{Cur: min(limit.Max, need), Max: limit.Max}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &more) == nil {
		return more.Cur
	}
	return limit.Cur
}

// ownCPU is the CPU time that this process has taken.
func ownCPU() time.Duration {
	var use unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
