package oauth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

func errorsIs(err, target error) bool { return errors.Is(err, target) }

func TestOIDC(t *testing.T) {
	i := newTestIssuer(t)
	c := i.connector(func(o *ConnectorOptions) { o.AuthParams = map[string]string{"prompt": "select_account"} })
	if i.asked("/.well-known/openid-configuration") != 0 {
		t.Error("the constructor asked the issuer")
	}
	f := i.flow()
	b, err := c.backend.begin(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	u := must(url.Parse(b.url))
	want := url.Values{"tenant": {"1"}, "client_id": {testClient}, "redirect_uri": {f.callback}, "response_type": {"code"}, "scope": {"openid email profile"},
		"state": {f.state}, "nonce": {f.nonce}, "code_challenge": {oauth2.S256ChallengeFromVerifier(f.verifier)}, "code_challenge_method": {"S256"},
		"prompt": {"select_account"}}
	if got := u.Query(); got.Encode() != want.Encode() {
		t.Errorf("sent to\n%v, want\n%v", got, want)
	}
	a, token, err := i.logIn(c, f)
	if err != nil {
		t.Fatal(err)
	}
	if a.Issuer != i.URL || a.Subject != "alice-1" || a.Email != "alice@example.com" || a.Name != "Alice" || a.Username != "al" || a.AvatarURL != "https://img.example/a" {
		t.Errorf("the account is %+v", a)
	}
	if a.EmailStatus != EmailUnknown || c.status(a) != EmailUnknown || TrustEmailVerified(a) != EmailVerified {
		t.Errorf("of the address is known %q, %q, %q", a.EmailStatus, c.status(a), TrustEmailVerified(a))
	}
	if token.AccessToken != testToken || token.RefreshToken != "refresh-1" || token.Extra("id_token") != nil {
		t.Errorf("the token is %v", token)
	}
	if n := i.asked("/token"); n != 1 {
		t.Errorf("%d token requests", n)
	}
	if n := i.asked("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("%d requests for the metadata", n)
	}
	// Basic, with both halves encoded (RFC 6749, section 2.3.1), and nothing twice.
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(testClient)+":"+url.QueryEscape(testSecret)))
	if i.auth != auth || i.form.Has("client_secret") || i.form.Get("redirect_uri") != f.callback {
		t.Errorf("the token request had Authorization %q and %v", i.auth, i.form)
	}
}

// How the client says who it is comes from the metadata, and is tried once.
func TestClientAuth(t *testing.T) {
	for _, tt := range []struct {
		name   string
		secret string
		takes  any
		header bool
		want   error
	}{
		{"nothing said", testSecret, nil, true, nil},
		{"basic and post", testSecret, []string{"client_secret_post", "client_secret_basic"}, true, nil},
		{"post", testSecret, []string{"private_key_jwt", "client_secret_post"}, false, nil},
		{"neither", testSecret, []string{"private_key_jwt"}, false, errBadAnswer},
		{"no list", testSecret, "client_secret_basic", false, errBadAnswer},
		{"public", "", []string{"none"}, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newTestIssuer(t)
			i.metadata["token_endpoint_auth_methods_supported"] = tt.takes
			c := OIDC(i.URL, testClient, tt.secret, &ConnectorOptions{InsecureHTTP: true})
			a, token, err := i.logIn(c, i.flow())
			if tt.want != nil {
				wantRefused(t, tt.want, a, token, err)
				if n := i.asked("/token"); n != 0 {
					t.Errorf("%d token requests", n)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := i.auth != ""; got != tt.header {
				t.Errorf("Authorization is %q", i.auth)
			}
			if !tt.header && (i.form.Get("client_id") != testClient || i.form.Get("client_secret") != tt.secret || tt.secret == "" && i.form.Has("client_secret")) {
				t.Errorf("sent %v", i.form)
			}
			if n := i.asked("/token"); n != 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

func TestTokenResponse(t *testing.T) {
	for _, tt := range []struct {
		name    string
		respond func(r map[string]any)
	}{
		{"no ID token", func(r map[string]any) { delete(r, "id_token") }},
		{"ID token no string", func(r map[string]any) { r["id_token"] = map[string]any{"a": 1} }},
		{"ID token null", func(r map[string]any) { r["id_token"] = nil }},
		{"no access token", func(r map[string]any) { delete(r, "access_token") }},
		{"another type", func(r map[string]any) { r["token_type"] = "DPoP" }},
		{"200 with an error", func(r map[string]any) { r["error"] = "invalid_client" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newTestIssuer(t)
			i.respond = tt.respond
			a, token, err := i.logIn(i.connector(nil), i.flow())
			wantRefused(t, errBadAnswer, a, token, err)
			if n := i.asked("/token"); n != 1 {
				t.Errorf("%d token requests", n)
			}
		})
	}
	i := newTestIssuer(t)
	i.respond = func(r map[string]any) { r["token_type"] = "bearer" }
	if _, _, err := i.logIn(i.connector(nil), i.flow()); err != nil {
		t.Errorf("with the type in lower case: %v", err)
	}
}

func TestTokenErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   error
	}{
		{400, `{"error":"invalid_grant","error_description":"<script>code-1"}`, errInvalidGrant},
		{401, `{"error":"invalid_client"}`, errBadAnswer},
		{400, `{"error":"<script>"}`, errBadAnswer},
		{400, `code-1`, errBadAnswer},
		{200, `<html>code-1`, errBadAnswer},
		{200, ``, errBadAnswer},
		{503, `code-1`, errUnavailable},
		{429, ``, errUnavailable},
	} {
		i := newTestIssuer(t)
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tt.status)
			w.Write([]byte(tt.body))
		}))
		i.metadata["token_endpoint"] = bad.URL
		a, token, err := i.logIn(i.connector(nil), i.flow())
		wantRefused(t, tt.want, a, token, err)
		bad.Close()
		a, token, err = i.logIn(i.connector(nil), i.flow())
		wantRefused(t, errUnavailable, a, token, err)
	}
}

