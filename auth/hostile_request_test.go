package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// The request is found behind whatever has wrapped its context, also where somebody acts for
// somebody else, and not outside of one.
func TestRequestOfAContext(t *testing.T) {
	users := auth.UserFunc((&accounts{}).byID)
	m, err := auth.New(users, memory.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := auth.New(users, memory.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	eve := &auth.Identity{User: &account{id: "eve"}}
	type key struct{}
	looked := false
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		looked = true
		wrapped := context.WithoutCancel(context.WithValue(r.Context(), key{}, 1))
		for name, ctx := range map[string]context.Context{
			"as it is": r.Context(), "wrapped": wrapped, "for somebody": auth.WithIdentity(wrapped, eve),
			"for somebody, twice": auth.WithIdentity(auth.WithIdentity(r.Context(), eve), eve),
		} {
			if got, ok := m.Request(ctx); !ok || got.Header.Get("Accept-Language") != "de" {
				t.Errorf("%s: %v", name, ok)
			}
			if _, ok := other.Request(ctx); ok {
				t.Errorf("%s: another Manager finds it", name)
			}
		}
	}))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Accept-Language", "de")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if !looked {
		t.Error("the handler was not called")
	}
	for name, ctx := range map[string]context.Context{"none": t.Context(), "for somebody": auth.WithIdentity(t.Context(), eve)} {
		if got, ok := m.Request(ctx); ok || got != nil {
			t.Errorf("%s: there is a request", name)
		}
	}
}
