package oauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// realFresh is how long a proof is good for what is at /fresh.
const realFresh = 3 * time.Second

// A realSite is at realOrigin, for those who ask by its browsers.
type realSite struct {
	t       *testing.T
	handler http.Handler
	users   *memory.Users
	store   auth.Store
}

// site puts a site together whose only way in is op.
func (op realProvider) site(t *testing.T, opts *oauth.ConnectorOptions) *realSite {
	t.Helper()
	o := oauth.ConnectorOptions{}
	if opts != nil {
		o = *opts
	}
	o.Name, o.InsecureHTTP, o.EmailStatus = "real", true, oauth.TrustEmailVerified
	s := &realSite{t: t, users: memory.NewUsers(), store: memory.New(nil)}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	m, err := auth.New(s.users, s.store, &auth.Options{
		Providers: []auth.Provider{oauth.New(realOrigin, &oauth.Options{Logger: logger}, oauth.OIDC(op.issuer, op.clientID, op.secret, &o))},
		Pages:     pages.New(nil),
		Logger:    logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[auth.User](r.Context())
		fmt.Fprint(w, u.AuthID())
	})))
	mux.Handle("GET /fresh", m.RequireFresh(realFresh)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "fresh") })))
	s.handler = m.Handler(mux)
	return s
}

// user returns what is known of a user.
func (s *realSite) user(id string) (name, email string, verified bool) {
	s.t.Helper()
	u, err := s.users.LoadUser(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	held, err := s.store.UserCredentials(s.t.Context(), id, "email")
	if err != nil {
		s.t.Fatal(err)
	}
	if len(held) == 1 {
		email, verified = held[0].Key, !held[0].VerifiedAt.IsZero()
	}
	return u.(*memory.User).Name, email, verified
}

// post asks the provider's own endpoint, as the client.
func (op realProvider) post(t *testing.T, path string, into any, form url.Values) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, op.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(url.QueryEscape(op.clientID), url.QueryEscape(op.secret))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// A realBrowser has a cookie jar, and finds the site at its origin.
type realBrowser struct {
	t      *testing.T
	client *http.Client
}

// A page is what a browser shows in the end.
type realPage struct {
	at     string // its address
	status int
	body   string
}

type leaving struct{} // of a request's context: it is not to go back to the site

func (s *realSite) browser() *realBrowser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &realBrowser{s.t, &http.Client{
		Jar:     jar,
		Timeout: 30 * time.Second,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.Context().Value(leaving{}) != nil && r.URL.Host == "app.example" || len(via) > 10 {
				return http.ErrUseLastResponse
			}
			return nil
		},
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "app.example" {
				return http.DefaultTransport.RoundTrip(r)
			}
			w := httptest.NewRecorder()
			in := r.Clone(r.Context())
			in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "192.0.2.1:1"
			if in.Body == nil {
				in.Body = http.NoBody
			}
			s.handler.ServeHTTP(w, in)
			resp := w.Result()
			resp.Request = r
			return resp, nil
		}),
	}}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// do follows redirects, and, if it is leaving, to where the site is sent something
// and no further: that is the address then.
func (b *realBrowser) do(leave bool, method, address string, form url.Values) realPage {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = realOrigin + address
	}
	ctx := b.t.Context()
	if leave {
		ctx = context.WithValue(ctx, leaving{}, true)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	p := realPage{resp.Request.URL.String(), resp.StatusCode, string(body)}
	if to, err := resp.Location(); err == nil {
		p.at = to.String()
	}
	return p
}

func (b *realBrowser) get(address string) realPage {
	b.t.Helper()
	return b.do(false, http.MethodGet, address, nil)
}

func (b *realBrowser) post(path string) realPage {
	b.t.Helper()
	return b.do(false, http.MethodPost, path, nil)
}

// who returns the ID of who is logged in, or "".
func (b *realBrowser) who() string {
	b.t.Helper()
	if a := b.get("/me"); a.at == realOrigin+"/me" {
		return a.body
	}
	return ""
}

// leave presses a button of the site's, and returns where it leads.
func (b *realBrowser) leave(what string, fields ...string) string {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, realOrigin+"/auth/oauth/real"+what, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	only := *b.client
	only.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := only.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther || strings.HasPrefix(resp.Header.Get("Location"), "/") {
		b.t.Fatalf("the button leads to %q: %s", resp.Header.Get("Location"), resp.Status)
	}
	return resp.Header.Get("Location")
}

var (
	formRE  = regexp.MustCompile(`(?s)<form[^>]* action="([^"]+)" method="post">(.*?)</form>`)
	inputRE = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
)

// agree goes to the provider, fills in its forms as somebody with this login, until it
// sends the browser back, and returns where to. With login "" the provider has to know
// who it is.
func (b *realBrowser) agree(address, login string) string {
	b.t.Helper()
	p := b.do(true, http.MethodGet, address, nil)
	for range 5 {
		if strings.HasPrefix(p.at, realOrigin) {
			return p.at
		}
		form := formRE.FindStringSubmatch(p.body)
		if form == nil {
			break
		}
		sent := url.Values{}
		for _, input := range inputRE.FindAllStringSubmatch(form[2], -1) {
			sent.Set(input[1], html.UnescapeString(input[2]))
		}
		if strings.Contains(form[2], `name="login"`) {
			if login == "" {
				break
			}
			sent.Set("login", login)
			sent.Set("password", "any")
		}
		p = b.do(true, http.MethodPost, html.UnescapeString(form[1]), sent)
	}
	b.t.Fatalf("the provider does not send %q back: %d at %s: %s", login, p.status, p.at, p.body)
	return ""
}

func param(t *testing.T, address, name string) string {
	t.Helper()
	return parsed(t, address).Query().Get(name)
}

// with and without return the address with other parameters.
func with(t *testing.T, address string, params ...string) string {
	t.Helper()
	u := parsed(t, address)
	q := u.Query()
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func without(t *testing.T, address string, names ...string) string {
	t.Helper()
	u := parsed(t, address)
	q := u.Query()
	for _, name := range names {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func parsed(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
