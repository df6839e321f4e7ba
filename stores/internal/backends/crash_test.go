package backends_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
)

// A process dies between any two calls to the store of every flow that writes more
// than once, security.md §5.7; another one is started on what was kept. What holds
// afterwards: nobody has a session that they had not; nothing is good twice; old
// credentials and new ones are never good at the same time, nor are sessions of the
// old ones; the user can log in by one of them, and doing it again does it.
func TestCrashes(t *testing.T) {
	onAll(t, []raceCase{
		{"register", crashRegistering},
		{"log in", crashLoggingIn},
		{"log out", func(t *testing.T, p place) {
			crashLoggingOut(t, p, (*browser).mustLogIn)
			crashLoggingOut(t, p, (*browser).mustLogInRemembered)
		}},
		{"change password", crashChangingPassword},
		{"add factor", crashAddingFactor},
		{"link", crashLinking},
		{"remember", crashRemembering},
		{"revoke everywhere", crashRevoking},
		{"revoke key", crashRevokingKey},
		{"delete user", crashDeletingUser},
	})
}

func crashRegistering(t *testing.T, p place) {
	next := p.open(t)
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		b := s.browser()
		crash()
		r := b.post("/auth/register", "email", address, "password", good)
		if told := r.status == http.StatusCreated; told && b.at(next).who() == "" {
			t.Error("told that they are logged in, and is not")
		} else if !told && b.at(next).who() != "" {
			t.Error("logged in and not told")
		}
		// The address is either free or that of a user who can log in.
		again := next.browser()
		r = again.post("/auth/register", "email", address, "password", good)
		if r.code() == "taken" {
			r = again.logIn(address, good)
		}
		if r.status != http.StatusOK && r.status != http.StatusCreated || again.who() == "" {
			t.Errorf("the address is blocked: %d %s", r.status, r.text)
		}
		if p.b.Name != "memory" { // there is a transaction, and nobody is left over
			for _, id := range s.users.there(t) {
				if _, err := next.m.Store().LoadCredential(t.Context(), "password", id); err != nil {
					t.Errorf("a user without a password: %v", err)
				}
			}
		}
	})
}

func crashLoggingIn(t *testing.T, p place) {
	next := p.open(t)
	id := next.register(email)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		b := next.browser().mustLogIn(email).at(s) // a login rotates: this session ends by it
		old := b.tab()
		crash()
		r := b.logInRemembered(email, good)
		if told := r.status == http.StatusOK; told != (b.tab().at(next).who() != "") && b.cookies["__Host-sid-"+p.realm] != old.cookies["__Host-sid-"+p.realm] {
			t.Errorf("told %d, and is %q", r.status, b.tab().at(next).who())
		} else if told {
			isNobody(t, "the session from before", old.at(next))
		}
		if again := next.browser().mustLogIn(email); again.who() != id {
			t.Error("logging in again does not")
		}
		next.must(next.m.RevokeUserSessions(t.Context(), id))
		isNobody(t, "revoked after the crash", b.at(next), old.at(next))
	})
}

func crashLoggingOut(t *testing.T, p place, logIn func(b *browser, email string) *browser) {
	next := p.open(t)
	email := fmt.Sprintf("ada%d@example.com", places.Add(1))
	id := next.register(email)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		b := logIn(next.browser(), email).at(s)
		tab := b.tab()
		crash()
		if r := tab.post("/auth/logout"); r.status == http.StatusOK {
			isNobody(t, "told that they are logged out", b.tab().at(next))
			restored := b.tab().at(next)
			restored.endSession()
			isNobody(t, "told that they are logged out, and remembered", restored)
		}
		b = b.at(next)
		if r := b.tab().post("/auth/logout"); r.status != http.StatusOK {
			t.Errorf("again: %d %s", r.status, r.text)
		}
		isNobody(t, "logged out again", b.tab())
		b.endSession()
		isNobody(t, "logged out again, and remembered", b)
		if n := len(next.live(id)); n != 0 {
			t.Errorf("%d sessions are kept", n)
		}
	})
}

