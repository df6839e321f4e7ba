// Package memory keeps everything that Gatehouse keeps in the memory of one
// process. Start with [New]; a host that has no users table of its own starts
// with [NewUsers] as well.
//
// It is for sites of one process that may log everybody out when they restart,
// and for tests. Nothing is written to disk: what registers here is gone with
// the process.
//
// # How it is built
//
// Everything is spread over 64 shards, each under a lock of its own. A shard
// has what it keeps under its key, and a queue of the same by expiry. Beside
// the shards are indexes: of users, and of the slots of tickets. Locks are
// always taken in one order: shards of keys by rising number, then users by
// rising number, then a slot.
//
// Loading a session costs one hash, one shared lock and no allocation. A
// session with one proof takes about 500 bytes, its place in every index
// included; strings that many sessions have in common are kept once.
//
// # What is bounded, and what happens at the bound
//
// Every sort of thing has a bound, see [Options]. Nothing that is still good
// is ever thrown out to make room: that would let whoever fills the store log
// other people out, or begin a limiter's count anew. What has expired is
// deleted; if that frees nothing, the call fails with [ErrFull], which is an
// outage like any other:
//
//   - At the bound of sessions nobody new can log in. Who is logged in stays so.
//   - At the bound of credentials nothing can be registered. What is there can
//     be replaced and deleted.
//   - At the bound of tickets no flow that needs one can begin. A ticket that
//     replaces another in its slot needs no room.
//   - At the bound of counters, counting under a new key fails, and so does
//     what should be limited by it. Counters that are there go on counting: a
//     full limiter is never an unlimited one.
//
// # Sweeping
//
// Each write deletes a few things of its own shard that expired more than ten
// minutes before it, if the shard has more than 64. The store reads no clock:
// the time is the one in what is written. [Store.Sweep], called by the
// Manager's Run, deletes the rest, a few at a time, so that no reader waits for
// long. A store that nobody sweeps is untidy, not wrong.
package memory
