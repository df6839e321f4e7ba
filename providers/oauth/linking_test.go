package oauth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// The decision table of docs/oauth.md, a row each: what becomes of an account that
// nobody has linked.
func TestDecisionTable(t *testing.T) {
	adas := func(status EmailStatus) Account {
		a := ada()
		a.EmailStatus = status
		return a
	}
	for _, tt := range []struct {
		name     string
		local    bool // somebody has the address here
		verified bool // and has proved it
		status   EmailStatus
		autoLink bool
		want     string // "create", "ask", "link"
		email    bool   // the new user has the address
	}{
		{"nobody here, verified there", false, false, EmailVerified, false, "create", true},
		{"nobody here, not verified there", false, false, EmailUnverified, false, "create", false},
		{"nobody here, not known there", false, false, EmailUnknown, false, "create", false},
		{"verified here and there", true, true, EmailVerified, false, "ask", false},
		{"verified here and there, AutoLink", true, true, EmailVerified, true, "link", false},
		{"verified here, not there", true, true, EmailUnverified, false, "ask", false},
		{"verified here, not there, AutoLink", true, true, EmailUnverified, true, "ask", false},
		{"verified here, not known there, AutoLink", true, true, EmailUnknown, true, "ask", false},
		{"not verified here", true, false, EmailVerified, false, "ask", false},
		{"not verified here, AutoLink", true, false, EmailVerified, true, "ask", false},
		{"verified nowhere, AutoLink", true, false, EmailUnverified, true, "ask", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(set *setup) { set.opts.AutoLink = tt.autoLink })
			local, j := "", s.browser()
			if tt.local {
				local = s.browser().register("ada@example.com")
				if tt.verified {
					s.verify("ada@example.com")
				}
			}
			r := j.logIn(adas(tt.status))
			got := j.who()
			switch tt.want {
			case "create":
				if got == "" || got == local {
					t.Fatalf("%d, and %q is logged in", r.Code, got)
				}
				c, ok := s.emailOf(got)
				if ok != tt.email || ok && c.VerifiedAt.IsZero() {
					t.Errorf("the address of the new user: %+v", c)
				}
			case "link":
				if got != local {
					t.Fatalf("%d, and %q is logged in, want %q", r.Code, got, local)
				}
			case "ask":
				j.refused("an address that somebody has", r, http.StatusConflict)
				if len(s.links(local)) != 0 {
					t.Error("linked")
				}
				if !strings.Contains(r.text, `name="next" value="/auth/accounts"`) {
					t.Error("the page does not lead to where accounts are linked")
				}
				// They prove it, and link it themselves.
				j.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
				r = j.get(s.a.answer(j.startLink(), adas(tt.status)))
				if r.location() != "/auth/accounts" || len(s.links(local)) != 1 {
					t.Fatalf("linking: %d to %q, links %v", r.Code, r.location(), s.links(local))
				}
				k := s.browser()
				if k.logIn(adas(tt.status)); k.who() != local {
					t.Errorf("by the link %q is logged in, want %q", k.who(), local)
				}
			}
		})
	}
}

// An identity provider that is asked about an address which is not its own has verified
// it once. Whoever has it today may be somebody else.
func TestAutoLinkByWhoHasTheMailbox(t *testing.T) {
	for _, tt := range []struct {
		email, domain string
		link          bool
	}{
		{"ada@gmail.com", "", true}, {"ada@googlemail.com", "", true}, {"ada@corp.example", "corp.example", true},
		{"ada@corp.example", "", false}, {"ada@notgmail.com", "", false}, {"ada@gmail.com.evil.example", "", false},
	} {
		s := newSite(t, func(set *setup) { set.opts.AutoLink = true })
		s.p.connector("alpha").hosted = true
		id := s.browser().register(tt.email)
		s.verify(tt.email)
		j := s.browser()
		j.logIn(Account{Subject: "1", Email: tt.email, EmailStatus: EmailVerified, HostedDomain: tt.domain})
		if linked := j.who() == id; linked != tt.link {
			t.Errorf("%s of %q: linked %v", tt.email, tt.domain, linked)
		}
	}
}

func TestLinkedAccountOfAnother(t *testing.T) {
	s := newSite(t)
	s.browser().logIn(ada())
	j := s.browser()
	id := j.register("bob@example.com")
	r := j.get(s.a.answer(j.startLink(), ada()))
	if r.Code != http.StatusConflict || len(s.links(id)) != 0 {
		t.Errorf("%d to %q, links %v", r.Code, r.location(), s.links(id))
	}
	if j.who() != id {
		t.Error("the session is another")
	}
}