func TestUserinfo(t *testing.T) {
	noEmail := map[string]any{"email": nil, "email_verified": nil}
	for _, tt := range []struct {
		name     string
		claims   map[string]any
		userinfo map[string]any
		asked    int
		email    string
		status   EmailStatus // as TrustEmailVerified has it
		bad      error
	}{
		{"not needed", nil, map[string]any{"sub": "mallory"}, 0, "alice@example.com", EmailVerified, nil},
		{"needed", noEmail, map[string]any{"sub": "alice-1", "email": "a@u.example", "email_verified": true}, 1, "a@u.example", EmailVerified, nil},
		{"not verified there", noEmail, map[string]any{"sub": "alice-1", "email": "a@u.example", "email_verified": false}, 1, "a@u.example", EmailUnverified, nil},
		{"no word of it there", noEmail, map[string]any{"sub": "alice-1", "email": "a@u.example"}, 1, "a@u.example", EmailUnknown, nil},
		{"flag signed, address not", map[string]any{"email": nil}, map[string]any{"sub": "alice-1", "email": "a@u.example"}, 1, "a@u.example", EmailUnknown, nil},
		{"address signed, flag not", map[string]any{"email_verified": nil, "name": nil}, map[string]any{"sub": "alice-1", "email": "evil@u.example", "email_verified": true}, 1, "alice@example.com", EmailUnknown, nil},
		{"another subject", noEmail, map[string]any{"sub": "alice-2", "email": "a@u.example"}, 1, "", "", errBadAnswer},
		{"no subject", noEmail, map[string]any{"email": "a@u.example"}, 1, "", "", errBadAnswer},
		{"what was signed stays", map[string]any{"name": nil}, map[string]any{"sub": "alice-1", "iss": "https://evil", "aud": "x", "email": "evil@u.example", "preferred_username": "root", "auth_time": 1, "groups": []string{"g"}}, 1, "alice@example.com", EmailVerified, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newTestIssuer(t)
			i.metadata["userinfo_endpoint"] = i.URL + "/userinfo"
			i.userinfo = tt.userinfo
			i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, tt.claims)) }
			a, token, err := i.logIn(i.connector(nil), i.flow())
			if tt.bad != nil {
				wantRefused(t, tt.bad, a, token, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := i.asked("/userinfo"); n != tt.asked {
				t.Errorf("asked %d times", n)
			}
			if a.Email != tt.email || TrustEmailVerified(a) != tt.status || a.Subject != "alice-1" || a.Username != "al" || a.Claims["iss"] != i.URL || a.Claims["auth_time"] != nil {
				t.Errorf("the account is %+v, of its address is known %q", a, TrustEmailVerified(a))
			}
		})
	}
	t.Run("not 200", func(t *testing.T) {
		i := newTestIssuer(t)
		i.metadata["userinfo_endpoint"] = i.URL + "/userinfo"
		i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, noEmail)) }
		i.broken["/userinfo"] = true
		a, token, err := i.logIn(i.connector(nil), i.flow())
		wantRefused(t, errUnavailable, a, token, err)
	})
	for name, body := range map[string]string{"a redirect": "", "not JSON": "<html>", "twice": `{"sub":"alice-1","sub":"alice-1"}`} {
		t.Run(name, func(t *testing.T) {
			i := newTestIssuer(t)
			odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if body == "" {
					w.WriteHeader(http.StatusCreated)
				}
				w.Write([]byte(body))
			}))
			defer odd.Close()
			i.metadata["userinfo_endpoint"] = odd.URL
			i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, noEmail)) }
			a, token, err := i.logIn(i.connector(nil), i.flow())
			wantRefused(t, errBadAnswer, a, token, err)
		})
	}
}

