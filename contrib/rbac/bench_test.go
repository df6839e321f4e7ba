package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// A site is roles with 10 permissions each, and ten users for each role.
type site struct {
	a       *rbac.Authorizer
	users   []auth.Identity
	held    []string // an action that the user with the same number may do
	lacking []string
	posts   []any // of tenants: post i belongs to tenant i
}

// newSite makes a site of that many permissions: 1,000 are 100 roles and 1,000 users.
func newSite(tb testing.TB, permissions int, grant func(user, role int) rbac.Grant, wild, closed bool) *site {
	var defs []rbac.Role
	var actions []string
	action := func(role, i int) string { return fmt.Sprintf("data%d:do%d", role, i) }
	roles := permissions / 10
	for role := range roles {
		r := rbac.Role{Name: fmt.Sprintf("role%d", role)}
		for i := range 10 {
			actions = append(actions, action(role, i))
			r.Permissions = append(r.Permissions, action(role, i))
		}
		if wild {
			r.Permissions = []string{fmt.Sprintf("data%d:*", role)}
		}
		defs = append(defs, r)
	}
	m := newMemory(tb, defs...)
	opts := &rbac.Options{}
	if closed {
		opts.Actions = actions
	}
	s := &site{a: newAuthorizer(tb, m, opts)}
	for user := range permissions {
		g := grant(user, user%roles)
		if err := m.Grant(context.Background(), g); err != nil {
			tb.Fatal(err)
		}
		s.users = append(s.users, auth.Identity{UserID: fmt.Sprintf("user%d", user)})
		s.held = append(s.held, action(user%roles, user%10))
		s.lacking = append(s.lacking, action((user+1)%roles, user%10))
		s.posts = append(s.posts, auth.Object{Type: "post", ID: fmt.Sprint(user), Tenant: fmt.Sprintf("tenant%d", user%100)})
	}
	return s
}

func everywhere(user, role int) rbac.Grant {
	return rbac.Grant{UserID: fmt.Sprintf("user%d", user), Role: fmt.Sprintf("role%d", role)}
}

func inTenant(user, role int) rbac.Grant {
	g := everywhere(user, role)
	g.Tenant = fmt.Sprintf("tenant%d", user%100)
	return g
}

func forObject(user, role int) rbac.Grant {
	g := inTenant(user, role)
	g.Object = fmt.Sprintf("post/%d", user)
	return g
}

// Cases are the sizes of "performance.md", and the ways to grant.
var benchCases = []struct {
	name         string
	grant        func(user, role int) rbac.Grant
	wild, closed bool
	object       bool
}{
	{"everywhere", everywhere, false, false, false},
	{"wildcard", everywhere, true, true, false},
	{"open wildcard", everywhere, true, false, false},
	{"tenant", inTenant, false, false, true},
	{"object", forObject, false, false, true},
}

// BenchmarkAuthorize asks about a few users again and again, as a site does of whose
// users some are here now, and about all one after the other, which waits for the
// memory of the machine most of the time: what a plain map of maps takes for that is
// beside it.
func BenchmarkAuthorize(b *testing.B) {
	ctx := context.Background()
	for _, permissions := range []int{1_000, 100_000} {
		for _, c := range benchCases {
			s := newSite(b, permissions, c.grant, c.wild, c.closed)
			ask := func(i int, actions []string) error {
				access := auth.Access{Identity: &s.users[i], Action: actions[i]}
				if c.object {
					access.Object = s.posts[i]
				}
				return s.a.Authorize(ctx, access)
			}
			for i := range s.users { // who is here for the first time is resolved
				if ask(i, s.held) != nil || !errors.Is(ask(i, s.lacking), auth.ErrForbidden) {
					b.Fatal("wrong")
				}
			}
			for _, way := range []struct {
				name    string
				actions []string
			}{{"hit", s.held}, {"miss", s.lacking}} {
				name := fmt.Sprintf("%d/%s/%s", permissions, c.name, way.name)
				over(b, name, 64, func(i int) { _ = ask(i, way.actions) })
				over(b, name+"/all", permissions, func(i int) { _ = ask(i, way.actions) })
			}
		}
		s := newSite(b, permissions, everywhere, false, false)
		over(b, fmt.Sprintf("%d/RolesOf", permissions), 64, func(i int) {
			_, _ = s.a.RolesOf(ctx, auth.Access{Identity: &s.users[i]})
		})
		may := make(map[string]map[string]bool)
		for i := range s.users {
			may[s.users[i].UserID] = map[string]bool{s.held[i]: true}
		}
		over(b, fmt.Sprintf("%d/map of maps", permissions), 64, func(i int) { _ = may[s.users[i].UserID][s.held[i]] })
		over(b, fmt.Sprintf("%d/map of maps/all", permissions), permissions, func(i int) { _ = may[s.users[i].UserID][s.held[i]] })
	}
}

