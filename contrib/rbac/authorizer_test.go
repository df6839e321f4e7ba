package rbac_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// theRoles are those of testdata, and some with wildcards.
func theRoles() []rbac.Role {
	return []rbac.Role{
		{Name: "admin", Permissions: []string{"posts:delete"}, Inherits: []string{"editor"}},
		{Name: "editor", Permissions: []string{"posts:edit"}, Inherits: []string{"viewer"}},
		{Name: "viewer", Permissions: []string{"posts:read"}},
		{Name: "poster", Permissions: []string{"posts:*"}},
		{Name: "auditor", Permissions: []string{"*:read"}},
		{Name: "root", Permissions: []string{"*"}},
		{Name: "both", Inherits: []string{"poster", "auditor"}},
		{Name: "user", Permissions: []string{"posts:list"}},
		{Name: "guest", Permissions: []string{"pages:read"}},
	}
}

func TestAuthorize(t *testing.T) {
	actions := []string{"posts:list", "posts:read", "posts:edit", "posts:delete", "posts:comments:edit", "pages:read", "pages:edit", "posts"}
	grants := []rbac.Grant{
		{UserID: "ada", Role: "admin"},
		{UserID: "bob", Role: "editor", Tenant: "acme"},
		{UserID: "cleo", Role: "editor", Object: "post/17"},
		{UserID: "dan", Role: "editor", Tenant: "acme", Object: "post/17"},
		{UserID: "eve", Role: "poster"},
		{UserID: "fay", Role: "auditor"},
		{UserID: "root", Role: "root"},
		{UserID: "gil", Role: "both"},
		{UserID: "hal", Role: "no such"},
		{UserID: "ida", Role: "viewer"}, {UserID: "ida", Role: "editor", Tenant: "acme"}, {UserID: "ida", Role: "admin", Tenant: "acme", Object: "post/17"},
		{UserID: "jon", Role: "editor", Object: "post/17/4"},
	}
	tests := []struct {
		user, action, post, tenant string // tenant is the context's
		open, closed               string // without and with Options.Actions
	}{
		{"ada", "posts:delete", "17", "", "yes", "yes"},
		{"ada", "posts:edit", "acme:17", "", "yes", "yes"},
		{"ada", "posts:read", "acme:17", "acme", "yes", "yes"},
		{"ada", "posts:read", "other:17", "acme", "no", "no"},
		{"ada", "posts:read", "17", "acme", "no", "no"},
		{"ada", "posts:read", "", "acme", "yes", "yes"},
		{"ada", "pages:read", "", "", "no", "no"},
		{"ada", "posts:publish", "", "", "no", "no"},
		{"ada", "posts:*", "", "", "no", "no"},
		{"ada", "", "", "", "no", "no"},
		{"Ada", "posts:read", "", "", "no", "no"},
		{"ada", "Posts:read", "", "", "no", "no"},

		{"bob", "posts:edit", "acme:17", "", "yes", "yes"},
		{"bob", "posts:edit", "acme:17", "acme", "yes", "yes"},
		{"bob", "posts:edit", "other:17", "", "no", "no"},
		{"bob", "posts:edit", "17", "", "no", "no"},
		{"bob", "posts:edit", "", "acme", "yes", "yes"},
		{"bob", "posts:edit", "", "", "no", "no"},
		{"bob", "posts:edit", "", "other", "no", "no"},
		{"bob", "posts:delete", "acme:17", "", "no", "no"},

		{"cleo", "posts:edit", "17", "", "yes", "yes"},
		{"cleo", "posts:edit", "acme:17", "", "yes", "yes"},
		{"cleo", "posts:edit", "acme:17", "other", "no", "no"},
		{"cleo", "posts:edit", "18", "", "no", "no"},
		{"cleo", "posts:edit", "", "", "no", "no"},
		{"dan", "posts:edit", "acme:17", "", "yes", "yes"},
		{"dan", "posts:edit", "17", "", "no", "no"},
		{"dan", "posts:edit", "other:17", "", "no", "no"},
		{"dan", "posts:edit", "acme:18", "", "no", "no"},
		{"jon", "posts:edit", "17/4", "", "yes", "yes"},
		{"jon", "posts:edit", "17", "", "no", "no"},

		{"eve", "posts:delete", "17", "", "yes", "yes"},
		{"eve", "posts:comments:edit", "17", "", "yes", "yes"},
		{"eve", "posts", "", "", "no", "no"},
		{"eve", "pages:read", "", "", "no", "no"},
		{"eve", "posts:publish", "", "", "yes", "no"},
		{"eve", "posts:", "", "", "no", "no"},
		{"fay", "pages:read", "", "", "yes", "yes"},
		{"fay", "posts:comments:read", "", "", "no", "no"},
		{"fay", "wiki:read", "", "", "yes", "no"},
		{"root", "posts", "", "", "yes", "yes"},
		{"root", "what:ever", "", "", "yes", "no"},
		{"root", "*", "", "", "no", "no"},
		{"root", "posts:read", "other:17", "acme", "no", "no"},
		{"gil", "posts:delete", "", "", "yes", "yes"},
		{"gil", "pages:read", "", "", "yes", "yes"},
		{"gil", "pages:edit", "", "", "no", "no"},
		{"hal", "posts:read", "", "", "no", "no"},

		{"ida", "posts:read", "other:1", "", "yes", "yes"},
		{"ida", "posts:edit", "other:1", "", "no", "no"},
		{"ida", "posts:edit", "acme:1", "", "yes", "yes"},
		{"ida", "posts:delete", "acme:1", "", "no", "no"},
		{"ida", "posts:delete", "acme:17", "", "yes", "yes"},

		{"zoe", "posts:list", "", "", "yes", "yes"}, // by Options.User
		{"zoe", "posts:list", "other:1", "acme", "no", "no"},
		{"zoe", "pages:read", "", "", "no", "no"},
		{"", "pages:read", "", "", "yes", "yes"}, // by Options.Nobody
		{"", "posts:list", "", "", "no", "no"},
		{"", "wiki:read", "", "", "no", "no"},
	}
	m := newMemory(t, theRoles()...)
	for _, g := range grants {
		grant(t, m, g)
	}
	// The same, where every question is asked of a source that is not here.
	far := rbac.Combine(struct{ rbac.RoleSource }{m}, struct{ rbac.GrantSource }{m})
	quiet := (&journal{}).logger()
	open := &rbac.Options{User: "user", Nobody: "guest", Logger: quiet}
	closed := &rbac.Options{User: "user", Nobody: "guest", Actions: actions, Logger: quiet}
	for name, source := range map[string]rbac.Source{"memory": m, "far": far} {
		t.Run(name, func(t *testing.T) {
			a, b := newAuthorizer(t, source, open), newAuthorizer(t, source, closed)
			for _, test := range tests {
				ctx := t.Context()
				if test.tenant != "" {
					ctx = policy.WithTenant(ctx, test.tenant)
				}
				access := auth.Access{Identity: who(test.user), Action: test.action, Object: post(test.post)}
				if got := verdict(a.Authorize(ctx, access)); got != test.open {
					t.Errorf("%+v: %s, want %s", test, got, test.open)
				}
				if got := verdict(b.Authorize(ctx, access)); got != test.closed {
					t.Errorf("%+v with Options.Actions: %s, want %s", test, got, test.closed)
				}
			}
		})
	}
}