func TestOA11DowngradeOfPKCE(t *testing.T) {
	for _, methods := range []any{nil, []string{"plain"}, []string{}, "S256"} {
		i := newTestIssuer(t)
		i.metadata["code_challenge_methods_supported"] = methods
		c := i.connector(func(o *ConnectorOptions) { o.RequirePKCE = true })
		if b, err := c.backend.begin(t.Context(), i.flow()); err == nil || b.url != "" || !errors.Is(err, errUnavailable) && !errors.Is(err, errBadAnswer) {
			t.Errorf("where %v is supported: %v, %v", methods, b, err)
		}
		if methods == any("S256") {
			continue
		}
		// A challenge is sent all the same, and never a plain one.
		f := i.flow()
		b, err := i.connector(nil).backend.begin(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		q := must(url.Parse(b.url)).Query()
		if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || strings.Contains(b.url, f.verifier) {
			t.Errorf("sent to %s", b.url)
		}
	}
	i := newTestIssuer(t)
	if _, _, err := i.logIn(i.connector(func(o *ConnectorOptions) { o.RequirePKCE = true }), i.flow()); err != nil {
		t.Errorf("where S256 is supported: %v", err)
	}
	// Another flow's verifier is of no use.
	c, f := i.connector(nil), i.flow()
	b := must(c.backend.begin(t.Context(), f))
	i.challenge = must(url.Parse(b.url)).Query().Get("code_challenge")
	f.verifier = oauth2.GenerateVerifier()
	a, token, err := c.backend.finish(t.Context(), f, url.Values{"code": {"code-1"}})
	wantRefused(t, errInvalidGrant, a, token, err)
}

func TestOA31NOAuth(t *testing.T) {
	for _, tt := range []struct {
		claims map[string]any
		want   EmailStatus
	}{
		{map[string]any{"email_verified": nil}, EmailUnknown},
		{map[string]any{"email_verified": nil, "xms_edov": false}, EmailUnknown},
		{map[string]any{"email_verified": true, "xms_edov": false}, EmailUnknown},
		{map[string]any{"email_verified": true, "xms_edov": "0"}, EmailUnknown},
		{map[string]any{"email_verified": nil, "xms_edov": true}, EmailVerified},
	} {
		i := newTestIssuer(t)
		tt.claims["email"], tt.claims["tid"] = "victim@example.com", "9188040d"
		i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, tt.claims)) }
		c := i.connector(nil)
		a, _, err := i.logIn(c, i.flow())
		if err != nil {
			t.Fatal(err)
		}
		if got := TrustEmailVerified(a); got != tt.want {
			t.Errorf("with %v the address is %q", tt.claims, got)
		}
		if got := c.status(a); got != EmailUnknown {
			t.Errorf("with %v the address is %q though nobody trusts the issuer", tt.claims, got)
		}
	}
	for _, issuer := range []string{"https://login.microsoftonline.com/common/v2.0", "https://login.microsoftonline.com/organizations/v2.0",
		"https://login.microsoftonline.us/consumers/v2.0", "https://login.microsoftonline.com/{tenantid}/v2.0", "https://sts.windows.net/", "https://login.microsoftonline.com"} {
		if err := OIDC(issuer, testClient, "", nil).check(); err == nil || !strings.Contains(err.Error(), "of your tenant") {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	if err := OIDC("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", testClient, "", nil).check(); err != nil {
		t.Error(err)
	}
}

func TestOA32EmailVerified(t *testing.T) {
	for _, tt := range []struct {
		v           any
		want, apple EmailStatus
	}{
		{true, EmailVerified, EmailVerified},
		{false, EmailUnverified, EmailUnverified},
		{"true", EmailUnknown, EmailVerified},
		{"false", EmailUnknown, EmailUnverified},
		{"TRUE", EmailUnknown, EmailUnknown},
		{"1", EmailUnknown, EmailUnknown},
		{1, EmailUnknown, EmailUnknown},
		{[]any{}, EmailUnknown, EmailUnknown},
		{[]any{true}, EmailUnknown, EmailUnknown},
		{map[string]any{"a": true}, EmailUnknown, EmailUnknown},
		{nil, EmailUnknown, EmailUnknown},
	} {
		i := newTestIssuer(t)
		i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, map[string]any{"email_verified": tt.v})) }
		a, _, err := i.logIn(i.connector(nil), i.flow())
		if err != nil {
			t.Fatal(err)
		}
		if got := TrustEmailVerified(a); got != tt.want {
			t.Errorf("email_verified %#v: %q, want %q", tt.v, got, tt.want)
		}
		if got := Apple("c", AppleKey{}, nil).status(a); got != tt.apple {
			t.Errorf("email_verified %#v of Apple: %q, want %q", tt.v, got, tt.apple)
		}
		if got := i.connector(nil).status(a); got == EmailVerified {
			t.Errorf("email_verified %#v of an issuer that nobody trusts: %q", tt.v, got)
		}
		a.Email = "other@example.com"
		if got := TrustEmailVerified(a); got != EmailUnknown {
			t.Errorf("of an address that is not the one in the claims is known %q", got)
		}
	}
}

