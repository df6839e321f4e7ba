package maillink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const (
	ada    = "ada@example.com"
	nobody = "bob@example.com"
	secret = "correct horse battery"
)

// A site is a composition to test, with a clock and a mailbox.
type site struct {
	t        testing.TB
	m        *auth.Manager
	post     *mail.Courier
	outbox   *enqueued
	box      *mail.Box
	users    *authtest.Users
	store    *authtest.Recorder
	password *password.Provider
	clock    *authtest.Clock
	handler  http.Handler
	log      *lockedBuffer

	mu     sync.Mutex
	events []auth.Event
}

// A config is what a test may choose.
type config struct {
	opts  maillink.Options
	table *password.Table
	auth  auth.Options
	store auth.Store
	users *authtest.Users
}

func newSite(t testing.TB, change ...func(c *config)) *site {
	t.Helper()
	c := &config{users: authtest.NewUsers(), store: memory.New(nil)}
	for _, f := range change {
		f(c)
	}
	s := &site{t: t, box: &mail.Box{}, outbox: &enqueued{Store: memory.NewOutbox()}, users: c.users, store: authtest.NewRecorder(c.store),
		clock: authtest.NewClock(time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)), log: &lockedBuffer{}}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.post = mail.New("https://app.example", s.outbox, s.box, nil)
	s.password = password.New(&password.Options{Hasher: password.Bcrypt{Cost: 4, InsecureFast: true}, Logger: logger, Table: c.table})
	c.opts.Logger = logger
	o := c.auth
	o.Providers = append([]auth.Provider{s.post, s.password, maillink.New(s.post, &c.opts)}, o.Providers...)
	o.Now, o.Logger, o.Pages = s.clock.Now, logger, pageDump{}
	o.Events = append(o.Events, func(_ context.Context, e auth.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	})
	m, err := auth.New(s.users, s.store, &o)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	s.handler = m.Handler(mux)
	return s
}

// register makes an account with a password; verified says that its address is proved.
func (s *site) register(email string, verified bool) (userID string) {
	s.t.Helper()
	userID, err := s.password.Register(s.t.Context(), auth.Profile{Email: email}, secret)
	if err != nil {
		s.t.Fatal(err)
	}
	if verified {
		c := s.address(email)
		old := c
		c.VerifiedAt = s.clock.Now()
		if err := s.m.Store().ChangeCredentials(s.t.Context(), auth.Change{Old: &old, New: &c}); err != nil {
			s.t.Fatal(err)
		}
	}
	return userID
}

// address returns the credential of an address.
func (s *site) address(email string) auth.Credential {
	s.t.Helper()
	c, err := s.m.Store().LoadCredential(s.t.Context(), "email", email)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// held returns the kinds of what the user can log in with or be found by.
func (s *site) held(userID string) (kinds []string) {
	s.t.Helper()
	held, err := s.m.Store().UserCredentials(s.t.Context(), userID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range held {
		kinds = append(kinds, c.Kind)
	}
	return kinds
}

// deliver sends what waits, and returns the newest mail.
func (s *site) deliver() mail.Message {
	s.t.Helper()
	if err := s.post.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	all := s.box.Messages()
	if len(all) == 0 {
		return mail.Message{}
	}
	return all[0]
}

// tokenOf returns the token in a mail.
func (s *site) tokenOf(m mail.Message) string {
	s.t.Helper()
	_, token, ok := strings.Cut(m.Data["link"], "https://app.example/auth/link?token=")
	if !ok || len(token) != 43 {
		s.t.Fatalf("no link in %q %v", m.ID, m.Data)
	}
	return token
}

// named returns the events of that name.
func (s *site) named(name string) (events []auth.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Name == name {
			events = append(events, e)
		}
	}
	return events
}

// enqueued is an outbox that keeps what was ever put into it, and can fail.
type enqueued struct {
	outbox.Store
	mu  sync.Mutex
	all []outbox.Entry
	err error
}

func (q *enqueued) Enqueue(ctx context.Context, e outbox.Entry) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.all = append(q.all, e)
	return q.Store.Enqueue(ctx, e)
}

func (q *enqueued) entries() []outbox.Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.all)
}

// A browser keeps cookies; one that speaks JSON is a program.
type browser struct {
	s       *site
	js      bool
	addr    string
	mu      sync.Mutex
	cookies map[string]string
}

func (s *site) browser() *browser {
	return &browser{s: s, js: true, addr: "203.0.113.7", cookies: map[string]string{}}
}

// html is a browser that people use.
func (s *site) html() *browser {
	b := s.browser()
	b.js = false
	return b
}

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

func (b *browser) do(method, path, body string) reply {
	req := httptest.NewRequest(method, "https://app.example/auth"+path, strings.NewReader(body))
	req.RemoteAddr = b.addr + ":1234"
	req.Header.Set("Accept", "text/html")
	if b.js {
		req.Header.Set("Accept", "application/json")
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.HasPrefix(body, "{") {
			req.Header.Set("Content-Type", "application/json")
		}
	}
	b.mu.Lock()
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	w := httptest.NewRecorder()
	b.s.handler.ServeHTTP(w, req)
	b.mu.Lock()
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	b.mu.Unlock()
	r := reply{ResponseRecorder: w, text: w.Body.String()}
	_ = json.Unmarshal([]byte(r.text), &r.body) // not everything is JSON
	return r
}

func (b *browser) get(path string) reply { return b.do(http.MethodGet, path, "") }

// post sends fields, given as names and values, as a form or as JSON.
func (b *browser) post(path string, fields ...string) reply {
	b.s.t.Helper()
	form, object := []string{}, map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		form = append(form, fields[i]+"="+strings.NewReplacer("@", "%40", "&", "%26", "?", "%3F").Replace(fields[i+1]))
		object[fields[i]] = fields[i+1]
	}
	if !b.js {
		return b.do(http.MethodPost, path, strings.Join(form, "&"))
	}
	body, err := json.Marshal(object)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return b.do(http.MethodPost, path, string(body))
}

// asks asks for a link, with more fields, and returns the token that is sent.
func (b *browser) asks(email string, more ...string) (token string) {
	b.s.t.Helper()
	if r := b.post("/link", append([]string{"email", email}, more...)...); r.Code != http.StatusAccepted && r.Code != http.StatusSeeOther {
		b.s.t.Fatalf("asking for a link: %d %s", r.Code, r.text)
	}
	return b.s.tokenOf(b.s.deliver())
}

// who returns who is logged in, or "".
func (b *browser) who() string {
	js := b.js
	b.js = true
	defer func() { b.js = js }()
	id, _ := b.get("/session").body["user_id"].(string)
	return id
}

// pageDump renders a page as JSON, for tests to look into.
type pageDump struct{}

func (pageDump) Render(w http.ResponseWriter, _ *http.Request, p *auth.Page) error {
	dump := map[string]any{"page": p.Name, "next": p.Next, "forms": p.Forms}
	if p.Problem != nil {
		dump["code"], dump["field"], dump["detail"] = p.Problem.Code, p.Problem.Field, p.Problem.Detail
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

var errDown = fmt.Errorf("maillink test: %w", errors.New("down"))
