package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Whoever has to log in, or to confirm who they are, is led back to the page with the
// buttons. The address that they came by has a code in it that nobody has used.
func TestHostileWayBackHasNoCode(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.register("ada@example.com")
	back := s.a.answer(j.startLink(), ada())
	delete(j.cookies, "__Host-sid") // the session has ended meanwhile, and not by a log-out
	r := j.get(back)
	if r.Code != http.StatusSeeOther || r.location() != "/auth/login?next=%2Fauth%2Faccounts" {
		t.Errorf("a callback without a session: %d to %q", r.Code, r.location())
	}
	if strings.Contains(r.location(), query(t, back, "code")) || strings.Contains(r.location(), query(t, back, "state")) {
		t.Error("the code, or the state, is in the address of the login page")
	}

	k := s.browser()
	k.register("bob@example.com")
	s.clock.Advance(11 * time.Minute)
	for _, path := range []string{"link", "unlink"} {
		if r := k.do(http.MethodPost, "/auth/oauth/alpha/"+path); r.location() != "/auth/confirm?next=%2Fauth%2Faccounts" {
			t.Errorf("%s without a fresh proof: %d to %q", path, r.Code, r.location())
		}
	}
}

// A meddler is a store in which something happens before a call.
type meddler struct {
	auth.Store
	mu     sync.Mutex
	before func(verb, kind string)
}

func (s *meddler) Unwrap() any { return s.Store }

// next makes something happen once, before the next call of verb for that kind.
func (s *meddler) next(verb, kind string, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = func(v, k string) {
		if v != verb || k != kind {
			return
		}
		s.before = nil
		s.mu.Unlock()
		defer s.mu.Lock()
		f()
	}
}

func (s *meddler) happen(verb, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		s.before(verb, kind)
	}
}

func (s *meddler) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	s.happen("LoadCredential", kind)
	return s.Store.LoadCredential(ctx, kind, key)
}

func (s *meddler) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	for _, c := range changes {
		if c.New != nil {
			s.happen("ChangeCredentials", c.New.Kind)
		} else {
			s.happen("ChangeCredentials", c.Old.Kind)
		}
	}
	return s.Store.ChangeCredentials(ctx, changes...)
}

func meddled(s **meddler) func(*setup) {
	return func(set *setup) {
		*s = &meddler{Store: memory.New(nil)}
		set.store = *s
	}
}

// Whoever takes an account back ends the sessions of whoever is in it. What such a
// session was about to change is not changed any more.
func TestHostileChangeOfAnEndedSession(t *testing.T) {
	var store *meddler
	s := newSite(t, meddled(&store))
	thief := s.browser()
	id := thief.register("ada@example.com")
	thief.get(s.b.answer(thief.start("beta/link"), Account{Subject: "77"}))
	end := func() {
		if err := s.m.RevokeUserSessions(context.Background(), id); err != nil {
			t.Error(err)
		}
	}
	back := s.a.answer(thief.startLink(), bob())
	store.next("LoadCredential", "account", end)
	if r := thief.get(back); len(s.links(id)) != 1 {
		t.Errorf("linked by a session that has ended: %d to %q, links %v", r.Code, r.location(), s.links(id))
	}

	thief.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
	store.next("LoadCredential", "account", end)
	if r := thief.do(http.MethodPost, "/auth/oauth/beta/unlink"); len(s.links(id)) != 1 {
		t.Errorf("unlinked by a session that has ended: %d to %q, links %v", r.Code, r.location(), s.links(id))
	}
}

// An address that is proved stands in for one way in and not for two: whoever owes a
// second factor links nothing before it is proved, and a disabled user links nothing.
func TestHostileAutoLinkIsNoSecondFactor(t *testing.T) {
	factor := authtest.Factor{}
	off := map[string]bool{}
	s := newSite(t, func(set *setup) {
		set.opts.AutoLink = true
		set.auth.Providers = []auth.Provider{&factor}
		set.users = loader{set.users, off}
	})
	owner := s.browser()
	id := owner.register("ada@example.com")
	s.verify("ada@example.com")
	off[id] = true
	s.browser().logIn(ada())
	off[id] = false
	if got := s.links(id); len(got) != 0 {
		t.Errorf("linked to a disabled user: %v", got)
	}
	c := authtest.CodeCredential(id)
	if err := s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &c}); err != nil {
		t.Fatal(err)
	}
	thief := s.browser()
	thief.refused("AutoLink to a user who owes a factor", thief.logIn(ada()), http.StatusConflict)
	if got := s.links(id); len(got) != 0 {
		t.Errorf("linked by half a login: %v", got)
	}
}

// An address that its user gives up, or that is found not to be theirs, while somebody
// comes with it, links nothing.
func TestHostileAutoLinkAddressMoves(t *testing.T) {
	var store *meddler
	s := newSite(t, meddled(&store), func(set *setup) { set.opts.AutoLink = true })
	id := s.browser().register("ada@example.com")
	s.verify("ada@example.com")
	store.next("LoadCredential", "account", func() {
		old, err := s.m.Store().LoadCredential(context.Background(), "email", "ada@example.com")
		if err == nil {
			err = s.m.ChangeCredentials(context.Background(), id, auth.Change{Old: &old})
		}
		if err != nil {
			t.Error(err)
		}
	})
	j := s.browser()
	r := j.logIn(ada())
	if got := s.links(id); len(got) != 0 || j.who() == id {
		t.Errorf("linked by an address that is not theirs any more: %d, links %v", r.Code, got)
	}
}

