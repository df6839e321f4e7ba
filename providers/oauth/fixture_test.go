package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	"golang.org/x/oauth2"
)

var t0 = time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)

// A fake is an identity provider in memory that keeps to the protocol: a code is
// good once, for the verifier whose challenge came, and the nonce comes back. Tests of
// what does not depend on HTTP run on it; those of what does have one that speaks it.
type fake struct {
	mu       sync.Mutex
	name     string
	iss      string // RFC 9207
	issMust  bool
	asked    []url.Values // token requests
	codes    map[string]grant
	begun    []flow
	kept     []byte
	oauth1   bool
	break_   func(*Account) error // what a test does to an account, or to the whole exchange
	notStart error
	page     *string // where the browser is sent, if a test says so
}

type grant struct {
	verifier, nonce string // of the flow that the code was given to
	account         Account
}

func (f *fake) check() error { return nil }
func (f *fake) pkce() bool   { return true }

func (f *fake) issuer(context.Context, *flow) (string, bool, error) { return f.iss, f.issMust, nil }

func (f *fake) origins(context.Context, *http.Client) []string {
	return []string{"https://" + f.name + ".example"}
}

func (f *fake) begin(_ context.Context, fl *flow) (begun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.notStart != nil {
		return begun{}, f.notStart
	}
	f.begun = append(f.begun, *fl)
	q := url.Values{"state": {fl.state}, "redirect_uri": {fl.callback}, "nonce": {fl.nonce}, "challenge": {oauth2.S256ChallengeFromVerifier(fl.verifier)}}
	b := begun{kept: f.kept}
	if f.oauth1 {
		b.requestToken = "request-" + fl.state[:10]
		b.kept = []byte("the secret of " + b.requestToken)
		q = url.Values{"oauth_token": {b.requestToken}}
	}
	if f.page != nil {
		b.url = *f.page
		return b, nil
	}
	b.url = "https://" + f.name + ".example/authorize?" + q.Encode()
	return b, nil
}

func (f *fake) finish(_ context.Context, fl *flow, params url.Values) (Account, *oauth2.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, params)
	code := params.Get("code")
	if f.oauth1 {
		code = params.Get("oauth_verifier")
		if string(fl.kept) != "the secret of "+params.Get("oauth_token") {
			return Account{}, nil, wrap(errBadAnswer, "another request token's secret")
		}
	}
	g, ok := f.codes[code]
	delete(f.codes, code)
	if !ok {
		return Account{}, nil, wrap(errInvalidGrant, "no such code")
	}
	if !f.oauth1 && (oauth2.S256ChallengeFromVerifier(fl.verifier) != g.verifier || fl.nonce != g.nonce || params.Get("code_verifier") != fl.verifier) {
		return Account{}, nil, wrap(errInvalidGrant, "another verifier or nonce")
	}
	a := g.account
	if f.break_ != nil {
		if err := f.break_(&a); err != nil {
			return Account{}, nil, err
		}
	}
	return a, &oauth2.Token{AccessToken: "access-" + code, RefreshToken: "refresh-" + code}, nil
}

func (f *fake) tokenRequests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// answer is what the identity provider does when somebody with account a comes by
// authURL and agrees: the address that the browser is sent back to.
func (f *fake) answer(authURL string, a Account) string {
	u, err := url.Parse(authURL)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	q := u.Query()
	code := fmt.Sprintf("code-%s-%d", f.name, len(f.codes)+len(f.asked)*1000)
	f.codes[code] = grant{q.Get("challenge"), q.Get("nonce"), a}
	if f.oauth1 {
		return "/auth/oauth/" + f.name + "/callback?" + url.Values{"oauth_token": q["oauth_token"], "oauth_verifier": {code}}.Encode()
	}
	back := url.Values{"state": q["state"], "code": {code}, "scope": {"email"}, "authuser": {"0"}, "session_state": {"x"}}
	if f.iss != "" {
		back.Set("iss", f.iss)
	}
	return strings.TrimPrefix(q.Get("redirect_uri"), authtest.Origin) + "?" + back.Encode()
}

