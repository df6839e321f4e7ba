package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	"golang.org/x/oauth2"
)

const origin = "https://app.example"

// An internet imitates one identity provider, for one user at a time.
type internet struct {
	t *testing.T
	e entry

	mu        sync.Mutex
	id        string // of the user who logs in
	tokens    []url.Values
	basic     bool // the secret came in the header
	asked     int
	challenge string // must fit the verifier, if both are there
}

func (n *internet) AuthURL(u string) string { return u }

func (n *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	params := r.URL.Query()
	if form, err := url.ParseQuery(string(body)); err == nil {
		for k, v := range form {
			params[k] = append(params[k], v...)
		}
	}
	answer := func(status int, contentType, text string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}, nil
	}
	fill := func(format, what string) string {
		if !strings.Contains(format, "%") {
			return format
		}
		return fmt.Sprintf(format, what)
	}
	if r.URL.Scheme != "https" {
		n.t.Errorf("%s is asked without TLS", r.URL.Host)
	}
	if n.e.form {
		switch {
		case strings.HasSuffix(r.URL.Path, "/request_token"):
			return answer(200, "application/x-www-form-urlencoded", "oauth_token=request-"+n.id+"&oauth_token_secret=s&oauth_callback_confirmed=true")
		case strings.HasSuffix(r.URL.Path, "/access_token"):
			n.tokens = append(n.tokens, params)
			return answer(200, "application/x-www-form-urlencoded", "oauth_token=a&oauth_token_secret=b")
		}
		return answer(200, "application/json", fill(n.e.profile, n.id))
	}
	path := r.URL.EscapedPath()
	if other, ok := n.e.others[path]; ok {
		return answer(200, "application/json", fill(other, n.id))
	}
	if params.Get("code") == n.code() || strings.Contains(string(body), `"code":"`+n.code()+`"`) {
		n.tokens = append(n.tokens, params)
		_, _, basic := r.BasicAuth()
		n.basic = n.basic || basic
		if v := params.Get("code_verifier"); v != "" && oauth2.S256ChallengeFromVerifier(v) != n.challenge {
			n.t.Errorf("the verifier %q is of another flow", v)
		}
		token := n.e.token
		if token == "" {
			token = `{"access_token":"%s-token","token_type":"Bearer","refresh_token":"r","expires_in":3600,"user_id":"%[1]s"}`
		}
		return answer(200, "application/json", fill(token, n.id))
	}
	profile := n.e.profile
	if profile == "" {
		profile = stringID
	}
	return answer(200, "application/json", fill(profile, n.id))
}

func (n *internet) code() string { return "code-of-" + n.id }

// elsewhere is the default transport of a test: what comes here has bypassed the
// client.
type elsewhere struct {
	n        *internet
	bypassed int
}

func (e *elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	e.bypassed++
	return e.n.RoundTrip(r)
}

// A row is one of docs/oauth-providers.md.
type row struct {
	protocol, client, pkce, trust, read, imitated, live string
}

