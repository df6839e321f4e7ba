package account_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const (
	neu  = "new@example.com"
	neu2 = "newer@example.com"
)

func TestChangeOfAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		b, elsewhere := s.browser().logIn(ada, good), s.browser().logIn(ada, good)
		b.post("/email", "email", " New@Example.com ").want(t, http.StatusAccepted, "")
		m := s.mailed(neu, "account.email")
		if !s.logsIn(ada, good) || s.logsIn(neu, good) {
			t.Error("something has changed before the new address was confirmed")
		}
		stranger := s.browser()
		for range 2 { // a scanner burns nothing
			r := stranger.get("/email?token=" + s.token(m))
			if r.Code != http.StatusOK || !strings.Contains(r.text, `"Name":"token"`) || r.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("the page of the link: %d %v %s", r.Code, r.Header(), r.text)
			}
		}
		// Who reads the mail may not be who asked: the account stays as it is.
		s.verified("eve@example.com", other)
		for _, other := range []*browser{stranger, s.browser().logIn("eve@example.com", other)} {
			other.post("/email", "token", s.token(m)).want(t, http.StatusForbidden, "other_account")
		}
		if who := stranger.who(); who != "" {
			t.Errorf("the link has logged %q in", who)
		}
		b.post("/email", "token", s.token(m)).want(t, http.StatusOK, "")
		b.post("/email", "token", s.token(m)).want(t, http.StatusGone, "link_invalid")
		if b.who() != id || elsewhere.who() != "" {
			t.Error("another session has outlived the change, or its own has not")
		}
		if s.logsIn(ada, good) || !s.logsIn(neu, good) {
			t.Error("the new address does not log in, or the old one does")
		}
		if c, _ := s.email(neu); c.UserID != id || c.VerifiedAt.IsZero() {
			t.Errorf("the new address: %+v", c)
		}
		if got := profileEmail(s, id); got != "New@Example.com" {
			t.Errorf("the host knows %q", got)
		}
		if e := s.events.Named("email.changed"); len(e) != 1 || e[0].UserID != id {
			t.Errorf("events: %v", e)
		}
	})
}

// profileEmail is what the host has as the user's address.
func profileEmail(s *site, id string) string {
	u, err := s.users.LoadUser(s.t.Context(), id)
	s.must(err)
	if m, ok := u.(*memory.User); ok {
		return m.Email
	}
	return emailOf(u)
}

// In the browser that has asked, the session goes on.
func TestChangeSparesTheSession(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b, elsewhere := s.browser().logIn(ada, good), s.browser().logIn(ada, good)
	if r := b.submit("/email", "email", neu); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/sent" {
		t.Fatalf("%d to %q", r.Code, r.Header().Get("Location"))
	}
	r := b.submit("/email", "token", s.token(s.mailed(neu, "account.email")))
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/account" || r.Header().Get("Test-Flash") != "email.changed" {
		t.Fatalf("%d %v", r.Code, r.Header())
	}
	if b.who() != id || elsewhere.who() != "" {
		t.Errorf("%q is logged in here, %q elsewhere", b.who(), elsewhere.who())
	}
}

// The old address is nobody's for as long as it can come back, by the clock.
func TestReservation(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		s.verified(ada, good)
		s.browser().logIn(ada, good).moves(neu)
		s.verified(bob, other)
		left := s.clock.Now().Add(week)

		s.clock.Advance(left.Sub(s.clock.Now()) - time.Second)
		s.browser().post("/register", "email", ada, "password", third).want(t, http.StatusConflict, "taken")
		bobs := s.browser().logIn(bob, other)
		bobs.post("/email", "email", ada).want(t, http.StatusAccepted, "")
		if m := s.mailed(ada, "account.email-taken"); m.Data["link"] != "" {
			t.Errorf("a link to an address that is reserved: %v", m.Data)
		}
		s.browser().post("/forgot", "email", ada).want(t, http.StatusAccepted, "")
		s.mailed(ada, "account.unknown")
		if s.logsIn(ada, good) {
			t.Error("the old address logs in")
		}

		s.clock.Advance(time.Second)
		bobs = s.browser().logIn(bob, other)
		bobs.post("/email", "email", ada).want(t, http.StatusAccepted, "")
		bobs.post("/email", "token", s.token(s.mailed(ada, "account.email"))).want(t, http.StatusOK, "")
		if c, _ := s.email(ada); c.VerifiedAt.IsZero() {
			t.Errorf("after a week: %+v", c)
		}
	})
}

