package memory

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
)

// Options says how much a [Store] may keep. For each sort of thing 0 means
// 1,000,000, and a negative number that none may be kept. What happens at the
// bound is said in the package's documentation.
type Options struct {
	Sessions    int // about 500 bytes each
	Credentials int // about 500 bytes each, and their Data
	Tickets     int // about 500 bytes each, and their Data
	Counters    int // about 200 bytes each
}

// ErrFull is wrapped by the error of a write for which there is no room, after
// what has expired was deleted. It is an outage: nothing was written.
var ErrFull = errors.New("memory: full")

const defaultBound = 1_000_000

// A bound counts the things of one sort and says when there is no room.
type bound struct {
	sort string
	max  int64
	n    atomic.Int64
}

func (b *bound) init(sort string, limit int) {
	b.sort, b.max = sort, max(int64(cmp.Or(limit, defaultBound)), 0)
}

// reserve makes room for n more, or reports that there is none.
func (b *bound) reserve(n int) bool {
	for {
		was := b.n.Load()
		if n > 0 && was+int64(n) > b.max {
			return false
		}
		if b.n.CompareAndSwap(was, was+int64(n)) {
			return true
		}
	}
}

func (b *bound) release(n int) { b.n.Add(int64(-n)) }

func (b *bound) full() error {
	return fmt.Errorf("%w: no room for more than %d %s", ErrFull, b.max, b.sort)
}
