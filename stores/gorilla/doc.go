// Package gorillastore is a store for [gorilla/sessions] that keeps values on the
// server, for applications that have flash messages, carts and the like in gorilla
// sessions and use Gatehouse beside them. It is not for logins: those are
// Gatehouse's own sessions.
//
// Where to start: [New] makes a [Store] of a [Backend], which is one of [NewBun]
// (SQLite, PostgreSQL, MariaDB, MySQL), [NewRedis] and [NewMemory]. The rest of the
// application stays as it is:
//
//	table := gorillastore.NewBun(db, nil)
//	err := table.Migrate(ctx) // creates its table
//	store, err := gorillastore.New(table, nil)
//
//	session, err := store.Get(r, "cart") // an error is an outage: answer 503
//	session.Values["apples"] = 3
//	err = session.Save(r, w)
//
// docs/gorilla.md shows how to move here from gorilla's own stores, and has each of
// their pitfalls with what is done about it.
//
// # What is kept
//
// The browser has a cookie with a name for the record and 256 random bits, and
// nothing else: there is nothing in it to decode, to sign or to encrypt, so no keys
// and no securecookie. The backend has a digest of those bits, which is of no use to
// a client. A value is whatever the codec can encode, which by default is
// [encoding/gob]: a type that is more than a basic one or a slice of those, such as a
// struct, a map or a time.Time, is to be registered with [gob.Register], as with
// gorilla's stores. Clients cannot put gob of their own anywhere.
//
// # Promises
//
//   - Get and New never return nil. A cookie that is forged, unknown, of another
//     session, expired or there twice is a new session, and no error. An error is
//     an outage, or stored values that cannot be read (wraps [ErrDecode]). Such a
//     session is empty and cannot be saved, so that whoever ignores the error does
//     not lose what is stored.
//   - A visitor without values costs nothing: no row, no cookie, no write.
//   - Saving what has not changed writes nothing, but for noting once a minute that
//     the session is used, which reading does as well.
//   - Requests in parallel lose nothing of one another: what one of them changed is
//     applied to what is stored by then, key by key. See [Options.Merge] for the
//     same key.
//   - A record that has been deleted is never brought back: [ErrGone].
//   - The server decides when a session ends, by [Options.IdleTimeout] and
//     [Options.Lifetime]; the cookie's MaxAge is for the browser.
//   - Of a session's own Options only MaxAge counts. What else cookies are made with
//     is the store's, the same when set and when deleted.
//
// # What it cannot do
//
// As with every gorilla store, a cookie has to be set before the response's header is
// written, and there is no wrapper here that notices: a new session that is saved
// later is lost, silently but for writers that say so (see [ErrHeaderSent]). Changes
// to a session that the browser already has are kept even then.
//
// [gorilla/sessions]: https://pkg.go.dev/github.com/gorilla/sessions
package gorillastore
