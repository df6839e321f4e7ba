package maillink_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// courier returns one that sends nothing: it is for one Manager.
func courier() *mail.Courier {
	return mail.New("https://app.example", memory.NewOutbox(), &mail.Box{}, nil)
}

func TestProvider(t *testing.T) {
	post := courier()
	authtest.TestProvider(t, authtest.ProviderTest{
		New:   func(*testing.T) auth.Provider { return maillink.New(post, nil) },
		Store: func(*testing.T) auth.Store { return memory.New(nil) },
		Options: func(o *auth.Options) {
			post = courier()
			o.Providers = []auth.Provider{post, maillink.New(post, nil)}
		},
	})
}

// Forms and JSON alike: ask, be sent a link, open it, press the button.
func TestLogIn(t *testing.T) {
	for _, js := range []bool{false, true} {
		t.Run(fmt.Sprintf("JSON %t", js), func(t *testing.T) {
			s := newSite(t)
			id := s.register(ada, true)
			b := s.browser()
			b.js = js
			r := b.post("/link", "email", " Ada@Example.com", "next", "/me?tab=2")
			if want := map[bool]int{false: http.StatusSeeOther, true: http.StatusAccepted}[js]; r.Code != want || b.who() != "" {
				t.Fatalf("asking: %d %s, logged in as %q", r.Code, r.text, b.who())
			}
			if !js {
				if sent := b.get(strings.TrimPrefix(r.Header().Get("Location"), "/auth")); sent.body["page"] != "sent" {
					t.Errorf("leads to %q: %s", r.Header().Get("Location"), sent.text)
				}
			}
			m := s.deliver()
			if m.ID != "link.login" || m.To != ada || m.Data["address"] != ada {
				t.Errorf("the mail is %+v", m)
			}
			token := s.tokenOf(m)
			page := b.get("/link?token=" + token)
			if page.Code != 200 || page.body["page"] != "link" || b.who() != "" || page.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("opening: %d %s %v", page.Code, page.text, page.Header())
			}
			r = b.post("/link", "token", token)
			if to := r.Header().Get("Location"); js && r.body["next"] != "/me?tab=2" || !js && (r.Code != 303 || to != "/me?tab=2") || b.who() != id {
				t.Errorf("the button: %d %s to %q, logged in as %q", r.Code, r.text, to, b.who())
			}
			if _, ok := b.cookies["__Host-link"]; ok {
				t.Error("the browser keeps the secret")
			}
			live, err := s.m.Store().UserSessions(t.Context(), id)
			if err != nil || len(live) != 1 || len(live[0].Proofs) != 1 {
				t.Fatalf("sessions %v, %v", live, err)
			}
			if p := live[0].Proofs[0]; p.Method != "link" || p.Kind != "email" || p.Key != ada || !p.At.Equal(s.clock.Now()) {
				t.Errorf("the proof is %+v", p)
			}
			if len(s.named("device.added")) != 1 {
				t.Error("the browser is not known")
			}
			if _, ok := b.cookies["__Host-remember"]; ok {
				t.Error("the browser is remembered")
			}
		})
	}
}

func TestRemember(t *testing.T) {
	s := newSite(t)
	s.register(ada, true)
	b := s.html()
	b.post("/link", "token", b.asks(ada, "remember", "on"))
	if _, ok := b.cookies["__Host-remember"]; !ok {
		t.Error("the browser is not remembered")
	}
}

func TestNext(t *testing.T) {
	for next, want := range map[string]string{"": "/", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", "/me": "/me"} {
		s := newSite(t)
		s.register(ada, true)
		b := s.html()
		if to := b.post("/link", "token", b.asks(ada, "next", next)).Header().Get("Location"); to != want {
			t.Errorf("%q leads to %q, want %q", next, to, want)
		}
	}
}

// Scanners open links, and with HEAD too. It burns nothing.
func TestOpeningBurnsNothing(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, true)
	b, scanner := s.html(), s.html()
	token := b.asks(ada)
	for range 3 {
		for _, who := range []*browser{b, scanner} {
			who.get("/link?token=" + token)
			who.do(http.MethodHead, "/link?token="+token, "")
		}
		scanner.post("/link", "token", token)
	}
	if b.who() != "" || scanner.who() != "" {
		t.Fatal("opening has logged in")
	}
	if b.post("/link", "token", token); b.who() != id {
		t.Error("the link was used up")
	}
}

