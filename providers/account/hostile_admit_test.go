package account_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Who has an account from before addresses had to be verified, and has not verified
// theirs, is not let in: not by the right password, nor by a remembered browser. They are
// sent the link.
func TestRequiredOfOldUsers(t *testing.T) {
	users, store := authtest.NewUsers(), memory.New(nil)
	optional := newSite(t, func(set *setup) { set.store, set.users = store, users })
	optional.register(ada, good)
	optional.flush()
	kept := optional.browser().logIn(ada, good, "remember", "true")
	s := newSite(t, required, func(set *setup) {
		set.store, set.users = store, users
		set.account.PerAddress = auth.Limit{Max: 3, Per: time.Hour}
		set.auth.IdleTimeout = time.Minute
	})
	s.clock.Advance(2 * time.Hour)

	if r := s.browser().post("/login", "email", ada, "password", other); r.Code != http.StatusUnauthorized || r.code() != "bad_credentials" {
		t.Errorf("with a wrong password: %d %s", r.Code, r.text)
	}
	if all := s.mails(ada); len(all) != 0 {
		t.Errorf("a wrong password sends mail: %+v", all)
	}
	back := s.browser()
	back.cookies = kept.cookies
	if got := back.who(); got != "" {
		t.Errorf("the remembered browser is that of %q", got)
	}
	if all := s.mails(ada); len(all) != 0 {
		t.Errorf("a remembered browser sends mail: %+v", all)
	}
	b := s.browser()
	for range 5 {
		if r := b.post("/login", "email", ada, "password", good); r.Code != http.StatusForbidden || r.code() != "email_unverified" || b.who() != "" {
			t.Errorf("with the right password: %d %s", r.Code, r.text)
		}
		s.flush() // one by one: the token that is made last is the one that is good
	}
	if n := len(s.mails(ada)); n != 3 {
		t.Errorf("%d mails, want 3 of 5", n)
	}
	if r := b.post("/verify", "token", s.token(s.mail(ada, "account.verify")), "password", good); r.Code != http.StatusOK {
		t.Errorf("verifying: %d %s", r.Code, r.text)
	}
	if !s.logsIn(ada, good) {
		t.Error("verified, and not let in")
	}
}

// Who has no address has nothing to verify.
func TestRequiredOfWhoHasNoAddress(t *testing.T) {
	s := newSite(t, required)
	id := s.register(ada, good)
	u, err := s.users.LoadUser(t.Context(), id)
	s.must(err)
	old, _ := s.email(ada)
	s.must(s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &old}))
	if err := s.account.Admit(t.Context(), u, []auth.Proof{{Method: "hub", Kind: "oauth:hub"}}); err != nil {
		t.Errorf("without an address: %v", err)
	}
}

// An outage of the store lets nobody in.
func TestRequiredOutage(t *testing.T) {
	s := newSite(t, required)
	s.register(ada, good)
	for _, verb := range []string{"UserCredentials", "LoadCredential"} {
		s.store.Reset()
		s.store.FailVerb(verb, nil)
		if r := s.browser().post("/login", "email", ada, "password", good); r.Code != http.StatusServiceUnavailable {
			t.Errorf("%s is down: %d %s", verb, r.Code, r.text)
		}
	}
	s.store.Reset()
	if s.logsIn(ada, good) {
		t.Error("let in")
	}
}

// Registering is limited by network, whether or not an address is taken.
func TestRegisteringLimited(t *testing.T) {
	for name, set := range map[string][]func(*setup){"optional": nil, "required": {required}} {
		s := newSite(t, append(set, func(set *setup) { set.password.PerNetwork = auth.Limit{} })...)
		s.verified(ada, good)
		for i := range 10 {
			if r := s.browser().post("/register", "email", fmt.Sprintf("user%d@example.com", i), "password", good); r.Code/100 != 2 {
				t.Errorf("%s: %d. time: %d %s", name, i+1, r.Code, r.text)
			}
		}
		taken, free := s.browser().post("/register", "email", ada, "password", good), s.browser().post("/register", "email", bob, "password", good)
		if taken.Code != http.StatusTooManyRequests || taken.text != free.text || taken.Code != free.Code || text(taken.Header()) != text(free.Header()) {
			t.Errorf("%s: %d %s, and where nobody has the address: %d %s", name, taken.Code, taken.text, free.Code, free.text)
		}
	}
}

// Without addresses there is nothing to verify: that is said at once.
func TestRequiredWithoutAddresses(t *testing.T) {
	for _, login := range []password.Login{password.ByEmail, password.ByUsername, password.ByEither} {
		p := password.New(&password.Options{Login: login})
		post := mail.New(authtest.Origin, memory.NewOutbox(), &mail.Box{}, nil)
		_, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{p, post, account.New(post, &account.Options{RequireVerification: true})}})
		if login != password.ByUsername && err != nil || login == password.ByUsername && (err == nil || !strings.Contains(err.Error(), "make it ByEmail or ByEither")) {
			t.Errorf("%d: %v", login, err)
		}
	}
	p := password.New(&password.Options{Login: password.ByUsername})
	post := mail.New(authtest.Origin, memory.NewOutbox(), &mail.Box{}, nil)
	if _, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{p, post, account.New(post, nil)}}); err != nil {
		t.Errorf("not required: %v", err)
	}
}
