package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A far source counts what it is asked, and says what the test wants.
type far struct {
	mu      sync.Mutex
	grants  map[string][]rbac.Grant
	roles   []rbac.Role
	version int64 // of the definitions
	says    int64 // what Grants says of that; 0: version
	err     error
	before  func() // Roles answers

	askedGrants, askedRoles atomic.Int64
}

func (f *far) Grants(ctx context.Context, userID string) ([]rbac.Grant, int64, error) {
	f.askedGrants.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	version := f.version
	if f.says != 0 {
		version = f.says
	}
	return f.grants[userID], version, f.err
}

func (f *far) Roles(ctx context.Context) ([]rbac.Role, int64, error) {
	f.askedRoles.Add(1)
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before()
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.roles, f.version, f.err
}

func (f *far) set(change func(f *far)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func newFar() *far {
	return &far{
		grants:  map[string][]rbac.Grant{"ada": {{UserID: "ada", Role: "editor"}}},
		roles:   []rbac.Role{{Name: "editor", Permissions: []string{"posts:edit"}}},
		version: 7,
	}
}

func edits(tb testing.TB, a *rbac.Authorizer, user string) string {
	return verdict(a.Authorize(tb.Context(), auth.Access{Identity: who(user), Action: "posts:edit"}))
}

// A source is asked once per request what a user was granted, and for the definitions
// when they are others than before.
func TestOncePerRequest(t *testing.T) {
	source := newFar()
	a := newAuthorizer(t, source, &rbac.Options{Logger: (&journal{}).logger()})
	m, err := auth.New(authtest.NewUsers("ada", "bob"), memory.New(nil), &auth.Options{Authorizer: a, Logger: (&journal{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	page := m.Handler(m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var said []string
		for range 3 {
			said = append(said, verdict(m.Authorize(r.Context(), "posts:edit", nil)))
			_, rolesErr := a.RolesOf(r.Context(), auth.Access{Identity: who("ada")})
			_, filterErr := policy.Filter(r.Context(), m, "posts:edit", "post")
			if down := said[0] == "outage"; (rolesErr != nil) != down || (filterErr != nil) != down {
				t.Errorf("%s, but RolesOf: %v, Filter: %v", said[0], rolesErr, filterErr)
			}
		}
		if slices.ContainsFunc(said, func(s string) bool { return s != said[0] }) {
			t.Errorf("%q in one request", said)
		}
		fmt.Fprint(w, said[0])
	})))
	cookie := authtest.LogIn(t, m, "ada")
	ask := func(want string, grants, roles int64) {
		t.Helper()
		beforeGrants, beforeRoles := source.askedGrants.Load(), source.askedRoles.Load()
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(cookie)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		if w.Body.String() != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
		if g, r := source.askedGrants.Load()-beforeGrants, source.askedRoles.Load()-beforeRoles; g != grants || r != roles {
			t.Errorf("asked for grants %d times and for roles %d times, want %d and %d", g, r, grants, roles)
		}
	}
	ask("yes", 1, 1)
	ask("yes", 1, 0)
	source.set(func(f *far) { f.grants = nil })
	ask("no", 1, 0)
	source.set(func(f *far) { f.grants = map[string][]rbac.Grant{"ada": {{UserID: "ada", Role: "editor", Tenant: ""}}} })
	ask("yes", 1, 0)
	source.set(func(f *far) { f.roles, f.version = []rbac.Role{{Name: "editor"}}, 8 })
	ask("no", 1, 1)
	source.set(func(f *far) { f.grants, f.roles, f.version = newFar().grants, newFar().roles, 9 })
	ask("yes", 1, 1)
	source.set(func(f *far) { f.err = errors.New("it is down") })
	ask("outage", 9, 0) // what went wrong is not kept
	source.set(func(f *far) { f.err = fmt.Errorf("odd: %w", auth.ErrForbidden) })
	ask("outage", 9, 0)
	source.set(func(f *far) { f.err = nil })
	ask("yes", 1, 0)
}

func (f *far) expect(t *testing.T, roles int64, do func()) {
	t.Helper()
	before := f.askedRoles.Load()
	do()
	if n := f.askedRoles.Load() - before; n != roles {
		t.Errorf("roles were asked for %d times, want %d", n, roles)
	}
}

// A replica that has fallen behind does not bring back what was taken away, nor has
// everything read again and again; a source that has gone back is followed in the end.
func TestOlderVersions(t *testing.T) {
	clock := authtest.NewClock(time.Unix(1_800_000_000, 0))
	log := &journal{}
	source := newFar()
	a := newAuthorizer(t, source, &rbac.Options{Now: clock.Now, Logger: log.logger()})
	want := func(want string, roles int64) {
		t.Helper()
		source.expect(t, roles, func() {
			t.Helper()
			if got := edits(t, a, "ada"); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	want("yes", 1)
	before := source.roles
	source.set(func(f *far) { f.roles, f.version = []rbac.Role{{Name: "editor"}}, 8 })
	want("no", 1)
	for range 5 { // the replica and the primary, in turn
		source.set(func(f *far) { f.says = 7 })
		want("no", 0)
		source.set(func(f *far) { f.says = 8 })
		want("no", 0)
		clock.Advance(50 * time.Second)
	}
	// The replica has not the definitions that it says: what is in force stays.
	source.set(func(f *far) { f.says, f.version, f.roles = 9, 7, before })
	want("no", 1)
	want("no", 1)
	// It has gone back for good.
	source.set(func(f *far) { f.says = 7 })
	want("no", 0)
	clock.Advance(59 * time.Second)
	want("no", 0)
	clock.Advance(2 * time.Second)
	want("yes", 1)
	want("yes", 0)
	if n := strings.Count(log.String(), "gone back"); n != 1 {
		t.Errorf("the log says it %d times:\n%s", n, log)
	}
	// Reload takes what there is at once.
	source.set(func(f *far) { f.says, f.version, f.roles = 0, 3, []rbac.Role{{Name: "editor"}} })
	want("yes", 0)
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("no", 0)
}

// Many who need the definitions at once have them read once.
func TestSingleFlight(t *testing.T) {
	source := newFar()
	asked, answer := make(chan struct{}), make(chan struct{})
	source.before = sync.OnceFunc(func() { close(asked); <-answer })
	a := newAuthorizer(t, source, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := edits(t, a, "ada"); got != "yes" {
				t.Error(got)
			}
		})
	}
	<-asked
	for source.askedGrants.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	close(answer)
	wg.Wait()
	if n := source.askedRoles.Load(); n != 1 {
		t.Errorf("roles were asked for %d times", n)
	}
}

// Of those who wait for the definitions, one whose request has ended goes; if it was
// the one that asked, or it has panicked, another asks.
func TestWhoAsksMayGo(t *testing.T) {
	for name, leave := range map[string]func(cancel func()){
		"ended":    func(cancel func()) { cancel() },
		"panicked": func(func()) { panic("the driver's") },
	} {
		t.Run(name, func(t *testing.T) {
			source := newFar()
			asked, answer := make(chan struct{}), make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var once sync.Once
			source.before = func() {
				once.Do(func() { close(asked); <-answer; leave(cancel) })
			}
			a := newAuthorizer(t, source, nil)
			var wg sync.WaitGroup
			wg.Go(func() {
				defer func() { _ = recover() }()
				if err := a.Authorize(ctx, auth.Access{Identity: who("ada"), Action: "posts:edit"}); verdict(err) != "outage" {
					t.Errorf("who has gone: %v", err)
				}
			})
			<-asked
			for range 5 {
				wg.Go(func() {
					if got := edits(t, a, "ada"); got != "yes" {
						t.Error(got)
					}
				})
			}
			gone, leave := context.WithCancel(t.Context())
			wg.Go(func() {
				if err := a.Authorize(gone, auth.Access{Identity: who("ada"), Action: "posts:edit"}); err == nil {
					t.Error("allowed")
				}
			})
			for source.askedGrants.Load() < 7 {
				time.Sleep(time.Millisecond)
			}
			leave()
			close(answer)
			wg.Wait()
		})
	}
}

// When the source says newer versions than it has, nobody waits for many others.
func TestNoConvoy(t *testing.T) {
	source := newFar()
	a := newAuthorizer(t, source, nil)
	if got := edits(t, a, "ada"); got != "yes" {
		t.Fatal(got)
	}
	source.set(func(f *far) { f.says = 100 })
	source.expect(t, 1, func() { edits(t, a, "ada") })
	before := source.askedRoles.Load()
	source.set(func(f *far) { f.before = func() { time.Sleep(5 * time.Millisecond) } })
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got := edits(t, a, "ada"); got != "yes" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if n := source.askedRoles.Load() - before; n > 10 {
		t.Errorf("50 at once asked for the roles %d times", n)
	}
}

// What is wrong with definitions grants nothing and is told; what is right counts.
func TestSourceIsWrong(t *testing.T) {
	log := &journal{}
	source := newFar()
	source.roles = []rbac.Role{
		{Name: "editor", Permissions: []string{"posts:edit", "posts:", "posts:misspelt"}, Inherits: []string{"no such"}},
		{Name: "a", Permissions: []string{"a:do"}, Inherits: []string{"b"}}, {Name: "b", Permissions: []string{"b:do"}, Inherits: []string{"a", "editor"}},
		{Name: "twice", Permissions: []string{"*"}}, {Name: "twice", Permissions: []string{"posts:edit"}},
	}
	source.grants = map[string][]rbac.Grant{
		"ada":   {{UserID: "ada", Role: "editor"}},
		"bob":   {{UserID: "bob", Role: "twice"}, {UserID: "bob", Role: "gone"}},
		"cleo":  {{UserID: "Cleo", Role: "editor"}, {Role: "editor"}}, // the database does not tell them apart
		"dan":   {{UserID: "dan", Role: "a"}, {UserID: "dan", Role: "editor", Object: "post"}},
		"emily": {{UserID: "emily", Role: "b"}},
		"":      {{Role: "editor"}},
	}
	a := newAuthorizer(t, source, &rbac.Options{Actions: []string{"posts:edit", "a:do", "b:do"}, User: "undefined", Nobody: "undefined", Logger: log.logger()})
	for _, test := range []struct{ user, action, want string }{
		{"ada", "posts:edit", "yes"}, {"ada", "posts:misspelt", "no"}, {"bob", "posts:edit", "no"}, {"cleo", "posts:edit", "no"}, {"", "posts:edit", "no"},
		{"dan", "a:do", "yes"}, {"dan", "b:do", "no"}, {"dan", "posts:edit", "no"},
		{"emily", "b:do", "yes"}, {"emily", "a:do", "no"}, {"emily", "posts:edit", "yes"},
	} {
		if got := verdict(a.Authorize(t.Context(), auth.Access{Identity: who(test.user), Action: test.action})); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
	for _, want := range []string{"posts:", "posts:misspelt", "no such", "in a circle", "defined 2 times", "Options.User", "Options.Nobody", `gone`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	if n := strings.Count(log.String(), "roles are wrong"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
}

// That a role is not defined is told once, and not with every request.
func TestUndefinedIsToldOnce(t *testing.T) {
	for name, wrap := range map[string]func(rbac.Source) rbac.Source{
		"memory": func(s rbac.Source) rbac.Source { return s },
		"far":    func(s rbac.Source) rbac.Source { return struct{ rbac.Source }{s} },
	} {
		t.Run(name, func(t *testing.T) {
			log := &journal{}
			m := newMemory(t, theRoles()...)
			for i := range 8 {
				grant(t, m, rbac.Grant{UserID: fmt.Sprint("u", i%2), Role: fmt.Sprint("gone", i/2)})
			}
			a := newAuthorizer(t, wrap(m), &rbac.Options{Logger: log.logger()})
			for range 3 {
				edits(t, a, "u0")
				edits(t, a, "u1")
			}
			if n := strings.Count(log.String(), "not defined were granted"); n != 1 {
				t.Errorf("it is told %d times:\n%s", n, log)
			}
			for i := range 150 { // nor is each of very many
				user := fmt.Sprint("v", i)
				grant(t, m, rbac.Grant{UserID: user, Role: fmt.Sprint("lost", i)})
				edits(t, a, user)
			}
			if n := strings.Count(log.String(), "not defined were granted"); n > 100 {
				t.Errorf("%d roles are told of", n)
			}
			if err := m.SetRoles(theRoles()[2:]...); err != nil {
				t.Fatal(err)
			}
			before := len(log.String())
			edits(t, a, "u0")
			if len(log.String()) == before {
				t.Error("it is not told of other definitions")
			}
		})
	}
}

// Definitions and grants may be kept apart.
func TestCombine(t *testing.T) {
	defs, grants := newMemory(t, theRoles()...), newMemory(t)
	for name, source := range map[string]rbac.Source{
		"both here":                  rbac.Combine(defs, grants),
		"grants far":                 rbac.Combine(defs, struct{ rbac.GrantSource }{grants}),
		"roles far":                  rbac.Combine(struct{ rbac.RoleSource }{defs}, grants),
		"grants of what is combined": rbac.Combine(defs, rbac.Combine(struct{ rbac.RoleSource }{defs}, grants)),
		"roles of what is combined":  rbac.Combine(rbac.Combine(defs, struct{ rbac.GrantSource }{grants}), grants),
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthorizer(t, source, nil)
			if got := edits(t, a, "ada"); got != "no" {
				t.Error(got)
			}
			grant(t, grants, rbac.Grant{UserID: "ada", Role: "editor"})
			if got := edits(t, a, "ada"); got != "yes" {
				t.Error(got)
			}
			if err := defs.SetRoles(rbac.Role{Name: "editor"}); err != nil {
				t.Fatal(err)
			}
			if got := edits(t, a, "ada"); got != "no" {
				t.Error(got)
			}
			if err := defs.SetRoles(theRoles()...); err != nil {
				t.Fatal(err)
			}
			if got := edits(t, a, "ada"); got != "yes" {
				t.Error(got)
			}
			revoke(t, grants, rbac.Grant{UserID: "ada", Role: "editor"})
			if err := a.Reload(t.Context()); err != nil {
				t.Error(err)
			}
			if got := edits(t, a, "ada"); got != "no" {
				t.Error(got)
			}
		})
	}
}
