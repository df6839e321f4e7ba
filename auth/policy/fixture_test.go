package policy_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// now is when everything in these tests happens.
var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

var (
	errDown = errors.New("the database is down")
	errSlow = errors.New("the engine is slow")
	noOne   = &auth.Denial{Policy: "one", Reason: "the first says no"}
	noTwo   = &auth.Denial{Policy: "two", Reason: "the second says no"}
	noPlain = auth.ErrForbidden
	soon    = &auth.Denial{Policy: "soon", Reason: "too old", MaxAge: time.Minute}
	older   = &auth.Denial{Policy: "older", Reason: "too old by far", MaxAge: time.Hour}
	totp    = &auth.Denial{Policy: "totp", Reason: "one factor", Methods: []string{"passkey", "totp"}}
	key     = &auth.Denial{Policy: "key", Reason: "no key", Methods: []string{"key", "passkey"}, MaxAge: time.Second}
)

// says is an authorizer that always says err.
func says(err error) auth.Authorizer {
	return auth.AuthorizerFunc(func(context.Context, auth.Access) error { return err })
}

func all(errs []error) []auth.Authorizer {
	var as []auth.Authorizer
	for _, err := range errs {
		as = append(as, says(err))
	}
	return as
}

// silent has no opinion.
var silent = policy.For(says(nil), "other:action")

func silence(t testing.TB) error {
	t.Helper()
	err := silent.Authorize(t.Context(), ada("x"))
	if !errors.Is(err, policy.ErrNoOpinion) {
		t.Fatal(err)
	}
	return err
}

// ada is a question of a user who has logged in a quarter of an hour ago.
func ada(action string) auth.Access {
	proofs := []auth.Proof{{Method: "password", At: now.Add(-15 * time.Minute)}}
	return auth.Access{
		Identity: &auth.Identity{UserID: "ada", Proofs: proofs, Session: &auth.Session{UserID: "ada", Proofs: proofs}},
		Action:   action, At: now,
	}
}

func about(a auth.Access, object any) auth.Access {
	a.Object = object
	return a
}

// sequences returns all sequences of up to n of the values.
func sequences[T any](values []T, n int) [][]T {
	all := [][]T{nil}
	last := all
	for range n {
		var longer [][]T
		for _, s := range last {
			for _, v := range values {
				longer = append(longer, append(slices.Clone(s), v))
			}
		}
		all, last = append(all, longer...), longer
	}
	return all
}

// class is what an error is to whoever asked.
func class(err error) string {
	d, _ := errors.AsType[*auth.Denial](err)
	switch {
	case err == nil:
		return "yes"
	case !errors.Is(err, auth.ErrForbidden):
		return "outage"
	case errors.Is(err, policy.ErrNoOpinion):
		return "silent"
	case d.StepUp():
		return "later"
	}
	return "no"
}