// Only the browser that has asked: anybody else is told where to open it.
func TestWrongBrowser(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, true)
	b := s.browser()
	b.asks(ada)
	forged := s.browser()
	forged.cookies["__Host-link"] = strings.Repeat("A", 43)
	short := s.browser()
	short.cookies["__Host-link"] = b.cookies["__Host-link"][:42]
	digest := s.browser() // what the store has is of no use
	digest.cookies["__Host-link"] = browserIn(t, s)
	other := s.browser()
	other.asks(ada) // it has a secret of its own, and a newer link: the old one is void
	token := b.asks(ada)
	for name, who := range map[string]*browser{"without": s.browser(), "page": s.html(), "forged": forged, "short": short, "digest": digest, "another that has asked": other} {
		for _, r := range []reply{who.get("/link?token=" + token), who.post("/link", "token", token)} {
			if r.Code != http.StatusForbidden || r.code() != "wrong_browser" || who.who() != "" {
				t.Errorf("%s: %d %s", name, r.Code, r.text)
			}
			if !strings.Contains(fmt.Sprint(r.body["detail"]), "in which you asked") {
				t.Errorf("%s is not told where: %s", name, r.text)
			}
		}
	}
	if e := s.named("login.failed"); len(e) == 0 || e[0].UserID != id || e[0].Method != "link" {
		t.Errorf("events %+v", e)
	}
	if b.post("/link", "token", token); b.who() != id {
		t.Error("the link was used up elsewhere")
	}
}

// browserIn returns the browser's digest of the first entry.
func browserIn(t *testing.T, s *site) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(s.outbox.entries()[0].Data), `"browser":"`)
	if !ok || len(rest) < 43 {
		t.Fatalf("no digest in %s", s.outbox.entries()[0].Data)
	}
	return rest[:43]
}

func TestUsedOnce(t *testing.T) {
	s := newSite(t)
	s.register(ada, true)
	b := s.browser()
	token := b.asks(ada)
	browser := b.cookies["__Host-link"]
	b.post("/link", "token", token)
	b.cookies["__Host-link"] = browser
	for _, r := range []reply{b.post("/link", "token", token), b.get("/link?token=" + token)} {
		if r.Code != http.StatusGone || r.code() != "link_invalid" {
			t.Errorf("the second time: %d %s", r.Code, r.text)
		}
	}
}

// 50 parallel uses of one link are one login.
func TestUsedOnceInParallel(t *testing.T) {
	for _, verified := range []bool{true, false} {
		s := newSite(t)
		id := s.register(ada, verified)
		b := s.browser()
		token := b.asks(ada)
		s.store.Meet("TakeTicket", 50)
		replies := make([]reply, 50)
		var wg sync.WaitGroup
		for i := range replies {
			who := s.browser()
			who.cookies["__Host-link"] = b.cookies["__Host-link"]
			wg.Go(func() { replies[i] = who.post("/link", "token", token) })
		}
		wg.Wait()
		in := 0
		for _, r := range replies {
			switch r.Code {
			case http.StatusOK:
				in++
			case http.StatusGone:
			default:
				t.Errorf("verified %t: %d %s", verified, r.Code, r.text)
			}
		}
		live, err := s.m.Store().UserSessions(t.Context(), id)
		if in != 1 || err != nil || len(live) != 1 || len(s.named("login")) != 1 {
			t.Errorf("verified %t: %d logins, %d sessions, %v", verified, in, len(live), err)
		}
	}
}

func TestNewestOnly(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, true)
	s.register(nobody, true)
	b := s.browser()
	first := b.asks(ada)
	b.asks(nobody) // of another address: that voids nothing
	if r := b.get("/link?token=" + first); r.Code != 200 {
		t.Errorf("a link to another address has voided this: %d %s", r.Code, r.text)
	}
	second := b.asks(ada)
	if r := b.post("/link", "token", first); r.code() != "link_invalid" {
		t.Errorf("the older: %d %s", r.Code, r.text)
	}
	if b.post("/link", "token", second); b.who() != id {
		t.Error("the newest is not good")
	}
}

