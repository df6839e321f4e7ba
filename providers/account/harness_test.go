package account_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const (
	ada   = "ada@example.com"
	bob   = "bob@example.com"
	good  = "correct horse battery"
	other = "another horse battery"
	third = "yet a third horse here"
)

// A setup is what a test changes about a site.
type setup struct {
	account  account.Options
	password password.Options
	auth     auth.Options                // Providers and Loaders are added to
	users    auth.UserLoader             // default: a table in memory
	store    auth.Store                  // default: one in memory
	outbox   outbox.Store                // default: one in memory
	mailer   mail.Mailer                 // default: the site's box
	late     func(auth.Store) auth.Store // in front of the store
	base     string
	mail     mail.Options
}

// A site is a composition to test, with a clock, whose mail is kept.
type site struct {
	t        testing.TB
	m        *auth.Manager
	account  *account.Provider
	password *password.Provider
	post     *mail.Courier
	store    *authtest.Recorder
	users    auth.UserLoader
	box      *mail.Box
	clock    *authtest.Clock
	events   *authtest.Outbox
	log      *lockedBuffer
	trace    *trace
	h        http.Handler
}

func newSite(t testing.TB, change ...func(set *setup)) *site {
	t.Helper()
	s := &site{t: t, box: &mail.Box{}, clock: authtest.NewClock(time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)),
		events: &authtest.Outbox{}, log: &lockedBuffer{}, trace: &trace{}}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	many := auth.Limit{Max: 1_000_000, Per: time.Hour}
	set := setup{users: authtest.NewUsers(), store: memory.New(nil), outbox: memory.NewOutbox(), mailer: s.box, base: authtest.Origin}
	set.account = account.Options{Logger: logger, PerAddress: many, PerNetwork: many}
	set.password = password.Options{Logger: logger, PerNetwork: many, Hasher: &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}}
	set.auth = auth.Options{Logger: logger, Now: s.clock.Now, Pages: pageDump{}, Flashes: &flashes{},
		Limits: auth.Limits{Account: many, Network: many, NetworkLong: many},
		Events: []func(context.Context, auth.Event){s.events.Record}}
	for _, f := range change {
		f(&set)
	}
	s.users = set.users
	set.password.Hasher = spyHasher{set.password.Hasher, s.trace}
	s.store = authtest.NewRecorder(set.store)
	var store auth.Store = s.store
	if set.late != nil {
		store = set.late(store)
	}
	s.post = mail.New(set.base, &spyOutbox{set.outbox, s.trace}, set.mailer, &set.mail)
	s.password = password.New(&set.password)
	s.account = account.New(s.post, &set.account)
	set.auth.Providers = append([]auth.Provider{s.post, s.password, s.account}, set.auth.Providers...)
	m, err := auth.New(&spyUsers{set.users, s.trace}, store, &set.auth)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	s.h = m.Handler(mux)
	return s
}

func required(set *setup) { set.account.RequireVerification = true }

func withCodes(set *setup) { set.account.Codes = true }

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// flush sends all mail that is due.
func (s *site) flush() {
	s.t.Helper()
	s.must(s.post.Flush(s.t.Context()))
}

// mails sends what is due and returns what was ever sent to the address, newest first.
func (s *site) mails(to string) (all []mail.Message) {
	s.t.Helper()
	s.flush()
	for _, m := range s.box.Messages() {
		if m.To == to {
			all = append(all, m)
		}
	}
	return all
}

// mail is the newest mail of that ID to the address.
func (s *site) mail(to, id string) mail.Message {
	s.t.Helper()
	all := s.mails(to)
	for _, m := range all {
		if m.ID == id {
			return m
		}
	}
	s.t.Fatalf("mail to %s: %+v, want %q", to, all, id)
	return mail.Message{}
}

// token is the one in the link of a mail.
func (s *site) token(m mail.Message) string {
	s.t.Helper()
	u, err := url.Parse(m.Data["link"])
	if err != nil || u.Query().Get("token") == "" {
		s.t.Fatalf("no token in %q: %v", m.Data["link"], err)
	}
	return u.Query().Get("token")
}

