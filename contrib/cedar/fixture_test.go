package cedarauthz_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

var quiet = slog.New(slog.DiscardHandler)

// files has one file, site.cedar.
func files(text string) fstest.MapFS {
	return fstest.MapFS{"site.cedar": {Data: []byte(text)}}
}

// open opens policies that are written in the test.
func open(t *testing.T, text string, opts *cedarauthz.Options) *cedarauthz.Authorizer {
	t.Helper()
	o := cedarauthz.Options{Logger: quiet}
	if opts != nil {
		o = *opts
	}
	a, err := cedarauthz.Open(files(text), &o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// openSite opens the policies of the site.
func openSite(t *testing.T, roles policy.Roles) *cedarauthz.Authorizer {
	t.Helper()
	a, err := cedarauthz.Open(os.DirFS("testdata/policy"), &cedarauthz.Options{Roles: roles, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// roles are held everywhere, by user.
type roles map[string][]string

func (r roles) of(_ context.Context, a auth.Access) ([]string, error) {
	if a.Identity == nil {
		return r[""], nil
	}
	return r[a.Identity.UserID], nil
}

// by is a question of a user with a proof of five minutes ago; of nobody for "".
func by(userID, action string, object any) auth.Access {
	a := auth.Access{Action: action, Object: object, At: noon}
	if userID != "" {
		a.Identity = &auth.Identity{UserID: userID, Proofs: []auth.Proof{{Method: "password", At: noon.Add(-5 * time.Minute)}}}
	}
	return a
}

// answer is "yes", "no" or "outage".
func answer(err error) string {
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, auth.ErrForbidden):
		return "no"
	}
	return "outage"
}

func check(t *testing.T, a auth.Authorizer, access auth.Access, want string) error {
	t.Helper()
	err := a.Authorize(t.Context(), access)
	if got := answer(err); got != want {
		t.Errorf("%+v %q %+v: %s (%v), want %s", access.Identity, access.Action, access.Object, got, err, want)
	}
	return err
}

func denial(t *testing.T, err error) auth.Denial {
	t.Helper()
	var d *auth.Denial
	if !errors.As(err, &d) {
		t.Fatalf("error is %v, want a *auth.Denial", err)
	}
	return *d
}

func says(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error is %v, want something with %q", err, w)
		}
	}
}

// setOf parses policies.
func setOf(t testing.TB, text string) *cedar.PolicySet {
	t.Helper()
	set, err := cedar.NewPolicySetFromBytes("site.cedar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}
