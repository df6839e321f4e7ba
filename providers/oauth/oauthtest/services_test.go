package oauthtest_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/github"
	"github.com/markbates/goth/providers/google"
)

// Somebody else's clients, unchanged.
func TestGoth(t *testing.T) {
	c := start(t, oauthtest.Options{})
	login := func(t *testing.T, p goth.Provider) goth.User {
		t.Helper()
		session, err := p.BeginAuth("st")
		if err != nil {
			t.Fatal(err)
		}
		authURL, err := session.GetAuthURL()
		if err != nil {
			t.Fatal(err)
		}
		back, err := c.idp.VisitAs("ada", c.idp.AuthURL(authURL))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Authorize(p, back.Values()); err != nil {
			t.Fatal(err)
		}
		u, err := p.FetchUser(session)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	ada, _ := c.idp.Person("ada")
	t.Run("github", func(t *testing.T) {
		p := github.New("app", secret, redirectURI, "user:email")
		p.HTTPClient = c.http
		u := login(t, p)
		if u.UserID != ada.SubjectAt(oauthtest.GitHub) || u.Email != "ada@example.com" || u.NickName != "ada" || u.Name != "Ada Lovelace" {
			t.Errorf("%+v", u)
		}
	})
	t.Run("google", func(t *testing.T) {
		p := google.New("app", secret, redirectURI, "email", "profile")
		p.HTTPClient = c.http
		u := login(t, p)
		if u.UserID != ada.SubjectAt(oauthtest.Google) || u.Email != "ada@example.com" || u.RawData["verified_email"] != true || u.RefreshToken == "" {
			t.Errorf("%+v", u)
		}
		if got := claims(t, u.IDToken); got["iss"] != "https://accounts.google.com" || got["sub"] != u.UserID || got["azp"] != "app" {
			t.Errorf("claims %v", got)
		}
		for range 2 { // they are not rotated
			if tok, err := p.RefreshToken(u.RefreshToken); err != nil || tok.AccessToken == u.AccessToken {
				t.Errorf("refreshed: %v, %v", tok, err)
			}
		}
	})
}

func TestGitHub(t *testing.T) {
	c := start(t, oauthtest.Options{People: []oauthtest.Person{{
		Login: "ada", Email: "ada@example.com", EmailVerified: "true", PublicEmail: "hello@example.com",
		Emails:   []oauthtest.Address{{Email: "old@example.com", Verified: true}, {Email: "new@example.com"}},
		Subjects: map[oauthtest.Service]string{oauthtest.GitHub: "583231"},
	}}}).at(oauthtest.GitHub)
	c.scopes = "read:user user:email"

	tok := c.tokens(nil)
	same(t, "token response", tok, map[string]any{"access_token": tok["access_token"], "token_type": "bearer", "scope": "read:user,user:email"})
	if !strings.HasPrefix(text(tok["access_token"]), "gho_") {
		t.Errorf("token %v", tok["access_token"])
	}
	if status, u := c.get(c.user, text(tok["access_token"])); status != 200 || u["id"] != 583231.0 || u["login"] != "ada" || u["email"] != "hello@example.com" {
		t.Errorf("user %d %v", status, u)
	}
	if _, meta := c.get(c.user, ""); meta["message"] != "Bad credentials" {
		t.Errorf("without a token: %v", meta)
	}
	emails := func(token any) string {
		r, _ := http.NewRequest("GET", "https://api.github.com/user/emails", nil)
		r.Header.Set("Authorization", "token "+text(token))
		resp, err := c.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		return resp.Status[:3] + " " + string(raw)
	}
	const want = `200 [{"email":"ada@example.com","primary":true,"verified":true,"visibility":"private"},` +
		`{"email":"old@example.com","primary":false,"verified":true,"visibility":null},` +
		`{"email":"new@example.com","primary":false,"verified":false,"visibility":null}]`
	if got := emails(tok["access_token"]); got != want {
		t.Errorf("emails %s", got)
	}
	if got := emails(c.tokens(url.Values{"scope": {"read:user"}})["access_token"]); !strings.HasPrefix(got, "404 ") {
		t.Errorf("emails without the scope %s", got)
	}

	// Errors have status 200, and answers are forms unless one asks.
	code := c.visit(nil).Get("code")
	for _, tt := range []struct {
		more url.Values
		want string
	}{
		{url.Values{"client_secret": {"x"}}, "incorrect_client_credentials"},
		{url.Values{"code": {"x"}}, "bad_verification_code"},
	} {
		if status, v := c.exchange(code, tt.more); status != 200 || v["error"] != tt.want {
			t.Errorf("answered %d %v, want %s", status, v, tt.want)
		}
	}
	form := url.Values{"client_id": {"app"}, "client_secret": {secret}, "code": {code}}
	resp, err := c.http.PostForm(c.token, form)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(resp.Body)
	v, err := url.ParseQuery(string(raw))
	if err != nil || v.Get("token_type") != "bearer" || v.Get("scope") != "read:user,user:email" || v.Get("access_token") == "" {
		t.Errorf("form %s, %v", raw, err)
	}
	if _, v := c.exchange(c.visit(nil).Get("code"), url.Values{"redirect_uri": {"https://evil.example"}}); v["error"] != "redirect_uri_mismatch" {
		t.Errorf("answered %v", v)
	}
}

func TestGoogle(t *testing.T) {
	c := start(t, oauthtest.Options{People: []oauthtest.Person{
		{Login: "ada", Name: "Ada", Email: "ada@corp.example", EmailVerified: false, HostedDomain: "corp.example", Picture: "https://pictures.example/ada"},
	}}).at(oauthtest.Google)
	back := c.visit(nil)
	if back.Get("hd") != "corp.example" || back.Get("authuser") != "0" || back.Get("prompt") == "" || !strings.Contains(back.Get("scope"), "userinfo.email") || back.Get("iss") != "https://accounts.google.com" {
		t.Errorf("callback %v", back)
	}
	_, tok := c.exchange(back.Get("code"), nil)
	if tok["refresh_token"] != nil || tok["expires_in"] != 3599.0 {
		t.Errorf("token response %v", tok)
	}
	got := claims(t, tok["id_token"])
	if got["hd"] != "corp.example" || got["email_verified"] != false || got["picture"] == nil {
		t.Errorf("claims %v", got)
	}
	_, older := c.get("https://www.googleapis.com/oauth2/v2/userinfo?access_token="+url.QueryEscape(text(tok["access_token"])), "")
	_, newer := c.get(c.user, text(tok["access_token"]))
	if older["id"] != got["sub"] || older["verified_email"] != false || older["sub"] != nil || newer["sub"] != got["sub"] || newer["email_verified"] != false {
		t.Errorf("userinfo %v and %v", older, newer)
	}
	revoke := func() int {
		status, _ := c.post("https://oauth2.googleapis.com/revoke", url.Values{"token": {text(tok["access_token"])}})
		return status
	}
	if a, b := revoke(), revoke(); a != 200 || b != 400 {
		t.Errorf("revoked: %d, again: %d", a, b)
	}
	if status, _ := c.get(c.user, text(tok["access_token"])); status != 401 {
		t.Errorf("userinfo %d after it was revoked", status)
	}
}

func TestApple(t *testing.T) {
	k := key(t)
	c := start(t, oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", RedirectURIs: []string{redirectURI}, AppleKey: k.Signer.Public().(*ecdsa.PublicKey), AppleTeam: "TEAM", AppleKeyID: "KID"}},
		People: []oauthtest.Person{
			{Login: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true},
			{Login: "shy", Email: "shy@example.com", AppleRelay: "x1@privaterelay.appleid.com"},
		},
	}).at(oauthtest.Apple)
	now := c.clock.now().Unix()
	sign := func(alg string, by *oauthtest.Key, change map[string]any) string {
		v := map[string]any{"iss": "TEAM", "iat": now, "exp": now + 300, "aud": "https://appleid.apple.com", "sub": "app"}
		header := map[string]any{"kid": "KID"}
		for name, value := range change {
			if name == "kid" || name == "alg" {
				header[name] = value
			} else if v[name] = value; value == nil {
				delete(v, name)
			}
		}
		payload, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		s := oauthtest.Signing{Algorithm: alg, Header: header, Key: by.Signer, Secret: by.PEM(), Payload: payload}
		token, err := s.JWT()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign("ES256", k, nil)

	post := url.Values{"response_mode": {"form_post"}}
	if v := c.visit(nil); v.Get("error") != "invalid_request" {
		t.Errorf("scopes without form_post: %v", v)
	}
	back, err := c.idp.VisitAs("ada", c.authURL(post))
	if err != nil || back.Method != "POST" || back.URL != redirectURI || back.Form.Get("iss") != "" {
		t.Fatalf("callback %+v, %v", back, err)
	}
	if back.Form.Get("user") != `{"email":"ada@example.com","name":{"firstName":"Ada","lastName":"Lovelace"}}` {
		t.Errorf("user %s", back.Form.Get("user"))
	}
	if again := c.visit(post); again.Has("user") {
		t.Error("the name came twice")
	}
	status, tok := c.exchange(back.Form.Get("code"), url.Values{"client_secret": {good}})
	if status != 200 {
		t.Fatalf("answered %d %v", status, tok)
	}
	got := claims(t, tok["id_token"])
	if got["iss"] != "https://appleid.apple.com" || got["email"] != "ada@example.com" || got["email_verified"] != "true" || got["exp"] != float64(now+24*3600) {
		t.Errorf("claims %v", got)
	}
	back, _ = c.idp.VisitAs("shy", c.authURL(post))
	_, tok = c.exchange(back.Form.Get("code"), url.Values{"client_secret": {good}})
	if got := claims(t, tok["id_token"]); got["email"] != "x1@privaterelay.appleid.com" || got["is_private_email"] != "true" {
		t.Errorf("claims %v", got)
	}
	if back, _ := c.idp.Cancel(c.authURL(post)); back.Form.Get("error") != "user_cancelled_authorize" {
		t.Errorf("cancelled: %+v", back)
	}

	for name, bad := range map[string]string{
		"none":          sign("none", k, nil),
		"HS256":         sign("HS256", k, nil),
		"another's key": sign("ES256", key(t), nil),
		"says RS256":    sign("ES256", k, map[string]any{"alg": "RS256"}),
		"kid":           sign("ES256", k, map[string]any{"kid": "x"}),
		"iss":           sign("ES256", k, map[string]any{"iss": "x"}),
		"aud":           sign("ES256", k, map[string]any{"aud": "https://apple.com"}),
		"sub":           sign("ES256", k, map[string]any{"sub": "x"}),
		"expired":       sign("ES256", k, map[string]any{"exp": now - 1}),
		"no exp":        sign("ES256", k, map[string]any{"exp": nil}),
		"for too long":  sign("ES256", k, map[string]any{"exp": now + 16_000_000}),
		"from tomorrow": sign("ES256", k, map[string]any{"iat": now + 86400}),
		"no JWT":        "secret",
		"nothing":       "",
		"cut":           good[:len(good)-2],
	} {
		code := c.visit(post).Get("code")
		if status, v := c.exchange(code, url.Values{"client_secret": {bad}}); status != 401 || v["error"] != "invalid_client" {
			t.Errorf("%s: %d %v", name, status, v)
		}
	}
}

func TestTwitter(t *testing.T) {
	c := start(t, oauthtest.Options{})
	ask := func(method, to string, params url.Values) (int, url.Values) {
		t.Helper()
		v := url.Values{"oauth_consumer_key": {"app"}, "oauth_signature": {"sig+/="}, "oauth_signature_method": {"HMAC-SHA1"}, "oauth_nonce": {"1"}, "oauth_timestamp": {"1"}}
		maps.Copy(v, params)
		var header []string
		for name, vs := range v {
			for _, value := range vs {
				header = append(header, name+`="`+strings.ReplaceAll(url.QueryEscape(value), "+", "%20")+`"`)
			}
		}
		r, err := http.NewRequest(method, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "OAuth "+strings.Join(header, ", "))
		resp, err := c.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(raw), "{") {
			return resp.StatusCode, url.Values{"json": {string(raw)}}
		}
		got, err := url.ParseQuery(string(raw))
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, got
	}
	const api = "https://api.twitter.com"
	begin := func() string {
		t.Helper()
		status, v := ask("POST", api+"/oauth/request_token", url.Values{"oauth_callback": {redirectURI}})
		if status != 200 || v.Get("oauth_callback_confirmed") != "true" || v.Get("oauth_token_secret") == "" {
			t.Fatalf("answered %d %v", status, v)
		}
		return v.Get("oauth_token")
	}
	agree := func(token string) string {
		t.Helper()
		back, err := c.idp.VisitAs("ada", api+"/oauth/authenticate?oauth_token="+token)
		if err != nil {
			t.Fatal(err)
		}
		if v := back.Values(); v.Get("oauth_token") != token || !strings.HasPrefix(back.URL, redirectURI) {
			t.Errorf("sent back to %s", back.URL)
		}
		return back.Values().Get("oauth_verifier")
	}
	redeem := func(token, verifier string, more url.Values) (int, url.Values) {
		v := url.Values{"oauth_token": {token}, "oauth_verifier": {verifier}}
		maps.Copy(v, more)
		return ask("POST", api+"/oauth/access_token", v)
	}

	token := begin()
	verifier := agree(token)
	ada, _ := c.idp.Person("ada")
	status, got := redeem(token, verifier, nil)
	if status != 200 || got.Get("screen_name") != "ada" || got.Get("user_id") != ada.SubjectAt(oauthtest.Twitter) {
		t.Fatalf("answered %d %v", status, got)
	}
	const profile = api + "/1.1/account/verify_credentials.json?include_email=true"
	status, user := ask("GET", profile, url.Values{"oauth_token": {got.Get("oauth_token")}})
	if status != 200 || !strings.Contains(user.Get("json"), `"email":"ada@example.com"`) || !strings.Contains(user.Get("json"), `"id_str":"`+ada.SubjectAt(oauthtest.Twitter)+`"`) {
		t.Errorf("profile %d %v", status, user)
	}

	bad := func(name string, status int, v url.Values) {
		t.Helper()
		if status < 400 || !strings.HasPrefix(v.Get("json"), `{"errors":`) {
			t.Errorf("%s: %d %v", name, status, v)
		}
	}
	refuse := func(name string, token, verifier string, more url.Values) {
		t.Helper()
		status, v := redeem(token, verifier, more)
		bad(name, status, v)
	}
	refuse("used twice", token, verifier, nil)
	refuse("nobody agreed", begin(), "", nil)
	one, other := begin(), begin()
	forOne, forOther := agree(one), agree(other)
	refuse("another's verifier", one, forOther, nil)
	refuse("another consumer", one, forOne, url.Values{"oauth_consumer_key": {"elsewhere"}})
	refuse("two verifiers", one, forOne, url.Values{"oauth_verifier": {forOne, forOne}})
	refuse("no signature", one, forOne, url.Values{"oauth_signature": {""}})
	if status, v := redeem(one, forOne, nil); status != 200 {
		t.Errorf("after all that: %d %v", status, v)
	}
	if _, err := c.idp.VisitAs("grace", api+"/oauth/authorize?oauth_token="+other); err == nil {
		t.Error("two people agreed to one request")
	}
	c.clock.add(10 * time.Minute)
	refuse("expired", other, forOther, nil)

	status, v := ask("POST", api+"/oauth/request_token", url.Values{"oauth_callback": {"https://evil.example"}})
	bad("another callback", status, v)
	status, v = ask("POST", api+"/oauth/request_token", url.Values{"oauth_callback": {redirectURI}, "oauth_consumer_key": {"who"}})
	bad("unknown consumer", status, v)
	status, v = ask("GET", profile, url.Values{"oauth_token": {"x"}})
	bad("wrong token", status, v)

	token = begin()
	back, err := c.idp.Cancel(api + "/oauth/authorize?oauth_token=" + token)
	if err != nil || back.Values().Get("denied") != token {
		t.Errorf("cancelled: %+v, %v", back, err)
	}
	refuse("cancelled", token, "", nil)
}