func TestLifetime(t *testing.T) {
	for _, tt := range []struct {
		opts time.Duration
		age  time.Duration
		good bool
	}{
		{0, 15*time.Minute - time.Millisecond, true}, {0, 15 * time.Minute, false},
		{time.Minute, time.Minute - time.Millisecond, true}, {time.Minute, time.Minute, false},
	} {
		s := newSite(t, func(c *config) { c.opts.Lifetime = tt.opts })
		s.register(ada, true)
		b := s.browser()
		b.post("/link", "email", ada)
		s.clock.Advance(3 * time.Hour) // the mail server was down
		token := s.tokenOf(s.deliver())
		s.clock.Advance(tt.age)
		page, r := b.get("/link?token="+token), b.post("/link", "token", token)
		if (page.Code == 200) != tt.good || (r.Code == 200) != tt.good || !tt.good && r.code() != "link_invalid" {
			t.Errorf("%+v: %d, %d %s", tt, page.Code, r.Code, r.text)
		}
	}
}

// Known, unknown, disabled, unverified and reserved are one sequence of calls, one
// body and one set of cookies; only the mail tells.
func TestAlike(t *testing.T) {
	for _, js := range []bool{true, false} {
		var want []string
		for name, mails := range map[string]string{"known": "link.login", "unverified": "link.login", "disabled": "", "nobody": "link.unknown", "reserved": "link.unknown"} {
			s := newSite(t)
			switch name {
			case "known":
				s.register(ada, true)
			case "unverified":
				s.register(ada, false)
			case "disabled":
				s.users.Change(s.register(ada, true), func(u *authtest.User) { u.Disabled = true })
			case "reserved":
				c := auth.Credential{Kind: "email", Key: ada, UserID: "reserved\x1fuser-9", ExpiresAt: s.clock.Now().Add(time.Hour)}
				if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
					t.Fatal(err)
				}
			}
			s.store.Reset()
			b := s.browser()
			b.js = js
			r := b.post("/link", "email", ada, "next", "/me")
			calls := strings.Join(s.store.Calls(), " ")
			value := b.cookies["__Host-link"]
			got := []string{fmt.Sprint(r.Code), strings.ReplaceAll(fmt.Sprint(r.Header()), value, "…"), r.text, calls, fmt.Sprint(len(value), len(b.cookies), len(s.outbox.entries()))}
			if want == nil {
				want = got
			}
			if !reflect.DeepEqual(got, want) || len(value) != 43 {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
			if m := s.deliver(); m.ID != mails || mails != "" && m.To != ada || (m.Data["link"] != "") != (mails == "link.login") {
				t.Errorf("%s is mailed %+v, want %q", name, m, mails)
			}
		}
		if calls := want[3]; strings.Count(calls, "Count") != 2 || strings.Contains(calls, "Load") || strings.Contains(calls, "Ticket") {
			t.Errorf("the request calls %s", calls)
		}
	}
}

// An address whose time is over is nobody's.
func TestExpiredAddress(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, true)
	b := s.browser()
	token := b.asks(ada)
	c := s.address(ada)
	old := c
	c.ExpiresAt = s.clock.Now()
	if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &old, New: &c}); err != nil {
		t.Fatal(err)
	}
	if r := b.post("/link", "token", token); r.code() != "link_invalid" || b.who() == id {
		t.Errorf("%d %s", r.Code, r.text)
	}
	b.post("/link", "email", ada)
	if m := s.deliver(); m.ID != "link.unknown" {
		t.Errorf("mailed %+v", m)
	}
}

