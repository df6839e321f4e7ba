package opaauthz_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// manager asks a, with a deadline that no test waits for long.
func manager(t testing.TB, a auth.Authorizer, log *bytes.Buffer) *auth.Manager {
	t.Helper()
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Authorizer: a, AuthorizerTimeout: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// forever takes until the end of the world, a little step after the other.
const forever = "some x in numbers.range(1, 100000)\n\tsome y in numbers.range(1, 100000)\n\tx * y < 0"

// Nothing that goes wrong lets anybody through, asked by a real Manager: it is an
// outage, and in the log.
func TestNothingGetsThrough(t *testing.T) {
	custom := func(f func(rego.BuiltinContext, *ast.Term) (*ast.Term, error)) auth.Authorizer {
		q, err := rego.New(rego.Query("data.gatehouse.allow"), rego.Module("p.rego", "package gatehouse\nallow if not host(input.action)"),
			rego.Function1(&rego.Function{Name: "host", Decl: types.NewFunction(types.Args(types.S), types.B)}, f),
			rego.StrictBuiltinErrors(true)).PrepareForEval(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, err := opaauthz.New(q, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	roles := func(f func(context.Context, auth.Access) ([]string, error)) auth.Authorizer {
		return opened(t, &opaauthz.Options{Roles: f})
	}
	for name, c := range map[string]struct {
		a    auth.Authorizer
		log  string
		want int
	}{
		"roles that panic": {roles(func(context.Context, auth.Access) ([]string, error) { panic("boom") }), "panicked", 503},
		"roles that fail":  {roles(func(context.Context, auth.Access) ([]string, error) { return []string{"admin"}, errors.New("down") }), "down", 503},
		"roles that are late": {roles(func(ctx context.Context, _ auth.Access) ([]string, error) {
			<-ctx.Done()
			return []string{"admin"}, nil
		}), "deadline exceeded", 503},
		"a function that panics": {custom(func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) { panic("boom") }), "panicked", 503},
		"a function that fails":  {custom(func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) { return nil, errors.New("down") }), "down", 503},
		"a function that says forbidden": {custom(func(rego.BuiltinContext, *ast.Term) (*ast.Term, error) {
			return nil, rego.NewHaltError(auth.ErrForbidden)
		}), "answering a request failed", 503},
		"a function that is late": {custom(func(b rego.BuiltinContext, _ *ast.Term) (*ast.Term, error) {
			<-b.Context.Done()
			return ast.BooleanTerm(false), nil
		}), "deadline exceeded", 503},
		"a yes after for ever":       {written(t, "allow if {\n\t"+forever+"\n}\ndefault allow := true", nil), "deadline exceeded", 503},
		"a not of for ever":          {written(t, "allow if not deny\ndeny if {\n\t"+forever+"\n}", nil), "deadline exceeded", 503},
		"a long list":                {written(t, "allow if count(numbers.range(1, 1000000000)) > 0", nil), "deadline exceeded", 503},
		"reasons that take for ever": {written(t, "default allow := false\nreasons contains \"x\" if {\n\t"+forever+"\n}", nil), "", 403},
		"a contradiction":            {written(t, "allow := true if input.user\nallow := false if input.user.id == \"ada\"", nil), "eval_conflict_error", 503},
		"an error behind a not":      {written(t, "allow if not to_number(input.action) == 1", nil), "eval_builtin_error", 503},
		"a string":                   {written(t, "allow := json.unmarshal(`\"true\"`)", nil), "neither true nor false", 503},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			m := manager(t, c.a, &log)
			through := false
			h := m.Require("x")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { through = true }))
			w := httptest.NewRecorder()
			began := time.Now()
			h.ServeHTTP(w, authtest.Request(t, "GET", "/", &authtest.User{ID: "ada"}))
			if through || w.Code != c.want {
				t.Errorf("through: %v, status %d, want %d", through, w.Code, c.want)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("the log says %q, want %q in it", &log, c.log)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v, with a deadline of 50ms", took)
			}

			// Nobody does not get through either, nor does who asks without a Manager.
			w = httptest.NewRecorder()
			h.ServeHTTP(w, authtest.Request(t, "GET", "/", nil))
			if through || w.Code < 400 {
				t.Errorf("nobody: through: %v, status %d", through, w.Code)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if err := safely(func() error { return c.a.Authorize(ctx, auth.Access{Action: "x"}) }); err == nil {
				t.Error("nobody, without a Manager: yes")
			}
		})
	}
}

func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return f()
}

// A context that ends stops the engine, with its own error.
func TestEndOfContext(t *testing.T) {
	asked := 0
	a := written(t, "allow if {\n\t"+forever+"\n}", &opaauthz.Options{Roles: func(context.Context, auth.Access) ([]string, error) {
		asked++
		return nil, nil
	}})
	for name, c := range map[string]struct {
		ctx  func() (context.Context, context.CancelFunc)
		want error
	}{
		"deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 20*time.Millisecond)
		}, context.DeadlineExceeded},
		"cancel": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled},
		"before": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, cancel
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := c.ctx()
			defer cancel()
			began := time.Now()
			err := a.Authorize(ctx, auth.Access{Identity: loggedIn("ada"), Action: "a"})
			if !errors.Is(err, c.want) || errors.Is(err, auth.ErrForbidden) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	if asked != 2 {
		t.Errorf("roles were asked for %d times, want 2: not when the context has ended before", asked)
	}
}

// No decision starts a goroutine.
func TestNoGoroutines(t *testing.T) {
	var log bytes.Buffer
	m := manager(t, opened(t, &opaauthz.Options{Roles: rolesOf("editor")}), &log)
	const decisions = 2000
	before := goroutines(t)
	for i := range decisions {
		action := [...]string{"posts:edit", "posts:delete"}[i%2]
		err := m.Decide(t.Context(), auth.Access{Identity: loggedIn("ada"), Action: action, Object: post("17", "acme", "bob"), At: t0})
		if err == nil != (action == "posts:edit") {
			t.Fatal(err)
		}
	}
	// The runtime and the tests' own start a few.
	if started := goroutines(t) - before; started > decisions/10 {
		t.Errorf("%d decisions started %d goroutines", decisions, started)
	}
}

// goroutines is how many have ever been started.
func goroutines(t *testing.T) uint64 {
	t.Helper()
	s := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		t.Skip("this Go does not count goroutines")
	}
	return s[0].Value.Uint64()
}

// One authorizer answers many at once, each for itself.
func TestAtOnce(t *testing.T) {
	a := written(t, "allow if input.object.owner == input.user.id\nreasons contains sprintf(\"%v is not %v\", [input.user.id, input.object.owner])", nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			me := fmt.Sprint("u", i)
			for j := range 100 {
				owner := fmt.Sprint("u", j%8)
				err := a.Authorize(t.Context(), auth.Access{Identity: loggedIn(me), Action: "a", Object: post("1", "", owner)})
				d, _ := errors.AsType[*auth.Denial](err)
				if me == owner && err != nil || me != owner && (d == nil || d.Reason != me+" is not "+owner) {
					t.Errorf("%s of %s: %v", me, owner, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
