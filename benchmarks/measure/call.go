package measure

import (
	"errors"
	"runtime"
	"time"
)

// PerCall is how long a call takes in nanoseconds, and how often it allocates, over
// 100 ms. f reports whether it did what it is measured for.
func PerCall(f func() bool) (took, allocs float64, err error) {
	const least = 100 * time.Millisecond
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start, n := time.Now(), 0
	for batch := 1; time.Since(start) < least; batch *= 2 {
		for range batch {
			if !f() {
				return 0, 0, errors.New("it was refused in between")
			}
		}
		n += batch
	}
	took = float64(time.Since(start)) / float64(n)
	runtime.ReadMemStats(&after)
	return took, float64(after.Mallocs-before.Mallocs) / float64(n), nil
}
