package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var errPattern = errors.New("a pattern that covers nothing")

// wrong is an authorizer that knows what is wrong with it.
type wrong struct{}

func (wrong) Authorize(context.Context, auth.Access) error { return errPattern }
func (wrong) Validate() error                              { return errPattern }

// around decorates one.
type around struct{ auth.Authorizer }

func (a around) Unwrap() any { return a.Authorizer }

// TestNewAsksAuthorizer: what is wrong with an authorizer is said when the site starts,
// and not by 503 for every request.
func TestNewAsksAuthorizer(t *testing.T) {
	users := auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound })
	for _, a := range []auth.Authorizer{wrong{}, around{wrong{}}} {
		_, err := auth.New(users, memory.New(nil), &auth.Options{Authorizer: a})
		if !errors.Is(err, errPattern) || !strings.Contains(err.Error(), "Options.Authorizer") {
			t.Errorf("%T: %v", a, err)
		}
	}
}
