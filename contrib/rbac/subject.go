package rbac

import (
	"slices"
	"sync/atomic"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A subject is what one user was granted, in terms of definitions. It is never
// changed.
type subject struct {
	defs       *definitions
	everywhere []int32              // ascending
	scoped     []scoped             // few are looked through
	scopes     map[scope][]int32    // many are looked up; or nil
	shapes     [shapes]bool         // of which shapes there are any in scopes
	undefined  []string             // roles that were granted and are not defined
	names      atomic.Pointer[held] // of the roles everywhere, for the last who asked
}

// A scope is where a grant holds.
type scope struct{ tenant, kind, id string }

type scoped struct {
	scope
	roles []int32
}

// held are the names of roles by one policy.
type held struct {
	by    *compiled
	names []string
}

// few is how many grants are looked through rather than looked up.
const few = 6

// The shapes of scopes: what they name.
const (
	inTenant = iota
	forObject
	forObjectInTenant
	shapes
)

func (s *scope) shape() int {
	switch {
	case s.id == "":
		return inTenant
	case s.tenant == "":
		return forObject
	}
	return forObjectInTenant
}

func resolve(defs *definitions, grants []Grant) *subject {
	if len(grants) == 1 && grants[0].Tenant == "" && grants[0].Object == "" {
		if role, ok := defs.index[grants[0].Role]; ok {
			return &defs.only[role]
		}
	}
	s := &subject{defs: defs}
	for _, g := range grants {
		role, ok := defs.index[g.Role]
		if !ok {
			s.undefined = append(s.undefined, g.Role)
			continue
		}
		kind, id, ok := g.object()
		switch {
		case !ok: // holds for no object
		case g.Tenant == "" && g.Object == "":
			s.everywhere = append(s.everywhere, role)
		default:
			s.scoped = append(s.scoped, scoped{scope{g.Tenant, kind, id}, []int32{role}})
		}
	}
	slices.Sort(s.everywhere)
	s.everywhere = slices.Compact(s.everywhere)
	if len(s.scoped) <= few {
		return s
	}
	s.scopes = make(map[scope][]int32, len(s.scoped))
	for _, g := range s.scoped {
		s.shapes[g.shape()] = true
		s.scopes[g.scope] = append(s.scopes[g.scope], g.roles...)
	}
	return s
}

// fits reports whether what was granted for s holds for the object in the tenant.
func (s *scope) fits(tenant string, o *auth.Object) bool {
	return (s.tenant == "" || s.tenant == tenant) && (s.id == "" || s.id == o.ID && s.kind == o.Type)
}

// at returns the roles that were granted in the shape and hold for the object in the
// tenant, if many were granted.
func (s *subject) at(shape int, tenant string, o *auth.Object) []int32 {
	if !s.shapes[shape] || shape != forObject && tenant == "" || shape != inTenant && o.ID == "" {
		return nil
	}
	switch shape {
	case inTenant:
		return s.scopes[scope{tenant: tenant}]
	case forObject:
		return s.scopes[scope{kind: o.Type, id: o.ID}]
	}
	return s.scopes[scope{tenant, o.Type, o.ID}]
}

// allowed reports whether a role that does not hold everywhere has the permission
// for the object in the tenant.
func (s *subject) allowed(c *compiled, q question, tenant string, o *auth.Object) bool {
	if s.scopes == nil {
		for i := range s.scoped {
			if g := &s.scoped[i]; g.fits(tenant, o) && c.allows(g.roles, q) {
				return true
			}
		}
		return false
	}
	for shape := range shapes {
		if c.allows(s.at(shape, tenant, o), q) {
			return true
		}
	}
	return false
}

// roles returns the roles that hold for the object in the tenant and were not granted
// everywhere, maybe some twice.
func (s *subject) roles(tenant string, o *auth.Object) (roles []int32) {
	if s.scopes != nil {
		for shape := range shapes {
			roles = append(roles, s.at(shape, tenant, o)...)
		}
		return roles
	}
	for i := range s.scoped {
		if g := &s.scoped[i]; g.fits(tenant, o) {
			roles = append(roles, g.roles...)
		}
	}
	return roles
}
