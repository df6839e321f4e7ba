package rbac

import (
	"context"
	"errors"
)

// A Source has roles and grants: a [Memory], a database, or a host's own. Its methods
// are called concurrently. Nobody changes what they have returned. Any error is an
// outage.
//
// A source whose context can be in a transaction has a method Uncommitted(ctx
// context.Context) bool too, which says whether it is: what is read there may be rolled
// back, so it counts for the decisions that are made in the transaction and is not kept.
type Source interface {
	RoleSource
	GrantSource
}

// A RoleSource has the definitions of roles.
type RoleSource interface {
	// Roles returns all roles, and the version of these definitions, which is higher
	// than any before. It is never that of other definitions: not after a transaction
	// was rolled back, nor after a backup was restored.
	//
	// What is wrong with a definition, such as a pattern that is none, grants nothing
	// and is logged; what is right counts.
	Roles(ctx context.Context) (roles []Role, version int64, err error)
}

// A GrantSource has what users were granted.
type GrantSource interface {
	// Grants returns what the user was granted, and the version of the definitions
	// that [RoleSource.Roles] would return now. Whoever was granted nothing, does
	// not exist, or is nobody (""), has no grants, and that is no error.
	//
	// A lower version than before is what a replica says that has fallen behind: the
	// newer definitions stay in force. If only lower ones are seen for a minute, then
	// the source has gone back, to a backup, and is followed.
	Grants(ctx context.Context, userID string) (grants []Grant, version int64, err error)
}

// A Store is a [Source] that can be changed: a [Memory], or the database through
// package bunrbac. Changes count as the package comment says. The errors of what is
// malformed wrap [auth.ErrInvalid].
type Store interface {
	Source
	// SetRole defines a role, in place of what was defined by its name.
	SetRole(ctx context.Context, r Role) error
	// DeleteRole deletes a role, and takes it from everybody who was granted it.
	// [auth.ErrNotFound].
	DeleteRole(ctx context.Context, name string) error
	// Grant grants a role. It changes nothing if it was granted already. Neither
	// the role nor the user need be known.
	Grant(ctx context.Context, g Grant) error
	// Revoke takes away the very grant: what was granted everywhere is not taken away
	// in one tenant. [auth.ErrNotFound].
	Revoke(ctx context.Context, g Grant) error
	// RevokeAll takes away everything that the user was granted, which may be nothing:
	// a host calls it where it deletes a user.
	RevokeAll(ctx context.Context, userID string) error
	// Holders returns who was granted the role itself, and where, in order of user,
	// tenant and object, a page at a time: limit at most, beginning behind after, which
	// is "" or what next was. The last page has no next. Those who have it by another
	// role that inherits it are not among them. [auth.ErrInvalid] if after is nothing
	// that was next.
	Holders(ctx context.Context, role, after string, limit int) (grants []Grant, next string, err error)
}

// Combine returns a Source that has its roles from one place and its grants from
// another, such as roles from Go and grants from a database. The version that grants
// returns is ignored; roles is asked at every request, and should know it without
// asking far away.
func Combine(roles RoleSource, grants GrantSource) Source { return &combined{roles, grants} }

type combined struct {
	roles  RoleSource
	grants GrantSource
}

func (c *combined) Roles(ctx context.Context) ([]Role, int64, error) { return c.roles.Roles(ctx) }

func (c *combined) Grants(ctx context.Context, userID string) ([]Grant, int64, error) {
	// The version first: definitions that are newer than it are read again, while
	// those that are older than it says would be taken for new.
	_, version, err := c.roles.Roles(ctx)
	if err != nil {
		return nil, 0, err
	}
	grants, _, err := c.grants.Grants(ctx, userID)
	return grants, version, err
}

// Uncommitted reports whether one of both is in a transaction.
func (c *combined) Uncommitted(ctx context.Context) bool {
	return uncommitted(ctx, c.roles) || uncommitted(ctx, c.grants)
}

// uncommitted reports whether what source says in ctx may be rolled back.
func uncommitted(ctx context.Context, source any) bool {
	u, ok := source.(interface{ Uncommitted(context.Context) bool })
	return ok && u.Uncommitted(ctx)
}

// Reload reloads both, where they can be.
func (c *combined) Reload(ctx context.Context) error {
	return errors.Join(reload(ctx, c.roles), reload(ctx, c.grants))
}

func (c *combined) local() (*definitions, *table) {
	roles, ok := c.roles.(local)
	if !ok {
		return nil, nil
	}
	grants, ok := c.grants.(local)
	if !ok {
		return nil, nil
	}
	defs, _ := roles.local()
	_, table := grants.local()
	if defs == nil || table == nil { // one is combined itself, of what is not all here
		return nil, nil
	}
	return defs, table
}

// A local source has everything in the memory of this process, where it need not be
// asked. Both results are nil, at any time, if it has not.
type local interface {
	local() (*definitions, *table)
}

// reload reloads what can be reloaded.
func reload(ctx context.Context, source any) error {
	if r, ok := source.(interface{ Reload(context.Context) error }); ok {
		return r.Reload(ctx)
	}
	return nil
}