// One network that has many addresses keeps nobody else from logging in.
func TestHostileStartsOfAWideNetwork(t *testing.T) {
	for _, wide := range []func(i int) string{
		func(i int) string { return fmt.Sprintf("[2001:db8:7:%x::1]:1234", i) },
		func(i int) string { return fmt.Sprintf("198.51.100.%d:1234", i%250) },
		func(i int) string { return fmt.Sprintf("[2001:db8:%x::1]:1234", i) },
	} {
		s := newSite(t, func(set *setup) {
			set.opts.Starts, set.opts.MaxOpen = auth.Limit{Max: 2, Per: time.Minute}, 400
		})
		from := func(addr string) int {
			r := httptest.NewRequest(http.MethodPost, authtest.Origin+"/auth/oauth/alpha", nil)
			r.RemoteAddr = addr
			w := httptest.NewRecorder()
			s.h.ServeHTTP(w, r)
			return w.Code
		}
		for i := range 500 {
			from(wide(i))
		}
		if got := from("203.0.113.9:1234"); got != http.StatusSeeOther {
			t.Errorf("after 500 starts from %s and the like, somebody else gets %d", wide(1), got)
		}
	}
}

// Whoever makes up callbacks leaves no more records of them than logins may be begun, and
// keeps nobody's own from being told.
func TestHostileCallbacksWithoutEnd(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.Starts = auth.Limit{Max: 5, Per: time.Minute} })
	told := func() (n int) {
		for _, e := range s.events.Events() {
			if e.Name == "login.failed" {
				n++
			}
		}
		return n
	}
	j := s.browser()
	for _, query := range []string{"code=x&state=" + strings.Repeat("A", 43), "code=x", "state=a&state=b"} {
		for range 20 {
			if r := j.get("/auth/oauth/alpha/callback?" + query); r.Code != http.StatusBadRequest {
				t.Fatalf("%s: %d", query, r.Code)
			}
		}
	}
	if n := told(); n != 5 {
		t.Errorf("%d events of 60, want 5", n)
	}
	s.clock.Advance(time.Minute)
	if j.get("/auth/oauth/alpha/callback?code=x&state=a"); told() != 6 {
		t.Errorf("%d events a minute later, want 6", told())
	}
}

// Of many first logins at once all get in, by AutoLink as well.
func TestHostileAutoLinkInParallel(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.AutoLink = true })
	id := s.browser().register("ada@example.com")
	s.verify("ada@example.com")
	const callers = 20
	back := make([]string, callers)
	jars := make([]*jar, callers)
	for i := range jars {
		jars[i] = s.browser()
		back[i] = s.a.answer(jars[i].start("alpha"), ada())
	}
	s.store.Meet("UserCredentials", callers)
	var wg sync.WaitGroup
	for i, j := range jars {
		wg.Go(func() {
			if r := j.get(back[i]); r.Code != http.StatusSeeOther {
				t.Errorf("%d: %s", r.Code, r.text)
			}
		})
	}
	wg.Wait()
	if got := s.links(id); len(got) != 1 {
		t.Errorf("links %v", got)
	}
}

// A name that is taken is not said to be an address.
func TestHostileNameIsTaken(t *testing.T) {
	s := newSite(t, func(set *setup) {
		set.opts.NewUser = func(_ context.Context, _ string, a Account) (auth.Profile, error) {
			return auth.Profile{Username: a.Username}, nil
		}
	})
	a, b := ada(), bob()
	a.Username, b.Username = "ada", "ada"
	s.browser().logIn(a)
	j := s.browser()
	j.header.Set("Accept", "application/json")
	if r := j.get(s.a.answer(s.authURL(j), b)); r.Code != http.StatusConflict || r.code() != "taken" {
		t.Errorf("%d %s", r.Code, r.text)
	}
}

// authURL begins a login of a client that wants JSON.
func (s *site) authURL(j *jar) string {
	var to struct{ Next string }
	if err := json.Unmarshal([]byte(j.do(http.MethodPost, "/auth/oauth/alpha").text), &to); err != nil {
		s.t.Fatal(err)
	}
	return to.Next
}

// Whoever unlinks what their session rests on is logged out, and led to where they
// asked for, or Home.
func TestHostileUnlinkOwnWayLeadsOn(t *testing.T) {
	for next, want := range map[string]string{"": "/", "/me": "/me", "//evil.example": "/", "/auth/logout": "/"} {
		s := newSite(t)
		j := s.browser()
		j.logIn(ada())
		j.get(s.b.answer(j.start("beta/link"), Account{Subject: "77"}))
		r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink", "next", next)
		if r.Code != http.StatusSeeOther || r.location() != want || j.who() != "" {
			t.Errorf("next %q: %d to %q, want %q", next, r.Code, r.location(), want)
		}
	}
}

// Where nobody can register, an address that an identity provider does not vouch for
// does not say whether somebody here has it.
func TestHostileClosedTellsNoAddress(t *testing.T) {
	s := newSite(t, func(set *setup) { set.opts.Closed = true })
	s.browser().register("ada@example.com")
	a := ada()
	for _, a.EmailStatus = range []EmailStatus{EmailUnverified, EmailUnknown} {
		there := s.browser().logIn(a)
		a.Email = "nobody@example.com"
		if not := s.browser().logIn(a); there.Code != not.Code || there.text != not.text {
			t.Errorf("%q: %d for an address that is here, %d for another", a.EmailStatus, there.Code, not.Code)
		}
		a.Email = "ada@example.com"
	}
	a.EmailStatus = EmailVerified
	if r := s.browser().logIn(a); r.Code != http.StatusConflict {
		t.Errorf("an address that is theirs: %d", r.Code)
	}
}
