// Package bunstore keeps everything that Gatehouse keeps in an SQL database,
// through [Bun]. It is a whole [auth.Store], one that can be swept and that
// can put the host's own writes into the same transaction.
//
// Where to start: package open, next to this one, opens a database file and
// has the drivers. A host with a *bun.DB of its own gives it to [New]; this
// package imports no driver.
//
//	store, err := open.Open("file:app.db") // or bunstore.New(db, nil)
//	err = store.Migrate(ctx)               // creates or updates the tables
//	m, err := auth.New(store.Users(), store, nil)
//	defer store.Close()
//
// SQLite, PostgreSQL (12 or later), MySQL (8.0) and MariaDB (10.5) are
// supported, with any driver that Bun works with; package open has one for each.
//
// # Roles
//
// [Store.Roles] keeps what roles there are and who has which, for contrib/rbac and
// the command gatehouse role. [Where] turns what somebody may read, a
// [github.com/gatehouse-go/gatehouse/auth/policy.Condition], into a WHERE on a table of
// the host's.
//
// # What waits, and what has happened
//
// [Store.Outbox] keeps what has to be done later, above all mail, and [Store.Audit] what has
// happened to accounts. Claiming passes over what others are claiming, where the server can
// (PostgreSQL, MySQL, MariaDB from 10.6), and waits for them elsewhere.
//
// # Promises
//
//   - Nothing is read or written by [New]; [Store.Migrate] is called by the
//     host, or the host runs [Store.Migrations] with a tool of its own.
//   - All tables begin with a prefix. Columns are always named, so that a host
//     may add columns of its own, if they may be NULL or have a default (and on
//     MySQL none is AUTO_INCREMENT).
//   - Times are epoch milliseconds, NULL for the zero time: no zone of a server,
//     a connection or a driver matters, and the server's clock decides nothing.
//   - Strings are kept and compared byte for byte: BYTEA on PostgreSQL,
//     VARBINARY on MySQL, STRICT tables on SQLite.
//   - Every verb is decided by the rows that one statement affected. On MySQL
//     taking a ticket and counting are two statements in one transaction, the
//     first of which locks the row. So is claiming from the outbox, there and on
//     SQLite.
//   - What a database gives up because of others at the same time (a deadlock, a
//     serialization failure, a busy file) is done again up to eleven times
//     within five seconds, if it was a statement or a transaction of the store's
//     own.
//   - An error of the database wraps none of the errors of package auth: it is
//     an outage. An ended context is returned as its error.
//
// [Store.Check] examines whether the server, its settings and the schema are
// such that this holds.
//
// # Transactions
//
// [Store.InTx] runs several verbs, and what the host writes through
// [Store.DB], in one transaction. A host that has begun one of its own puts it
// into the context with [Store.WithTx], and every verb called with that
// context joins it.
//
// A deadlock in a transaction of the host's is an outage for one of those that
// met, and nothing of its transaction is kept, even if the host goes on.
//
// SQLite has one writer at a time. The verbs of one Store wait for one another
// in line; other writers of the file, in this process or another, are waited
// for by SQLite's busy_timeout, which a host that opens SQLite itself must
// set (package open does). Inside InTx, use the context it gives you: a verb
// called with another context would wait for the transaction to end.
//
// # Sizes
//
// A look-up, a user's list and ending all of a user's sessions are searches in
// an index: their cost depends on what they find, not on what else there is.
// On MySQL and SQLite tables are clustered by their keys, which are random for
// sessions: the table should fit into memory. [Store.Sweep] deletes what has
// expired in batches, by an index over the time; without it nothing goes wrong
// but the size.
//
// # Poolers
//
// A pooler that gives every transaction another connection, such as PgBouncer,
// needs [Options.NoPrepare] and a driver that prepares nothing by itself; see
// package open. Migrations work through it.
//
// # Query hooks
//
// The statements of the hot path, and all that carry Data of credentials and
// tickets, are prepared and executed through database/sql with their values
// bound: query hooks do not see them. Some others are made by Bun's
// query builder and seen by hooks, with the values in the text. No token is
// ever among them, as a store is only given digests, and no Data either.
//
// [Bun]: https://bun.uptrace.dev
package bunstore
