package memory

import (
	"math/bits"
	"sync"
)

const nShards = 64

// shardOf picks a shard by the upper bits of a hash: the maps within the shards
// use the lower ones.
func shardOf(hash uint64) int { return int(hash >> 58) }

// A set of shards, one bit for each.
type set uint64

func (s *set) add(i int) { *s |= 1 << i }

// each calls f for the shards of the set by rising number, which is the order
// in which more than one is locked.
func (s set) each(f func(i int)) {
	for s != 0 {
		f(bits.TrailingZeros64(uint64(s)))
		s &= s - 1
	}
}

// A keeper is what the shards of keys have in common: a lock, and a queue of
// what they keep by expiry. It fills cache lines of its own with the shard
// around it, so that shards do not slow one another down.
type keeper[T queued] struct {
	mu    sync.RWMutex
	queue queue[T]
	_     [64]byte
}
