package backends_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/account"
)

// The races of links and codes that are mailed, security.md §5.2: RC-10 to RC-13, of
// fifty at once that come to two processes of the site.
func TestAccountRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"reset link", resetAtOnce},
		{"verify link", verifyAtOnce},
		{"registration link", registrationAtOnce},
		{"wrong codes", wrongCodesAtOnce},
		{"right codes", rightCodesAtOnce},
	})
}

func change(old, next auth.Credential) auth.Change { return auth.Change{Old: &old, New: &next} }

const fifty = 50

// twoOf opens two processes of a site.
func twoOf(t *testing.T, p place, l *letters, opts account.Options) [2]*site {
	return [2]*site{p.open(t, l.with(opts)), p.open(t, l.with(opts))}
}

// Of fifty uses of one link with fifty passwords one changes the password.
func resetAtOnce(t *testing.T, p place) {
	l := newLetters()
	sites := twoOf(t, p, l, account.Options{})
	s := sites[0]
	s.register(email)
	s.verified(email)
	s.browser().post("/auth/forgot", "email", email)
	token := tokenIn(t, l.newest(t, l.post, email, "account.forgot"))
	for _, s := range sites {
		s.faults.On("LoadTicket").MeetAfter(fifty / 2)
	}
	var status [fifty]int
	atOnce(fifty, func(i int) {
		status[i] = sites[i%2].browser().post("/auth/reset", "token", token, "password", newPassword(i)).status
	})
	s.faults.Reset()
	changed := -1
	for i, got := range status {
		if got == http.StatusOK && changed >= 0 {
			t.Errorf("%d and %d have both changed the password", changed, i)
		}
		switch {
		case got == http.StatusOK:
			changed = i
		case got != http.StatusGone:
			t.Errorf("%d: %d\n%s", i, got, s.log)
		}
	}
	if changed < 0 {
		t.Fatal("nobody has")
	}
	for i := range fifty {
		if ok := s.browser().logIn(email, newPassword(i)).status == http.StatusOK; ok != (i == changed) {
			t.Errorf("password %d, of %d that was set, is good: %v", i, changed, ok)
		}
	}
	if n := len(sites[0].events.Named("password.reset")) + len(sites[1].events.Named("password.reset")); n != 1 {
		t.Errorf("%d events", n)
	}
}

func newPassword(i int) string { return fmt.Sprintf("the horse of number %d", i) }

// Of fifty who verify one address one does.
func verifyAtOnce(t *testing.T, p place) {
	l := newLetters()
	sites := twoOf(t, p, l, account.Options{})
	b := sites[0].browser()
	if r := b.post("/auth/register", "email", email, "password", good); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.text)
	}
	token := tokenIn(t, l.newest(t, l.post, email, "account.verify"))
	for _, s := range sites {
		s.faults.On("LoadTicket").MeetAfter(fifty / 2)
	}
	var done atomic.Int64
	atOnce(fifty, func(i int) {
		switch r := b.tab().at(sites[i%2]).post("/auth/verify", "token", token); r.status {
		case http.StatusOK:
			done.Add(1)
		case http.StatusGone:
		default:
			t.Errorf("%d %s", r.status, r.text)
		}
	})
	c, err := sites[0].m.Store().LoadCredential(t.Context(), "email", email)
	if done.Load() != 1 || err != nil || c.VerifiedAt.IsZero() || c.Version != 2 {
		t.Errorf("%d have verified it: %+v, %v", done.Load(), c, err)
	}
}

// Of fifty who follow the link of one registration one makes the user.
func registrationAtOnce(t *testing.T, p place) {
	l := newLetters()
	sites := twoOf(t, p, l, account.Options{RequireVerification: true})
	b := sites[0].browser()
	if r := b.post("/auth/register", "email", email, "password", good); r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.text)
	}
	token := tokenIn(t, l.newest(t, l.post, email, "account.register"))
	for _, s := range sites {
		s.faults.On("LoadTicket").MeetAfter(fifty / 2)
	}
	var done atomic.Int64
	atOnce(fifty, func(i int) {
		switch r := b.tab().at(sites[i%2]).post("/auth/verify", "token", token); r.status {
		case http.StatusOK:
			done.Add(1)
		case http.StatusGone:
		default:
			t.Errorf("%d %s", r.status, r.text)
		}
	})
	users := slices.Concat(sites[0].users.there(t), sites[1].users.there(t))
	if done.Load() != 1 || len(users) != 1 {
		t.Errorf("%d were made, %d users", done.Load(), len(users))
	}
	sites[1].browser().mustLogIn(email)
}

// codeFor asks for a code in a new browser.
func codeFor(t *testing.T, l *letters, s *site) (b *browser, code string) {
	t.Helper()
	s.register(email)
	s.verified(email)
	b = s.browser()
	if r := b.post("/auth/forgot", "email", email); r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.text)
	}
	return b, l.newest(t, l.post, email, "account.forgot").Data["code"]
}

// Of fifty guesses at once five are compared, and then the right one is not.
func wrongCodesAtOnce(t *testing.T, p place) {
	l := newLetters()
	sites := twoOf(t, p, l, account.Options{Codes: true})
	b, code := codeFor(t, l, sites[0])
	for _, s := range sites {
		s.faults.Reset()
	}
	var compared atomic.Int64
	atOnce(fifty, func(i int) {
		r := b.tab().at(sites[i%2]).post("/auth/reset", "code", fmt.Sprintf("%08d", i), "password", other)
		switch {
		case r.status == http.StatusUnprocessableEntity:
			compared.Add(1)
		case r.status != http.StatusGone:
			t.Errorf("%d %s", r.status, r.text)
		}
	})
	if loaded := sites[0].faults.Called("LoadTicket") + sites[1].faults.Called("LoadTicket"); compared.Load() != 5 || loaded != 5 {
		t.Errorf("%d were compared, %d loaded, want 5", compared.Load(), loaded)
	}
	if r := b.post("/auth/reset", "code", code, "password", other); r.status != http.StatusGone {
		t.Errorf("the right one: %d %s", r.status, r.text)
	}
	sites[0].browser().mustLogIn(email)
}

// Of fifty right ones at once five are compared and one acts.
func rightCodesAtOnce(t *testing.T, p place) {
	l := newLetters()
	sites := twoOf(t, p, l, account.Options{Codes: true})
	b, code := codeFor(t, l, sites[0])
	var done atomic.Int64
	atOnce(fifty, func(i int) {
		switch r := b.tab().at(sites[i%2]).post("/auth/reset", "code", code, "password", newPassword(i)); r.status {
		case http.StatusOK:
			done.Add(1)
		case http.StatusGone, http.StatusUnprocessableEntity:
		default:
			t.Errorf("%d %s", r.status, r.text)
		}
	})
	if done.Load() != 1 || sites[0].browser().logIn(email, good).status == http.StatusOK {
		t.Errorf("%d have changed the password", done.Load())
	}
}