func TestThrottled(t *testing.T) {
	s := newSite(t)
	s.register(ada, true)
	var want reply
	for i := range 5 {
		b := s.browser()
		b.addr = fmt.Sprintf("198.51.100.%d", i+1)
		r := b.post("/link", "email", ada)
		if i == 0 {
			want = r
		}
		if r.Code != want.Code || r.text != want.text || b.cookies["__Host-link"] == "" {
			t.Errorf("the %d. is told: %d %s", i+1, r.Code, r.text)
		}
	}
	if n := len(s.outbox.entries()); n != 3 {
		t.Errorf("%d mails to one address", n)
	}
	s.clock.Advance(time.Hour + time.Second)
	if s.browser().post("/link", "email", ada); len(s.outbox.entries()) != 4 {
		t.Error("and no more an hour later")
	}
	s = newSite(t)
	for i := range 20 {
		s.browser().post("/link", "email", fmt.Sprintf("user%d@example.com", i))
	}
	if n := len(s.outbox.entries()); n != 10 {
		t.Errorf("%d mails for one network", n)
	}
}

// PH-6 and its like: whoever made an account with somebody's address, and has never proved
// it, has nothing left in it once its owner comes by mail.
func TestReclaims(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, false)
	attacker := s.browser()
	if r := attacker.post("/login", "email", ada, "password", secret, "remember", "true"); r.Code != 200 {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	b := s.browser()
	token := b.asks(ada)
	if attacker.who() != id {
		t.Fatal("asking has ended something")
	}
	if r := b.post("/link", "token", token); r.Code != 200 || b.who() != id {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if attacker.who() != "" {
		t.Error("the attacker's session lives on")
	}
	if r := attacker.post("/login", "email", ada, "password", secret); r.Code != http.StatusUnauthorized {
		t.Errorf("the attacker's password: %d %s", r.Code, r.text)
	}
	if kinds := s.held(id); slices.Contains(kinds, "password") || slices.Contains(kinds, "remember") || !slices.Contains(kinds, "email") {
		t.Errorf("left are %v", kinds)
	}
	if c := s.address(ada); c.VerifiedAt.IsZero() {
		t.Error("the address is still not verified")
	}
	if len(s.named("account.reclaimed")) != 1 {
		t.Error("no event")
	}
	// Another time nothing is taken from them.
	if err := s.password.Set(t.Context(), id, "another good password"); err != nil {
		t.Fatal(err)
	}
	b = s.browser()
	if b.post("/link", "token", b.asks(ada)); b.who() != id || !slices.Contains(s.held(id), "password") || len(s.named("account.reclaimed")) != 1 {
		t.Errorf("the second time: logged in as %q, left are %v", b.who(), s.held(id))
	}
}

// What is changed between sending and the button.
func TestMeanwhile(t *testing.T) {
	for name, change := range map[string]func(s *site, id string){
		"disabled": func(s *site, id string) { s.users.Change(id, func(u *authtest.User) { u.Disabled = true }) },
		"deleted": func(s *site, id string) {
			if err := s.users.DeleteUser(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		},
		"address gone": func(s *site, id string) {
			c := s.address(ada)
			if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c}); err != nil {
				t.Fatal(err)
			}
		},
		"address somebody else's": func(s *site, id string) {
			c := s.address(ada)
			n := c
			n.UserID = s.register(nobody, true)
			if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c}); err != nil {
				t.Fatal(err)
			}
			if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &n}); err != nil {
				t.Fatal(err)
			}
		},
		"password changed": func(s *site, id string) {
			if err := s.password.Set(t.Context(), id, "another good password"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s := newSite(t)
		id := s.register(ada, true)
		b := s.browser()
		token := b.asks(ada)
		change(s, id)
		if r := b.post("/link", "token", token); r.Code != http.StatusGone || r.code() != "link_invalid" || b.who() != "" {
			t.Errorf("%s: %d %s", name, r.Code, r.text)
		}
	}
}

// A second factor is still owed: a link is a first one.
func TestFactorOwed(t *testing.T) {
	owes := true
	s := newSite(t, func(c *config) { c.auth.Providers = []auth.Provider{&pin{owes: &owes}} })
	s.register(ada, true)
	b := s.browser()
	token := b.asks(ada)
	if r := b.post("/link", "token", token); r.code() != "factor_owed" || b.who() != "" {
		t.Errorf("%d %s", r.Code, r.text)
	}
}