func crashChangingPassword(t *testing.T, p place) {
	next := p.open(t)
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		next.register(address)
		b, elsewhere, remembered := next.browser().mustLogIn(address).at(s), next.browser().mustLogIn(address), next.browser().mustLogInRemembered(address)
		crash()
		r := b.post("/auth/password", "current", good, "password", other)
		old, changed := next.browser().logIn(address, good).status == http.StatusOK, next.browser().logIn(address, other).status == http.StatusOK
		if old == changed {
			t.Errorf("the old password is good: %v, the new one: %v", old, changed)
		}
		if r.status == http.StatusOK && !changed {
			t.Error("told that it is changed, and is not")
		}
		// In memory there is no transaction, and a crash leaves nothing at all.
		if changed && p.b.Name != "memory" {
			remembered.endSession()
			isNobody(t, "by the old password", elsewhere, remembered)
		}
		if !changed {
			again := next.browser().mustLogIn(address)
			if r := again.post("/auth/password", "current", good, "password", other); r.status != http.StatusOK {
				t.Errorf("again: %d %s", r.status, r.text)
			}
			remembered.endSession()
			isNobody(t, "by the old password, done again", elsewhere, remembered)
		}
	})
}

func crashAddingFactor(t *testing.T, p place) {
	next := p.open(t, withFactor)
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		id := next.register(address)
		weak := next.browser().mustLogIn(address)
		c := authtest.CodeCredential(id)
		crash()
		err := s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &c})
		_, found := next.m.Store().LoadCredential(t.Context(), "code", id)
		if err == nil && found != nil {
			t.Error("told that it is there, and is not")
		}
		if found == nil && p.b.Name != "memory" {
			isNobody(t, "by the password alone", weak)
		}
		b := next.browser()
		r := b.logIn(address, good)
		if (r.status == http.StatusOK) != (found != nil) {
			t.Errorf("the factor is there: %v, and logging in by the password is answered %d", found == nil, r.status)
		}
		if found == nil {
			if r := b.post("/auth/code", "code", authtest.Code); r.status != http.StatusOK {
				t.Errorf("with the code: %d %s", r.status, r.text)
			}
		} else if err := next.m.ChangeCredentials(t.Context(), id, auth.Change{New: &c}); err != nil {
			t.Errorf("again: %v", err)
		}
	}, withFactor)
}

func crashLinking(t *testing.T, p place) {
	idp, _ := newIDP(t)
	with := func(c *config) {
		c.providers = append(c.providers, oauth.New(authtest.Origin, nil, oauth.GitHub("app", "s3cret", &oauth.ConnectorOptions{Insecure: idp})))
	}
	next := p.open(t, with)
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@link.example", n)
		id := next.register(address)
		b := next.browser().mustLogIn(address).at(s)
		back := b.goThere(idp, "/auth/oauth/github/link")
		crash()
		b.get(back)
		b = b.at(next)
		links, err := next.m.Store().UserCredentials(t.Context(), id, "oauth:github")
		next.must(err)
		// What is linked logs in as this user; what is not can be linked again.
		if len(links) == 0 {
			if b.who() == "" {
				b.mustLogIn(address)
			}
			b.get(b.goThere(idp, "/auth/oauth/github/link"))
		}
		by := next.browser()
		by.get(by.goThere(idp, "/auth/oauth/github"))
		if by.who() != id {
			t.Errorf("logging in by the link: %q, want %q (%d links)", by.who(), id, len(links))
		}
		if r := next.browser().logIn(address, good); r.status != http.StatusOK {
			t.Errorf("by the password: %d", r.status)
		}
		links, err = next.m.Store().UserCredentials(t.Context(), id, "oauth:github")
		next.must(err)
		for i := range links {
			next.must(next.m.ChangeCredentials(t.Context(), id, auth.Change{Old: &links[i]}))
		}
	}, with)
}

