package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/uuid"
)

// A User is a row of the ready-made users table.
type User struct {
	ID       string // UUIDv7
	Email    string // as the user wrote it; credentials of kind "email" identify
	Name     string
	Disabled bool
	Version  int64 // raised when the user is disabled, which ends all they hold
}

// AuthID implements [auth.User].
func (u *User) AuthID() string { return u.ID }

// IsActive reports whether the user may log in and stay logged in.
func (u *User) IsActive() bool { return !u.Disabled }

// AuthVersion implements the optional method of [auth.User].
func (u *User) AuthVersion() string { return strconv.FormatInt(u.Version, 10) }

// Users is the ready-made users table, for hosts that have none. It is an
// [auth.UserLoader] that can register users. Behind a guard,
// auth.UserFrom[*bunstore.User] has the user.
type Users struct{ s *Store }

var _ auth.UserLoader = (*Users)(nil)

// Users returns the store's users. Their table comes with [Store.Migrate],
// unless [Options.NoUsers] is set.
func (s *Store) Users() *Users { return &Users{s} }

// LoadUser returns the [*User]. [auth.ErrNotFound].
func (us *Users) LoadUser(ctx context.Context, id string) (auth.User, error) {
	s := us.s
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, "load user", err)
	}
	if !storable(id) {
		return nil, auth.ErrNotFound
	}
	rows, err := s.query(ctx, &s.sql.loadUser, s.backend.text(id))
	if err != nil {
		return nil, outage(ctx, "load user", err)
	}
	u := new(User)
	found, err := one(rows, userDest(u)...)
	switch {
	case err != nil:
		return nil, outage(ctx, "load user", err)
	case !found:
		return nil, auth.ErrNotFound
	}
	return u, nil
}

// userDest is where userColumns are scanned to.
func userDest(u *User) []any {
	return []any{&u.ID, &u.Email, &u.Name, (*flagColumn)(&u.Disabled), (*intColumn)(&u.Version)}
}

// usersAtOnce is how many users a search reads at a time.
const usersAtOnce = 500

// ListUsers returns at most limit users, as [*User], in order of their IDs,
// which is that of their creation, beginning after the one with the ID after.
// next is what to give as after for those that follow, or "" if none do.
//
// A query other than "" selects those whose e-mail address or name has it in
// it, whatever the case, and the one whose ID it is. It is compared with one
// user after the other, so that one that few have reads all of them: for
// people who administer, not for every visitor. To find an account by its
// address, load the credential of kind "email".
func (us *Users) ListUsers(ctx context.Context, query, after string, limit int) (list []auth.User, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", outage(ctx, "list users", err)
	}
	if limit <= 0 || !storableText(after) {
		return nil, "", nil
	}
	n, part := limit+1, strings.ToLower(query)
	if query != "" {
		n = usersAtOnce
	}
	for {
		page, err := us.page(ctx, after, n)
		if err != nil {
			return nil, "", outage(ctx, "list users", err)
		}
		for _, u := range page {
			if query != "" && u.ID != query && !strings.Contains(strings.ToLower(u.Email), part) && !strings.Contains(strings.ToLower(u.Name), part) {
				continue
			}
			if len(list) == limit {
				return list, list[limit-1].AuthID(), nil
			}
			list = append(list, u)
		}
		if len(page) < n {
			return list, "", nil
		}
		after = page[n-1].ID
	}
}

// page returns the n users that come after the ID.
func (us *Users) page(ctx context.Context, after string, n int) (page []*User, err error) {
	rows, err := us.s.query(ctx, &us.s.sql.listUsers, us.s.backend.text(after), n)
	if err != nil {
		return nil, err
	}
	err = each(rows, func(rows *sql.Rows) error {
		u := new(User)
		page = append(page, u)
		return rows.Scan(userDest(u)...)
	})
	return page, err
}