// A pin is a factor that is owed by everybody while owes says so.
type pin struct{ owes *bool }

func (*pin) Name() string { return "pin" }
func (*pin) Mount(m *auth.Manager, mux auth.Mux) error {
	mux.Handle("GET /pin", http.NotFoundHandler())
	return nil
}
func (p *pin) Owed(context.Context, auth.User, []auth.Proof) (bool, error) { return *p.owes, nil }

// Nothing else is taken for a token, and no token of another realm or purpose.
func TestForged(t *testing.T) {
	store, users := memory.New(nil), authtest.NewUsers()
	s := newSite(t, func(c *config) { c.store, c.users = store, users })
	other := newSite(t, func(c *config) { c.store, c.users, c.auth.Realm = store, users, "staff" })
	s.register(ada, true)
	b := s.browser()
	token := b.asks(ada)
	there := other.browser()
	there.cookies["__Host-link-staff"] = b.cookies["__Host-link"]
	if r := there.post("/link", "token", token); r.code() != "link_invalid" || there.who() != "" {
		t.Errorf("in another realm: %d %s", r.Code, r.text)
	}
	browser := b.cookies["__Host-link"]
	for _, forged := range []string{"x", token[:42], token + "A", strings.ToLower(token), " " + token, token + "\n", browser, browserIn(t, s), strings.Repeat("x", 1<<12)} {
		if r := b.post("/link", "token", forged); r.Code != http.StatusGone || r.code() != "link_invalid" || b.who() != "" {
			t.Errorf("%.60q: %d %s", forged, r.Code, r.text)
		}
		if r := b.get("/link?token=" + url.QueryEscape(forged)); r.Code != http.StatusGone {
			t.Errorf("opening %.60q: %d %s", forged, r.Code, r.text)
		}
	}
	s.store.Reset()
	before := len(s.store.Calls())
	if b.get("/link?token=x"); len(s.store.Calls()) != before {
		t.Error("looks for what was never a token")
	}
	for _, cookie := range []string{"__Host-sid", "__Host-remember", "__Host-login", "__Host-device"} {
		for _, value := range []string{token, browser} {
			c := s.browser()
			c.cookies[cookie] = value
			if c.who() != "" {
				t.Errorf("%s=%s logs in", cookie, value)
			}
		}
	}
	if b.post("/link", "token", token); b.who() == "" {
		t.Error("and the true one does not")
	}
}

// A secret that somebody has chosen, and planted, is not taken.
func TestPlantedCookie(t *testing.T) {
	s := newSite(t)
	s.register(ada, true)
	for _, planted := range []string{"x", strings.Repeat("A", 42), strings.Repeat("=", 43)} {
		b := s.browser()
		b.cookies["__Host-link"] = planted
		b.post("/link", "email", ada)
		if got := b.cookies["__Host-link"]; got == planted || len(got) != 43 {
			t.Errorf("%q stays %q", planted, got)
		}
	}
	b := s.browser()
	b.post("/link", "email", nobody)
	before := b.cookies["__Host-link"]
	if b.post("/link", "email", nobody); b.cookies["__Host-link"] != before {
		t.Error("asking once more voids what the browser has")
	}
}