func TestOA30WhatIdentifies(t *testing.T) {
	s := newSite(t)
	one, two := s.browser(), s.browser()
	one.logIn(ada())
	same := ada()
	same.Email = "other@example.com"
	two.get(s.b.answer(two.start("beta"), same))
	if one.who() == "" || one.who() == two.who() {
		t.Errorf("the same subject at two: %q and %q", one.who(), two.who())
	}
	// The names that people can change, or give up, are nobody's.
	thief := ada()
	thief.Subject, thief.Email, thief.Username = "666", "", "ada"
	k := s.browser()
	if k.logIn(thief); k.who() == one.who() {
		t.Error("a name identifies")
	}
	// Another issuer under the same name has other subjects.
	moved := ada()
	moved.Issuer = "https://elsewhere.example"
	k = s.browser()
	k.refused("the subject of another issuer", k.logIn(moved), http.StatusServiceUnavailable)
}

func TestOA33AddressChangesThere(t *testing.T) {
	s := newSite(t)
	v := s.browser().register("ada@example.com")
	s.verify("ada@example.com")
	x := s.browser()
	x.logIn(bob())
	id := x.who()
	moved := bob()
	moved.Email = "ada@example.com"
	k := s.browser()
	k.logIn(moved)
	if k.who() != id || k.who() == v {
		t.Errorf("%q is logged in, want %q", k.who(), id)
	}
	if c, _ := s.emailOf(id); c.Key != "bob@example.com" {
		t.Errorf("the address here is %q", c.Key)
	}
	if c, _ := s.emailOf(v); c.UserID != v {
		t.Error("the victim's address is gone")
	}
}

func TestOA34NoAddress(t *testing.T) {
	s := newSite(t)
	for i, email := range []string{"", "not an address", "x y@example.com"} {
		j := s.browser()
		j.logIn(Account{Subject: "5" + string(rune('0'+i)), Email: email, EmailStatus: EmailVerified})
		id := j.who()
		if c, ok := s.emailOf(id); id == "" || ok {
			t.Errorf("%q: %q has the address %q", email, id, c.Key)
		}
	}
}

func TestOA35Domains(t *testing.T) {
	s := newSite(t, func(set *setup) { set.a.Domains = []string{"corp.example"} })
	in := func(a Account) bool {
		j := s.browser()
		j.logIn(a)
		s.clock.Advance(time.Minute)
		return j.who() != ""
	}
	for i, email := range []string{"a@evil.com@corp.example", `"a@corp.example"@evil.com`, "a@corp.example\n@evil", "a@corp.example.", "a@xn--corp.example",
		"a＠corp.example", "a@sub.corp.example", "a@evilcorp.example", "a@corp.example.evil.com", "", "@corp.example", "corp.example"} {
		if in(Account{Subject: "x" + string(rune('a'+i)), Email: email, EmailStatus: EmailVerified}) {
			t.Errorf("%q is let in", email)
		}
	}
	for _, status := range []EmailStatus{EmailUnknown, EmailUnverified, "true"} {
		if in(Account{Subject: "u" + string(status), Email: "a@corp.example", EmailStatus: status}) {
			t.Errorf("%q is let in", status)
		}
	}
	if !in(Account{Subject: "ok", Email: "C@CORP.example", EmailStatus: EmailVerified}) {
		t.Error("one of the domain is not let in")
	}
	// Where the identity provider says which organisation it is, that decides.
	for hd, want := range map[string]bool{"corp.example": true, "CORP.example": true, "": false, "evil.com": false, "corp.example.": false} {
		c := connect(&fake{name: "alpha"}, &ConnectorOptions{Domains: []string{"corp.example"}})
		c.hosted = true
		if got := c.letIn(Account{Subject: "1", Email: "d@corp.example", EmailStatus: EmailVerified, HostedDomain: hd}); got != want {
			t.Errorf("hosted domain %q: %v", hd, got)
		}
	}
}

func TestOA36ConstantSubjects(t *testing.T) {
	s := newSite(t)
	for _, subject := range []string{"", "0", "null", "<nil>", "undefined", " 1", "1\n", "1\x00", strings.Repeat("1", 256), "\xff"} {
		j := s.browser()
		j.refused("subject "+subject, j.logIn(Account{Subject: subject}), http.StatusBadGateway)
		s.clock.Advance(time.Minute)
	}
}

