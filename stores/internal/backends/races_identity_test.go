package backends_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// The races of who is who, security.md §5.3.
func TestIdentityRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"RC-40", registeredAtOnce},
		{"RC-41", firstLoginsAtOnce},
		{"RC-42", lastWaysInAtOnce},
		{"RC-43", passwordInTwoTabs},
		{"RC-44", rehashAndChange},
	})
}

// One address in different writings, registered at once at two processes: one user,
// and all others are told what somebody is told who comes later.
func registeredAtOnce(t *testing.T, p place) {
	const n = 12
	sites := []*site{p.open(t), p.open(t)}
	spellings := []string{"ada@example.com", "Ada@example.com", "ADA@EXAMPLE.COM", " ada@Example.com"}
	stop := meetAtChange(n, sites[0].faults, sites[1].faults) // all have seen that it is free
	replies := make([]reply, n)
	browsers := make([]*browser, n)
	for i := range browsers {
		browsers[i] = sites[i%2].browser()
	}
	atOnce(n, func(i int) {
		replies[i] = browsers[i].post("/auth/register", "email", spellings[i%len(spellings)], "password", good)
	})
	stop()
	later := sites[0].browser().post("/auth/register", "email", email, "password", good)
	in := 0
	for i, r := range replies {
		if r.status == http.StatusCreated {
			in++
		} else if r.status != later.status || r.text != later.text {
			t.Errorf("registration %d: %d %s, and later %d %s", i, r.status, r.text, later.status, later.text)
		}
	}
	there := append(sites[0].users.there(t), sites[1].users.there(t)...)
	if in != 1 || len(there) != 1 || len(sites[0].events.Named("registered"))+len(sites[1].events.Named("registered")) != 1 {
		t.Errorf("%d have registered, and there are users %q, want one: %d", in, there, statuses(replies))
	}
	if b := sites[1].browser().mustLogIn(email); len(there) == 1 && b.who() != there[0] {
		t.Errorf("who logs in is %q, want %q", b.who(), there[0])
	}
}

// newIDP returns an identity provider with one person, and what a site has to
// have it.
func newIDP(t *testing.T) (*oauthtest.Server, func(c *config)) {
	t.Helper()
	idp := oauthtest.New(&oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", Secret: "s3cret", RedirectURIs: []string{authtest.Origin + "/auth/oauth/github/callback"}}},
		People:  []oauthtest.Person{{Login: "ada", Name: "Ada", Email: email, EmailVerified: true}},
	})
	t.Cleanup(func() { idp.Close() })
	return idp, func(c *config) {
		c.providers = append(c.providers, oauth.New(authtest.Origin, nil, oauth.GitHub("app", "s3cret", &oauth.ConnectorOptions{Insecure: idp})))
	}
}

// goThere begins at the identity provider and returns the way back.
func (b *browser) goThere(idp *oauthtest.Server, path string) string {
	b.s.t.Helper()
	r := b.post(path)
	var to struct{ Next string }
	if err := json.Unmarshal([]byte(r.text), &to); err != nil || to.Next == "" {
		b.s.t.Fatalf("POST %s: %d %s", path, r.status, r.text)
	}
	back, err := idp.VisitAs("ada", to.Next)
	b.s.must(err)
	request, err := back.Request()
	b.s.must(err)
	return request.URL.RequestURI()
}

// First logins of one person at once, at two processes: one user with one link, who
// is who is logged in everywhere.
func firstLoginsAtOnce(t *testing.T, p place) {
	const n = 8
	idp, with := newIDP(t)
	sites := []*site{p.open(t, with), p.open(t, with)}
	browsers := make([]*browser, n)
	backs := make([]string, n)
	for i := range browsers {
		browsers[i] = sites[i%2].browser()
		backs[i] = browsers[i].goThere(idp, "/auth/oauth/github")
	}
	stop := meetAtChange(n, sites[0].faults, sites[1].faults)
	atOnce(n, func(i int) { browsers[i].get(backs[i]) })
	stop()
	there := append(sites[0].users.there(t), sites[1].users.there(t)...)
	if len(there) != 1 {
		t.Fatalf("there are users %q, want one", there)
	}
	for i, b := range browsers {
		if who := b.who(); who != there[0] {
			t.Errorf("browser %d is %q, want %q", i, who, there[0])
		}
	}
	links, err := sites[0].m.Store().UserCredentials(t.Context(), there[0], "oauth:github")
	sites[0].must(err)
	if len(links) != 1 {
		t.Errorf("%d links, want 1", len(links))
	}
}

