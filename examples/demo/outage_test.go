package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// issuer starts an OpenID Connect issuer on this machine, as a server of its own.
func issuer(t *testing.T, addr string, now func() time.Time, keys ...*oauthtest.Key) *oauthtest.Server {
	t.Helper()
	idp := oauthtest.New(&oauthtest.Options{People: acquaintances, Now: now, Keys: keys})
	if err := idp.Start(addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { idp.Close() })
	return idp
}

// TestIdentityProviderFails kills the identity provider at every point of a login,
// and lets it answer hugely and with garbage: there is a clear page, nobody is
// logged in, the log has no secret, and everything else goes on.
func TestIdentityProviderFails(t *testing.T) {
	type scripted = map[oauthtest.Endpoint]oauthtest.Handler
	for name, tt := range map[string]struct {
		script scripted
		when   string // it is killed
	}{
		"before":                      {nil, "before"},
		"before it was ever asked":    {nil, "unasked"},
		"while the person is there":   {nil, "there"},
		"while it gives tokens":       {scripted{oauthtest.OIDCToken: oauthtest.Hang()}, "asked"},
		"while it gives its keys":     {scripted{oauthtest.OIDCKeys: oauthtest.Hang()}, "asked"},
		"while it says who it is":     {scripted{oauthtest.OIDCUserInfo: oauthtest.Hang()}, "asked"},
		"in the middle of tokens":     {scripted{oauthtest.OIDCToken: oauthtest.Cut("application/json", `{"access_token":"half a to`)}, ""},
		"with an error of its own":    {scripted{oauthtest.OIDCToken: oauthtest.Reply(500, "text/html", "<h1>Oops</h1>")}, ""},
		"with garbage for tokens":     {scripted{oauthtest.OIDCToken: oauthtest.Reply(200, "application/json", "\x00\xff not JSON")}, ""},
		"with a page for tokens":      {scripted{oauthtest.OIDCToken: oauthtest.Reply(200, "text/html", "<h1>Welcome</h1>")}, ""},
		"with garbage for its keys":   {scripted{oauthtest.OIDCKeys: oauthtest.Reply(200, "application/json", "{]")}, ""},
		"with a gigabyte of a token":  {scripted{oauthtest.OIDCToken: oauthtest.Flood("access_token", 1<<30)}, ""},
		"with a gigabyte of userinfo": {scripted{oauthtest.OIDCUserInfo: oauthtest.Flood("sub", 1<<30)}, ""},
		"with a gigabyte of keys":     {scripted{oauthtest.OIDCKeys: oauthtest.Flood("keys", 1<<30)}, ""},
		"with a redirect elsewhere":   {scripted{oauthtest.OIDCToken: oauthtest.RedirectTo(307, "http://127.0.0.1:1/")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			clock := authtest.NewClock(time.Now())
			idp := issuer(t, "", clock.Now)
			const clientSecret = "the secret of the client"
			env := map[string]string{"OIDC_ISSUER": idp.URL, "OIDC_CLIENT_ID": "demo", "OIDC_CLIENT_SECRET": clientSecret}
			d := newDemoAt(t, clock, "memory:", func(c *config) { c.env = func(name string) string { return env[name] } })
			d.expected = "the identity provider" // an outage is an error
			c := d.client(t, false)
			c.client.Timeout = 30 * time.Second
			if tt.when != "unasked" { // so that it knows where everything is
				first := d.client(t, true)
				first.leads(first.visit("/auth/oauth/oidc", "grace", "next", "/me"), "/me")
			}
			if tt.script[oauthtest.OIDCKeys] != nil { // so that they are asked for again
				if _, err := idp.RotateKeys(oauthtest.OIDC); err != nil {
					t.Fatal(err)
				}
				clock.Advance(time.Hour)
			}
			keys, err := idp.Keys(oauthtest.OIDC)
			if err != nil {
				t.Fatal(err)
			}
			idp.SetScript(oauthtest.Script{Handle: tt.script, Claims: func(_ oauthtest.Flow, claims map[string]any) {
				delete(claims, "name") // so that userinfo is asked for
			}})

			var a answer
			var secrets []string
			if tt.when == "before" || tt.when == "unasked" {
				idp.Close()
				a = c.post("/auth/oauth/oidc", "next", "/me")
				if tt.when == "before" { // it is known where to: whether anybody is there the browser sees
					if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), idp.URL) {
						t.Errorf("%s", a)
					}
					a = c.get("/auth/oauth/oidc/callback?state=" + state(t, a.Header.Get("Location")) + "&error=temporarily_unavailable&iss=" + url.QueryEscape(idp.URL))
				}
			} else {
				there := c.leave("/auth/oauth/oidc", "next", "/me")
				back, _ := c.press(there, "person", "ada")
				u, err := url.Parse(back)
				if err != nil {
					t.Fatal(err)
				}
				secrets = append(secrets, u.Query().Get("code"), u.Query().Get("state"))
				switch tt.when {
				case "there":
					idp.Close()
				case "asked":
					kill := time.AfterFunc(300*time.Millisecond, func() { idp.Close() })
					defer kill.Stop()
				}
				began := time.Now()
				a = c.get(back)
				if took := time.Since(began); took > 15*time.Second {
					t.Errorf("took %v", took)
				}
			}
			if a.StatusCode != http.StatusBadGateway && a.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, `role="alert"`) || !strings.Contains(a.body, `action="/auth/oauth/oidc"`) {
				t.Errorf("want a page with 502 or 503: %s", a)
			}
			if c.in() {
				t.Error("logged in")
			}
			log := d.log.String()
			for _, r := range idp.Requests(oauthtest.OIDCToken) {
				secrets = append(secrets, r.Form.Get("code"), r.Form.Get("code_verifier"))
			}
			for _, secret := range append(secrets, append(idp.Issued(), clientSecret, c.cookie("oauth"))...) {
				if secret != "" && (strings.Contains(log, secret) || strings.Contains(log, url.QueryEscape(secret)) || strings.Contains(a.body, secret)) {
					t.Errorf("the log or the page has %q:\n%s\n%s", secret, log, a)
				}
			}
			if !strings.Contains(log, "login.failed") && !strings.Contains(log, "oauth") {
				t.Errorf("the log says nothing: %s", log)
			}

			// The rest of the site goes on, and so does this when it is back.
			c.register(email, secret)
			if idp.Close() != nil {
				t.Error("cannot be closed")
			}
			u, err := url.Parse(idp.URL)
			if err != nil {
				t.Fatal(err)
			}
			clock.Advance(time.Hour)
			issuer(t, u.Host, clock.Now, keys...)
			again := d.client(t, false)
			again.leads(again.visit("/auth/oauth/oidc", "grace", "next", "/me"), "/me")
		})
	}
}

func state(t testing.TB, authURL string) string {
	t.Helper()
	u, err := url.Parse(authURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}
