package gorillastore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/gatehouse-go/gatehouse/auth"
)

// BunOptions are what is optional for [NewBun]. The zero value is good.
type BunOptions struct {
	// Prefix begins the name of the table and its indexes: lower-case letters,
	// digits and underscores, not a digit first, at most 32 bytes. Default
	// "gatehouse_", for a table gatehouse_gorilla.
	Prefix string
	// NoPrepare keeps no prepared statements, for poolers such as PgBouncer that give
	// every statement another connection.
	NoPrepare bool
}

// Bun is a [Backend] in an SQL database: SQLite, PostgreSQL, MariaDB or MySQL. It
// has one table. Make one with [NewBun], and the table with [Bun.Migrate].
//
// Every verb is one statement, and one more to find out why an update did nothing.
// They go around Bun's query builder, with their values bound: query hooks do not
// see them. On SQLite, give the database a busy_timeout (package stores/bun/open
// does), since there is one writer at a time.
type Bun struct {
	db     *bun.DB
	opts   BunOptions
	mysql  bool
	dollar bool
	err    error

	load, create, update, version, delete, sweep statement
}

// A statement is SQL that is prepared when it is first used.
type statement struct {
	sql      string
	prepared atomic.Pointer[sql.Stmt]
}

var _ Backend = (*Bun)(nil)

const bunColumns = "id, digest, user_id, data, version, seen_at, renewed_at, ends_at, expires_at"

