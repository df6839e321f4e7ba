package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// A Role is what whoever is granted it may do. What its fields mean is said by
// contrib/rbac, whose Role has the same.
type Role struct {
	Name        string
	Permissions []string // patterns of actions: "posts:edit", "posts:*"
	Inherits    []string // roles whose permissions it has too
}

// A Grant gives a role to a user. The same as contrib/rbac's, so that one can be
// converted to the other.
type Grant struct {
	UserID string
	Role   string
	Tenant string // where it holds; "" everywhere
	Object string // what it holds for, "post/17"; "" for any object
}

// Roles keeps who has which role, and what roles there are. It decides nothing:
// contrib/rbac does, through its package bunrbac.
//
// All that it changes counts from the next [Roles.Grants] on, in every process:
// nothing is cached here. A verb joins the transaction that its context is in. Grants
// go by user ID and know no auth.Options.Realm: users who are not the same and have the
// same ID need stores with different prefixes.
// Methods are safe for concurrent use.
type Roles struct{ s *Store }

// Roles returns the store's roles. Their tables come with [Store.Migrate].
func (s *Store) Roles() *Roles { return &Roles{s} }

// largestRole is how many bytes the permissions of a role may have, as they are
// kept, and the roles that it inherits. MySQL keeps twice as much.
const largestRole = 8 << 20

// Grants returns what the user was granted, in order of role, tenant and object,
// and the version of the definitions that [Roles.Roles] returns. A user who was
// granted nothing, or who does not exist, has no grants, and the version is there
// nevertheless. It is one statement, by an index.
//
// In a transaction of the host's that sees what was there when it began
// (REPEATABLE READ), it too is what was granted then.
func (rs *Roles) Grants(ctx context.Context, userID string) (grants []Grant, version int64, err error) {
	const what = "grants of user"
	s := rs.s
	if err := ctx.Err(); err != nil {
		return nil, 0, outage(ctx, what, err)
	}
	if !storable(userID) {
		userID = "" // nobody's
	}
	rows, err := s.query(ctx, &s.sql.grants, s.backend.text(userID))
	if err != nil {
		return nil, 0, outage(ctx, what, err)
	}
	err = each(rows, func(rows *sql.Rows) error {
		g := Grant{UserID: userID}
		if err := rows.Scan(&joinedColumn{to: (*intColumn)(&version)}, joinedText{&g.Role}, joinedText{&g.Tenant}, joinedText{&g.Object}); err != nil {
			return err
		}
		if g.Role != "" {
			grants = append(grants, g)
		}
		return nil
	})
	if err != nil {
		return nil, 0, outage(ctx, what, err)
	}
	slices.SortFunc(grants, compareGrants)
	return grants, version, nil
}

func compareGrants(a, b Grant) int {
	return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Object, b.Object))
}

