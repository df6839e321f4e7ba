package rbac

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

// RolesOf is a policy.Roles, for authorizers that take their roles from here: it returns
// the names of the roles that a.Identity has where the object is, those that they
// inherit, and what [Options.User] or [Options.Nobody] says, sorted. Roles that are not
// defined are not among them. The error is a denial for an object of another tenant
// than the context's; any other is an outage. The caller does not change the slice.
func (a *Authorizer) RolesOf(ctx context.Context, access auth.Access) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("rbac: %w", err)
	}
	tenant, o, err := where(ctx, access)
	if err != nil {
		return nil, err
	}
	user := userOf(access)
	if user == "" && a.opts.Nobody == "" {
		return nil, nil
	}
	c, s, err := a.look(ctx, user)
	switch {
	case err != nil:
		return nil, err
	case user == "":
		return c.nobodyNames, nil
	case s == nil:
		return c.userNames, nil
	}
	if here := s.roles(tenant, &o); len(here) > 0 {
		return c.defs.names(slices.Concat(c.user, s.everywhere, here)), nil
	}
	if h := s.names.Load(); h != nil && h.by == c {
		return h.names, nil
	}
	names := slices.Clip(c.defs.names(slices.Concat(c.user, s.everywhere)))
	s.names.Store(&held{c, names})
	return names, nil
}
