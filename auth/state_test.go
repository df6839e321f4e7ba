package auth_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What somebody has been told stays what it was, whoever logs in and out later
// in the same request.
func TestIdentityGivenOutIsNotChanged(t *testing.T) {
	m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (*account, error) {
		return &account{id: id}, nil
	}), memory.New(nil), &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	do := func(r *http.Request, f http.HandlerFunc) *http.Response {
		w := httptest.NewRecorder()
		m.Handler(f).ServeHTTP(w, r)
		return w.Result()
	}
	logIn := func(w http.ResponseWriter, r *http.Request, user string) {
		if err := m.LogIn(w, r, user, auth.Proof{Method: "test"}); err != nil {
			t.Error(err)
		}
	}
	who := func(r *http.Request) *auth.Identity {
		id, _ := m.IdentityFrom(r.Context())
		return id
	}
	cookie := do(httptest.NewRequest("POST", "/", nil), func(w http.ResponseWriter, r *http.Request) {
		logIn(w, r, "ada")
	}).Cookies()[0]

	r := httptest.NewRequest("POST", "/", nil)
	r.AddCookie(cookie)
	do(r, func(w http.ResponseWriter, r *http.Request) {
		ada := who(r)
		if ada == nil || ada.UserID != "ada" {
			t.Fatalf("at first it is %v", ada)
		}
		if err := m.LogOut(w, r); err != nil {
			t.Error(err)
		}
		if id := who(r); id != nil {
			t.Errorf("after the log-out it is %s", id.UserID)
		}
		logIn(w, r, "bob")
		bob := who(r)
		logIn(w, r, "eve")
		if bob == nil || bob.UserID != "bob" || ada.UserID != "ada" || who(r).UserID != "eve" {
			t.Errorf("told ada, nobody, bob, eve; now they are %v, %v and %v", ada.UserID, bob, who(r))
		}
	})
}
