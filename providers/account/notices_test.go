package account_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
)

// newDevice logs in in a browser that was not seen before.
func (s *site) newDevice() *browser { s.t.Helper(); return s.browser().logIn(ada, good) }

// noticed is the mails of notices to an address, by ID.
func (s *site) noticed(to string) (ids []string) {
	s.t.Helper()
	for _, m := range s.mails(to) {
		if strings.HasPrefix(m.ID, "notice.") {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// withKeys lets users make API keys.
func withKeys(set *setup) {
	keys := apikey.New(&apikey.Options{Logger: set.auth.Logger})
	set.auth.Providers, set.auth.Loaders = append(set.auth.Providers, keys), append(set.auth.Loaders, keys)
}

// withoutSession is the browser once that was closed: it has what outlives a session.
func (b *browser) withoutSession() *browser {
	c := *b
	c.cookies = maps.Clone(b.cookies)
	delete(c.cookies, "__Host-sid")
	return &c
}

func TestNotices(t *testing.T) {
	cases := []struct {
		event   string
		claimed bool // the address was not verified before
		// do is what happens two hours after the user has logged in in b, which is remembered.
		do func(s *site, id string, b *browser)
	}{
		{event: "device.added", do: func(s *site, _ string, _ *browser) { s.newDevice() }},
		{event: "password.changed", do: func(s *site, _ string, b *browser) {
			b.post("/password", "current", good, "password", other).want(s.t, http.StatusOK, "")
		}},
		{event: "password.reset", do: func(s *site, _ string, _ *browser) {
			s.browser().post("/reset", "token", s.forgot(ada), "password", other).want(s.t, http.StatusOK, "")
		}},
		{event: "account.reclaimed", claimed: true, do: func(s *site, _ string, b *browser) {
			s.browser().post("/reset", "token", s.forgot(ada), "password", other).want(s.t, http.StatusOK, "")
			if b.who() != "" || b.withoutSession().who() != "" {
				s.t.Error("who had it before is in it still")
			}
		}},
		{event: "credential.added", do: func(s *site, id string, _ *browser) { s.must(addKey(s.t.Context(), s.m, id, "k")) }},
		{event: "credential.removed", do: func(s *site, id string, _ *browser) {
			old, err := s.m.Store().LoadCredential(s.t.Context(), "trust", "before")
			s.must(err)
			s.must(s.m.ChangeCredentials(s.t.Context(), id, auth.Change{Old: &old}))
		}},
		{event: "key.created", do: func(s *site, _ string, b *browser) {
			b.post("/confirm", "password", good).want(s.t, http.StatusOK, "")
			b.post("/keys", "name", "for the backup").want(s.t, http.StatusCreated, "")
		}},
		{event: "remember.reused", do: func(s *site, id string, b *browser) {
			thief := b.withoutSession() // has copied the profile
			if thief.who() != id {
				s.t.Fatal("the copy is not logged in")
			}
			s.clock.Advance(time.Hour)
			if owner := b.withoutSession(); owner.who() != "" || thief.who() != "" {
				s.t.Error("a token that was used twice logs in")
			}
		}},
		{event: "account.locked", do: func(s *site, _ string, _ *browser) {
			for range 101 {
				s.browser().post("/login", "email", ada, "password", other)
			}
		}},
	}
	prepared := func(t *testing.T, claimed bool, change ...func(*setup)) (*site, string, *browser) {
		s := newSite(t, append(change, withTrust, withKeys)...)
		id := s.register(ada, good)
		if claimed {
			s.flush() // with the link to verify it
		} else {
			s.verify(ada)
		}
		s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "trust", Key: "before", UserID: id, CreatedAt: s.m.Now()}}))
		b := s.browser().logIn(ada, good, "remember", "true")
		s.clock.Advance(2 * time.Hour)
		return s, id, b
	}
	for _, c := range cases {
		t.Run(c.event, func(t *testing.T) {
			onBoth(t, func(t *testing.T, at place) {
				s, id, b := prepared(t, c.claimed, at)
				c.do(s, id, b)
				if got, want := s.noticed(ada), []string{"notice." + c.event}; !slices.Equal(got, want) {
					t.Fatalf("notices: %v, want %v", got, want)
				}
				// What the lock leads to is in TestLockedOut.
				m := s.mailed(ada, "notice."+c.event)
				path := "/auth/disown?"
				if c.event == "account.locked" {
					path = "/auth/forgot"
				}
				if !strings.Contains(m.Data["link"], path) {
					t.Errorf("the link: %v", m.Data)
				}
				if what := m.Data["what"]; c.event == "key.created" && !strings.HasPrefix(what, "for the backup") || c.event == "credential.removed" && what != "Trust" {
					t.Errorf("what it is about: %v", m.Data)
				}
			})
			s, id, b := prepared(t, c.claimed, func(set *setup) { set.account.WithoutNotices = []string{c.event} })
			c.do(s, id, b)
			if got := s.noticed(ada); len(got) != 0 {
				t.Errorf("although they are off: %v", got)
			}
		})
	}
	for _, event := range account.Notices() {
		elsewhere := event == "email.changed" || event == "email.reverted" // TestChangeOfAClaim, TestUndo
		if tested := slices.ContainsFunc(cases, func(c struct {
			event   string
			claimed bool
			do      func(s *site, id string, b *browser)
		}) bool {
			return c.event == event
		}); tested == elsewhere {
			t.Errorf("%s is not tested", event)
		}
	}
}

