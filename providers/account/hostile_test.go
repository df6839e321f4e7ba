package account_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What is no token is never looked up, however long it is.
func TestNoTokens(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	token := s.forgot(ada)
	for _, bad := range []string{" ", "\t", "\u00a0", "null", "%00", token[1:], token + "A", " " + token, token + "\n", token + "=", strings.Repeat("A", 60<<10), strings.Repeat(" ", 43), "' OR 1=1--", "../../" + token[:37]} {
		for _, path := range []string{"/reset", "/verify"} {
			var r reply
			calls := s.traced(func() { r = s.browser().post(path, "token", bad, "password", other) })
			if r.Code != http.StatusGone || r.code() != "link_invalid" {
				t.Errorf("%s with %.50q: %d %s", path, bad, r.Code, r.text)
			}
			if slices.Contains(calls, "LoadTicket") || slices.Contains(calls, "TakeTicket") || slices.Contains(calls, "Hash") {
				t.Errorf("%s with %.50q calls %q", path, bad, calls)
			}
		}
	}
	long := strings.Repeat("A", 64<<10)
	for _, path := range []string{"/reset", "/verify"} {
		calls := s.traced(func() {
			if r := s.browser().get(path + "?token=" + long); r.Code != http.StatusGone {
				t.Errorf("GET %s with 64 KiB: %d", path, r.Code)
			}
		})
		if len(calls) != 0 {
			t.Errorf("GET %s with 64 KiB calls %q", path, calls)
		}
		if r := s.browser().post(path, "token", long, "password", other); r.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("POST %s with 64 KiB: %d %s", path, r.Code, r.text)
		}
		if r := s.browser().get(path + "?token=" + token + "&token=" + token); r.Code != http.StatusGone {
			t.Errorf("GET %s with two tokens: %d", path, r.Code)
		}
	}
	if r := s.browser().post("/reset", "password", other); r.Code != http.StatusGone {
		t.Errorf("without a token: %d %s", r.Code, r.text)
	}
	if !s.logsIn(ada, good) {
		t.Error("the password was changed")
	}
}

// A token is good for its purpose, in its realm, and nowhere else.
func TestPurposesAndRealms(t *testing.T) {
	store, box := memory.New(nil), memory.NewOutbox()
	users := authtest.NewUsers()
	in := func(realm string) func(set *setup) {
		return func(set *setup) { set.store, set.users, set.outbox, set.auth.Realm = store, users, box, realm }
	}
	s, elsewhere := newSite(t, in("one")), newSite(t, in("two"))
	b, verify := s.joined(ada, good)
	reset := s.forgot(ada)
	session := b.cookies["__Host-one-session"]
	for _, value := range b.cookies {
		for _, path := range []string{"/reset", "/verify"} {
			if r := b.post(path, "token", value, "password", other); r.Code != http.StatusGone {
				t.Errorf("a cookie at %s: %d", path, r.Code)
			}
		}
	}
	for _, test := range []struct {
		s           *site
		path, token string
	}{{s, "/reset", verify}, {s, "/verify", reset}, {elsewhere, "/reset", reset}, {elsewhere, "/verify", verify}, {s, "/reset", session}} {
		if r := test.s.browser().post(test.path, "token", test.token, "password", other); r.Code != http.StatusGone {
			t.Errorf("at %s: %d %s", test.path, r.Code, r.text)
		}
	}
	if r := b.post("/verify", "token", verify); r.Code != http.StatusOK {
		t.Errorf("at last: %d %s", r.Code, r.text)
	}
}