// Whoever is to prove anew who they are has to have done so after the flow began.
func TestStepUp(t *testing.T) {
	for _, tt := range []struct {
		name   string
		at     any
		lax    bool
		refuse bool
	}{
		{"just now", int64(5), false, false},
		{"a little before, by another clock", int64(-55), false, false},
		{"before", int64(-61), false, true},
		{"to come", int64(75), false, true},
		{"not said", nil, false, true},
		{"no number", "now", false, true},
		{"not said, and need not be", nil, true, false},
		{"before, and need not be said", int64(-61), true, true},
		{"no number, and need not be said", "now", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newTestIssuer(t)
			if n, ok := tt.at.(int64); ok {
				tt.at = i.now.Unix() + n
			}
			i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, map[string]any{"auth_time": tt.at})) }
			c, f := i.connector(func(o *ConnectorOptions) { o.InsecureNoAuthTime = tt.lax }), i.flow()
			f.stepUp, f.now = true, f.began.Add(10*time.Second)
			b := must(c.backend.begin(t.Context(), f))
			if q := must(url.Parse(b.url)).Query(); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
				t.Errorf("sent to %s", b.url)
			}
			a, token, err := i.logIn(c, f)
			if tt.refuse {
				wantRefused(t, errBadAnswer, a, token, err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOIDCCheck(t *testing.T) {
	for _, tt := range []struct {
		c    *Connector
		want []string // in the error; none if it is right
	}{
		{OIDC("https://login.example.com", "c", "", nil), nil},
		{OIDC("https://login.example.com/realms/a/", "c", "s", nil), nil},
		{OIDC("http://127.0.0.1:9000", "c", "", &ConnectorOptions{InsecureHTTP: true}), nil},
		{OIDC("http://[::1]:9000", "c", "", &ConnectorOptions{InsecureHTTP: true}), nil},
		{OIDC("http://localhost:9000", "c", "", nil), []string{"InsecureHTTP"}},
		{OIDC("http://login.example.com", "c", "", &ConnectorOptions{InsecureHTTP: true}), []string{"give an https address"}},
		{OIDC("login.example.com", "", " s", nil), []string{"give an https address", "client ID", "white space"}},
		{OIDC("https://login.example.com/?a=b", "c", "", nil), []string{"give an https address"}},
		{OIDC("https://login.example.com#", "c", "", nil), []string{"give an https address"}},
		{OIDC("https://u@login.example.com", "c", "", nil), []string{"give an https address"}},
		{OIDC("", "c\n", "", nil), []string{"give an https address", "client ID"}},
		{OIDC("https://login.example.com", "c", "", &ConnectorOptions{Domains: []string{"example.com"}}), []string{"TrustEmailVerified"}},
		{OIDC("https://login.example.com", "c", "", &ConnectorOptions{Domains: []string{"example.com"}, EmailStatus: TrustEmailVerified}), nil},
	} {
		err := tt.c.check()
		if (err != nil) != (tt.want != nil) {
			t.Errorf("%s: %v", tt.c.opts.Title, err)
		}
		for _, w := range tt.want {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("%v does not say %q", err, w)
			}
		}
	}
	c := OIDC("https://login.example.com", "c", "", &ConnectorOptions{Scopes: []string{"email"}})
	if c.Name() != "oidc" || c.opts.Title != "login.example.com" || !slices.Equal(c.opts.Scopes, []string{"openid", "email"}) {
		t.Errorf("made %+v", c.opts)
	}
}

func TestOIDCRefresh(t *testing.T) {
	i := newTestIssuer(t)
	i.now = time.Now() // of which a refresh, outside of every flow, has no other
	backend := i.connector(nil).backend.(tokenBackend)
	client := i.flow().client
	old := &oauth2.Token{AccessToken: "old", RefreshToken: "refresh-0"}
	token, err := backend.refresh(t.Context(), client, old)
	if err != nil {
		t.Fatal(err)
	}
	if token.AccessToken != testToken || token.RefreshToken != "refresh-1" || i.form.Get("refresh_token") != "refresh-0" || i.auth == "" {
		t.Errorf("refreshed to %v by %v", token, i.form)
	}
	i.respond = func(r map[string]any) { delete(r, "refresh_token") }
	if token, err = backend.refresh(t.Context(), client, old); err != nil || token.RefreshToken != "refresh-0" {
		t.Errorf("without a new refresh token: %v, %v", token, err)
	}
	for _, tt := range []struct {
		claims map[string]any
		whose  any
		want   error
	}{
		{map[string]any{"nonce": nil, "iat": i.now.Unix() - 3600}, "alice-1", nil},
		{nil, "alice-2", errBadAnswer},
		{nil, nil, nil},
		{map[string]any{"iss": "https://evil.example"}, nil, errBadAnswer},
		{map[string]any{"aud": "other"}, nil, errBadAnswer},
		{map[string]any{"sub": nil}, nil, errBadAnswer},
	} {
		i.respond = func(r map[string]any) { r["id_token"] = i.sign(i.claims("n", tt.claims)) }
		token, err := backend.refresh(t.Context(), client, old.WithExtra(map[string]any{subjectExtra: tt.whose}))
		if !errors.Is(err, tt.want) || (token == nil) != (tt.want != nil) {
			t.Errorf("with an ID token of %v for %v: %v, %v", tt.claims, tt.whose, token, err)
		}
	}
	i.respond = func(r map[string]any) {
		r["id_token"] = signWith("RS256", otherRSAKey(), "k1", nil, i.claims("n", nil))
	}
	if _, err := backend.refresh(t.Context(), client, old); !errors.Is(err, errBadAnswer) {
		t.Errorf("with a forged ID token: %v", err)
	}
	if _, err := backend.refresh(t.Context(), client, &oauth2.Token{AccessToken: "old"}); !errors.Is(err, errInvalidGrant) {
		t.Errorf("without a refresh token: %v", err)
	}
	i.broken["/token"] = true
	if _, err := backend.refresh(t.Context(), client, old); !errors.Is(err, errUnavailable) {
		t.Errorf("with a broken issuer: %v", err)
	}
}

func TestOIDCRevoke(t *testing.T) {
	i := newTestIssuer(t)
	token := &oauth2.Token{AccessToken: testToken, RefreshToken: "refresh-1"}
	client := i.flow().client
	if err := i.connector(nil).backend.(tokenBackend).revoke(t.Context(), client, token); err != errNoRevocation || i.asked("/revoke") != 0 {
		t.Errorf("where nothing can be revoked: %v", err)
	}
	i.metadata["revocation_endpoint"] = i.URL + "/revoke"
	b := i.connector(nil).backend.(tokenBackend)
	if err := b.revoke(t.Context(), client, token); err != nil || i.form.Get("token") != "refresh-1" || i.form.Get("token_type_hint") != "refresh_token" || i.auth == "" {
		t.Errorf("sent %v: %v", i.form, err)
	}
	if err := b.revoke(t.Context(), client, &oauth2.Token{AccessToken: testToken}); err != nil || i.form.Get("token") != testToken {
		t.Errorf("sent %v: %v", i.form, err)
	}
	i.broken["/revoke"] = true
	if err := b.revoke(t.Context(), client, token); !errors.Is(err, errUnavailable) {
		t.Error(err)
	}
}
