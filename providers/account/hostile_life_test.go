package account_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Undoing works while the account is disabled, and lets nobody in before it is enabled.
func TestUndoWhileDisabled(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	token := s.undoToken(ada)
	s.users.(*authtest.Users).Change(id, func(u *authtest.User) { u.Disabled = true })
	s.browser().post("/email/undo", "token", token).want(t, http.StatusOK, "")
	s.flush()
	if c, _ := s.email(ada); c.UserID != id || s.logsIn(ada, good) {
		t.Errorf("ada: %+v", c)
	}
	s.users.(*authtest.Users).Change(id, func(u *authtest.User) { u.Disabled = false })
	s.clock.Advance(time.Second)
	s.browser().post("/forgot", "email", ada).want(t, http.StatusAccepted, "")
	if !wantsReset(s) {
		t.Error("the owner does not get in")
	}
}

// A remembered browser, a half-done login and a session that is confirmed do not get
// around the account being closed, even if a crash has left all of them alive.
func TestClosedIsClosedToAll(t *testing.T) {
	s := newSite(t, func(set *setup) { set.auth.Providers = []auth.Provider{&authtest.Factor{}} })
	id := s.verified(ada, good)
	c := authtest.CodeCredential(id)
	s.must(s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &c}))
	half := s.browser()
	half.post("/login", "email", ada, "password", good)
	remembered := s.browser()
	remembered.post("/login", "email", ada, "password", good, "remember", "true")
	remembered.post("/code", "code", authtest.Code).want(t, http.StatusOK, "")
	b := s.browser()
	b.post("/login", "email", ada, "password", good)
	b.post("/code", "code", authtest.Code).want(t, http.StatusOK, "")

	// Closed as it would be by a crash between the steps: nothing has ended yet.
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "closing", Key: id, UserID: id, CreatedAt: s.m.Now(), Data: []byte(`{"user":"` + id + `"}`)}}))
	delete(remembered.cookies, "__Host-sid")
	if remembered.who() != "" {
		t.Error("a remembered browser gets in")
	}
	if half.post("/code", "code", authtest.Code); half.who() != "" {
		t.Error("a half-done login gets in")
	}
	b.post("/confirm", "password", good).want(t, http.StatusForbidden, "account_closed")
}

// A login under way through the purge leaves nothing of the user behind.
func TestPurgeMeetsLogin(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		s.browser().logIn(ada, good).closes()
		s.clock.Advance(grace)
		var once atomic.Bool
		s.store.On("DeleteUserTickets").Before(func(context.Context) error {
			if once.CompareAndSwap(false, true) {
				late := s.browser()
				late.post("/login", "email", ada, "password", good, "remember", "true")
				if late.who() != "" {
					t.Error("let in")
				}
			}
			return nil
		})
		s.flush()
		s.store.Reset()
		if s.there(id) || len(s.credentials(id)) != 0 {
			t.Errorf("left: %v", s.credentials(id))
		}
		if sessions, err := s.m.Store().UserSessions(t.Context(), id); err != nil || len(sessions) != 0 {
			t.Errorf("sessions: %v %v", sessions, err)
		}
	})
}

// In one store two realms have users of the same ID. What is kept under nobody's ID is of
// one realm.
func TestUndoOfRealms(t *testing.T) {
	store, box := memory.New(nil), memory.NewOutbox()
	in := func(realm string) func(set *setup) {
		return func(set *setup) {
			set.store, set.outbox, set.auth.Realm = store, box, realm
			set.users = memory.NewUsers()
		}
	}
	s, elsewhere := newSite(t, in("one")), newSite(t, in("two"))
	s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	token := s.undoToken(ada)
	elsewhere.browser().post("/email/undo", "token", token).want(t, http.StatusGone, "link_invalid")
	if _, ok := elsewhere.email(ada); ok {
		t.Error("the address is reserved in the other realm")
	}
	s.browser().post("/email/undo", "token", token).want(t, http.StatusOK, "")
}

// Once an account was purged nothing that was mailed is good, and nobody who registers
// with its address meets any of it.
func TestNothingOutlivesPurge(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		s.verified(ada, good)
		s.clock.Advance(2 * time.Hour)
		b := s.newDevice().moves(neu)
		b.closes()
		s.flush()
		mails := s.box.Messages()
		s.clock.Advance(grace)
		s.flush()
		next := s.verified(neu, third)
		for _, m := range mails {
			if m.Data["link"] == "" {
				continue
			}
			path := strings.TrimPrefix(m.Data["link"][:strings.IndexByte(m.Data["link"], '?')], "https://example.com/auth")
			s.browser().post(path, "token", s.token(m), "password", other).want(t, http.StatusGone, "link_invalid")
		}
		if c, _ := s.email(neu); c.UserID != next || !s.logsIn(neu, third) {
			t.Errorf("%+v", c)
		}
	})
}

// Somebody who knows the password closes the account: its owner, who has the mailbox, chooses
// another one and keeps the account, in whatever order, and nobody else is in it again. None
// of it lets anybody in before the account is kept.
func TestHostileClosedBySomebodyElse(t *testing.T) {
	for _, keepsFirst := range []bool{true, false} {
		s := newSite(t)
		s.verified(ada, good)
		s.browser().logIn(ada, good).closes()
		owner := s.browser()
		keep := s.token(s.mailed(ada, "account.closing"))
		steps := []func(){
			func() { owner.post("/close", "token", keep).want(t, http.StatusOK, "") },
			func() {
				owner.post("/forgot", "email", ada).want(t, http.StatusAccepted, "")
				owner.post("/reset", "token", s.token(s.mailed(ada, "account.forgot")), "password", other).want(t, http.StatusOK, "")
			},
		}
		if !keepsFirst {
			slices.Reverse(steps)
		}
		for i, step := range steps {
			step()
			if i == 0 && !keepsFirst {
				s.browser().post("/login", "email", ada, "password", other).want(t, http.StatusForbidden, "account_closed")
			}
		}
		if s.logsIn(ada, good) || !s.logsIn(ada, other) {
			t.Errorf("keeping first: %v: whoever closed it is let in, or its owner is not", keepsFirst)
		}
		s.clock.Advance(grace)
		s.flush()
		if !s.logsIn(ada, other) {
			t.Errorf("keeping first: %v: the account is gone", keepsFirst)
		}
	}
}