// Scanners of mail look at links: that burns nothing.
func TestLookingBurnsNothing(t *testing.T) {
	for name, set := range map[string][]func(*setup){"optional": nil, "required": {required}} {
		s := newSite(t, set...)
		var b *browser
		var verify string
		if name == "required" {
			b, verify = s.waiting(ada, good)
		} else {
			b, verify = s.joined(ada, good)
		}
		look := func(path string) {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
				scanner := s.browser()
				calls := s.traced(func() { scanner.do(scanner.request(method, path, true, nil, "")) })
				for _, writes := range []string{"TakeTicket", "PutTicket", "ChangeCredentials", "DeleteUserTickets", "Count", "Hash"} {
					if slices.Contains(calls, writes) {
						t.Errorf("%s: %s calls %q", name, method, calls)
					}
				}
			}
		}
		look("/verify?token=" + verify)
		if r := b.post("/verify", "token", verify); r.Code != http.StatusOK {
			t.Errorf("%s: verify: %d %s", name, r.Code, r.text)
		}
		reset := s.forgot(ada)
		look("/reset?token=" + reset)
		if r := b.post("/reset", "token", reset, "password", other); r.Code != http.StatusOK {
			t.Errorf("%s: reset: %d %s", name, r.Code, r.text)
		}
	}
}

// No token, code, cookie or password is in the log, in an event, or in what is kept.
func TestNothingToSteal(t *testing.T) {
	for name, set := range map[string][]func(*setup){"optional": {withCodes}, "required": {withCodes, required}} {
		kept := &ledger{Store: memory.New(nil), box: memory.NewOutbox()}
		s := newSite(t, append(set, func(set *setup) { set.store, set.outbox = kept, ledgerBox{kept.box, kept} })...)
		secrets := map[string]string{"password": good, "new password": other}
		b := s.browser()
		b.post("/register", "email", ada, "password", good)
		id := "account.register"
		if name == "optional" {
			id = "account.verify"
		}
		secrets["verify token"] = s.token(s.mail(ada, id))
		for name, value := range b.cookies {
			secrets["cookie "+name] = value
		}
		s.browser().post("/verify", "token", secrets["verify token"])
		b.get("/verify?token=" + secrets["verify token"])
		b.post("/verify", "token", secrets["verify token"])
		c := s.browser()
		c.post("/forgot", "email", ada)
		m := s.mail(ada, "account.forgot")
		secrets["reset token"], secrets["code"] = s.token(m), m.Data["code"]
		for name, value := range c.cookies {
			secrets["cookie "+name] = value
		}
		c.post("/reset", "code", wrongOf(secrets["code"]), "password", other)
		c.get("/reset?token=" + secrets["reset token"])
		s.store.FailVerb("TakeTicket", nil)
		c.post("/reset", "token", secrets["reset token"], "password", other)
		c.post("/reset", "code", secrets["code"], "password", other)
		s.store.Reset()
		c.post("/reset", "token", secrets["reset token"], "password", other)
		c.post("/reset", "token", secrets["reset token"], "password", other)
		if len(s.log.String()) < 100 || !strings.Contains(kept.String(), ada) {
			t.Fatal("nothing was looked at")
		}
		for what, secret := range secrets {
			if secret == "" {
				t.Fatalf("%s: no %s", name, what)
			}
			for where, text := range map[string]string{"the log": s.log.String(), "what is kept": kept.String(), "the events": fmt.Sprintf("%+v", s.events.Events())} {
				if strings.Contains(text, secret) {
					t.Errorf("%s: the %s is in %s", name, what, where)
				}
			}
		}
	}
}

// A ledger is a store, and an outbox, that keep whatever they were ever given.
type ledger struct {
	auth.Store
	box outbox.Store
	log lockedBuffer
}

func (l *ledger) Unwrap() any    { return l.Store }
func (l *ledger) String() string { return l.log.String() }

func (l *ledger) CreateSession(ctx context.Context, s *auth.Session) error {
	fmt.Fprintf(&l.log, "%+v\n", *s)
	return l.Store.CreateSession(ctx, s)
}

func (l *ledger) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	for _, c := range changes {
		if c.New != nil {
			fmt.Fprintf(&l.log, "%+v %s\n", *c.New, c.New.Data)
		}
	}
	return l.Store.ChangeCredentials(ctx, changes...)
}