// CreateUser creates a user and returns its ID. It joins the transaction that
// ctx is in. The name of a profile without one is its user name.
// [auth.ErrInvalid] for strings that a store cannot keep.
func (us *Users) CreateUser(ctx context.Context, p auth.Profile) (string, error) {
	s := us.s
	if err := ctx.Err(); err != nil {
		return "", outage(ctx, "create user", err)
	}
	name := cmp.Or(p.Name, p.Username)
	if !storableText(p.Email) || !storableText(name) {
		return "", fmt.Errorf("%w: profile of a user", auth.ErrInvalid)
	}
	id := uuid.New(s.now())
	b := &s.backend
	if _, err := s.exec(ctx, &s.sql.createUser, b.text(id), b.text(p.Email), b.text(name)); err != nil {
		return "", outage(ctx, "create user", err)
	}
	return id, nil
}

// SetDisabled disables the user, or lets them log in again. Disabling raises
// the version: a session from before does not come back to life when the user
// is enabled. [auth.ErrNotFound].
func (us *Users) SetDisabled(ctx context.Context, id string, disabled bool) error {
	s := us.s
	if err := ctx.Err(); err != nil {
		return outage(ctx, "disable user", err)
	}
	if !storable(id) {
		return auth.ErrNotFound
	}
	n, err := s.build(ctx, s.DB(ctx).NewUpdate().Table(s.prefix+"users").
		Set("disabled = ?", flag(disabled)).Set("version = version + ?", flag(disabled)).
		Where("id = ?", s.backend.textLiteral(id)))
	switch {
	case err != nil:
		return outage(ctx, "disable user", err)
	case n == 0:
		// None there, or for MySQL one that was not changed by it.
		_, err := us.LoadUser(ctx, id)
		return err
	}
	return nil
}

// SuspendUser is SetDisabled, by the name that package auth knows.
func (us *Users) SuspendUser(ctx context.Context, id string, suspended bool) error {
	return us.SetDisabled(ctx, id, suspended)
}

// UpdateUser gives the user the e-mail address and the name of p, those of them that are
// not empty. It joins the transaction that ctx is in. [auth.ErrNotFound];
// [auth.ErrInvalid] for strings that a store cannot keep.
func (us *Users) UpdateUser(ctx context.Context, id string, p auth.Profile) error {
	const what = "update user"
	s := us.s
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !storableText(p.Email) || !storableText(p.Name) {
		return fmt.Errorf("%w: profile of a user", auth.ErrInvalid)
	}
	if !storable(id) {
		return auth.ErrNotFound
	}
	var email, name any // NULL: as it is
	if p.Email != "" {
		email = s.backend.text(p.Email)
	}
	if p.Name != "" {
		name = s.backend.text(p.Name)
	}
	n, err := s.exec(ctx, &s.sql.updateUser, email, name, s.backend.text(id))
	switch {
	case err != nil:
		return outage(ctx, what, err)
	case n == 0:
		// None there, or for MySQL one that was not changed by it.
		_, err := us.LoadUser(ctx, id)
		return err
	}
	return nil
}

// DeleteUser deletes the user, and with it all that this store keeps of it:
// sessions, credentials, tickets, the roles it was granted, and the records of
// [Store.Audit], in every realm. What waits in [Store.Outbox] stays: whoever works it off
// finds no such user. [auth.ErrNotFound].
func (us *Users) DeleteUser(ctx context.Context, id string) error {
	s := us.s
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete user", err)
	}
	if !storable(id) {
		return auth.ErrNotFound
	}
	return s.atomically(ctx, func(ctx context.Context) error {
		// The user first: who comes second finds none and deletes nothing.
		n, err := s.build(ctx, s.DB(ctx).NewDelete().Table(s.prefix+"users").Where("id = ?", s.backend.textLiteral(id)))
		switch {
		case err != nil:
			return outage(ctx, "delete user", err)
		case n == 0:
			return auth.ErrNotFound
		}
		q := s.DB(ctx).NewDelete().Table(s.prefix+"credentials").Where("user_id = ?", s.backend.textLiteral(id))
		if _, err := s.build(ctx, q); err != nil {
			return outage(ctx, "delete user", err)
		}
		if err := s.Roles().RevokeAll(ctx, id); err != nil {
			return err
		}
		if _, err := s.exec(ctx, &s.sql.deleteUserRecords, s.backend.text(id)); err != nil {
			return outage(ctx, "delete user", err)
		}
		if err := s.DeleteUserTickets(ctx, id); err != nil {
			return err
		}
		return s.DeleteUserSessions(ctx, id)
	})
}
