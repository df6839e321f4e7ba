package oauthtest_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"crypto"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

func TestScriptedClaims(t *testing.T) {
	c := start(t, oauthtest.Options{})
	var seen oauthtest.Flow
	c.idp.SetScript(oauthtest.Script{Claims: func(f oauthtest.Flow, claims map[string]any) {
		seen = f
		claims["aud"] = []string{"app", "other"}
		claims["exp"] = "soon"
		delete(claims, "sub")
		f.Request.Set("max_age", "0") // a copy
	}})
	tok := c.tokens(url.Values{"nonce": {"n"}})
	got := claims(t, tok["id_token"])
	if fmt.Sprint(got["aud"]) != "[app other]" || got["exp"] != "soon" || got["sub"] != nil || got["nonce"] != "n" {
		t.Errorf("claims %v", got)
	}
	if seen.Service != oauthtest.OIDC || seen.ClientID != "app" || seen.Person.Login != "ada" || !slices.Contains(seen.Scopes, "openid") || seen.Refresh {
		t.Errorf("flow %+v", seen)
	}
	c.idp.SetScript(oauthtest.Script{})
	_, tok = c.refresh(tok["refresh_token"])
	if got := claims(t, tok["id_token"]); got["aud"] != "app" || got["auth_time"] != nil {
		t.Errorf("claims without a script %v", got)
	}
}

func TestScriptedSignatures(t *testing.T) {
	rsaKey, err := oauthtest.NewKey("RS256")
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(secret []byte) func(input, sig string) bool {
		return func(input, sig string) bool {
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(input))
			return sig == base64.RawURLEncoding.EncodeToString(h.Sum(nil))
		}
	}
	byRSA := func(k *rsa.PrivateKey, pss bool) func(input, sig string) bool {
		return func(input, sig string) bool {
			raw, err := base64.RawURLEncoding.DecodeString(sig)
			if err != nil {
				return false
			}
			sum := sha256.Sum256([]byte(input))
			if pss {
				return rsa.VerifyPSS(&k.PublicKey, crypto.SHA256, sum[:], raw, nil) == nil
			}
			return rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, sum[:], raw) == nil
		}
	}
	key2048 := rsaKey.Signer.(*rsa.PrivateKey)
	tests := []struct {
		name   string
		sign   func(s *oauthtest.Signing)
		alg    string
		signed func(input, sig string) bool
	}{
		{"as it is", nil, "RS256", byRSA(key2048, false)},
		{"PS256", func(s *oauthtest.Signing) { s.Algorithm = "PS256" }, "PS256", byRSA(key2048, true)},
		{"none", func(s *oauthtest.Signing) { s.Algorithm = "none" }, "none", func(_, sig string) bool { return sig == "" }},
		{"None", func(s *oauthtest.Signing) { s.Algorithm, s.Header["alg"] = "none", "None" }, "None", func(_, sig string) bool { return sig == "" }},
		{"the client's secret", func(s *oauthtest.Signing) { s.Algorithm = "HS256" }, "HS256", mac([]byte(secret))},
		{"an empty secret", func(s *oauthtest.Signing) { s.Algorithm, s.Secret = "HS256", nil }, "HS256", mac(nil)},
		{"the public key as secret", func(s *oauthtest.Signing) { s.Algorithm, s.Secret = "HS256", rsaKey.PEM() }, "HS256", mac(rsaKey.PEM())},
		{"a lie about the algorithm", func(s *oauthtest.Signing) { s.Algorithm, s.Header["alg"] = "HS256", "RS256" }, "RS256", mac([]byte(secret))},
		{"1024 bits", func(s *oauthtest.Signing) { s.Key = small }, "RS256", byRSA(small, false)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := start(t, oauthtest.Options{Keys: []*oauthtest.Key{rsaKey}})
			c.idp.SetScript(oauthtest.Script{Sign: func(_ oauthtest.Flow, s *oauthtest.Signing) {
				if tt.sign != nil {
					tt.sign(s)
				}
			}})
			token := c.tokens(nil)["id_token"]
			head := part(t, token, 0)
			input, sig, _ := cutLast(text(token))
			if head["alg"] != tt.alg || head["kid"] != rsaKey.ID || !tt.signed(input, sig) {
				t.Errorf("header %v, or the signature is not what it should be", head)
			}
		})
	}

	t.Run("header and bytes", func(t *testing.T) {
		c := start(t, oauthtest.Options{})
		other := key(t)
		c.idp.SetScript(oauthtest.Script{Sign: func(_ oauthtest.Flow, s *oauthtest.Signing) {
			delete(s.Header, "kid")
			s.Header["jku"], s.Header["jwk"], s.Key = "https://evil.example/keys", other.JWK(), other.Signer
			s.Payload = []byte(`{"sub":"a","sub":"b"} trailing`)
		}})
		token := text(c.tokens(nil)["id_token"])
		parts := strings.Split(token, ".")
		if raw, _ := base64.RawURLEncoding.DecodeString(parts[1]); string(raw) != `{"sub":"a","sub":"b"} trailing` {
			t.Errorf("payload %s", raw)
		}
		if h := part(t, token, 0); h["kid"] != nil || h["jku"] != "https://evil.example/keys" || h["jwk"] == nil || !signedES256(t, token, other) {
			t.Errorf("header %v", h)
		}
	})
	t.Run("text", func(t *testing.T) {
		c := start(t, oauthtest.Options{})
		for _, want := range []string{"a.b", "a.b.c.d.e", strings.Repeat("x", 1<<20)} {
			c.idp.SetScript(oauthtest.Script{IDToken: func(oauthtest.Flow, string) string { return want }})
			if got := c.tokens(nil)["id_token"]; got != want {
				t.Errorf("got %.20v", got)
			}
		}
		c.idp.SetScript(oauthtest.Script{IDToken: func(_ oauthtest.Flow, token string) string { return "" }})
		if got, ok := c.tokens(nil)["id_token"]; ok {
			t.Errorf("there is one: %v", got)
		}
	})
	t.Run("impossible", func(t *testing.T) {
		c := start(t, oauthtest.Options{})
		for _, alg := range []string{"RS256", "PS256", "XX256", "EdDSA", ""} {
			c.idp.SetScript(oauthtest.Script{Sign: func(_ oauthtest.Flow, s *oauthtest.Signing) { s.Algorithm = alg }})
			if status, v := c.exchange(c.visit(nil).Get("code"), nil); status != 500 || v["error"] != "server_error" {
				t.Errorf("%q with a key for ES256: %d %v", alg, status, v)
			}
		}
	})
}