// Whoever locks an account takes nothing from its owner: a link that they have asked for
// stays good, whichever comes first, and the way to another one has no end.
func TestLockedLeavesTheLinkThatWasAskedFor(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		lock := func() {
			s.m.EmitContext(t.Context(), auth.Event{Name: "account.locked", UserID: id, Method: "password"})
		}
		asked := s.forgot(ada)
		lock()
		m := s.mailed(ada, "notice.account.locked")
		if m.Data["link"] != s.post.Link("/forgot", "") {
			t.Errorf("the link of the notice: %v", m.Data)
		}
		s.browser().post("/reset", "token", asked, "password", other).want(t, http.StatusOK, "")
		lock()
		asked = s.forgot(ada)
		s.flush()
		s.browser().post("/reset", "token", asked, "password", third).want(t, http.StatusOK, "")
	})
}

// Where nothing can be asked for by the address there is no link to ask.
func TestLockedWithoutAWayBack(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	s.m.EmitContext(t.Context(), auth.Event{Name: "account.locked", UserID: id, Method: "password"})
	c, _ := s.email(ada)
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c}))
	if m := s.mailed(ada, "notice.account.locked"); m.Data["link"] != "" {
		t.Errorf("the link of the notice: %v", m.Data)
	}
}

// That logins are locked is told of logins: guesses that somebody made who was logged in
// lock no login, and those at something else than the password are not helped by another.
func TestLockedIsToldOfLogins(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	for _, scope := range []string{"password.change", "password.confirm", "totp", ""} {
		s.m.EmitContext(t.Context(), auth.Event{Name: "account.locked", UserID: id, Method: scope})
		if got := s.noticed(ada); len(got) != 0 {
			t.Errorf("of %q: %v", scope, got)
		}
	}
}

// follows does what the page of a link says, with a new password where it asks for one, and
// goes on to the next mail until it has been asked.
func (b *browser) follows(m mail.Message, newPassword string) {
	b.s.t.Helper()
	for range 3 {
		r := b.get(strings.TrimPrefix(m.Data["link"], authtest.Origin+"/auth"))
		var page struct{ Forms []auth.Form }
		b.s.must(json.Unmarshal([]byte(r.text), &page))
		if r.Code != http.StatusOK || len(page.Forms) == 0 {
			b.s.t.Fatalf("the page of %q: %d %s", m.Data["link"], r.Code, r.text)
		}
		form, asked := page.Forms[0], false
		var fields []string
		for _, f := range form.Fields {
			switch f.Name {
			case "email":
				f.Value = m.To
			case "password":
				f.Value, asked = newPassword, true
			}
			fields = append(fields, f.Name, f.Value)
		}
		before := len(b.s.mails(m.To))
		if r := b.post(form.Action, fields...); r.Code/100 != 2 {
			b.s.t.Fatalf("%s: %d %s", form.Action, r.Code, r.text)
		}
		if asked {
			return
		}
		all := b.s.mails(m.To)
		if len(all) == before {
			b.s.t.Fatalf("%s: no mail says how to go on", form.Action)
		}
		m = all[0]
	}
	b.s.t.Fatal("nobody asks for a new password")
}

// Somebody guesses until no more guesses are taken. The owner is told, and comes back by
// what they are told.
func TestLockedOut(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at, func(set *setup) { set.auth.Limits = auth.Limits{} })
		id := s.verified(ada, good)
		for n := 1; ; n++ {
			r := s.browser().post("/login", "email", ada, "password", other)
			if r.code() == "rate_limited" && n > 100 {
				break
			}
			r.want(t, http.StatusUnauthorized, "bad_credentials")
			if got := s.noticed(ada); n == 101 || len(got) != 0 {
				t.Fatalf("after %d guesses: %v", n, got)
			}
			s.clock.Advance(s.m.Limits().BackoffMax)
		}
		if got := s.noticed(ada); !slices.Equal(got, []string{"notice.account.locked"}) {
			t.Fatalf("notices: %v", got)
		}
		s.browser().post("/login", "email", ada, "password", good).want(t, http.StatusTooManyRequests, "rate_limited")
		if got := s.noticed(ada); len(got) != 1 {
			t.Errorf("told again: %v", got)
		}
		s.browser().follows(s.mailed(ada, "notice.account.locked"), third)
		s.browser().post("/login", "email", ada, "password", good).want(t, http.StatusUnauthorized, "bad_credentials")
		if owner := s.browser().logIn(ada, third); owner.who() != id {
			t.Errorf("%q is logged in", owner.who())
		}
	})
}

