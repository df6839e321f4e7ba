// Package open opens a database by its name and makes a store of it. It has
// the drivers, so that package bunstore needs none: a host with a *bun.DB of
// its own does without this package, and without its drivers.
//
// Where to start: [Open], then [bunstore.Store.Migrate].
//
//	store, err := open.Open("file:app.db")
//	store, err := open.Open("postgres://app:secret@db.example.com/app")
//	store, err := open.Open("mysql://app:secret@db.example.com/app?tls=true")
//
// # SQLite
//
// "file:" and a path, with SQLite's URI parameters and those of the driver,
// [modernc.org/sqlite], which needs no cgo. In the path, "?", "#" and "%" are
// written %3f, %23 and %25. The file is created if it is not there; its folder
// is not. Unless the name says otherwise,
//
//   - the journal is a write-ahead log (_pragma=journal_mode(wal)): readers do
//     not wait for the writer;
//   - every commit reaches the disk before it is acknowledged
//     (_pragma=synchronous(full)), so that a log-out or a new password
//     survives a loss of power. With _pragma=synchronous(normal) commits are
//     faster and survive the death of the process, but the last ones may be
//     undone by a loss of power;
//   - who finds the file locked waits for ten seconds
//     (_pragma=busy_timeout(10000)) before that is an error;
//   - foreign keys are enforced (_pragma=foreign_keys(on));
//   - transactions begin as writers (_txlock=immediate), since one that reads
//     first could fail when it then writes.
//
// "file::memory:" and "file:name?mode=memory" live in memory as long as the
// store, on a single connection, which is for tests: there, a transaction
// keeps everything else waiting.
//
// # PostgreSQL
//
// "postgres://" or "postgresql://" and user:password@host:port/database, with
// the parameters of libpq and of the driver, [github.com/jackc/pgx/v5]. What
// the name does not say, the driver takes from where libpq does: PGPASSWORD
// and its like, and the file ~/.pgpass. With several hosts and
// target_session_attrs=read-write, a failover is followed. Unless the name
// says otherwise,
//
//   - TLS is used if the server offers it (sslmode=prefer); a server that is
//     not on this machine wants sslmode=verify-full;
//   - connecting may take ten seconds (connect_timeout=10);
//   - the connection says whose it is (application_name=gatehouse).
//
// A pooler that gives every transaction another connection, such as PgBouncer
// in its mode "transaction", cannot keep prepared statements unless it is told
// to (max_prepared_statements, from 1.21). Without, say
// default_query_exec_mode=exec: then nothing is prepared, neither by the driver
// nor by the store, at the price of planning each query anew. A host that uses
// [DB] sets Options.NoPrepare of package bunstore too.
//
// # MySQL and MariaDB
//
// "mysql://" or "mariadb://" and user:password@host:port/database, with the
// parameters of the driver, [github.com/go-sql-driver/mysql], among them
// variables of the server for the session, whose values are in quotes if they
// are text. A socket is named by the parameter socket=/path instead of a host.
// MySQL 8.0 and MariaDB 10.5 or later are supported. Unless the name says
// otherwise,
//
//   - TLS is used if the server offers it, whoever that is (tls=preferred); a
//     server that is not on this machine wants tls=true, which checks its
//     certificate;
//   - connecting may take ten seconds (timeout=10s);
//   - sql_mode is that of MySQL 8.0: strict, nothing is cut off;
//   - times are UTC on both sides (loc=UTC, parseTime=true, time_zone='+00:00'),
//     which the store does not need, and the host's own tables may;
//   - the connection is utf8mb4;
//   - who waits for a row gives up after ten seconds
//     (innodb_lock_wait_timeout=10): the server does not see that a client who
//     waits has gone, and keeps all that it has locked;
//   - a connection to a server that has become read-only is given up
//     (rejectReadOnly=true), so that a failover is followed.
//
// Values are sent apart from statements (interpolateParams=false), and the
// store does not depend on clientFoundRows.
//
// # Connections
//
// On PostgreSQL and MySQL at most 20 connections are open, or as many as
// pool_max_conns says, a parameter of this package. They are kept: each has
// its statements prepared. None is kept for longer than five minutes, so that
// after a failover none is left with the old server. A connection that broke
// is replaced when it is next needed: a server that was restarted is found
// again without doing anything.
package open

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// Open opens the database that dsn names, see the package comment, and returns
// a store in it. It connects, so that a name that is wrong is an error here,
// but creates no tables: that is [bunstore.Store.Migrate]. Closing the store
// closes the database. The error never repeats dsn, which may hold a password.
func Open(dsn string) (*bunstore.Store, error) {
	db, noPrepare, err := openDB(dsn)
	if err != nil {
		return nil, err
	}
	s, err := bunstore.New(db, &bunstore.Options{CloseDB: true, NoPrepare: noPrepare})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// DB opens the database as [Open] does and returns it, for hosts that give
// [bunstore.New] options or use the database themselves. They close it.
func DB(dsn string) (*bun.DB, error) {
	db, _, err := openDB(dsn)
	return db, err
}

const wants = `want "file:" and a path, for SQLite, "postgres://" or "mysql://"`

func openDB(dsn string) (db *bun.DB, noPrepare bool, err error) {
	scheme, rest, found := strings.Cut(dsn, ":")
	switch {
	case found && scheme == "file":
		db, err = openSQLite(dsn)
		return db, false, err
	case !found:
		return nil, false, errors.New(`open: no scheme in the name of the database; ` + wants)
	case scheme == "" || scheme == "memory":
		return nil, false, errors.New(`open: a database in memory is "file::memory:"; ` + wants + `; a store without a database is package stores/memory`)
	}
	var open func(*serverName) (*bun.DB, bool, error)
	var what string
	switch scheme {
	case "postgres", "postgresql":
		open, what = openPostgres, "PostgreSQL"
	case "mysql", "mariadb":
		open, what = openMySQL, "MySQL"
	default:
		return nil, false, fmt.Errorf(`open: scheme %q is not supported; `+wants, scheme)
	}
	name, err := parseServer(scheme, rest)
	if err == nil {
		db, noPrepare, err = open(name)
	}
	if err != nil {
		return nil, false, fmt.Errorf("open: %s: %w", what, err)
	}
	return db, noPrepare, nil
}

const (
	// connectTimeout is for the first connection, which may find other
	// processes doing the same.
	connectTimeout = 30 * time.Second
	dialTimeout    = 10 * time.Second

	// poolConns is small enough for four processes within PostgreSQL's default
	// of 100 connections, and as many as keep a few cores busy.
	poolConns    = 20
	connLifetime = 5 * time.Minute
)

// connectPool sets the limits of db and makes the first connection.
func connectPool(db *sql.DB, conns int) error {
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxLifetime(connLifetime)
	db.SetConnMaxIdleTime(0)
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	return db.PingContext(ctx)
}
