package policy_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/internal/perrequest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func inRequest(ctx context.Context) context.Context {
	return context.WithValue(ctx, perrequest.Key{}, new(perrequest.Memo))
}

// A counter counts how often it is asked, and always says err.
type counter struct {
	mu  sync.Mutex
	n   int
	err error
}

func (c *counter) Authorize(context.Context, auth.Access) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.err
}

// slug and shout are texts; the second says more of itself than its text.
type slug string

type shout string

func (s shout) AuthObject() auth.Object { return auth.Object{Type: "shout", ID: "1", Owner: owner} }

var owner = "ada"

// byValue describes itself and can be compared.
type byValue struct{ id string }

func (b byValue) AuthObject() auth.Object { return auth.Object{Type: "value", ID: b.id} }

func TestPerRequest(t *testing.T) {
	id := ada("").Identity
	same := &article{id: "1", tenant: "a", author: "ada"}
	q := func(id *auth.Identity, action string, object any) auth.Access {
		return auth.Access{Identity: id, Action: action, Object: object}
	}
	other := *id
	for name, tt := range map[string]struct {
		err   error
		pairs [2]auth.Access
		want  int // how often it is asked
	}{
		"yes":                     {nil, [2]auth.Access{q(id, "x", nil), q(id, "x", nil)}, 1},
		"no":                      {noOne, [2]auth.Access{q(id, "x", nil), q(id, "x", nil)}, 1},
		"later":                   {totp, [2]auth.Access{q(id, "x", nil), q(id, "x", nil)}, 1},
		"silent":                  {policy.ErrNoOpinion, [2]auth.Access{q(id, "x", nil), q(id, "x", nil)}, 1},
		"outage":                  {errDown, [2]auth.Access{q(id, "x", nil), q(id, "x", nil)}, 2},
		"nobody":                  {nil, [2]auth.Access{q(nil, "x", nil), q(nil, "x", nil)}, 1},
		"logged in meanwhile":     {noOne, [2]auth.Access{q(nil, "x", nil), q(id, "x", nil)}, 2},
		"confirmed meanwhile":     {totp, [2]auth.Access{q(id, "x", nil), q(&other, "x", nil)}, 2},
		"another action":          {nil, [2]auth.Access{q(id, "x", nil), q(id, "y", nil)}, 2},
		"a text":                  {nil, [2]auth.Access{q(id, "x", "post/1"), q(id, "x", "post/1")}, 1},
		"another text":            {nil, [2]auth.Access{q(id, "x", "post/1"), q(id, "x", "post/2")}, 2},
		"a text of a type":        {nil, [2]auth.Access{q(id, "x", slug("1")), q(id, "x", slug("1"))}, 1},
		"a text of another type":  {nil, [2]auth.Access{q(id, "x", slug("1")), q(id, "x", "1")}, 2},
		"a number":                {nil, [2]auth.Access{q(id, "x", 1), q(id, "x", 1)}, 1},
		"an object":               {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p", ID: "1"}), q(id, "x", auth.Object{Type: "p", ID: "1"})}, 1},
		"another owner":           {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p", ID: "1"}), q(id, "x", auth.Object{Type: "p", ID: "1", Owner: "a"})}, 2},
		"another type":            {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p", ID: "1"}), q(id, "x", auth.Object{Type: "q", ID: "1"})}, 2},
		"another tenant's":        {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p", ID: "1"}), q(id, "x", auth.Object{Type: "p", ID: "1", Tenant: "b"})}, 2},
		"an object with attrs":    {nil, [2]auth.Access{q(id, "x", auth.Object{ID: "1", Attrs: map[string]any{"a": "b"}}), q(id, "x", auth.Object{ID: "1", Attrs: map[string]any{"a": "b"}})}, 2},
		"an object without ID":    {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p"}), q(id, "x", auth.Object{Type: "p"})}, 2},
		"an object and its text":  {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p", ID: "1"}), q(id, "x", "p/1")}, 2},
		"an object and nothing":   {nil, [2]auth.Access{q(id, "x", auth.Object{Type: "p", ID: "1"}), q(id, "x", nil)}, 2},
		"a pointer":               {nil, [2]auth.Access{q(id, "x", same), q(id, "x", same)}, 1},
		"another pointer":         {nil, [2]auth.Access{q(id, "x", same), q(id, "x", &article{id: "1", tenant: "a", author: "ada"})}, 2},
		"a pointer, says nothing": {nil, [2]auth.Access{q(id, "x", &post{"ada"}), q(id, "x", &post{"ada"})}, 2},
		"a value":                 {nil, [2]auth.Access{q(id, "x", byValue{"1"}), q(id, "x", byValue{"1"})}, 1},
		"another value":           {nil, [2]auth.Access{q(id, "x", byValue{"1"}), q(id, "x", byValue{"2"})}, 2},
		"a slice":                 {nil, [2]auth.Access{q(id, "x", []string{"a"}), q(id, "x", []string{"a"})}, 2},
		"a slice in a struct":     {nil, [2]auth.Access{q(id, "x", struct{ s any }{[]string{"a"}}), q(id, "x", struct{ s any }{[]string{"a"}})}, 2},
	} {
		c := &counter{err: tt.err}
		a, ctx := policy.PerRequest(c), inRequest(t.Context())
		for _, q := range tt.pairs {
			if err := a.Authorize(ctx, q); err != tt.err {
				t.Errorf("%s: %v, want %v", name, err, tt.err)
			}
		}
		if c.n != tt.want {
			t.Errorf("%s: asked %d times, want %d", name, c.n, tt.want)
		}
	}
}

// An identity that the host has changed, to ask about the next user with m.Decide, is
// another one.
func TestPerRequestIdentity(t *testing.T) {
	of := auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
		if a.Identity.UserID == "ada" && a.Identity.Actor == "" {
			return nil
		}
		return noOne
	})
	a, ctx, id := policy.PerRequest(of), inRequest(t.Context()), &auth.Identity{}
	for _, who := range []struct{ user, actor, want string }{{"ada", "", "yes"}, {"bob", "", "no"}, {"ada", "bob", "no"}, {"ada", "", "yes"}} {
		id.UserID, id.Actor = who.user, who.actor
		if err := a.Authorize(ctx, auth.Access{Identity: id, Action: "x"}); class(err) != who.want {
			t.Errorf("%+v: %v", who, err)
		}
	}
}

func TestPerRequestContext(t *testing.T) {
	c := &counter{}
	a := policy.PerRequest(c)
	ask := func(name string, a auth.Authorizer, ctx context.Context, want int) {
		t.Helper()
		before := c.n
		if err := a.Authorize(ctx, ada("x")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.n-before != want {
			t.Errorf("%s: asked %d times, want %d", name, c.n-before, want)
		}
	}
	id := ada("x")
	ctx := inRequest(t.Context())
	again := func(a auth.Authorizer, ctx context.Context) int {
		before := c.n
		_ = a.Authorize(ctx, id)
		return c.n - before
	}
	if got := again(a, ctx) + again(a, ctx); got != 1 {
		t.Errorf("asked %d times", got)
	}
	if got := again(a, policy.WithTenant(ctx, "a")); got != 1 {
		t.Errorf("in another tenant: asked %d times", got)
	}
	if got := again(policy.PerRequest(c), ctx); got != 1 {
		t.Errorf("another of its kind: asked %d times", got)
	}
	if got := again(a, inRequest(t.Context())); got != 1 {
		t.Errorf("in another request: asked %d times", got)
	}
	ask("in no request", a, t.Context(), 1)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := a.Authorize(ended, id); !errors.Is(err, context.Canceled) {
		t.Errorf("what was a yes is now, in a context that has ended: %v", err)
	}
}

// What is behind the same pointer may be something else by now.
func TestPerRequestPointer(t *testing.T) {
	a, ctx := policy.PerRequest(policy.Owner(nil)), inRequest(t.Context())
	q := ada("x")
	var row article // as a loop over rows has it
	for i, author := range []string{"ada", "bob", "ada", ""} {
		row = article{id: "1", author: author}
		q.Object = &row
		if err := a.Authorize(ctx, q); (err == nil) != (author == "ada") {
			t.Errorf("row %d of %q: %v", i, author, err)
		}
	}
	q.Object = shout("hello")
	for _, owner = range []string{"ada", "bob"} {
		if err := a.Authorize(ctx, q); (err == nil) != (owner == "ada") {
			t.Errorf("text of %q: %v", owner, err)
		}
	}
}

// In a real request, a button that is drawn often is asked for once.
func TestPerRequestManager(t *testing.T) {
	c := &counter{}
	m := newManager(t, policy.PerRequest(c))
	site := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 10 {
			if err := m.Authorize(r.Context(), "x", nil); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _ = m.Authorize(r.Context(), "y", "post/1") })
		}
		wg.Wait()
	}))
	cookie := authtest.LogIn(t, m, "ada")
	for n := range 2 {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(cookie)
		site.ServeHTTP(httptest.NewRecorder(), r)
		if c.n < 2*(n+1) || c.n > 5*(n+1) {
			t.Errorf("after request %d: asked %d times", n+1, c.n)
		}
	}
}

type user string

func (u user) AuthID() string { return string(u) }

func newManager(t testing.TB, a auth.Authorizer) *auth.Manager {
	t.Helper()
	users := auth.UserFunc(func(_ context.Context, id string) (user, error) { return user(id), nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{Authorizer: a, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
