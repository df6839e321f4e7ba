package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

func pkcs8(key any) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}))
}

// toIssuer sends requests for Apple to a test issuer.
type toIssuer struct{ i *testIssuer }

func (to toIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "appleid.apple.com" {
		r = r.Clone(r.Context())
		u := must(url.Parse(to.i.URL))
		r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	}
	return http.DefaultTransport.RoundTrip(r)
}

// appleIssuer imitates Apple, as far as its metadata and tokens go.
func newApple(t *testing.T) *testIssuer {
	i := newTestIssuer(t)
	i.metadata = map[string]any{
		"issuer": "https://appleid.apple.com", "authorization_endpoint": "https://appleid.apple.com/auth/authorize", "token_endpoint": "https://appleid.apple.com/token",
		"revocation_endpoint": "https://appleid.apple.com/revoke", "jwks_uri": "https://appleid.apple.com/jwks",
		"response_types_supported": []string{"code"}, "response_modes_supported": []string{"query", "fragment", "form_post"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"code_challenge_methods_supported": nil,
	}
	i.idToken = func(nonce string) string {
		return i.sign(i.claims(nonce, map[string]any{"iss": "https://appleid.apple.com", "email": "x@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true", "name": nil, "preferred_username": nil, "picture": nil}))
	}
	return i
}

func (i *testIssuer) appleFlow() *flow {
	f := i.flow()
	f.client = &http.Client{Transport: toIssuer{i}}
	return f
}

func TestApple(t *testing.T) {
	i := newApple(t)
	key := newECKey()
	c := Apple(testClient, AppleKey{TeamID: "TEAM123456", KeyID: "KEY1234567", PrivateKey: pkcs8(key)}, nil)
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	if c.Name() != "apple" || c.opts.Title != "Apple" || !c.formPost || c.kind != "oauth:apple" {
		t.Errorf("made %+v", c)
	}
	f := i.appleFlow()
	b := must(c.backend.begin(t.Context(), f))
	q := must(url.Parse(b.url)).Query()
	if !strings.HasPrefix(b.url, "https://appleid.apple.com/auth/authorize?") || q.Get("response_mode") != "form_post" || q.Get("scope") != "openid email" ||
		q.Get("nonce") != f.nonce || q.Get("code_challenge") != challengeOf(f) || strings.Contains(b.url, "+") {
		t.Errorf("sent to %s", b.url)
	}
	a, token, err := i.logIn(c, f)
	if err != nil {
		t.Fatal(err)
	}
	if a.Subject != "alice-1" || a.Issuer != "https://appleid.apple.com" || a.Email != "x@privaterelay.appleid.com" || c.status(a) != EmailVerified || a.Name != "" {
		t.Errorf("the account is %+v", a)
	}
	checkAppleSecret(t, i, key, f.now)
	first := i.form.Get("client_secret")
	f = i.appleFlow()
	f.now = f.now.Add(time.Minute)
	if _, _, err := i.logIn(c, f); err != nil {
		t.Fatal(err)
	}
	if i.form.Get("client_secret") == first {
		t.Error("a client secret was used twice")
	}

	i.now = time.Now()
	backend := c.backend.(tokenBackend)
	if _, err := backend.refresh(t.Context(), f.client, &oauth2.Token{RefreshToken: "r"}); err != nil {
		t.Error(err)
	}
	checkAppleSecret(t, i, key, time.Now())
	if err := backend.revoke(t.Context(), f.client, token); err != nil {
		t.Error(err)
	}
	checkAppleSecret(t, i, key, time.Now())
}

func checkAppleSecret(t *testing.T, i *testIssuer, key *ecdsa.PrivateKey, now time.Time) {
	t.Helper()
	if i.auth != "" || i.form.Get("client_id") != testClient {
		t.Errorf("sent %v with Authorization %q", i.form, i.auth)
	}
	jws, err := jose.ParseSignedCompact(i.form.Get("client_secret"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if kid := jws.Signatures[0].Protected.KeyID; kid != "KEY1234567" {
		t.Errorf("the key ID is %q", kid)
	}
	claims, err := strictObject(must(jws.Verify(key.Public())))
	if err != nil {
		t.Fatal(err)
	}
	iat, _ := numericDate(claims, "iat")
	exp, _ := numericDate(claims, "exp")
	if claims["iss"] != "TEAM123456" || claims["sub"] != testClient || claims["aud"] != "https://appleid.apple.com" ||
		since(iat, now) > 5*time.Second || exp.Sub(iat) != 5*time.Minute || len(claims) != 5 {
		t.Errorf("the client secret says %v", claims)
	}
}

// What a browser posts beside the code is a browser's word (CVE-2020-26254).
func TestOA22AppleForm(t *testing.T) {
	i := newApple(t)
	c := Apple(testClient, AppleKey{TeamID: "t", KeyID: "k", PrivateKey: pkcs8(newECKey())}, &ConnectorOptions{Scopes: []string{"name", "email"}})
	f := i.appleFlow()
	b := must(c.backend.begin(t.Context(), f))
	q := must(url.Parse(b.url)).Query()
	i.challenge, i.nonce = q.Get("code_challenge"), q.Get("nonce")
	if q.Get("response_type") != "code" {
		t.Errorf("sent to %s", b.url)
	}
	evil := i.sign(i.claims(i.nonce, map[string]any{"iss": "https://appleid.apple.com", "sub": "victim"}))
	a, _, err := c.backend.finish(t.Context(), f, url.Values{"code": {"code-1"}, "state": {f.state}, "id_token": {evil}, "access_token": {"x"},
		"user": {`{"name":{"firstName":"Victim"},"email":"victim@example.com","sub":"victim"}`}, "code_verifier": {"x"}, "redirect_uri": {"https://evil.example"}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Subject != "alice-1" || a.Email != "x@privaterelay.appleid.com" || a.Name != "" {
		t.Errorf("the account is %+v", a)
	}
	if i.form.Get("code_verifier") != f.verifier || i.form.Get("redirect_uri") != f.callback {
		t.Errorf("the token request was %v", i.form)
	}
	// Without a scope that Apple posts for, the answer is a redirect, as elsewhere.
	c = Apple(testClient, AppleKey{TeamID: "t", KeyID: "k", PrivateKey: pkcs8(newECKey())}, &ConnectorOptions{Scopes: []string{"openid"}})
	b = must(c.backend.begin(t.Context(), i.appleFlow()))
	if c.formPost || strings.Contains(b.url, "response_mode") {
		t.Errorf("sent to %s", b.url)
	}
	if newTestIssuer(t).connector(nil).formPost {
		t.Error("an issuer posts that was not asked to")
	}
}

func TestAppleCheck(t *testing.T) {
	err := Apple("", AppleKey{}, &ConnectorOptions{RequirePKCE: true}).check()
	for _, want := range []string{"TeamID", "KeyID", "PrivateKey", "client ID", "RequirePKCE"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	for name, key := range map[string]string{
		"RSA": pkcs8(rsaKey()), "P-384": pkcs8(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))), "junk": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"SEC 1": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(newECKey()))})),
	} {
		if err := Apple("c", AppleKey{TeamID: "t", KeyID: "k", PrivateKey: key}, nil).check(); err == nil || !strings.Contains(err.Error(), ".p8") || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
