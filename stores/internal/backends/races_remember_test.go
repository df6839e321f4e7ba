package backends_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/apikey"
)

// The races of remembered browsers and of keys, security.md §5.3.
func TestRememberRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"RC-30", restoredAtOnce},
		{"RC-31", replayed},
		{"RC-32", answerLost},
		{"RC-33", func(t *testing.T, p place) {
			restoredAndRevoked(t, p)
			loggedInWhileRevoked(t, p)
		}},
		{"RC-34", mixedTokens},
		{"RC-35", lifetimeOfRemembering},
		{"RC-36", keyAndRevocation},
	})
}

// Six requests of a browser that has been opened again, at once and at two
// processes: all are the user's, nobody cries theft, and what the browser has then
// is good.
func restoredAtOnce(t *testing.T, p place) {
	const n = 6
	for _, last := range []int{0, 2, n - 1} { // the browser keeps the cookie that comes last, whichever that is
		s, elsewhere := p.open(t), p.open(t)
		address := fmt.Sprintf("ada%d@example.com", last)
		id := s.register(address)
		b := s.browser().mustLogInRemembered(address)
		b.endSession()
		tabs := make([]*browser, n)
		for i := range tabs {
			tabs[i] = b.tab().at([]*site{s, elsewhere}[i%2])
		}
		// All have found it, and then all have read what they are going to change.
		stop := meetAfter(n, "LoadCredential", s.faults, elsewhere.faults)
		again := meet(n, "LoadCredential", func(f *faults, l *latch) *fault { return f.On("LoadCredential").From(n/2 + 1).After(l.wait) }, s.faults, elsewhere.faults)
		replies := make([]reply, n)
		atOnce(n, func(i int) { replies[i] = tabs[i].get("/me") })
		stop()
		again()
		for i, r := range replies {
			if r.status != http.StatusOK || r.text != id {
				t.Errorf("tab %d: %d %s", i, r.status, r.text)
			}
		}
		p.clock.Advance(2 * time.Minute)
		tab := tabs[last].tab()
		tab.endSession()
		if tab.who() != id {
			t.Errorf("the token that tab %d was given is not good", last)
		}
		for _, s := range []*site{s, elsewhere} {
			if got := s.events.Named("remember.reused"); len(got) != 0 {
				t.Errorf("a false alarm: %v", got)
			}
		}
		held, err := s.m.Store().UserCredentials(t.Context(), id, "remember")
		s.must(err)
		if len(held) != 1 {
			t.Errorf("%d browsers are remembered, want 1", len(held))
		}
	}
}

// A token that was used, after the overlap: two have it, and all that hangs on it
// ends.
func replayed(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	id := s.register(email)
	b := s.browser().mustLogInRemembered(email)
	stranger := s.browser().mustLogIn(email) // the user's too, and not of this browser
	b.endSession()
	thief := b.tab().at(elsewhere)
	if b.who() != id {
		t.Fatal("the browser is not restored")
	}
	p.clock.Advance(2 * time.Minute)
	isNobody(t, "a token that was used two minutes ago", thief)
	if got := elsewhere.events.Named("remember.reused"); len(got) != 1 || got[0].UserID != id {
		t.Errorf("events of theft: %v", got)
	}
	isNobody(t, "the session that hangs on it", b.tab())
	b.endSession()
	isNobody(t, "its successor", b)
	if stranger.who() != id {
		t.Error("another browser of the user's is logged out")
	}
}

// The answer with the new token is lost: the old one is good for a minute more. Then
// the user logs in anew, and can.
func answerLost(t *testing.T, p place) {
	s := p.open(t)
	id := s.register(email)
	b := s.browser().mustLogInRemembered(email)
	b.endSession()
	b.tab().get("/me") // and nobody sees the answer
	p.clock.Advance(50 * time.Second)
	if again := b.tab(); again.who() != id {
		t.Error("within the overlap the old token is not good")
	}
	p.clock.Advance(50 * time.Second)
	isNobody(t, "after the overlap", b)
	b.mustLogInRemembered(email)
	b.endSession()
	if b.who() != id {
		t.Error("remembered anew, the browser is not restored")
	}
}

