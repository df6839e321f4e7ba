package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// readyUsers are the ready-made users of package bunstore.
type readyUsers struct {
	users  auth.UserLoader
	byID   userLookup // by a prepared SELECT, as a host would
	joined func(ctx context.Context, id [32]byte) (*User, error)
}

// readyUser returns a user of bunstore's as one of the page's.
func readyUser(u auth.User) (*User, bool) {
	r, ok := u.(*bunstore.User)
	if !ok {
		return nil, false
	}
	return &User{ID: r.ID, Name: r.Name}, true
}

// NewReady is [NewSQL] for a host that has the ready-made users.
func NewReady(db *bun.DB, prefix string) (*Site, error) {
	store, _, err := openIn(db, prefix, InTurn)
	if err != nil {
		return nil, err
	}
	ready, err := openReady(db, store, prefix+"gatehouse_", InTurn)
	if err != nil {
		return nil, err
	}
	return gatehouseOf("Gatehouse", store, ready.users, readyUser)
}

// openReady makes n users in the table of the store, whose tables begin with prefix,
// and what finds them by hand.
func openReady(db *bun.DB, store *bunstore.Store, prefix string, n int) (*readyUsers, error) {
	ctx, users := context.Background(), prefix+"users"
	text := func(s string) any { return []byte(s) }
	marks := "(?, ?, ?, 0, 1)"
	switch db.Dialect().Name() {
	case dialect.SQLite:
		text = func(s string) any { return s }
	case dialect.PG:
		marks = "($1, $2, $3, 0, 1)"
	}
	tx, err := db.DB.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // after a commit it does nothing
	insert, err := tx.PrepareContext(ctx, "INSERT INTO "+users+" (id, email, name, disabled, version) VALUES "+marks)
	if err != nil {
		return nil, err
	}
	for i := range n {
		u := &User{ID: UserID(i), Name: "User " + strconv.Itoa(i)}
		if _, err := insert.ExecContext(ctx, text(u.ID), text(fmt.Sprintf("user%d@example.com", i)), text(u.Name)); err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}

	one, err := db.DB.Prepare("SELECT id, email, name, disabled, version FROM " + users + " WHERE id = " + placeholder(db))
	if err != nil {
		return nil, err
	}
	from := prefix + `sessions s LEFT JOIN ` + users + ` u ON u.id = s.user_id WHERE s.id = ` + placeholder(db)
	if db.Dialect().Name() == dialect.SQLite { // which would plan that anew each time
		from = `(SELECT * FROM ` + prefix + `sessions WHERE id = ? LIMIT 1) s LEFT JOIN ` + users + ` u ON u.id = s.user_id`
	}
	both, err := db.DB.Prepare(`SELECT s.` + strings.ReplaceAll(sessionColumns, ", ", ", s.") + `, u.email, u.name, u.disabled, u.version FROM ` + from)
	if err != nil {
		return nil, err
	}
	return &readyUsers{
		users: store.Users(),
		byID: func(ctx context.Context, id string) (*User, error) {
			u := new(User)
			var email string
			var disabled, version int64
			switch err := one.QueryRowContext(ctx, text(id)).Scan(&u.ID, &email, &u.Name, &disabled, &version); {
			case errors.Is(err, sql.ErrNoRows):
				return nil, auth.ErrNotFound
			case err != nil:
				return nil, err
			}
			return u, nil
		},
		joined: func(ctx context.Context, id [32]byte) (*User, error) {
			var s sessionRow
			u := new(User)
			var email string
			var disabled, version int64
			if err := both.QueryRowContext(ctx, id[:]).Scan(append(s.dest(), &email, &u.Name, &disabled, &version)...); err != nil {
				return nil, err
			}
			if time.Now().UnixMilli() >= s.expires {
				return nil, errNobody
			}
			u.ID = s.user
			return u, nil
		},
	}, nil
}
