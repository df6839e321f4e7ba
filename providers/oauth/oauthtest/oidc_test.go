package oauthtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

func TestCodeFlow(t *testing.T) {
	k := key(t)
	c := start(t, oauthtest.Options{Keys: []*oauthtest.Key{k}})
	back := c.visit(url.Values{"nonce": {"n-1"}, "max_age": {"0"}})
	if back.Get("state") != "st" || back.Get("iss") != c.idp.URL || back.Get("session_state") == "" || back.Get("code") == "" {
		t.Errorf("callback %v", back)
	}
	c.clock.add(time.Minute)
	status, tok := c.exchange(back.Get("code"), nil)
	if status != http.StatusOK || tok["token_type"] != "Bearer" || tok["expires_in"] != 3600.0 || tok["scope"] != c.scopes || tok["refresh_token"] == nil {
		t.Fatalf("token response %d %v", status, tok)
	}
	if !signedES256(t, tok["id_token"], k) {
		t.Error("the ID token is not signed by the key")
	}
	if h := part(t, tok["id_token"], 0); h["alg"] != "ES256" || h["kid"] != k.ID {
		t.Errorf("header %v", h)
	}
	sum := sha256.Sum256([]byte(text(tok["access_token"])))
	now := float64(c.clock.now().Unix())
	ada, _ := c.idp.Person("ada")
	want := map[string]any{
		"iss": c.idp.URL, "aud": "app", "sub": ada.Subject, "nonce": "n-1", "iat": now, "exp": now + 3600, "auth_time": now - 60,
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
		"name":    "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "preferred_username": "ada",
		"email": "ada@example.com", "email_verified": true,
	}
	same(t, "claims", claims(t, tok["id_token"]), want)

	status, info := c.get(c.user, text(tok["access_token"]))
	if status != http.StatusOK {
		t.Fatal(status, info)
	}
	for _, name := range []string{"iss", "aud", "nonce", "iat", "exp", "auth_time", "at_hash"} {
		delete(want, name)
	}
	same(t, "userinfo", info, want)

	// Less is asked for, and less is told.
	tok = c.tokens(url.Values{"scope": {"openid"}})
	got := claims(t, tok["id_token"])
	for _, name := range []string{"auth_time", "nonce", "email", "name"} {
		if _, ok := got[name]; ok {
			t.Errorf("claim %s without having been asked for", name)
		}
	}
	if tok["refresh_token"] != nil {
		t.Error("a refresh token without offline_access")
	}
	if tok = c.tokens(url.Values{"scope": {"email"}}); tok["id_token"] != nil {
		t.Error("an ID token without the scope openid")
	}
}

func same(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s: %s is %v, want %v", what, name, got[name], v)
		}
	}
	for name, v := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is %v, and should not be there", what, name, v)
		}
	}
}

// Everything that the metadata says is true.
func TestDiscovery(t *testing.T) {
	c := start(t, oauthtest.Options{URL: "https://login.corp.example/tenant"})
	c = c.at(oauthtest.OIDC)
	for _, issuer := range []string{c.idp.URL, "https://accounts.google.com", "https://appleid.apple.com"} {
		status, meta := c.get(issuer+"/.well-known/openid-configuration", "")
		if status != http.StatusOK || meta["issuer"] != issuer {
			t.Fatalf("%s: %d %v", issuer, status, meta)
		}
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint", "userinfo_endpoint"} {
			u := text(meta[name])
			if u == "" && issuer == "https://appleid.apple.com" && name == "userinfo_endpoint" {
				continue
			}
			if status, _ := c.get(u, ""); status == http.StatusNotFound || u == "" {
				t.Errorf("%s: %s is %q, %d", issuer, name, u, status)
			}
		}
		status, keys := c.get(text(meta["jwks_uri"]), "")
		if set, _ := keys["keys"].([]any); status != http.StatusOK || len(set) != 1 {
			t.Errorf("%s: keys %d %v", issuer, status, keys)
		}
	}
	_, meta := c.get(c.idp.URL+"/.well-known/openid-configuration", "")
	if meta["authorization_response_iss_parameter_supported"] != true || meta["code_challenge_methods_supported"] == nil {
		t.Error("the metadata lacks iss or PKCE")
	}
	if algs, _ := meta["id_token_signing_alg_values_supported"].([]any); len(algs) != 1 || algs[0] != "ES256" {
		t.Errorf("algorithms %v", algs)
	}
}

