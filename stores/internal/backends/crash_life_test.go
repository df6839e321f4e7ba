package backends_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/account"
)

// As TestAccountCrashes, of what can be taken back by mail, and of the end: it is done, or
// it is not and can be done again, and its owner is never out for good.
func TestLifeCrashes(t *testing.T) {
	onAll(t, []raceCase{
		{"change of address", crashChanging},
		{"undo", crashUndoing},
		{"disown", crashDisowning},
		{"close", crashClosing},
		{"purge", crashPurging},
	})
}

// owns reports whether the address is the user's.
func (s *site) owns(userID, address string) bool {
	s.t.Helper()
	c, err := s.m.Store().LoadCredential(s.t.Context(), "email", address)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		s.t.Fatal(err)
	}
	return err == nil && c.UserID == userID
}

// addressesOf are one for each time that something is tried, and the one that comes after it.
func addressesOf(n int) (address, next string) {
	return fmt.Sprintf("ada%d@example.com", n), fmt.Sprintf("new%d@example.com", n)
}

// moves changes the address of who is logged in in b.
func (l *letters) moves(t *testing.T, b *browser, to string) {
	t.Helper()
	if r := b.post("/auth/email", "email", to); r.status != http.StatusAccepted {
		t.Fatalf("asking for another address: %d %s", r.status, r.text)
	}
	if r := b.post("/auth/email", "token", tokenIn(t, l.newest(t, l.ours, to, "account.email"))); r.status != http.StatusOK {
		t.Fatalf("another address: %d %s", r.status, r.text)
	}
}

// recovers chooses a new password by the mail to the address, and logs in. Of several
// mails, since what has died has enqueued one too, the link of one is good.
func (l *letters) recovers(t *testing.T, next *site, address string) {
	t.Helper()
	if err := l.ours.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	set := 0
	for _, m := range append(l.sent(address, "account.first-password"), l.sent(address, "account.forgot")...) {
		if next.browser().post("/auth/reset", "token", tokenIn(t, m), "password", "a third horse battery").status == http.StatusOK {
			set++
		}
	}
	if r := next.browser().logIn(address, "a third horse battery"); set != 1 || r.status != http.StatusOK {
		t.Errorf("%d links are good, the owner logs in: %d %s", set, r.status, r.text)
	}
}

func crashChanging(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{})
	next := p.open(t, with)
	l.ours = l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address, to := addressesOf(n)
		id := next.register(address)
		next.verified(address)
		b := next.browser().mustLogIn(address)
		b.post("/auth/email", "email", to)
		token := tokenIn(t, l.newest(t, l.ours, to, "account.email"))
		crash()
		r := b.at(s).tab().post("/auth/email", "token", token)
		changed := next.owns(id, to)
		if changed == next.owns(id, address) || r.status == http.StatusOK && !changed {
			t.Errorf("answered %d; the old address is the user's: %v, the new one: %v", r.status, !changed, changed)
		}
		if !changed { // there is always another link
			l.moves(t, next.browser().mustLogIn(address), to)
		} else if p.b.Name == "memory" && len(l.sent(address, "account.undo")) == 0 && r.status != http.StatusOK {
			return // without transactions it is changed, and nobody was told
		}
		undo := tokenIn(t, l.newest(t, l.ours, address, "account.undo"))
		if r := next.browser().post("/auth/register", "email", address, "password", other); r.status != http.StatusConflict {
			t.Errorf("the old address is not reserved: %d %s", r.status, r.text)
		}
		if r := next.browser().post("/auth/email/undo", "token", undo); r.status != http.StatusOK || !next.owns(id, address) || next.owns(id, to) {
			t.Errorf("it cannot be undone: %d %s", r.status, r.text)
		}
	}, with)
}

func crashUndoing(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{})
	next := p.open(t, with)
	l.ours = l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address, to := addressesOf(n)
		id := next.register(address)
		next.verified(address)
		thief := next.browser().mustLogInRemembered(address)
		l.moves(t, thief, to)
		token := tokenIn(t, l.newest(t, l.ours, address, "account.undo"))
		crash()
		r := s.browser().post("/auth/email/undo", "token", token)
		undone := next.owns(id, address)
		if p.b.Name != "memory" && undone == next.owns(id, to) || r.status == http.StatusOK && !undone {
			t.Errorf("answered %d; the old address is the user's: %v, the new one: %v", r.status, undone, next.owns(id, to))
		}
		again := next.browser().post("/auth/email/undo", "token", token)
		if p.b.Name == "memory" {
			return // without transactions a crash leaves half of it, which the host mends
		}
		if (again.status == http.StatusOK) == undone || !next.owns(id, address) || next.owns(id, to) {
			t.Errorf("again: %d %s, after %v", again.status, again.text, undone)
		}
		isNobody(t, "by the session of the thief", thief)
		thief.endSession()
		isNobody(t, "by the browser that the thief had remembered", thief)
		if next.browser().logIn(address, good).status == http.StatusOK {
			t.Error("the password is good still")
		}
		p.clock.Advance(5 * time.Minute) // what died may have held the mail back
		l.recovers(t, next, address)
	}, with)
}