// Who has just registered is not told that they have logged in; of the next browser they
// are told, and of one that is known not again.
func TestNoNoticeOfTheFirstDevice(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.post("/register", "email", ada, "password", good).want(t, http.StatusCreated, "")
	if got := s.noticed(ada); len(got) != 0 {
		t.Errorf("after registering: %v", got)
	}
	s.newDevice()
	b.logIn(ada, good)
	if got := s.noticed(ada); len(got) != 1 {
		t.Errorf("after another browser: %v", got)
	}
}

// Where some addresses are verified only they are told, and where none is the claimed one.
func TestNoticeOfAClaim(t *testing.T) {
	s := newSite(t)
	s.register(ada, good)
	s.clock.Advance(2 * time.Hour)
	s.newDevice()
	if got := s.noticed(ada); len(got) != 1 {
		t.Errorf("the claimed address: %v", got)
	}
}

// disownToken is the one of a notice.
func (s *site) disownToken(event string) string {
	s.t.Helper()
	return s.token(s.mailed(ada, "notice."+event))
}

func TestDisown(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust)
		id := s.verified(ada, good)
		s.must(addKey(t.Context(), s.m, id, "mine"))
		s.flush()
		s.clock.Advance(2 * time.Hour)
		s.newDevice()
		s.must(addKey(t.Context(), s.m, id, "thief's"))
		thief := s.newDevice()
		token := s.disownToken("credential.added")
		b := s.browser()
		if r := b.get("/disown?token=" + token); r.Code != http.StatusOK || r.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("the page: %d %s", r.Code, r.text)
		}
		b.post("/disown", "token", token).want(t, http.StatusOK, "")
		if thief.who() != "" || b.who() != "" || s.logsIn(ada, good) {
			t.Error("somebody is logged in, or gets in with the password")
		}
		if _, err := s.m.Store().LoadCredential(t.Context(), "trust", "thief's"); err == nil {
			t.Error("what was added is there still")
		}
		if _, err := s.m.Store().LoadCredential(t.Context(), "trust", "mine"); err != nil {
			t.Errorf("what was there before is gone: %v", err)
		}
		b.post("/disown", "token", token).want(t, http.StatusGone, "link_invalid")
		if !wantsReset(s) {
			t.Error("recovery has not begun")
		}
		// An older notice is good still.
		b.post("/disown", "token", s.disownToken("device.added")).want(t, http.StatusOK, "")
		if s.logsIn(ada, other) {
			t.Error("the password is good still")
		}
	})
}

func TestDisownLifetime(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		good  bool
	}{{week - time.Second, true}, {week, false}, {week + time.Second, false}} {
		s := newSite(t)
		s.verified(ada, good)
		s.clock.Advance(2 * time.Hour)
		s.newDevice()
		at := s.clock.Now()
		s.clock.Advance(time.Hour)
		token := s.disownToken("device.added")
		s.clock.Advance(at.Add(tt.after).Sub(s.clock.Now()))
		if got := s.browser().post("/disown", "token", token).Code == http.StatusOK; got != tt.good {
			t.Errorf("after %v: %v", tt.after, got)
		}
	}
}

// The thief has changed the password first and the address then: the notice of the first
// gives the account back.
func TestDisownTakesTheAddressBack(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		b := s.browser().logIn(ada, good)
		b.post("/password", "current", good, "password", other).want(t, http.StatusOK, "")
		token := s.disownToken("password.changed")
		b.moves(neu)
		b.closes()
		s.browser().post("/disown", "token", token).want(t, http.StatusOK, "")
		if c, _ := s.email(ada); c.UserID != id || c.VerifiedAt.IsZero() {
			t.Errorf("ada: %+v", c)
		}
		if _, ok := s.email(neu); ok || s.logsIn(neu, other) || s.logsIn(ada, other) || !wantsReset(s) {
			t.Error("the thief has the account still, or the owner has not")
		}
	})
}

