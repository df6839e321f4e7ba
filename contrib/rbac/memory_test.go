package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

func TestRolesThatAreWrong(t *testing.T) {
	role := func(name string, permissions, inherits string) rbac.Role {
		return rbac.Role{Name: name, Permissions: strings.Fields(permissions), Inherits: strings.Fields(inherits)}
	}
	_, err := rbac.NewMemory(
		role("a", "", "b"), role("b", "", "c x"), role("c", "", "a"), // a circle, that inherits what is not there
		role("self", "", "self"),
		role("twice", "posts:read", ""), role("twice", "posts:edit", ""),
		role("heir", "posts:read", "twice"),
		role("", "", ""), role(" pad", "", ""), role("bell\a", "", ""), role(strings.Repeat("x", 256), "", ""),
		role("bad", "posts: :x po*ts posts:read", ""),
		rbac.Role{Name: "empty", Permissions: []string{""}},
	)
	if !errors.Is(err, auth.ErrInvalid) {
		t.Fatal(err)
	}
	for _, want := range []string{
		`roles "a" "b" "c" inherit one another in a circle`, `role "b" inherits "x", which is not defined`, `role "self" inherits itself`,
		`role "twice" is defined 2 times`, `role "heir" inherits "twice", which does not count`, `name "" is empty`, `" pad" begins or ends with a space`, `"bell\a" has characters`, "longer than 255",
		`role "bad": the permission "posts:" is no pattern`, `":x"`, `"po*ts"`, `role "empty": the permission "" is empty`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n\tdoes not say %s", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 13 {
		t.Errorf("%d lines, want one for each of 13:\n%v", n, err)
	}

	m := newMemory(t, role("a", "posts:read", ""))
	if err := m.SetRoles(role("a", "", "b")); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("SetRoles: %v", err)
	}
	if err := m.SetRole(t.Context(), role("b", "", "b")); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("SetRole: %v", err)
	}
	if roles, version, err := m.Roles(t.Context()); len(roles) != 1 || version != 0 || err != nil {
		t.Errorf("Roles is %v, %d, %v after changes that were refused", roles, version, err)
	}
}

func TestGrantsThatAreWrong(t *testing.T) {
	m := newMemory(t, theRoles()...)
	for _, g := range []rbac.Grant{
		{Role: "editor"}, {UserID: "ada"}, {UserID: "ada", Role: "editor", Object: "post"}, {UserID: "ada", Role: "editor", Object: "post/"},
		{UserID: "ada", Role: "editor", Object: "/17"}, {UserID: "ada", Role: " editor"}, {UserID: strings.Repeat("a", 256), Role: "editor"},
		{UserID: "ada", Role: "editor", Tenant: strings.Repeat("a", 256)}, {UserID: "ada", Role: "editor", Object: "post/" + strings.Repeat("a", 256)},
	} {
		if err := m.Grant(t.Context(), g); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%.80v: %v", g, err)
		}
	}
	if got := m.GrantsOf("ada"); got != nil {
		t.Errorf("ada was granted %v", got)
	}
}

// What is changed counts from the next decision on.
func TestChanges(t *testing.T) {
	ctx := t.Context()
	m := newMemory(t, theRoles()...)
	a := newAuthorizer(t, m, &rbac.Options{Logger: (&journal{}).logger()})
	want := func(want string) {
		t.Helper()
		if got := verdict(a.Authorize(ctx, auth.Access{Identity: who("ada"), Action: "posts:edit", Object: post("acme:17")})); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want("no")
	everywhere := rbac.Grant{UserID: "ada", Role: "editor"}
	inAcme := rbac.Grant{UserID: "ada", Role: "editor", Tenant: "acme"}
	must(m.Grant(ctx, everywhere))
	want("yes")
	must(m.Grant(ctx, everywhere)) // again: nothing
	must(m.Revoke(ctx, everywhere))
	want("no")
	if err := m.Revoke(ctx, everywhere); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("Revoke again: %v", err)
	}
	must(m.Grant(ctx, inAcme))
	want("yes")
	if err := m.Revoke(ctx, everywhere); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("Revoke of what was granted in a tenant: %v", err)
	}
	want("yes")
	must(m.SetRole(ctx, rbac.Role{Name: "editor", Permissions: []string{"posts:look"}}))
	want("no")
	must(m.SetRole(ctx, rbac.Role{Name: "editor", Inherits: []string{"poster"}}))
	want("yes")
	must(m.SetRoles(rbac.Role{Name: "poster", Permissions: []string{"posts:*"}}))
	want("no") // editor is not defined any more
	must(m.SetRoles(theRoles()...))
	want("yes") // and is again
	if err := m.DeleteRole(ctx, "editor"); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("DeleteRole of what admin inherits: %v", err)
	}
	must(m.DeleteRole(ctx, "admin"))
	must(m.DeleteRole(ctx, "editor"))
	want("no")
	if err := m.DeleteRole(ctx, "editor"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("DeleteRole again: %v", err)
	}
	must(m.SetRole(ctx, rbac.Role{Name: "editor", Inherits: []string{"poster"}}))
	want("no") // it was taken from everybody
}

