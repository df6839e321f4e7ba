package account_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// waiting registers where addresses are verified first.
func (s *site) waiting(address, pw string) (*browser, string) {
	s.t.Helper()
	b := s.browser()
	if r := b.post("/register", "email", address, "password", pw); r.Code != http.StatusAccepted {
		s.t.Fatalf("registering: %d %s", r.Code, r.text)
	}
	return b, s.token(s.mail(address, "account.register"))
}

func TestRegisterRequired(t *testing.T) {
	s := newSite(t, required)
	b, token := s.waiting(ada, good)
	if _, ok := s.email(ada); ok || b.who() != "" || s.logsIn(ada, good) {
		t.Fatal("there is an account already")
	}
	if r := b.get("/verify?token=" + token); r.Code != http.StatusOK || strings.Contains(r.text, "current-password") {
		t.Errorf("the page of the link: %d %s", r.Code, r.text)
	}
	var r reply
	calls := s.traced(func() { r = b.submit("/verify", "token", token) })
	if n := len(slices.DeleteFunc(calls, func(call string) bool { return call != "TakeTicket" })); n != 2 {
		t.Errorf("%d tickets were taken, want that of the link and that of what waited", n)
	}
	if len(b.cookies) != 0 {
		t.Errorf("the browser's secret is still there: %v", b.cookies)
	}
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/login" || b.who() != "" {
		t.Errorf("%d to %q, %q is logged in", r.Code, r.Header().Get("Location"), b.who())
	}
	if c, ok := s.email(ada); !ok || c.VerifiedAt.IsZero() || !s.logsIn(ada, good) {
		t.Errorf("address %+v", c)
	}
	if r := b.post("/verify", "token", token); r.Code != http.StatusGone {
		t.Errorf("the link again: %d %s", r.Code, r.text)
	}
	if n := len(s.mails(ada)); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	if n := s.users.(*authtest.Users).Len(); n != 1 {
		t.Errorf("%d users", n)
	}
}

// Whoever has a link that is not good any more, and no account, has none to ask for another
// link with: they register again. Who is logged in can ask.
func TestRegisterAgain(t *testing.T) {
	for name, set := range map[string]func(*setup){"verify": func(*setup) {}, "register": required} {
		s := newSite(t, set)
		s.verified(ada, good)
		for _, show := range []func(b *browser) reply{
			func(b *browser) reply { return b.get("/verify?token=gone") },
			func(b *browser) reply { return b.submit("/verify", "token", "gone") },
		} {
			if r := show(s.browser()); r.Code != http.StatusGone || !strings.Contains(r.text, `"page":"`+name+`"`) {
				t.Errorf("nobody is logged in, not on %s: %d %s", name, r.Code, r.text)
			}
			if r := show(s.browser().logIn(ada, good)); r.Code != http.StatusGone || !strings.Contains(r.text, `"page":"verify"`) {
				t.Errorf("not on verify, with %s: %d %s", name, r.Code, r.text)
			}
		}
	}
}

// With the address taken, the mail says so, and what waited is gone.
func TestRegisterTaken(t *testing.T) {
	s := newSite(t, required)
	b, token := s.waiting(ada, good)
	b.post("/verify", "token", token)
	r := s.browser().submit("/register", "email", ada, "password", other)
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/sent" {
		t.Errorf("%d to %q", r.Code, r.Header().Get("Location"))
	}
	if calls := s.traced(s.flush); !slices.Contains(calls, "TakeTicket") {
		t.Errorf("what waits is not dropped: %q", calls)
	}
	if m := s.mail(ada, "account.taken"); m.Data["link"] != "" {
		t.Errorf("%+v", m)
	}
	if !s.logsIn(ada, good) || s.logsIn(ada, other) {
		t.Error("the password is another")
	}
}

