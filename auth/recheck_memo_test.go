package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	policies "github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What was decided for the request is decided again once it was looked at again.
func TestRecheckForgetsDecisions(t *testing.T) {
	var denied atomic.Bool
	users := auth.UserFunc(func(_ context.Context, id string) (*account, error) { return &account{id: id}, nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Authorizer: policies.PerRequest(auth.AuthorizerFunc(func(ctx context.Context, _ auth.Access) error {
			if denied.Load() {
				return auth.ErrForbidden
			}
			return ctx.Err()
		})),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "https://example.com/", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-sid", Value: begin(t, m)})
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		may := func() error { return m.Authorize(r.Context(), "posts:edit", "post/1") }
		if err := may(); err != nil {
			t.Fatal(err)
		}
		denied.Store(true)
		if err := may(); err != nil {
			t.Errorf("before Recheck: %v; the answer is that of the request", err)
		}
		if err := m.Recheck(r.Context()); err != nil {
			t.Fatal(err)
		}
		if err := may(); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("after Recheck: %v, want %v", err, auth.ErrForbidden)
		}
		if id, err := m.IdentityFrom(r.Context()); err != nil || id.UserID != "ada" {
			t.Errorf("after Recheck: %v, %v", id, err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}
