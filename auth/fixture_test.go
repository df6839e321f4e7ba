package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// account is the user of a host that has no ready-made one.
type account struct {
	id       string
	disabled bool
	version  string
}

func (a *account) AuthID() string      { return a.id }
func (a *account) IsActive() bool      { return !a.disabled }
func (a *account) AuthVersion() string { return a.version }

// accounts are that host's users.
type accounts struct {
	mu   sync.Mutex
	m    map[string]account
	fail error
}

func (a *accounts) byID(_ context.Context, id string) (*account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return nil, a.fail
	}
	acct, ok := a.m[id]
	if !ok {
		return nil, fmt.Errorf("account %q: %w", id, auth.ErrNotFound)
	}
	return &acct, nil
}

func (a *accounts) change(id string, f func(*account)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acct := a.m[id]
	f(&acct)
	a.m[id] = acct
}

func (a *accounts) fails(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = err
}

// spy counts the calls of a store's session verbs and can make them fail.
type spy struct {
	auth.Store
	mu     sync.Mutex
	calls  map[string]int
	fail   map[string]error
	before map[string]func()
	after  map[string]func()
}

func (s *spy) Unwrap() any { return s.Store }

func (s *spy) call(verb string) error {
	s.mu.Lock()
	s.calls[verb]++
	before, err := s.before[verb], s.fail[verb]
	s.mu.Unlock()
	if before != nil {
		before()
	}
	return err
}

func (s *spy) done(verb string) {
	s.mu.Lock()
	after := s.after[verb]
	s.mu.Unlock()
	if after != nil {
		after()
	}
}

func (s *spy) count(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[verb]
}

func (s *spy) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		n += c
	}
	return n
}

func (s *spy) fails(verb string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[verb] = err
}

func (s *spy) CreateSession(ctx context.Context, sess *auth.Session) error {
	if err := s.call("CreateSession"); err != nil {
		return err
	}
	return s.Store.CreateSession(ctx, sess)
}

func (s *spy) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	if err := s.call("LoadSession"); err != nil {
		return nil, err
	}
	return s.Store.LoadSession(ctx, id)
}

func (s *spy) UpdateSession(ctx context.Context, sess *auth.Session) error {
	if err := s.call("UpdateSession"); err != nil {
		return err
	}
	return s.Store.UpdateSession(ctx, sess)
}

func (s *spy) DeleteSession(ctx context.Context, id auth.SessionID) error {
	if err := s.call("DeleteSession"); err != nil {
		return err
	}
	return s.Store.DeleteSession(ctx, id)
}

func (s *spy) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	if err := s.call("LoadCredential"); err != nil {
		return auth.Credential{}, err
	}
	c, err := s.Store.LoadCredential(ctx, kind, key)
	s.done("LoadCredential")
	return c, err
}

func (s *spy) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	held, err := s.Store.UserCredentials(ctx, userID, kinds...)
	s.done("UserCredentials")
	return held, err
}

func (s *spy) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if err := s.call("ChangeCredentials"); err != nil {
		return err
	}
	return s.Store.ChangeCredentials(ctx, changes...)
}

func (s *spy) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	if err := s.call("DeleteUserSessions"); err != nil {
		return err
	}
	return s.Store.DeleteUserSessions(ctx, userID, except...)
}

func (s *spy) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := s.call("TakeTicket"); err != nil {
		return auth.Ticket{}, err
	}
	return s.Store.TakeTicket(ctx, purpose, key)
}

func (s *spy) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	if err := s.call("Count"); err != nil {
		return 0, time.Time{}, err
	}
	return s.Store.Count(ctx, key, window, now)
}

// trust is a provider without a secret: POST /trust logs in the user that it is
// told, with the credential that it is told.
type trust struct{}

func (trust) Name() string { return "trust" }

func (trust) Kinds() []auth.Kind { return []auth.Kind{{Name: "key", Role: auth.FirstFactor}} }

func (trust) PageForms(_ *http.Request, page string) []auth.Form {
	if page != "login" && page != "confirm" {
		return nil
	}
	return []auth.Form{{Name: "trust", Action: "/trust", Submit: "Trust me", Fields: []auth.Field{{Name: "user"}}}}
}

func (trust) Mount(m *auth.Manager, mux auth.Mux) error {
	proof := func(r *http.Request) auth.Proof {
		p := auth.Proof{Method: "trust"}
		if key := r.URL.Query().Get("key"); key != "" {
			p.Kind, p.Key = "key", key
			if c, err := m.Store().LoadCredential(r.Context(), "key", key); err == nil {
				p.Generation = c.Generation
			}
		}
		return p
	}
	mux.Handle("POST /trust", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var opts []auth.LoginOption
		if r.URL.Query().Has("remember") {
			opts = append(opts, auth.Remember())
		}
		err := m.LogIn(w, r, r.URL.Query().Get("user"), proof(r), opts...)
		m.Finish(w, r, err, r.URL.Query().Get("next"))
	}))
	mux.Handle("POST /trust/confirm", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.Reauthenticate(w, r, proof(r)); err != nil {
			m.Refuse(w, r, err)
			return
		}
		m.Finish(w, r, nil, "")
	}))
	mux.Handle("POST /panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret detail") }))
	return nil
}

