package oauthtest_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

const (
	redirectURI = "https://app.example/callback"
	secret      = "s+3/c =r%et" // every character that two ways of encoding disagree about
)

// A clock that stands.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rp is a client of one provider, by hand.
type rp struct {
	t      *testing.T
	idp    *oauthtest.Server
	http   *http.Client
	clock  *clock
	auth   string // URLs
	token  string
	user   string
	scopes string
}

func clients() []oauthtest.Client {
	return []oauthtest.Client{
		{ID: "app", Secret: secret, RedirectURIs: []string{redirectURI, "https://app.example/other?tenant=a"}},
		{ID: "strict", Secret: secret, RedirectURIs: []string{redirectURI}, RequirePKCE: true},
		{ID: "public", AnyRedirectURI: true},
		{ID: "elsewhere", Secret: secret, RedirectURIs: []string{redirectURI}, Services: []oauthtest.Service{oauthtest.Twitter}},
	}
}

func start(t *testing.T, opts oauthtest.Options) *rp {
	t.Helper()
	c := &clock{at: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	opts.Now = c.now
	if opts.Clients == nil {
		opts.Clients = clients()
	}
	if opts.Keys == nil {
		opts.Keys = []*oauthtest.Key{key(t)}
	}
	idp := oauthtest.New(&opts)
	t.Cleanup(func() { idp.Close() })
	r := &rp{t: t, idp: idp, clock: c, http: &http.Client{
		Transport:     idp,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return r.at(oauthtest.OIDC)
}

// key makes a key that costs little.
func key(t *testing.T) *oauthtest.Key {
	t.Helper()
	k, err := oauthtest.NewKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// at returns a client of another service of the same server.
func (c rp) at(s oauthtest.Service) *rp {
	switch s {
	case oauthtest.OIDC:
		c.auth, c.token, c.user, c.scopes = c.idp.URL+"/authorize", c.idp.URL+"/token", c.idp.URL+"/userinfo", "openid email profile offline_access"
	case oauthtest.GitHub:
		c.auth, c.token, c.user, c.scopes = "https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token", "https://api.github.com/user", "user:email"
	case oauthtest.Google:
		c.auth, c.token, c.user, c.scopes = "https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token", "https://openidconnect.googleapis.com/v1/userinfo", "openid email profile"
	case oauthtest.Apple:
		c.auth, c.token, c.scopes = "https://appleid.apple.com/auth/authorize", "https://appleid.apple.com/auth/token", "name email"
	}
	return &c
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authURL makes an authorization request; in more, "" removes a parameter.
func (c *rp) authURL(more url.Values) string {
	v := url.Values{"client_id": {"app"}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {c.scopes}, "state": {"st"}}
	maps.Copy(v, more)
	for name, vs := range v {
		if len(vs) == 1 && vs[0] == "" {
			v.Del(name)
		}
	}
	return c.auth + "?" + v.Encode()
}

// visit goes to the provider as ada and returns the parameters of the callback.
func (c *rp) visit(more url.Values) url.Values {
	c.t.Helper()
	back, err := c.idp.VisitAs("ada", c.authURL(more))
	if err != nil {
		c.t.Fatal(err)
	}
	return back.Values()
}

// post sends a form and returns the status and the JSON of the answer.
func (c *rp) post(to string, form url.Values) (int, map[string]any) {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	return c.do(r)
}

func (c *rp) do(r *http.Request) (int, map[string]any) {
	c.t.Helper()
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var v map[string]any
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &v); err != nil {
			c.t.Fatalf("%v in %s", err, raw)
		}
	}
	return resp.StatusCode, v
}

// exchange redeems a code; in more, "" removes a parameter.
func (c *rp) exchange(code string, more url.Values) (int, map[string]any) {
	c.t.Helper()
	v := url.Values{"client_id": {"app"}, "client_secret": {secret}, "redirect_uri": {redirectURI}, "grant_type": {"authorization_code"}, "code": {code}}
	maps.Copy(v, more)
	for name, vs := range v {
		if len(vs) == 1 && vs[0] == "" {
			v.Del(name)
		}
	}
	return c.post(c.token, v)
}

// tokens goes all the way.
func (c *rp) tokens(more url.Values) map[string]any {
	c.t.Helper()
	back := c.visit(more)
	status, v := c.exchange(back.Get("code"), nil)
	if status != http.StatusOK || v["access_token"] == nil {
		c.t.Fatalf("after %v: %d %v", back, status, v)
	}
	return v
}

func (c *rp) get(from, token string) (int, map[string]any) {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodGet, from, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return c.do(r)
}

func (c *rp) refresh(token any) (int, map[string]any) {
	c.t.Helper()
	return c.post(c.token, url.Values{"client_id": {"app"}, "client_secret": {secret}, "grant_type": {"refresh_token"}, "refresh_token": {text(token)}})
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// part decodes the header (0) or the claims (1) of a JWT.
func part(t *testing.T, token any, i int) map[string]any {
	t.Helper()
	parts := strings.Split(text(token), ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %v", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[i])
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func claims(t *testing.T, token any) map[string]any {
	t.Helper()
	return part(t, token, 1)
}

// signedES256 reports whether a JWT is signed by a key, with code of the test's
// own.
func signedES256(t *testing.T, token any, k *oauthtest.Key) bool {
	t.Helper()
	head, sig, _ := cutLast(text(token))
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil || len(raw) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(head))
	r, s := bigInt(raw[:32]), bigInt(raw[32:])
	return ecdsa.Verify(k.Signer.Public().(*ecdsa.PublicKey), sum[:], r, s)
}

func cutLast(token string) (head, sig string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return "", "", false
	}
	return token[:i], token[i+1:], true
}

// person makes a login that nobody has yet.
func person() string { return strings.ToLower(rand.Text()) }

func bigInt(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
