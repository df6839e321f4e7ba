package bench

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

const sessionColumns = `user_id, actor, auth_version, proofs, binding, stale, label, addr, version, created_at, seen_at, ends_at, expires_at`

// SQLiteSites returns a floor and Gatehouse on one SQLite file in folder dir,
// with Users users and sessions. The floor makes the same two prepared SELECTs
// through database/sql. Close the database when done.
func SQLiteSites(dir string) (sites []*Site, db *bun.DB, err error) {
	// Only reads are timed: logging everybody in need not reach the disk.
	db, err = open.DB("file:" + filepath.Join(dir, "bench.db") + "?_pragma=synchronous(off)")
	if err != nil {
		return nil, nil, err
	}
	ours, err := NewSQLite(db)
	if err != nil {
		return nil, db, err
	}
	if err := ours.fill(); err != nil {
		return nil, db, err
	}
	floor, err := newSQLiteFloor(db.DB, ours.tokens)
	if err != nil {
		return nil, db, err
	}
	return []*Site{floor, ours}, db, nil
}

// NewSQLite returns Gatehouse on the database, which holds the host's users as
// well. Nobody is logged in.
func NewSQLite(db *bun.DB) (*Site, error) {
	ctx := context.Background()
	store, err := bunstore.New(db, &bunstore.Options{NoUsers: true})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	if err := createUsers(ctx, db.DB); err != nil {
		return nil, err
	}
	byID, err := userLookup(db.DB)
	if err != nil {
		return nil, err
	}
	return gatehouse("Gatehouse", store, byID)
}

// createUsers makes the host's own table.
func createUsers(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID`); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	for _, u := range newUsers(Users) {
		if _, err := tx.ExecContext(ctx, `INSERT INTO users (id, name) VALUES (?, ?)`, u.ID, u.Name); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// userLookup is the host's: one prepared SELECT.
func userLookup(db *sql.DB) (func(context.Context, string) (*User, error), error) {
	stmt, err := db.Prepare(`SELECT id, name FROM users WHERE id = ?`)
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

// newSQLiteFloor returns a site that makes the same two SELECTs by hand, and
// serves nothing but Private and Public. It has a copy of the table, with keys
// of its own: only Gatehouse can make those of Gatehouse.
func newSQLiteFloor(db *sql.DB, tokens []string) (*Site, error) {
	if err := copySessions(db, tokens); err != nil {
		return nil, err
	}
	stmt, err := db.Prepare(`SELECT id, ` + sessionColumns + ` FROM floor_sessions WHERE id = ?`)
	if err != nil {
		return nil, err
	}
	byID, err := userLookup(db)
	if err != nil {
		return nil, err
	}
	known := page(func(ctx context.Context) (*User, bool) {
		c, ok := ctx.(*floorContext)
		if !ok {
			return nil, false
		}
		return c.user, true
	})
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s struct {
			id, proofs                                  []byte
			user, actor, authVersion                    string
			binding, label, addr                        string
			stale, version, created, seen, ends, expire int64
		}
		token := floorScan(r)
		if len(token) != 43 {
			known.ServeHTTP(w, r)
			return
		}
		id := floorID(token)
		err := stmt.QueryRowContext(r.Context(), id[:]).Scan(&s.id, &s.user, &s.actor, &s.authVersion, &s.proofs, &s.binding,
			&s.stale, &s.label, &s.addr, &s.version, &s.created, &s.seen, &s.ends, &s.expire)
		if err == nil && time.Now().UnixMilli() < s.expire {
			if u, err := byID(r.Context(), s.user); err == nil {
				r = r.WithContext(&floorContext{r.Context(), u})
			}
		}
		known.ServeHTTP(w, r)
	})
	return &Site{Name: "floor", Cookie: floorCookie, Private: serve, Public: serve, tokens: tokens}, nil
}

func copySessions(db *sql.DB, tokens []string) error {
	if _, err := db.Exec(`CREATE TABLE floor_sessions (
	id BLOB NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, actor TEXT NOT NULL, auth_version TEXT NOT NULL, proofs BLOB NOT NULL,
	binding TEXT NOT NULL, stale INTEGER NOT NULL, label TEXT NOT NULL, addr TEXT NOT NULL, version INTEGER NOT NULL,
	created_at INTEGER, seen_at INTEGER, ends_at INTEGER, expires_at INTEGER
) STRICT, WITHOUT ROWID`); err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	for i, token := range tokens {
		id := floorID(token)
		_, err := tx.Exec(`INSERT INTO floor_sessions SELECT ?, `+sessionColumns+` FROM gatehouse_sessions WHERE user_id = ?`, id[:], UserID(i))
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// SQLiteRow returns row (f) of docs/performance.md for the sites of
// [SQLiteSites].
func SQLiteRow(sites []*Site) Row {
	row := Row{Name: "(f) authenticated request on SQLite", Ratio: 1.25}
	for _, s := range sites {
		row.Ops = append(row.Ops, serve(s.Name, s.Private, s.Requests()))
	}
	return row
}
