package backends_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
)

const (
	email = "ada@example.com"
	good  = "correct horse battery"
	other = "another horse battery"
	wrong = "wrong horse battery"
)

type (
	faults = authtest.Faults
	fault  = authtest.Fault
	order  = authtest.Order
)

// A place is what the processes of one site share: a backend, in which it has a
// realm of its own.
type place struct {
	b     *backends.Backend
	realm string
	clock *authtest.Clock
}

// A raceCase is a row of docs/storage-races.md.
type raceCase struct {
	id   string
	test func(t *testing.T, p place)
}

// onAll runs every case on every backend, as subtests of its id. A backend has one
// set of tables for all of them: each case is a realm.
func onAll(t *testing.T, cases []raceCase) {
	t.Helper()
	all := backends.All(t)
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			for _, b := range all {
				t.Run(b.Name, func(t *testing.T) {
					t.Parallel()
					c.test(t, newPlace(b, c.id))
				})
			}
		})
	}
}

var places atomic.Int64

// newPlace returns a new realm in the backend. Its clock begins now, since Redis has
// one of its own, for what may be thrown away.
func newPlace(b *backends.Backend, id string) place {
	realm := strings.ToLower(fmt.Sprintf("%s-%d", strings.NewReplacer(" ", "-").Replace(id), places.Add(1)))
	return place{b, realm, authtest.NewClock(time.Now())}
}

// A config is what tests change about a site.
type config struct {
	auth.Options
	store     func(s auth.Store) auth.Store // in front of the backend, behind the faults
	clock     func() time.Time
	factor    bool
	hasher    password.Hasher
	providers []auth.Provider
}

// A site is one process of a site.
type site struct {
	t      testing.TB
	m      *auth.Manager
	faults *authtest.Faults
	users  *usersOf
	pw     *password.Provider
	keys   *apikey.Provider
	hasher *countingHasher
	clock  *authtest.Clock
	events *authtest.Outbox
	log    *lockedBuffer
	h      http.Handler

	mu   sync.Mutex
	hold func() // called by GET /hold, behind its guard
}

// open starts a process of the site.
func (p place) open(t testing.TB, change ...func(c *config)) *site {
	t.Helper()
	return p.on(t, p.b.Open(t), change...)
}

// on starts a process on an instance that is open.
func (p place) on(t testing.TB, in backends.Instance, change ...func(c *config)) *site {
	t.Helper()
	s := &site{t: t, clock: p.clock, events: &authtest.Outbox{}, log: &lockedBuffer{}, users: &usersOf{Users: in.Users},
		hasher: &countingHasher{Hasher: &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}}}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	many := auth.Limit{Max: 1_000_000, Per: time.Hour}
	c := config{Options: auth.Options{
		Realm:  p.realm,
		Logger: logger,
		Now:    p.clock.Now,
		Limits: auth.Limits{Account: many, Network: many, NetworkLong: many},
		Events: []func(context.Context, auth.Event){s.events.Record},
	}}
	for _, f := range change {
		f(&c)
	}
	if c.hasher != nil {
		s.hasher.Hasher = c.hasher
	}
	if c.clock != nil {
		c.Options.Now = c.clock
	}
	store := in.Store
	if c.store != nil {
		store = c.store(store)
	}
	s.faults = authtest.NewFaults(store)
	s.pw = password.New(&password.Options{Hasher: s.hasher, Logger: logger, AtOnce: 8, Queue: 4000, MaxWait: time.Minute})
	s.keys = apikey.New(&apikey.Options{Logger: logger})
	c.Options.Providers = append(c.providers, s.pw, s.keys)
	c.Options.Loaders = []auth.RequestLoader{s.keys}
	if c.factor {
		c.Options.Providers = append(c.Options.Providers, &authtest.Factor{})
	}
	m, err := auth.New(s.users, s.faults, &c.Options)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	me := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := m.IdentityFrom(r.Context())
		if err == nil {
			fmt.Fprint(w, id.UserID)
		}
	})
	mux.Handle("GET /me", m.RequireUser(me))
	mux.Handle("GET /fresh", m.RequireFresh(time.Minute)(me))
	mux.Handle("GET /page", m.WithUser(me))
	mux.Handle("GET /hold", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		hold := s.hold
		s.mu.Unlock()
		hold()
		me(w, r)
	})))
	s.h = m.Handler(mux)
	return s
}

// must ends the test if something that is not what is tested has failed.
func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// register creates a user with the password good.
func (s *site) register(email string) (userID string) {
	s.t.Helper()
	id, err := s.pw.Register(s.t.Context(), auth.Profile{Email: email}, good)
	s.must(err)
	return id
}