// connect makes a connector of a fake.
func connect(f *fake, opts *ConnectorOptions) *Connector {
	f.codes = map[string]grant{}
	return newConnector(opts, f.name, strings.ToUpper(f.name[:1])+f.name[1:], nil, func(c *Connector) backend {
		c.oauth1 = f.oauth1
		c.status = func(a Account) EmailStatus { return a.EmailStatus }
		return f
	})
}

// A site is a composition to test: passwords, and two identity providers.
type site struct {
	t      testing.TB
	a, b   *fake
	p      *Provider
	m      *auth.Manager
	users  *memory.Users
	store  *authtest.Recorder
	clock  *authtest.Clock
	events *authtest.Outbox
	log    *lockedBuffer
	h      http.Handler

	password *password.Provider
}

// text is everything that is in a value.
func text(v any) string { return fmt.Sprintf("%+v", v) }

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// setup is what a test may change of a site.
type setup struct {
	opts  Options
	a, b  ConnectorOptions
	auth  auth.Options
	fakeA *fake
	users auth.UserLoader
	more  []*Connector
	store auth.Store

	formPost   bool // of alpha
	noPassword bool
}

func (set *setup) onStore(store auth.Store) { set.store = store }

func newSite(t testing.TB, change ...func(*setup)) *site {
	t.Helper()
	s := &site{t: t, users: memory.NewUsers(), store: authtest.NewRecorder(memory.New(nil)), clock: authtest.NewClock(t0),
		events: &authtest.Outbox{}, log: &lockedBuffer{}}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	set := setup{fakeA: &fake{name: "alpha"}, users: s.users}
	set.opts.Logger = logger
	set.auth = auth.Options{Pages: pages.New(nil), Now: s.clock.Now, Logger: logger, Events: []func(context.Context, auth.Event){s.events.Record}}
	for _, f := range change {
		f(&set)
	}
	if set.store != nil {
		s.store = authtest.NewRecorder(set.store)
	}
	s.a, s.b = set.fakeA, &fake{name: "beta"}
	alpha := connect(s.a, &set.a)
	alpha.formPost = set.formPost
	s.p = New(authtest.Origin, &set.opts, append([]*Connector{alpha, connect(s.b, &set.b)}, set.more...)...)
	s.password = password.New(&password.Options{Hasher: &authtest.Hasher{}, Logger: logger})
	set.auth.Providers = append([]auth.Provider{s.p}, set.auth.Providers...)
	if !set.noPassword {
		set.auth.Providers = append([]auth.Provider{s.password}, set.auth.Providers...)
	}
	m, err := auth.New(set.users, s.store, &set.auth)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := m.IdentityFrom(r.Context())
		fmt.Fprint(w, id.UserID)
	})))
	mux.Handle("GET /fresh", m.RequireFresh(10*time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "fresh") })))
	s.h = m.Handler(mux)
	return s
}

// A jar is a browser.
type jar struct {
	s       *site
	cookies map[string]string
	header  http.Header
}

func (s *site) browser() *jar { return &jar{s: s, cookies: map[string]string{}, header: http.Header{}} }

type reply struct {
	*httptest.ResponseRecorder
	text string
}

func (r reply) location() string { return r.Header().Get("Location") }

// code returns the code of the problem that JSON clients are told.
func (r reply) code() string {
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(r.text), &p) // a page is none
	return p.Code
}

func (j *jar) do(method, target string, form ...string) reply {
	body := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		body.Add(form[i], form[i+1])
	}
	r := httptest.NewRequest(method, authtest.Origin+target, strings.NewReader(body.Encode()))
	r.RequestURI = target // as browsers send it
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range j.header {
		r.Header[name] = values
	}
	for name, value := range j.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	j.s.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(j.cookies, c.Name)
			continue
		}
		j.cookies[c.Name] = c.Value
	}
	return reply{w, w.Body.String()}
}

