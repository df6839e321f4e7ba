// Package open opens a database by its name and makes a store of it. It has
// the drivers, so that package bunstore needs none: a host with a *bun.DB of
// its own does without this package, and without its drivers.
//
// Where to start: [Open], then [bunstore.Store.Migrate].
//
//	store, err := open.Open("file:app.db")
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
package open

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// Open opens the database that dsn names, see the package comment, and returns
// a store in it. It connects, so that a name that is wrong is an error here,
// but creates no tables: that is [bunstore.Store.Migrate]. Closing the store
// closes the database. The error never repeats dsn, which may hold a password.
func Open(dsn string) (*bunstore.Store, error) {
	db, err := DB(dsn)
	if err != nil {
		return nil, err
	}
	s, err := bunstore.New(db, &bunstore.Options{CloseDB: true})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// DB opens the database as [Open] does and returns it, for hosts that give
// [bunstore.New] options or use the database themselves. They close it.
func DB(dsn string) (*bun.DB, error) {
	scheme, _, found := strings.Cut(dsn, ":")
	switch {
	case found && scheme == "file":
		return openSQLite(dsn)
	case !found:
		return nil, errors.New(`open: no scheme in the name of the database; want "file:" and a path, for SQLite`)
	case scheme == "" || scheme == "memory":
		return nil, errors.New(`open: a database in memory is "file::memory:"; want "file:" and a path, for SQLite; a store without a database is package stores/memory`)
	}
	return nil, fmt.Errorf(`open: scheme %q is not supported; want "file:" and a path, for SQLite`, scheme)
}

// connectTimeout is for the first connection, which may find other processes
// doing the same.
const connectTimeout = 30 * time.Second

func openSQLite(dsn string) (*bun.DB, error) {
	dsn, memory, err := sqliteDSN(dsn)
	if err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("open: SQLite: %w", err)
	}
	db := sql.OpenDB(connector)
	// As many readers as can run, and two for those that wait. Connections
	// are kept: each has its statements prepared and its own cache.
	conns := max(4, runtime.GOMAXPROCS(0)+2)
	if memory {
		conns = 1 // another connection would be another database
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxLifetime(0)
	db.SetConnMaxIdleTime(0)

	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if err := connect(ctx, db); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open: SQLite: %w", err)
	}
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// connect makes the first connection. Turning on the write-ahead log needs the
// file for oneself and does not wait for it, so connect does.
func connect(ctx context.Context, db *sql.DB) error {
	const busy = 5 // SQLITE_BUSY
	for {
		err := db.PingContext(ctx)
		var e *sqlite.Error
		if err == nil || !errors.As(err, &e) || e.Code()&0xff != busy {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// sqliteDSN adds to dsn what it does not say itself.
func sqliteDSN(dsn string) (full string, memory bool, err error) {
	if strings.Contains(dsn, "#") {
		// SQLite would take the rest for a fragment and open another file.
		return "", false, errors.New(`open: SQLite: "#" in the name of the database; write it as %23, and % as %25`)
	}
	path, query, _ := strings.Cut(dsn, "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return "", false, errors.New("open: SQLite: malformed parameters in the name of the database")
	}
	path = strings.TrimPrefix(path, "file:")
	if path == "" && given.Get("mode") != "memory" {
		return "", false, errors.New(`open: SQLite: no path after "file:"`)
	}
	memory = path == ":memory:" || given.Get("mode") == "memory"

	pragmas := map[string]bool{}
	for _, p := range given["_pragma"] {
		name, _, _ := strings.Cut(strings.ReplaceAll(p, "(", "="), "=")
		pragmas[strings.ToLower(strings.TrimSpace(name))] = true
	}
	var add []string
	for _, d := range []struct {
		pragma, value string
		also          []string // the driver's own names for it
	}{
		{"busy_timeout", "10000", []string{"_busy_timeout", "_timeout"}},
		{"journal_mode", "wal", []string{"_journal_mode", "_journal"}},
		{"synchronous", "full", []string{"_synchronous", "_sync"}},
		{"foreign_keys", "on", []string{"_foreign_keys", "_fk"}},
	} {
		if pragmas[d.pragma] || given.Has(d.also[0]) || given.Has(d.also[1]) || memory && d.pragma == "journal_mode" {
			continue
		}
		add = append(add, "_pragma="+d.pragma+"("+d.value+")")
	}
	if !given.Has("_txlock") {
		add = append(add, "_txlock=immediate")
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + strings.Join(add, "&"), memory, nil
}