// live returns the user's sessions that are kept, whether or not anybody has their
// cookie.
func (s *site) live(userID string) []*auth.Session {
	s.t.Helper()
	all, err := s.m.Sessions(s.t.Context(), userID)
	s.must(err)
	return all
}

// sweep sweeps everything that has expired by the site's clock.
func (s *site) sweep() {
	s.t.Helper()
	sweeper, ok := auth.As[auth.Sweeper](s.m.Store())
	if !ok {
		s.t.Fatal("the store cannot be swept")
	}
	for {
		n, err := sweeper.Sweep(s.t.Context(), s.m.Now(), 1000)
		s.must(err)
		if n == 0 {
			return
		}
	}
}

// usersOf writes down whom it has created.
type usersOf struct {
	backends.Users
	mu      sync.Mutex
	created []string
}

func (u *usersOf) CreateUser(ctx context.Context, p auth.Profile) (string, error) {
	id, err := u.Users.CreateUser(ctx, p)
	if err == nil {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.created = append(u.created, id)
	}
	return id, err
}

// there returns those it has created and who are there.
func (u *usersOf) there(t testing.TB) (ids []string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range u.created {
		_, err := u.LoadUser(context.Background(), id)
		if err == nil {
			ids = append(ids, id)
		} else if !errors.Is(err, auth.ErrNotFound) {
			t.Fatal(err)
		}
	}
	return ids
}

// countingHasher counts what is compared.
type countingHasher struct {
	password.Hasher
	verified atomic.Int64
}

func (h *countingHasher) Verify(encoded string, pw []byte) error {
	h.verified.Add(1)
	return h.Hasher.Verify(encoded, pw)
}

// A browser has cookies and an address of its own. What it is sent is kept as it
// comes; its methods are for one goroutine at a time.
type browser struct {
	s       *site
	cookies map[string]string
	addr    string
	ctx     context.Context
}

var addresses atomic.Int64

func (s *site) browser() *browser {
	n := addresses.Add(1)
	return &browser{s, map[string]string{}, fmt.Sprintf("10.%d.%d.%d:1234", n>>16&255, n>>8&255, n&255), s.t.Context()}
}

// tab returns another browser with the same cookies: another tab, or a thief.
func (b *browser) tab() *browser {
	c := b.s.browser()
	c.cookies = maps.Clone(b.cookies)
	return c
}

// at returns the same browser, as it comes to another process of the site.
func (b *browser) at(s *site) *browser {
	c := *b
	c.s, c.ctx = s, s.t.Context()
	return &c
}

// A reply is an answer.
type reply struct {
	status int
	text   string
	header http.Header
}

func (r reply) code() string {
	var body struct{ Code string }
	_ = json.Unmarshal([]byte(r.text), &body)
	return body.Code
}

// sets reports whether the answer gives the browser a cookie with that name,
// and does not delete it.
func (r reply) sets(what string) bool {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.MaxAge >= 0 && strings.HasPrefix(c.Name, "__Host-"+what) {
			return true
		}
	}
	return false
}

func (b *browser) do(method, path string, body []byte, header ...string) reply {
	r := httptest.NewRequestWithContext(b.ctx, method, path, bytes.NewReader(body))
	r.RemoteAddr = b.addr
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.s.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return reply{w.Code, w.Body.String(), w.Header()}
}

func (b *browser) get(path string) reply { return b.do(http.MethodGet, path, nil) }

// post sends fields, names and values in turn.
func (b *browser) post(path string, fields ...any) reply {
	sent := map[string]any{}
	for i := 0; i+1 < len(fields); i += 2 {
		sent[fields[i].(string)] = fields[i+1]
	}
	body, err := json.Marshal(sent)
	if err != nil {
		panic(err)
	}
	return b.do(http.MethodPost, path, body)
}

func (b *browser) logIn(email, pw string) reply {
	return b.post("/auth/login", "email", email, "password", pw)
}

func (b *browser) logInRemembered(email, pw string) reply {
	return b.post("/auth/login", "email", email, "password", pw, "remember", true)
}

// mustLogIn logs in with the password good.
func (b *browser) mustLogIn(email string) *browser {
	b.s.t.Helper()
	if r := b.logIn(email, good); r.status != http.StatusOK {
		b.s.t.Fatalf("logging in: %d %s\n%s", r.status, r.text, b.s.log)
	}
	return b
}

func (b *browser) mustLogInRemembered(email string) *browser {
	b.s.t.Helper()
	if r := b.logInRemembered(email, good); r.status != http.StatusOK {
		b.s.t.Fatalf("logging in: %d %s\n%s", r.status, r.text, b.s.log)
	}
	return b
}

