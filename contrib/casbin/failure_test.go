package casbinauthz_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// user is one that is there.
type user string

func (u user) AuthID() string { return string(u) }

// key says by itself whose it is; "" is an identity of nobody.
type key struct{}

func (key) LoadRequest(r *http.Request) (*auth.Identity, error) {
	id, ok := r.Header["X-Key"]
	if !ok {
		return nil, auth.ErrNoCredentials
	}
	return &auth.Identity{UserID: id[0]}, nil
}

func noMap() bool {
	type seen struct{ by map[string]bool }
	s := new(seen)
	s.by["x"] = true
	return true
}

// TestFailures: whatever goes wrong lets nothing through, and is logged.
func TestFailures(t *testing.T) {
	slow := func(ctx context.Context, _ auth.Access) ([]string, error) {
		<-ctx.Done()
		return []string{"admin"}, nil // late
	}
	late := func(...any) (any, error) {
		time.Sleep(30 * time.Millisecond) // knows no context
		return true, nil
	}
	good := conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)")
	const rows = "p, role:admin, posts:read\np, users, posts:list\n"
	calls := func(f func(...any) (any, error)) casbinauthz.Options {
		return casbinauthz.Options{Roles: roles, Functions: map[string]func(...any) (any, error){"mine": f}}
	}
	mine := conf("sub, act", "r.act == p.act && mine(r.sub) && p.sub != ''")
	for _, test := range []struct {
		name, model string
		opts        casbinauthz.Options
		who         string // "-": no identity
		want        int
		logged      string
	}{
		{"good", good, casbinauthz.Options{Roles: roles}, "ada", 200, ""},
		{"no", good, casbinauthz.Options{Roles: roles}, "vi", 403, ""},
		{"nobody", good, casbinauthz.Options{Roles: roles}, "-", 401, ""},
		{"roles panic", good, casbinauthz.Options{Roles: func(context.Context, auth.Access) ([]string, error) { panic("oops") }}, "ada", 503, "panicked"},
		{"roles fail", good, casbinauthz.Options{Roles: func(context.Context, auth.Access) ([]string, error) { return []string{"admin"}, errors.New("oops") }}, "ada", 503, "oops"},
		{"roles late", good, casbinauthz.Options{Roles: slow}, "ada", 503, "deadline"},
		{"request panics", good, casbinauthz.Options{Request: func(policy.Input) ([]any, error) { panic("oops") }}, "ada", 503, "panicked"},
		{"request fails", good, casbinauthz.Options{Request: func(policy.Input) ([]any, error) { return nil, errors.New("oops") }}, "ada", 503, "oops"},
		{"request of other values", good, casbinauthz.Options{Request: func(policy.Input) ([]any, error) { return []any{1, nil, "posts:read"}, nil }}, "ada", 503, "subjectMatch wants"},
		{"request too short", good, casbinauthz.Options{Request: func(policy.Input) ([]any, error) { return nil, nil }}, "ada", 503, "0 values"},
		{"function panics", mine, calls(func(...any) (any, error) { panic("oops") }), "ada", 503, "panicked"},
		{"function panics with nil map", mine, calls(func(...any) (any, error) { return noMap(), nil }), "ada", 503, "panicked: assignment to entry in nil map"},
		{"function fails", mine, calls(func(...any) (any, error) { return true, errors.New("oops") }), "ada", 503, "oops"},
		{"function fails with a no", mine, calls(func(...any) (any, error) { return true, auth.ErrForbidden }), "ada", 503, "forbidden"},
		{"function says neither", mine, calls(func(...any) (any, error) { return "yes", nil }), "ada", 503, ""},
		{"function late", mine, calls(late), "ada", 503, "deadline"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			a := mustOpen(t, map[string]string{"model.conf": test.model, "policy.csv": rows}, test.opts)
			m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (user, error) { return user(id), nil }), memory.New(nil), &auth.Options{
				Authorizer: a, AuthorizerTimeout: 20 * time.Millisecond,
				Loaders: []auth.RequestLoader{key{}},
				Logger:  slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			passed := false
			h := m.Handler(m.Require("posts:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })))
			for range 2 { // it does not stay broken, nor heal
				log.Reset()
				r := httptest.NewRequest(http.MethodGet, "https://example.com/", nil)
				if test.who != "-" {
					r.Header.Set("X-Key", test.who)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != test.want || passed != (test.want == 200) {
					t.Errorf("%d, passed: %v; want %d: %s", w.Code, passed, test.want, log.String())
				}
				if test.want >= 500 && (log.Len() == 0 || !strings.Contains(log.String(), test.logged)) {
					t.Errorf("logged %q, want %q in it", log.String(), test.logged)
				}
			}
		})
	}
}

// TestAfterPanic: a panic in one decision leaves the others right.
func TestAfterPanic(t *testing.T) {
	model := strings.Replace(conf("sub, act", "g(r.sub.ID, p.sub) && r.act == p.act && mine(r.sub.ID)"), "[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]", 1)
	a := mustOpen(t, map[string]string{"model.conf": model, "policy.csv": "p, role:editor, posts:edit\ng, ada, role:editor\ng, bad, role:editor\n"}, casbinauthz.Options{
		Functions: map[string]func(...any) (any, error){"mine": func(args ...any) (any, error) {
			if args[0] == "bad" {
				panic("oops")
			}
			return true, nil
		}}})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := a.Authorize(t.Context(), ask("bad", "posts:edit", nil)); err == nil || errors.Is(err, auth.ErrForbidden) {
					t.Errorf("bad: %v", err)
				}
				if err := a.Authorize(t.Context(), ask("ada", "posts:edit", nil)); err != nil {
					t.Errorf("ada: %v", err)
				}
				if err := a.Authorize(t.Context(), ask("role:editor", "posts:read", nil)); !errors.Is(err, auth.ErrForbidden) {
					t.Errorf("role:editor: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// TestNoGoroutines: a decision starts none.
func TestNoGoroutines(t *testing.T) {
	a := site(t)
	before := runtime.NumGoroutine()
	for range 100 {
		_ = a.Authorize(t.Context(), ask("ada", "posts:edit", olgas))
		if n := runtime.NumGoroutine(); n > before {
			t.Fatalf("%d goroutines, %d before", n, before)
		}
	}
}

// TestSilent: neither making an enforcer nor a decision writes anything anywhere.
func TestSilent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, errOut := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	a := site(t)
	for _, who := range []string{"", "ada", "vi"} {
		_ = a.Authorize(t.Context(), ask(who, "posts:edit", auth.Object{Type: "post", ID: "1", Attrs: map[string]any{"odd": 1.5}}))
	}
	slog.SetDefault(before)
	os.Stdout, os.Stderr = out, errOut
	w.Close()
	var said bytes.Buffer
	if _, err := said.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if said.Len()+log.Len() > 0 {
		t.Errorf("printed %q, logged %q", said.String(), log.String())
	}
}

// TestDenialsOverBothPaths: Manager.Decide and AuthorizeAll come out the same.
func TestDenialsOverBothPaths(t *testing.T) {
	m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (user, error) { return user(id), nil }), memory.New(nil), &auth.Options{Authorizer: site(t), Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Decide(t.Context(), ask("vi", "posts:edit", olgas))
	d, _ := errors.AsType[*auth.Denial](err)
	if d == nil || d.Policy != "casbin" {
		t.Errorf("%v", err)
	}
	if err := m.Decide(t.Context(), ask("olga", "posts:edit", olgas)); err != nil {
		t.Error(err)
	}
	if err := m.Decide(t.Context(), ask("olga", "posts:edit", struct{}{})); err == nil || errors.Is(err, auth.ErrForbidden) {
		t.Errorf("an object that says nothing of itself: %v", err)
	}
}
