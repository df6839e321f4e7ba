package authtest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

func accessOf(userID, action string) auth.Access {
	return auth.Access{Identity: &auth.Identity{UserID: userID, User: user(userID), Proofs: []auth.Proof{{Method: "password"}}}, Action: action, Object: "post 1"}
}

// editors is an authorizer that is correct: ada may edit, anybody may read.
func editors(ctx context.Context, a auth.Access) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case a.Action == "read", a.Action == "edit" && a.Identity != nil && a.Identity.UserID == "ada":
		return nil
	}
	return fmt.Errorf("editors: %w", auth.ErrForbidden)
}

func authorizerSuite() suite {
	test := func(t *testing.T, f auth.AuthorizerFunc) {
		authtest.TestAuthorizer(t, f,
			[]auth.Access{accessOf("ada", "edit"), accessOf("bob", "read"), {Action: "read"}},
			[]auth.Access{accessOf("bob", "edit"), {Action: "edit"}})
	}
	s := suite{name: "Authorizer", correct: func(t *testing.T) { test(t, editors) }}
	for _, b := range []struct {
		sentence string
		f        auth.AuthorizerFunc
		want     []string
	}{
		{"nil is the only yes: says no", func(context.Context, auth.Access) error { return auth.ErrForbidden }, []string{"Allowed", "Concurrent"}},
		{"ErrForbidden is a no: another error", func(ctx context.Context, a auth.Access) error {
			if err := editors(ctx, a); err != nil {
				return errDown
			}
			return nil
		}, []string{"Denied", "Concurrent"}},
		{"ErrForbidden is a no: says yes", func(ctx context.Context, a auth.Access) error { return ctx.Err() }, []string{"Denied", "UnknownAction", "Nobody"}},
		{"nil is the only yes: for what is unknown", func(ctx context.Context, a auth.Access) error {
			if a.Action != "read" && a.Action != "edit" && a.Identity != nil {
				return nil
			}
			return editors(ctx, a)
		}, []string{"UnknownAction"}},
		{"nil is the only yes: for actions that begin alike", func(ctx context.Context, a auth.Access) error {
			if len(a.Action) > 4 {
				a.Action = a.Action[:4]
			}
			return editors(ctx, a)
		}, []string{"UnknownAction"}},
		{"Identity is nil: nobody", func(ctx context.Context, a auth.Access) error {
			if a.Identity == nil && ctx.Err() == nil {
				return nil
			}
			return editors(ctx, a)
		}, []string{"Nobody"}},
		{"a context that has ended is never a yes", func(ctx context.Context, a auth.Access) error {
			return editors(context.WithoutCancel(ctx), a)
		}, []string{"EndedContext"}},
		{"changes nothing of what it is given", func(ctx context.Context, a auth.Access) error {
			if a.Identity != nil && len(a.Identity.Proofs) > 0 {
				a.Identity.Proofs[0].Method += "!"
			}
			return editors(ctx, a)
		}, []string{"ChangesNothing"}},
		{"is called concurrently", func() auth.AuthorizerFunc {
			var busy sync.Mutex
			return func(ctx context.Context, a auth.Access) error {
				if !busy.TryLock() {
					return errDown
				}
				defer busy.Unlock()
				pause()
				return editors(ctx, a)
			}
		}(), []string{"Concurrent"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) { test(t, b.f) }, b.want})
	}
	return s
}
