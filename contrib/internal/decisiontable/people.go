package decisiontable

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// A Grant gives a role to a user: everywhere, in a tenant, or for one object.
type Grant struct{ UserID, Role, Tenant, Object string }

// Grants are those of the site. What has the name of a role, a tenant or a user of
// somebody else is none of these.
var Grants = []Grant{
	{UserID: "ada", Role: "admin"},
	{UserID: "ed", Role: "editor"},
	{UserID: "vi", Role: "viewer"},
	{UserID: "adam", Role: "admin", Tenant: "acme"},
	{UserID: "eve", Role: "editor", Tenant: "acme"},
	{UserID: "vic", Role: "viewer", Tenant: "globex"},
	{UserID: "otto", Role: "editor", Object: "post/1"},
	{UserID: "dora", Role: "admin"}, // is disabled while she is logged in
	{UserID: "hal", Role: "admin"},  // owes a factor
	{UserID: "ursa", Role: "nothing-of-this-name"},
}

// Posts are the objects, by ID.
var Posts = map[string]auth.Object{
	"1": {Type: "post", ID: "1", Owner: "olga"},
	"2": {Type: "post", ID: "2", Tenant: "acme", Owner: "olga"},
	"3": {Type: "post", ID: "3", Tenant: "globex", Owner: "eve"},
	"4": {Type: "post", ID: "4", Tenant: "acme"}, // nobody's
	"5": {Type: "post", ID: "5", Owner: "admin"}, // a user of that name
	"6": {Type: "post", ID: "6", Tenant: "acme", Owner: `o"m\al`},
}

// inherited are the roles that a role includes, itself first.
var inherited = map[string][]string{
	"admin":  {"admin", "editor", "viewer"},
	"editor": {"editor", "viewer"},
	"viewer": {"viewer"},
}

// Roles returns the roles that somebody has where the object is, inherited ones
// included: a [policy.Roles].
func Roles(ctx context.Context, a auth.Access) ([]string, error) {
	if a.Identity == nil {
		return nil, nil
	}
	tenant, err := policy.TenantOf(ctx, a)
	if err != nil {
		return nil, err
	}
	o, _ := a.Describe()
	var roles []string
	for _, g := range Grants {
		if g.UserID == a.Identity.UserID && (g.Tenant == "" || g.Tenant == tenant) && (g.Object == "" || g.Object == o.String()) {
			roles = append(roles, inherited[g.Role]...)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

// A user is one of the site's.
type user struct {
	id       string
	disabled *atomic.Bool
}

func (u user) AuthID() string { return u.id }
func (u user) IsActive() bool { return !u.disabled.Load() }

// users are all there are.
type users map[string]*atomic.Bool

func newUsers() users {
	all := users{}
	for _, id := range []string{"ada", "ed", "vi", "adam", "eve", "vic", "otto", "dora", "hal", "ursa", "olga", "admin", "acme", `User::"ada"`, `o"m\al`} {
		all[id] = new(atomic.Bool)
	}
	return all
}

func (all users) load(_ context.Context, id string) (user, error) {
	disabled, ok := all[id]
	if !ok {
		return user{}, auth.ErrNotFound
	}
	return user{id, disabled}, nil
}
