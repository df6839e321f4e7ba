//go:build !race

package backends_test

// raced is whether the race detector is on.
const raced = false
