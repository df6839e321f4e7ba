package main

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strconv"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// A User is a row of the site's own table. Passwords are not in it: Gatehouse has them.
type User struct {
	ID       int64  `bun:",pk,autoincrement" json:"-"`
	Username string `bun:",notnull" json:"username"`
	Role     string `bun:",notnull" json:"-"`
}

// AuthID is all that Gatehouse asks of a user.
func (u *User) AuthID() string { return strconv.FormatInt(u.ID, 10) }

// MayDelete reports whether u may delete c: who wrote it may, and admins.
func (u *User) MayDelete(c *Comment) bool { return u.ID == c.AuthorID || u.Role == "admin" }

// allow says who may do what. Nil is the only yes.
func allow(ctx context.Context, a auth.Access) error {
	if a.Identity == nil || !a.Identity.HasScope(a.Action) { // nobody, or a key that is not meant for this
		return auth.ErrForbidden
	}
	user := a.Identity.User.(*User)
	c, _ := a.Object.(*Comment)
	may := map[string]bool{
		"admin":           user.Role == "admin",
		"comments:write":  true,
		"comments:delete": c != nil && user.MayDelete(c),
	}
	if !may[a.Action] {
		return auth.ErrForbidden
	}
	return ctx.Err() // who has gone may nothing
}

// users finds the users for Gatehouse, and creates those who register.
type users struct{ db *bunstore.Store }

// LoadUser implements auth.UserLoader.
func (t users) LoadUser(ctx context.Context, id string) (auth.User, error) {
	n, _ := strconv.ParseInt(id, 10, 64) // 0, which is nobody's, for what is no number
	u := &User{ID: n}
	err := t.db.DB(ctx).NewSelect().Model(u).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) || err == nil && u.AuthID() != id { // 01 is nobody's either
		return nil, auth.ErrNotFound
	}
	return u, err
}

// CreateUser is called in the transaction in which Gatehouse keeps the password.
func (t users) CreateUser(ctx context.Context, p auth.Profile) (id string, err error) {
	n, err := t.db.DB(ctx).NewSelect().Model((*User)(nil)).Count(ctx)
	if err != nil {
		return "", err
	}
	u := &User{Username: p.Username, Role: "user"}
	if n == 0 {
		u.Role = "admin"
	}
	_, err = t.db.DB(ctx).NewInsert().Model(u).Exec(ctx)
	return u.AuthID(), err
}

// list returns everybody.
func (t users) list(r *http.Request) (all []*User, err error) {
	err = t.db.DB(r.Context()).NewSelect().Model(&all).Order("id").Scan(r.Context())
	return all, err
}