// The last two ways in, removed at once: one of them stays. The same for adding one
// while the other is removed.
func lastWaysInAtOnce(t *testing.T, p place) {
	_, with := newIDP(t)
	s, elsewhere := p.open(t, with), p.open(t, with)
	id := s.register(email)
	link := auth.Credential{Kind: "oauth:github", Key: "1001", UserID: id, Generation: 1}
	s.must(s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &link}))
	find := func(kind, key string) *auth.Credential {
		c, err := s.m.Store().LoadCredential(t.Context(), kind, key)
		s.must(err)
		return &c
	}
	pw, gh := find("password", id), find("oauth:github", "1001")
	stop := meetAfter(2, "UserCredentials", s.faults, elsewhere.faults)
	errs := make([]error, 2)
	atOnce(2, func(i int) {
		errs[i] = []*site{s, elsewhere}[i].m.ChangeCredentials(t.Context(), id, auth.Change{Old: []*auth.Credential{pw, gh}[i]})
	})
	stop()
	refused := 0
	for _, err := range errs {
		if errors.Is(err, auth.ErrConflict) || errors.Is(err, auth.ErrLastCredential) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	held, err := s.m.Store().UserCredentials(t.Context(), id, "password", "oauth:github")
	s.must(err)
	if refused != 1 || len(held) != 1 {
		t.Fatalf("removing both ways in: %v, %d are left, want 1", errs, len(held))
	}
	// What is left cannot be removed while another is only about to be added.
	more := auth.Credential{Kind: "oauth:github", Key: "1002", UserID: id, Generation: 1}
	err = s.m.ChangeCredentials(t.Context(), id, auth.Change{Old: &held[0]})
	if !errors.Is(err, auth.ErrLastCredential) {
		t.Errorf("removing the last: %v", err)
	}
	var done atomic.Int64
	stop = meetAfter(2, "LoadCredential", s.faults, elsewhere.faults)
	atOnce(2, func(i int) {
		change := []auth.Change{{New: &more}, {Old: &held[0]}}[i]
		if err := []*site{s, elsewhere}[i].m.ChangeCredentials(t.Context(), id, change); err == nil {
			done.Add(1)
		} else if !errors.Is(err, auth.ErrConflict) && !errors.Is(err, auth.ErrLastCredential) {
			t.Error(err)
		}
	})
	stop()
	held, err = s.m.Store().UserCredentials(t.Context(), id, "password", "oauth:github")
	s.must(err)
	if len(held) == 0 || done.Load() == 0 {
		t.Errorf("adding one and removing the other: %d done, %d are left", done.Load(), len(held))
	}
}

// The password is changed in two tabs: one of them does it, the other is told, and
// the password is that of who was told that it was done.
func passwordInTwoTabs(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	for round := range 3 {
		address := fmt.Sprintf("ada%d@example.com", round)
		s.register(address)
		tabs := []*browser{s.browser().mustLogIn(address), nil}
		tabs[1] = tabs[0].tab().at(elsewhere)
		passwords := []string{other, "a third horse battery"}
		stop := func() {}
		switch round {
		case 0: // both are about to write
			stop = meetAtChange(2, s.faults, elsewhere.faults)
		case 1: // both are logged in
			stop = meetAfter(2, "LoadSession", s.faults, elsewhere.faults)
		}
		replies := make([]reply, 2)
		atOnce(2, func(i int) {
			replies[i] = tabs[i].post("/auth/password", "current", good, "password", passwords[i])
		})
		stop()
		if count(replies, http.StatusOK) != 1 {
			t.Errorf("round %d: %d\n%s\n%s", round, statuses(replies), replies[0].text, replies[1].text)
			continue
		}
		for i, r := range replies {
			want := http.StatusOK
			if r.status != http.StatusOK {
				want = http.StatusUnauthorized
			}
			if got := s.browser().logIn(address, passwords[i]); got.status != want {
				t.Errorf("round %d: who was told %d logs in with their password: %d", round, r.status, got.status)
			}
		}
		if got := s.browser().logIn(address, good); got.status != http.StatusUnauthorized {
			t.Errorf("round %d: the old password: %d", round, got.status)
		}
	}
}

// rehasher finds that every hash has to be made anew.
type rehasher struct{ authtest.Hasher }

func (*rehasher) Current(string) bool { return false }

// A login that is about to store a better hash meets a change of the password, at
// each of its calls to the store: the new password stays, and the login by the old one
// is none.
func rehashAndChange(t *testing.T, p place) {
	old := func(c *config) {
		c.hasher = &rehasher{authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}}
	}
	s, elsewhere := p.open(t, old), p.open(t)
	n := 0
	between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		id := s.register(address)
		b := s.browser()
		x := order(s.faults, func() {
			if _, err := elsewhere.pw.Change(context.Background(), id, good, other); err != nil {
				t.Error(err)
			}
		})
		b.logIn(address, good)
		x.Stop()
		if n == 1 && !strings.Contains(fmt.Sprint(s.faults.Calls()), "ChangeCredentials") {
			t.Error("no hash was stored")
		}
		if x.Hits() == 0 {
			return
		}
		isNobody(t, "logged in by the old password", b)
		if r := elsewhere.browser().logIn(address, good); r.status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", r.status)
		}
		if r := elsewhere.browser().logIn(address, other); r.status != http.StatusOK {
			t.Errorf("the new password: %d", r.status)
		}
	})
}
