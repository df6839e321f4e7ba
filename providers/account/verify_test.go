package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// joined registers through the site, as a visitor does, and returns the visitor's browser
// and the token that was mailed.
func (s *site) joined(address, pw string) (*browser, string) {
	s.t.Helper()
	b := s.browser()
	if r := b.post("/register", "email", address, "password", pw); r.Code != http.StatusCreated {
		s.t.Fatalf("registering: %d %s", r.Code, r.text)
	}
	return b, s.token(s.mail(address, "account.verify"))
}

func TestVerify(t *testing.T) {
	s := newSite(t)
	b, token := s.joined(ada, good)
	id := b.who()
	if c, _ := s.email(ada); id == "" || !c.VerifiedAt.IsZero() {
		t.Fatalf("after registering: %q is logged in, address %+v", id, c)
	}
	r := b.get("/verify?token=" + token)
	if r.Code != http.StatusOK || r.body["page"] != "verify" || strings.Contains(r.text, "current-password") || r.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the page of the link: %d %s", r.Code, r.text)
	}
	r = b.submit("/verify", "token", token)
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/account" || r.Header().Get("Test-Flash") != "email.verified" {
		t.Errorf("%d to %q, flash %q", r.Code, r.Header().Get("Location"), r.Header().Get("Test-Flash"))
	}
	if c, _ := s.email(ada); c.VerifiedAt.IsZero() || b.who() != id {
		t.Errorf("address %+v, %q is logged in", c, b.who())
	}
	if r := b.post("/verify", "token", token); r.Code != http.StatusGone {
		t.Errorf("the link again: %d %s", r.Code, r.text)
	}
	if len(s.events.Named("email.verified")) != 1 {
		t.Errorf("events: %+v", s.events.Events())
	}
}

// Who reads the mail, and no more, does not verify what somebody else has registered.
func TestPH7VerifyLinkAlone(t *testing.T) {
	s := newSite(t)
	attacker, token := s.joined(ada, good)
	victim := s.browser()
	if r := victim.post("/verify", "token", token); r.Code != http.StatusForbidden || r.code() != "wrong_browser" {
		t.Errorf("by the link alone: %d %s", r.Code, r.text)
	}
	if r := victim.post("/verify", "token", token, "password", other); r.Code != http.StatusUnauthorized || r.code() != "bad_credentials" {
		t.Errorf("with a wrong password: %d %s", r.Code, r.text)
	}
	loggedIn := s.browser()
	loggedIn.post("/register", "email", bob, "password", other)
	if r := loggedIn.post("/verify", "token", token); r.Code != http.StatusForbidden || r.code() != "wrong_browser" {
		t.Errorf("logged in as somebody else: %d %s", r.Code, r.text)
	}
	if c, _ := s.email(ada); !c.VerifiedAt.IsZero() {
		t.Fatal("the attacker's account is verified")
	}
	// What is offered instead: to take it over.
	if r := victim.get("/verify?token=" + token); !strings.Contains(r.text, "take_over") || !strings.Contains(r.text, "current-password") {
		t.Errorf("the page: %s", r.text)
	}
	if r := victim.post("/verify", "token", token, "take_over", "true", "password", "short"); r.code() != "password_too_short" {
		t.Errorf("taking over with a bad password: %d %s", r.Code, r.text)
	}
	if r := victim.post("/verify", "token", token, "take_over", "true", "password", other); r.Code != http.StatusOK {
		t.Fatalf("taking over: %d %s", r.Code, r.text)
	}
	if c, _ := s.email(ada); c.VerifiedAt.IsZero() || attacker.who() != "" || victim.who() != "" || s.logsIn(ada, good) || !s.logsIn(ada, other) {
		t.Errorf("address %+v, attacker %q, victim %q", c, attacker.who(), victim.who())
	}
	if len(s.events.Named("account.reclaimed")) != 1 {
		t.Errorf("events: %+v", s.events.Events())
	}
}