var prefixPattern = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,31}$`)

// NewBun returns a backend in db, which the host goes on owning; opts may be nil. It
// does not touch the database and does not fail, so that it can stand in the
// arguments of [New], which asks [Bun.Validate].
func NewBun(db *bun.DB, opts *BunOptions) *Bun {
	b := &Bun{db: db}
	if opts != nil {
		b.opts = *opts
	}
	if b.opts.Prefix == "" {
		b.opts.Prefix = "gatehouse_"
	}
	var errs []error
	if !prefixPattern.MatchString(b.opts.Prefix) {
		errs = append(errs, fmt.Errorf("gorillastore: BunOptions.Prefix %q: want lower-case letters, digits and underscores, no digit first, at most 32 bytes", b.opts.Prefix))
	}
	if db == nil {
		errs = append(errs, errors.New("gorillastore: NewBun: db is nil: give it a *bun.DB"))
	} else {
		name := db.Dialect().Name()
		b.mysql, b.dollar = name == dialect.MySQL, name == dialect.PG
		if schemas[name] == nil {
			errs = append(errs, fmt.Errorf("gorillastore: NewBun: dialect %s of db is not supported: want SQLite, PostgreSQL or MySQL", name))
		}
	}
	if b.err = errors.Join(errs...); b.err != nil {
		return b
	}
	set := func(st *statement, sql string) {
		st.sql = b.rebind(strings.ReplaceAll(sql, "{t}", b.opts.Prefix+"gorilla"))
	}
	set(&b.load, `SELECT `+bunColumns+` FROM {t} WHERE id = ?`)
	set(&b.create, `INSERT INTO {t} (`+bunColumns+`) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)`)
	set(&b.update, `UPDATE {t} SET digest = ?, user_id = ?, data = ?, version = version + 1, seen_at = ?, renewed_at = ?, ends_at = ?, expires_at = ? WHERE id = ? AND version = ?`)
	set(&b.version, `SELECT version FROM {t} WHERE id = ?`)
	set(&b.delete, `DELETE FROM {t} WHERE id = ?`)
	if b.mysql {
		set(&b.sweep, `DELETE FROM {t} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`)
	} else { // the time is compared again: what was touched meanwhile stays
		set(&b.sweep, `DELETE FROM {t} WHERE id IN (SELECT id FROM {t} WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) AND expires_at <= ?`)
	}
	return b
}

// Validate returns what is wrong with what [NewBun] was given, or nil.
func (b *Bun) Validate() error { return b.err }

// SQL returns the statements that make the table, for a host that makes its schema
// with a tool of its own. Each does nothing if it has been done. None if Validate
// returns an error.
func (b *Bun) SQL() []string {
	if b.err != nil {
		return nil
	}
	return schemaOf(b.db.Dialect().Name(), b.opts.Prefix)
}

// Migrate makes the table, if it is not there. Any number of processes may call it at
// the same time, and again.
func (b *Bun) Migrate(ctx context.Context) error {
	if b.err != nil {
		return b.err
	}
	var err error
	for try := range 10 { // SQLite may be busy, and the other two meet at their catalogs
		if try > 0 {
			select {
			case <-ctx.Done():
				return outage(ctx, "migrate", err)
			case <-time.After(time.Duration(try) * 10 * time.Millisecond):
			}
		}
		if err = b.migrate(ctx); err == nil {
			return nil
		}
	}
	return outage(ctx, "migrate", err)
}

func (b *Bun) migrate(ctx context.Context) error {
	for _, stmt := range b.SQL() {
		// Around Bun, which would look for placeholders.
		if _, err := b.db.DB.ExecContext(ctx, stmt); err != nil {
			return err
		}
	}
	return nil
}

// Close gives back the prepared statements, and leaves the database open. It is for
// hosts that make more than one Bun; afterwards statements are prepared again.
func (b *Bun) Close() error {
	var errs []error
	for _, st := range []*statement{&b.load, &b.create, &b.update, &b.version, &b.delete, &b.sweep} {
		if p := st.prepared.Swap(nil); p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}

// Load implements [Backend].
func (b *Bun) Load(ctx context.Context, id ID) (*Record, error) {
	r := Record{ID: id}
	var key, digest, user []byte
	var seen, renewed, ends, expires int64
	found, err := b.one(ctx, &b.load, []any{id[:]}, &key, &digest, &user, &r.Data, &r.Version, &seen, &renewed, &ends, &expires)
	if err != nil {
		return nil, outage(ctx, "load", err)
	}
	if !found {
		return nil, auth.ErrNotFound
	}
	copy(r.Digest[:], digest)
	r.UserID = string(user)
	r.SeenAt, r.RenewedAt, r.EndsAt, r.ExpiresAt = ofMillis(seen), ofMillis(renewed), ofMillis(ends), ofMillis(expires)
	return &r, nil
}

// Create implements [Backend].
func (b *Bun) Create(ctx context.Context, r *Record) error {
	_, err := b.exec(ctx, &b.create, r.ID[:], r.Digest[:], userBytes(r.UserID), r.Data,
		millis(r.SeenAt), millis(r.RenewedAt), millis(r.EndsAt), millis(r.ExpiresAt))
	if err != nil {
		return outage(ctx, "create", err)
	}
	return nil
}

// Update implements [Backend].
func (b *Bun) Update(ctx context.Context, r *Record) error {
	n, err := b.exec(ctx, &b.update, r.Digest[:], userBytes(r.UserID), r.Data,
		millis(r.SeenAt), millis(r.RenewedAt), millis(r.EndsAt), millis(r.ExpiresAt), r.ID[:], r.Version)
	if err != nil {
		return outage(ctx, "update", err)
	}
	if n > 0 {
		return nil
	}
	var version int64
	found, err := b.one(ctx, &b.version, []any{r.ID[:]}, &version)
	switch {
	case err != nil:
		return outage(ctx, "update", err)
	case !found:
		return auth.ErrNotFound
	}
	return auth.ErrConflict
}

// Delete implements [Backend].
func (b *Bun) Delete(ctx context.Context, id ID) error {
	n, err := b.exec(ctx, &b.delete, id[:])
	if err != nil {
		return outage(ctx, "delete", err)
	}
	if n == 0 {
		return auth.ErrNotFound
	}
	return nil
}

// DeleteUser implements [Backend].
func (b *Bun) DeleteUser(ctx context.Context, userID string, except ...ID) error {
	if userID == "" {
		return nil
	}
	query, args := "DELETE FROM "+b.opts.Prefix+"gorilla WHERE user_id = ?", []any{[]byte(userID)}
	if len(except) > 0 {
		query += " AND id NOT IN (?" + strings.Repeat(", ?", len(except)-1) + ")"
		for _, id := range except {
			args = append(args, id[:])
		}
	}
	query = b.rebind(query)
	if _, err := again(func() (sql.Result, error) { return b.db.DB.ExecContext(ctx, query, args...) }); err != nil {
		return outage(ctx, "delete those of a user", err)
	}
	return nil
}

// Sweep implements [Backend].
func (b *Bun) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, outage(ctx, "sweep", err)
	}
	if limit <= 0 {
		return 0, nil
	}
	args := []any{now.UnixMilli(), limit}
	if !b.mysql {
		args = append(args, now.UnixMilli())
	}
	n, err := b.exec(ctx, &b.sweep, args...)
	if err != nil {
		return 0, outage(ctx, "sweep", err)
	}
	return int(n), nil
}

// userBytes returns the ID as it is bound: NULL for nobody, which is in no index.
func userBytes(id string) any {
	if id == "" {
		return nil
	}
	return []byte(id)
}

// one runs a query and scans its only row, if there is one.
func (b *Bun) one(ctx context.Context, st *statement, args []any, dest ...any) (found bool, err error) {
	var row *sql.Row
	if b.opts.NoPrepare {
		row = b.db.DB.QueryRowContext(ctx, st.sql, args...)
	} else {
		p, err := b.prepare(ctx, st)
		if err != nil {
			return false, err
		}
		row = p.QueryRowContext(ctx, args...)
	}
	err = row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// exec runs a statement and returns the number of rows it affected.
func (b *Bun) exec(ctx context.Context, st *statement, args ...any) (int64, error) {
	return again(func() (sql.Result, error) { return b.execOnce(ctx, st, args) })
}

// again calls f, and calls it again if the database has undone what it did. It
// returns the number of rows that were affected.
func again(f func() (sql.Result, error)) (int64, error) {
	for try := 1; ; try++ {
		res, err := f()
		switch {
		case err == nil:
			return res.RowsAffected()
		case try == 5 || !rolledBack(err):
			return 0, err
		}
	}
}

func (b *Bun) execOnce(ctx context.Context, st *statement, args []any) (sql.Result, error) {
	if b.opts.NoPrepare {
		return b.db.DB.ExecContext(ctx, st.sql, args...)
	}
	p, err := b.prepare(ctx, st)
	if err != nil {
		return nil, err
	}
	return p.ExecContext(ctx, args...)
}

// rolledBack reports whether the database has undone a statement because it met
// another, a sweep perhaps: a deadlock, or what the host's isolation level does not
// allow. Nothing was done, and it may be tried again.
func rolledBack(err error) bool {
	var pg interface{ SQLState() string } // of pgx and others
	if errors.As(err, &pg) {
		return pg.SQLState() == "40001" || pg.SQLState() == "40P01"
	}
	return strings.HasPrefix(err.Error(), "Error 1213 ") // of go-sql-driver/mysql
}

// prepare returns st prepared. Several callers may prepare it at once; one of them
// keeps it.
func (b *Bun) prepare(ctx context.Context, st *statement) (*sql.Stmt, error) {
	if p := st.prepared.Load(); p != nil {
		return p, nil
	}
	p, err := b.db.DB.PrepareContext(ctx, st.sql)
	if err != nil {
		return nil, err
	}
	if !st.prepared.CompareAndSwap(nil, p) {
		_ = p.Close()
		return b.prepare(ctx, st)
	}
	return p, nil
}

// rebind turns placeholders into those of the database. Statements hold no question
// mark but placeholders.
func (b *Bun) rebind(sql string) string {
	if !b.dollar {
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
