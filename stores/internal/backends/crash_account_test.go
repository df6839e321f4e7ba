package backends_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/account"
)

// As TestCrashes, of what is begun on the site and finished by mail. Besides: no mail is
// lost, and what is good once is not good again because somebody died.
func TestAccountCrashes(t *testing.T) {
	onAll(t, []raceCase{
		{"reset", func(t *testing.T, p place) { crashResetting(t, p, true) }},
		{"take over", func(t *testing.T, p place) { crashResetting(t, p, false) }},
		{"reset by code", crashResettingByCode},
		{"verify", crashVerifying},
		{"register and verify", crashRegisteringToVerify},
		{"mail", crashMailing},
	})
}

// crashResetting is for an address that was verified before, and for one that was not,
// whose account is taken over.
func crashResetting(t *testing.T, p place, before bool) {
	l := newLetters()
	next := p.open(t, l.with(account.Options{}))
	post := l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		next.register(address)
		if before {
			next.verified(address)
		}
		inside := next.browser().mustLogInRemembered(address)
		next.browser().post("/auth/forgot", "email", address)
		token := tokenIn(t, l.newest(t, post, address, "account.forgot"))
		crash()
		r := s.browser().post("/auth/reset", "token", token, "password", other)
		old, changed := next.browser().logIn(address, good).status == http.StatusOK, next.browser().logIn(address, other).status == http.StatusOK
		c, err := next.m.Store().LoadCredential(t.Context(), "email", address)
		next.must(err)
		if old == changed || !before && changed == c.VerifiedAt.IsZero() {
			t.Errorf("the old password is good: %v, the new one: %v, address %+v", old, changed, c)
		}
		if r.status == http.StatusOK && !changed {
			t.Error("told that it is changed, and is not")
		}
		// In memory there is no transaction, and a crash leaves nothing at all.
		if changed && p.b.Name != "memory" {
			inside.endSession()
			isNobody(t, "by the old password", inside)
		}
		// The link is good once at the most, and then not again.
		used := changed
		for range 2 {
			again := next.browser().post("/auth/reset", "token", token, "password", "a third horse battery").status == http.StatusOK
			if again && used {
				t.Error("the link is good twice")
			}
			used = used || again
		}
		if next.browser().logIn(address, other).status != http.StatusOK {
			// There is always another link to be had.
			next.browser().post("/auth/forgot", "email", address)
			token = tokenIn(t, l.newest(t, post, address, "account.forgot"))
			if r := next.browser().post("/auth/reset", "token", token, "password", other); r.status != http.StatusOK {
				t.Errorf("a new link: %d %s", r.status, r.text)
			}
			inside.endSession()
			isNobody(t, "by the old password, done again", inside)
		}
	}, l.with(account.Options{}))
}

func crashResettingByCode(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{Codes: true})
	next := p.open(t, with)
	post := l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		next.register(address)
		next.verified(address)
		b := next.browser()
		b.post("/auth/forgot", "email", address)
		m := l.newest(t, post, address, "account.forgot")
		crash()
		b.at(s).tab().post("/auth/reset", "code", m.Data["code"], "password", other)
		old, changed := next.browser().logIn(address, good).status == http.StatusOK, next.browser().logIn(address, other).status == http.StatusOK
		if old == changed {
			t.Errorf("the old password is good: %v, the new one: %v", old, changed)
		}
		again := b.tab().post("/auth/reset", "code", m.Data["code"], "password", "a third horse battery").status == http.StatusOK
		if again && changed {
			t.Error("the code is good twice")
		}
		// The link of the same mail is another secret, and dies with a change.
		link := next.browser().post("/auth/reset", "token", tokenIn(t, m), "password", "a third horse battery").status == http.StatusOK
		if link && p.b.Name != "memory" && (changed || again) {
			t.Error("the link is good after the code")
		}
	}, with)
}

