package account_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// undoToken is the one that was mailed to a former address.
func (s *site) undoToken(address string) string {
	s.t.Helper()
	return s.token(s.mailed(address, "account.undo"))
}

func TestUndo(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust)
		id := s.verified(ada, good)
		thief := s.browser().logIn(ada, good).moves(neu)
		// Whoever has the account now does all that they can.
		thief.post("/password", "current", good, "password", other).want(t, http.StatusOK, "")
		thief.moves(neu2)
		s.must(addKey(t.Context(), s.m, id, "k"))
		thief = s.browser().logIn(neu2, other)
		m := s.mailed(ada, "account.undo")
		if m.Data["new_address"] == "" {
			t.Errorf("data: %v", m.Data)
		}
		token := s.token(m)
		b := s.browser()
		if r := b.get("/email/undo?token=" + token); r.Code != http.StatusOK || r.Header().Get("Referrer-Policy") != "no-referrer" || !strings.Contains(r.text, token) {
			t.Errorf("the page: %d %v %s", r.Code, r.Header(), r.text)
		}
		second := s.undoToken(neu)
		b.post("/email/undo", "token", token).want(t, http.StatusOK, "")
		if thief.who() != "" || b.who() != "" {
			t.Error("somebody is logged in")
		}
		for _, pw := range []string{good, other} {
			if s.logsIn(ada, pw) || s.logsIn(neu2, pw) {
				t.Errorf("%q logs in", pw)
			}
		}
		if c, _ := s.email(ada); c.UserID != id || c.VerifiedAt.IsZero() || !c.ExpiresAt.IsZero() {
			t.Errorf("ada: %+v", c)
		}
		for _, address := range []string{neu, neu2} {
			if c, ok := s.email(address); ok {
				t.Errorf("%s: %+v", address, c)
			}
		}
		if got := profileEmail(s, id); got != ada {
			t.Errorf("the host knows %q", got)
		}
		b.post("/email/undo", "token", token).want(t, http.StatusGone, "link_invalid")
		b.get("/email/undo?token="+token).want(t, http.StatusGone, "link_invalid")
		b.post("/email/undo", "token", second).want(t, http.StatusGone, "link_invalid") // the thief's own way back
		if m := s.mailed(neu2, "notice.email.reverted"); m.Data["link"] != "" {
			t.Errorf("the address that lost the account has power: %v", m.Data)
		}
		if !wantsReset(s) {
			t.Error("recovery has not begun")
		}
		// And what was mailed to the thief meanwhile is good for nothing.
		for _, m := range append(s.mails(neu), s.mails(neu2)...) {
			if m.Data["link"] == "" {
				continue
			}
			path := strings.TrimPrefix(m.Data["link"][:strings.IndexByte(m.Data["link"], '?')], "https://example.com/auth")
			b.post(path, "token", s.token(m), "password", third).want(t, http.StatusGone, "link_invalid")
		}
	})
}

// Each address that was the user's can undo; the one that had the account before wins.
func TestUndoOfSeveral(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good).moves(neu)
	s.clock.Advance(time.Minute)
	b.moves(neu2)
	first, second := s.undoToken(ada), s.undoToken(neu)
	b.post("/email/undo", "token", second).want(t, http.StatusOK, "")
	if c, _ := s.email(neu); c.UserID != id {
		t.Errorf("new: %+v", c)
	}
	b.post("/email/undo", "token", first).want(t, http.StatusOK, "")
	if c, _ := s.email(ada); c.UserID != id {
		t.Errorf("ada: %+v", c)
	}
}

func TestUndoLifetime(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		good  bool
	}{{week - time.Second, true}, {week, false}, {week + time.Second, false}} {
		s := newSite(t)
		s.verified(ada, good)
		s.browser().logIn(ada, good).moves(neu)
		at := s.clock.Now()
		s.clock.Advance(time.Hour) // mail is late, and gains no time by it
		token := s.undoToken(ada)
		s.clock.Advance(at.Add(tt.after).Sub(s.clock.Now()))
		if got := s.browser().post("/email/undo", "token", token).Code == http.StatusOK; got != tt.good {
			t.Errorf("after %v: %v", tt.after, got)
		}
	}
}