// PH-7 where nobody has an account yet: the mailed link does not make an account with a
// password that somebody else has chosen.
func TestPH7RegistrationOfSomebodyElse(t *testing.T) {
	s := newSite(t, required)
	attacker, token := s.waiting(ada, good)
	victim := s.browser()
	if r := victim.get("/verify?token=" + token); !strings.Contains(r.text, "current-password") || strings.Contains(r.text, "take_over") {
		t.Errorf("the page: %s", r.text)
	}
	if r := victim.post("/verify", "token", token); r.Code != http.StatusForbidden || r.code() != "wrong_browser" {
		t.Errorf("by the link alone: %d %s", r.Code, r.text)
	}
	elsewhere := s.browser() // has registered, and not this
	elsewhere.post("/register", "email", bob, "password", other)
	if r := elsewhere.post("/verify", "token", token); r.Code != http.StatusForbidden || r.code() != "wrong_browser" {
		t.Errorf("where somebody else has registered: %d %s", r.Code, r.text)
	}
	if r := victim.post("/verify", "token", token, "password", other); r.Code != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d %s", r.Code, r.text)
	}
	if r := victim.post("/verify", "token", token, "take_over", "1", "password", other); r.Code != http.StatusGone {
		t.Errorf("taking over what is not there: %d %s", r.Code, r.text)
	}
	if _, ok := s.email(ada); ok {
		t.Fatal("there is an account")
	}
	// The victim registers, in a browser that then holds a secret of its own: with it
	// the attacker's link is as dead as before, and the victim's own works.
	mine, own := s.waiting(ada, other)
	if r := mine.post("/verify", "token", token); r.Code != http.StatusGone {
		t.Errorf("the older link: %d %s", r.Code, r.text)
	}
	if r := mine.post("/verify", "token", own); r.Code != http.StatusOK {
		t.Errorf("the own link: %d %s", r.Code, r.text)
	}
	if attacker.post("/verify", "token", token); s.logsIn(ada, good) || !s.logsIn(ada, other) {
		t.Error("the attacker's password is good")
	}
}

// In another browser the password that was chosen will do; guesses at it are bounded.
func TestRegisterElsewhere(t *testing.T) {
	s := newSite(t, required, func(set *setup) { set.auth.Limits.Account = auth.Limit{Max: 5, Per: time.Hour} })
	_, token := s.waiting(ada, good)
	b := s.browser()
	for range 5 {
		b.post("/verify", "token", token, "password", other)
	}
	if r := b.post("/verify", "token", token, "password", good); r.Code != http.StatusTooManyRequests {
		t.Errorf("after five guesses: %d %s", r.Code, r.text)
	}
	s.clock.Advance(time.Hour)
	if r := b.post("/verify", "token", token, "password", good); r.Code != http.StatusOK || !s.logsIn(ada, good) {
		t.Errorf("with the password: %d %s", r.Code, r.text)
	}
}

// A user is made once, although the address or the name was taken meanwhile.
func TestRegisterTakenMeanwhile(t *testing.T) {
	s := newSite(t, required)
	b, token := s.waiting(ada, good)
	s.register(ada, other)
	if r := b.post("/verify", "token", token); r.Code != http.StatusConflict || r.code() != "taken" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if n := s.users.(*authtest.Users).Len(); n != 1 || s.logsIn(ada, good) {
		t.Errorf("%d users", n)
	}
}

// A mail that is late is no lost registration.
func TestRegisterLateMail(t *testing.T) {
	s := newSite(t, required)
	b := s.browser()
	b.post("/register", "email", ada, "password", good, "next", "/welcome")
	s.clock.Advance(3 * 24 * time.Hour)
	token := s.token(s.mail(ada, "account.register"))
	s.clock.Advance(24*time.Hour - time.Second)
	if r := b.submit("/verify", "token", token); r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/auth/login?next=%2Fwelcome" {
		t.Errorf("%d %s to %q", r.Code, r.text, r.Header().Get("Location"))
	}
}

// Registering is refused for what is wrong with what was sent, and for nothing else.
func TestRegisterRefused(t *testing.T) {
	s := newSite(t, required)
	for _, test := range []struct{ address, password, code string }{
		{"ada", good, "invalid_field"}, {ada, "short", "password_too_short"}, {"", good, "invalid_field"},
	} {
		if r := s.browser().post("/register", "email", test.address, "password", test.password); r.Code != http.StatusUnprocessableEntity || r.code() != test.code {
			t.Errorf("%+v: %d %s", test, r.Code, r.text)
		}
	}
	s.flush()
	if all := s.box.Messages(); len(all) != 0 {
		t.Errorf("mail: %+v", all)
	}
}
