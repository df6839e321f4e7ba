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
)

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
