package rbac

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// Filter returns which objects of a.Object's type a.Identity may do a.Action to: all,
// those of tenants, those with IDs. Of another tenant than the context's it is none. With no
// type, whoever was granted the permission for single objects gets
// policy.ErrNoFilter, since IDs say nothing then.
func (a *Authorizer) Filter(ctx context.Context, access auth.Access) (policy.Condition, error) {
	if err := ctx.Err(); err != nil {
		return policy.None(), fmt.Errorf("rbac: %w", err)
	}
	_, o, err := where(ctx, access)
	if err != nil {
		return policy.None(), err
	}
	user := userOf(access)
	if user == "" && a.opts.Nobody == "" {
		return policy.None(), nil
	}
	c, s, err := a.look(ctx, user)
	if err != nil {
		return policy.None(), err
	}
	q, ok := c.ask(access.Action)
	if !ok {
		return policy.None(), nil
	}
	here := policy.Tenant(ctx)
	within := policy.All()
	if here != "" {
		within = policy.Equal("tenant", here)
	}
	switch {
	case user == "" && c.allows(c.nobody, q), user != "" && c.allows(c.user, q), s != nil && c.allows(s.everywhere, q):
		return within, nil
	case s == nil:
		return policy.None(), nil
	}
	return s.filter(c, q, here, o.Type, within)
}

// filter is Filter for grants that do not hold everywhere.
func (s *subject) filter(c *compiled, q question, here, kind string, within policy.Condition) (policy.Condition, error) {
	tenants := make(map[string]bool)
	ids := make(map[string]map[string]bool) // by tenant
	for i := range s.scoped {
		g := &s.scoped[i]
		if here != "" && g.tenant != "" && g.tenant != here || !c.allows(g.roles, q) {
			continue
		}
		switch {
		case g.id == "":
			tenants[g.tenant] = true
		case kind == "":
			return policy.None(), fmt.Errorf("%w: rbac: objects of no type", policy.ErrNoFilter)
		case g.kind == kind:
			if ids[g.tenant] == nil {
				ids[g.tenant] = make(map[string]bool)
			}
			ids[g.tenant][g.id] = true
		}
	}
	any := []policy.Condition{policy.In("tenant", sorted(tenants)...)}
	for _, tenant := range sorted(ids) {
		switch {
		case tenants[tenant]: // with everything else there
		case tenant == "":
			any = append(any, policy.In("id", sorted(ids[tenant])...))
		default:
			any = append(any, policy.And(policy.Equal("tenant", tenant), policy.In("id", sorted(ids[tenant])...)))
		}
	}
	return policy.And(within, policy.Or(any...)), nil
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
