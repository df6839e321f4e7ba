package password_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// cheap is a hasher that makes the tests quick.
var cheap = password.Bcrypt{Cost: 4, InsecureFast: true}

const goodPassword = "correct horse battery"

// A site is a composition to test, with one user table and a clock.
type site struct {
	t        testing.TB
	provider *password.Provider
	m        *auth.Manager
	users    *memory.Users
	store    *recorder
	handler  http.Handler
	log      *lockedBuffer

	mu     sync.Mutex
	now    time.Time
	events []auth.Event
}

// newSite makes a site of the options, nil allowed, whose hasher is cheap unless
// they say otherwise.
func newSite(t testing.TB, opts *password.Options, change ...func(*auth.Options)) *site {
	t.Helper()
	s := &site{
		t:     t,
		users: memory.NewUsers(),
		store: &recorder{Store: memory.New(nil)},
		log:   &lockedBuffer{},
		now:   time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC),
	}
	s.compose(opts, change...)
	return s
}

// tenFree leaves the limits of an account without waits between the ten.
func tenFree(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 10, Per: 15 * time.Minute} }

// reopen is the same site an hour later, started again with other options.
func (s *site) reopen(opts *password.Options) *site {
	s.t.Helper()
	n := &site{t: s.t, users: s.users, store: &recorder{Store: s.store.Store}, log: s.log, now: s.clock().Add(time.Hour)}
	n.compose(opts)
	return n
}

func (s *site) compose(opts *password.Options, change ...func(*auth.Options)) {
	s.t.Helper()
	var o password.Options
	if opts != nil {
		o = *opts
	}
	if o.Hasher == nil {
		o.Hasher = cheap
	}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	o.Logger = logger
	s.provider = password.New(&o)
	ao := &auth.Options{
		Providers: []auth.Provider{s.provider},
		Pages:     pageDump{},
		Now:       s.clock,
		Logger:    logger,
		Events: []func(context.Context, auth.Event){func(_ context.Context, e auth.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		}},
	}
	for _, f := range change {
		f(ao)
	}
	m, err := auth.New(loader{s.users, s.store}, s.store, ao)
	if err != nil {
		s.t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	s.handler = m.Handler(mux)
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// lastEvent returns the last event of that name.
func (s *site) lastEvent(name string) auth.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.events) {
		if e.Name == name {
			return e
		}
	}
	return auth.Event{}
}

// register creates a user through the Go call.
func (s *site) register(email, pw string) (userID string) {
	s.t.Helper()
	userID, err := s.provider.Register(s.t.Context(), auth.Profile{Email: email}, pw)
	if err != nil {
		s.t.Fatalf("Register(%q, %q): %v", email, pw, err)
	}
	return userID
}

// stored returns the user's password credential.
func (s *site) stored(userID string) auth.Credential {
	s.t.Helper()
	c, err := s.m.Store().LoadCredential(s.t.Context(), "password", userID)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// loader is a UserLoader whose calls are recorded with the store's.
type loader struct {
	*memory.Users
	r *recorder
}

func (l loader) LoadUser(ctx context.Context, id string) (auth.User, error) {
	l.r.record("LoadUser")
	return l.Users.LoadUser(ctx, id)
}

// A recorder is a store that writes down what it is asked, and can be told to
// fail.
type recorder struct {
	auth.Store
	mu     sync.Mutex
	calls  []string
	before func(call string) error
}

func (r *recorder) Unwrap() any { return r.Store }

func (r *recorder) record(call string) error {
	r.mu.Lock()
	r.calls = append(r.calls, call)
	before := r.before
	r.mu.Unlock()
	if before != nil {
		return before(call)
	}
	return nil
}

// take returns what was recorded and forgets it.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

func (r *recorder) intercept(f func(call string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = f
}

func (r *recorder) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	if err := r.record("LoadCredential " + kind); err != nil {
		return auth.Credential{}, err
	}
	return r.Store.LoadCredential(ctx, kind, key)
}

func (r *recorder) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	if err := r.record("UserCredentials"); err != nil {
		return nil, err
	}
	return r.Store.UserCredentials(ctx, userID, kinds...)
}