func TestInvalidAddress(t *testing.T) {
	s := newSite(t)
	for _, address := range []string{"", "ada", "ada@", "ada@example.com, eve@example.com", "ada@example.com\nBcc: eve@example.com", strings.Repeat("a", 300) + "@example.com"} {
		if r := s.browser().post("/link", "email", address); r.Code != http.StatusUnprocessableEntity || r.body["field"] != "email" {
			t.Errorf("%.40q: %d %s", address, r.Code, r.text)
		}
	}
	if n := len(s.outbox.entries()); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// Whatever call is the last one before a crash: nobody is logged in by half, an account
// is reclaimed as a whole or not at all, and another link leads in.
func TestCrashes(t *testing.T) {
	for _, verified := range []bool{true, false} {
		for n := 1; ; n++ {
			s := newSite(t)
			id := s.register(ada, verified)
			b := s.browser()
			token := b.asks(ada)
			s.store.FailFrom(n, errDown)
			r := b.post("/link", "token", token)
			s.store.Reset()
			_, has := b.cookies["__Host-sid"]
			if has != (b.who() == id) {
				t.Errorf("verified %t, call %d: has a session cookie: %t, logged in as %q", verified, n, has, b.who())
			}
			proved := !s.address(ada).VerifiedAt.IsZero()
			if !verified && proved == slices.Contains(s.held(id), "password") {
				t.Errorf("call %d: verified %t, and left are %v", n, proved, s.held(id))
			}
			if b.who() == "" {
				if r.Code != http.StatusServiceUnavailable {
					t.Errorf("verified %t, call %d: %d %s", verified, n, r.Code, r.text)
				}
				if b.post("/link", "token", b.asks(ada)); b.who() != id {
					t.Errorf("verified %t, call %d: no other link leads in", verified, n)
				}
			}
			if s.store.Reset(); r.Code == http.StatusOK && n > 4 {
				if n < 6 {
					t.Errorf("only %d calls", n)
				}
				break
			}
			if n > 100 {
				t.Fatal("never succeeds")
			}
		}
	}
}

// A worker that dies after it has made the link makes another, and the first is void.
func TestRetryMakesAnother(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, true)
	b := s.browser()
	b.post("/link", "email", ada)
	entry := s.outbox.entries()[0]
	first := s.tokenOf(s.deliver())
	if err := s.outbox.Store.Enqueue(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	second := s.tokenOf(s.deliver())
	if r := b.post("/link", "token", first); first == second || r.code() != "link_invalid" {
		t.Errorf("the first: %d %s", r.Code, r.text)
	}
	if b.post("/link", "token", second); b.who() != id {
		t.Error("the second does not lead in")
	}
}

// An outage is told, and is nobody's fault: neither "sent" nor "invalid".
func TestOutages(t *testing.T) {
	s := newSite(t)
	s.register(ada, true)
	s.store.FailVerb("Count", errDown)
	if r := s.browser().post("/link", "email", ada); r.Code != http.StatusServiceUnavailable {
		t.Errorf("counting: %d %s", r.Code, r.text)
	}
	s.store.Reset()
	s.outbox.err = errDown
	if r := s.browser().post("/link", "email", ada); r.Code != http.StatusServiceUnavailable {
		t.Errorf("enqueueing: %d %s", r.Code, r.text)
	}
	s.outbox.err = nil
	b := s.browser()
	token := b.asks(ada)
	for _, verb := range []string{"LoadTicket", "LoadCredential", "TakeTicket"} {
		s.store.FailVerb(verb, errDown)
		if r := b.post("/link", "token", token); r.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", verb, r.Code, r.text)
		}
		s.store.Reset()
	}
	s.users.Fail(errDown)
	if r := b.post("/link", "token", token); r.Code != http.StatusServiceUnavailable {
		t.Errorf("loading the user: %d %s", r.Code, r.text)
	}
	s.users.Fail(nil)
	if b.post("/link", "token", token); b.who() == "" {
		t.Error("the link was used up by an outage")
	}
}

// What was sent and received is in no entry, ticket, log or event.
func TestSecrets(t *testing.T) {
	kept := &written{Store: memory.New(nil)}
	s := newSite(t, func(c *config) { c.store = kept })
	s.register(ada, false)
	b, other := s.html(), s.html()
	var secrets []string
	for range 2 {
		token := b.asks(ada)
		browser := b.cookies["__Host-link"]
		other.get("/link?token=" + token)
		other.post("/link", "token", token)
		b.get("/link?token=" + token)
		b.post("/link", "token", token)
		b.post("/link", "token", token)
		secrets = append(secrets, token, browser)
	}
	dump := kept.String() + s.log.String() + fmt.Sprintf("%+v", s.outbox.entries()) + fmt.Sprintf("%+v", s.events)
	for _, e := range s.outbox.entries() {
		dump += string(e.Data)
	}
	for _, secret := range secrets {
		raw, err := base64.RawURLEncoding.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{secret, string(raw), hex.EncodeToString(raw), hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString(raw), strings.Trim(fmt.Sprint(raw), "[]")} {
			if strings.Contains(dump, form) {
				t.Errorf("the secret %s is kept as %q", secret, form)
			}
		}
	}
	if !strings.Contains(dump, "link.login") || !strings.Contains(dump, `"browser":"`) {
		t.Error("the dump has nothing in it")
	}
}

