package rbac_test

import (
	"os"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/internal/decisiontable"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// Roles from the file of the site, grants in memory.
func TestDecisionTable(t *testing.T) {
	grants := newMemory(t)
	for _, g := range decisiontable.Grants {
		grant(t, grants, rbac.Grant(g))
	}
	quiet := (&journal{}).logger()
	for name, actions := range map[string][]string{
		"any": nil,
		"all": {"posts:list", "posts:create", "posts:read", "posts:edit", "posts:delete", "admin:view", "admin:roles", "admin:sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := rbac.Open(os.DirFS("testdata/policy"), &rbac.Options{Actions: actions, Grants: grants, User: "user", Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			decisiontable.Run(t, func(*testing.T, policy.Roles) auth.Authorizer {
				return policy.AnyOf(a, policy.For(policy.Owner(nil), "posts:read", "posts:edit", "posts:delete"))
			})
		})
	}
}
