package rbac_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// An object meets what Filter returns if and only if Authorize allows it; and RolesOf
// names a role if and only if it holds.
func TestFilterIsAuthorize(t *testing.T) {
	all := []string{"posts:read", "posts:edit", "pages:read", "pages:edit"}
	tenants := []string{"", "a", "b"}
	kinds := []string{"post", "page"}
	yes, no, none := 0, 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 0))
		var roles []rbac.Role
		for i := range 1 + r.IntN(5) {
			role := rbac.Role{Name: fmt.Sprint("r", i)}
			for range r.IntN(3) {
				role.Permissions = append(role.Permissions, pick(r, append(all, "posts:*", "*:read", "*")...))
			}
			for parent := range i {
				if r.IntN(4) == 0 {
					role.Inherits = append(role.Inherits, fmt.Sprint("r", parent))
				}
			}
			roles = append(roles, role)
		}
		opts := &rbac.Options{Logger: (&journal{}).logger()}
		if r.IntN(2) == 0 {
			opts.Actions = all
		}
		if r.IntN(4) == 0 {
			opts.User = "r0"
		}
		if r.IntN(4) == 0 {
			opts.Nobody = "r0"
		}
		m := newMemory(t, roles...)
		var source rbac.Source = m
		if r.IntN(2) == 0 {
			source = struct{ rbac.Source }{m} // is asked
		}
		a, err := rbac.New(source, opts)
		if err != nil {
			continue // a pattern that covers nothing
		}
		users := []string{"", "u", "v"}
		for range pick(r, 1, 3, 30) {
			g := rbac.Grant{UserID: pick(r, users[1:]...), Role: pick(r, "r0", "r1", "r2", "gone"), Tenant: pick(r, tenants...)}
			if r.IntN(2) == 0 {
				g.Object = pick(r, kinds...) + "/" + pick(r, "1", "2", "3")
			}
			grant(t, m, g)
		}
		for range 20 {
			ctx := policy.WithTenant(t.Context(), pick(r, tenants...))
			kind := pick(r, kinds...)
			access := auth.Access{Identity: who(pick(r, users...)), Action: pick(r, append(all, "posts:no", "x")...), Object: auth.Object{Type: kind}}
			c, err := a.Filter(ctx, access)
			if err != nil {
				t.Fatal(err)
			}
			if c.Op == policy.OpNone {
				none++
			}
			for _, tenant := range tenants {
				for _, id := range []string{"1", "2", "3", "4"} {
					o := auth.Object{Type: kind, ID: id, Tenant: tenant}
					access.Object = o
					err := a.Authorize(ctx, access)
					if c.Matches(o) != (err == nil) {
						t.Fatalf("seed %d: %+v in tenant %q: %v, but the filter is %+v\n%+v %+v", seed, access, policy.Tenant(ctx), err, c, m.GrantsOf("u"), m.GrantsOf("v"))
					}
					if err == nil {
						yes++
					} else {
						no++
					}
					names, rolesErr := a.RolesOf(ctx, access)
					if rolesErr != nil {
						if !errors.Is(rolesErr, auth.ErrForbidden) || err == nil {
							t.Fatal(rolesErr)
						}
						continue
					}
					if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
						t.Fatalf("%q", names)
					}
					// By one who is granted just these roles, everywhere.
					plain := newMemory(t, roles...)
					for _, name := range names {
						grant(t, plain, rbac.Grant{UserID: "plain", Role: name})
					}
					b := newAuthorizer(t, plain, &rbac.Options{Actions: opts.Actions})
					if again := b.Authorize(ctx, auth.Access{Identity: who("plain"), Action: access.Action}); (again == nil) != (err == nil) {
						t.Fatalf("seed %d: %+v: %v, but with the roles %q %v", seed, access, err, names, again)
					}
				}
			}
		}
	}
	if yes < 1000 || no < 1000 || none < 100 {
		t.Errorf("%d yes, %d no, %d none: the cases are one-sided", yes, no, none)
	}
}

