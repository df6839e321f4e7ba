package backends_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
)

// What a store that is down, slow or lost makes of a site, security.md §5.4.
func TestFaults(t *testing.T) {
	onAll(t, []raceCase{
		{"FT-01", func(t *testing.T, p place) { failsAt(t, p, flows(), ordered(order.Fail)) }},
		{"FT-02", func(t *testing.T, p place) { failsAt(t, p, flows(), ordered(order.Lose)) }},
		{"FT-03", lookUpFails},
		{"FT-04", logOutFails},
		{"FT-05", revocationFails},
		{"FT-09", clientGone},
		{"FT-12", staleReads},
		{"FT-14", restartMeanwhile},
		{"FT-17", typedErrors},
	})
}

// errSecret is an error whose text nobody is to read.
var errSecret = errors.New("dial tcp 10.0.0.5:5432: password is hunter2")

// A flow is a request that ends with a login. prepare is all that comes before it,
// on a process in which nothing fails.
type flow struct {
	name    string
	prepare func(s *site, email string) *browser
	do      func(b *browser, email string) reply
	// what cookies it may set although it failed; nil: none
	keeps []string
}

func flows() []flow {
	return []flow{
		{"log in", func(s *site, email string) *browser { s.register(email); return s.browser() },
			func(b *browser, email string) reply { return b.logIn(email, good) }, nil},
		{"log in, remembered", func(s *site, email string) *browser { s.register(email); return s.browser() },
			func(b *browser, email string) reply { return b.logInRemembered(email, good) }, nil},
		{"register", func(s *site, email string) *browser { return s.browser() },
			func(b *browser, email string) reply {
				r := b.post("/auth/register", "email", email, "password", good)
				if r.code() == "taken" { // it was done, and the reply was lost
					return b.logIn(email, good)
				}
				return r
			}, nil},
		{"come back", func(s *site, email string) *browser {
			s.register(email)
			b := s.browser().mustLogInRemembered(email)
			b.endSession()
			return b
		}, func(b *browser, email string) reply { return b.get("/me") }, []string{"__Host-remember"}},
		{"complete", func(s *site, email string) *browser {
			s.owesCode(s.register(email))
			return s.halfDone(email)
		}, func(b *browser, email string) reply {
			r := b.post("/auth/code", "code", authtest.Code)
			if r.status == http.StatusUnauthorized { // it was used up: begin anew
				b.logIn(email, good)
				r = b.post("/auth/code", "code", authtest.Code)
			}
			return r
		}, []string{"__Host-login"}},
		{"confirm", func(s *site, email string) *browser { s.register(email); return s.browser().mustLogIn(email) },
			func(b *browser, email string) reply {
				r := b.post("/auth/confirm", "password", good)
				if r.status == http.StatusUnauthorized { // the session has ended: log in
					r = b.logIn(email, good)
				}
				return r
			}, []string{"__Host-device"}}, // the password was right, and that browser may guess
	}
}

// A failure makes the k-th thing from now fail that s asks for. hits says whether it
// has come to that, and ends it.
type failure func(s *site, k int) (hits func() bool)

func ordered(how func(o order, err error) *fault) failure {
	return func(s *site, k int) func() bool {
		x := how(s.faults.On().At(k), errSecret)
		return func() bool {
			x.Stop()
			return x.Hits() > 0
		}
	}
}