// Being logged out everywhere, at each call to the store of a browser that is being
// restored: nobody is logged in.
func restoredAndRevoked(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	id := s.register(email)
	between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
		b := s.browser().mustLogInRemembered(email)
		b.endSession()
		old := b.tab()
		x := order(s.faults, func() { elsewhere.must(elsewhere.m.RevokeUserSessions(context.Background(), id)) })
		r := b.get("/me")
		x.Stop()
		if r.status != http.StatusOK && r.status != http.StatusUnauthorized {
			t.Errorf("the request under way: %d %s", r.status, r.text)
		}
		if x.Hits() == 0 {
			return
		}
		isNobody(t, "revoked", b.tab(), old)
		b.endSession()
		isNobody(t, "revoked, and restored again", b)
		if n := len(s.live(id)); n != 0 {
			t.Errorf("%d sessions are kept", n)
		}
	})
}

// And the other way about: a login at each call of what logs out everywhere. It may
// come too late for that; but if its session was ended, so is what remembers it.
func loggedInWhileRevoked(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	id := s.register("bob@example.com")
	between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
		b := s.browser()
		x := order(elsewhere.faults, func() { b.mustLogInRemembered("bob@example.com") })
		elsewhere.must(elsewhere.m.RevokeUserSessions(t.Context(), id))
		x.Stop()
		session := b.tab()
		for name := range session.cookies {
			if strings.HasPrefix(name, "__Host-remember") {
				delete(session.cookies, name)
			}
		}
		in := session.who() != ""
		b.endSession()
		if !in {
			isNobody(t, "whose session was ended, remembered", b)
		}
	})
}

// The first half of one token with the second half of another is nobody, and ends
// the browser that the first half is of.
func mixedTokens(t *testing.T, p place) {
	s := p.open(t)
	emails := []string{email, "bob@example.com"}
	browsers := make([]*browser, 2)
	var halves [2][]string
	var name string
	for i := range browsers {
		s.register(emails[i])
		browsers[i] = s.browser().mustLogInRemembered(emails[i])
		browsers[i].endSession()
		for n, value := range browsers[i].cookies {
			if strings.HasPrefix(n, "__Host-remember") {
				name, halves[i] = n, strings.Split(value, ".")
			}
		}
	}
	forged := s.browser()
	forged.cookies[name] = halves[0][0] + "." + halves[1][1]
	isNobody(t, "half and half", forged)
	isNobody(t, "the browser whose half was used", browsers[0])
	if browsers[1].who() == "" {
		t.Error("the other one is forgotten as well")
	}
}

// Using it moves its end nowhere: thirty days after the login it is over.
func lifetimeOfRemembering(t *testing.T, p place) {
	s := p.open(t)
	id := s.register(email)
	b := s.browser().mustLogInRemembered(email)
	began := p.clock.Now()
	for p.clock.Now().Sub(began) < 29*24*time.Hour {
		p.clock.Advance(5 * 24 * time.Hour / 2)
		b.endSession()
		if p.clock.Now().Sub(began) < 30*24*time.Hour && b.who() != id {
			t.Fatalf("after %v the browser is not restored", p.clock.Now().Sub(began))
		}
	}
	for _, v := range s.live(id) {
		if v.EndsAt.After(began.Add(30*24*time.Hour + time.Second)) {
			t.Errorf("a session ends %v after the login", v.EndsAt.Sub(began))
		}
	}
	p.clock.Advance(began.Add(30*24*time.Hour + time.Second).Sub(p.clock.Now()))
	isNobody(t, "a session after thirty days", b.tab())
	b.endSession()
	isNobody(t, "after thirty days", b)
}

// A key that is withdrawn while it is used is withdrawn, and writing down that it
// was used brings it not back.
func keyAndRevocation(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	id := s.register(email)
	use := func(s *site, key string) reply {
		return s.browser().do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+key)
	}
	between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
		made, err := s.keys.Create(t.Context(), id, apikey.NewKey{Name: "key"})
		s.must(err)
		p.clock.Advance(2 * time.Minute) // it is written down that it was used
		x := order(s.faults, func() { s.must(elsewhere.keys.Revoke(context.Background(), id, made.ID)) })
		r := use(s, made.Secret)
		x.Stop()
		if r.status != http.StatusOK && r.status != http.StatusUnauthorized {
			t.Errorf("the request under way: %d %s", r.status, r.text)
		}
		if x.Hits() == 0 {
			s.must(s.keys.Revoke(t.Context(), id, made.ID))
		}
		for _, s := range []*site{s, elsewhere} {
			if r := use(s, made.Secret); r.status != http.StatusUnauthorized {
				t.Errorf("a key that was withdrawn: %d %s", r.status, r.text)
			}
		}
		if _, err := s.m.Store().LoadCredential(t.Context(), "apikey", made.ID); err == nil {
			t.Error("the key is there again")
		}
	})
}
