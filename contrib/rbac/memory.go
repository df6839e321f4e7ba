package rbac

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Memory is a [Store] in memory: roles and grants go with the process. Its changes
// count from the next decision on. Its methods are safe for concurrent use, and reading
// never waits for anything.
type Memory struct {
	mu     sync.Mutex // of who changes roles
	defs   atomic.Pointer[definitions]
	grants *table
}

var _ Store = (*Memory)(nil)

// NewMemory returns a Memory with these roles, and nobody has any. The error says
// everything that is wrong with them, such as circles and roles that are not defined.
func NewMemory(roles ...Role) (*Memory, error) {
	m := &Memory{grants: newTable()}
	if err := m.SetRoles(roles...); err != nil {
		return nil, err
	}
	return m, nil
}

// SetRoles puts these roles in the place of all that were defined, at once. Grants
// stay: those of roles that are not defined any more grant nothing until they are
// again. The error wraps [auth.ErrInvalid] and says everything that is wrong with the
// roles; then nothing has changed.
func (m *Memory) SetRoles(roles ...Role) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.define(roles)
}

func (m *Memory) define(roles []Role) error {
	defs, err := define(roles)
	if err != nil {
		return fmt.Errorf("%w: %w", auth.ErrInvalid, err)
	}
	if old := m.defs.Load(); old != nil {
		defs.version = old.version + 1
	}
	m.defs.Store(defs)
	return nil
}

// SetRole defines a role, in place of what was defined by its name. The error wraps
// [auth.ErrInvalid] if that does not go together with the other roles.
func (m *Memory) SetRole(ctx context.Context, r Role) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defs := m.defs.Load()
	roles := slices.Clone(defs.roles)
	if i, ok := defs.index[r.Name]; ok {
		roles[i] = r
	} else {
		roles = append(roles, r)
	}
	return m.define(roles)
}

// DeleteRole deletes a role, and takes it from everybody who was granted it.
// [auth.ErrNotFound]; [auth.ErrInvalid] if others inherit it.
func (m *Memory) DeleteRole(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defs := m.defs.Load()
	i, ok := defs.index[name]
	if !ok {
		return fmt.Errorf("rbac: role %.60q: %w", name, auth.ErrNotFound)
	}
	if err := m.define(slices.Delete(slices.Clone(defs.roles), int(i), int(i)+1)); err != nil {
		return err
	}
	t := m.grants
	t.mu.Lock()
	defer t.mu.Unlock()
	var changed [][]Grant
	t.all(func(grants []Grant) bool {
		if slices.ContainsFunc(grants, func(g Grant) bool { return g.Role == name }) {
			changed = append(changed, grants)
		}
		return true
	})
	for _, grants := range changed {
		t.put(grants[0].UserID, slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return g.Role == name }))
	}
	return nil
}

// Grant grants a role. It changes nothing if it was granted already. Neither the role
// nor the user need be known: a role that is not defined grants nothing until it is.
// The error wraps [auth.ErrInvalid] for what no store would keep, or what could never
// hold.
func (m *Memory) Grant(ctx context.Context, g Grant) error {
	if err := errors.Join(ctx.Err(), g.Validate()); err != nil {
		return err
	}
	t := m.grants
	t.mu.Lock()
	defer t.mu.Unlock()
	var grants []Grant
	if n := t.find(g.UserID); n != nil {
		grants = n.grants
	}
	if i, there := slices.BinarySearchFunc(grants, g, compareGrants); !there {
		t.put(g.UserID, slices.Insert(slices.Clone(grants), i, g))
	}
	return nil
}

// Revoke takes away the very grant: what was granted everywhere is not taken away in
// one tenant. [auth.ErrNotFound].
func (m *Memory) Revoke(ctx context.Context, g Grant) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := m.grants
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.find(g.UserID); n != nil {
		if i, there := slices.BinarySearchFunc(n.grants, g, compareGrants); there {
			t.put(g.UserID, slices.Delete(slices.Clone(n.grants), i, i+1))
			return nil
		}
	}
	return fmt.Errorf("rbac: grant of role %.60q: %w", g.Role, auth.ErrNotFound)
}

// RevokeAll takes away everything that the user was granted, which may be nothing.
func (m *Memory) RevokeAll(ctx context.Context, userID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := m.grants
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(userID, nil)
	return nil
}

// compareGrants orders those of one role, and those of one user.
func compareGrants(a, b Grant) int {
	return cmp.Or(strings.Compare(a.UserID, b.UserID), strings.Compare(a.Role, b.Role),
		strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Object, b.Object))
}

// Roles returns the roles, and their version, which each change of them raises.
func (m *Memory) Roles(ctx context.Context) ([]Role, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	defs := m.defs.Load()
	return defs.roles, defs.version, nil
}

// Grants returns what the user was granted, in order of role, tenant and object, and
// the version of the roles.
func (m *Memory) Grants(ctx context.Context, userID string) ([]Grant, int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	version := m.defs.Load().version
	return m.GrantsOf(userID), version, nil
}

// GrantsOf returns what the user was granted, in order of role, tenant and object. The
// caller does not change it.
func (m *Memory) GrantsOf(userID string) []Grant {
	if n := m.grants.find(userID); n != nil {
		return n.grants
	}
	return nil
}

// Holders returns who was granted the role, as [Store] says. It looks through all
// users.
func (m *Memory) Holders(ctx context.Context, role, after string, limit int) (grants []Grant, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	behind, err := decodeGrant(after)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("rbac: %w: there is no page after %.60q", auth.ErrInvalid, after)
	case limit < 1:
		return nil, "", nil
	}
	behind.Role = role
	m.grants.all(func(of []Grant) bool {
		for _, g := range of {
			if g.Role == role && (after == "" || compareGrants(g, behind) > 0) {
				grants = append(grants, g)
			}
		}
		return true
	})
	slices.SortFunc(grants, compareGrants)
	if len(grants) > limit {
		grants = slices.Clone(grants[:limit])
		next = encodeGrant(grants[limit-1])
	}
	return grants, next, nil
}

// encodeGrant makes the place of g in a list fit for a URL.
func encodeGrant(g Grant) string {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return encode(g.UserID) + "." + encode(g.Tenant) + "." + encode(g.Object)
}

func decodeGrant(s string) (g Grant, err error) {
	if s == "" {
		return g, nil
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return g, auth.ErrInvalid
	}
	for i, to := range []*string{&g.UserID, &g.Tenant, &g.Object} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return g, err
		}
		*to = string(text)
	}
	return g, nil
}

func (m *Memory) local() (*definitions, *table) { return m.defs.Load(), m.grants }