func TestFilter(t *testing.T) {
	m := newMemory(t, theRoles()...)
	for _, g := range []rbac.Grant{
		{UserID: "all", Role: "viewer"},
		{UserID: "two", Role: "viewer", Tenant: "acme"}, {UserID: "two", Role: "editor", Tenant: "other"}, {UserID: "two", Role: "viewer", Tenant: "acme", Object: "post/3"},
		{UserID: "ids", Role: "viewer", Object: "post/1"}, {UserID: "ids", Role: "editor", Object: "post/2"}, {UserID: "ids", Role: "editor", Object: "page/9"}, {UserID: "ids", Role: "viewer", Tenant: "acme", Object: "post/3"},
		{UserID: "user", Role: "guest"},
	} {
		grant(t, m, g)
	}
	a := newAuthorizer(t, m, &rbac.Options{User: "user", Nobody: "guest"})
	for _, test := range []struct {
		user, action, tenant string
		want                 policy.Condition
	}{
		{"all", "posts:read", "", policy.All()},
		{"all", "posts:read", "acme", policy.Equal("tenant", "acme")},
		{"all", "posts:edit", "", policy.None()},
		{"zoe", "posts:list", "", policy.All()},
		{"", "pages:read", "", policy.All()},
		{"", "posts:list", "", policy.None()},
		{"two", "posts:read", "", policy.In("tenant", "acme", "other")},
		{"two", "posts:edit", "", policy.Equal("tenant", "other")},
		{"two", "posts:read", "third", policy.None()},
		{"ids", "posts:read", "", policy.Or(policy.In("id", "1", "2"), policy.And(policy.Equal("tenant", "acme"), policy.Equal("id", "3")))},
		{"ids", "posts:edit", "acme", policy.And(policy.Equal("tenant", "acme"), policy.Equal("id", "2"))},
	} {
		c, err := a.Filter(policy.WithTenant(t.Context(), test.tenant), auth.Access{Identity: who(test.user), Action: test.action, Object: auth.Object{Type: "post"}})
		if err != nil || fmt.Sprint(c) != fmt.Sprint(test.want) {
			t.Errorf("%+v: %+v, %v", test, c, err)
		}
	}
	if _, err := a.Filter(t.Context(), auth.Access{Identity: who("ids"), Action: "posts:read", Object: auth.Object{}}); !errors.Is(err, policy.ErrNoFilter) {
		t.Errorf("for objects of no type: %v", err)
	}
	if c, err := a.Filter(t.Context(), auth.Access{Identity: who("all"), Action: "posts:read", Object: auth.Object{}}); err != nil || c.Op != policy.OpAll {
		t.Errorf("for objects of no type: %+v, %v", c, err)
	}
}

func TestRolesOf(t *testing.T) {
	m := newMemory(t, theRoles()...)
	for _, g := range []rbac.Grant{
		{UserID: "ada", Role: "admin"}, {UserID: "bob", Role: "editor", Tenant: "acme"}, {UserID: "bob", Role: "poster"}, {UserID: "cleo", Role: "gone"}, {UserID: "dan", Role: "viewer", Object: "post/17"},
	} {
		grant(t, m, g)
	}
	var roles policy.Roles = newAuthorizer(t, m, &rbac.Options{User: "user", Nobody: "guest", Logger: (&journal{}).logger()}).RolesOf
	for _, test := range []struct{ user, post, tenant, want string }{
		{"ada", "", "", "[admin editor user viewer]"},
		{"ada", "acme:1", "", "[admin editor user viewer]"},
		{"ada", "acme:1", "other", "no"},
		{"bob", "", "", "[poster user]"},
		{"bob", "", "acme", "[editor poster user viewer]"},
		{"bob", "acme:1", "", "[editor poster user viewer]"},
		{"bob", "other:1", "", "[poster user]"},
		{"cleo", "", "", "[user]"},
		{"dan", "17", "", "[user viewer]"},
		{"dan", "18", "", "[user]"},
		{"zoe", "", "", "[user]"},
		{"", "", "", "[guest]"},
	} {
		for range 2 { // the second time from memory
			names, err := roles(policy.WithTenant(t.Context(), test.tenant), auth.Access{Identity: who(test.user), Action: "x", Object: post(test.post)})
			got := fmt.Sprint(names)
			if err != nil {
				got = verdict(err)
			}
			if got != test.want {
				t.Errorf("%+v: %s", test, got)
			}
		}
	}
}

// What one Authorizer has found out is not another's answer.
func TestTwoOnOneMemory(t *testing.T) {
	m := newMemory(t, theRoles()...)
	grant(t, m, rbac.Grant{UserID: "ada", Role: "editor"})
	one, two := newAuthorizer(t, m, &rbac.Options{User: "user"}), newAuthorizer(t, m, &rbac.Options{User: "guest", Actions: []string{"posts:read", "posts:edit", "posts:delete", "posts:list", "pages:read"}})
	for range 2 {
		for a, want := range map[*rbac.Authorizer]string{one: "[editor user viewer]", two: "[editor guest viewer]"} {
			names, err := a.RolesOf(t.Context(), auth.Access{Identity: who("ada")})
			if got := fmt.Sprint(names); got != want || err != nil {
				t.Errorf("%s, %v, want %s", got, err, want)
			}
			list := a.Authorize(t.Context(), auth.Access{Identity: who("ada"), Action: "posts:list"})
			if (list == nil) != (a == one) {
				t.Errorf("posts:list: %v", list)
			}
		}
	}
}
