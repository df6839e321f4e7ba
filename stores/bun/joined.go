package bunstore

import (
	"context"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// LoadSessionUser returns the session and its user, a [*User] or nil if there is
// none, by one query: the Manager asks for both at once where the sessions are in
// this store too. [auth.ErrNotFound] for a session that is not there.
func (us *Users) LoadSessionUser(ctx context.Context, id auth.SessionID) (*auth.Session, auth.User, error) {
	const what = "load session and user"
	s := us.s
	if err := ctx.Err(); err != nil {
		return nil, nil, outage(ctx, what, err)
	}
	rows, err := s.query(ctx, &s.sql.loadSessionUser, id[:])
	if err != nil {
		return nil, nil, outage(ctx, what, err)
	}
	ss, u := &auth.Session{ID: id}, new(User)
	there := joinedColumn{to: (*intColumn)(&u.Version)}
	found, err := one(rows, append(sessionDest(ss),
		joinedText{&u.Email}, joinedText{&u.Name}, &joinedColumn{to: (*flagColumn)(&u.Disabled)}, &there)...)
	switch {
	case err != nil:
		return nil, nil, outage(ctx, what, err)
	case !found:
		return nil, nil, auth.ErrNotFound
	case !there.is:
		return ss, nil, nil
	}
	u.ID = ss.UserID
	return ss, u, nil
}

// JoinsSessionsOf reports whether s is the store of these users.
func (us *Users) JoinsSessionsOf(s auth.SessionStore) bool {
	own, ok := s.(*Store)
	return ok && own == us.s && !own.noUsers
}

// A joinedColumn is that of a row that may not be there, which makes it NULL.
type joinedColumn struct {
	to interface{ Scan(src any) error }
	is bool
}

// Scan implements [database/sql.Scanner].
func (c *joinedColumn) Scan(src any) error {
	if c.is = src != nil; !c.is {
		return nil
	}
	return c.to.Scan(src)
}

// A joinedText is a joinedColumn of text.
type joinedText struct{ to *string }

// Scan implements [database/sql.Scanner].
func (c joinedText) Scan(src any) error {
	switch v := src.(type) {
	case nil:
	case string:
		*c.to = v
	case []byte:
		*c.to = string(v)
	default:
		return fmt.Errorf("text in a %T", src)
	}
	return nil
}
