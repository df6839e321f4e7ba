package cedarauthz_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Whatever goes wrong in what a host has plugged in: nobody is let through, the client
// is told nothing of it, and the log everything.
func TestNothingGetsThrough(t *testing.T) {
	const permit = `permit (principal, action, resource) when { principal in Role::"x" || context has y || true };`
	roles := func(f func(ctx context.Context) ([]string, error)) *cedarauthz.Options {
		return &cedarauthz.Options{Roles: func(ctx context.Context, _ auth.Access) ([]string, error) { return f(ctx) }}
	}
	for _, test := range []struct {
		name   string
		policy string
		opts   *cedarauthz.Options
		status int
		log    string
	}{
		{"nothing", permit, nil, 200, ""},
		{"a no", `forbid (principal, action, resource);`, nil, 403, "level=WARN"},
		{"roles panic", permit, roles(func(context.Context) ([]string, error) { panic("rolling") }), 503, "panicked"},
		{"roles are down", permit, roles(func(context.Context) ([]string, error) { return nil, errors.New("no route") }), 503, "no route"},
		{"roles are late", permit, roles(func(ctx context.Context) ([]string, error) { <-ctx.Done(); return []string{"x"}, nil }), 503, "deadline"},
		{"roles are late and say so", permit, roles(func(ctx context.Context) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }), 503, "deadline"},
		{"entities panic", permit, &cedarauthz.Options{Entities: func(context.Context, cedar.EntityUID) (cedar.Entity, bool, error) { panic("falling") }}, 503, "panicked"},
		{"entities are down", permit, &cedarauthz.Options{Entities: func(context.Context, cedar.EntityUID) (cedar.Entity, bool, error) {
			return cedar.Entity{}, false, errors.New("no route")
		}}, 503, "no route"},
		{"entities are late", permit, &cedarauthz.Options{Entities: func(ctx context.Context, _ cedar.EntityUID) (cedar.Entity, bool, error) {
			<-ctx.Done()
			return cedar.Entity{}, false, nil
		}}, 503, "deadline"},
		{"the context panics", permit, &cedarauthz.Options{Context: func(context.Context, auth.Access) (cedar.RecordMap, error) { panic("tumbling") }}, 503, "panicked"},
		{"a policy fails", permit + `forbid (principal, action, resource) when { resource.locked };`, nil, 503, "site.cedar:1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := open(t, test.policy, test.opts)
			var log bytes.Buffer
			m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
				Authorizer: a, AuthorizerTimeout: 20 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			reached := false
			h := m.Handler(m.Require("posts:edit")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })))
			for range 3 { // what a panic leaves behind is not used again
				reached = false
				log.Reset()
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Accept", "application/json")
				r.AddCookie(authtest.LogIn(t, m, "ada"))
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != test.status || reached != (test.status == 200) {
					t.Errorf("status %d, reached: %v; want %d", w.Code, reached, test.status)
				}
				if !strings.Contains(log.String(), test.log) {
					t.Errorf("the log does not say %q: %s", test.log, &log)
				}
				if test.log != "" && strings.Contains(w.Body.String(), test.log) {
					t.Errorf("the client is told %s", w.Body)
				}
				if err := m.Decide(t.Context(), auth.Access{Action: "posts:edit"}); (err == nil) != (test.status == 200) {
					t.Errorf("nobody: %v", err)
				}
			}
		})
	}
}