func (j *jar) get(target string) reply { return j.do(http.MethodGet, target) }

// json is get for a client that wants JSON.
func (j *jar) json(target string) reply {
	j.header.Set("Accept", "application/json")
	defer j.header.Del("Accept")
	return j.get(target)
}

// who returns the ID of who is logged in, or "".
func (j *jar) who() string {
	if r := j.json("/me"); r.Code == http.StatusOK {
		return r.text
	}
	return ""
}

// start begins a flow and returns where the browser is sent.
func (j *jar) start(path string, form ...string) string {
	j.s.t.Helper()
	r := j.do(http.MethodPost, "/auth/oauth/"+path, form...)
	if r.Code != http.StatusSeeOther || !strings.HasPrefix(r.location(), "https://") {
		j.s.t.Fatalf("POST /auth/oauth/%s: %d %s to %q", path, r.Code, r.text, r.location())
	}
	return r.location()
}

// logIn logs in by connector A with account a.
func (j *jar) logIn(a Account) reply {
	j.s.t.Helper()
	return j.get(j.s.a.answer(j.start("alpha"), a))
}

// register makes an account with a password, whose address nobody has proved.
func (j *jar) register(email string) (userID string) {
	j.s.t.Helper()
	r := j.do(http.MethodPost, "/auth/register", "email", email, "password", goodPassword)
	if r.Code != http.StatusSeeOther {
		j.s.t.Fatalf("registering %s: %d %s", email, r.Code, r.text)
	}
	return j.who()
}

const goodPassword = "seventeen green bottles"

// logOut forgets who is logged in, and keeps what else the browser has.
func (j *jar) logOut() {
	if r := j.do(http.MethodPost, "/auth/logout"); r.Code != http.StatusSeeOther {
		j.s.t.Fatalf("logging out: %d", r.Code)
	}
}

// links returns the subjects that the user has linked, by connector.
func (s *site) links(userID string) (all []string) {
	held, err := s.p.links(s.t.Context(), userID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range held {
		all = append(all, l.Kind+" "+l.Key)
	}
	return all
}

// verify makes an address a proved one.
func (s *site) verify(email string) {
	s.t.Helper()
	old, err := s.m.Store().LoadCredential(s.t.Context(), "email", email)
	if err != nil {
		s.t.Fatal(err)
	}
	next := old
	next.VerifiedAt = s.clock.Now()
	if err := s.m.Store().ChangeCredentials(s.t.Context(), auth.Change{Old: &old, New: &next}); err != nil {
		s.t.Fatal(err)
	}
}

// emailOf returns the user's credential of kind email, if they have one.
func (s *site) emailOf(userID string) (auth.Credential, bool) {
	held, err := s.m.Store().UserCredentials(s.t.Context(), userID, "email")
	if err != nil {
		s.t.Fatal(err)
	}
	if len(held) == 0 {
		return auth.Credential{}, false
	}
	return held[0], true
}

// refused fails the test unless r refused with one of these codes, as a page, and
// nobody is logged in in j.
func (j *jar) refused(what string, r reply, status int) {
	j.s.t.Helper()
	if r.Code != status {
		j.s.t.Errorf("%s: %d to %q, want %d\n%s", what, r.Code, r.location(), status, r.text)
	}
	if who := j.who(); who != "" {
		j.s.t.Errorf("%s: %s is logged in", what, who)
	}
}

func ada() Account {
	return Account{Subject: "1001", Email: "ada@example.com", EmailStatus: EmailVerified, Name: "Ada"}
}

func bob() Account {
	return Account{Subject: "1002", Email: "bob@example.com", EmailStatus: EmailVerified, Name: "Bob"}
}

var errTest = errors.New("test")