func crashDisowning(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{})
	next := p.open(t, with)
	l.ours = l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address, _ := addressesOf(n)
		next.register(address)
		next.verified(address)
		thief := next.browser().mustLogInRemembered(address)
		if r := thief.post("/auth/password", "current", good, "password", other); r.status != http.StatusOK {
			t.Fatalf("changing the password: %d %s", r.status, r.text)
		}
		token := tokenIn(t, l.newest(t, l.ours, address, "notice.password.changed"))
		crash()
		r := s.browser().post("/auth/disown", "token", token)
		done := next.browser().logIn(address, other).status != http.StatusOK
		if r.status == http.StatusOK && !done {
			t.Error("told that it is done, and it is not")
		}
		again := next.browser().post("/auth/disown", "token", token)
		whole := p.b.Name != "memory" && p.b.Name != "Redis" // the ticket is in the transaction
		if whole && (again.status == http.StatusOK) == done {
			t.Errorf("again: %d %s, after %v", again.status, again.text, done)
		}
		if !whole && again.status != http.StatusOK {
			// The link may be used up for nothing. A reset ends what the thief has as well.
			next.browser().post("/auth/forgot", "email", address)
			l.recovers(t, next, address)
			isNobody(t, "by the session of the thief, after a reset", thief)
			thief.endSession()
			isNobody(t, "by the browser that the thief had remembered, after a reset", thief)
			return
		}
		if next.browser().logIn(address, other).status == http.StatusOK {
			t.Error("the password of the thief is good still")
		}
		if p.b.Name != "memory" {
			isNobody(t, "by the session of the thief", thief)
			thief.endSession()
			isNobody(t, "by the browser that the thief had remembered", thief)
		}
		p.clock.Advance(5 * time.Minute)
		l.recovers(t, next, address)
	}, with)
}

func crashClosing(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{})
	next := p.open(t, with)
	l.ours = l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address, _ := addressesOf(n)
		next.register(address)
		next.verified(address)
		b := next.browser().mustLogInRemembered(address)
		crash()
		r := b.at(s).tab().post("/auth/close")
		in := next.browser().logIn(address, good)
		if in.status == http.StatusOK {
			if r.status == http.StatusOK {
				t.Error("told that it is closed, and it is not")
			}
			return
		}
		if in.code() != "account_closed" {
			t.Errorf("logging in: %d %s", in.status, in.text)
		}
		if p.b.Name != "memory" {
			isNobody(t, "in the account that was closed", b)
			b.endSession()
			isNobody(t, "in the account that was closed, remembered", b)
		} else if err := l.ours.Flush(t.Context()); err != nil || len(l.sent(address, "account.closing")) == 0 {
			return // without transactions it is closed, and nobody was told
		}
		token := tokenIn(t, l.newest(t, l.ours, address, "account.closing"))
		if r := next.browser().post("/auth/close", "token", token); r.status != http.StatusOK {
			t.Errorf("keeping it: %d %s", r.status, r.text)
		}
		next.browser().mustLogIn(address)
	}, with)
}

func crashPurging(t *testing.T, p place) {
	l := newLetters()
	with := l.with(account.Options{CloseAfter: time.Minute})
	next := p.open(t, with)
	l.ours = l.post
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address, _ := addressesOf(n)
		id := next.register(address)
		next.verified(address)
		if r := next.browser().mustLogInRemembered(address).post("/auth/close"); r.status != http.StatusOK {
			t.Fatalf("closing: %d %s", r.status, r.text)
		}
		l.newest(t, l.ours, address, "account.closing")
		p.clock.Advance(time.Minute)
		crash()
		if err := l.post.Flush(t.Context()); err != nil && !errors.Is(err, authtest.ErrDown) {
			t.Fatal(err)
		}
		for range 10 { // what failed is tried again later
			if len(l.sent(address, "account.gone")) > 0 {
				break
			}
			p.clock.Advance(time.Hour)
			if err := l.ours.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if sent := len(l.sent(address, "account.gone")); sent != 1 {
			t.Errorf("%d mails say that it is gone", sent)
		}
		held, err := next.m.Store().UserCredentials(t.Context(), id)
		if _, gone := next.users.LoadUser(t.Context(), id); err != nil || len(held) != 0 || !errors.Is(gone, auth.ErrNotFound) || len(next.live(id)) != 0 {
			t.Errorf("left: %+v, %v, the user: %v", held, err, gone)
		}
		if again := next.register(address); again == id {
			t.Error("the ID was used again")
		}
	}, with)
}