func TestAuthorizationErrors(t *testing.T) {
	c := start(t, oauthtest.Options{})
	s256 := challenge(strings.Repeat("v", 43))
	tests := []struct {
		name string
		more url.Values
		want string // error in the callback; "" is a page in place of it
	}{
		{"no client", url.Values{"client_id": {""}}, ""},
		{"unknown client", url.Values{"client_id": {"who"}}, ""},
		{"client of another service", url.Values{"client_id": {"elsewhere"}}, ""},
		{"two clients", url.Values{"client_id": {"app", "app"}}, ""},
		{"no redirect URI", url.Values{"redirect_uri": {""}}, ""},
		{"longer redirect URI", url.Values{"redirect_uri": {redirectURI + "/x"}}, ""},
		{"redirect URI with a query", url.Values{"redirect_uri": {redirectURI + "?x=y"}}, ""},
		{"redirect URI in other case", url.Values{"redirect_uri": {"https://APP.example/callback"}}, ""},
		{"two redirect URIs", url.Values{"redirect_uri": {redirectURI, redirectURI}}, ""},
		{"relative redirect URI where any is good", url.Values{"client_id": {"public"}, "redirect_uri": {"/callback"}}, ""},
		{"no response type", url.Values{"response_type": {""}}, "invalid_request"},
		{"implicit", url.Values{"response_type": {"id_token"}}, "unsupported_response_type"},
		{"hybrid", url.Values{"response_type": {"code id_token"}}, "unsupported_response_type"},
		{"fragment", url.Values{"response_mode": {"fragment"}}, "invalid_request"},
		{"state twice", url.Values{"state": {"a", "a"}}, "invalid_request"},
		{"request object", url.Values{"request": {"x.y.z"}}, "request_not_supported"},
		{"request by reference", url.Values{"request_uri": {"https://app.example/r"}}, "request_uri_not_supported"},
		{"nobody is logged in", url.Values{"prompt": {"none"}}, "login_required"},
		{"plain", url.Values{"code_challenge": {s256}, "code_challenge_method": {"plain"}}, "invalid_request"},
		{"method missing, which is plain", url.Values{"code_challenge": {s256}}, "invalid_request"},
		{"method alone", url.Values{"code_challenge_method": {"S256"}}, "invalid_request"},
		{"challenge too short", url.Values{"code_challenge": {s256[1:]}, "code_challenge_method": {"S256"}}, "invalid_request"},
		{"challenge missing where it is required", url.Values{"client_id": {"strict"}}, "invalid_request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			back, err := c.idp.VisitAs("ada", c.authURL(tt.more))
			if tt.want == "" {
				if err == nil {
					t.Fatalf("sent back to %s", back.URL)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v := back.Values()
			if v.Get("error") != tt.want || v.Has("code") || v.Get("iss") != c.idp.URL {
				t.Errorf("callback %v, want the error %s", v, tt.want)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		back, err := c.idp.Cancel(c.authURL(nil))
		if err != nil {
			t.Fatal(err)
		}
		if v := back.Values(); v.Get("error") != "access_denied" || v.Get("state") != "st" || v.Get("iss") != c.idp.URL || v.Has("code") {
			t.Errorf("callback %v", v)
		}
	})
	t.Run("nobody of that name", func(t *testing.T) {
		if _, err := c.idp.VisitAs("nobody", c.authURL(nil)); err == nil || !strings.Contains(err.Error(), `There is nobody called "nobody".`) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the query of the redirect URI stays", func(t *testing.T) {
		back, err := c.idp.Visit(c.authURL(url.Values{"redirect_uri": {"https://app.example/other?tenant=a"}}))
		if err != nil || !strings.HasPrefix(back.URL, "https://app.example/other?tenant=a&code=") {
			t.Errorf("sent back to %s, %v", back.URL, err)
		}
	})
}

func TestTokenErrors(t *testing.T) {
	c := start(t, oauthtest.Options{})
	tests := []struct {
		name   string
		more   url.Values
		status int
		want   string
	}{
		{"right", nil, 200, ""},
		{"no secret", url.Values{"client_secret": {""}}, 401, "invalid_client"},
		{"wrong secret", url.Values{"client_secret": {"x"}}, 401, "invalid_client"},
		{"unknown client", url.Values{"client_id": {"who"}}, 401, "invalid_client"},
		{"client of another service", url.Values{"client_id": {"elsewhere"}}, 401, "invalid_client"},
		{"another client's code", url.Values{"client_id": {"strict"}}, 400, "invalid_grant"},
		{"wrong code", url.Values{"code": {"x"}}, 400, "invalid_grant"},
		{"no code", url.Values{"code": {""}}, 400, "invalid_grant"},
		{"no redirect URI", url.Values{"redirect_uri": {""}}, 400, "invalid_grant"},
		{"other redirect URI", url.Values{"redirect_uri": {"https://app.example/other?tenant=a"}}, 400, "invalid_grant"},
		{"no grant type", url.Values{"grant_type": {""}}, 400, "invalid_request"},
		{"other grant type", url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		{"secret twice", url.Values{"client_secret": {secret, secret}}, 400, "invalid_request"},
		{"verifier for no challenge", url.Values{"code_verifier": {strings.Repeat("v", 43)}}, 400, "invalid_grant"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code := c.visit(nil).Get("code")
			more := url.Values{"code": {code}}
			for k, v := range tt.more {
				more[k] = v
			}
			status, v := c.exchange(code, more)
			if status != tt.status || text(v["error"]) != tt.want || (v["access_token"] != nil) != (tt.want == "") {
				t.Errorf("answered %d %v, want %d %s", status, v, tt.status, tt.want)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		code := c.visit(nil).Get("code")
		c.clock.add(5*time.Minute + time.Second)
		if status, v := c.exchange(code, nil); status != 400 || v["error"] != "invalid_grant" {
			t.Errorf("answered %d %v", status, v)
		}
	})
	t.Run("used twice ends what was granted", func(t *testing.T) {
		code := c.visit(nil).Get("code")
		_, tok := c.exchange(code, nil)
		if status, _ := c.get(c.user, text(tok["access_token"])); status != 200 {
			t.Fatalf("userinfo %d", status)
		}
		if status, v := c.exchange(code, nil); status != 400 || v["error"] != "invalid_grant" {
			t.Errorf("answered %d %v", status, v)
		}
		if status, _ := c.get(c.user, text(tok["access_token"])); status != 401 {
			t.Errorf("userinfo %d after the code was used twice", status)
		}
		if status, _ := c.refresh(tok["refresh_token"]); status != 400 {
			t.Errorf("refresh %d after the code was used twice", status)
		}
	})
	t.Run("a code of another service", func(t *testing.T) {
		code := c.at(oauthtest.Google).visit(nil).Get("code")
		if status, v := c.exchange(code, nil); status != 400 || v["error"] != "invalid_grant" {
			t.Errorf("answered %d %v", status, v)
		}
	})
	t.Run("a token of another service", func(t *testing.T) {
		tok := c.at(oauthtest.Google).tokens(nil)
		if status, _ := c.get(c.user, text(tok["access_token"])); status != 401 {
			t.Errorf("userinfo %d", status)
		}
	})
	t.Run("an access token after an hour", func(t *testing.T) {
		tok := c.tokens(nil)
		c.clock.add(time.Hour + time.Second)
		if status, _ := c.get(c.user, text(tok["access_token"])); status != 401 {
			t.Errorf("userinfo %d", status)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		resp, err := c.http.Post(c.token, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 400 {
			t.Errorf("answered %d", resp.StatusCode)
		}
	})
	t.Run("GET", func(t *testing.T) {
		if status, _ := c.get(c.token, ""); status != 405 {
			t.Errorf("answered %d", status)
		}
	})
}

// The ways in which a client authenticates.
func TestClientAuthentication(t *testing.T) {
	c := start(t, oauthtest.Options{})
	basic := func(id, secret string, form url.Values) (int, map[string]any) {
		form.Set("grant_type", "authorization_code")
		form.Set("redirect_uri", redirectURI)
		form.Set("code", c.visit(nil).Get("code"))
		r, err := http.NewRequest("POST", c.token, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		r.SetBasicAuth(id, secret)
		return c.do(r)
	}
	enc := url.QueryEscape(secret)
	for _, tt := range []struct {
		name, id, secret string
		form             url.Values
		status           int
	}{
		{"form-encoded", "app", enc, url.Values{}, 200},
		{"with the ID in the body as well", "app", enc, url.Values{"client_id": {"app"}}, 200},
		{"with another ID in the body", "app", enc, url.Values{"client_id": {"strict"}}, 400},
		{"with the secret in the body as well", "app", enc, url.Values{"client_secret": {secret}}, 400},
		{"not encoded", "app", secret, url.Values{}, 400},
		{"wrong", "app", "x", url.Values{}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, v := basic(tt.id, tt.secret, tt.form); status != tt.status {
				t.Errorf("answered %d %v, want %d", status, v, tt.status)
			}
		})
	}
	t.Run("public", func(t *testing.T) {
		back := c.visit(url.Values{"client_id": {"public"}, "redirect_uri": {"http://127.0.0.1:1234/cb"}})
		public := url.Values{"client_id": {"public"}, "client_secret": {""}, "redirect_uri": {"http://127.0.0.1:1234/cb"}}
		if status, v := c.exchange(back.Get("code"), public); status != 200 {
			t.Errorf("answered %d %v", status, v)
		}
	})
	t.Run("nobody is registered", func(t *testing.T) {
		c := start(t, oauthtest.Options{Clients: []oauthtest.Client{}})
		c.tokens(url.Values{})
	})
}

func TestPKCE(t *testing.T) {
	verifier := strings.Repeat("aB3-._~xyz", 5)
	asked := url.Values{"client_id": {"strict"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}
	for _, tt := range []struct {
		name, verifier string
		good           bool
	}{
		{"right", verifier, true},
		{"missing", "", false},
		{"another", strings.Repeat("x", 43), false},
		{"the challenge", challenge(verifier), false},
		{"too short", verifier[:42], false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, oauthtest.Options{})
			code := c.visit(asked).Get("code")
			more := url.Values{"client_id": {"strict"}, "code_verifier": {tt.verifier}}
			status, v := c.exchange(code, more)
			if (status == 200) != tt.good || !tt.good && v["error"] != "invalid_grant" {
				t.Errorf("answered %d %v", status, v)
			}
		})
	}
	// The lengths count even if the digest fits.
	for _, n := range []int{42, 43, 128, 129} {
		c := start(t, oauthtest.Options{})
		long := strings.Repeat("v", n)
		code := c.visit(url.Values{"code_challenge": {challenge(long)}, "code_challenge_method": {"S256"}}).Get("code")
		if status, _ := c.exchange(code, url.Values{"code_verifier": {long}}); (status == 200) != (n == 43 || n == 128) {
			t.Errorf("%d characters: %d", n, status)
		}
	}
	t.Run("unknown to the provider", func(t *testing.T) {
		c := start(t, oauthtest.Options{NoPKCE: true})
		code := c.visit(asked).Get("code")
		if status, v := c.exchange(code, url.Values{"client_id": {"strict"}, "code_verifier": {"wrong"}}); status != 200 {
			t.Errorf("answered %d %v", status, v)
		}
		if _, meta := c.get(c.idp.URL+"/.well-known/openid-configuration", ""); meta["code_challenge_methods_supported"] != nil {
			t.Error("the metadata says S256")
		}
	})
}

func TestRefresh(t *testing.T) {
	c := start(t, oauthtest.Options{})
	first := c.tokens(url.Values{"nonce": {"n"}})
	c.clock.add(time.Hour)
	status, second := c.refresh(first["refresh_token"])
	if status != 200 || second["refresh_token"] == nil || second["refresh_token"] == first["refresh_token"] || second["access_token"] == first["access_token"] {
		t.Fatalf("refresh %d %v", status, second)
	}
	if got := claims(t, second["id_token"]); got["nonce"] != nil || got["sub"] != claims(t, first["id_token"])["sub"] {
		t.Errorf("claims after a refresh %v", got)
	}
	if status, _ := c.get(c.user, text(second["access_token"])); status != 200 {
		t.Errorf("userinfo %d", status)
	}
	// The first one again: somebody has stolen it, and all ends.
	if status, v := c.refresh(first["refresh_token"]); status != 400 || v["error"] != "invalid_grant" {
		t.Errorf("reused: %d %v", status, v)
	}
	if status, v := c.refresh(second["refresh_token"]); status != 400 || v["error"] != "invalid_grant" {
		t.Errorf("its successor: %d %v", status, v)
	}
	if status, _ := c.get(c.user, text(second["access_token"])); status != 401 {
		t.Errorf("userinfo %d after a reuse", status)
	}

	t.Run("less", func(t *testing.T) {
		form := url.Values{"client_id": {"app"}, "client_secret": {secret}, "grant_type": {"refresh_token"}}
		form.Set("refresh_token", text(c.tokens(nil)["refresh_token"]))
		form.Set("scope", "email")
		if status, v := c.post(c.token, form); status != 200 || v["scope"] != "email" || v["id_token"] != nil {
			t.Errorf("answered %d %v", status, v)
		}
		form.Set("refresh_token", text(c.tokens(nil)["refresh_token"]))
		form.Set("scope", "email admin")
		if status, v := c.post(c.token, form); status != 400 || v["error"] != "invalid_scope" {
			t.Errorf("answered %d %v", status, v)
		}
	})
	t.Run("revoked", func(t *testing.T) {
		for _, which := range []string{"access_token", "refresh_token"} {
			tok := c.tokens(nil)
			form := url.Values{"client_id": {"app"}, "client_secret": {secret}, "token": {text(tok[which])}}
			other := url.Values{"client_id": {"strict"}, "client_secret": {secret}, "token": {text(tok[which])}}
			if status, v := c.post(c.idp.URL+"/revoke", other); status != 400 {
				t.Errorf("by another client: %d %v", status, v)
			}
			if status, _ := c.get(c.user, text(tok["access_token"])); status != 200 {
				t.Errorf("userinfo %d, revoked by another client", status)
			}
			for range 2 { // what is gone is gone
				if status, v := c.post(c.idp.URL+"/revoke", form); status != 200 {
					t.Errorf("%s: %d %v", which, status, v)
				}
			}
			if status, _ := c.get(c.user, text(tok["access_token"])); status != 401 {
				t.Errorf("userinfo %d after the %s was revoked", status, which)
			}
			status, _ := c.refresh(tok["refresh_token"])
			if want := map[string]int{"access_token": 200, "refresh_token": 400}[which]; status != want {
				t.Errorf("refresh %d after the %s was revoked, want %d", status, which, want)
			}
		}
		if status, _ := c.post(c.idp.URL+"/revoke", url.Values{"client_id": {"app"}, "client_secret": {secret}}); status != 400 {
			t.Errorf("no token: %d", status)
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		mine, google := c.tokens(nil), c.at(oauthtest.Google).tokens(url.Values{"access_type": {"offline"}})
		c.idp.Withdraw("ada", oauthtest.OIDC)
		if status, _ := c.refresh(mine["refresh_token"]); status != 400 {
			t.Errorf("refresh %d", status)
		}
		if status, _ := c.at(oauthtest.Google).refresh(google["refresh_token"]); status != 200 {
			t.Errorf("refresh at Google %d", status)
		}
		c.idp.Withdraw("ada")
		if status, _ := c.at(oauthtest.Google).refresh(google["refresh_token"]); status != 400 {
			t.Errorf("refresh at Google %d", status)
		}
	})
	t.Run("gone", func(t *testing.T) {
		code := c.visit(nil).Get("code")
		c.idp.RemovePerson("ada")
		if status, v := c.exchange(code, nil); status != 400 || v["error"] != "invalid_grant" {
			t.Errorf("answered %d %v", status, v)
		}
		if slices.ContainsFunc(c.idp.People(), func(p oauthtest.Person) bool { return p.Login == "ada" }) {
			t.Error("she is still there")
		}
	})
}