func (l *ledger) PutTicket(ctx context.Context, t auth.Ticket) error {
	fmt.Fprintf(&l.log, "%+v %s\n", t, t.Data)
	return l.Store.PutTicket(ctx, t)
}

func (l *ledger) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	fmt.Fprintln(&l.log, key)
	return l.Store.Count(ctx, key, window, now)
}

type ledgerBox struct {
	outbox.Store
	l *ledger
}

func (b ledgerBox) Enqueue(ctx context.Context, e outbox.Entry) error {
	fmt.Fprintf(&b.l.log, "%+v %s\n", e, e.Data)
	return b.Store.Enqueue(ctx, e)
}

func (b ledgerBox) Postpone(ctx context.Context, e outbox.Entry) error {
	fmt.Fprintf(&b.l.log, "%+v %s\n", e, e.Data)
	return b.Store.Postpone(ctx, e)
}

// A reset logs nobody in, and takes no second factor away.
func TestResetAndSecondFactor(t *testing.T) {
	s := newSite(t, func(set *setup) { set.auth.Providers = []auth.Provider{&authtest.Factor{}} })
	id := s.verified(ada, good)
	c := authtest.CodeCredential(id)
	s.must(s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &c}))
	b := s.browser()
	if r := b.post("/reset", "token", s.forgot(ada), "password", other); r.Code != http.StatusOK || b.who() != "" || len(b.cookies) != 0 {
		t.Fatalf("%d %s, cookies %v", r.Code, r.text, b.cookies)
	}
	if r := b.post("/login", "email", ada, "password", other); r.Code != http.StatusUnauthorized || r.code() != "factor_owed" {
		t.Errorf("with the new password alone: %d %s", r.Code, r.text)
	}
	if r := b.post("/code", "code", authtest.Code); r.Code != http.StatusOK || b.who() != id {
		t.Errorf("with the factor: %d %s", r.Code, r.text)
	}
}

// Who may not log in gets no token, and one that was sent before is dead.
func TestDisabled(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	before := s.forgot(ada)
	_, verify := s.joined(bob, good)
	for _, user := range []string{id, bobOf(s)} {
		s.users.(*authtest.Users).Change(user, func(u *authtest.User) { u.Disabled = true })
	}
	s.browser().post("/forgot", "email", ada)
	if m := s.mail(ada, "account.unknown"); m.Data["link"] != "" {
		t.Errorf("%+v", m)
	}
	if r := s.browser().post("/reset", "token", before, "password", other); r.Code != http.StatusGone {
		t.Errorf("reset: %d %s", r.Code, r.text)
	}
	if r := s.browser().post("/verify", "token", verify, "password", good); r.Code != http.StatusGone {
		t.Errorf("verify: %d %s", r.Code, r.text)
	}
}

func bobOf(s *site) string {
	c, _ := s.email(bob)
	return c.UserID
}

// Whatever a request says of where it was sent to, links begin with the site's base.
func TestLinksAndHost(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	b := s.browser()
	r := b.request(http.MethodPost, "/forgot", false, strings.NewReader(`{"email":"`+ada+`"}`), "application/json")
	r.Host = "evil.example"
	for _, name := range []string{"X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto", "X-Original-Host"} {
		r.Header.Set(name, "evil.example")
	}
	b.do(r)
	if link := s.mail(ada, "account.forgot").Data["link"]; !strings.HasPrefix(link, authtest.Origin+"/auth/reset?token=") {
		t.Errorf("%q", link)
	}
}

