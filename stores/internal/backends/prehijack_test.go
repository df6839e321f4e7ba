package backends_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// Account pre-hijacking (Sudhodanan and Paverd, 2022), security.md §3.4, across passwords,
// accounts elsewhere, keys and mail: somebody who knows no more than the victim's address
// is there first. They register with it, stay logged in and remembered, make a key, link
// an account elsewhere and begin to link another, and to change the address to one of
// theirs. Then the victim gets the account: by a reset, by the link that verifies the
// address, or by one that logs in.
func TestPreHijacking(t *testing.T) {
	onAll(t, []raceCase{
		{"PH-2 reset", func(t *testing.T, p place) {
			hijacked(t, p, 1, func(t *testing.T, l *letters, s *site, _ string) (come func() *browser) {
				s.browser().post("/auth/forgot", "email", email)
				token := tokenIn(t, l.newest(t, l.post, email, "account.forgot"))
				if r := s.browser().post("/auth/reset", "token", token, "password", other); r.status != http.StatusOK {
					t.Fatalf("%d %s", r.status, r.text)
				}
				return s.byPassword
			})
		}},
		{"PH-6 mail link", func(t *testing.T, p place) {
			hijacked(t, p, 0, func(t *testing.T, l *letters, s *site, _ string) (come func() *browser) {
				victim := s.byLink(t, l)
				return func() *browser {
					if victim.who() == "" {
						t.Error("who came by the link has been logged out")
					}
					return s.byLink(t, l)
				}
			})
		}},
		{"PH-7 take over", func(t *testing.T, p place) {
			hijacked(t, p, 1, func(t *testing.T, l *letters, s *site, verify string) (come func() *browser) {
				if r := s.browser().post("/auth/verify", "token", verify); r.code() != "wrong_browser" {
					t.Errorf("by the link alone: %d %s", r.status, r.text)
				}
				if r := s.browser().post("/auth/verify", "token", verify, "take_over", true, "password", other); r.status != http.StatusOK {
					t.Fatalf("%d %s", r.status, r.text)
				}
				return s.byPassword
			})
		}},
	})
}

// byPassword is a browser of somebody who logs in with the password other.
func (s *site) byPassword() *browser {
	b := s.browser()
	b.logIn(email, other)
	return b
}

// byLink is a browser of somebody who logs in by a link.
func (s *site) byLink(t *testing.T, l *letters) *browser {
	t.Helper()
	b := s.browser()
	token := b.asksForLink(t, l)
	if r := b.post("/auth/link", "token", token); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.text)
	}
	return b
}

// asksForLink returns the token of a link to log in that is good in b.
func (b *browser) asksForLink(t *testing.T, l *letters) string {
	t.Helper()
	before := len(l.sent(email, "link.login"))
	b.post("/auth/link", "email", email)
	token := tokenIn(t, l.newest(t, l.post, email, "link.login"))
	if len(l.sent(email, "link.login")) == before {
		t.Fatal("no new mail")
	}
	return token
}