// Each try of a mail has a link of its own, and only the last is good.
func TestUndoMailedTwice(t *testing.T) {
	slow := &failing{}
	s := newSite(t, func(set *setup) { slow.Mailer = set.mailer; set.mailer = slow })
	s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	b.post("/email", "email", neu)
	link := s.token(s.mailed(neu, "account.email"))
	slow.down.Store(true)
	b.post("/email", "token", link).want(t, http.StatusOK, "")
	_ = s.post.Flush(t.Context()) // it says that mail could not be sent
	if !slices.ContainsFunc(slow.lost, func(m mailMessage) bool { return m.ID == "account.undo" }) {
		t.Fatal("it was not tried")
	}
	s.clock.Advance(time.Hour)
	slow.down.Store(false)
	token := s.token(s.mailed(ada, "account.undo"))
	for _, m := range slow.lost {
		if m.ID == "account.undo" {
			s.browser().post("/email/undo", "token", s.token(m)).want(t, http.StatusGone, "link_invalid")
		}
	}
	s.browser().post("/email/undo", "token", token).want(t, http.StatusOK, "")
}

func TestUndoKeepsAClosedAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		thief := s.browser().logIn(ada, good).moves(neu)
		thief.closes()
		s.browser().post("/email/undo", "token", s.undoToken(ada)).want(t, http.StatusOK, "")
		s.clock.Advance(30 * 24 * time.Hour)
		s.flush()
		if _, err := s.users.LoadUser(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(s.credentials(id), "closing") {
			t.Error("it is closed still")
		}
	})
}

func TestUndoOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		s.browser().logIn(ada, good).moves(neu)
		token := s.undoToken(ada)
		var done atomic.Int32
		atOnce(50, func(int) {
			switch r := s.browser().post("/email/undo", "token", token); {
			case r.Code == http.StatusOK:
				done.Add(1)
			case r.code() != "link_invalid":
				t.Errorf("%d %s", r.Code, r.text)
			}
		})
		if done.Load() != 1 {
			t.Errorf("%d have undone it", done.Load())
		}
		if c, _ := s.email(ada); c.UserID != id {
			t.Errorf("ada: %+v", c)
		}
		n := 0
		for _, m := range s.mails(ada) {
			if m.ID == "account.forgot" || m.ID == "account.first-password" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("recovery has begun %d times", n)
		}
	})
}

// A crash at any step: either nothing is undone, and the link is good, or all is.
func TestUndoCrashes(t *testing.T) {
	var token string
	crashes(t, sqlitePlace, func(s *site) func() {
		s.verified(ada, good)
		b := s.browser().logIn(ada, good).moves(neu)
		token = s.undoToken(ada)
		return func() { b.post("/email/undo", "token", token) }
	}, func(s *site) {
		s.flush()
		if c, ok := s.email(neu); ok && c.ExpiresAt.IsZero() {
			s.browser().post("/email/undo", "token", token).want(s.t, http.StatusOK, "")
		}
		if c, ok := s.email(ada); !ok || !c.ExpiresAt.IsZero() || s.logsIn(ada, good) || !wantsReset(s) {
			s.t.Errorf("ada: %+v", c)
		}
	})
}

// Who looks for mail between the change and the last of what it ends finds none yet: the
// link would end with the rest, and be dead when it arrives.
func TestRecoveryOutlivesTheChange(t *testing.T) {
	for name, begin := range map[string]func(s *site, b *browser) (path, token string){
		"undo": func(s *site, b *browser) (string, string) {
			b.moves(neu)
			return "/email/undo", s.undoToken(ada)
		},
		"disown": func(s *site, b *browser) (string, string) {
			b.post("/password", "current", good, "password", other).want(t, http.StatusOK, "")
			return "/disown", s.disownToken("password.changed")
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, at place) {
				s := newSite(t, at)
				s.verified(ada, good)
				path, token := begin(s, s.browser().logIn(ada, good))
				s.flush()
				met := false
				s.store.On("DeleteUserTickets").At(2).Before(func(context.Context) error {
					met = true
					s.flush()
					return nil
				})
				s.browser().post(path, "token", token).want(t, http.StatusOK, "")
				if !met {
					t.Fatal("nobody looked for mail in between")
				}
				reset := s.token(s.mailed(ada, "account.first-password"))
				s.browser().post("/reset", "token", reset, "password", "another one altogether").want(t, http.StatusOK, "")
			})
		})
	}
}

// A change of which not everything could be ended is made all the same, and so is the mail
// by which its owner gets back in.
func TestRecoveryOutlivesAnOutage(t *testing.T) {
	s := newSite(t, sqlite(t))
	s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	token := s.undoToken(ada)
	s.store.On("DeleteUserTickets").At(2).Fail(nil)
	s.browser().post("/email/undo", "token", token).want(t, http.StatusServiceUnavailable, "unavailable")
	reset := s.token(s.mailed(ada, "account.first-password"))
	s.browser().post("/reset", "token", reset, "password", other).want(t, http.StatusOK, "")
}