// plain shows pages as JSON, so that tests can see what is on them.
type plain struct{}

func (plain) Render(w http.ResponseWriter, _ *http.Request, p *auth.Page) error {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(max(p.Status, 200))
	return json.NewEncoder(w).Encode(p)
}

// site is a host, as real as it gets without a network.
type site struct {
	t        *testing.T
	m        *auth.Manager
	h        http.Handler
	store    *spy
	accounts *accounts
	clock    *authtest.Clock
	log      *bytes.Buffer
	events   *[]auth.Event
}

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newSite makes a host with users ada and bob and the provider trust, in which
// change may change what it likes.
func newSite(t *testing.T, change func(*auth.Options)) *site {
	t.Helper()
	return newSiteOn(t, memory.New(nil), change)
}

// onEveryStore runs a test on every store that there is.
func onEveryStore(t *testing.T, test func(t *testing.T, store auth.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, memory.New(nil)) })
	t.Run("SQLite", func(t *testing.T) {
		db, err := open.Open("file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=synchronous(off)") // no test loses power
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, db)
	})
}

// newSiteOn is newSite on a store of the test's choice.
func newSiteOn(t *testing.T, store auth.Store, change func(*auth.Options)) *site {
	t.Helper()
	s := &site{
		t:        t,
		accounts: &accounts{m: map[string]account{"ada": {id: "ada"}, "bob": {id: "bob"}}},
		clock:    authtest.NewClock(t0),
		store:    &spy{Store: store, calls: map[string]int{}, fail: map[string]error{}, before: map[string]func(){}, after: map[string]func(){}},
		log:      &bytes.Buffer{},
		events:   &[]auth.Event{},
	}
	var mu sync.Mutex
	o := &auth.Options{
		Providers: []auth.Provider{trust{}},
		Pages:     plain{},
		Now:       s.clock.Now,
		Logger:    slog.New(slog.NewTextHandler(s.log, nil)),
		Events: []func(context.Context, auth.Event){func(_ context.Context, e auth.Event) {
			mu.Lock()
			defer mu.Unlock()
			*s.events = append(*s.events, e)
		}},
	}
	if change != nil {
		change(o)
	}
	m, err := auth.New(auth.UserFunc(s.accounts.byID), s.store, o)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := auth.UserFrom[*account](r.Context())
		if !ok {
			fmt.Fprint(w, "nobody")
			return
		}
		fmt.Fprint(w, a.id)
	})
	mux.Handle("/me", m.RequireUser(who))
	mux.Handle("/open", m.WithUser(who))
	mux.Handle("/guest", m.RequireGuest(who))
	mux.Handle("/fresh", m.RequireFresh(10*time.Minute)(who))
	mux.Handle("/admin", m.Require("admin")(who))
	mux.Handle("/bare", who)
	s.h = m.Handler(mux)
	return s
}

// visitor is a browser or a program, with what cookies it was given.
type visitor struct {
	s       *site
	cookies map[string]string
	header  http.Header
}

func (s *site) visitor(header ...string) *visitor {
	v := &visitor{s: s, cookies: map[string]string{}, header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		v.header.Add(header[i], header[i+1])
	}
	return v
}

func (s *site) browser() *visitor {
	return s.visitor("Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin",
		"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
}

func (v *visitor) request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for k, vs := range v.header {
		r.Header[k] = vs
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (v *visitor) do(method, target, body string) *http.Response {
	v.s.t.Helper()
	w := httptest.NewRecorder()
	v.s.h.ServeHTTP(w, v.request(method, target, body))
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		} else {
			v.cookies[c.Name] = c.Value
		}
	}
	return res
}

func (v *visitor) get(target string) *http.Response               { return v.do("GET", target, "") }
func (v *visitor) post(target string, body string) *http.Response { return v.do("POST", target, body) }

// logIn logs a user in with nothing but their word.
func (v *visitor) logIn(user string) *visitor {
	v.s.t.Helper()
	if res := v.post("/auth/trust?user="+user, ""); res.StatusCode != 200 && res.StatusCode != 303 {
		v.s.t.Fatalf("logging in %s: %s: %s", user, res.Status, body(res))
	}
	return v
}

// who says who the site thinks is asking: a name, "nobody", or a status.
func (v *visitor) who() string {
	v.s.t.Helper()
	res := v.get("/open")
	if res.StatusCode != 200 {
		return res.Status
	}
	return body(res)
}

func body(res *http.Response) string {
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		return err.Error()
	}
	return b.String()
}

func code(res *http.Response) string {
	var p struct{ Code string }
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		return err.Error()
	}
	return p.Code
}

func (s *site) named(name string) (found []auth.Event) {
	for _, e := range *s.events {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

var errDown = errors.New("the database is down")
