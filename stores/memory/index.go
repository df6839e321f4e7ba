package memory

import (
	"hash/maphash"
	"sync"
)

// An indexed thing belongs to a user and knows its neighbours among the things
// of that user.
type indexed[T any] interface {
	queued
	owner() string
	links() *links[T]
}

type links[T any] struct{ prev, next T }

// An index has the things of each user, the newest first. What belongs to
// nobody, the user "", is not in it. It is spread over shards by user. Its locks are taken after those of shards of keys.
type index[T indexed[T]] struct {
	seed   maphash.Seed
	shards [nShards]users[T]
}

// users is a shard of an index. The methods but those of mu expect it locked.
type users[T indexed[T]] struct {
	mu   sync.RWMutex
	head map[string]T
	_    [64]byte
}

func (x *index[T]) init(seed maphash.Seed) {
	x.seed = seed
	for i := range x.shards {
		x.shards[i].head = make(map[string]T)
	}
}

func (x *index[T]) number(user string) int { return shardOf(maphash.String(x.seed, user)) }

func (x *index[T]) of(user string) *users[T] { return &x.shards[x.number(user)] }

// all returns the things of the user that ok accepts, the newest first.
func (x *index[T]) all(user string, ok func(T) bool) []T {
	u := x.of(user)
	u.mu.RLock()
	defer u.mu.RUnlock()
	return u.all(user, ok)
}

func (u *users[T]) all(user string, ok func(T) bool) []T {
	var all []T
	var none T
	for t := u.head[user]; t != none; t = t.links().next {
		if ok(t) {
			all = append(all, t)
		}
	}
	return all
}

func (x *index[T]) remove(t T) {
	if t.owner() == "" {
		return // and no lock that all of nobody's things would share
	}
	u := x.of(t.owner())
	u.mu.Lock()
	u.remove(t)
	u.mu.Unlock()
}

func (u *users[T]) add(t T) {
	if t.owner() == "" {
		return
	}
	var none T
	head := u.head[t.owner()]
	if head != none {
		head.links().prev = t
	}
	*t.links() = links[T]{next: head}
	u.head[t.owner()] = t
}

func (u *users[T]) remove(t T) {
	if t.owner() == "" {
		return
	}
	var none T
	l := t.links()
	if l.next != none {
		l.next.links().prev = l.prev
	}
	switch {
	case l.prev != none:
		l.prev.links().next = l.next
	case l.next != none:
		u.head[t.owner()] = l.next
	default:
		delete(u.head, t.owner())
	}
	*l = links[T]{} // who still holds t does not hold its neighbours
}

// replace puts t in the place of old, of the same user.
func (u *users[T]) replace(old, t T) {
	var none T
	l := t.links()
	*l = *old.links()
	*old.links() = links[T]{}
	if l.next != none {
		l.next.links().prev = t
	}
	if l.prev != none {
		l.prev.links().next = t
	} else {
		u.head[t.owner()] = t
	}
}
