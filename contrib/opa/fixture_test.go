package opaauthz_test

import (
	"context"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

var t0 = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// opened has the policy of the site.
func opened(t testing.TB, opts *opaauthz.Options) *opaauthz.Authorizer {
	t.Helper()
	a, err := opaauthz.Open(os.DirFS("testdata/policy"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// written has a policy of one file, package gatehouse.
func written(t testing.TB, rules string, opts *opaauthz.Options) *opaauthz.Authorizer {
	t.Helper()
	a, err := opaauthz.Open(one(rules), opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func one(rules string) fstest.MapFS {
	return fstest.MapFS{"p.rego": {Data: []byte("package gatehouse\n\n" + rules + "\n# end of policy\n")}}
}

func siteRego(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/policy/site.rego")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// prepared is a query as hosts prepare their own.
func prepared(t testing.TB, module string) rego.PreparedEvalQuery {
	t.Helper()
	q, err := rego.New(rego.Query("data.gatehouse.allow"), rego.Module("p.rego", module), rego.StrictBuiltinErrors(true)).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func rolesOf(roles ...string) policy.Roles {
	return func(context.Context, auth.Access) ([]string, error) { return roles, nil }
}

// loggedIn is somebody who has proved a minute ago who they are.
func loggedIn(id string) *auth.Identity {
	return &auth.Identity{UserID: id, User: &authtest.User{ID: id}, Proofs: []auth.Proof{{Method: "door", At: t0.Add(-time.Minute)}}}
}

func post(id, tenant, owner string) auth.Object {
	return auth.Object{Type: "post", ID: id, Tenant: tenant, Owner: owner}
}