func TestKeys(t *testing.T) {
	c := start(t, oauthtest.Options{})
	kids := func() (ids []string) {
		_, v := c.get(c.idp.URL+"/keys", "")
		set, _ := v["keys"].([]any)
		for _, k := range set {
			m, _ := k.(map[string]any)
			ids = append(ids, text(m["kid"]))
		}
		return ids
	}
	before, err := c.idp.Keys(oauthtest.OIDC)
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	old := c.tokens(nil)["id_token"]
	k, err := c.idp.RotateKeys(oauthtest.OIDC)
	if err != nil {
		t.Fatal(err)
	}
	if got := kids(); !slices.Equal(got, []string{k.ID, before[0].ID}) {
		t.Errorf("published %q", got)
	}
	if token := c.tokens(nil)["id_token"]; !signedES256(t, token, k) || !signedES256(t, old, before[0]) {
		t.Error("signed by another key")
	}
	if other, _ := c.idp.Keys(oauthtest.Google); other[0] != before[0] {
		t.Error("the keys of Google were rotated")
	}
	c.idp.SetKeys(oauthtest.OIDC, k)
	if got := kids(); !slices.Equal(got, []string{k.ID}) {
		t.Errorf("published %q", got)
	}
	c.idp.SetKeys(oauthtest.OIDC)
	if got := kids(); len(got) != 0 {
		t.Errorf("published %q", got)
	}
	if status, _ := c.exchange(c.visit(nil).Get("code"), nil); status != 500 {
		t.Errorf("without a key: %d", status)
	}

	t.Run("made at the first use", func(t *testing.T) {
		idp := oauthtest.New(nil)
		a, err := idp.Keys(oauthtest.Google)
		if err != nil || a[0].Algorithm() != "RS256" {
			t.Fatal(a, err)
		}
		b, _ := idp.Keys(oauthtest.Apple)
		again, _ := idp.Keys(oauthtest.Google)
		if a[0] == b[0] || a[0] != again[0] {
			t.Error("services share a key, or it changes")
		}
		jwk := a[0].JWK()
		n, err := base64.RawURLEncoding.DecodeString(text(jwk["n"]))
		if err != nil || new(big.Int).SetBytes(n).Cmp(a[0].Signer.Public().(*rsa.PublicKey).N) != 0 || jwk["e"] != "AQAB" || jwk["kty"] != "RSA" {
			t.Errorf("published %v", jwk)
		}
	})
	t.Run("without an ID", func(t *testing.T) {
		k := key(t)
		k.ID = ""
		c := start(t, oauthtest.Options{Keys: []*oauthtest.Key{k}})
		if h := part(t, c.tokens(nil)["id_token"], 0); h["kid"] != nil || k.JWK()["kid"] != nil {
			t.Errorf("header %v", h)
		}
	})
	if _, err := oauthtest.NewKey("none"); err == nil {
		t.Error("a key for none")
	}
}

