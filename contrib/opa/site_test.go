package opaauthz_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/internal/decisiontable"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

func TestSite(t *testing.T) {
	mine, other, fresh := post("17", "acme", "ada"), post("18", "acme", "bob"), auth.Object{Type: "post"}
	for _, row := range []struct {
		role, action string
		object       any
		allowed      bool
	}{
		{"", "posts:list", nil, true},
		{"", "posts:create", fresh, true},
		{"", "posts:read", mine, true},
		{"", "posts:edit", mine, true},
		{"", "posts:delete", mine, true},
		{"", "posts:read", other, false},
		{"", "posts:edit", other, false},
		{"", "posts:delete", other, false},
		{"", "admin:view", nil, false},
		{"", "admin:view", mine, false},
		{"viewer", "posts:read", other, true},
		{"viewer", "posts:edit", other, false},
		{"viewer", "posts:delete", other, false},
		{"viewer", "admin:view", nil, false},
		{"editor", "posts:read", other, true},
		{"editor", "posts:edit", other, true},
		{"editor", "posts:delete", other, false},
		{"editor", "admin:roles", nil, false},
		{"admin", "posts:read", other, true},
		{"admin", "posts:edit", other, true},
		{"admin", "posts:delete", other, true},
		{"admin", "admin:view", nil, true},
		{"admin", "admin:roles", nil, true},
		{"admin", "admin:sessions", nil, true},
		{"admin", "admin:everything", nil, false},
		{"admin", "posts", other, false},
		{"admin", "", other, false},
		{"janitor", "posts:read", other, false},
	} {
		opts := &opaauthz.Options{}
		if row.role != "" {
			opts.Roles = rolesOf(row.role)
		}
		a := opened(t, opts)
		err := a.Authorize(t.Context(), auth.Access{Identity: loggedIn("ada"), Action: row.action, Object: row.object, At: t0})
		if row.allowed != (err == nil) || err != nil && !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%q may %q to %v: %v, want %v", row.role, row.action, row.object, err, row.allowed)
		}
		nobody := a.Authorize(t.Context(), auth.Access{Action: row.action, Object: row.object, At: t0})
		if row.role == "" && !errors.Is(nobody, auth.ErrForbidden) {
			t.Errorf("nobody may %q to %v: %v", row.action, row.object, nobody)
		}
	}
	// A post that is nobody's is not the post of who is nobody.
	err := opened(t, nil).Authorize(t.Context(), auth.Access{Identity: loggedIn(""), Action: "posts:delete", Object: post("1", "", "")})
	if !errors.Is(err, auth.ErrForbidden) {
		t.Error("nobody, and nobody's post:", err)
	}
}

func TestDecisionTable(t *testing.T) {
	decisiontable.Run(t, func(t *testing.T, roles policy.Roles) auth.Authorizer {
		return opened(t, &opaauthz.Options{Roles: roles})
	})
}

func TestSuite(t *testing.T) {
	asked := func(action string, object any) auth.Access {
		return auth.Access{Identity: loggedIn("ada"), Action: action, Object: object}
	}
	allowed := []auth.Access{asked("posts:list", nil), asked("posts:edit", post("17", "acme", "bob")), asked("posts:delete", post("18", "", "ada")), asked("posts:read", "post/19")}
	denied := []auth.Access{asked("posts:delete", post("17", "acme", "bob")), asked("admin:view", nil), {Action: "posts:list"}}
	roles := rolesOf("editor", "viewer")
	t.Run("Open", func(t *testing.T) {
		authtest.TestAuthorizer(t, opened(t, &opaauthz.Options{Roles: roles}), allowed, denied)
	})
	t.Run("New", func(t *testing.T) {
		a, err := opaauthz.New(prepared(t, siteRego(t)), &opaauthz.Options{Roles: roles})
		if err != nil {
			t.Fatal(err)
		}
		authtest.TestAuthorizer(t, a, allowed, denied)
	})
}

// The policy has tests in Rego, for "opa test". They hold.
func TestRego(t *testing.T) {
	tests, err := os.ReadFile("testdata/policy/site_test.rego")
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rego.New(rego.Query("data.gatehouse_test"), rego.Module("site.rego", siteRego(t)), rego.Module("site_test.rego", string(tests))).Eval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results, _ := rs[0].Expressions[0].Value.(map[string]any)
	for name := range strings.Lines(string(tests)) {
		name, _, _ = strings.Cut(name, " ")
		if strings.HasPrefix(name, "test_") && results[name] != true {
			t.Errorf("%s fails", name)
		}
	}
	if len(results) < 4 {
		t.Errorf("only %v", results)
	}
}
