package maillink_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Who is logged in to the account in the browser in which they have asked, and follow the
// link, have shown both that they made it and that the address is theirs: they verify it, as
// on the page to do so, and lose nothing. Anybody else takes the account over.
func TestHostileOwnLinkTakesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		in   func(b *browser)
		lost bool
	}{
		"logged in":     {func(b *browser) { b.post("/login", "email", ada, "password", secret) }, false},
		"not logged in": {func(*browser) {}, true},
		"as somebody else": {func(b *browser) {
			b.s.register(nobody, true)
			b.post("/login", "email", nobody, "password", secret)
		}, true},
		"logged out meanwhile": {func(b *browser) {
			b.post("/login", "email", ada, "password", secret)
			if err := b.s.m.RevokeUserSessions(b.s.t.Context(), b.who()); err != nil {
				b.s.t.Fatal(err)
			}
		}, true},
	} {
		s := newSite(t)
		id := s.register(ada, false)
		key := auth.Credential{Kind: "key", Key: "k", UserID: id}
		if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &key}); err != nil {
			t.Fatal(err)
		}
		b := s.browser()
		tt.in(b)
		if r := b.post("/link", "token", b.asks(ada)); r.Code != 200 || b.who() != id {
			t.Errorf("%s: %d %s", name, r.Code, r.text)
		}
		if s.address(ada).VerifiedAt.IsZero() {
			t.Errorf("%s: the address is not verified", name)
		}
		reclaimed, verified := len(s.named("account.reclaimed")) == 1, len(s.named("email.verified")) == 1
		if lost := !slices.Contains(s.held(id), "password"); lost != tt.lost || reclaimed != tt.lost || verified == tt.lost {
			t.Errorf("%s: the password is lost: %v, and the account taken over: %v, or the address verified: %v", name, lost, reclaimed, verified)
		}
	}
}

// Whoever uses up the mails of an address keeps its owner out of no browser in which they
// have logged in before, and finds out in none of their own whose address it is.
func TestHostileLinksUsedUpByOthers(t *testing.T) {
	s := newSite(t)
	s.register(ada, true)
	s.register(nobody, true)
	owner, other := s.browser(), s.browser()
	for b, email := range map[*browser]string{owner: ada, other: nobody} {
		if r := b.post("/link", "token", b.asks(email)); r.Code != 200 {
			t.Fatalf("%d %s", r.Code, r.text)
		}
		if r := b.post("/logout"); r.Code >= 400 {
			t.Fatalf("%d %s", r.Code, r.text)
		}
	}
	s.clock.Advance(2 * time.Hour)
	// asks reports how many mails come of n requests, and the calls of the last.
	asks := func(b *browser, email string, n int) (mails int, calls string) {
		before := len(s.outbox.entries())
		for i := range n {
			b.addr = fmt.Sprintf("198.51.100.%d", i+1)
			s.store.Reset()
			if r := b.post("/link", "email", email); r.Code != http.StatusAccepted {
				t.Fatalf("%d %s", r.Code, r.text)
			}
			calls = strings.Join(s.store.Calls(), " ")
		}
		return len(s.outbox.entries()) - before, calls
	}
	for hour := range 3 {
		if n, _ := asks(s.browser(), ada, 5); n != 3 {
			t.Errorf("hour %d: %d mails for a stranger", hour, n)
		}
		if n, _ := asks(other, ada, 3); n != 0 {
			t.Errorf("hour %d: %d mails for a browser that is known to somebody else", hour, n)
		}
		s.deliver()
		token := owner.asks(ada)
		if n, _ := asks(other, ada, 1); n != 0 {
			t.Errorf("hour %d: %d mails take the place of the owner's", hour, n)
		}
		if r := owner.post("/link", "token", token); r.Code != 200 {
			t.Errorf("hour %d: the owner: %d %s", hour, r.Code, r.text)
		}
		if n, _ := asks(owner, ada, 5); n != 2 {
			t.Errorf("hour %d: %d mails more for the owner", hour, n)
		}
		s.clock.Advance(time.Hour)
	}
	asks(s.browser(), "nobody-here@example.com", 3)
	asks(s.browser(), ada, 3)
	_, known := asks(other, ada, 1)
	_, unknown := asks(other, "nobody-here@example.com", 1)
	if known != unknown {
		t.Errorf("an address that somebody has: %s\none that nobody has: %s", known, unknown)
	}
}