// Each flow with each of its calls to the store failing, before or after the store
// has done it: nobody is told that they are logged in who is not, nobody is logged in
// who was not told, and trying again works.
func failsAt(t *testing.T, p place, flows []flow, failure failure) {
	t.Helper()
	s, before := p.open(t, withFactor), p.open(t, withFactor)
	for i, flow := range flows {
		for k := 1; ; k++ {
			email := fmt.Sprintf("ada%d@%d.example", k, i)
			b := flow.prepare(before, email).at(s)
			hits := failure(s, k)
			tab := b.tab()
			r := flow.do(tab, email)
			hit := hits()
			calls := s.faults.Calls()
			switch {
			case r.status == http.StatusOK || r.status == http.StatusCreated:
				if tab.who() == "" {
					t.Errorf("%d, and nobody is logged in", r.status)
				}
			case r.status == http.StatusServiceUnavailable:
				for _, c := range (&http.Response{Header: r.header}).Cookies() {
					if !slices.ContainsFunc(flow.keeps, func(name string) bool { return strings.HasPrefix(c.Name, name) }) {
						t.Errorf("503 with the cookie %s", c.Name)
					}
				}
				if strings.Contains(r.text, "hunter2") || strings.Contains(r.text, "10.0.0.5") {
					t.Errorf("the answer tells what is wrong: %s", r.text)
				}
				fresh := tab.tab()
				if flow.name != "confirm" && flow.name != "come back" {
					isNobody(t, "after 503", fresh)
				}
			default:
				t.Errorf("%d %s", r.status, r.text)
			}
			if again := flow.do(tab, email); again.status != http.StatusOK && again.status != http.StatusCreated || tab.who() == "" {
				t.Errorf("trying again: %d %s", again.status, again.text)
			}
			if t.Failed() {
				t.Fatalf("%s: it failed at call %d of %q", flow.name, k, calls[max(0, len(calls)-30):])
			}
			if !hit {
				if k == 1 {
					t.Fatalf("%s does not call the store", flow.name)
				}
				break
			}
		}
	}
	there := append(s.users.there(t), before.users.there(t)...)
	for _, id := range there { // nobody is left over whom nobody can log in as
		if held, err := before.m.Store().UserCredentials(t.Context(), id, "password"); err != nil || len(held) != 1 {
			t.Errorf("user %s has %d passwords, %v", id, len(held), err)
		}
	}
}

// While sessions cannot be found, nobody is nobody: 503 everywhere, no cookie is
// touched, and afterwards all is as before.
func lookUpFails(t *testing.T, p place) {
	s := p.open(t)
	id := s.register(email)
	b := s.browser().mustLogInRemembered(email)
	for name, how := range map[string]func(o order) *fault{
		"fails": func(o order) *fault { return o.Fail(errSecret) },
		"lost":  func(o order) *fault { return o.Lose(errSecret) },
		"ended": func(o order) *fault { return o.Fail(context.DeadlineExceeded) },
	} {
		x := how(s.faults.On("LoadSession"))
		for _, path := range []string{"/me", "/page", "/fresh", "/auth/session", "/auth/sessions"} {
			if r := b.get(path); r.status != http.StatusServiceUnavailable || len(r.header["Set-Cookie"]) != 0 || strings.Contains(r.text, "hunter2") {
				t.Errorf("%s: GET %s: %d %s, cookies %q", name, path, r.status, r.text, r.header["Set-Cookie"])
			}
		}
		if r := b.post("/auth/password", "current", good, "password", other); r.status != http.StatusServiceUnavailable {
			t.Errorf("%s: changing the password: %d", name, r.status)
		}
		if r := s.browser().get("/page"); r.status != http.StatusOK {
			t.Errorf("%s: who has no cookie gets %d", name, r.status)
		}
		x.Stop()
		if b.who() != id {
			t.Errorf("%s: afterwards the session is not there", name)
		}
	}
}

// Logging out while the store is down: the browser is told that it failed and its
// cookies are gone; nothing says "logged out", and trying again ends the session.
func logOutFails(t *testing.T, p place) {
	s := p.open(t)
	id := s.register(email)
	for name, how := range map[string]func(o order) *fault{
		"fails":             func(o order) *fault { return o.Fail(errSecret) },
		"fails, remembered": func(o order) *fault { return o.Fail(errSecret) },
		"dies":              func(o order) *fault { return o.Kill() },
	} {
		b := s.browser()
		if strings.Contains(name, "remembered") {
			b.mustLogInRemembered(email)
		} else {
			b.mustLogIn(email)
		}
		s.events.Reset()
		x := how(s.faults.On("DeleteSession"))
		tab := b.tab()
		r := tab.post("/auth/logout")
		s.faults.Reset()
		if x.Hits() == 0 || r.status != http.StatusServiceUnavailable {
			t.Errorf("%s: the log-out: %d %s", name, r.status, r.text)
		}
		for c := range tab.cookies {
			if strings.HasPrefix(c, "__Host-sid") || strings.HasPrefix(c, "__Host-remember") {
				t.Errorf("%s: the browser has still its %s", name, c)
			}
		}
		if got := s.events.Named("logout"); len(got) != 0 {
			t.Errorf("%s: somebody was told that they are logged out: %v", name, got)
		}
		if r := b.post("/auth/logout"); r.status != http.StatusOK {
			t.Errorf("%s: trying again: %d %s", name, r.status, r.text)
		}
		if n := len(s.live(id)); n != 0 {
			t.Errorf("%s: %d sessions are kept", name, n)
		}
	}
}