// Roles returns all definitions in order of their names, and their version. Each
// [Roles.SetRole] and [Roles.DeleteRole] raises it, and a version that was once seen is
// never that of other definitions: not after a transaction that was rolled back, and
// not after a backup was restored. So what was made of them may be kept until
// [Roles.Grants] returns another version. 0: nothing was ever defined.
func (rs *Roles) Roles(ctx context.Context) (roles []Role, version int64, err error) {
	const what = "roles"
	s := rs.s
	if err := ctx.Err(); err != nil {
		return nil, 0, outage(ctx, what, err)
	}
	rows, err := s.query(ctx, &s.sql.roles, s.backend.text(""))
	if err != nil {
		return nil, 0, outage(ctx, what, err)
	}
	err = each(rows, func(rows *sql.Rows) error {
		var r Role
		var permissions, inherits string
		if err := rows.Scan(&joinedColumn{to: (*intColumn)(&version)}, joinedText{&r.Name}, joinedText{&permissions}, joinedText{&inherits}); err != nil {
			return err
		}
		if r.Name == "" {
			return nil
		}
		var err error
		if r.Permissions, err = decodeNames(permissions); err == nil {
			r.Inherits, err = decodeNames(inherits)
		}
		if err != nil {
			return fmt.Errorf("role %q is damaged: %w", r.Name, err)
		}
		roles = append(roles, r)
		return nil
	})
	if err != nil {
		return nil, 0, outage(ctx, what, err)
	}
	slices.SortFunc(roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return roles, version, nil
}

// SetRole defines the role, in place of what was defined by its name. Roles that it
// inherits need not be defined yet. [auth.ErrInvalid] for a name that a store cannot
// keep, a permission that is no pattern, or over 8 MiB of them.
func (rs *Roles) SetRole(ctx context.Context, r Role) error {
	const what = "set role"
	s, b := rs.s, &rs.s.backend
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !storable(r.Name) {
		return fmt.Errorf("%w: name of a role", auth.ErrInvalid)
	}
	for _, p := range r.Permissions {
		if !storable(p) || !action.ValidPattern(p) {
			return fmt.Errorf("%w: permission %q of role %q", auth.ErrInvalid, p, r.Name)
		}
	}
	for _, name := range r.Inherits {
		if !storable(name) {
			return fmt.Errorf("%w: role %q inherits %q", auth.ErrInvalid, r.Name, name)
		}
	}
	permissions, inherits := encodeNames(r.Permissions), encodeNames(r.Inherits)
	if len(permissions) > largestRole || len(inherits) > largestRole {
		return fmt.Errorf("%w: role %q has over %d bytes", auth.ErrInvalid, r.Name, largestRole)
	}
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := rs.raise(ctx, what); err != nil {
			return err
		}
		if _, err := s.exec(ctx, &s.sql.setRole, b.text(r.Name), b.text(permissions), b.text(inherits)); err != nil {
			return outage(ctx, what, err)
		}
		return nil
	})
}

// DeleteRole deletes the role's definition, and takes the role from everybody who was
// granted it: who defines one of this name again begins with nobody. Roles that
// inherit it go on to name it. [auth.ErrNotFound]: it is not defined here; then no grant
// is touched.
func (rs *Roles) DeleteRole(ctx context.Context, name string) error {
	const what = "delete role"
	s := rs.s
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !storable(name) {
		return auth.ErrNotFound
	}
	return s.atomically(ctx, func(ctx context.Context) error {
		if err := rs.raise(ctx, what); err != nil {
			return err
		}
		n, err := s.exec(ctx, &s.sql.deleteRole, s.backend.text(name))
		switch {
		case err != nil:
			return outage(ctx, what, err)
		case n == 0:
			return auth.ErrNotFound // and the version is as it was
		}
		if _, err := s.exec(ctx, &s.sql.deleteRoleGrants, s.backend.text(name)); err != nil {
			return outage(ctx, what, err)
		}
		return nil
	})
}

// raise raises the version of the definitions. It is the first that a change of them
// does: changes at the same time wait for one another here, before they have locked
// anything else.
//
// The version is a time and a random number; or, if that is not higher, it is raised by
// a random number. Were it only counted, one that was rolled back would come again.
func (rs *Roles) raise(ctx context.Context, what string) error {
	next, step := rs.s.now().UnixMilli()<<20|rand.Int64N(1<<20), 1+rand.Int64N(1<<20)
	if _, err := rs.s.exec(ctx, &rs.s.sql.raiseRoles, next, step); err != nil {
		return outage(ctx, what, err)
	}
	return nil
}

// Grant grants a role. Granting what was granted already changes nothing and is no
// error. Neither the role nor the user need be there: roles may be defined elsewhere,
// and users be the host's. [auth.ErrInvalid] for strings that a store cannot keep, and for
// no user or no role.
func (rs *Roles) Grant(ctx context.Context, g Grant) error {
	const what = "grant role"
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !g.storable() {
		return fmt.Errorf("%w: grant of a role", auth.ErrInvalid)
	}
	if _, err := rs.s.exec(ctx, &rs.s.sql.grant, rs.s.grantArgs(g)...); err != nil {
		return outage(ctx, what, err)
	}
	return nil
}

