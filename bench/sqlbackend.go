package bench

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// SQLite returns a backend in a new file in folder dir, for a host with so many
// users, [InTurn] or more.
func SQLite(dir string, users int) (*Backend, error) {
	// Only reads are timed but for scs's sliding expiry, which this favours:
	// nothing waits for the disk.
	db, err := open.DB("file:" + filepath.Join(dir, "bench.db") + "?_pragma=synchronous(off)")
	if err != nil {
		return nil, err
	}
	b := &Backend{Name: "SQLite", users: users, undo: []func() error{db.Close}}
	if err := b.keepIn(db, ""); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	for _, ddl := range []string{ // as in the README of sqlite3store
		`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)`,
		`CREATE INDEX sessions_expiry_idx ON sessions(expiry)`,
	} {
		if _, err := db.DB.Exec(ddl); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	b.size = func(ctx context.Context) (n int64, err error) {
		err = db.DB.QueryRowContext(ctx, `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`).Scan(&n)
		return n, err
	}
	b.bulk = func(ctx context.Context, n int) error {
		store := b.Store.(*bunstore.Store)
		for from := 0; from < n; from += 100_000 {
			err := store.InTx(ctx, func(ctx context.Context) error {
				// Or every insertion, at random places, reads and writes pages.
				if _, err := store.DB(ctx).NewRaw("PRAGMA cache_size = -400000").Exec(ctx); err != nil {
					return err
				}
				defer store.DB(ctx).NewRaw("PRAGMA cache_size = -2000").Exec(ctx) // the default
				for i := from; i < min(n, from+100_000); i++ {
					if err := store.CreateSession(ctx, growthSession(i)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	b.analyze = func() error { _, err := db.DB.Exec("ANALYZE"); return err }
	b.scs = sqlite3store.NewWithCleanupInterval(db.DB, 0)
	return b, nil
}

// Postgres returns a backend in a schema of its own of the database that dsn,
// a URL, names, for a host with so many users, [InTurn] or more.
func Postgres(dsn string, users int) (_ *Backend, err error) {
	ctx := context.Background()
	schema := "bench_" + strings.ToLower(rand.Text())
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("bench: the DSN of PostgreSQL is not a URL")
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	db, err := open.DB(u.String())
	if err != nil {
		return nil, err
	}
	pool := db.DB
	keepConns(pool)
	b := &Backend{Name: "PostgreSQL", Server: true, users: users, undo: []func() error{pool.Close}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	b.analyze = func() error {
		_, err := pool.Exec("VACUUM ANALYZE users, gatehouse_users, gatehouse_sessions, sessions")
		return err
	} // as autovacuum does, later
	// The name is ours: letters, digits and an underscore.
	if _, err := pool.Exec("CREATE SCHEMA " + schema); err != nil {
		return nil, err
	}
	b.undo = append(b.undo, func() error {
		_, err := pool.Exec("DROP SCHEMA " + schema + " CASCADE")
		return err
	})
	if err := b.keepIn(db, ""); err != nil {
		return nil, err
	}
	for _, ddl := range []string{ // as in the README of pgxstore
		`CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`,
		`CREATE INDEX sessions_expiry_idx ON sessions (expiry)`,
	} {
		if _, err := pool.Exec(ddl); err != nil {
			return nil, err
		}
	}
	b.size = func(ctx context.Context) (n int64, err error) {
		err = pool.QueryRowContext(ctx, `SELECT pg_total_relation_size('gatehouse_sessions')`).Scan(&n)
		return n, err
	}
	b.bulk = func(ctx context.Context, n int) error {
		user := fmt.Sprintf(`convert_to(lpad(to_hex(i / %d), 8, '0') || '-5e55-7000-8000-' || lpad(to_hex(i / %d * 7919::bigint), 12, '0'), 'UTF8')`, PerUser, PerUser)
		return b.multiply(ctx, pool, "gatehouse_sessions", `sha256(convert_to(i::text, 'UTF8'))`, user,
			fmt.Sprintf("generate_series(1, %d) AS g(i)", n-1))
	}
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = AtOnce
	theirs, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b.undo = append(b.undo, func() error { theirs.Close(); return nil })
	b.scs = pgxstore.NewWithCleanupInterval(theirs, 0)
	return b, nil
}

// MySQL returns a backend in tables with a prefix of their own in the database of
// MariaDB that dsn names, for a host with so many users, [InTurn] or more. It has
// no scs.
func MySQL(dsn string, users int) (*Backend, error) {
	db, err := open.DB(dsn)
	if err != nil {
		return nil, err
	}
	keepConns(db.DB)
	prefix := "b" + strings.ToLower(rand.Text()[:10]) + "_"
	b := &Backend{Name: "MariaDB", Server: true, users: users, undo: []func() error{db.Close, func() error { return Drop(db.DB, prefix) }}}
	if err := b.keepIn(db, prefix); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	table := prefix + "gatehouse_sessions"
	b.analyze = func() error { _, err := db.DB.Exec("ANALYZE TABLE " + table); return err }
	b.size = func(ctx context.Context) (n int64, err error) {
		if err := b.analyze(); err != nil { // or it is what it was some time ago
			return 0, err
		}
		err = db.DB.QueryRowContext(ctx, `SELECT data_length + index_length FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name = ?`, table).Scan(&n)
		return n, err
	}
	b.bulk = func(ctx context.Context, n int) error {
		user := fmt.Sprintf(`LOWER(CONCAT(LPAD(HEX(seq DIV %d), 8, '0'), '-5e55-7000-8000-', LPAD(HEX(seq DIV %d * 7919), 12, '0')))`, PerUser, PerUser)
		return b.multiply(ctx, db.DB, table, `UNHEX(SHA2(seq, 256))`, user, fmt.Sprintf("seq_1_to_%d", n-1))
	}
	return b, nil
}

// keepConns gives each of those that work at once a connection, and keeps it.
func keepConns(db *sql.DB) {
	db.SetMaxOpenConns(AtOnce)
	db.SetMaxIdleConns(AtOnce)
}

// keepIn makes Gatehouse's tables and the host's in db, and the floor.
func (b *Backend) keepIn(db *bun.DB, prefix string) error {
	store, byID, err := openIn(db, prefix, b.users)
	if err != nil {
		return err
	}
	b.Store, b.byID = store, byID
	if b.ready, err = openReady(db, store, prefix+"gatehouse_", b.users); err != nil {
		return err
	}
	find, err := db.DB.Prepare(`SELECT ` + sessionColumns + ` FROM ` + prefix + `gatehouse_sessions WHERE id = ` + placeholder(db))
	if err != nil {
		return err
	}
	b.floor = sqlFloor{store, find}

	user := "s.user_id"
	switch db.Dialect().Name() { // bytes there, and text the host's
	case dialect.PG: // what convert_from returns has another collation than the index
		user = `convert_from(s.user_id, 'UTF8') COLLATE "default"`
	case dialect.MySQL:
		return nil // what it converts uses no index
	}
	// The derived table keeps SQLite from planning the join at every execution.
	both, err := db.DB.Prepare(`SELECT s.*, u.id, u.name FROM (SELECT ` + sessionColumns + ` FROM ` + prefix + `gatehouse_sessions WHERE id = ` +
		placeholder(db) + ` LIMIT 1) s JOIN ` + prefix + `users u ON u.id = ` + user)
	if err != nil {
		return err
	}
	b.joined = func(ctx context.Context, id [32]byte) (*User, error) {
		var s sessionRow
		u := new(User)
		if err := both.QueryRowContext(ctx, id[:]).Scan(append(s.dest(), &u.ID, &u.Name)...); err != nil {
			return nil, err
		}
		if time.Now().UnixMilli() >= s.expires {
			return nil, errNobody
		}
		return u, nil
	}
	return nil
}

// NewSQL returns Gatehouse on the database, which holds the host's [InTurn] users as
// well. Nobody is logged in. All tables begin with prefix.
func NewSQL(db *bun.DB, prefix string) (*Site, error) {
	store, byID, err := openIn(db, prefix, InTurn)
	if err != nil {
		return nil, err
	}
	return gatehouse("Gatehouse", store, byID)
}

func openIn(db *bun.DB, prefix string, users int) (*bunstore.Store, userLookup, error) {
	ctx := context.Background()
	store, err := bunstore.New(db, &bunstore.Options{Prefix: prefix + "gatehouse_"})
	if err != nil {
		return nil, nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, nil, err
	}
	if err := createUsers(ctx, db, prefix+"users", users); err != nil {
		return nil, nil, err
	}
	byID, err := sqlLookup(db, prefix+"users")
	return store, byID, err
}

// multiply makes one session and has the database make others of it, with the numbers i
// of series; id and user are the expressions for what differs.
func (b *Backend) multiply(ctx context.Context, db *sql.DB, table, id, user, series string) error {
	if err := b.Store.CreateSession(ctx, growthSession(0)); err != nil {
		return err
	}
	rest := strings.TrimPrefix(sessionColumns, "user_id, ")
	_, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (id, %s) SELECT %s, %s, %s FROM %s CROSS JOIN %s",
		table, sessionColumns, id, user, rest, table, series))
	return err
}

// Drop removes the tables that [NewSQL] has made, and Gatehouse's of users.
func Drop(db *sql.DB, prefix string) error {
	for _, table := range []string{
		"users", "gatehouse_users", "gatehouse_sessions", "gatehouse_credentials", "gatehouse_tickets", "gatehouse_counters",
		"gatehouse_migrations", "gatehouse_migration_locks",
	} {
		if _, err := db.Exec("DROP TABLE IF EXISTS " + prefix + table); err != nil {
			return err
		}
	}
	return nil
}

func placeholder(db *bun.DB) string {
	if db.Dialect().Name() == dialect.PG {
		return "$1"
	}
	return "?"
}

// createUsers makes the host's own table of so many users.
func createUsers(ctx context.Context, db *bun.DB, table string, users int) error {
	text, rest := "VARCHAR(191)", ""
	if db.Dialect().Name() == dialect.SQLite {
		text, rest = "TEXT", " STRICT, WITHOUT ROWID"
	}
	if _, err := db.DB.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE %s (id %s PRIMARY KEY, name %s NOT NULL)%s`, table, text, text, rest)); err != nil {
		return err
	}
	insert := `INSERT INTO ` + table + ` (id, name) VALUES (?, ?)`
	if placeholder(db) != "?" {
		insert = `INSERT INTO ` + table + ` (id, name) VALUES ($1, $2)`
	}
	tx, err := db.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	stmt, err := tx.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	for _, u := range newUsers(users) {
		if _, err := stmt.ExecContext(ctx, u.ID, u.Name); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// sqlLookup is the host's: one prepared SELECT.
func sqlLookup(db *bun.DB, table string) (userLookup, error) {
	stmt, err := db.DB.Prepare(`SELECT id, name FROM ` + table + ` WHERE id = ` + placeholder(db))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, id string) (*User, error) {
		u := new(User)
		switch err := stmt.QueryRowContext(ctx, id).Scan(&u.ID, &u.Name); {
		case errors.Is(err, sql.ErrNoRows):
			return nil, auth.ErrNotFound
		case err != nil:
			return nil, err
		}
		return u, nil
	}, nil
}

const sessionColumns = `user_id, actor, auth_version, proofs, binding, stale, label, addr, version, created_at, seen_at, ends_at, expires_at`

// A sqlFloor is one prepared SELECT of the columns that Gatehouse selects. It
// has its sessions in the same table.
type sqlFloor struct {
	store auth.SessionStore
	stmt  *sql.Stmt
}

func (f sqlFloor) put(ctx context.Context, id [32]byte, s *auth.Session) error {
	own := *s
	own.ID = id
	return f.store.CreateSession(ctx, &own)
}

func (f sqlFloor) find(ctx context.Context, id [32]byte) (userID string, expires int64, err error) {
	var s sessionRow
	err = f.stmt.QueryRowContext(ctx, id[:]).Scan(s.dest()...)
	return s.user, s.expires, err
}

// A sessionRow has the columns of a session.
type sessionRow struct {
	user, actor, authVersion, binding, label, addr string
	proofs                                         []byte
	stale, version, created, seen, ends, expires   int64
}

func (s *sessionRow) dest() []any {
	return []any{&s.user, &s.actor, &s.authVersion, &s.proofs, &s.binding, &s.stale, &s.label, &s.addr, &s.version,
		&s.created, &s.seen, &s.ends, &s.expires}
}
