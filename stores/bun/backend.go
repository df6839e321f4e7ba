package bunstore

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/feature"
)

// A backend is what differs from database to database.
type backend struct {
	name      string
	dollars   bool // placeholders are $1, $2 …, not ?
	bytes     bool // strings are bound as bytes, since their columns are binary
	oneWriter bool // writers get in one another's way: let them stand in line
	mysql     bool // no RETURNING, no ON CONFLICT: see statement_mysql.go

	// isolation is that of InTx. Where a database offers several, it is the one
	// in which a verb sees what others have committed, as it does outside.
	isolation sql.IsolationLevel

	needs []feature.Feature
	ddl   func(prefix string) []Migration
	// transient reports whether the database gave up a statement or a
	// transaction, with nothing of it kept, only because of others at the same
	// time.
	transient func(error) bool
}

// backendOf says how to speak to db.
func backendOf(db *bun.DB) (backend, error) {
	var b backend
	conflict := []feature.Feature{feature.InsertOnConflict, feature.InsertReturning, feature.DeleteReturning}
	switch name := db.Dialect().Name(); name {
	case dialect.SQLite:
		b = backend{name: "sqlite", oneWriter: true, needs: conflict, ddl: sqliteSchema, transient: sqliteBusy}
	case dialect.PG:
		b = backend{name: "postgres", dollars: true, bytes: true, isolation: sql.LevelReadCommitted,
			needs: conflict, ddl: postgresSchema, transient: postgresConflict}
	case dialect.MySQL: // and MariaDB
		b = backend{name: "mysql", bytes: true, mysql: true, isolation: sql.LevelReadCommitted,
			needs: []feature.Feature{feature.InsertOnDuplicateKey, feature.DeleteOrderLimit}, ddl: mysqlSchema, transient: mysqlConflict}
	default:
		return backend{}, fmt.Errorf("bunstore: New: dialect %s of db is not supported: want SQLite, PostgreSQL or MySQL", name)
	}
	var errs []error
	for _, f := range b.needs {
		if !db.HasFeature(f) {
			errs = append(errs, fmt.Errorf("bunstore: New: dialect of db: %w", feature.NewNotSupportError(f)))
		}
	}
	return b, errors.Join(errs...)
}

// text returns s as it is bound to a column that holds text.
func (b *backend) text(s string) any {
	if b.bytes {
		return []byte(s)
	}
	return s
}

// texts returns ss as they are bound.
func (b *backend) texts(ss []string) []any {
	out := make([]any, len(ss))
	for i, s := range ss {
		out[i] = b.text(s)
	}
	return out
}

// rebind turns the placeholders of a statement into the backend's. Statements
// hold no question mark but placeholders.
func (b *backend) rebind(sql string) string {
	if !b.dollars {
		return sql
	}
	var out strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(sql, "?")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString("$" + strconv.Itoa(n))
		sql = after
	}
}

// ticketValues are the placeholders for a ticket's columns where the database
// is not told their types by the columns.
func (b *backend) ticketValues() string {
	if b.dollars {
		return "CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BYTEA), CAST(? AS BIGINT), CAST(? AS BIGINT)"
	}
	return "?, ?, ?, ?, ?, ?, ?"
}
