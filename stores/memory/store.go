package memory

import (
	"cmp"
	"hash/maphash"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Store is an [auth.Store] and an [auth.Sweeper] in memory. It is made by
// [New] and is safe for concurrent use.
type Store struct {
	sessions    sessions
	credentials credentials
	tickets     tickets
	counters    counters
}

var (
	_ auth.Store   = (*Store)(nil)
	_ auth.Sweeper = (*Store)(nil)
)

// New returns an empty store. opts may be nil.
func New(opts *Options) *Store {
	o := *cmp.Or(opts, &Options{})
	seed := maphash.MakeSeed() // nobody can choose keys that meet in one shard
	s := new(Store)
	s.sessions.init(seed, o.Sessions)
	s.credentials.init(seed, o.Credentials)
	s.tickets.init(seed, o.Tickets)
	s.counters.init(seed, o.Counters)
	return s
}