func crashRemembering(t *testing.T, p place) {
	next := p.open(t)
	id := next.register(email)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		b := next.browser().mustLogInRemembered(email)
		b.endSession()
		old := b.tab()
		crash()
		b = b.at(s)
		b.get("/me")
		b = b.at(next)
		// With whatever it has now, the browser comes back, or its user logs in.
		b.endSession()
		if b.tab().who() != id {
			t.Error("the browser that was being restored is not remembered any more")
		}
		if got := next.events.Named("remember.reused"); len(got) != 0 {
			t.Errorf("a false alarm: %v", got)
		}
		// The old token is good no more once its time is over.
		p.clock.Advance(2 * time.Minute)
		b.get("/me")
		p.clock.Advance(2 * time.Minute)
		if old.cookies["__Host-remember-"+p.realm] != b.cookies["__Host-remember-"+p.realm] {
			isNobody(t, "the token from before", old.at(next))
		}
		next.events.Reset()
		next.must(next.m.RevokeUserSessions(t.Context(), id))
	})
}

func crashRevoking(t *testing.T, p place) {
	next := p.open(t)
	id := next.register(email)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		browsers := []*browser{next.browser().mustLogIn(email), next.browser().mustLogInRemembered(email), next.browser().mustLogInRemembered(email)}
		crash()
		if err := s.m.RevokeUserSessions(t.Context(), id); err == nil {
			isNobody(t, "told that it is done", browsers...)
		}
		next.must(next.m.RevokeUserSessions(t.Context(), id))
		browsers[2].endSession()
		isNobody(t, "done again", browsers...)
	})

	// A half-done login ends as well.
	next = p.open(t, withFactor)
	id = next.register("bob@example.com")
	next.owesCode(id)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		half := next.halfDone("bob@example.com")
		crash()
		if err := s.m.RevokeUserSessions(t.Context(), id); err != nil {
			next.must(next.m.RevokeUserSessions(t.Context(), id))
		}
		if r := half.post("/auth/code", "code", authtest.Code); r.status == http.StatusOK {
			t.Error("a login that was half done has been completed")
		}
	}, withFactor)
}

func crashRevokingKey(t *testing.T, p place) {
	next := p.open(t)
	id := next.register(email)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		made, err := next.keys.Create(t.Context(), id, apikey.NewKey{Name: "key"})
		next.must(err)
		good := func() bool {
			return next.browser().do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+made.Secret).status == http.StatusOK
		}
		crash()
		if err := s.keys.Revoke(t.Context(), id, made.ID); err == nil && good() {
			t.Error("told that it is withdrawn, and is good")
		}
		if err := next.keys.Revoke(t.Context(), id, made.ID); err != nil && !strings.Contains(err.Error(), "not found") {
			t.Errorf("again: %v", err)
		}
		if good() {
			t.Error("withdrawn again, and is good")
		}
	})
}

// A host deletes a user: first their sessions, then the user. Their credentials find
// nobody.
func crashDeletingUser(t *testing.T, p place) {
	next := p.open(t)
	n := 0
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		n++
		address := fmt.Sprintf("ada%d@example.com", n)
		id := next.register(address)
		b := next.browser().mustLogInRemembered(address)
		crash()
		err := s.m.RevokeUserSessions(t.Context(), id)
		if err == nil {
			err = s.users.DeleteUser(t.Context(), id)
		}
		if err != nil { // again, in the process that comes next
			next.must(next.m.RevokeUserSessions(t.Context(), id))
			next.must(next.users.DeleteUser(t.Context(), id))
		}
		isNobody(t, "deleted", b.tab())
		b.endSession()
		isNobody(t, "deleted, and remembered", b)
		if r := next.browser().logIn(address, good); r.status != http.StatusUnauthorized {
			t.Errorf("logging in as who was deleted: %d", r.status)
		}
	})
}
