package policy_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/auth/policy/policytest"
)

// within runs f in a request of ada's, or of nobody's.
func within(t *testing.T, a auth.Authorizer, loggedIn bool, f func(ctx context.Context, m *auth.Manager)) {
	t.Helper()
	m := newManager(t, a)
	r := httptest.NewRequest("GET", "/", nil)
	if loggedIn {
		r.AddCookie(authtest.LogIn(t, m, "ada"))
	}
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(r.Context(), m) })).
		ServeHTTP(httptest.NewRecorder(), r)
}

func TestFilter(t *testing.T) {
	mine := policy.Equal("owner", "ada")
	for name, tt := range map[string]struct {
		a        auth.Authorizer
		loggedIn bool
		want     policy.Condition
		err      error
	}{
		"owner":             {policy.Owner(nil), true, mine, nil},
		"owner, nobody":     {policy.Owner(nil), false, policy.None(), nil},
		"all, nobody":       {policy.Everybody(), false, policy.All(), nil},
		"all":               {policy.Users(), true, policy.All(), nil},
		"no":                {policy.AnyOf(), true, policy.None(), nil},
		"no opinion":        {policy.For(policy.Users(), "y"), true, policy.None(), nil},
		"any of":            {policy.AnyOf(policy.Owner(nil), public{}), true, policy.Or(mine, policy.Equal("public", true)), nil},
		"all of":            {policy.AllOf(policy.Users(), policy.Owner(nil), public{}), true, policy.And(mine, policy.Equal("public", true)), nil},
		"does not filter":   {says(nil), true, policy.None(), policy.ErrNoFilter},
		"one does not":      {policy.AllOf(policy.Users(), says(nil)), true, policy.None(), policy.ErrNoFilter},
		"outage":            {fixed{"down", errDown}, true, policy.None(), errDown},
		"later":             {policy.AllOf(policy.Users(), policy.Proof("totp")), true, policy.None(), auth.ErrNotFresh},
		"later, beside":     {policy.AnyOf(policy.Owner(nil), policy.Proof("totp")), true, mine, nil},
		"later, for nobody": {policy.Proof("totp"), false, policy.None(), nil},
		"panics":            {panicking{}, true, policy.None(), errAny},
		"no authorizer":     {nil, true, policy.None(), nil},
	} {
		within(t, tt.a, tt.loggedIn, func(ctx context.Context, m *auth.Manager) {
			c, err := policy.Filter(ctx, m, "x", "post")
			if !reflect.DeepEqual(c, tt.want) || !errors.Is(err, tt.err) && (tt.err != errAny || err == nil) {
				t.Errorf("%s: %+v, %v, want %+v, %v", name, c, err, tt.want, tt.err)
			}
			if errors.Is(err, policy.ErrNoFilter) && errors.Is(err, auth.ErrForbidden) {
				t.Errorf("%s: cannot be told from a no: %v", name, err)
			}
		})
	}
}

var errAny = errors.New("any error")

type panicking struct{ auth.Authorizer }

func (panicking) Filter(context.Context, auth.Access) (policy.Condition, error) { panic("oops") }

func TestSelect(t *testing.T) {
	list := []*article{{id: "1", author: "ada"}, {id: "2", author: "bob"}, {id: "3", author: "ada"}, {id: "4"}}
	within(t, policy.Owner(nil), true, func(ctx context.Context, m *auth.Manager) {
		got, err := policy.Select(ctx, m, "x", list)
		if want := []*article{list[0], list[2]}; !reflect.DeepEqual(got, want) || err != nil {
			t.Errorf("%v, %v", got, err)
		}
		if got, err := policy.Select(ctx, m, "x", list[:0]); len(got) != 0 || err != nil {
			t.Errorf("of nothing: %v, %v", got, err)
		}
	})
	within(t, policy.AnyOf(policy.Owner(nil), policy.Proof("totp")), true, func(ctx context.Context, m *auth.Manager) {
		if got, err := policy.Select(ctx, m, "x", list); len(got) != 2 || err != nil {
			t.Errorf("some after another proof: %v, %v", got, err)
		}
		if got, err := policy.Select(ctx, m, "x", list[3:]); len(got) != 0 || !errors.Is(err, auth.ErrNotFresh) {
			t.Errorf("all after another proof: %v, %v", got, err)
		}
	})
	within(t, policy.Owner(nil), false, func(ctx context.Context, m *auth.Manager) {
		if got, err := policy.Select(ctx, m, "x", list); len(got) != 0 || err != nil {
			t.Errorf("nobody: %v, %v", got, err)
		}
	})
	within(t, auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
		if a.Object == list[2] {
			return errDown
		}
		return nil
	}), true, func(ctx context.Context, m *auth.Manager) {
		if got, err := policy.Select(ctx, m, "x", list); len(got) != 0 || !errors.Is(err, errDown) {
			t.Errorf("outage: %v, %v", got, err)
		}
	})
}