// What ends sessions fails at each of its calls to the store: it says so, and doing
// it again ends them all.
func revocationFails(t *testing.T, p place) {
	s, before := p.open(t), p.open(t)
	for name, end := range map[string]func(id string, b *browser) (failed bool){
		"everywhere": func(id string, b *browser) bool { return s.m.RevokeUserSessions(t.Context(), id) != nil },
		"password": func(_ string, b *browser) bool {
			return b.post("/auth/password", "current", good, "password", other).status != http.StatusOK
		},
	} {
		for _, how := range []func(o order, err error) *fault{order.Fail, order.Lose} {
			for k := 1; ; k++ {
				address := fmt.Sprintf("ada%d@%s.example", places.Add(1), strings.ReplaceAll(name, " ", "-"))
				id := before.register(address)
				b := before.browser().mustLogIn(address)
				others := []*browser{before.browser().mustLogInRemembered(address)}
				x := how(s.faults.On().At(k), errSecret)
				failed := end(id, b.tab().at(s))
				x.Stop()
				changed := before.browser().logIn(address, good).status != http.StatusOK
				if !failed && (name != "password" || changed) {
					isNobody(t, name+": said to be done", others...)
				}
				if name == "password" && !failed && !changed {
					t.Error("said to be changed, and is not")
				}
				if failed {
					if changed || name != "password" {
						if err := s.m.RevokeUserSessions(t.Context(), id); err != nil {
							t.Errorf("%s: again: %v", name, err)
						}
						others[0].endSession()
						isNobody(t, name+": done again", others...)
					}
				}
				if t.Failed() {
					t.Fatalf("%s: it failed at call %d", name, k)
				}
				if x.Hits() == 0 {
					break
				}
			}
		}
	}
}

// A client goes away at each call of its login to the store: what is left cannot be
// used, and does not hinder the next login.
func clientGone(t *testing.T, p place) {
	s, before := p.open(t, withFactor), p.open(t, withFactor)
	for i, flow := range flows()[1:] { // the second is the first, and more
		n := 0
		interrupt(t, []string{"before"}, func(t *testing.T, order func(f *faults, happens func()) *fault) {
			n++
			email := fmt.Sprintf("ada%d@%d.example", n, i)
			b := flow.prepare(before, email).at(s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			gone := b.tab()
			gone.ctx = ctx
			x := order(s.faults, cancel)
			flow.do(gone, email) // and nobody sees the answer
			x.Stop()
			if r := flow.do(b, email); r.status != http.StatusOK && r.status != http.StatusCreated || b.who() == "" {
				t.Errorf("%s: trying again: %d %s", flow.name, r.status, r.text)
			}
		})
	}
	there := append(s.users.there(t), before.users.there(t)...)
	for _, id := range there {
		if held, err := before.m.Store().UserCredentials(t.Context(), id, "password"); err != nil || len(held) != 1 {
			t.Errorf("user %s has %d passwords, %v", id, len(held), err)
		}
	}
}

// A replica answers LoadSession as the store would have some time ago. It is what a
// host must not put behind a site.
type replica struct {
	auth.Store
	mu    sync.Mutex
	stale map[auth.SessionID]*auth.Session // nil: it keeps up
}

func (r *replica) Unwrap() any { return r.Store }

// stop makes it fall behind from now on.
func (r *replica) stop(sessions ...*auth.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale = map[auth.SessionID]*auth.Session{}
	for _, s := range sessions {
		r.stale[s.ID] = s
	}
}

func (r *replica) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stale == nil {
		return r.Store.LoadSession(ctx, id)
	}
	if s, ok := r.stale[id]; ok {
		return s, nil
	}
	return nil, fmt.Errorf("replica: %w", auth.ErrNotFound)
}