// There is no telling whether an object that says nothing of itself is another
// tenant's.
func TestObjectsThatSayNothing(t *testing.T) {
	m := newMemory(t, rbac.Role{Name: "root", Permissions: []string{"*"}})
	grant(t, m, rbac.Grant{UserID: "ada", Role: "root"})
	a := newAuthorizer(t, m, nil)
	access := auth.Access{Identity: who("ada"), Action: "posts:read", Object: 17}
	if err := a.Authorize(t.Context(), access); verdict(err) != "outage" {
		t.Errorf("Authorize: %v", err)
	}
	if _, err := a.RolesOf(t.Context(), access); verdict(err) != "outage" {
		t.Errorf("RolesOf: %v", err)
	}
	if _, err := a.Filter(t.Context(), access); verdict(err) != "outage" {
		t.Errorf("Filter: %v", err)
	}
}

// A type that has a slash in it is not taken for another object.
func TestObjectsDoNotMeet(t *testing.T) {
	m := newMemory(t, rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}})
	a := newAuthorizer(t, m, nil)
	for range 2 { // few grants, and many
		grant(t, m, rbac.Grant{UserID: "ada", Role: "editor", Object: "post/17/4"})
		for o, want := range map[[2]string]string{
			{"post", "17/4"}: "yes", {"post/17", "4"}: "no", {"post/17/4", ""}: "no", {"post", ""}: "no", {"", "17/4"}: "no", {"", ""}: "no",
		} {
			if err := a.Authorize(t.Context(), auth.Access{Identity: who("ada"), Action: "posts:edit", Object: auth.Object{Type: o[0], ID: o[1]}}); verdict(err) != want {
				t.Errorf("%+v: %v, want %s", o, err, want)
			}
		}
		for _, id := range strings.Split("abcdefghijk", "") {
			grant(t, m, rbac.Grant{UserID: "ada", Role: "editor", Object: "page/" + id})
		}
	}
}

