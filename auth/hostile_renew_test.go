package auth_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A slowStore deletes the sessions that a user had when it was asked, and lets
// something happen before: a database that takes a snapshot and then waits for locks.
type slowStore struct {
	auth.Store
	meanwhile func()
}

func (s *slowStore) Unwrap() any { return s.Store }

func (s *slowStore) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	all, err := s.UserSessions(ctx, userID)
	if err != nil {
		return err
	}
	if f := s.meanwhile; f != nil {
		s.meanwhile = nil
		f()
	}
	for _, old := range all {
		spared := false
		for _, id := range except {
			spared = spared || id == old.ID
		}
		if !spared {
			_ = s.DeleteSession(ctx, old.ID) // or it has gone
		}
	}
	return nil
}

// A renewal that ends the old session while the store is about to delete it takes
// part in none of what the store has seen, and is revoked nevertheless.
func TestHostileRenewedWhileRevoked(t *testing.T) {
	store := &slowStore{Store: memory.New(nil)}
	s := newSiteOn(t, store, nil)
	thief := s.visitor().logIn("ada")
	store.meanwhile = func() {
		if res := thief.post("/auth/trust/confirm", ""); res.StatusCode >= 400 {
			t.Errorf("renewing: %s", res.Status)
		}
	}
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if store.meanwhile != nil {
		t.Fatal("nothing happened meanwhile")
	}
	if got := thief.who(); got != "nobody" {
		t.Errorf("after all of ada's sessions were revoked one that was renewed meanwhile is %s", got)
	}
}

// A log-out that meets a confirmation in another tab, which has just put another
// session in the place of that which it ends, ends that one.
func TestHostileLoggedOutWhileRenewed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		ada := s.visitor().logIn("ada")
		tab := s.visitor()
		tab.cookies["__Host-sid"] = ada.cookies["__Host-sid"]
		s.clock.Advance(time.Second)
		elsewhere := s.visitor().logIn("ada")
		done := false
		s.store.before["DeleteSession"] = func() {
			if !done {
				done = true
				if res := tab.post("/auth/trust/confirm", ""); res.StatusCode >= 400 {
					t.Errorf("confirming: %s", res.Status)
				}
			}
		}
		if res := ada.post("/auth/logout", ""); res.StatusCode >= 400 {
			t.Errorf("logging out: %s", res.Status)
		}
		for name, v := range map[string]*visitor{"who logged out": ada, "the other tab": tab} {
			if got := v.who(); got != "nobody" {
				t.Errorf("%s is %s", name, got)
			}
		}
		if got := elsewhere.who(); got != "ada" {
			t.Errorf("another browser of ada's is %s", got)
		}
	})
}