// endSession is what closing a browser does: the cookie of the session is gone.
func (b *browser) endSession() {
	for name := range b.cookies {
		if strings.HasPrefix(name, "__Host-sid") {
			delete(b.cookies, name)
		}
	}
}

// who returns the user whose requests the browser makes, "" for nobody.
func (b *browser) who() string {
	b.s.t.Helper()
	switch r := b.get("/me"); r.status {
	case http.StatusOK:
		return r.text
	case http.StatusUnauthorized:
		return ""
	default:
		b.s.t.Errorf("GET /me: %d %s\n%s", r.status, r.text, b.s.log)
		return ""
	}
}

// isNobody requires that none of the browsers is logged in.
func isNobody(t testing.TB, what string, browsers ...*browser) {
	t.Helper()
	for i, b := range browsers {
		if who := b.who(); who != "" {
			t.Errorf("%s: browser %d is logged in as %s", what, i, who)
		}
	}
}

// atOnce runs n functions at the same time.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// A latch is where callers wait for one another, whichever process they have come to.
type latch struct {
	n     int64
	what  string
	there atomic.Int64
	once  sync.Once
	met   chan struct{}
}

func newLatch(n int, what string) *latch {
	return &latch{n: int64(n), what: what, met: make(chan struct{})}
}

func (l *latch) open() { l.once.Do(func() { close(l.met) }) }

func (l *latch) wait(context.Context) error {
	if l.there.Add(1) >= l.n {
		l.open()
	}
	select {
	case <-l.met:
		return nil
	case <-time.After(15 * time.Second):
		return fmt.Errorf("only %d of %d came to %s", l.there.Load(), l.n, l.what)
	}
}

// transactional reports whether a store has transactions.
func transactional(store auth.Store) bool {
	_, ok := auth.As[interface {
		InTx(context.Context, func(context.Context) error) error
	}](store)
	return ok
}

// meetAfter lines n callers of a verb up behind its answer.
func meetAfter(n int, verb string, processes ...*faults) (stop func()) {
	return meet(n, verb, func(f *faults, l *latch) *fault { return f.On(verb).After(l.wait) }, processes...)
}

// meetAtChange lines n callers up before they change what users can log in with:
// where the store has transactions, before these, since there may be only one at a
// time.
func meetAtChange(n int, processes ...*faults) (stop func()) {
	verb := "ChangeCredentials"
	if transactional(processes[0]) {
		verb = "InTx"
	}
	return meet(n, verb, func(f *faults, l *latch) *fault { return f.On(verb).Before(l.wait) }, processes...)
}

func meet(n int, what string, order func(f *faults, l *latch) *fault, processes ...*faults) (stop func()) {
	l := newLatch(n, what)
	var ordered []*fault
	for _, f := range processes {
		ordered = append(ordered, order(f, l))
	}
	return func() {
		l.open()
		for _, x := range ordered {
			x.Stop()
		}
	}
}

// count returns how many replies have that status.
func count(replies []reply, status int) (n int) {
	for _, r := range replies {
		if r.status == status {
			n++
		}
	}
	return n
}

// statuses returns the statuses of replies, for messages.
func statuses(replies []reply) (all []int) {
	for _, r := range replies {
		all = append(all, r.status)
	}
	return all
}

// between calls test with something to happen before each call that it makes to
// the store, and then after each: k counts the calls. It ends when there is no
// k-th call. order gives what is to happen to a Faults.
func between(t *testing.T, test func(t *testing.T, order func(f *faults, happens func()) *fault)) {
	t.Helper()
	interrupt(t, []string{"before", "after"}, test)
}

// interrupt is between for some of "before" and "after".
func interrupt(t *testing.T, whens []string, test func(t *testing.T, order func(f *faults, happens func()) *fault)) {
	t.Helper()
	for _, when := range whens {
		for k := 1; ; k++ {
			if k > 200 {
				t.Fatalf("%s: more than 200 calls to the store", when)
			}
			hits := 0
			var verb string
			test(t, func(f *authtest.Faults, happens func()) *authtest.Fault {
				do := func(context.Context) error {
					hits++
					calls := f.Calls()
					verb = calls[len(calls)-1]
					happens()
					return nil
				}
				if when == "before" {
					return f.On().At(k).Before(do)
				}
				return f.On().At(k).After(do)
			})
			if t.Failed() {
				t.Fatalf("it happened %s call %d, %s", when, k, verb)
			}
			if hits == 0 {
				if k == 1 {
					t.Fatalf("%s: the store was not called at all", when)
				}
				break
			}
		}
	}
}

// lockedBuffer is a log that may be written from several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