func TestDenials(t *testing.T) {
	m := newMemory(t, theRoles()...)
	a := newAuthorizer(t, m, &rbac.Options{Actions: []string{"posts:list", "posts:read", "posts:edit", "posts:delete", "pages:read"}})
	for _, access := range []auth.Access{{Action: "posts:read"}, {Identity: who("ada"), Action: "posts:read"}, {Identity: who("ada"), Action: "x"}, {Identity: &auth.Identity{}, Action: "posts:read"}} {
		err := a.Authorize(t.Context(), access)
		d, ok := errors.AsType[*auth.Denial](err)
		if !ok || d.Policy != "rbac" || d.Reason == "" || d.StepUp() {
			t.Errorf("%+v: %#v", access, err)
		}
	}
	err := a.Authorize(policy.WithTenant(t.Context(), "acme"), auth.Access{Identity: who("ada"), Action: "posts:read", Object: post("other:1")})
	if d, ok := errors.AsType[*auth.Denial](err); !ok || d.Policy != "tenant" {
		t.Errorf("another tenant's: %#v", err)
	}
}

func TestNewSaysAll(t *testing.T) {
	m := newMemory(t, theRoles()...)
	_, err := rbac.New(m, &rbac.Options{Actions: []string{"posts:read", "posts:*", ""}, User: "nobody knows", Nobody: " x", Files: []string{"x"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"posts:*"`, `""`, `"nobody knows"`, `" x"`, "Options.Files", `role "editor": the permission "posts:edit" covers none of`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n\tdoes not say %s", err, want)
		}
	}
	for _, source := range []rbac.Source{nil, (*rbac.Memory)(nil), &rbac.Memory{}} {
		if _, err := rbac.New(source, nil); err == nil {
			t.Errorf("New(%#v): no error", source)
		}
	}
}

func TestSuite(t *testing.T) {
	m := newMemory(t, theRoles()...)
	grant(t, m, rbac.Grant{UserID: "ada", Role: "admin", Tenant: "acme"})
	grant(t, m, rbac.Grant{UserID: "root", Role: "root"})
	actions := []string{"posts:list", "posts:read", "posts:edit", "posts:delete", "pages:read"}
	far := rbac.Combine(struct{ rbac.RoleSource }{m}, struct{ rbac.GrantSource }{m})
	for name, source := range map[string]rbac.Source{"memory": m, "far": far} {
		t.Run(name, func(t *testing.T) {
			authtest.TestAuthorizer(t, newAuthorizer(t, source, &rbac.Options{Actions: actions, User: "user", Nobody: "guest"}),
				[]auth.Access{
					{Identity: who("ada"), Action: "posts:delete", Object: post("acme:17")},
					{Identity: who("root"), Action: "posts:edit"},
					{Identity: who("zoe"), Action: "posts:list"},
					{Action: "pages:read"},
				},
				[]auth.Access{
					{Identity: who("ada"), Action: "posts:delete", Object: post("other:17")},
					{Identity: who("zoe"), Action: "posts:edit"},
					{Action: "posts:list"},
				})
		})
	}
}

// A panic of a host's object is the Manager's business; nothing is locked by it.
type panics struct{}

func (panics) AuthObject() auth.Object { panic("the host's") }

func TestPanicLocksNothing(t *testing.T) {
	m := newMemory(t, theRoles()...)
	a := newAuthorizer(t, m, nil)
	func() {
		defer func() { _ = recover() }()
		_ = a.Authorize(context.Background(), auth.Access{Identity: who("ada"), Action: "posts:read", Object: panics{}})
	}()
	grant(t, m, rbac.Grant{UserID: "ada", Role: "viewer"})
	if err := a.Authorize(t.Context(), auth.Access{Identity: who("ada"), Action: "posts:read"}); err != nil {
		t.Error(err)
	}
}
