package oauth

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Account pre-hijacking (Sudhodanan and Paverd, 2022): an attacker, who knows no more
// than the victim's address, is there first. What the ways are that there are not yet
// (resetting by mail, changing an address, links by mail, invitations) is said in
// docs/oauth-security.md; here is what must hold without them.

func TestPH1ClassicFederatedMerge(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.AutoLink = true })
	attacker := s.browser()
	x := attacker.register("ada@example.com")
	victim := s.browser()
	r := victim.logIn(ada())
	victim.refused("the victim is let into the attacker's account", r, http.StatusConflict)
	if len(s.links(x)) != 0 || attacker.who() != x {
		t.Errorf("links %v", s.links(x))
	}
	if c, ok := s.emailOf(x); !ok || !c.VerifiedAt.IsZero() {
		t.Error("the attacker's claim has become a proof")
	}
}

// What ends when the account is given back: everything that the attacker holds.
func TestPH2UnexpiredSession(t *testing.T) {
	s := newSite(t)
	attacker := s.browser()
	x := attacker.register("ada@example.com")
	attacker.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword, "remember", "true")
	opened := s.a.answer(attacker.startLink(), Account{Subject: "666"})
	if err := s.password.Set(t.Context(), x, "another good password"); err != nil {
		t.Fatal(err)
	}
	if attacker.who() != "" {
		t.Error("the attacker's session lives on")
	}
	attacker.get(opened)
	if got := s.links(x); len(got) != 0 {
		t.Errorf("what the attacker began to link is linked: %v", got)
	}
}

func TestPH3TrojanIdentifier(t *testing.T) {
	s := newSite(t)
	attacker := s.browser()
	x := attacker.register("ada@example.com")
	attacker.get(s.a.answer(attacker.startLink(), Account{Subject: "666"}))
	if len(s.links(x)) != 1 {
		t.Fatal("nothing to remove")
	}
	// Whoever gives an account back calls this.
	if err := s.p.UnlinkAll(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	k := s.browser()
	k.logIn(Account{Subject: "666"})
	if k.who() == x || attacker.who() != "" || len(s.links(x)) != 0 {
		t.Error("the attacker's account elsewhere still leads in")
	}
	// The last way in is never removed.
	j := s.browser()
	j.logIn(bob())
	if err := s.p.UnlinkAll(t.Context(), j.who()); err == nil || len(s.links(j.who())) != 1 {
		t.Errorf("%v, links %v", err, s.links(j.who()))
	}
}

// What waits for an answer ends with every change of what one logs in with.
func TestPH4PendingChanges(t *testing.T) {
	s := newSite(t)
	attacker := s.browser()
	x := attacker.register("ada@example.com")
	link := s.a.answer(attacker.startLink(), Account{Subject: "666"})
	confirm := s.a.answer(attacker.start("alpha/confirm"), Account{Subject: "666"})
	if err := s.m.RevokeUserSessions(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	attacker.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
	for _, back := range []string{link, confirm} {
		if r := attacker.get(back); r.Code != http.StatusBadRequest || len(s.links(x)) != 0 {
			t.Errorf("%d to %q, links %v", r.Code, r.location(), s.links(x))
		}
	}
}

func TestPH5NonVerifyingProvider(t *testing.T) {
	for _, status := range []EmailStatus{EmailUnknown, EmailUnverified} {
		s := newSite(t)
		attacker := s.browser()
		a := Account{Subject: "666", Email: "ada@example.com", EmailStatus: status, Name: "Ada"}
		attacker.logIn(a)
		x := attacker.who()
		if x == "" {
			t.Fatal("the attacker is not let in at all")
		}
		// The victim registers, or comes from where addresses are verified.
		classic := s.browser()
		v := classic.register("ada@example.com")
		if v == "" || v == x {
			t.Errorf("registering: %q, and the attacker is %q", v, x)
		}
		if len(s.links(v)) != 0 || len(s.links(x)) != 1 {
			t.Error("merged")
		}
		s2 := newSite(t)
		attacker = s2.browser()
		attacker.logIn(a)
		federated := s2.browser()
		federated.get(s2.b.answer(federated.start("beta"), ada()))
		if federated.who() == "" || federated.who() == attacker.who() {
			t.Error("from elsewhere the victim is refused, or the attacker")
		}
	}
}

// An account that was registered, and never proved, is not entered by proof of the
// address alone.
func TestPH6ProofOfTheAddressAlone(t *testing.T) {
	s := newSite(t)
	x := s.browser().register("ada@example.com")
	for _, by := range []func(j *jar) reply{
		func(j *jar) reply { return j.logIn(ada()) },
		func(j *jar) reply { return j.get(s.b.answer(j.start("beta"), ada())) },
	} {
		j := s.browser()
		j.refused("the address is proof enough", by(j), http.StatusConflict)
	}
	if got := s.links(x); len(got) != 0 {
		t.Errorf("links %v", got)
	}
}

// A link that the victim is made to follow does not finish what the attacker began.
func TestPH7CallbackForTheAttacker(t *testing.T) {
	s := newSite(t)
	attacker := s.browser()
	x := attacker.register("ada@example.com")
	back := s.a.answer(attacker.startLink(), ada())
	victim := s.browser()
	if r := victim.get(back); r.Code < 400 || len(s.links(x)) != 0 {
		t.Errorf("%d, links %v", r.Code, s.links(x))
	}
}

// A claimed address is nobody's: it is in no profile of a new user.
func TestPH8UnverifiedAddressIsNoInvitation(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.logIn(Account{Subject: "666", Email: "ada@example.com", EmailStatus: EmailUnverified})
	u, err := s.users.LoadUser(t.Context(), j.who())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.emailOf(j.who()); ok || strings.Contains(text(u), "ada@example.com") {
		t.Errorf("the user is %s", text(u))
	}
	held, err := s.m.Store().UserCredentials(t.Context(), j.who())
	if err != nil || slices.ContainsFunc(held, func(c auth.Credential) bool { return c.Kind == "email" }) {
		t.Errorf("%v %v", held, err)
	}
}