// What is posted with tokens is bounded by network.
func TestTokensThrottled(t *testing.T) {
	s := newSite(t)
	for i := range 61 {
		r := s.browser().post("/reset", "token", strings.Repeat("A", 43), "password", other)
		if want := map[bool]int{true: http.StatusGone, false: http.StatusTooManyRequests}[i < 60]; r.Code != want {
			t.Fatalf("%d. time: %d %s", i+1, r.Code, r.text)
		}
	}
	r := s.browser().post("/verify", "token", strings.Repeat("A", 43))
	if r.Code != http.StatusTooManyRequests || r.code() != "rate_limited" || r.Header().Get("Retry-After") == "" ||
		r.Header().Get("RateLimit-Policy") != `"attempts";q=60;w=60` {
		t.Errorf("%d %s %v", r.Code, r.text, r.Header())
	}
	s.clock.Advance(time.Minute)
	if r := s.browser().post("/verify", "token", strings.Repeat("A", 43)); r.Code != http.StatusGone {
		t.Errorf("a minute later: %d", r.Code)
	}
}

// A store that is down is an outage: nobody is told that anything was done, or that a
// link is no good.
func TestOutage(t *testing.T) {
	for _, path := range []string{"/reset", "/verify", "/forgot"} {
		s := newSite(t)
		b, verify := s.joined(ada, good)
		token := map[string]string{"/reset": s.forgot(ada), "/verify": verify, "/forgot": ""}[path]
		for k := 1; ; k++ {
			s.store.Reset()
			s.store.FailFrom(k, nil)
			r := b.post(path, "token", token, "password", other, "email", ada)
			calls := len(s.store.Calls())
			s.store.Reset()
			if r.Code/100 == 2 || r.Code == http.StatusGone && k < calls {
				if calls >= k {
					t.Errorf("%s, all down from call %d on: %d %s", path, k, r.Code, r.text)
				}
				break
			}
			if r.Code != http.StatusServiceUnavailable && r.Code != http.StatusGone {
				t.Errorf("%s, all down from call %d on: %d %s", path, k, r.Code, r.text)
			}
			if r.Code == http.StatusGone {
				break // used up by an attempt before
			}
		}
	}
}

// acted makes somebody else of who is logged in as the user, who acts as them.
func (s *site) acted(userID string) {
	s.t.Helper()
	sessions, err := s.m.Store().UserSessions(s.t.Context(), userID)
	s.must(err)
	for _, session := range sessions {
		session.Actor = "root"
		s.must(s.m.Store().UpdateSession(s.t.Context(), session))
	}
}

// Who acts as a user, for support, does to their account nothing that outlives it.
func TestActorOwnsNothing(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	s.acted(id)
	b.post("/email", "email", neu).want(t, http.StatusForbidden, "forbidden")
	b.do(b.request(http.MethodGet, "/export", false, nil, "")).want(t, http.StatusForbidden, "forbidden")
	b.post("/close").want(t, http.StatusForbidden, "forbidden")
	if b.who() != id || len(s.mails(neu)) != 0 {
		t.Error("the session has ended, or mail was sent")
	}
}

// Nor does it prove that the user reads the mail of their address: neither by the link,
// nor by having it sent again.
func TestActorVerifiesNothing(t *testing.T) {
	s := newSite(t)
	b, token := s.joined(ada, good)
	id, before := b.who(), len(s.mails(ada))
	s.acted(id)
	b.post("/verify").want(t, http.StatusForbidden, "forbidden")
	b.do(b.request(http.MethodGet, "/verify", false, nil, "")).want(t, http.StatusForbidden, "forbidden")
	if r := b.get("/verify?token=" + token); !strings.Contains(r.text, "current-password") {
		t.Errorf("the link is taken for the user's: %s", r.text)
	}
	b.post("/verify", "token", token).want(t, http.StatusForbidden, "wrong_browser")
	if c, _ := s.email(ada); !c.VerifiedAt.IsZero() || len(s.mails(ada)) != before || b.who() != id {
		t.Errorf("address %+v, %d mails, %q", c, len(s.mails(ada)), b.who())
	}
	// The user themself is not held up.
	s.browser().logIn(ada, good).post("/verify", "token", token).want(t, http.StatusOK, "")
}
