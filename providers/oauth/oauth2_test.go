package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"golang.org/x/oauth2"
)

// A server is an OAuth 2.0 server of a test. It records what it is asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request // with their forms
	// answer, by path, replaces what it does.
	answer map[string]http.HandlerFunc
}

func newServer(t *testing.T) *server {
	s := &server{answer: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		panic(err)
	}
	s.mu.Lock()
	s.asked = append(s.asked, r)
	h := s.answer[r.URL.Path]
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case h != nil:
		h(w, r)
	case r.URL.Path == "/token":
		fmt.Fprint(w, `{"access_token":"the-access-token","token_type":"bearer","refresh_token":"the-refresh-token","expires_in":3600}`)
	case r.URL.Path == "/user":
		fmt.Fprint(w, `{"id":9007199254740993,"login":"ada","email":"ada@example.com"}`)
	}
}

func (s *server) requests(path string) (found []*http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.asked {
		if r.URL.Path == path {
			found = append(found, r)
		}
	}
	return found
}

func (s *server) on(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer[path] = h
}

func reply200(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) }
}

func replyStatus(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// flowOf is a flow of c's, that began now.
func flowOf(t testing.TB, c *Connector, n int) *flow {
	now := time.Now()
	return &flow{client: c.out.client(t.Context()), callback: "https://app.example/auth/oauth/" + c.Name() + "/callback",
		state: fmt.Sprintf("state-%d", n), nonce: fmt.Sprintf("nonce-%d", n), verifier: fmt.Sprintf("verifier-%d-%s", n, strings.Repeat("v", 43)), began: now, now: now}
}

// trusting makes c trust s, as what speaks TLS on the loopback.
func trusting(t *testing.T, c *Connector, s *httptest.Server) *Connector {
	c.out = local(t, s)
	c.out.opts = &c.opts
	return c
}

// shop is a connector of s, as a host would make it.
func shop(t *testing.T, s *server, change ...func(*Endpoint, *ConnectorOptions)) *Connector {
	e := Endpoint{AuthURL: s.URL + "/authorize?tenant=1", TokenURL: s.URL + "/token", RevocationURL: s.URL + "/revoke"}
	opts := ConnectorOptions{Name: "shop", Scopes: []string{"profile", "email"}, AuthParams: map[string]string{"prompt": "consent"}}
	for _, f := range change {
		f(&e, &opts)
	}
	return trusting(t, OAuth2(e, "the id", "the se+ret", func(ctx context.Context, client *http.Client) (Account, error) {
		var u struct {
			ID    json.Number
			Login string
			Email string
		}
		if err := GetJSON(ctx, client, s.URL+"/user", &u); err != nil {
			return Account{}, err
		}
		return Account{Subject: u.ID.String(), Username: u.Login, Email: u.Email, EmailStatus: EmailVerified}, nil
	}, &opts), s.Server)
}

func TestOAuth2(t *testing.T) {
	s := newServer(t)
	c := shop(t, s)
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	if c.opts.Title != "Shop" {
		t.Errorf("the title is %q", c.opts.Title)
	}
	f := flowOf(t, c, 1)
	b, err := c.backend.begin(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"tenant": "1", "response_type": "code", "client_id": "the id", "redirect_uri": f.callback, "state": f.state,
		"scope": "profile email", "prompt": "consent", "code_challenge": oauth2.S256ChallengeFromVerifier(f.verifier), "code_challenge_method": "S256"} {
		if got := u.Query()[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := c.backend.origins(t.Context(), nil); len(got) != 1 || got[0] != s.URL {
		t.Errorf("origins: %q", got)
	}

	a, token, err := c.backend.finish(t.Context(), f, url.Values{"code": {"the code"}})
	if err != nil {
		t.Fatal(err)
	}
	// The subject is longer than a float64 could hold.
	if a.Subject != "9007199254740993" || a.Email != "ada@example.com" || a.EmailStatus != EmailVerified || c.status(a) != EmailVerified {
		t.Errorf("%+v", a)
	}
	if token.AccessToken != "the-access-token" || token.RefreshToken != "the-refresh-token" || token.Expiry.IsZero() {
		t.Errorf("%+v", token)
	}
	asked := s.requests("/token")
	if len(asked) != 1 {
		t.Fatalf("%d token requests", len(asked))
	}
	id, secret, _ := asked[0].BasicAuth()
	if id != "the+id" || secret != "the+se%2Bret" || asked[0].Form.Has("client_secret") { // RFC 6749, section 2.3.1
		t.Errorf("the client is %q, %q, %v", id, secret, asked[0].Form)
	}
	for name, want := range map[string]string{"grant_type": "authorization_code", "code": "the code", "redirect_uri": f.callback, "code_verifier": f.verifier} {
		if got := asked[0].Form[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := s.requests("/user")[0].Header.Get("Authorization"); got != "Bearer the-access-token" {
		t.Errorf("the profile was asked for by %q", got)
	}
}

// One code, one token request, whatever comes of it.
func TestOAuth2OneCodeOneTokenRequest(t *testing.T) {
	for _, inBody := range []bool{false, true} {
		for body, want := range map[string]error{
			`{"error":"invalid_grant"}`: errInvalidGrant, `{"error":"invalid_client"}`: errBadAnswer, `{}`: errBadAnswer, `<html>`: errBadAnswer, ``: errBadAnswer,
			`{"access_token":"a","token_type":"mac"}`: errBadAnswer, `{"access_token":""}`: errBadAnswer, `{"access_token":5}`: errBadAnswer, `[]`: errBadAnswer,
		} {
			for _, status := range []int{200, 400, 401, 500} {
				s := newServer(t)
				s.on("/token", replyStatus(status, body))
				c := shop(t, s, func(e *Endpoint, _ *ConnectorOptions) { e.SecretInBody = inBody })
				a, token, err := c.backend.finish(t.Context(), flowOf(t, c, 1), url.Values{"code": {"c"}})
				if status == 500 {
					want = errUnavailable
				}
				if !errors.Is(err, want) || a.Subject != "" || token != nil {
					t.Errorf("%d %s: %v, want %v", status, body, err, want)
				}
				asked := s.requests("/token")
				if len(asked) != 1 || len(s.requests("/user")) != 0 {
					t.Fatalf("%d %s: %d token requests", status, body, len(asked))
				}
				_, _, basic := asked[0].BasicAuth()
				if basic == inBody || (asked[0].Form.Get("client_secret") == "the se+ret") != inBody {
					t.Errorf("SecretInBody is %v: %v", inBody, asked[0].Form)
				}
			}
		}
	}
}

func TestOA36OAuth2NeedsASubject(t *testing.T) {
	s := newServer(t)
	for _, id := range []string{`0`, `""`, `null`} {
		s.on("/user", reply200(`{"id":`+id+`}`))
		c := shop(t, s)
		if a, _, err := c.backend.finish(t.Context(), flowOf(t, c, 1), url.Values{"code": {"c"}}); !errors.Is(err, errBadAnswer) {
			t.Errorf("%s: %+v, %v", id, a, err)
		}
	}
}

func TestOAuth2AccountFails(t *testing.T) {
	s := newServer(t)
	shown := &auth.Problem{Status: 403, Code: "members_only", Detail: "Only for members."}
	for name, c := range map[string]struct {
		f    func(ctx context.Context, client *http.Client) (Account, error)
		want error
	}{
		"panic":    {func(context.Context, *http.Client) (Account, error) { panic("the-access-token") }, errBadAnswer},
		"error":    {func(context.Context, *http.Client) (Account, error) { return Account{}, errors.New("the-access-token") }, errBadAnswer},
		"problem":  {func(context.Context, *http.Client) (Account, error) { return Account{}, shown }, shown},
		"nobody":   {func(context.Context, *http.Client) (Account, error) { return Account{}, nil }, errBadAnswer},
		"for ever": {func(context.Context, *http.Client) (Account, error) { select {} }, errUnavailable},
	} {
		conn := trusting(t, OAuth2(Endpoint{AuthURL: s.URL, TokenURL: s.URL + "/token"}, "id", "secret", c.f, nil), s.Server)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if name != "for ever" {
			ctx = t.Context()
		}
		_, _, err := conn.backend.finish(ctx, flowOf(t, conn, 1), url.Values{"code": {"c"}})
		cancel()
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "the-access-token") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOAuth2Tokens(t *testing.T) {
	s := newServer(t)
	c := shop(t, s)
	client := c.out.client(t.Context())
	b := c.backend.(tokenBackend)
	old := &oauth2.Token{AccessToken: "a", RefreshToken: "r"}

	fresh, err := b.refresh(t.Context(), client, old)
	if err != nil || fresh.AccessToken != "the-access-token" || fresh.RefreshToken != "the-refresh-token" || old.AccessToken != "a" {
		t.Errorf("%+v, %v", fresh, err)
	}
	// The old one stays if no new one comes (RFC 6749, section 6).
	s.on("/token", reply200(`{"access_token":"b","token_type":"Bearer"}`))
	if fresh, err := b.refresh(t.Context(), client, old); err != nil || fresh.AccessToken != "b" || fresh.RefreshToken != "r" {
		t.Errorf("%+v, %v", fresh, err)
	}
	s.on("/token", replyStatus(400, `{"error":"invalid_grant"}`))
	if _, err := b.refresh(t.Context(), client, old); !errors.Is(err, errInvalidGrant) {
		t.Error(err)
	}
	if _, err := b.refresh(t.Context(), client, &oauth2.Token{AccessToken: "a"}); !errors.Is(err, errInvalidGrant) {
		t.Error(err)
	}
	s.on("/token", replyStatus(503, ``))
	if _, err := b.refresh(t.Context(), client, old); !errors.Is(err, errUnavailable) {
		t.Error(err)
	}
	if n := len(s.requests("/token")); n != 4 {
		t.Errorf("%d token requests for 4 tokens", n)
	}

	if err := b.revoke(t.Context(), client, old); err != nil {
		t.Error(err)
	}
	if err := b.revoke(t.Context(), client, &oauth2.Token{AccessToken: "a"}); err != nil {
		t.Error(err)
	}
	s.on("/revoke", replyStatus(400, `{}`))
	if err := b.revoke(t.Context(), client, old); !errors.Is(err, errBadAnswer) {
		t.Error(err)
	}
	asked := s.requests("/revoke")
	if asked[0].Form.Get("token") != "r" || asked[1].Form.Get("token") != "a" || asked[0].Header.Get("Authorization") == "" {
		t.Errorf("%v %v", asked[0].Form, asked[1].Form)
	}
	c = shop(t, s, func(e *Endpoint, _ *ConnectorOptions) { e.RevocationURL = "" })
	if err := c.backend.(tokenBackend).revoke(t.Context(), client, old); !errors.Is(err, errNoRevocation) {
		t.Error(err)
	}
}

func TestOAuth2Issuer(t *testing.T) {
	s := newServer(t)
	for issuer, required := range map[string]bool{"": false, "https://shop.example": true} {
		c := shop(t, s, func(e *Endpoint, _ *ConnectorOptions) { e.Issuer = issuer })
		if got, must, err := c.backend.issuer(t.Context(), nil); got != issuer || must != required || err != nil {
			t.Errorf("%q, %v, %v", got, must, err)
		}
	}
}

func TestOAuth2SaysAllThatIsWrong(t *testing.T) {
	err := OAuth2(Endpoint{AuthURL: "login.example/authorize", TokenURL: "http://login.example/token", RevocationURL: "https://u:p@login.example/"}, "", "", nil,
		&ConnectorOptions{Name: "Shop"}).check()
	for _, part := range []string{"AuthURL", "TokenURL", "RevocationURL", "client ID", "client secret", "account", "ConnectorOptions.Name"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.HasPrefix(line, `oauth: connector "Shop": `) {
			t.Errorf("whose is %q?", line)
		}
	}
	nobody := func(context.Context, *http.Client) (Account, error) { return Account{}, nil }
	for u, ok := range map[string]bool{"https://a.example/x?y=z": true, "https://a.example/#x": false, "https://a.example/#": false, "//a.example": false, "https:///x": false,
		"https://:443/": false, "https://u@a.example": false, "http://127.0.0.1/": false, "javascript:alert(1)": false, "": false, " https://a.example": false} {
		if err := OAuth2(Endpoint{AuthURL: u, TokenURL: "https://a.example/"}, "id", "s", nobody, nil).check(); (err == nil) != ok {
			t.Errorf("%q: %v", u, err)
		}
	}
	local := Endpoint{AuthURL: "http://127.0.0.1:1/", TokenURL: "https://a.example/"}
	if err := OAuth2(local, "id", "s", nobody, nil).check(); err == nil || !strings.Contains(err.Error(), "InsecureHTTP") {
		t.Errorf("what lets plain HTTP in is not named: %v", err)
	}
	for u, ok := range map[string]bool{"http://127.0.0.1:1/": true, "http://[::1]/": true, "http://localhost/": true, "http://a.example/": false, "http://127.0.0.1.example/": false} {
		if err := OAuth2(Endpoint{AuthURL: u, TokenURL: u}, "id", "s", nobody, &ConnectorOptions{InsecureHTTP: true}).check(); (err == nil) != ok {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// A profile is one JSON document that came with a status of success (OA-27).
func TestOA27GetJSON(t *testing.T) {
	s := newServer(t)
	client := local(t, s.Server).client(t.Context())
	get := func(status int, contentType, body string) (map[string]any, error) {
		s.on("/doc", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
		var v map[string]any
		err := GetJSON(t.Context(), client, s.URL+"/doc?access_token=hunter2", &v)
		return v, err
	}
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "application/scim+json", "Application/JSON"} {
		if v, err := get(200, contentType, ` {"id": 9007199254740993} `); err != nil || v["id"] != json.Number("9007199254740993") {
			t.Errorf("%s: %v, %v", contentType, v, err)
		}
	}
	const user = `{"id":1}`
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		want              error
	}{
		"HTML": {200, "text/html", user, errBadAnswer}, "no type": {200, "", user, errBadAnswer}, "text": {200, "text/plain", user, errBadAnswer},
		"401 with a user": {401, "application/json", user, errBadAnswer}, "201": {201, "application/json", user, errBadAnswer}, "404": {404, "application/json", user, errBadAnswer},
		"204": {204, "application/json", "", errBadAnswer}, "500": {500, "application/json", user, errUnavailable},
		"empty": {200, "application/json", "", errBadAnswer}, "cut": {200, "application/json", `{"id":`, errBadAnswer}, "two": {200, "application/json", user + user, errBadAnswer},
		"more": {200, "application/json", user + " x", errBadAnswer}, "another shape": {200, "application/json", `[1]`, errBadAnswer},
		"long": {200, "application/json", `{"id":"` + strings.Repeat("a", maxBody) + `"}`, errBadAnswer},
	} {
		v, err := get(c.status, c.contentType, c.body)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v tells the token", name, err)
		}
	}
	// Also with a client that has no limit.
	s.on("/doc", reply200(`{"id":"1"}`+strings.Repeat(" ", maxBody)))
	var v any
	if err := GetJSON(t.Context(), s.Client(), s.URL+"/doc", &v); !errors.Is(err, errBadAnswer) {
		t.Error(err)
	}
	if err := GetJSON(t.Context(), client, "https://%zz?access_token=hunter2", &v); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}
