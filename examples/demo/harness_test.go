package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// quick is a hasher that does not cost the tests a quarter of a second each
// time.
var quick = password.Bcrypt{Cost: 4, InsecureFast: true}

// loopback are the proxies that tests trust, so that each request may come
// from where it likes.
var loopback = prefixes{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// TestMain makes a demo of the test binary, for tests that kill it.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// A logbook is a buffer that several may write to.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A demo is a site that is being served, with its clock and its log.
type demo struct {
	*httptest.Server
	*authtest.Clock
	log   *logbook
	site  *site
	users people
	stop  func() // ends it before the test does

	expected string // what errors in the log may say
	visitors int    // of who
}

// newDemo serves a site with quick hashes and a clock of its own.
func newDemo(t testing.TB, db string, change ...func(*config)) *demo {
	t.Helper()
	return newDemoAt(t, authtest.NewClock(time.Now()), db, change...)
}

// newDemoAt is newDemo for a clock that has gone on already.
func newDemoAt(t testing.TB, clock *authtest.Clock, db string, change ...func(*config)) *demo {
	t.Helper()
	d := &demo{Clock: clock, log: new(logbook)}
	where := append(strings.Split(db, " "), "", "") // see place
	c, err := parse([]string{"-db", where[0], "-sessions", where[1], "-oauth-addr", "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	c.seams = seams{now: d.Now, hasher: quick, env: func(string) string { return "" }, prefix: where[2]}
	for _, f := range change {
		f(&c)
	}
	open := openStore
	if c.open != nil {
		open = c.open
	}
	c.open = func(ctx context.Context, dsn string) (kept, error) {
		k, err := open(ctx, dsn)
		d.users = k.users
		return k, err
	}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.Server = httptest.NewUnstartedServer(nil)
	if d.site, err = newSite(context.Background(), c, "http://"+d.Listener.Addr().String(), logger); err != nil {
		d.Listener.Close()
		t.Fatal(err)
	}
	d.Config.Handler = d.site.handler
	d.Config.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelError)
	d.Start()
	d.stop = sync.OnceFunc(func() {
		d.Server.Close()
		if err := d.site.close(); err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(complaints(d.log.String())) {
			if d.expected == "" || !strings.Contains(line, d.expected) {
				t.Errorf("the log has an error: %s", line)
			}
		}
	})
	t.Cleanup(d.stop)
	return d
}

// complaints returns the lines of a log that say that something is broken.
func complaints(log string) string {
	var bad []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=ERROR") {
			bad = append(bad, line)
		}
	}
	return strings.Join(bad, "")
}

func file(t testing.TB) string { return "file:" + filepath.Join(t.TempDir(), "demo.db") }

// A browser, or an API client: it keeps cookies and follows no redirects.
type client struct {
	t      testing.TB
	base   string
	client *http.Client
	header http.Header // sent with every request
	json   bool        // what it sends and wants
}

func (d *demo) client(t testing.TB, json bool) *client { return newClient(t, d.URL, json) }

func newClient(t testing.TB, base string, json bool) *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, base: base, json: json, header: http.Header{}, client: &http.Client{
		Jar:           jar,
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if json {
		c.header.Set("Accept", "application/json")
	} else {
		c.header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		c.header.Set("Sec-Fetch-Mode", "navigate")
		c.header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	}
	return c
}

// An answer is a response, read.
type answer struct {
	*http.Response
	body string
}

// String is what the answer says, without its style.
func (a answer) String() string {
	before, rest, _ := strings.Cut(a.body, "<style>")
	_, after, _ := strings.Cut(rest, "</style>")
	return a.Status + ": " + before + after
}

// problem returns what a problem is about.
func (a answer) problem() (code, field string) {
	var p struct{ Code, Field string }
	_ = json.Unmarshal([]byte(a.body), &p) // a page has none
	return p.Code, p.Field
}

// do sends a request; failing to is fatal.
func (c *client) do(method, path, contentType, body string, header ...string) answer {
	c.t.Helper()
	a, err := c.try(method, path, contentType, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// try sends a request with more header lines, given as names and values.
func (c *client) try(method, path, contentType, body string, header ...string) (answer, error) {
	r, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	return answer{resp, string(read)}, err
}

func (c *client) get(path string, header ...string) answer {
	c.t.Helper()
	return c.do("GET", path, "", "", header...)
}

// encode writes fields, given as names and values, the way c sends them.
func (c *client) encode(fields ...string) (contentType, body string) {
	if !c.json {
		v := url.Values{}
		for i := 0; i+1 < len(fields); i += 2 {
			v.Add(fields[i], fields[i+1])
		}
		return "application/x-www-form-urlencoded", v.Encode()
	}
	m := map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		m[fields[i]] = fields[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	return "application/json", string(b)
}

// post sends fields as a form or as JSON.
func (c *client) post(path string, fields ...string) answer {
	c.t.Helper()
	contentType, body := c.encode(fields...)
	return c.do("POST", path, contentType, body)
}

// cookie returns the value of a cookie that the client has, or "".
func (c *client) cookie(name string) string {
	u, err := url.Parse(c.base)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, k := range c.client.Jar.Cookies(u) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// put gives the client a cookie, as if it had been set.
func (c *client) put(name, value string) {
	c.t.Helper()
	u, err := url.Parse(c.base)
	if err != nil {
		c.t.Fatal(err)
	}
	c.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// drop takes a cookie from the client.
func (c *client) drop(name string) {
	c.t.Helper()
	u, err := url.Parse(c.base)
	if err != nil {
		c.t.Fatal(err)
	}
	c.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Path: "/", MaxAge: -1}})
	if c.cookie(name) != "" {
		c.t.Fatalf("the cookie %s cannot be dropped", name)
	}
}

const (
	email  = "ada@example.com"
	secret = "correct horse battery staple"
)

// register makes an account and leaves c logged in.
func (c *client) register(email, password string) {
	c.t.Helper()
	a := c.post("/auth/register", "email", email, "password", password)
	if a.StatusCode != c.ok(http.StatusCreated) {
		c.t.Fatalf("registering: %s", a)
	}
}

// logIn logs in, with more fields given as names and values.
func (c *client) logIn(email, password string, more ...string) {
	c.t.Helper()
	a := c.post("/auth/login", append([]string{"email", email, "password", password}, more...)...)
	if a.StatusCode != c.ok(http.StatusOK) {
		c.t.Fatalf("logging in: %s", a)
	}
}

// ok returns the status of success: a browser is sent on, others are told
// status.
func (c *client) ok(status int) int {
	if c.json {
		return status
	}
	return http.StatusSeeOther
}

// in reports whether c is logged in.
func (c *client) in() bool {
	c.t.Helper()
	switch a := c.get("/auth/session", "Accept", "application/json"); a.StatusCode {
	case http.StatusOK:
		return true
	case http.StatusUnauthorized:
		return false
	default:
		c.t.Fatalf("/auth/session: %s", a)
		return false
	}
}
