package plans_test

import (
	"context"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	plans "github.com/gatehouse-go/gatehouse/examples/custom-authorizer"
)

func TestAuthorizer(t *testing.T) {
	p := &plans.Authorizer{
		Plan: func(_ context.Context, userID string) (string, error) {
			return map[string]string{"ada": "team"}[userID], nil
		},
		Includes: map[string][]string{"team": {"report:read", "report:export"}},
	}
	authtest.TestAuthorizer(t, p,
		[]auth.Access{{Identity: &auth.Identity{UserID: "ada"}, Action: "report:export"}},
		[]auth.Access{{Identity: &auth.Identity{UserID: "bob"}, Action: "report:read"}})
}