func TestOA37Unlink(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.logIn(ada())
	id := j.who()
	if r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink", "account", "1001"); r.Code != http.StatusConflict || len(s.links(id)) != 1 {
		t.Fatalf("the last way in: %d, links %v", r.Code, s.links(id))
	}
	if j.get(s.b.answer(j.start("beta/link"), Account{Subject: "77"})); len(s.links(id)) != 2 {
		t.Fatalf("links %v", s.links(id))
	}
	viaBeta := s.browser()
	viaBeta.get(s.b.answer(viaBeta.start("beta"), Account{Subject: "77"}))
	viaAlpha := s.browser()
	viaAlpha.logIn(ada())

	s.clock.Advance(11 * time.Minute)
	if r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink"); r.Code != http.StatusSeeOther || len(s.links(id)) != 2 {
		t.Errorf("without a fresh proof: %d, links %v", r.Code, s.links(id))
	}
	j.get(s.a.answer(j.start("alpha/confirm"), ada()))
	if r := j.do(http.MethodPost, "/auth/oauth/beta/unlink", "account", "1001"); r.Code != http.StatusNotFound {
		t.Errorf("another connector's: %d", r.Code)
	}
	r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink", "account", "1001")
	if r.Code != http.StatusSeeOther || len(s.links(id)) != 1 {
		t.Fatalf("%d to %q, links %v", r.Code, r.location(), s.links(id))
	}
	// The session that rested on it has ended, and all the others as well.
	for what, k := range map[string]*jar{"its own": j, "another by alpha": viaAlpha, "another by beta": viaBeta} {
		if k.who() != "" {
			t.Errorf("%s is logged in", what)
		}
	}
	k := s.browser()
	if k.logIn(ada()); k.who() == id {
		t.Error("the link that was removed logs in")
	}
}

func TestOA37UnlinkFromAnotherWay(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	id := j.register("ada@example.com")
	j.get(s.a.answer(j.startLink(), ada()))
	viaAlpha := s.browser()
	viaAlpha.logIn(ada())
	r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink")
	if r.location() != "/auth/accounts" || j.who() != id || viaAlpha.who() != "" {
		t.Errorf("%d to %q; %q is logged in, and by the link %q", r.Code, r.location(), j.who(), viaAlpha.who())
	}
}

// Two at once remove the last two ways in: one of them is kept.
func TestOA37TwoAtOnce(t *testing.T) {
	for range 20 {
		s := newSite(t)
		j := s.browser()
		j.logIn(ada())
		id := j.who()
		j.get(s.b.answer(j.start("beta/link"), Account{Subject: "77"}))
		var wg sync.WaitGroup
		for _, name := range []string{"alpha", "beta"} {
			k := &jar{s: s, cookies: map[string]string{"__Host-sid": j.cookies["__Host-sid"]}, header: http.Header{}}
			wg.Go(func() { k.do(http.MethodPost, "/auth/oauth/"+name+"/unlink") })
		}
		wg.Wait()
		if got := s.links(id); len(got) != 1 {
			t.Fatalf("links %v", got)
		}
	}
}

// A disabled user.
type loader struct {
	auth.UserLoader
	disabled map[string]bool
}

func (l loader) Unwrap() any { return l.UserLoader }

func (l loader) LoadUser(ctx context.Context, id string) (auth.User, error) {
	u, err := l.UserLoader.LoadUser(ctx, id)
	if err == nil && l.disabled[id] {
		return disabled{u}, nil
	}
	return u, err
}

type disabled struct{ auth.User }

func (disabled) IsActive() bool { return false }

func TestOA38DisabledUser(t *testing.T) {
	off := map[string]bool{}
	s := newSite(t, func(set *setup) { set.users = loader{set.users, off} })
	j := s.browser()
	j.logIn(ada())
	id := j.who()
	off[id] = true
	if j.who() != "" {
		t.Error("the session lives on")
	}
	k := s.browser()
	k.refused("a disabled user", k.logIn(ada()), http.StatusUnauthorized)
}

func TestOA39SecondFactor(t *testing.T) {
	factor := authtest.Factor{}
	s := newSite(t, func(set *setup) { set.auth.Providers = []auth.Provider{&factor} })
	j := s.browser()
	j.logIn(ada())
	id := j.who()
	c := authtest.CodeCredential(id)
	if err := s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &c}); err != nil {
		t.Fatal(err)
	}
	k := s.browser()
	r := k.logIn(ada())
	if k.who() != "" || r.Code != http.StatusSeeOther || !strings.HasPrefix(r.location(), "/auth/"+factor.Name()) {
		t.Errorf("%d to %q, and %q is logged in", r.Code, r.location(), k.who())
	}
}

func TestOA40FirstLoginsInParallel(t *testing.T) { firstLogins(t, newSite(t), 30) }

