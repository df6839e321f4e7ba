package authtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestAuthorizer tests every rule of [auth.Authorizer]. allowed are questions
// that it answers with yes, at least one; denied are some that it answers with
// no.
func TestAuthorizer(t *testing.T, a auth.Authorizer, allowed, denied []auth.Access) {
	if len(allowed) == 0 {
		t.Fatal("authtest: TestAuthorizer needs a question whose answer is yes: one that always says no passes everything else")
	}
	t.Run("Allowed", func(t *testing.T) {
		for i, access := range allowed {
			if err := a.Authorize(t.Context(), access); err != nil {
				t.Errorf("allowed[%d], %s: %v\n\trule: nil is the yes", i, describe(access), err)
			}
		}
	})
	t.Run("Denied", func(t *testing.T) {
		for i, access := range denied {
			checkErr(t, fmt.Sprintf("denied[%d], %s", i, describe(access)), a.Authorize(t.Context(), access), auth.ErrForbidden,
				"an error that wraps ErrForbidden is a no")
		}
	})
	t.Run("UnknownAction", func(t *testing.T) {
		const rule = "nil is the only yes: what is unknown is denied"
		for i, access := range allowed {
			for _, action := range []string{"", access.Action + ":authtest-no-such-action", "authtest-no-such-action", access.Action + "\x00"} {
				other := access
				other.Action = action
				if err := a.Authorize(t.Context(), other); err == nil {
					t.Errorf("allowed[%d] with the action %q: allowed\n\trule: %s", i, action, rule)
				}
			}
		}
	})
	t.Run("Nobody", func(t *testing.T) {
		const rule = "Identity is nil for nobody, who may do nothing unknown"
		for _, action := range []string{"", "authtest-no-such-action"} {
			if err := a.Authorize(t.Context(), auth.Access{Action: action}); err == nil {
				t.Errorf("nobody with the action %q: allowed\n\trule: %s", action, rule)
			}
		}
		for i, access := range slices.Concat(allowed, denied) {
			access.Identity = nil // whatever it says; it must not panic
			err := a.Authorize(t.Context(), access)
			if err == nil && i >= len(allowed) {
				t.Errorf("denied[%d] for nobody: allowed\n\trule: nobody may do no more than somebody", i-len(allowed))
			}
		}
	})
	t.Run("EndedContext", func(t *testing.T) {
		for name, ctx := range ended(t) {
			for i, access := range slices.Concat(allowed, denied) {
				if err := a.Authorize(ctx, access); err == nil {
					t.Errorf("question %d, %s, with a context that is %s: allowed\n\trule: a context that has ended is never a yes", i, describe(access), name)
				}
			}
		}
	})
	t.Run("ChangesNothing", func(t *testing.T) {
		for i, access := range slices.Concat(allowed, denied) {
			before := describe(access)
			_ = a.Authorize(t.Context(), access)
			if after := describe(access); after != before {
				t.Errorf("question %d was %s, is %s\n\trule: an Authorizer changes nothing of what it is given", i, before, after)
			}
		}
	})
	t.Run("Concurrent", func(t *testing.T) {
		const rule = "an Authorizer is called concurrently"
		errs := atOnce(callers, func(i int) error {
			for range 4 {
				access := allowed[i%len(allowed)]
				if err := a.Authorize(t.Context(), access); err != nil {
					return fmt.Errorf("%s: %w", describe(access), err)
				}
				if len(denied) == 0 {
					continue
				}
				access = denied[i%len(denied)]
				if err := a.Authorize(t.Context(), access); !errors.Is(err, auth.ErrForbidden) {
					return fmt.Errorf("%s: error is %v, want %v", describe(access), err, auth.ErrForbidden)
				}
			}
			return nil
		})
		for _, err := range errs {
			if err != nil {
				t.Errorf("%v\n\trule: %s", err, rule)
				return
			}
		}
	})
}

func describe(a auth.Access) string {
	if a.Identity == nil {
		return fmt.Sprintf("nobody, %q, %+v", a.Action, a.Object)
	}
	id := *a.Identity
	return fmt.Sprintf("%q as %q with %+v, %+v, %q, %+v", id.Actor, id.UserID, id.User, id.Proofs, a.Action, a.Object)
}
