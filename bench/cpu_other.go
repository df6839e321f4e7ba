//go:build !unix

package bench

import "time"

var started = time.Now()

// cpuTime is the wall time, where nothing better is known.
func cpuTime() time.Duration { return time.Since(started) }