func (r *recorder) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if err := r.record("ChangeCredentials"); err != nil {
		return err
	}
	return r.Store.ChangeCredentials(ctx, changes...)
}

func (r *recorder) CreateSession(ctx context.Context, s *auth.Session) error {
	if err := r.record("CreateSession"); err != nil {
		return err
	}
	return r.Store.CreateSession(ctx, s)
}

func (r *recorder) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	name := window.String()
	if window == 0 || window == 30*24*time.Hour { // what has no end, and what stands for it where there is no account
		name = "for long"
	}
	if err := r.record("Count " + name); err != nil {
		return 0, time.Time{}, err
	}
	return r.Store.Count(ctx, key, window, now)
}

func (r *recorder) Forget(ctx context.Context, keys ...string) error {
	if err := r.record("Forget"); err != nil {
		return err
	}
	return r.Store.Forget(ctx, keys...)
}

// A spyHasher records what is hashed and verified.
type spyHasher struct {
	password.Hasher
	r *recorder
}

func (h spyHasher) Hash(pw []byte) (string, error) {
	h.r.record("Hash")
	return h.Hasher.Hash(pw)
}

func (h spyHasher) Verify(encoded string, pw []byte) error {
	h.r.record("Verify")
	return h.Hasher.Verify(encoded, pw)
}

// A client is a browser, or a program that speaks JSON.
type client struct {
	s       *site
	cookies map[string]string
	addr    string
}

func (s *site) client() *client {
	return &client{s: s, cookies: map[string]string{}, addr: "203.0.113.7"}
}

type fields map[string]any

// A reply is an answer, with its JSON read.
type reply struct {
	*httptest.ResponseRecorder
	text string
	body map[string]any
}

func (r reply) code() string {
	code, _ := r.body["code"].(string)
	return code
}

func (c *client) do(req *http.Request) reply {
	c.s.t.Helper()
	req.RemoteAddr = c.addr + ":1234"
	for name, value := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	c.s.handler.ServeHTTP(w, req)
	for _, ck := range w.Result().Cookies() {
		if ck.MaxAge < 0 {
			delete(c.cookies, ck.Name)
		} else {
			c.cookies[ck.Name] = ck.Value
		}
	}
	r := reply{ResponseRecorder: w, text: w.Body.String()}
	_ = json.Unmarshal([]byte(r.text), &r.body) // not everything is JSON
	return r
}

// json posts an object.
func (c *client) json(path string, f fields) reply {
	c.s.t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		c.s.t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPost, "/auth"+path, bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	return c.do(req)
}

// form posts a form as a browser does.
func (c *client) form(path string, f fields) reply {
	v := url.Values{}
	for name, value := range f {
		v.Set(name, fmt.Sprint(value))
	}
	req := httptest.NewRequest(http.MethodPost, "/auth"+path, strings.NewReader(v.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html")
	return c.do(req)
}

func (c *client) get(path, accept string) reply {
	req := httptest.NewRequest(http.MethodGet, "/auth"+path, nil)
	req.Header.Set("Accept", accept)
	return c.do(req)
}

// loggedIn reports whether the client has a live session.
func (c *client) loggedIn() bool { return c.get("/session", "application/json").Code == http.StatusOK }

// pageDump renders a page as JSON, for tests to look into.
type pageDump struct{}

func (pageDump) Render(w http.ResponseWriter, _ *http.Request, p *auth.Page) error {
	dump := map[string]any{"page": p.Name, "next": p.Next, "forms": p.Forms}
	if p.Problem != nil {
		dump["code"], dump["field"] = p.Problem.Code, p.Problem.Field
	}
	b, err := json.Marshal(dump)
	if err != nil {
		return err
	}
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, err = w.Write(b)
	return err
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

var _ io.Writer = (*lockedBuffer)(nil)

// codeOf returns the code of the problem in err, "" for nil, and the text of
// any other error.
func codeOf(err error) string {
	var p *auth.Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return p.Code
	}
	return err.Error()
}
