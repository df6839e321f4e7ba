package password_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Passwords, or what they are found by, in a store of their own: every flow is as
// it is with one store.
func TestKindsElsewhere(t *testing.T) {
	for _, kind := range []string{"password", "email"} {
		t.Run(kind, func(t *testing.T) {
			s, there := newSite(t, nil), memory.New(nil)
			rest := memory.New(nil)
			s.store.Store = auth.Combine(rest, auth.Parts{Credentials: auth.ByKind(rest, map[string]auth.CredentialStore{kind: there})})
			ada := s.client()
			if r := ada.json("/register", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 201 {
				t.Fatalf("register: %d %s", r.Code, r.text)
			}
			id, err := s.m.Store().LoadCredential(t.Context(), "email", "ada@example.com")
			if err != nil {
				t.Fatal(err)
			}
			if all, err := there.UserCredentials(t.Context(), id.UserID); err != nil || len(all) != 1 || all[0].Kind != kind {
				t.Errorf("there is %+v, %v", all, err)
			}
			if r := s.client().json("/register", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 409 {
				t.Errorf("a second time: %d %s", r.Code, r.text)
			}
			other := s.client()
			if r := other.json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
				t.Fatalf("login: %d %s", r.Code, r.text)
			}
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": "something else"}); r.Code != 401 {
				t.Errorf("a wrong password: %d %s", r.Code, r.text)
			}
			if r := ada.json("/password", fields{"current": goodPassword, "password": newPassword}); r.Code != 200 {
				t.Fatalf("change: %d %s", r.Code, r.text)
			}
			if !ada.loggedIn() || other.loggedIn() {
				t.Error("the change has ended the wrong sessions")
			}
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 401 {
				t.Errorf("the old password: %d", r.Code)
			}
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": newPassword}); r.Code != 200 {
				t.Errorf("the new password: %d", r.Code)
			}
			c := s.stored(id.UserID)
			if err := s.m.ChangeCredentials(t.Context(), id.UserID, auth.Change{Old: &c}); !errors.Is(err, auth.ErrLastCredential) {
				t.Errorf("the last way in: %v", err)
			}
		})
	}
}
