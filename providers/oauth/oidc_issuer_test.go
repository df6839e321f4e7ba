package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

var (
	rsaKey      = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSAKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newECKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newEdKey() ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

const (
	testClient = "client-1"
	testSecret = "s3cret/+ %"
	testToken  = "access-1"
)

// A testIssuer is an issuer that does as its test says.
type testIssuer struct {
	*httptest.Server
	t   *testing.T
	now time.Time

	mu   sync.Mutex
	hits map[string]int // by path
	// What it serves; nil members of metadata are left out.
	metadata map[string]any
	keys     []any // of the JSON Web Key Set
	keysHead http.Header
	userinfo map[string]any
	// broken paths answer 500.
	broken map[string]bool
	// before are called before a path is answered.
	before map[string]func()
	// respond, if there is one, changes the token response.
	respond func(r map[string]any)
	// idToken returns the token for a nonce; it is expected to be bare claims signed
	// by the issuer's key, until a test says otherwise.
	idToken func(nonce string) string

	challenge, nonce string
	form             url.Values // of the last token request
	auth             string     // its Authorization
}

func newTestIssuer(t *testing.T) *testIssuer {
	i := &testIssuer{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), hits: map[string]int{}, metadata: map[string]any{}, broken: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) { serveJSON(w, i.document()) })
	for _, path := range []string{"/jwks", "/new-jwks"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), i.keysHead)
			serveJSON(w, map[string]any{"keys": i.keys})
		})
	}
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+testToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serveJSON(w, i.userinfo)
	})
	mux.HandleFunc("POST /token", i.postToken)
	mux.HandleFunc("POST /revoke", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		i.form, i.auth = r.PostForm, r.Header.Get("Authorization")
	})
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		before := i.before[r.URL.Path]
		i.mu.Unlock()
		if before != nil {
			before()
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		i.hits[r.URL.Path]++
		if i.broken[r.URL.Path] {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	i.keys = []any{jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1", Use: "sig", Algorithm: "RS256"}}
	i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, nil)) }
	return i
}

// respondTo has f called before each answer at path.
func (i *testIssuer) respondTo(path string, f func()) {
	i.set(func() { i.before = map[string]func(){path: f} })
}

func serveJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (i *testIssuer) document() map[string]any {
	doc := map[string]any{
		"issuer":                                i.URL,
		"authorization_endpoint":                i.URL + "/authorize?tenant=1",
		"token_endpoint":                        i.URL + "/token",
		"jwks_uri":                              i.URL + "/jwks",
		"response_types_supported":              []string{"code", "id_token"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA", "HS256", "none"},
		"code_challenge_methods_supported":      []string{"S256"},
	}
	for name, v := range i.metadata {
		doc[name] = v
		if v == nil {
			delete(doc, name)
		}
	}
	return doc
}

func (i *testIssuer) postToken(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	i.form, i.auth = r.PostForm, r.Header.Get("Authorization")
	resp := map[string]any{"access_token": testToken, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh-1"}
	if i.form.Get("grant_type") == "authorization_code" {
		sum := sha256.Sum256([]byte(i.form.Get("code_verifier")))
		if i.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || i.form.Get("code") != "code-1" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]any{"error": "invalid_grant", "error_description": "<script>" + i.form.Get("code")})
			return
		}
		resp["id_token"] = i.idToken(i.nonce)
	}
	if i.respond != nil {
		i.respond(resp)
	}
	serveJSON(w, resp)
}

func (i *testIssuer) asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits[path]
}

// set changes what the issuer does, while it may be serving.
func (i *testIssuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// claims returns what a valid ID token says, changed by change; a value of nil leaves
// a claim out.
func (i *testIssuer) claims(nonce string, change map[string]any) []byte {
	sum := sha256.Sum256([]byte(testToken))
	claims := map[string]any{
		"iss": i.url(), "sub": "alice-1", "aud": testClient, "exp": i.now.Unix() + 300, "iat": i.now.Unix(), "nonce": nonce,
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
		"email":   "alice@example.com", "email_verified": true, "name": "Alice", "preferred_username": "al", "picture": "https://img.example/a",
	}
	for name, v := range change {
		claims[name] = v
		if v == nil {
			delete(claims, name)
		}
	}
	return must(json.Marshal(claims))
}

func (i *testIssuer) url() string {
	if i.Server == nil {
		return "https://login.example.com"
	}
	return i.URL
}

// sign signs claims with the issuer's key.
func (i *testIssuer) sign(claims []byte) string {
	return signWith(jose.RS256, rsaKey(), "k1", nil, claims)
}

func signWith(alg jose.SignatureAlgorithm, key any, kid string, header map[jose.HeaderKey]any, claims []byte) string {
	opts := &jose.SignerOptions{ExtraHeaders: header}
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts))
	return must(must(signer.Sign(claims)).CompactSerialize())
}

// raw puts a token together from parts that nobody has checked.
func rawJWT(header string, claims, signature []byte) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(header)) + "." + enc(claims) + "." + enc(signature)
}

func hmacSHA256(key []byte, signed string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return mac.Sum(nil)
}

func challengeOf(f *flow) string { return oauth2.S256ChallengeFromVerifier(f.verifier) }

func sha512Half(s string) string {
	sum := sha512.Sum512([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:32])
}

// connector returns one for the issuer, configured as change says.
func (i *testIssuer) connector(change func(o *ConnectorOptions)) *Connector {
	i.t.Helper()
	o := &ConnectorOptions{InsecureHTTP: true}
	if change != nil {
		change(o)
	}
	c := OIDC(i.URL, testClient, testSecret, o)
	if err := c.check(); err != nil {
		i.t.Fatal(err)
	}
	return c
}

// testOutbound is what the connectors of these tests may ask of the outside.
var testOutbound = sync.OnceValue(func() outbound {
	return newOutbound(&ConnectorOptions{InsecureHTTP: true, Timeout: 5 * time.Second})
})

func (i *testIssuer) flow() *flow {
	return &flow{client: testOutbound().client(context.Background()), callback: "https://app.example/auth/oauth/oidc/callback",
		state: oauth2.GenerateVerifier(), nonce: oauth2.GenerateVerifier(), verifier: oauth2.GenerateVerifier(), began: i.now, now: i.now}
}

// logIn goes through a whole flow of c.
func (i *testIssuer) logIn(c *Connector, f *flow) (Account, *oauth2.Token, error) {
	i.t.Helper()
	b, err := c.backend.begin(i.t.Context(), f)
	if err != nil {
		return Account{}, nil, err
	}
	q := must(url.Parse(b.url)).Query()
	i.set(func() { i.challenge, i.nonce = q.Get("code_challenge"), q.Get("nonce") })
	f.kept = b.kept
	return c.backend.finish(i.t.Context(), f, url.Values{"code": {"code-1"}, "state": {f.state}})
}

// wantRefused checks that err is of kind, that nothing came with it, and that it
// tells no secret.
func wantRefused(t *testing.T, kind error, a Account, token *oauth2.Token, err error) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was taken: %+v", a)
	}
	if !errorsIs(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
	}
	if a.Subject != "" || a.Claims != nil || token != nil {
		t.Errorf("with the error came %+v, %v", a, token)
	}
	for _, secret := range []string{testToken, testSecret, "code-1", "refresh-1", "alice", "<script>"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells %q: %v", secret, err)
		}
	}
}