// Revoke takes away the very grant: what was granted everywhere is not taken away in
// one tenant. [auth.ErrNotFound].
func (rs *Roles) Revoke(ctx context.Context, g Grant) error {
	const what = "revoke role"
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !g.storable() {
		return auth.ErrNotFound
	}
	n, err := rs.s.exec(ctx, &rs.s.sql.revoke, rs.s.grantArgs(g)...)
	switch {
	case err != nil:
		return outage(ctx, what, err)
	case n == 0:
		return auth.ErrNotFound
	}
	return nil
}

// RevokeAll takes away everything that the user was granted, which may be nothing.
// [Users.DeleteUser] does it; a host with users of its own calls it where it deletes
// one.
func (rs *Roles) RevokeAll(ctx context.Context, userID string) error {
	const what = "revoke roles of user"
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !storable(userID) {
		return nil
	}
	if _, err := rs.s.exec(ctx, &rs.s.sql.deleteUserGrants, rs.s.backend.text(userID)); err != nil {
		return outage(ctx, what, err)
	}
	return nil
}

// Holders returns at most limit grants of the role, in order of user, tenant and
// object, beginning after what an earlier call returned as next. next is "" if no more
// follow. Who has the role because another inherits it is not among them.
// [auth.ErrInvalid]: after is nothing that was returned as next.
func (rs *Roles) Holders(ctx context.Context, role, after string, limit int) (list []Grant, next string, err error) {
	const what = "holders of role"
	s, b := rs.s, &rs.s.backend
	if err := ctx.Err(); err != nil {
		return nil, "", outage(ctx, what, err)
	}
	var from Grant
	if after != "" {
		if from, err = parseCursor(after); err != nil {
			return nil, "", err
		}
	}
	if limit <= 0 || !storable(role) {
		return nil, "", nil
	}
	limit = min(limit, math.MaxInt32)
	st, args := &s.sql.holders, []any{b.text(role)}
	if after != "" {
		st, args = &s.sql.holdersAfter, append(args, b.text(from.UserID), b.text(from.UserID), b.text(from.Tenant), b.text(from.Object))
	}
	rows, err := s.query(ctx, st, append(args, int64(limit)+1)...)
	if err != nil {
		return nil, "", outage(ctx, what, err)
	}
	err = each(rows, func(rows *sql.Rows) error {
		var g Grant
		if err := rows.Scan(&g.UserID, &g.Role, &g.Tenant, &g.Object); err != nil {
			return err
		}
		list = append(list, g)
		return nil
	})
	switch {
	case err != nil:
		return nil, "", outage(ctx, what, err)
	case len(list) <= limit:
		return list, "", nil
	}
	return list[:limit], cursorAt(list[limit-1]), nil
}

func (g Grant) storable() bool {
	return storable(g.UserID) && storable(g.Role) && storableText(g.Tenant) && storableText(g.Object)
}

func (s *Store) grantArgs(g Grant) []any {
	return s.backend.texts([]string{g.UserID, g.Role, g.Tenant, g.Object})
}

// cursorAt names a place in a list of holders. No string that is kept has a NUL.
func cursorAt(g Grant) string {
	return base64.RawURLEncoding.EncodeToString([]byte(g.UserID + "\x00" + g.Tenant + "\x00" + g.Object))
}

func parseCursor(s string) (Grant, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	parts := strings.Split(string(b), "\x00")
	if err != nil || len(parts) != 3 || !storable(parts[0]) || !storableText(parts[1]) || !storableText(parts[2]) {
		return Grant{}, fmt.Errorf("%w: where a list of holders goes on", auth.ErrInvalid)
	}
	return Grant{UserID: parts[0], Tenant: parts[1], Object: parts[2]}, nil
}

// encodeNames returns names, which are valid UTF-8, as they are kept: JSON, for
// whoever looks into the table.
func encodeNames(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(names) // strings always can be
	return strings.TrimSuffix(b.String(), "\n")
}

func decodeNames(s string) (names []string, err error) {
	err = json.Unmarshal([]byte(s), &names)
	if len(names) == 0 {
		names = nil
	}
	return names, err
}