func crashVerifying(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{})
	next := p.open(t, with)
	post := l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		b := next.browser()
		b.post("/auth/register", "email", address, "password", good)
		token := tokenIn(t, l.newest(t, post, address, "account.verify"))
		crash()
		r := b.at(s).tab().post("/auth/verify", "token", token)
		verified := func() bool {
			c, err := next.m.Store().LoadCredential(t.Context(), "email", address)
			next.must(err)
			return !c.VerifiedAt.IsZero()
		}
		if r.status == http.StatusOK && !verified() {
			t.Error("told that it is verified, and is not")
		}
		was := verified()
		if again := b.tab().post("/auth/verify", "token", token).status == http.StatusOK; again && was {
			// In memory a crash leaves nothing; elsewhere the ticket went with the change.
			if p.b.Name != "memory" {
				t.Error("the link is good twice")
			}
		}
		if !verified() {
			if r := b.post("/auth/verify"); r.status != http.StatusAccepted {
				t.Errorf("asking again: %d %s", r.status, r.text)
			}
			token = tokenIn(t, l.newest(t, post, address, "account.verify"))
			if r := b.post("/auth/verify", "token", token); r.status != http.StatusOK || !verified() {
				t.Errorf("a new link: %d %s", r.status, r.text)
			}
		}
		if b.who() == "" {
			t.Error("verifying ends the session")
		}
	}, with)
}

// crashRegisteringToVerify dies while somebody registers, and then while they verify.
func crashRegisteringToVerify(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{RequireVerification: true})
	next := p.open(t, with)
	post := l.post
	n := 0
	both := func(atVerify bool) {
		crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
			n++
			address := fmt.Sprintf("ada%d@example.com", n)
			b := next.browser()
			if !atVerify {
				crash()
			}
			r := b.at(s).post("/auth/register", "email", address, "password", good)
			if r.status != http.StatusAccepted { // they register again
				if r := b.post("/auth/register", "email", address, "password", good); r.status != http.StatusAccepted {
					t.Fatalf("registering again: %d %s", r.status, r.text)
				}
			}
			token := tokenIn(t, l.newest(t, post, address, "account.register"))
			if atVerify {
				crash()
			}
			r = b.at(s).tab().post("/auth/verify", "token", token)
			in := next.browser().logIn(address, good).status == http.StatusOK
			if r.status == http.StatusOK && !in {
				t.Error("told that they can log in, and cannot")
			}
			if again := b.tab().post("/auth/verify", "token", token).status == http.StatusOK; again && in {
				t.Error("the link is good twice")
			}
			if next.browser().logIn(address, good).status != http.StatusOK {
				// Nothing stands in the way of registering once more.
				b.post("/auth/register", "email", address, "password", good)
				token = tokenIn(t, l.newest(t, post, address, "account.register"))
				if r := b.post("/auth/verify", "token", token); r.status != http.StatusOK {
					t.Errorf("registering once more: %d %s", r.status, r.text)
				}
				next.browser().mustLogIn(address)
			}
			c, err := next.m.Store().LoadCredential(t.Context(), "email", address)
			if err != nil || c.VerifiedAt.IsZero() {
				t.Errorf("address %+v, %v", c, err)
			}
		}, with)
	}
	both(false)
	both(true)
}

// crashMailing dies while the worker makes the mail: it is made by the next, and no token
// of before is good.
func crashMailing(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{Codes: true})
	next := p.open(t, with)
	post := l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		next.register(address)
		next.verified(address)
		b := next.browser()
		b.post("/auth/forgot", "email", address)
		crash()
		err := l.post.Flush(t.Context())
		if err != nil && !errors.Is(err, authtest.ErrDown) {
			t.Fatal(err)
		}
		if err != nil && len(l.sent(address, "account.forgot")) == 0 {
			p.clock.Advance(10 * time.Minute) // until it is due again
		}
		m := l.newest(t, post, address, "account.forgot")
		if n := len(l.sent(address, "account.forgot")); n != 1 {
			t.Errorf("%d mails", n)
		}
		by, secret := "code", m.Data["code"]
		if n%2 == 0 {
			by, secret = "token", tokenIn(t, m)
		}
		if r := b.post("/auth/reset", by, secret, "password", other); r.status != http.StatusOK {
			t.Errorf("by the %s: %d %s", by, r.status, r.text)
		}
	}, with)
}
