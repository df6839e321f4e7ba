package policy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// denying denies something in front of another, and can be looked through.
type denying struct{ auth.Authorizer }

func (d denying) Unwrap() any { return d.Authorizer }

func (d denying) Authorize(context.Context, auth.Access) error { return auth.ErrForbidden }

// A list has nothing that a decorator denies.
func TestFilterOfLooksBehindNobody(t *testing.T) {
	ada := &auth.Identity{UserID: "ada"}
	c, err := policy.FilterOf(t.Context(), denying{policy.Users()}, auth.Access{Identity: ada, Action: "posts:read"})
	if !errors.Is(err, policy.ErrNoFilter) {
		t.Errorf("%+v, %v; want %v", c, err, policy.ErrNoFilter)
	}
}