func TestReservedAddressIsFreeForNewUsers(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	s.clock.Advance(week)
	s.browser().post("/register", "email", ada, "password", third).want(t, http.StatusCreated, "")
	if !s.logsIn(ada, third) {
		t.Error("who has registered does not get in")
	}
}

// One's own former address can be had back as any other is had.
func TestChangeBack(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		b := s.browser().logIn(ada, good).moves(neu).moves(ada)
		if c, _ := s.email(ada); c.UserID != id || c.VerifiedAt.IsZero() {
			t.Errorf("ada: %+v", c)
		}
		if c, _ := s.email(neu); c.UserID == id || c.ExpiresAt.IsZero() {
			t.Errorf("new: %+v", c)
		}
		if b.who() != id || !s.logsIn(ada, good) {
			t.Error("nobody is logged in")
		}
	})
}

// An address that nobody has shown to be theirs is free at once, and cannot undo.
func TestChangeOfAClaim(t *testing.T) {
	s := newSite(t)
	s.register(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	all := s.mails(ada)
	if slices.Contains(ids(all), "account.undo") {
		t.Errorf("mails: %v", ids(all))
	}
	if m := s.mailed(ada, "notice.email.changed"); m.Data["link"] != "" {
		t.Errorf("the notice has power: %v", m.Data)
	}
	s.browser().post("/register", "email", ada, "password", third).want(t, http.StatusCreated, "")
}

// Nothing that is answered, called or set tells whether the new address is somebody's.
func TestChangeTellsNothing(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	s.verified(bob, other)
	b := s.browser().logIn(ada, good)
	ask := func(address string) (r reply, calls []string) {
		calls = s.traced(func() { r = b.post("/email", "email", address) })
		return r, calls
	}
	_, _ = ask("warm@example.com")
	taken, takenCalls := ask(bob)
	free, freeCalls := ask(neu)
	if taken.Code != free.Code || taken.text != free.text || !slices.Equal(taken.setCookies(), free.setCookies()) {
		t.Errorf("%d %s\n%d %s", taken.Code, taken.text, free.Code, free.text)
	}
	if !slices.Equal(takenCalls, freeCalls) {
		t.Errorf("calls:\n%v\n%v", takenCalls, freeCalls)
	}
	if m := s.mailed(bob, "account.email-taken"); m.Data["link"] != "" {
		t.Errorf("a link for somebody else's address: %v", m.Data)
	}
	s.mailed(neu, "account.email")
}

// RC-14: two changes at once, and the address that is confirmed is the one to which its
// token went; only the newest link is good.
func TestChangeNewestOnly(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	b.post("/email", "email", neu).want(t, http.StatusAccepted, "")
	first := s.token(s.mailed(neu, "account.email"))
	s.clock.Advance(time.Second)
	b.post("/email", "email", neu2).want(t, http.StatusAccepted, "")
	second := s.token(s.mailed(neu2, "account.email"))
	b.post("/email", "token", first).want(t, http.StatusGone, "link_invalid")
	b.post("/email", "token", second).want(t, http.StatusOK, "")
	if !s.logsIn(neu2, good) || s.logsIn(neu, good) {
		t.Error("not the address that the token was mailed to")
	}
}

func TestChangeLifetime(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		good  bool
	}{{24*time.Hour - time.Second, true}, {24 * time.Hour, false}, {24*time.Hour + time.Second, false}} {
		s := newSite(t)
		s.verified(ada, good)
		s.browser().logIn(ada, good).post("/email", "email", neu)
		token := s.token(s.mailed(neu, "account.email"))
		s.clock.Advance(tt.after)
		if got := s.browser().logIn(ada, good).post("/email", "token", token).Code == http.StatusOK; got != tt.good {
			t.Errorf("after %v: %v", tt.after, got)
		}
	}
}

