package password_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// without takes the user's password away, past what keeps the last way in, and returns
// it.
func (s *site) without(userID string) auth.Credential {
	s.t.Helper()
	c := s.stored(userID)
	if err := s.store.ChangeCredentials(s.t.Context(), auth.Change{Old: &c}); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// A new password is checked and hashed, and is nobody's before the change is made.
func TestNewPassword(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	for _, bad := range []string{"", "short", "passwordpassword", "ada@example.com!"} {
		if _, err := s.provider.NewPassword(t.Context(), id, bad); codeOf(err) == "" {
			t.Errorf("%q is accepted", bad)
		}
	}
	change, err := s.provider.NewPassword(t.Context(), id, newPassword)
	if err != nil || change.Old == nil || change.New.Generation != change.Old.Generation+1 {
		t.Fatalf("%+v, %v", change, err)
	}
	if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", newPassword); err == nil {
		t.Error("it is the user's already")
	}
	if err := s.m.Apply(t.Context(), id, "password.reset", change); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", newPassword); err != nil {
		t.Errorf("after the change: %v", err)
	}
	if err := s.m.Apply(t.Context(), id, "password.reset", change); err == nil {
		t.Error("the change can be made twice")
	}
}

func TestHasPasswordAndMatches(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	if has, err := s.provider.HasPassword(t.Context(), id); !has || err != nil {
		t.Errorf("%v, %v", has, err)
	}
	c := s.without(id)
	if has, err := s.provider.HasPassword(t.Context(), id); has || err != nil {
		t.Errorf("without: %v, %v", has, err)
	}
	// c is kept nowhere.
	for pw, want := range map[string]bool{goodPassword: true, newPassword: false, "": false} {
		if got, err := s.provider.Matches(t.Context(), c, pw); got != want || err != nil {
			t.Errorf("%q matches: %v, %v", pw, got, err)
		}
	}
	if got, err := s.provider.Matches(t.Context(), auth.Credential{}, "neither the password of anybody nor one that is too long"); got || err != nil {
		t.Errorf("nothing matches: %v, %v", got, err)
	}
	change, err := s.provider.NewPassword(t.Context(), id, newPassword)
	if err != nil || change.Old != nil || change.New.Generation <= c.Generation {
		t.Errorf("a first one: %+v, %v", change, err)
	}
}

// Who has no password sets one on the page where others change theirs, if they have just
// proved who they are.
func TestFirstPassword(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	b := s.client()
	b.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	elsewhere := s.client()
	elsewhere.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	if r := b.json("/password", fields{"password": newPassword}); r.Code != http.StatusUnprocessableEntity || r.body["field"] != "current" {
		t.Errorf("with a password, and without giving it: %d %s", r.Code, r.text)
	}
	s.without(id)
	// The sessions of a password that is gone would end; what is tested is who may.
	if r := b.get("/password", "text/html"); r.Code != http.StatusOK || len(r.body["forms"].([]any)) != 1 {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if r := b.json("/password", fields{"password": "short"}); r.code() != "password_too_short" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	s.advance(11 * time.Minute)
	if r := b.json("/password", fields{"password": newPassword}); r.Code != http.StatusUnauthorized || r.code() != "not_fresh" {
		t.Errorf("not fresh: %d %s", r.Code, r.text)
	}
	if has, _ := s.provider.HasPassword(t.Context(), id); has {
		t.Fatal("it was set")
	}
	s.advance(-11 * time.Minute)
	if r := b.json("/password", fields{"password": newPassword}); r.Code != http.StatusOK || !b.loggedIn() {
		t.Errorf("%d %s, logged in: %v", r.Code, r.text, b.loggedIn())
	}
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": newPassword}); r.Code != http.StatusOK {
		t.Errorf("with the new one: %d %s", r.Code, r.text)
	}
	if elsewhere.loggedIn() {
		t.Error("another session lives on")
	}
	if e := s.lastEvent("credential.added"); e.UserID != id {
		t.Errorf("%+v", e)
	}
	if r := b.json("/password", fields{"password": "yet another good one"}); r.Code != http.StatusUnprocessableEntity {
		t.Errorf("a second first one: %d %s", r.Code, r.text)
	}
	if r := s.client().json("/password", fields{"password": newPassword}); r.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d %s", r.Code, r.text)
	}
}

var _ auth.Owner = (*password.Provider)(nil)