var rowRE = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9]+)` \\| (.+) \\|$")

// documented reads the table.
func documented(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "oauth-providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ = bytes.Cut(text, []byte("## Refused")) // there is another table
	rows := map[string]row{}
	for _, m := range rowRE.FindAllStringSubmatch(string(text), -1) {
		c := strings.Split(m[2], " | ")
		if len(c) != 8 {
			t.Fatalf("the row of %s has %d columns", m[1], len(c)+1)
		}
		rows[m[1]] = row{protocol: c[1], client: c[2], pkce: c[3], trust: c[4], read: c[5], imitated: c[6], live: c[7]}
	}
	return rows
}

// A site is one composition with one connector.
type site struct {
	t       *testing.T
	h       http.Handler
	store   auth.Store
	cookies map[string]string
}

func newSite(t *testing.T, c *oauth.Connector) (*site, error) {
	store := memory.New(nil)
	m, err := auth.New(memory.NewUsers(), store, &auth.Options{Pages: pages.New(nil), Logger: slog.New(slog.DiscardHandler), Providers: []auth.Provider{oauth.New(origin, nil, c)}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	return &site{t: t, h: m.Handler(mux), store: store, cookies: map[string]string{}}, nil
}

func (s *site) do(method, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, origin+target, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "text/html")
	for name, value := range s.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		s.cookies[c.Name] = c.Value
	}
	return w
}

// alert is what a page refuses with.
func alert(w *httptest.ResponseRecorder) string {
	_, text, _ := strings.Cut(w.Body.String(), `role="alert">`)
	text, _, _ = strings.Cut(text, "</div>")
	return strings.TrimSpace(text)
}

// Every provider of goth logs two users in, in the way that the table says, or is
// refused in words. No request leaves the test.
func TestCatalogue(t *testing.T) {
	rows := documented(t)
	if have, want := slices.Sorted(maps.Keys(rows)), slices.Sorted(maps.Keys(entries)); !slices.Equal(have, want) {
		t.Errorf("docs/oauth-providers.md has %d rows and there are %d entries: %q and %q", len(have), len(want), have, want)
	}
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	for name, e := range entries {
		t.Run(name, func(t *testing.T) { try(t, name, e, rows[name]) })
	}
}

func try(t *testing.T, name string, e entry, doc row) {
	n := &internet{t: t, e: e}
	out := &elsewhere{n: n}
	http.DefaultTransport = out
	opts := oauth.ConnectorOptions{Name: "it", Insecure: n}
	if doc.client == "no" {
		opts.Insecure = nil
	}
	if doc.imitated == "refused" {
		if _, err := newSite(t, e.connect(&oauth.ConnectorOptions{Name: "it"})); err == nil || !strings.Contains(err.Error(), "cannot be used") {
			t.Errorf("it is not refused: %v", err)
		}
		return
	}
	if doc.client == "no" {
		if _, err := newSite(t, e.connect(&oauth.ConnectorOptions{Name: "it", Insecure: n})); err == nil || !strings.Contains(err.Error(), "Insecure") {
			t.Errorf("it bypasses its client, and Insecure is taken: %v", err)
		}
	}
	required := opts
	required.RequirePKCE = true
	if _, err := newSite(t, e.connect(&required)); (err == nil) != (doc.pkce == "yes") {
		t.Errorf("RequirePKCE: %v, and the table says %q", err, doc.pkce)
	}
	if n.asked != 0 {
		t.Errorf("%d requests while the site was put together", n.asked)
	}

	s, err := newSite(t, e.connect(&opts))
	if err != nil {
		t.Fatal(err)
	}
	subjects := map[string]bool{}
	for _, id := range []string{"1000042", "1000043"} {
		subjects[logIn(t, s, n, e, doc, id)] = true
	}
	if len(subjects) != 2 || subjects[""] {
		t.Errorf("two users have the subjects %v", subjects)
	}
	if doc.client == "yes" && out.bypassed != 0 || doc.client == "no" && out.bypassed != n.asked {
		t.Errorf("%d of %d requests bypassed the client, and the table says %q", out.bypassed, n.asked, doc.client)
	}
}

// logIn logs a user in and returns their subject.
func logIn(t *testing.T, s *site, n *internet, e entry, doc row, id string) (subject string) {
	t.Helper()
	s.cookies = map[string]string{}
	n.mu.Lock()
	n.id, n.tokens = id, nil
	n.mu.Unlock()
	w := s.do(http.MethodPost, "/auth/oauth/it")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || to.Scheme != "https" {
		t.Fatalf("the login starts with %d to %q: %s", w.Code, w.Header().Get("Location"), alert(w))
	}
	q := to.Query()
	challenged := len(q["code_challenge"]) == 1 && q.Get("code_challenge_method") == "S256"
	if challenged != (doc.pkce == "yes") {
		t.Errorf("the challenge is %q, and the table says %q", q["code_challenge"], doc.pkce)
	}
	n.mu.Lock()
	n.challenge = q.Get("code_challenge")
	n.mu.Unlock()
	back := url.Values{"state": {q.Get("state")}, "code": {n.code()}}
	if e.form {
		if q.Has("state") || q.Get("oauth_token") != "request-"+id {
			t.Errorf("of OAuth 1.0a: %v", q)
		}
		back = url.Values{"oauth_token": {q.Get("oauth_token")}, "oauth_verifier": {"v"}}
	} else if len(q["state"]) != 1 || q.Get("state") == "" {
		t.Fatalf("the state is %q", q["state"])
	}
	if w := s.do(http.MethodGet, "/auth/oauth/it/callback?"+back.Encode()); w.Code != http.StatusSeeOther {
		t.Fatalf("the login ends with %d: %s", w.Code, alert(w))
	}
	if len(n.tokens) != 1 {
		t.Fatalf("%d token requests for one code", len(n.tokens))
	}
	if v := n.tokens[0]["code_verifier"]; (len(v) == 1 && v[0] != "") != (doc.pkce == "yes") || len(v) > 1 {
		t.Errorf("the verifier is %q, and the table says %q", v, doc.pkce)
	}
	if n.basic && doc.client == "yes" {
		t.Error("the secret came in the header, which not all of them take")
	}
	subject = id
	if e.subject != "" {
		subject = fmt.Sprintf(e.subject, id)
	}
	link, err := s.store.LoadCredential(t.Context(), "oauth:it", subject)
	if err != nil {
		t.Fatalf("nobody is linked as %q: %v", subject, err)
	}
	var record struct {
		Email  string `json:"email"`
		Status string `json:"email_status"`
	}
	if err := json.Unmarshal(link.Data, &record); err != nil {
		t.Fatal(err)
	}
	email := ""
	if text := e.profile + e.token + fmt.Sprint(e.others); e.profile == "" || strings.Contains(text, "@example.com") {
		email = "ada" + id + "@example.com"
	}
	if record.Email != email {
		t.Errorf("the address is %q, want %q", record.Email, email)
	}
	if record.Status != e.email || (e.email == "verified") != (doc.trust != "–") {
		t.Errorf("the address is %q, want %q, and the table says %q", record.Status, e.email, doc.trust)
	}
	return subject
}

// The table is of the version of goth that is used.
func TestVersion(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Skip("there is no build information")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "oauth-providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/markbates/goth" && !strings.Contains(string(text), "goth "+m.Version) {
			t.Errorf("goth is %s: read what has changed, and then say so in docs/oauth-providers.md", m.Version)
		}
	}
}