func TestChangeRefused(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	s.verified(bob, other)
	b := s.browser().logIn(ada, good)
	for _, address := range []string{"", "ada", "Ada <new@example.com>", "new@example.com, eve@example.com", "new@example.com\r\nBcc: eve@example.com",
		"new@example.com\n", "nеw@example.com", "new＠example.com", "new@exämple.com", `"new x"@example.com`, "new@example.com\x00", "new@[192.0.2.1]"} {
		if r := b.post("/email", "email", address); r.Code != http.StatusUnprocessableEntity || r.field() != "email" {
			t.Errorf("%q: %d %s", address, r.Code, r.text)
		}
	}
	b.post("/email", "email", "ADA@example.com").want(t, http.StatusUnprocessableEntity, "email_unchanged")
	s.browser().post("/email", "email", neu).want(t, http.StatusUnauthorized, "unauthenticated")
	s.browser().post("/email", "token", "x").want(t, http.StatusGone, "link_invalid")
	s.browser().post("/email", "token", strings.Repeat("A", 43)).want(t, http.StatusGone, "link_invalid")
	s.clock.Advance(11 * time.Minute)
	b.post("/email", "email", neu).want(t, http.StatusUnauthorized, "not_fresh")
	if r := b.submit("/email", "email", neu); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/confirm?next=%2Fauth%2Femail" {
		t.Errorf("a stale form: %d to %q", r.Code, r.Header().Get("Location"))
	}
	if all := s.mails(neu); len(all) != 0 {
		t.Errorf("mails: %v", ids(all))
	}
}

func TestChangeTakenMeanwhile(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	b.post("/email", "email", neu)
	token := s.token(s.mailed(neu, "account.email"))
	s.register(neu, other)
	b.post("/email", "token", token).want(t, http.StatusConflict, "taken")
	if c, _ := s.email(ada); c.UserID != id || !s.logsIn(ada, good) || !s.logsIn(neu, other) {
		t.Error("something has changed")
	}
	b.post("/email", "token", token).want(t, http.StatusConflict, "taken") // the link was not used up
}

// PH-4: what an attacker has begun dies with the owner's reset, and with every other
// change, even if the mail is sent only then.
func TestPendingChangeDies(t *testing.T) {
	changes := map[string]func(s *site) func(){
		"reset": func(s *site) func() {
			token := s.forgot(ada)
			return func() { s.browser().post("/reset", "token", token, "password", other).want(s.t, 200, "") }
		},
		"password": func(s *site) func() {
			return func() {
				s.browser().logIn(ada, good).post("/password", "current", good, "password", other).want(s.t, 200, "")
			}
		},
		"closed": func(s *site) func() { return func() { s.browser().logIn(ada, good).closes() } },
	}
	for name, prepare := range changes {
		for _, late := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				s := newSite(t)
				id := s.verified(ada, good)
				change := prepare(s)
				s.browser().logIn(ada, good).post("/email", "email", neu).want(t, http.StatusAccepted, "")
				token := strings.Repeat("A", 43)
				if !late {
					token = s.token(s.mailed(neu, "account.email"))
				}
				change()
				if all := s.mails(neu); late && len(all) != 0 {
					t.Errorf("mailed afterwards: %v", ids(all))
				}
				s.browser().post("/email", "token", token).want(t, http.StatusGone, "link_invalid")
				if c, _ := s.email(ada); c.UserID != id {
					t.Errorf("the address is gone: %+v", c)
				}
			})
		}
	}
}

// A reset that is made between the look at the link and the change wins.
func TestChangeMeetsReset(t *testing.T) {
	s := newSite(t, sqlite(t))
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	b.post("/email", "email", neu)
	token, reset := s.token(s.mailed(neu, "account.email")), s.forgot(ada)
	var once atomic.Bool
	s.store.On("TakeTicket").After(func(_ ctx) error {
		if once.CompareAndSwap(false, true) {
			s.browser().post("/reset", "token", reset, "password", other).want(t, 200, "")
		}
		return nil
	})
	b.post("/email", "token", token).want(t, http.StatusUnauthorized, "unauthenticated") // the session has ended, too
	s.store.Reset()
	if c, _ := s.email(ada); c.UserID != id || !s.logsIn(ada, other) {
		t.Errorf("the address has changed after the reset: %+v", c)
	}
}