// The other login has made its user between the look for the account and that for its
// address.
func TestOA40InBetween(t *testing.T) {
	var meanwhile func()
	s := newSite(t, func(set *setup) {
		set.onStore(&lookingUp{Store: memory.New(nil), email: func() {
			if f := meanwhile; f != nil {
				meanwhile = nil
				f()
			}
		}})
	})
	first, second := s.browser(), s.browser()
	back := s.a.answer(second.start("alpha"), ada())
	meanwhile = func() { first.logIn(ada()) }
	if r := second.get(back); second.who() == "" || second.who() != first.who() {
		t.Errorf("%d: %q and %q", r.Code, first.who(), second.who())
	}
}

// lookingUp tells of each look for an address before it is done.
type lookingUp struct {
	auth.Store
	email func()
}

func (s *lookingUp) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	if kind == "email" {
		s.email()
	}
	return s.Store.LoadCredential(ctx, kind, key)
}

// firstLogins logs one person in for the first time in many browsers at once.
func firstLogins(t *testing.T, s *site, callers int) {
	t.Helper()
	back := make([]string, callers)
	jars := make([]*jar, callers)
	for i := range jars {
		jars[i] = s.browser()
		back[i] = s.a.answer(jars[i].start("alpha"), ada())
	}
	var wg sync.WaitGroup
	for i, j := range jars {
		wg.Go(func() { j.get(back[i]) })
	}
	wg.Wait()
	ids := map[string]int{}
	for _, j := range jars {
		ids[j.who()]++
	}
	if len(ids) != 1 || ids[""] != 0 {
		t.Errorf("logged in: %v", ids)
	}
}

func TestClosed(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.Closed = true })
	j := s.browser()
	j.refused("a stranger", j.logIn(ada()), http.StatusForbidden)
	k := s.browser()
	id := k.register("ada@example.com")
	k.get(s.a.answer(k.startLink(), ada()))
	if j.logIn(ada()); j.who() != id {
		t.Errorf("%q is logged in, want %q", j.who(), id)
	}
	if r := s.browser().get("/auth/register"); strings.Contains(r.text, "Continue with") {
		t.Error("the page to register has buttons")
	}
}

func TestAdmit(t *testing.T) {
	var say error
	s := newSite(t, func(set *setup) {
		set.opts.Admit = func(_ context.Context, connector string, a Account) error {
			if connector != "alpha" || a.Subject != "1001" {
				t.Errorf("asked about %s %+v", connector, a)
			}
			return say
		}
	})
	for _, tt := range []struct {
		say    error
		status int
	}{
		{auth.ErrForbidden, http.StatusForbidden},
		{&auth.Problem{Status: http.StatusTeapot, Code: "teapot", Detail: "No."}, http.StatusTeapot},
		{errTest, http.StatusServiceUnavailable},
	} {
		say = tt.say
		j := s.browser()
		j.refused(tt.say.Error(), j.logIn(ada()), tt.status)
	}
	say = nil
	j := s.browser()
	if j.logIn(ada()); j.who() == "" {
		t.Error("refused")
	}
}

func TestNewUser(t *testing.T) {
	var email string
	s := newSite(t, func(set *setup) {
		set.opts.NewUser = func(_ context.Context, _ string, a Account) (auth.Profile, error) {
			if a.Subject == "no" {
				return auth.Profile{}, &auth.Problem{Status: http.StatusForbidden, Code: "forbidden", Err: errors.New("no")}
			}
			return auth.Profile{Name: "N", Email: email}, nil
		}
	})
	for i, tt := range []struct {
		returned string
		status   EmailStatus
		proved   bool
	}{
		{"Ada@Example.com", EmailVerified, true},
		{"grace@example.com", EmailVerified, false}, // not the account's own
		{"ada2@example.com", EmailUnverified, false},
	} {
		email = tt.returned
		a := Account{Subject: "s" + string(rune('0'+i)), Email: "ada@example.com", EmailStatus: tt.status}
		if i == 2 {
			a.Email = "ada2@example.com"
		}
		if i == 1 {
			a.Email = "someone@example.com"
		}
		j := s.browser()
		r := j.logIn(a)
		c, ok := s.emailOf(j.who())
		if !ok || !c.VerifiedAt.IsZero() != tt.proved {
			t.Errorf("%s: %d, %+v", tt.returned, r.Code, c)
		}
	}
	j := s.browser()
	j.refused("the hook says no", j.logIn(Account{Subject: "no"}), http.StatusForbidden)
}

func TestRemember(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.get(s.a.answer(j.start("alpha", "remember", "true"), ada()))
	if j.cookies["__Host-remember"] == "" {
		t.Error("the browser is not remembered")
	}
	k := s.browser()
	if k.logIn(ada()); k.cookies["__Host-remember"] != "" {
		t.Error("the browser is remembered unasked")
	}
}
