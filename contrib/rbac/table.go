package rbac

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// A table has what each user was granted. Reading takes no lock and writes to
// nothing that others read, so it does not become slower with more processors. Writers
// go one after the other.
type table struct {
	seed    maphash.Seed
	buckets atomic.Pointer[[]atomic.Pointer[node]] // a power of two of them

	mu    sync.Mutex // of writers
	users int
}

// A node is what one user was granted, in a chain of those who share a bucket. Only
// resolved is ever changed: to change anything else is to put another in its place.
type node struct {
	hash     uint64
	user     string
	resolved atomic.Pointer[subject] // by the definitions that were asked for last
	next     *node
	grants   []Grant // in order; one at least
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	buckets := make([]atomic.Pointer[node], 8)
	t.buckets.Store(&buckets)
	return t
}

// find returns what the user was granted, or nil.
func (t *table) find(user string) *node {
	hash := maphash.String(t.seed, user)
	buckets := *t.buckets.Load()
	for n := buckets[hash&uint64(len(buckets)-1)].Load(); n != nil; n = n.next {
		if n.hash == hash && n.user == user {
			return n
		}
	}
	return nil
}

// put sets what the user was granted; nothing takes the user out. The caller
// holds t.mu.
func (t *table) put(user string, grants []Grant) {
	hash := maphash.String(t.seed, user)
	buckets := *t.buckets.Load()
	bucket := &buckets[hash&uint64(len(buckets)-1)]
	// The others in the bucket are put anew, and keep what they were resolved to.
	var chain *node
	there := false
	for n := bucket.Load(); n != nil; n = n.next {
		if n.hash == hash && n.user == user {
			there = true
			continue
		}
		chain = n.before(chain)
	}
	if len(grants) > 0 {
		chain = &node{hash: hash, user: user, grants: grants, next: chain}
	}
	switch {
	case !there && len(grants) > 0:
		t.users++
	case there && len(grants) == 0:
		t.users--
	}
	bucket.Store(chain)
	if t.users > len(buckets) {
		t.grow(buckets)
	}
}

func (n *node) before(next *node) *node {
	c := &node{hash: n.hash, user: n.user, grants: n.grants, next: next}
	c.resolved.Store(n.resolved.Load())
	return c
}

// grow doubles the buckets. Who is reading the old ones goes on to find what was
// there.
func (t *table) grow(old []atomic.Pointer[node]) {
	buckets := make([]atomic.Pointer[node], 2*len(old))
	for i := range old {
		for n := old[i].Load(); n != nil; n = n.next {
			bucket := &buckets[n.hash&uint64(len(buckets)-1)]
			bucket.Store(n.before(bucket.Load()))
		}
	}
	t.buckets.Store(&buckets)
}

// all calls yield with every user's grants, in no order.
func (t *table) all(yield func(grants []Grant) bool) {
	buckets := *t.buckets.Load()
	for i := range buckets {
		for n := buckets[i].Load(); n != nil; n = n.next {
			if !yield(n.grants) {
				return
			}
		}
	}
}

// in returns n in terms of definitions, and whether it is for the first time.
func (n *node) in(defs *definitions) (s *subject, first bool) {
	if s := n.resolved.Load(); s != nil && s.defs == defs {
		return s, false
	}
	s = resolve(defs, n.grants)
	n.resolved.Store(s)
	return s, true
}