// written is a store that keeps what was ever written to it.
type written struct {
	auth.Store
	lockedBuffer
}

func (w *written) Unwrap() any { return w.Store }

func (w *written) PutTicket(ctx context.Context, t auth.Ticket) error {
	fmt.Fprintf(w, "%+v %s\n", t, t.Data)
	return w.Store.PutTicket(ctx, t)
}

func (w *written) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	for _, c := range changes {
		if c.New != nil {
			fmt.Fprintf(w, "%+v %s\n", *c.New, c.New.Data)
		}
	}
	return w.Store.ChangeCredentials(ctx, changes...)
}

func (w *written) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	fmt.Fprintln(w, key)
	return w.Store.Count(ctx, key, window, now)
}

// Where the form is: to log in, and for who is logged in to confirm by their own address.
func TestForms(t *testing.T) {
	s := newSite(t)
	id := s.register(ada, true)
	if login := s.html().get("/login"); strings.Contains(login.text, `"Action":"/link"`) {
		t.Errorf("login, beside a password: %s", login.text)
	}
	b := s.html()
	if b.post("/link", "token", b.asks(ada)); b.who() != id {
		t.Fatal("not logged in")
	}
	confirm := b.get("/confirm")
	if !strings.Contains(confirm.text, `"Value":"`+ada) {
		t.Errorf("confirm: %s", confirm.text)
	}
	s.clock.Advance(time.Minute)
	before := b.cookies["__Host-sid"]
	if to := b.post("/link", "token", b.asks(ada, "next", "/settings")).Header().Get("Location"); to != "/settings" || b.cookies["__Host-sid"] == before || b.who() != id {
		t.Errorf("confirming leads to %q", to)
	}
	if r := b.post("/login", "email", ada, "password", secret); b.who() != id {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	c := s.address(ada)
	if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c}); err != nil {
		t.Fatal(err)
	}
	if confirm := b.get("/confirm"); strings.Contains(confirm.text, `/link`) {
		t.Errorf("confirm without address: %s", confirm.text)
	}
	stranger := s.html()
	if confirm := stranger.get("/confirm"); strings.Contains(confirm.text, `/link`) {
		t.Errorf("confirm of nobody: %s", confirm.text)
	}
}

// Where nothing else is asked for, the form is on the page to log in.
func TestFormAlone(t *testing.T) {
	post := courier()
	p := maillink.New(post, nil)
	if _, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{post, p}}); err != nil {
		t.Fatal(err)
	}
	forms := p.PageForms(httptest.NewRequest(http.MethodGet, "/auth/login", nil), "login")
	if len(forms) != 1 || forms[0].Action != "/link" || forms[0].Fields[0].Name != "email" {
		t.Errorf("forms: %+v", forms)
	}
}

func TestOptions(t *testing.T) {
	post := courier()
	bad := maillink.New(post, &maillink.Options{Lifetime: 2 * time.Hour, PerAddress: auth.Limit{Max: 1}, PerNetwork: auth.Limit{Per: time.Hour}})
	for _, tt := range []struct {
		providers []auth.Provider
		want      []string
	}{
		{[]auth.Provider{maillink.New(nil, nil)}, []string{"New needs a Courier"}},
		{[]auth.Provider{maillink.New(courier(), nil)}, []string{"is not among auth.Options.Providers"}},
		{[]auth.Provider{post, bad}, []string{"Lifetime is 2h0m0s: make it 1m to 1h", "PerAddress is 1 in 0s", "PerNetwork is 0 in 1h0m0s"}},
	} {
		_, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{Providers: tt.providers})
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
	post = courier()
	p := maillink.New(post, nil)
	for i, want := range []string{"", "maillink: a Provider is for one Manager"} {
		_, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{post, p}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("the %d. Manager: %v, want %q", i+1, err, want)
		}
	}
}
