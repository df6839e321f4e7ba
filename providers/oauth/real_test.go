package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
)

// TestRealOpenIDProvider logs in at an OpenID provider that others have written and
// certified, through its own pages, over HTTP. .ci/openid has it, with PKCE and nonce
// required, people "ada" and "bob", of whom only Ada's address is verified, and the
// client with the redirect URI https://app.example/auth/oauth/real/callback.
func TestRealOpenIDProvider(t *testing.T) {
	dsn := os.Getenv("GATEHOUSE_TEST_OIDC")
	if dsn == "" {
		t.Skip("server: set GATEHOUSE_TEST_OIDC to what node .ci/openid/provider.js prints")
	}
	issuer, query, _ := strings.Cut(dsn, "?")
	q, err := url.ParseQuery(query)
	if err != nil || q.Get("client_id") == "" {
		t.Fatalf("GATEHOUSE_TEST_OIDC is %q: give http://127.0.0.1:PORT?client_id=…&client_secret=…", dsn)
	}
	op := realProvider{issuer, q.Get("client_id"), q.Get("client_secret")}

	t.Run("log in", func(t *testing.T) { op.testLogIn(t) })
	t.Run("clients", func(t *testing.T) { op.testClients(t) })
	t.Run("PKCE", func(t *testing.T) { op.testPKCE(t) })
	t.Run("nonce", func(t *testing.T) { op.testNonce(t) })
	t.Run("issuer", func(t *testing.T) { op.testIssuer(t) })
	t.Run("confirm", func(t *testing.T) { op.testConfirm(t) })
	t.Run("cancel", func(t *testing.T) { op.testCancel(t) })
}

// A realProvider is where it is, and what it calls the site.
type realProvider struct{ issuer, clientID, secret string }

const (
	realOrigin   = "https://app.example"
	realCallback = realOrigin + "/auth/oauth/real/callback"
)