// over runs f for one of n after the other, and in parallel.
func over(b *testing.B, name string, n int, f func(i int)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if i++; i == n {
				i = 0
			}
			f(i)
		}
	})
	b.Run(name+"/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			i := 0
			for pb.Next() {
				if i++; i == n {
					i = 0
				}
				f(i)
			}
		})
	})
}

// A decision in memory allocates nothing, whatever it is.
func TestNoAllocation(t *testing.T) {
	ctx := policy.WithTenant(t.Context(), "tenant7")
	for _, c := range benchCases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, 1000, c.grant, c.wild, c.closed)
			for name, access := range map[string]auth.Access{
				"hit":     {Identity: &s.users[7], Action: s.held[7], Object: s.posts[7]},
				"miss":    {Identity: &s.users[7], Action: s.lacking[7], Object: s.posts[7]},
				"unknown": {Identity: &s.users[7], Action: "data7:no:such", Object: s.posts[7]},
				"nobody":  {Action: s.held[7]},
				"list":    {Identity: &s.users[7], Action: s.held[7]},
			} {
				err := s.a.Authorize(ctx, access) // who is here for the first time is resolved
				if (err == nil) != (name == "hit" || name == "list" && c.name != "object" || name == "unknown" && c.name == "open wildcard") {
					t.Fatalf("%s: %v", name, err)
				}
				if n := testing.AllocsPerRun(100, func() { _ = s.a.Authorize(ctx, access) }); n != 0 {
					t.Errorf("%s: %v allocations", name, n)
				}
			}
		})
	}
	t.Run("many grants", func(t *testing.T) {
		m := newMemory(t, rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}})
		for i := range 100 {
			grant(t, m, rbac.Grant{UserID: "ada", Role: "editor", Object: fmt.Sprintf("post/%d", i)})
			grant(t, m, rbac.Grant{UserID: "ada", Role: "editor", Tenant: fmt.Sprintf("t%d", i)})
			grant(t, m, rbac.Grant{UserID: "ada", Role: "editor", Tenant: "tenant7", Object: fmt.Sprintf("page/%d", i)})
		}
		a := newAuthorizer(t, m, nil)
		for _, o := range []string{"post/17", "page/17", "post/170"} {
			access := auth.Access{Identity: who("ada"), Action: "posts:edit", Object: auth.Object{Type: o[:4], ID: o[5:], Tenant: "tenant7"}}
			if n := testing.AllocsPerRun(100, func() { _ = a.Authorize(ctx, access) }); n != 0 {
				t.Errorf("%s: %v allocations", o, n)
			}
		}
	})
	t.Run("RolesOf", func(t *testing.T) {
		s := newSite(t, 1000, everywhere, false, false)
		access := auth.Access{Identity: &s.users[7], Object: s.posts[7]}
		if n := testing.AllocsPerRun(100, func() { _, _ = s.a.RolesOf(ctx, access) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