// email is the credential of an address.
func (s *site) email(address string) (c auth.Credential, ok bool) {
	s.t.Helper()
	c, err := s.m.Store().LoadCredential(s.t.Context(), "email", address)
	return c, err == nil
}

// register creates a user through the Go call, who has not verified the address.
func (s *site) register(address, pw string) (userID string) {
	s.t.Helper()
	id, err := s.password.Register(s.t.Context(), auth.Profile{Email: address}, pw)
	s.must(err)
	return id
}

// verified is register, and the address is verified.
func (s *site) verified(address, pw string) (userID string) {
	s.t.Helper()
	id := s.register(address, pw)
	s.verify(address)
	return id
}

// verify makes an address a verified one, past the link in the mail, which is good for
// nothing then.
func (s *site) verify(address string) {
	s.t.Helper()
	s.flush()
	old, _ := s.email(address)
	c := old
	c.VerifiedAt = s.m.Now()
	s.must(s.m.Store().ChangeCredentials(s.t.Context(), auth.Change{Old: &old, New: &c}))
	s.must(s.m.Store().DeleteUserTickets(s.t.Context(), c.UserID))
}

// logsIn reports whether a new browser is let in with the password.
func (s *site) logsIn(address, pw string) bool {
	s.t.Helper()
	return s.browser().post("/login", "email", address, "password", pw).Code == http.StatusOK
}

// forgot asks for a new password, and returns the token that was mailed.
func (s *site) forgot(address string) string {
	s.t.Helper()
	r := s.browser().post("/forgot", "email", address)
	if r.Code != http.StatusAccepted {
		s.t.Fatalf("forgot: %d %s", r.Code, r.text)
	}
	return s.token(s.mail(address, "account.forgot"))
}

// A browser, or a program that speaks JSON.
type browser struct {
	s       *site
	h       http.Handler
	cookies map[string]string
	addr    string
}