// The suite for filterers passes ours, and not those that are broken.
func TestFilterSuite(t *testing.T) {
	qs, os := questions(), objects()
	good := map[string]auth.Authorizer{
		"owner":    policy.Owner(nil),
		"composed": policy.AnyOf(policy.AllOf(policy.Users(), public{}), policy.For(policy.Owner(nil), "posts:edit")),
		"prefix":   policy.ByPrefix(map[string]auth.Authorizer{"posts": policy.AllOf(policy.Fresh(time.Hour), policy.Owner(nil))}),
		"none":     policy.FirstOf(policy.For(none{fixed{"none", noTwo}}, "admin"), policy.Owner(nil)),
	}
	for name, a := range good {
		t.Run(name, func(t *testing.T) { policytest.TestFilter(t, t.Context(), a, qs, os) })
	}
	here := policy.WithTenant(t.Context(), "a")
	policytest.TestFilter(t, here, policy.Owner(nil), qs, os)

	bad := map[string]auth.Authorizer{
		"lists too much":   broken{policy.Owner(nil), func(c policy.Condition) policy.Condition { return policy.Or(c, policy.Equal("owner", "bob")) }, nil},
		"lists too little": broken{policy.Owner(nil), func(c policy.Condition) policy.Condition { return policy.None() }, nil},
		"is malformed": broken{policy.Owner(nil), func(c policy.Condition) policy.Condition {
			return policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{c}}
		}, nil},
		"has no value": broken{policy.Owner(nil), func(c policy.Condition) policy.Condition {
			return policy.Or(c, policy.Condition{Op: policy.OpIn, Field: "x"})
		}, nil},
		"has other values":   broken{policy.Owner(nil), func(c policy.Condition) policy.Condition { return policy.Or(c, policy.Equal("x", 1.5)) }, nil},
		"is down":            broken{policy.Owner(nil), nil, errDown},
		"does not filter":    says(nil),
		"allows nothing":     policy.AnyOf(),
		"allows everything":  policy.Everybody(),
		"no opinion at all":  broken{policy.Owner(nil), nil, policy.ErrNoOpinion},
		"lists to the ended": broken{policy.Owner(nil), nil, nil},
		"is silent of some":  sometimes{},
	}
	for name, a := range bad {
		rec := &recorder{TB: t}
		policytest.TestFilter(rec, t.Context(), a, qs, os)
		if rec.errors == 0 {
			t.Errorf("an authorizer that %s passes", name)
		}
	}
}

// broken filters wrongly.
type broken struct {
	auth.Authorizer
	change func(policy.Condition) policy.Condition
	err    error
}

func (b broken) Filter(ctx context.Context, a auth.Access) (policy.Condition, error) {
	if b.err != nil {
		return policy.None(), b.err
	}
	if b.change == nil {
		return policy.FilterOf(context.WithoutCancel(ctx), b.Authorizer, a)
	}
	c, err := policy.FilterOf(ctx, b.Authorizer, a)
	if err != nil {
		return c, err
	}
	return b.change(c), nil
}

// sometimes has no opinion on what is somebody else's.
type sometimes struct{}

func (sometimes) Authorize(ctx context.Context, a auth.Access) error {
	if err := policy.Owner(nil).Authorize(ctx, a); err != nil {
		return errors.Join(err, policy.ErrNoOpinion)
	}
	return nil
}

func (sometimes) Filter(ctx context.Context, a auth.Access) (policy.Condition, error) {
	return policy.Owner(nil).Filter(ctx, a)
}

// A recorder counts errors and does not fail.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Errorf(string, ...any) { r.errors++ }