func (op realProvider) testLogIn(t *testing.T) {
	s := op.site(t, nil)
	b := s.browser()
	to := b.leave("", "next", "/me")
	for name, want := range map[string]string{"client_id": op.clientID, "redirect_uri": realCallback, "response_type": "code", "code_challenge_method": "S256"} {
		if got := param(t, to, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	back := b.agree(to, "ada")
	a := b.get(back)
	if a.at != realOrigin+"/me" || a.status != http.StatusOK {
		t.Fatalf("is at %s: %d %s", a.at, a.status, a.body)
	}
	ada := a.body
	// What it says of her comes from its userinfo.
	if name, email, verified := s.user(ada); name != "Ada Lovelace" || email != "ada@example.com" || !verified {
		t.Errorf("the user is %q, %q, verified: %t", name, email, verified)
	}

	// The answer is good once, and for the browser that asked.
	if a := b.get(back); a.status != http.StatusBadRequest {
		t.Errorf("the callback again: %d", a.status)
	}
	other := s.browser()
	other.leave("")
	if a := other.get(b.agree(b.leave(""), "")); a.status != http.StatusBadRequest || other.who() != "" {
		t.Errorf("the callback in another browser: %d %s", a.status, a.body)
	}

	// Out and in again: the provider remembers her, and she is the same here.
	b.post("/auth/logout")
	if b.who() != "" {
		t.Fatal("still logged in")
	}
	if b.get(b.agree(b.leave(""), "")); b.who() != ada {
		t.Errorf("is %q the second time, was %q", b.who(), ada)
	}
	elsewhere := s.browser()
	if elsewhere.get(elsewhere.agree(elsewhere.leave(""), "ada")); elsewhere.who() != ada {
		t.Errorf("is %q in another browser, was %q", elsewhere.who(), ada)
	}

	bob := s.browser()
	bob.get(bob.agree(bob.leave(""), "bob"))
	if name, email, _ := s.user(bob.who()); name != "Bob" || email != "" || bob.who() == ada {
		t.Errorf("the user is %q, %q; his address is not verified", name, email)
	}
}

// testClients: one without a secret, and one with a wrong one.
func (op realProvider) testClients(t *testing.T) {
	public := op
	public.clientID, public.secret = "public", ""
	wrong := op
	wrong.secret += "x"
	for name, tt := range map[string]struct {
		op realProvider
		in bool
	}{"public": {public, true}, "wrong secret": {wrong, false}} {
		s := tt.op.site(t, nil)
		b := s.browser()
		a := b.get(b.agree(b.leave(""), "ada"))
		if in := b.who() != ""; in != tt.in {
			t.Errorf("%s: logged in: %t, %d %s", name, in, a.status, a.body)
		}
	}
}

// testPKCE: the provider demands a challenge, and the verifier that belongs to it.
func (op realProvider) testPKCE(t *testing.T) {
	s := op.site(t, &oauth.ConnectorOptions{RequirePKCE: true}) // it says that it checks
	b := s.browser()
	without := without(t, b.leave(""), "code_challenge", "code_challenge_method")
	back := b.agree(without, "ada")
	if param(t, back, "error") != "invalid_request" || param(t, back, "code") != "" {
		t.Errorf("without a challenge it leads to %s", back)
	}
	if a := b.get(back); a.status < 400 || b.who() != "" {
		t.Errorf("without a challenge: %d %s", a.status, a.body)
	}

	foreign := with(t, b.leave(""), "code_challenge", base64.RawURLEncoding.EncodeToString(make([]byte, 32)))
	back = b.agree(foreign, "ada")
	if param(t, back, "code") == "" {
		t.Fatalf("another challenge leads to %s", back)
	}
	if a := b.get(back); a.status != http.StatusBadRequest || b.who() != "" {
		t.Errorf("the verifier of another challenge: %d %s", a.status, a.body)
	}
	if b.get(b.agree(b.leave(""), "ada")); b.who() == "" {
		t.Error("with the right one nobody is logged in")
	}
}

// testNonce: the provider demands one and signs it, and an ID token for another is
// refused.
func (op realProvider) testNonce(t *testing.T) {
	s := op.site(t, nil)
	b := s.browser()
	if a := b.get(without(t, b.leave(""), "nonce")); a.status != http.StatusBadRequest || !strings.HasPrefix(a.at, op.issuer) {
		t.Errorf("without a nonce: %d at %s", a.status, a.at)
	}
	a := b.get(b.agree(with(t, b.leave(""), "nonce", strings.Repeat("n", 43)), "ada"))
	if a.status != http.StatusBadGateway || b.who() != "" {
		t.Errorf("an ID token for another nonce: %d %s", a.status, a.body)
	}

	// And what it does with them, as others see it.
	const realVerifier = "0123456789.0123456789_0123456789~0123456789-"
	for name, sent := range map[string]string{"right": realVerifier, "wrong": strings.Repeat("w", 43)} {
		sum := sha256.Sum256([]byte(realVerifier))
		back := b.agree(op.issuer+"/auth?"+url.Values{"client_id": {op.clientID}, "redirect_uri": {realCallback}, "response_type": {"code"}, "scope": {"openid"},
			"nonce": {"the nonce of a test"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode(), "")
		var token struct {
			ID    string `json:"id_token"`
			Error string
		}
		op.post(t, "/token", &token, url.Values{"grant_type": {"authorization_code"}, "code": {param(t, back, "code")}, "redirect_uri": {realCallback}, "code_verifier": {sent}})
		if name == "wrong" {
			if token.Error != "invalid_grant" {
				t.Errorf("a wrong verifier: %+v", token)
			}
			continue
		}
		parts := strings.Split(token.ID, ".")
		if len(parts) != 3 {
			t.Fatalf("the token response is %+v", token)
		}
		var claims struct{ Nonce string }
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil {
			err = json.Unmarshal(payload, &claims)
		}
		if err != nil || claims.Nonce != "the nonce of a test" {
			t.Errorf("the nonce in the ID token is %q, %v", claims.Nonce, err)
		}
	}
}

// testIssuer: its responses say whose they are (RFC 9207), and have to.
func (op realProvider) testIssuer(t *testing.T) {
	s := op.site(t, nil)
	b := s.browser()
	back := b.agree(b.leave(""), "ada")
	if got := param(t, back, "iss"); got != op.issuer {
		t.Errorf("iss is %q, want %q", got, op.issuer)
	}
	for name, back := range map[string]string{
		"of nobody":   without(t, back, "iss"),
		"of another":  with(t, b.agree(b.leave(""), ""), "iss", "https://evil.example"),
		"with a path": with(t, b.agree(b.leave(""), ""), "iss", op.issuer+"/"),
	} {
		if a := b.get(back); a.status != http.StatusBadGateway || b.who() != "" {
			t.Errorf("a response %s: %d %s", name, a.status, a.body)
		}
	}
}

// testConfirm: to prove anew who she is, she has to log in there anew.
func (op realProvider) testConfirm(t *testing.T) {
	s := op.site(t, nil)
	b := s.browser()
	b.get(b.agree(b.leave(""), "ada"))
	ada := b.who()
	time.Sleep(realFresh + 100*time.Millisecond)
	if a := b.get("/fresh"); strings.HasSuffix(a.at, "/fresh") {
		t.Fatal("fresh without having been confirmed")
	}
	to := b.leave("/confirm", "next", "/fresh")
	if param(t, to, "prompt") != "login" || param(t, to, "max_age") != "0" {
		t.Errorf("confirming asks for too little: %s", to)
	}
	if a := b.get(to); !strings.Contains(a.body, `name="login"`) {
		t.Fatalf("the provider does not ask who she is: %s", a.body)
	}
	a := b.get(b.agree(to, "ada"))
	if a.at != realOrigin+"/fresh" || a.body != "fresh" || b.who() != ada {
		t.Errorf("confirming leads to %s: %d %s", a.at, a.status, a.body)
	}
	// It can be somebody else who does.
	other := s.browser()
	if a := b.get(other.agree(b.leave("/confirm", "next", "/fresh"), "bob")); a.status != http.StatusForbidden || b.who() != ada {
		t.Errorf("confirming as somebody else: %d at %s", a.status, a.at)
	}
	// Whoever takes the question out of the request is found out.
	to = without(t, b.leave("/confirm", "next", "/fresh"), "prompt", "max_age")
	if a := b.get(b.agree(to, "")); a.status != http.StatusBadGateway {
		t.Errorf("confirming without being asked: %d at %s", a.status, a.at)
	}
}

func (op realProvider) testCancel(t *testing.T) {
	s := op.site(t, nil)
	b := s.browser()
	a := b.get(b.leave(""))
	abort := regexp.MustCompile(`href="([^"]+/abort)"`).FindStringSubmatch(a.body)
	if abort == nil {
		t.Fatalf("the provider has no way to cancel: %s", a.body)
	}
	if a := b.get(abort[1]); a.status != http.StatusForbidden || !strings.HasPrefix(a.at, realCallback) || b.who() != "" {
		t.Errorf("cancelling leads to %s: %d %s", a.at, a.status, a.body)
	}
}