func TestScriptedAnswers(t *testing.T) {
	c := start(t, oauthtest.Options{})
	seen := make(map[oauthtest.Endpoint]oauthtest.Flow)
	mark := make(map[oauthtest.Endpoint]func(oauthtest.Flow, map[string]any))
	for _, e := range []oauthtest.Endpoint{oauthtest.OIDCDiscovery, oauthtest.OIDCKeys, oauthtest.OIDCToken, oauthtest.OIDCUserInfo, oauthtest.GitHubToken, oauthtest.GitHubUser} {
		mark[e] = func(f oauthtest.Flow, fields map[string]any) {
			seen[e] = f
			fields["mark"] = string(e)
			delete(fields, "token_type")
		}
	}
	c.idp.SetScript(oauthtest.Script{Answer: mark})
	tok := c.tokens(nil)
	if tok["mark"] != "oidc/token" || tok["token_type"] != nil || seen[oauthtest.OIDCToken].Person.Login != "ada" {
		t.Errorf("token response %v for %+v", tok, seen[oauthtest.OIDCToken])
	}
	for path, e := range map[string]string{"/.well-known/openid-configuration": "oidc/discovery", "/keys": "oidc/keys", "/userinfo": "oidc/userinfo"} {
		if status, v := c.get(c.idp.URL+path, text(tok["access_token"])); status != 200 || v["mark"] != e {
			t.Errorf("%s: %d %v", path, status, v)
		}
	}
	tok = c.at(oauthtest.GitHub).tokens(nil)
	if _, v := c.get("https://api.github.com/user", text(tok["access_token"])); tok["mark"] != "github/token" || v["mark"] != "github/user" {
		t.Errorf("%v and %v", tok, v)
	}
	if _, v := c.exchange("x", nil); v["mark"] != "oidc/token" || v["error"] != "invalid_grant" {
		t.Errorf("an error: %v", v)
	}

	c.idp.SetScript(oauthtest.Script{Callback: func(f oauthtest.Flow, v url.Values) {
		if f.Person.Login != "ada" {
			v.Set("nobody", "1")
		}
		v.Set("iss", "https://evil.example")
		v.Add("state", "second")
	}})
	if v := c.visit(nil); v.Get("iss") != "https://evil.example" || len(v["state"]) != 2 || v.Has("nobody") {
		t.Errorf("callback %v", v)
	}
	if back, _ := c.idp.Cancel(c.authURL(nil)); !back.Values().Has("nobody") {
		t.Errorf("callback %v", back)
	}
}

// What takes over answers, has them before anything else.
func TestHandle(t *testing.T) {
	c := start(t, oauthtest.Options{})
	var order []string
	note := func(what string, answers bool) oauthtest.Handler {
		return func(w http.ResponseWriter, r *http.Request) bool {
			order = append(order, what+" "+r.FormValue("grant_type"))
			if answers {
				w.WriteHeader(http.StatusTeapot)
			}
			return answers
		}
	}
	c.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{
		oauthtest.Every:     note("every", false),
		oauthtest.OIDCToken: note("token", true),
	}})
	if status, _ := c.exchange("x", nil); status != http.StatusTeapot || !slices.Equal(order, []string{"every authorization_code", "token authorization_code"}) {
		t.Errorf("answered %d after %q", status, order)
	}
	if c.idp.Count(oauthtest.OIDCToken) != 1 {
		t.Error("what was taken over was not counted")
	}

	c.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{
		oauthtest.OIDCUserInfo:  oauthtest.First(2, oauthtest.Reply(503, "text/html", "<p>down")),
		oauthtest.OIDCAuthorize: oauthtest.RedirectTo(302, "https://app.example/callback?code=x&code=y"),
		oauthtest.OIDCKeys:      oauthtest.ReplyJSON(200, []int{1}),
		oauthtest.GitHubUser:    oauthtest.Reply(200, "text/plain", "\xef\xbb\xbfgarbage"),
	}})
	for _, want := range []int{503, 503, 401} {
		if status, _ := c.get(c.user, ""); status != want {
			t.Errorf("answered %d, want %d", status, want)
		}
	}
	back, err := c.idp.Visit(c.authURL(nil))
	if err != nil || back.URL != "https://app.example/callback?code=x&code=y" {
		t.Errorf("sent back to %+v, %v", back, err)
	}
}