// In another browser the password of the account will do, and guesses at it count as
// those at logging in.
func TestVerifyByPassword(t *testing.T) {
	s := newSite(t, func(set *setup) { set.auth.Limits.Account = auth.Limit{Max: 5, Per: time.Hour} })
	_, token := s.joined(ada, good)
	b := s.browser()
	for range 3 {
		if r := b.post("/verify", "token", token, "password", other); r.Code != http.StatusUnauthorized {
			t.Errorf("a wrong password: %d %s", r.Code, r.text)
		}
	}
	b.post("/login", "email", ada, "password", other)
	b.post("/login", "email", ada, "password", other)
	if r := b.post("/verify", "token", token, "password", good); r.Code != http.StatusTooManyRequests {
		t.Errorf("after too many guesses: %d %s", r.Code, r.text)
	}
	s.clock.Advance(2 * time.Hour)
	if r := b.submit("/verify", "token", token, "password", good); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/login" || b.who() != "" {
		t.Errorf("with the password: %d to %q, %q is logged in", r.Code, r.Header().Get("Location"), b.who())
	}
	if c, _ := s.email(ada); c.VerifiedAt.IsZero() {
		t.Error("not verified")
	}
	for range 5 { // what was counted before is forgotten
		if r := b.post("/login", "email", ada, "password", other); r.Code != http.StatusUnauthorized {
			t.Errorf("a guess afterwards: %d %s", r.Code, r.text)
		}
	}
}

// Who is logged in can have the mail sent again; the old link is then dead.
func TestVerifyAgain(t *testing.T) {
	s := newSite(t)
	b, old := s.joined(ada, good)
	if r := b.get("/verify"); r.Code != http.StatusOK || !strings.Contains(r.text, "verify-send") {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if r := b.submit("/verify"); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/sent" {
		t.Errorf("%d to %q", r.Code, r.Header().Get("Location"))
	}
	token := s.token(s.mail(ada, "account.verify"))
	if r := b.post("/verify", "token", old); r.Code != http.StatusGone {
		t.Errorf("the old link: %d %s", r.Code, r.text)
	}
	if r := b.post("/verify", "token", token); r.Code != http.StatusOK {
		t.Errorf("the new one: %d %s", r.Code, r.text)
	}
	if r := b.get("/verify"); strings.Contains(r.text, "verify-send") {
		t.Errorf("verified, and offered to send mail: %s", r.text)
	}
	if r := b.post("/verify"); r.Code != http.StatusOK || r.body["status"] != "verified" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	n := len(s.mails(ada))
	if r := s.browser().post("/verify"); r.Code != http.StatusUnauthorized {
		t.Errorf("nobody asks for mail: %d %s", r.Code, r.text)
	}
	if len(s.mails(ada)) != n {
		t.Error("mail was sent")
	}
}

// A link whose address is no longer the user's is dead, whatever else holds.
func TestLinksAreBoundToTheAddress(t *testing.T) {
	s := newSite(t)
	b, verify := s.joined(ada, good)
	reset := s.forgot(ada)
	old, _ := s.email(ada)
	moved := auth.Credential{Kind: "email", Key: bob, UserID: old.UserID}
	// Past the Manager, which would drop the tickets as well.
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &old}, auth.Change{New: &moved}))
	if r := b.post("/verify", "token", verify); r.Code != http.StatusGone {
		t.Errorf("verify: %d %s", r.Code, r.text)
	}
	if r := b.post("/reset", "token", reset, "password", other); r.Code != http.StatusGone {
		t.Errorf("reset: %d %s", r.Code, r.text)
	}
	// And if somebody else has it now.
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "email", Key: ada, UserID: "somebody"}}))
	if r := b.post("/reset", "token", reset, "password", other); r.Code != http.StatusGone {
		t.Errorf("reset: %d %s", r.Code, r.text)
	}
	if c, _ := s.email(bob); !c.VerifiedAt.IsZero() || !s.logsIn(bob, good) {
		t.Errorf("%+v", c)
	}
}

// What is about to be asked for is not sent when it is no longer due.
func TestVerifyNotDue(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, good)
	old, _ := s.email(ada)
	c := old
	c.VerifiedAt = s.m.Now()
	s.must(s.m.Apply(t.Context(), id, "email.verified", auth.Change{Old: &old, New: &c}))
	if all := s.mails(ada); len(all) != 0 {
		t.Errorf("mail to verify what is verified: %+v", all)
	}

	// The address is somebody else's by now.
	s.register(bob, good)
	was, _ := s.email(bob)
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &was}))
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "email", Key: bob, UserID: id}}))
	if all := s.mails(bob); len(all) != 0 {
		t.Errorf("mail to verify what is somebody else's: %+v", all)
	}
}

// What is verified already cannot be taken over by a link to verify it.
func TestNothingToTakeOver(t *testing.T) {
	s := newSite(t)
	_, token := s.joined(ada, good)
	old, _ := s.email(ada)
	c := old
	c.VerifiedAt = s.m.Now()
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &old, New: &c})) // past the Manager, which drops the link
	if r := s.browser().post("/verify", "token", token, "take_over", "true", "password", other); r.Code != http.StatusGone || !s.logsIn(ada, good) {
		t.Errorf("%d %s", r.Code, r.text)
	}
}
