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
	log *logbook
}

// newDemo serves a site with quick hashes and a clock of its own.
func newDemo(t testing.TB, db string, change ...func(*config)) *demo {
	t.Helper()
	d := &demo{Clock: authtest.NewClock(time.Now()), log: new(logbook)}
	c := config{db: db, seams: seams{now: d.Now, hasher: quick}}
	for _, f := range change {
		f(&c)
	}
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := newSite(context.Background(), c, logger)
	if err != nil {
		t.Fatal(err)
	}
	d.Server = httptest.NewUnstartedServer(s.handler)
	d.Config.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelError)
	d.Start()
	t.Cleanup(func() {
		d.Server.Close()
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if bad := complaints(d.log.String()); bad != "" {
			t.Errorf("the log has errors:\n%s", bad)
		}
	})
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

// onBoth runs f on a file and in memory.
func onBoth(t *testing.T, f func(t *testing.T, db string)) {
	t.Run("file", func(t *testing.T) { f(t, file(t)) })
	t.Run("memory", func(t *testing.T) { f(t, "memory:") })
}

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

func (c *client) logIn(email, password string) {
	c.t.Helper()
	a := c.post("/auth/login", "email", email, "password", password)
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