// What was returned once does not change any more.
func TestGrantsStay(t *testing.T) {
	m := newMemory(t, theRoles()...)
	editor, viewer := rbac.Grant{UserID: "ada", Role: "editor"}, rbac.Grant{UserID: "ada", Role: "viewer"}
	grant(t, m, editor)
	grant(t, m, viewer)
	got := m.GrantsOf("ada")
	roles, _, err := m.Roles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := roles[0].Name
	revoke(t, m, editor)
	grant(t, m, rbac.Grant{UserID: "ada", Role: "admin"})
	if err := m.DeleteRole(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []rbac.Grant{editor, viewer}) || roles[0].Name != first {
		t.Errorf("what was returned is %v, %v", got, roles[0])
	}
}

func TestHolders(t *testing.T) {
	ctx := t.Context()
	m := newMemory(t, theRoles()...)
	var want []rbac.Grant
	for i := range 10 {
		g := rbac.Grant{UserID: fmt.Sprintf("u%d", i), Role: "editor"}
		inA, inB := g, g
		inA.Tenant, inB.Tenant, inB.Object = "acme", "acme", "post/1.7"
		want = append(want, g, inA, inB)
		for _, g := range []rbac.Grant{inB, g, inA, {UserID: g.UserID, Role: "viewer"}} {
			grant(t, m, g)
		}
	}
	for _, limit := range []int{1, 4, 29, 30, 31} {
		var got []rbac.Grant
		after := ""
		for {
			page, next, err := m.Holders(ctx, "editor", after, limit)
			if err != nil || len(page) > limit {
				t.Fatal(len(page), err)
			}
			got = append(got, page...)
			if after = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %v, want %v", limit, got, want)
		}
	}
	for _, after := range []string{"a", "!.!.!"} {
		if _, _, err := m.Holders(ctx, "editor", after, 1); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("Holders after %q: %v", after, err)
		}
	}
	if err := errors.Join(m.RevokeAll(ctx, "u3"), m.RevokeAll(ctx, "u3"), m.RevokeAll(ctx, "nobody")); err != nil {
		t.Error(err)
	}
	if got, _, err := m.Holders(ctx, "editor", "", 100); len(got) != 27 || err != nil || m.GrantsOf("u3") != nil {
		t.Errorf("%d are left, %v, want 27; and %v", len(got), err, m.GrantsOf("u3"))
	}
	if got, next, err := m.Holders(ctx, "no such", "", 10); len(got) != 0 || next != "" || err != nil {
		t.Errorf("of no role: %v, %q, %v", got, next, err)
	}
}

// What is kept is what a plain map would keep, however many come and go.
func TestMemoryKeeps(t *testing.T) {
	ctx := t.Context()
	m := newMemory(t, theRoles()...)
	model := make(map[string][]rbac.Grant)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		g := rbac.Grant{UserID: fmt.Sprint(r.IntN(2000)), Role: theRoles()[r.IntN(3)].Name}
		if r.IntN(3) == 0 {
			g.Tenant = "acme"
		}
		had := slices.Contains(model[g.UserID], g)
		if r.IntN(2) == 0 {
			grant(t, m, g)
			if !had {
				model[g.UserID] = append(model[g.UserID], g)
			}
			continue
		}
		if err := m.Revoke(ctx, g); (err == nil) != had {
			t.Fatalf("Revoke %v: %v, had it: %v", g, err, had)
		}
		model[g.UserID] = slices.DeleteFunc(model[g.UserID], func(o rbac.Grant) bool { return o == g })
	}
	total := 0
	for user, want := range model {
		got := m.GrantsOf(user)
		if len(got) != len(want) || slices.ContainsFunc(want, func(g rbac.Grant) bool { return !slices.Contains(got, g) }) {
			t.Errorf("%s: %v, want %v", user, got, want)
		}
		total += len(want)
	}
	n := 0
	for _, r := range theRoles() {
		got, _, err := m.Holders(ctx, r.Name, "", 1<<20)
		if n += len(got); err != nil {
			t.Error(err)
		}
	}
	if n != total || total == 0 {
		t.Errorf("there are %d grants in all, want %d", n, total)
	}
}

