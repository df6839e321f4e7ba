package bunstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// A migrator reads and changes the schema on one connection.
type migrator struct {
	s *Store
	q interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

type appliedStep struct {
	group int64
	at    time.Time
}

// The tables are those that Bun's migrator would make, so that what an earlier
// release made is gone on with. MySQL is not given a time of its own zone.
var migrationsTable = map[string]string{
	"sqlite": `CREATE TABLE IF NOT EXISTS {p}migrations (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE,
	group_id INTEGER NOT NULL, migrated_at TIMESTAMP NOT NULL DEFAULT current_timestamp)`,
	"postgres": `CREATE TABLE IF NOT EXISTS {p}migrations (id BIGSERIAL NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE,
	group_id BIGINT NOT NULL, migrated_at TIMESTAMPTZ NOT NULL DEFAULT current_timestamp)`,
	"mysql": `CREATE TABLE IF NOT EXISTS {p}migrations (name VARBINARY(255) NOT NULL PRIMARY KEY,
	group_id BIGINT NOT NULL, migrated_at BIGINT NOT NULL) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
}

func (m *migrator) sql(q string) string {
	return m.s.backend.rebind(m.s.named(q))
}

func (m *migrator) createTable(ctx context.Context) error {
	_, err := m.q.ExecContext(ctx, m.sql(migrationsTable[m.s.backend.name]))
	return err
}

func (m *migrator) hasTable(ctx context.Context) (bool, error) {
	q := map[string]string{
		"sqlite":   `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '{p}migrations'`,
		"postgres": `SELECT count(to_regclass('{p}migrations'))`,
		"mysql":    `SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{p}migrations'`,
	}
	rows, err := m.q.QueryContext(ctx, m.sql(q[m.s.backend.name]))
	if err != nil {
		return false, err
	}
	var n intColumn
	_, err = one(rows, &n)
	return n != 0, err
}

func (m *migrator) applied(ctx context.Context) (map[string]appliedStep, error) {
	rows, err := m.q.QueryContext(ctx, m.sql(`SELECT name, group_id, migrated_at FROM {p}migrations`))
	if err != nil {
		return nil, err
	}
	applied := map[string]appliedStep{}
	err = each(rows, func(rows *sql.Rows) error {
		var name string
		var a appliedStep
		if err := rows.Scan(&name, (*intColumn)(&a.group), (*stampColumn)(&a.at)); err != nil {
			return err
		}
		applied[name] = a
		return nil
	})
	return applied, err
}

func (m *migrator) mark(ctx context.Context, name string, group int64) error {
	var at any
	switch now := m.s.now().UTC(); m.s.backend.name {
	case "sqlite":
		at = now.Format(time.DateTime)
	case "mysql":
		at = now.UnixMilli()
	default:
		at = now
	}
	_, err := m.q.ExecContext(ctx, m.sql(`INSERT INTO {p}migrations (name, group_id, migrated_at) VALUES (?, ?, ?)`), name, group, at)
	return err
}

func (m *migrator) unmark(ctx context.Context, name string) error {
	_, err := m.q.ExecContext(ctx, m.sql(`DELETE FROM {p}migrations WHERE name = ?`), name)
	return err
}

func (m *migrator) run(ctx context.Context, step Migration, list []string) error {
	for _, q := range list {
		if _, err := m.q.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("step %s (%s): %w", step.Name, step.Comment, err)
		}
	}
	return nil
}

// alone runs f while no other process does. On SQLite and PostgreSQL it is one
// transaction, all of f or nothing: also through a pooler that gives every
// transaction another connection. MySQL commits every statement by itself, and
// there it is a lock of the connection.
func (m *migrator) alone(ctx context.Context, conn *sql.Conn, f func() error) error {
	enter, leave, undo := []string{"BEGIN IMMEDIATE"}, "COMMIT", "ROLLBACK"
	sum := sha256.Sum256([]byte("gatehouse migrations " + m.s.prefix))
	switch m.s.backend.name {
	case "postgres":
		enter = []string{"BEGIN ISOLATION LEVEL READ COMMITTED", fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(binary.BigEndian.Uint64(sum[:])))}
	case "mysql":
		// Such locks are the server's: the name of the database is in it.
		name := "SHA1(CONCAT('" + hex.EncodeToString(sum[:8]) + "', DATABASE()))"
		if err := m.getLock(ctx, name); err != nil {
			discard(conn)
			return err
		}
		enter, leave = nil, "DO RELEASE_LOCK("+name+")"
		undo = leave
	}
	out := func(q string) error {
		_, err := m.q.ExecContext(context.WithoutCancel(ctx), q)
		if err != nil {
			discard(conn)
		}
		return err
	}
	for _, q := range enter {
		if _, err := m.q.ExecContext(ctx, q); err != nil {
			_ = out(undo)
			return err
		}
	}
	done := false
	defer func() {
		if !done { // f panicked
			_ = out(undo)
		}
	}()
	err := f()
	done = true
	if err != nil {
		_ = out(undo)
		return err
	}
	return out(leave)
}

// longestMigration is how long one waits for another to migrate, on MySQL.
const longestMigration = 10 * time.Minute

func (m *migrator) getLock(ctx context.Context, name string) error {
	for start := time.Now(); ; {
		rows, err := m.q.QueryContext(ctx, "SELECT GET_LOCK("+name+", 5)")
		if err != nil {
			return err
		}
		var got intColumn
		if _, err := one(rows, &got); err != nil {
			return err
		}
		switch {
		case got == 1:
			return nil
		case time.Since(start) > longestMigration:
			return fmt.Errorf("another process has been migrating for %v", longestMigration)
		}
	}
}

// discard keeps conn from being used again, which ends what it has locked.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
