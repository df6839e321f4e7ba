// Package bunrbac keeps roles and grants for package rbac in the database of a
// bunstore.Store, beside the users. Begin with [New]:
//
//	db, err := open.Open("file:app.db")
//	…
//	authorizer, err := rbac.New(bunrbac.New(db), nil)
//
// Changes count from the next request on, in every process: by these methods, by the
// command gatehouse role, or by the host. In a request the database is asked once for what
// a user was granted, and for the definitions when they are others than before. In a
// transaction it is asked for each decision: what is not committed yet counts for nobody
// else.
//
// Grants go by user ID and know no realm (auth.Options.Realm). Where two Managers share a
// database and have different users by the same ID, a role of the one would be a role of
// the other: give each a store with a prefix of its own (bunstore.Options.Prefix).
package bunrbac

import (
	"context"

	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// A Store is an rbac.Store in a database. Make one with [New]. Its methods join the
// transaction that their context is in (bunstore.Store.InTx), and are safe for
// concurrent use.
type Store struct {
	db    *bunstore.Store
	roles *bunstore.Roles
}

var _ rbac.Store = (*Store)(nil)

// New returns the roles of db, which has been migrated.
func New(db *bunstore.Store) *Store { return &Store{db, db.Roles()} }

// Uncommitted reports whether ctx is in a transaction, as rbac.Source says: an authorizer
// keeps nothing of what it reads there.
func (s *Store) Uncommitted(ctx context.Context) bool {
	_, tx := s.db.DB(ctx).(interface{ Commit() error })
	return tx
}

// Roles returns all definitions, and their version.
func (s *Store) Roles(ctx context.Context) ([]rbac.Role, int64, error) {
	kept, version, err := s.roles.Roles(ctx)
	roles := make([]rbac.Role, len(kept))
	for i, r := range kept {
		roles[i] = rbac.Role(r)
	}
	return roles, version, err
}

// Grants returns what the user was granted, and the version of the definitions, by one
// statement.
func (s *Store) Grants(ctx context.Context, userID string) ([]rbac.Grant, int64, error) {
	kept, version, err := s.roles.Grants(ctx, userID)
	return converted(kept), version, err
}

// SetRole defines a role, in place of what was defined by its name. Roles that it
// inherits need not be defined yet. [auth.ErrInvalid].
func (s *Store) SetRole(ctx context.Context, r rbac.Role) error {
	return s.roles.SetRole(ctx, bunstore.Role(r))
}

// DeleteRole deletes a role, and takes it from everybody who was granted it.
// [auth.ErrNotFound].
func (s *Store) DeleteRole(ctx context.Context, name string) error {
	return s.roles.DeleteRole(ctx, name)
}

// Grant grants a role. It changes nothing if it was granted already. [auth.ErrInvalid] for
// what could never hold.
func (s *Store) Grant(ctx context.Context, g rbac.Grant) error {
	if err := g.Validate(); err != nil {
		return err
	}
	return s.roles.Grant(ctx, bunstore.Grant(g))
}

// Revoke takes away the very grant. [auth.ErrNotFound].
func (s *Store) Revoke(ctx context.Context, g rbac.Grant) error {
	return s.roles.Revoke(ctx, bunstore.Grant(g))
}

// RevokeAll takes away everything that the user was granted, which may be nothing.
func (s *Store) RevokeAll(ctx context.Context, userID string) error {
	return s.roles.RevokeAll(ctx, userID)
}

// Holders returns who was granted the role itself, a page at a time, as rbac.Store says.
func (s *Store) Holders(ctx context.Context, role, after string, limit int) ([]rbac.Grant, string, error) {
	kept, next, err := s.roles.Holders(ctx, role, after, limit)
	return converted(kept), next, err
}

func converted(kept []bunstore.Grant) []rbac.Grant {
	if len(kept) == 0 {
		return nil
	}
	grants := make([]rbac.Grant, len(kept))
	for i, g := range kept {
		grants[i] = rbac.Grant(g)
	}
	return grants
}
