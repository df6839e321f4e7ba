// Package redisstore keeps sessions, tickets and counters in Redis 6.2 or newer,
// or in Valkey: on one server, a primary with replicas, or a cluster.
//
// Where to start: [Open] takes a URL, [New] a client of go-redis that the host
// has. Credentials are not for Redis, so put the store beside one that keeps
// them:
//
//	sessions, err := redisstore.Open("redis://127.0.0.1:6379/0", nil)
//	store := auth.Combine(sql, auth.Parts{Sessions: sessions, Tickets: sessions, Limiter: sessions})
//	m, err := auth.New(users, store, nil)
//	defer sessions.Close()
//
// [Store.Check] says whether the server is set up as the promises below need
// it; "gatehouse doctor" prints that.
//
// # What the server must be set to
//
//   - maxmemory-policy noeviction, wherever maxmemory is set. What is evicted
//     here is not a cache: without the index of a user, sessions live on that
//     nobody can revoke, and a counter that begins anew lets passwords be
//     guessed. A server that is full refuses to write: nobody can log in, who
//     is logged in stays so and can log out.
//   - appendonly yes and appendfsync always, for nothing acknowledged to be
//     lost. With everysec a crash loses about a second, with snapshots
//     everything since the last one: logins, which is a nuisance, and log-outs,
//     which is a danger. Sessions that were logged out or revoked are back, and
//     good until they expire.
//   - Or no persistence at all (save "" and appendonly no). When the server
//     ends, everybody is logged out and what was counted begins anew; nobody
//     comes back. This is safe, and fast.
//   - With replicas, min-replicas-to-write 1. Replication is asynchronous, so a
//     failover may lose what was acknowledged last, and bring back who was
//     logged out; this bounds it. The store does not WAIT for replicas.
//
// A user of the server's access list needs the keys ~gatehouse:* (or of another
// prefix) and
//
//	+hello +select +ping +get +set +del +eval +evalsha +zrange +exists +getrange
//	+setrange +pexpireat +persist +zadd +zrem +zscore +zrevrange
//	+zremrangebyscore +time, for Check +info +config|get, and on a cluster
//	+cluster +command
//
// A host that cannot have what is above and must not have anybody back lets the user's
// AuthVersion change when sessions are revoked: that is kept with the users.
//
// # Promises
//
//   - A session is looked up by one GET, alone or in a round trip with those of
//     others: see below.
//   - Every verb is one atomic step on one server, but for those of several
//     sessions or counters and CreateSession, which are made of such steps in
//     an order in which any of them may be the last: see below.
//   - What is read is what was written last: [New] refuses clients that read
//     from replicas or from a cache of theirs.
//   - What must happen once is sent once: no client sends it again if the reply
//     was lost, whatever its MaxRetries. Then the verb fails, and it is not
//     known whether it was done. So it is with DeleteSession, UpdateSession,
//     TakeTicket, PutTicket, Count, and the first step of CreateSession. Only
//     what may be done twice is sent again.
//   - An error of the server wraps none of the errors of package auth: it is an
//     outage. An ended context is returned as its error. A deadline is obeyed
//     while waiting for a reply; a context that is canceled without one is
//     noticed after the reply or the client's ReadTimeout.
//   - No error has a password in it. go-redis itself writes lost connections to
//     standard error; a program can turn that off with its SetLogger.
//
// # Keys
//
// After [Options.Prefix], where words in capitals are digests:
//
//	:s:ID           a session: a string, about 300 bytes
//	:u:USER         a user's sessions: a sorted set of IDs, by when they end
//	:c:KEY          a counter
//	:{t}:k:TICKET   a ticket
//	:{t}:s:SLOT     the ticket that has a slot
//	:{t}:u:USER     a user's tickets
//
// So nobody who chooses a name chooses where in a cluster it is, and names of
// keys hold no address of a user. Values hold user IDs. All that is of tickets
// shares one slot of a cluster, so that every verb of tickets is atomic: one
// server does them for all the site. They are of logins, not of requests, so
// it is a cluster's smallest worry. Its scripts use keys that they do not
// name, which Redis and Valkey allow within a slot. While that slot moves from one
// server to another, key by key, tickets can be loaded, and all else that is done
// with them is an outage.
//
// # Sessions on a cluster
//
// A session and the index of its user are on different servers, which nothing
// changes in one step; it is done in the same way on one server. A session is
// written so that it is not found yet, then entered into the index, then
// found: CreateSession is three round trips. Deleting a user's sessions marks
// the entries, deletes the sessions, and then removes the entries; if somebody
// else has deleted one of them meanwhile, who may have put another in its place,
// it begins again. Whoever
// stops in between leaves a session that is in the index, or an entry of no
// session, which the next to look removes. So there is never a session that its user
// cannot see and revoke, and DeleteUserSessions never leaves one over whose
// creation was finished. Two things are not as atomic as they are in SQL:
//
//   - While DeleteUserSessions runs, a session that is no longer in the list
//     may still be loaded. When it has returned none can. If it fails, the
//     marks stay, and the next call of it or of UserSessions finishes the work.
//   - CreateSession may return nil although the user's sessions were deleted
//     meanwhile, and this one with them.
//
// docs/decisions/0009-sessions-in-redis.md says why.
//
// # Many at once
//
// Where the client is of one server or a failover group (a *redis.Client), calls
// of LoadSession that come while another is under way wait for it, and then go in
// one round trip, at most 128. Many at once cost a fraction of what they would
// alone; one alone costs what it always has. It takes no goroutines.
//
//   - What was written before a call is what the call reads: no GET answers a
//     call that came after it was sent. A session that was revoked is gone at
//     once.
//   - Nobody waits for a connection that is stuck, if others keep coming: a call
//     that comes a quarter of a millisecond after the last round trip has begun
//     begins another, and takes along who waits. If none comes, they wait until
//     the client's timeouts end the first. So on a slow network a call may take
//     twice as long as the round trip.
//   - Who waits and whose context ends leaves at once. Who sends for others is
//     one whose deadline is not before theirs; that its context is canceled is
//     nothing to them. Without a deadline the client's timeouts are the bound, as
//     they are alone.
//   - A key that cannot be read is an error of its caller only. A connection that
//     is lost is an outage to all who shared it, after the client's retries.
//   - The client's hooks see a pipeline of GETs, with the context of who sends it.
//
// On a cluster each goes alone, so that a server that is down keeps only those
// whose sessions are there.
//
// # Expiry
//
// Every key that ends has a lifetime in Redis, so there is nothing to sweep:
// the store is no [auth.Sweeper]. Lifetimes are durations by the clock of the
// caller, from the times in what is written, and [Options.Slack] longer. They
// decide nothing: whether something has expired is for the caller to say, and
// until the slack has passed it can. Hosts whose clocks differ by ten minutes,
// or are decades away from Redis', log nobody out early. What never expires is
// kept until it is deleted.
//
// # Size
//
// A user with one session takes about 560 bytes in Redis 7.0, tables included:
// a session with one proof 300, its user's index 170. Each further session of
// a user takes 60 bytes in the index. Ten million users with a session each
// are 5.6 GB; leave as much again for a rewrite of the append-only file in the
// worst case. A ticket with a user and a slot takes about 550 bytes and its
// data, a counter 140. A ticket or counter that nobody comes back for is there
// for its own life and the slack.
package redisstore