func (s *site) browser() *browser {
	return &browser{s: s, h: s.h, cookies: map[string]string{}, addr: "203.0.113.7"}
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

func (r reply) field() string {
	field, _ := r.body["field"].(string)
	return field
}

// setCookies returns the names of the cookies that were set, in order.
func (r reply) setCookies() (names []string) {
	for _, c := range r.Result().Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

func (b *browser) do(req *http.Request) reply {
	b.s.t.Helper()
	req.RemoteAddr = b.addr + ":1234"
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, req.WithContext(b.s.t.Context()))
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	r := reply{ResponseRecorder: w, text: w.Body.String()}
	_ = json.Unmarshal([]byte(r.text), &r.body) // not everything is JSON
	return r
}

// request makes one below the prefix, of a browser or of a program.
func (b *browser) request(method, path string, html bool, body io.Reader, contentType string) *http.Request {
	req := httptest.NewRequest(method, authtest.Origin+"/auth"+path, body)
	req.Header.Set("Accept", "application/json")
	if html {
		req.Header.Set("Accept", "text/html")
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// post posts fields, name and value in turn, as JSON.
func (b *browser) post(path string, fields ...string) reply {
	b.s.t.Helper()
	object := map[string]string{}
	for pair := range slices.Chunk(fields, 2) {
		object[pair[0]] = pair[1]
	}
	encoded, err := json.Marshal(object)
	b.s.must(err)
	return b.do(b.request(http.MethodPost, path, false, bytes.NewReader(encoded), "application/json"))
}

// submit posts fields as a form.
func (b *browser) submit(path string, fields ...string) reply {
	b.s.t.Helper()
	v := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		v.Set(pair[0], pair[1])
	}
	return b.do(b.request(http.MethodPost, path, true, strings.NewReader(v.Encode()), "application/x-www-form-urlencoded"))
}

func (b *browser) get(path string) reply {
	return b.do(b.request(http.MethodGet, path, true, nil, ""))
}

// logIn logs in with a password.
func (b *browser) logIn(address, pw string, more ...string) *browser {
	b.s.t.Helper()
	if r := b.post("/login", append([]string{"email", address, "password", pw}, more...)...); r.Code != http.StatusOK {
		b.s.t.Fatalf("logging in: %d %s", r.Code, r.text)
	}
	return b
}

// who returns the ID of who is logged in, "" for nobody.
func (b *browser) who() string {
	r := b.do(b.request(http.MethodGet, "/session", false, nil, ""))
	id, _ := r.body["user_id"].(string)
	return id
}

// A trace is what was called, in one order.
type trace struct {
	mu    sync.Mutex
	calls []string
}

func (tr *trace) add(call string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.calls = append(tr.calls, call)
}

// traced returns what f calls of the store, the users, the outbox and the hasher.
func (s *site) traced(f func()) []string {
	s.store.Reset()
	for _, verb := range []string{"CreateSession", "LoadSession", "UpdateSession", "DeleteSession", "DeleteUserSessions", "UserSessions",
		"LoadCredential", "UserCredentials", "ChangeCredentials", "PutTicket", "LoadTicket", "TakeTicket", "DeleteUserTickets", "Count", "Forget"} {
		s.store.On(verb).Before(func(context.Context) error { s.trace.add(verb); return nil })
	}
	s.trace.mu.Lock()
	s.trace.calls = nil
	s.trace.mu.Unlock()
	f()
	s.store.Reset()
	s.trace.mu.Lock()
	defer s.trace.mu.Unlock()
	return slices.Clone(s.trace.calls)
}

type spyUsers struct {
	auth.UserLoader
	tr *trace
}

func (u *spyUsers) Unwrap() any { return u.UserLoader }

func (u *spyUsers) LoadUser(ctx context.Context, id string) (auth.User, error) {
	u.tr.add("LoadUser")
	return u.UserLoader.LoadUser(ctx, id)
}

type spyOutbox struct {
	outbox.Store
	tr *trace
}

func (o *spyOutbox) Unwrap() any { return o.Store }

func (o *spyOutbox) Enqueue(ctx context.Context, e outbox.Entry) error {
	o.tr.add("Enqueue " + e.Kind)
	return o.Store.Enqueue(ctx, e)
}

type spyHasher struct {
	password.Hasher
	tr *trace
}

func (h spyHasher) Hash(pw []byte) (string, error) {
	h.tr.add("Hash")
	return h.Hasher.Hash(pw)
}

func (h spyHasher) Verify(encoded string, pw []byte) error {
	h.tr.add("Verify")
	return h.Hasher.Verify(encoded, pw)
}

// pageDump renders a page as JSON, for tests to look into.
type pageDump struct{}

func (pageDump) Render(w http.ResponseWriter, _ *http.Request, p *auth.Page) error {
	dump := map[string]any{"page": p.Name, "next": p.Next, "forms": p.Forms, "ways": p.Ways}
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

// flashes keeps messages in a header, for tests to look at.
type flashes struct{}

func (*flashes) Add(w http.ResponseWriter, _ *http.Request, f auth.Flash) error {
	w.Header().Add("Test-Flash", f.ID)
	return nil
}

func (*flashes) Take(http.ResponseWriter, *http.Request) ([]auth.Flash, error) { return nil, nil }

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

// atOnce calls f n times in parallel, and returns once all have returned.
func atOnce(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// refusing is a mailer whose server is down for as long as refuse is set; what it is
// given has arrived all the same.
type refusing struct {
	mail.Box
	refuse bool
	last   *mail.Message
}

func (b *refusing) Send(ctx context.Context, m *mail.Message) error {
	b.last = m
	if b.refuse {
		return errors.New("the server is down")
	}
	return b.Box.Send(ctx, m)
}

// without takes the user's password away, past what keeps the last way in.
func (s *site) without(userID string) {
	s.t.Helper()
	held, err := s.m.Store().UserCredentials(s.t.Context(), userID, "password")
	s.must(err)
	for i := range held {
		s.must(s.m.Store().ChangeCredentials(s.t.Context(), auth.Change{Old: &held[i]}))
	}
}

// blank is a body without what was sent, which a page shows again.
func blank(body, sent string) []byte {
	return bytes.ReplaceAll([]byte(body), []byte(sent), []byte("…"))
}

// newAccount is a provider whose Courier is nobody else's.
func newAccount(testing.TB) *account.Provider {
	return account.New(mail.New(authtest.Origin, memory.NewOutbox(), &mail.Box{}, nil), &account.Options{RequireVerification: true})
}
