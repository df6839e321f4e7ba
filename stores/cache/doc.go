// Package cachestore remembers sessions for a moment, in the memory of one
// process, in front of a store that takes long to ask: a database across a
// network. Start with [New], and put what it returns where the sessions are:
//
//	sessions, err := cachestore.New(db, nil)
//	…
//	auth.New(users, auth.Combine(db, auth.Parts{Sessions: sessions}), opts)
//
// Most sites need none: to ask costs one round trip, and a request that does
// anything else has others. Nothing is remembered unless a host says so.
//
// # What it promises
//
// A session that is ended through this Store, by log-out, revocation, a change
// of credentials or whatever else the Manager does, is dead when that returns,
// for this process. A session that is ended elsewhere, by another process or
// by hand, is dead here [Options.TTL] later at the latest, counted from before the
// store was asked: that is the price, and its bound. The same holds for its
// binding having changed.
//
// What must not be a moment late does not ask a cache: the Manager finds the
// store behind it by [Store.Uncached], for [auth.Manager.RequireFresh] and
// [auth.Manager.Fresh], [auth.Manager.Recheck], [auth.Manager.Watch], and before it
// changes credentials. Lists of sessions are never from memory. Users are loaded
// with every request as ever, so one who is disabled is out at once.
//
// That a session is not there is not remembered: one that has just begun
// elsewhere is found at once, and forged cookies push nobody out. Neither is a
// failure. While the store is down who was here a moment ago is known for as long
// as a TTL, and nobody is after that.
//
// # How it works
//
// Sessions are spread over shards, each under a lock of its own. Of several that
// want the same session at once one asks the store, with its own context, and the
// others wait for the answer; if it gives up, another of them asks. An
// answer that was on its way while the session was written to is given to
// those who had asked before, and not remembered. A session is remembered
// until it would expire, and is never used beyond that: another process may
// have used it meanwhile, and given it more time.
//
// When another process writes down that a session was seen, the Version here is
// old: the next such write from here meets [auth.ErrConflict], which the Manager
// ignores, and the session is forgotten and read anew.
//
// There are never more than [Options.Sessions]. To make room the one goes that was
// read first, which would be of use for the shortest time. Each takes what the store
// below has made of it, and about 200 bytes more.
//
// # Transactions
//
// A read with a context that is in a transaction of the store's (it says so by
// InTransaction, as stores/bun does) is neither from memory nor remembered. What is
// ended in a transaction of the host's may be read by others, and remembered,
// until that is committed: to have it dead at once, end it again afterwards, as the
// Manager does.
package cachestore
