package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// LoadCredential implements [auth.CredentialStore].
func (s *Store) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	if err := ctx.Err(); err != nil {
		return auth.Credential{}, outage(ctx, "load credential", err)
	}
	if !storable(kind) || !storable(key) {
		return auth.Credential{}, auth.ErrNotFound
	}
	rows, err := s.query(ctx, &s.sql.loadCredential, s.backend.text(kind), s.backend.text(key))
	if err != nil {
		return auth.Credential{}, outage(ctx, "load credential", err)
	}
	var c auth.Credential
	found, err := one(rows, credentialDest(&c)...)
	switch {
	case err != nil:
		return auth.Credential{}, outage(ctx, "load credential", err)
	case !found:
		return auth.Credential{}, auth.ErrNotFound
	}
	return c, nil
}

// credentialDest is where credentialColumns are scanned to.
func credentialDest(c *auth.Credential) []any {
	return []any{
		&c.Kind, &c.Key, &c.UserID, &c.Data, &c.Label, (*intColumn)(&c.Version), (*intColumn)(&c.Generation),
		(*timeColumn)(&c.CreatedAt), (*timeColumn)(&c.VerifiedAt), (*timeColumn)(&c.UsedAt), (*timeColumn)(&c.ExpiresAt),
	}
}

// UserCredentials implements [auth.CredentialStore].
func (s *Store) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, "credentials of user", err)
	}
	if !storable(userID) {
		return nil, nil
	}
	st, args := &s.sql.userCredentials, []any{s.backend.text(userID)}
	all := len(kinds) == 0
	if !all {
		if kinds = storables(kinds); len(kinds) == 0 {
			return nil, nil
		}
		if len(kinds) <= someKinds {
			st, args = &s.sql.userCredentialsOf, append(args, s.backend.texts(kinds)...)
			for len(args) <= someKinds {
				args = append(args, args[1])
			}
		}
	}
	rows, err := s.query(ctx, st, args...)
	if err != nil {
		return nil, outage(ctx, "credentials of user", err)
	}
	var list []auth.Credential
	err = each(rows, func(rows *sql.Rows) error {
		var c auth.Credential
		if err := rows.Scan(credentialDest(&c)...); err != nil {
			return err
		}
		if all || slices.Contains(kinds, c.Kind) {
			list = append(list, c)
		}
		return nil
	})
	if err != nil {
		return nil, outage(ctx, "credentials of user", err)
	}
	// Here, since byte order is not every database's order.
	slices.SortFunc(list, func(a, b auth.Credential) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
	})
	return list, nil
}

// someKinds is how many kinds the database selects by; of more, what was
// loaded is selected.
const someKinds = 8

func storables(keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(s string) bool { return !storable(s) })
}

// ChangeCredentials implements [auth.CredentialStore].
func (s *Store) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "change credentials", err)
	}
	plan, err := planOf(changes)
	if err != nil {
		return err
	}
	switch len(plan) {
	case 0:
		return nil
	case 1: // one statement is all or none by itself
		return s.change(ctx, plan[0])
	}
	return s.atomically(ctx, func(ctx context.Context) error {
		for _, c := range plan {
			if err := s.change(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// planOf checks the changes and puts them in order of their keys: callers that
// lock rows in one order never wait for one another in a circle.
func planOf(changes []auth.Change) ([]auth.Change, error) {
	plan := slices.Clone(changes)
	for _, c := range plan {
		if c.Old == nil && c.New == nil {
			return nil, fmt.Errorf("%w: change of nothing", auth.ErrInvalid)
		}
		if c.New != nil {
			if err := c.New.Validate(); err != nil {
				return nil, err
			}
		}
		if c.Old != nil && c.New != nil && (c.Old.Kind != c.New.Kind || c.Old.Key != c.New.Key) {
			return nil, fmt.Errorf("%w: replacement with another kind or key", auth.ErrInvalid)
		}
	}
	slices.SortFunc(plan, compareChanges)
	for i := 1; i < len(plan); i++ {
		if compareChanges(plan[i-1], plan[i]) == 0 {
			return nil, fmt.Errorf("%w: two changes of one credential", auth.ErrInvalid)
		}
	}
	return plan, nil
}

func compareChanges(a, b auth.Change) int {
	x, y := named(a), named(b)
	return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Key, y.Key))
}

// named is the credential that c is about.
func named(c auth.Change) *auth.Credential {
	if c.Old != nil {
		return c.Old
	}
	return c.New
}

// change makes one change, by one statement.
func (s *Store) change(ctx context.Context, c auth.Change) error {
	b := &s.backend
	var n int64
	var err error
	switch {
	case c.Old == nil:
		var created bool
		created, err = s.insert(ctx, &s.sql.createCredential, b.text(c.New.Kind), b.text(c.New.Key), b.text(c.New.UserID),
			blob(c.New.Data), b.text(c.New.Label), c.New.Generation,
			millis(c.New.CreatedAt), millis(c.New.VerifiedAt), millis(c.New.UsedAt), millis(c.New.ExpiresAt))
		if err == nil && !created {
			return auth.ErrExists
		}
		n = 1
	case !storable(c.Old.Kind) || !storable(c.Old.Key):
		return auth.ErrNotFound
	case c.New == nil:
		n, err = s.exec(ctx, &s.sql.deleteCredential, b.text(c.Old.Kind), b.text(c.Old.Key), c.Old.Version)
	default:
		n, err = s.exec(ctx, &s.sql.replaceCredential, blob(c.New.Data), b.text(c.New.Label), c.New.Generation,
			millis(c.New.CreatedAt), millis(c.New.VerifiedAt), millis(c.New.UsedAt), millis(c.New.ExpiresAt),
			b.text(c.New.Kind), b.text(c.New.Key), b.text(c.New.UserID), c.Old.Version)
	}
	switch {
	case err != nil:
		return outage(ctx, "change credentials", err)
	case n != 0:
		return nil
	}
	return s.whyNotChanged(ctx, c)
}

// whyNotChanged says why a replacement or deletion met no row.
func (s *Store) whyNotChanged(ctx context.Context, c auth.Change) error {
	rows, err := s.query(ctx, &s.sql.credentialState, s.backend.text(c.Old.Kind), s.backend.text(c.Old.Key))
	if err != nil {
		return outage(ctx, "change credentials", err)
	}
	var version intColumn
	var userID string
	found, err := one(rows, &version, &userID)
	switch {
	case err != nil:
		return outage(ctx, "change credentials", err)
	case !found:
		return auth.ErrNotFound
	case int64(version) == c.Old.Version && c.New != nil && c.New.UserID != userID:
		return fmt.Errorf("%w: replacement with another user", auth.ErrInvalid)
	}
	return auth.ErrConflict
}