// hijacked has an attacker prepare everything, the victim take the account, and looks
// what the attacker then has: PH-2 sessions, PH-3 ways in, PH-4 what waits for an answer.
// ways is how many ways in the victim has then, besides the address; come is how they
// come again.
func hijacked(t *testing.T, p place, ways int, take func(t *testing.T, l *letters, s *site, verify string) (come func() *browser)) {
	const attackers = "eve@example.com"
	l := newLetters()
	idp, withIDP := newIDP(t)
	s := p.open(t, l.with(account.Options{}), l.withLinks, withIDP)
	attacker := s.browser()
	if r := attacker.post("/auth/register", "email", email, "password", good); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.text)
	}
	x := attacker.who()
	verify := tokenIn(t, l.newest(t, l.post, email, "account.verify"))
	attacker.get(attacker.goThere(idp, "/auth/oauth/github/link")) // ends what waits, so a new link is asked for
	attacker.post("/auth/verify")
	verify = newestToken(t, l, verify)
	key, err := s.keys.Create(t.Context(), x, apikey.NewKey{Name: "key"})
	s.must(err)
	remembered := s.browser().mustLogInRemembered(email)
	stolen := remembered.tab()
	pending := attacker.goThere(idp, "/auth/oauth/github/link")
	// These the attacker has got hold of, but for the last, which is in their own mailbox.
	s.browser().post("/auth/forgot", "email", email)
	reset := tokenIn(t, l.newest(t, l.post, email, "account.forgot"))
	link := attacker.asksForLink(t, l)
	attacker.post("/auth/email", "email", attackers)
	move := tokenIn(t, l.newest(t, l.post, attackers, "account.email"))
	byKey := func() int {
		return s.browser().do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+key.Secret).status
	}
	if links := s.linked(x); len(links) != 1 || byKey() != http.StatusOK || attacker.who() != x || remembered.who() != x {
		t.Fatalf("nothing to lose: links %v, the key is answered %d", links, byKey())
	}
	for path, token := range map[string]string{"/auth/reset": reset, "/auth/verify": verify, "/auth/link": link, "/auth/email": move} {
		if r := attacker.get(path + "?token=" + token); r.status != http.StatusOK {
			t.Fatalf("nothing to lose at %s: %d %s", path, r.status, r.text)
		}
	}

	come := take(t, l, s, verify)

	if c, err := s.m.Store().LoadCredential(t.Context(), "email", email); err != nil || c.UserID != x || c.VerifiedAt.IsZero() {
		t.Errorf("address %+v, %v", c, err)
	}
	isNobody(t, "the attacker", attacker, remembered)
	for _, b := range []*browser{remembered, stolen} {
		b.endSession()
		isNobody(t, "the attacker, remembered", b)
	}
	if got := byKey(); got != http.StatusUnauthorized {
		t.Errorf("the attacker's key is answered %d", got)
	}
	if r := s.browser().logIn(email, good); r.status != http.StatusUnauthorized {
		t.Errorf("the attacker's password is answered %d", r.status)
	}
	if links := s.linked(x); len(links) != 0 {
		t.Errorf("the attacker's account elsewhere is linked: %v", links)
	}
	s.entersNot(t, idp, x)
	if attacker.get(pending); len(s.linked(x)) != 0 {
		t.Error("what the attacker began to link is linked")
	}
	for path, token := range map[string]string{"/auth/reset": reset, "/auth/verify": verify, "/auth/link": link, "/auth/email": move} {
		if r := attacker.post(path, "token", token, "password", good, "take_over", true); r.status != http.StatusGone {
			t.Errorf("an old link at %s: %d %s", path, r.status, r.text)
		}
	}
	isNobody(t, "the attacker, in the end", attacker, remembered, stolen)
	// And the victim is in, by what is their own and nothing else.
	if got := come().who(); got != x {
		t.Errorf("the victim is %q", got)
	}
	if n, err := s.m.WaysIn(t.Context(), x); err != nil || n != ways {
		t.Errorf("%d ways in, %v, want %d", n, err, ways)
	}
}

// newestToken is the token of the newest mail to verify the address, which is not old.
func newestToken(t *testing.T, l *letters, old string) string {
	t.Helper()
	token := tokenIn(t, l.newest(t, l.post, email, "account.verify"))
	if token == old {
		t.Fatal("no new mail")
	}
	return token
}

// linked returns the user's accounts elsewhere.
func (s *site) linked(userID string) []auth.Credential {
	s.t.Helper()
	links, err := s.m.Store().UserCredentials(s.t.Context(), userID, "oauth:github")
	s.must(err)
	return links
}

// entersNot requires that the account elsewhere does not log in as the user.
func (s *site) entersNot(t *testing.T, idp *oauthtest.Server, userID string) {
	t.Helper()
	b := s.browser()
	b.get(b.goThere(idp, "/auth/oauth/github"))
	if b.who() == userID {
		t.Error("the attacker is let in from elsewhere")
	}
}
