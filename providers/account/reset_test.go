package account_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

func TestReset(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	inside := s.browser().logIn(ada, good, "remember", "true")
	token := s.forgot(ada)

	b := s.browser()
	r := b.get("/reset?token=" + token)
	if r.Code != http.StatusOK || r.body["page"] != "reset" || !strings.Contains(r.text, token) {
		t.Errorf("the page of the link: %d %s", r.Code, r.text)
	}
	if got := r.Header().Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("the page of the link has Referrer-Policy %q", got)
	}
	r = b.submit("/reset", "token", token, "password", other)
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/login" || r.Header().Get("Test-Flash") != "password.reset" {
		t.Errorf("after the reset: %d to %q, flash %q", r.Code, r.Header().Get("Location"), r.Header().Get("Test-Flash"))
	}
	if b.who() != "" {
		t.Error("the reset has logged somebody in")
	}
	if s.logsIn(ada, good) || !s.logsIn(ada, other) || inside.who() != "" {
		t.Errorf("old password %v, new password %v, old session of %q", s.logsIn(ada, good), s.logsIn(ada, other), inside.who())
	}
	if r := b.post("/reset", "token", token, "password", third); r.Code != http.StatusGone || r.code() != "link_invalid" {
		t.Errorf("the link again: %d %s", r.Code, r.text)
	}
	if got := s.events.Named("password.reset"); len(got) != 1 || got[0].UserID != id {
		t.Errorf("events: %+v", got)
	}
}

// A password that may not be set does not use the link up.
func TestResetRefused(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	token := s.forgot(ada)
	b := s.browser()
	for _, test := range []struct{ password, code string }{
		{"", "invalid_field"}, {"short", "password_too_short"}, {strings.Repeat("x", 2000), "password_too_long"}, {"passwordpassword", "password_blocklisted"},
	} {
		if r := b.submit("/reset", "token", token, "password", test.password); r.Code != http.StatusUnprocessableEntity || r.code() != test.code || r.field() != "password" || !strings.Contains(r.text, token) {
			t.Errorf("%.10q: %d %s", test.password, r.Code, r.text)
		}
	}
	if r := b.post("/reset", "token", token, "password", other); r.Code != http.StatusOK {
		t.Errorf("then a good one: %d %s", r.Code, r.text)
	}
}

// Only the newest link is good, until its time is over, by the clock.
func TestResetLifetime(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	old := s.forgot(ada)
	token := s.forgot(ada)
	use := func(token string) int {
		return s.browser().post("/reset", "token", token, "password", "short").Code
	}
	if got := use(old); got != http.StatusGone {
		t.Errorf("an older link: %d", got)
	}
	const life = 30 * time.Minute
	s.clock.Advance(life - time.Second)
	if got := use(token); got != http.StatusUnprocessableEntity {
		t.Errorf("a second before its end: %d", got)
	}
	s.clock.Advance(time.Second)
	if got := use(token); got != http.StatusGone {
		t.Errorf("at its end: %d", got)
	}
	s.clock.Advance(time.Second)
	if got := use(token); got != http.StatusGone {
		t.Errorf("a second after its end: %d", got)
	}
}

// Where the address was never verified somebody else may have made the account: whoever
// resets it takes it over.
func TestResetReclaims(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, good)
	r := s.browser().post("/reset", "token", s.forgot(ada), "password", other)
	c, _ := s.email(ada)
	if r.Code != http.StatusOK || c.VerifiedAt.IsZero() || c.UserID != id {
		t.Errorf("%d %s, address %+v", r.Code, r.text, c)
	}
	if len(s.events.Named("account.reclaimed")) != 1 || len(s.events.Named("password.reset")) != 0 {
		t.Errorf("events: %+v", s.events.Events())
	}
	if s.logsIn(ada, good) || !s.logsIn(ada, other) {
		t.Error("the old password is good, or the new one is not")
	}
}

// The mail tells the truth: to whom there is no account, and to whom there is none that
// can be used.
func TestForgotUnknown(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	if r := b.submit("/forgot", "email", " Bob@Example.com "); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/sent" {
		t.Errorf("%d to %q", r.Code, r.Header().Get("Location"))
	}
	if m := s.mail(bob, "account.unknown"); m.Data["link"] != "" {
		t.Errorf("%+v", m)
	}
	if r := b.get("/sent"); r.Code != http.StatusOK || r.body["page"] != "sent" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	for _, bad := range []string{"", "  ", "ada", "ada@example.com, eve@example.com", "m\u0131ke@example.com", "ada@example.com\r\nBcc: eve@example.com"} {
		if r := b.post("/forgot", "email", bad); r.Code != http.StatusUnprocessableEntity || r.field() != "email" {
			t.Errorf("%q: %d %s", bad, r.Code, r.text)
		}
	}
}

// Mail that is asked for is bounded, and nobody is told.
func TestForgotThrottled(t *testing.T) {
	s := newSite(t, func(set *setup) { set.account.PerAddress, set.account.PerNetwork = auth.Limit{}, auth.Limit{} })
	s.verified(ada, good)
	before := len(s.mails(ada))
	var first string
	for i := range 5 {
		r := s.browser().post("/forgot", "email", ada)
		if i == 0 {
			first = r.text
		}
		if r.Code != http.StatusAccepted || r.text != first {
			t.Errorf("%d. time: %d %s", i+1, r.Code, r.text)
		}
	}
	if got := len(s.mails(ada)) - before; got != 3 {
		t.Errorf("%d mails to one address, want 3", got)
	}
	for i := range 20 {
		s.browser().post("/forgot", "email", "user"+string(rune('a'+i))+"@example.com")
	}
	s.flush()
	// Ten were asked for: three of the five above were sent, and five of these.
	if got := len(s.box.Messages()) - before; got != 8 {
		t.Errorf("%d mails for one network, want 8", got)
	}
}

// An address that ceases to be the user's between the look at it and the change lets
// nobody in.
func TestResetMeetsAnotherChange(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	token := s.forgot(ada)
	s.store.On("TakeTicket").After(func(ctx context.Context) error {
		s.store.Reset()
		old, _ := s.email(ada)
		moved := old
		moved.Key = bob
		return s.store.ChangeCredentials(ctx, auth.Change{Old: &old}, auth.Change{New: &moved})
	})
	if r := s.browser().post("/reset", "token", token, "password", other); r.Code != http.StatusConflict || r.code() != "conflict" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if !s.logsIn(bob, good) || s.logsIn(bob, other) {
		t.Error("the password was changed")
	}
}