// Reads from a replica that is behind: who was disabled is out nevertheless, and so
// is a session that was ended as soon as its use would be written; who has just logged
// in is asked again, and nothing breaks.
func staleReads(t *testing.T, p place) {
	var behind *replica
	s, primary := p.open(t, func(c *config) {
		c.store = func(store auth.Store) auth.Store { behind = &replica{Store: store}; return behind }
	}), p.open(t)
	ids := []string{s.register(email), s.register("bob@example.com")}
	disabled, revoked := s.browser().mustLogIn(email), s.browser().mustLogIn("bob@example.com")
	behind.stop(inRealm(p, primary.live(ids[0])[0]), inRealm(p, primary.live(ids[1])[0]))
	primary.must(primary.users.SetDisabled(t.Context(), ids[0], true))
	isNobody(t, "disabled, and read from a replica", disabled)

	primary.must(primary.m.RevokeUserSessions(t.Context(), ids[1]))
	p.clock.Advance(2 * time.Minute)
	isNobody(t, "revoked, read from a replica, and used", revoked)

	b := s.browser()
	if r := b.logIn("bob@example.com", good); r.status != http.StatusOK {
		t.Errorf("logging in: %d %s", r.status, r.text)
	}
	isNobody(t, "not on the replica yet", b)
	if r := b.at(primary).get("/me"); r.status != http.StatusOK {
		t.Errorf("at the primary: %d", r.status)
	}
}

// A process is started anew in the middle of a flow. What was kept goes on; where
// nothing was kept the visitor begins anew, and nothing breaks.
func restartMeanwhile(t *testing.T, p place) {
	old := p.open(t, withFactor)
	old.owesCode(old.register(email))
	old.register("bob@example.com")
	half, in := old.halfDone(email), old.browser().mustLogInRemembered("bob@example.com")

	next := p.open(t, withFactor)
	if r := half.tab().at(next).post("/auth/code", "code", authtest.Code); r.status != http.StatusOK {
		t.Errorf("with what was kept: %d %s", r.status, r.text)
	}

	lost := place{backends.Memory(t), p.realm, p.clock}.open(t, withFactor)
	lost.owesCode(lost.register(email))
	for path, b := range map[string]*browser{"/auth/code": half.at(lost), "/auth/confirm": in.tab().at(lost)} {
		if r := b.post(path, "code", authtest.Code, "password", good); r.status != http.StatusUnauthorized {
			t.Errorf("POST %s with what was lost: %d %s", path, r.status, r.text)
		}
	}
	isNobody(t, "with what was lost", in.at(lost))
	again := lost.halfDone(email)
	if r := again.post("/auth/code", "code", authtest.Code); r.status != http.StatusOK {
		t.Errorf("beginning anew: %d %s", r.status, r.text)
	}
}

// What is refused is refused by name, and two who change the same things in other
// orders do not lock one another out.
func typedErrors(t *testing.T, p place) {
	stores := []auth.Store{p.open(t).m.Store(), p.open(t).m.Store()}
	ctx := t.Context()
	const n = 4
	keys := make([]auth.Credential, n)
	for i := range keys {
		keys[i] = auth.Credential{Kind: "kind", Key: fmt.Sprint(i), UserID: "ada", CreatedAt: p.clock.Now()}
		if err := stores[0].ChangeCredentials(ctx, auth.Change{New: &keys[i]}); err != nil {
			t.Fatal(err)
		}
		if err := stores[1].ChangeCredentials(ctx, auth.Change{New: &keys[i]}); !errors.Is(err, auth.ErrExists) {
			t.Errorf("a credential that is there: %v", err)
		}
	}
	ticket := auth.Ticket{Purpose: "p", Key: "k", CreatedAt: p.clock.Now(), ExpiresAt: p.clock.Now().Add(time.Hour)}
	if err := stores[0].PutTicket(ctx, ticket); err != nil {
		t.Fatal(err)
	}
	if err := stores[1].PutTicket(ctx, ticket); !errors.Is(err, auth.ErrExists) {
		t.Errorf("a ticket that is there: %v", err)
	}

	for round := range 20 {
		held, err := stores[0].UserCredentials(ctx, "ada", "kind")
		if err != nil || len(held) != n {
			t.Fatalf("%d credentials, %v", len(held), err)
		}
		errs := make([]error, 8)
		atOnce(len(errs), func(i int) {
			changes := make([]auth.Change, n)
			for j := range changes {
				c := held[j]
				c.Label = fmt.Sprint(i)
				changes[j] = auth.Change{Old: &held[j], New: &c}
			}
			if i%2 == 1 {
				slices.Reverse(changes)
			}
			errs[i] = stores[i%2].ChangeCredentials(ctx, changes...)
		})
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !errors.Is(err, auth.ErrConflict) {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if done != 1 {
			t.Errorf("round %d: %d have changed the same credentials, want 1", round, done)
		}
	}
}
