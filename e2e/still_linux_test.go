package e2e

import (
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// longestStill is the longest that one of the processors stood still until over: for a guest
// the host may do something else meanwhile, and nothing that is due there happens. A thread
// on each sleeps for a moment, over and over, and sees when it comes late.
func longestStill(over chan struct{}) (longest time.Duration) {
	const moment = 5 * time.Millisecond
	var ours unix.CPUSet
	_ = unix.SchedGetaffinity(0, &ours) // of ourselves
	var mu sync.Mutex
	var threads sync.WaitGroup
	for cpu := range len(ours) * 64 {
		if !ours.IsSet(cpu) {
			continue
		}
		threads.Go(func() {
			runtime.LockOSThread() // for good: the thread ends with us
			var one unix.CPUSet
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one) // one of ours
			var worst time.Duration
			for last := time.Now(); ; {
				pause := syscall.NsecToTimespec(int64(moment))
				_ = syscall.Nanosleep(&pause, nil) // a signal may end it, which is early
				now := time.Now()
				worst = max(worst, now.Sub(last)-moment)
				last = now
				select {
				case <-over:
					mu.Lock()
					defer mu.Unlock()
					longest = max(longest, worst)
					return
				default:
				}
			}
		})
	}
	threads.Wait()
	return longest
}