// A mailbox that the owner has left gives nobody the account: not one that was only
// claimed, and no other once the change cannot be undone any more.
func TestDisownFromAnOldMailbox(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, good)
	s.clock.Advance(2 * time.Hour)
	b := s.newDevice()
	token := s.disownToken("device.added")
	b.moves(neu)
	s.browser().post("/disown", "token", token).want(t, http.StatusGone, "link_invalid")
	if c, _ := s.email(neu); c.UserID != id || b.who() != id || !s.logsIn(neu, good) {
		t.Error("the account has changed hands")
	}

	s = newSite(t)
	id = s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	s.clock.Advance(week - time.Hour)
	s.browser().logIn(neu, good)
	late := s.token(s.mailed(neu, "notice.device.added"))
	s.browser().logIn(neu, good).moves(neu2)
	s.clock.Advance(2 * time.Hour) // ada's time is over, that of the others is not
	if _, err := s.users.LoadUser(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s.browser().post("/disown", "token", late).want(t, http.StatusOK, "")
	if c, _ := s.email(neu); c.UserID != id {
		t.Errorf("new: %+v", c)
	}
}

func TestDisownOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		s.verified(ada, good)
		s.clock.Advance(2 * time.Hour)
		s.newDevice()
		token := s.disownToken("device.added")
		var done atomic.Int32
		atOnce(50, func(int) {
			switch r := s.browser().post("/disown", "token", token); {
			case r.Code == http.StatusOK:
				done.Add(1)
			case r.code() != "link_invalid" && r.code() != "conflict":
				t.Errorf("%d %s", r.Code, r.text)
			}
		})
		if done.Load() != 1 {
			t.Errorf("%d have disowned it", done.Load())
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

// Whoever is late learns that the link was used, and not which change met which.
func TestDisownLate(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	b.post("/password", "current", good, "password", other).want(t, http.StatusOK, "")
	token := s.disownToken("password.changed")
	b.moves(neu)
	s.store.On("ChangeCredentials").At(1).Before(func(context.Context) error {
		s.browser().post("/disown", "token", token).want(t, http.StatusOK, "")
		return nil
	})
	s.browser().post("/disown", "token", token).want(t, http.StatusGone, "link_invalid")
}

func TestDisownCrashes(t *testing.T) {
	var token string
	crashes(t, sqlitePlace, func(s *site) func() {
		s.verified(ada, good)
		s.clock.Advance(2 * time.Hour)
		s.newDevice()
		token = s.disownToken("device.added")
		return func() { s.browser().post("/disown", "token", token) }
	}, func(s *site) {
		if s.logsIn(ada, good) {
			s.browser().post("/disown", "token", token).want(s.t, http.StatusOK, "")
		}
		if s.logsIn(ada, good) || !wantsReset(s) {
			s.t.Error("half done")
		}
	})
}

// A notice is enqueued with what it is about, or neither happens.
func TestNoNoticeNoChange(t *testing.T) {
	broken := &brokenOutbox{}
	s := newSite(t, sqlite(t), withTrust, func(set *setup) { broken.Store = set.outbox; set.outbox = broken })
	id := s.verified(ada, good)
	broken.down.Store(true)
	if err := addKey(t.Context(), s.m, id, "k"); err == nil {
		t.Error("no error")
	}
	if slices.Contains(s.credentials(id), "trust") {
		t.Error("it was added")
	}
}

// A mail server that is down delays nobody.
func TestNoticesWithoutMailServer(t *testing.T) {
	slow := &failing{}
	s := newSite(t, func(set *setup) { slow.Mailer = set.mailer; set.mailer = slow })
	s.verified(ada, good)
	s.clock.Advance(2 * time.Hour)
	slow.down.Store(true)
	s.newDevice()
	_ = s.post.Flush(t.Context())
	slow.down.Store(false)
	s.clock.Advance(time.Hour)
	if got := s.noticed(ada); len(got) != 1 {
		t.Errorf("notices: %v", got)
	}
}

// Whoever has made an account with somebody else's address cannot have that written to
// without end, whatever they do to the account; and who knows a password cannot bury the
// other notices under those of new browsers.
func TestNoticesAreBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust, func(set *setup) { set.account.PerAddress = auth.Limit{Max: 3, Per: time.Hour} })
		id := s.register(ada, good)
		s.clock.Advance(2 * time.Hour)
		for i := range 4 {
			s.newDevice()
			s.must(addKey(t.Context(), s.m, id, string(rune('a'+i))))
		}
		if got := s.noticed(ada); len(got) != 3 {
			t.Errorf("to an address that is claimed: %v", got)
		}
		s.clock.Advance(time.Hour)
		s.newDevice()
		if got := s.noticed(ada); len(got) != 4 {
			t.Errorf("an hour later: %v", got)
		}

		s.verified(bob, other)
		s.clock.Advance(2 * time.Hour)
		for range 15 {
			s.browser().logIn(bob, other)
		}
		c, _ := s.email(bob)
		for i := range 4 {
			s.must(addKey(t.Context(), s.m, c.UserID, string(rune('m'+i))))
		}
		got := s.noticed(bob)
		added := 0
		for _, id := range got {
			if id == "notice.credential.added" {
				added++
			}
		}
		if added != 4 || len(got) != 14 {
			t.Errorf("%d of 4 ways in, %d in all: %v", added, len(got), got)
		}
	})
}