// While roles and grants change, nobody ever gets what they are not to have, and
// nobody loses for a moment what they have all the time.
func TestWhileChanging(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := newMemory(t, theRoles()...)
	a := newAuthorizer(t, m, &rbac.Options{Logger: (&journal{}).logger()})
	grant(t, m, rbac.Grant{UserID: "ada", Role: "editor"})
	grant(t, m, rbac.Grant{UserID: "bob", Role: "viewer"})
	var turns atomic.Int64 // odd while cleo may be an editor
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				background := context.Background()
				if err := a.Authorize(background, auth.Access{Identity: who("ada"), Action: "posts:edit", Object: post("acme:1")}); err != nil {
					t.Errorf("ada: %v", err)
				}
				if err := a.Authorize(background, auth.Access{Identity: who("bob"), Action: "posts:edit"}); verdict(err) != "no" {
					t.Errorf("bob: %v", err)
				}
				before := turns.Load()
				if err := a.Authorize(background, auth.Access{Identity: who("cleo"), Action: "posts:edit"}); err == nil && before%2 == 0 && turns.Load() == before {
					t.Error("cleo: allowed")
				}
				if names, err := a.RolesOf(background, auth.Access{Identity: who("ada")}); err != nil || !slices.Contains(names, "editor") || slices.Contains(names, "root") {
					t.Errorf("ada has %q, %v", names, err)
				}
			}
		})
	}
	cleo := rbac.Grant{UserID: "cleo", Role: "editor"}
	for i := range 2000 {
		turns.Add(1)
		grant(t, m, cleo)
		revoke(t, m, cleo)
		turns.Add(1)
		if err := a.Authorize(t.Context(), auth.Access{Identity: who("cleo"), Action: "posts:edit"}); err == nil {
			t.Error("cleo: allowed after it was revoked")
		}
		grant(t, m, rbac.Grant{UserID: fmt.Sprint(i), Role: "viewer"})
		grant(t, m, rbac.Grant{UserID: "ada", Role: "viewer", Tenant: fmt.Sprint(i % 20)})
		if i%10 == 0 {
			roles := theRoles()
			rand.Shuffle(len(roles), func(i, j int) { roles[i], roles[j] = roles[j], roles[i] })
			if err := m.SetRoles(roles...); err != nil {
				t.Error(err)
			}
		}
	}
	cancel()
	wg.Wait()
}

// Roles that inherit one another in a long chain take time and memory in proportion.
func TestLongChain(t *testing.T) {
	const n = 3000
	roles := []rbac.Role{{Name: "0", Permissions: []string{"do:0"}}}
	for i := 1; i < n; i++ {
		roles = append(roles, rbac.Role{Name: fmt.Sprint(i), Permissions: []string{fmt.Sprintf("do:%d", i)}, Inherits: []string{fmt.Sprint(i - 1)}})
	}
	m := newMemory(t, roles...)
	a := newAuthorizer(t, m, nil)
	grant(t, m, rbac.Grant{UserID: "ada", Role: fmt.Sprint(n - 2)})
	for action, want := range map[string]string{"do:0": "yes", fmt.Sprintf("do:%d", n-2): "yes", fmt.Sprintf("do:%d", n-1): "no"} {
		if got := verdict(a.Authorize(t.Context(), auth.Access{Identity: who("ada"), Action: action})); got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
	}
	if names, err := a.RolesOf(t.Context(), auth.Access{Identity: who("ada")}); len(names) != n-1 || err != nil {
		t.Errorf("ada has %d roles, %v", len(names), err)
	}
}