func TestChangeThrottled(t *testing.T) {
	s := newSite(t, func(set *setup) {
		set.account.PerAddress, set.account.PerNetwork = auth.Limit{Max: 3, Per: time.Hour}, auth.Limit{Max: 10, Per: time.Hour}
	})
	s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	for range 5 {
		b.post("/email", "email", neu).want(t, http.StatusAccepted, "")
	}
	if n := len(s.mails(neu)); n != 3 {
		t.Errorf("%d mails, want 3", n)
	}
	for i := range 12 {
		b.addr = "203.0.113." + string(rune('1'+i%9))
		b.post("/email", "email", "new"+string(rune('a'+i))+"@example.com").want(t, http.StatusAccepted, "")
	}
	s.flush()
	n := 0
	for _, m := range s.box.Messages() {
		if m.ID == "account.email" {
			n++
		}
	}
	if n != 8 { // 3, and 5 of the 10 that one user may ask for
		t.Errorf("%d mails in all, want 8", n)
	}
}

func TestChangeOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		b := s.browser().logIn(ada, good)
		b.post("/email", "email", neu)
		token := s.token(s.mailed(neu, "account.email"))
		var tabs [50]browser // of the browser whose session is spared
		for i := range tabs {
			tabs[i] = *b
			tabs[i].cookies = maps.Clone(b.cookies)
		}
		var changed, gone atomic.Int32
		s.store.On("LoadTicket").MeetAfter(50)
		atOnce(50, func(i int) {
			switch r := tabs[i].post("/email", "token", token); {
			case r.Code == http.StatusOK:
				changed.Add(1)
			case r.code() == "link_invalid":
				gone.Add(1)
			default:
				t.Errorf("%d %s", r.Code, r.text)
			}
		})
		s.store.Reset()
		if changed.Load() != 1 || gone.Load() != 49 {
			t.Errorf("%d changed it, %d were late", changed.Load(), gone.Load())
		}
		if c, _ := s.email(neu); c.UserID != id {
			t.Errorf("new: %+v", c)
		}
		if n := len(s.events.Named("email.changed")); n != 1 {
			t.Errorf("%d events", n)
		}
		s.mailed(ada, "account.undo")
	})
}

// 5.7: after a crash at any step the user has one address, and can go on from there.
func TestChangeCrashes(t *testing.T) {
	crashes(t, sqlitePlace, func(s *site) func() {
		s.verified(ada, good)
		b := s.browser().logIn(ada, good)
		b.post("/email", "email", neu)
		token := s.token(s.mailed(neu, "account.email"))
		return func() { b.post("/email", "token", token) }
	}, func(s *site) {
		before, after := s.logsIn(ada, good), s.logsIn(neu, good)
		if before == after {
			s.t.Fatalf("the old address logs in: %v, the new one: %v", before, after)
		}
		if before {
			s.browser().logIn(ada, good).moves(neu)
		}
		// No change without its link back, and no lost mail.
		s.browser().post("/email/undo", "token", s.token(s.mailed(ada, "account.undo"))).want(s.t, http.StatusOK, "")
		if !s.logsIn(ada, good) && !wantsReset(s) {
			s.t.Error("ada does not get in")
		}
	})
}

// wantsReset reports whether ada gets in with a new password, by mail.
func wantsReset(s *site) bool {
	all := s.mails(ada)
	i := slices.IndexFunc(all, func(m mailMessage) bool { return m.ID == "account.forgot" || m.ID == "account.first-password" })
	if i < 0 {
		return false
	}
	s.browser().post("/reset", "token", s.token(all[i]), "password", other).want(s.t, http.StatusOK, "")
	return s.logsIn(ada, other)
}

// What cannot be enqueued does not happen: no change of which nobody is told.
func TestNoChangeWithoutMail(t *testing.T) {
	broken := &brokenOutbox{}
	s := newSite(t, sqlite(t), func(set *setup) { broken.Store = set.outbox; set.outbox = broken })
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	b.post("/email", "email", neu)
	token := s.token(s.mailed(neu, "account.email"))
	broken.down.Store(true)
	if r := b.post("/email", "token", token); r.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.Code, r.text)
	}
	broken.down.Store(false)
	if c, _ := s.email(ada); c.UserID != id || !c.ExpiresAt.IsZero() {
		t.Errorf("ada: %+v", c)
	}
	if _, ok := s.email(neu); ok {
		t.Error("the new address is there")
	}
}

// No token is in a store or in the log.
func TestChangeSecrets(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	b := s.browser().logIn(ada, good).moves(neu)
	b.closes()
	s.flush()
	for _, m := range s.box.Messages() {
		if m.Data["link"] != "" && strings.Contains(s.log.String(), s.token(m)) {
			t.Errorf("%s: the token is in the log", m.ID)
		}
	}
	_ = authtest.Origin
	_ = account.Notices
}
