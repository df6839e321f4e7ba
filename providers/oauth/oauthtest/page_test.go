package oauthtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

var _ oauth.Imitation = (*oauthtest.Server)(nil)

// What browsers do, over a connection.
func TestPages(t *testing.T) {
	c := start(t, oauthtest.Options{People: []oauthtest.Person{
		{Login: "ada", Name: "Ada Lovelace", Email: "ada@example.com"},
		{Login: `<b>"'`, Name: "<script>alert(1)</script>"},
	}})
	if err := c.idp.Start(""); err != nil {
		t.Fatal(err)
	}
	c = c.at(oauthtest.OIDC)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	read := func(resp *http.Response, err error) (*http.Response, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(raw)
	}
	open := func(u string) (*http.Response, string) { t.Helper(); return read(browser.Get(u)) }
	action := func(page string) string {
		t.Helper()
		m := regexp.MustCompile(`<form method="post" action="([^"]*)">`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no form in %s", page)
		}
		return html.UnescapeString(m[1])
	}
	press := func(pageURL, page string, fields url.Values) (*http.Response, string) {
		t.Helper()
		base, err := url.Parse(pageURL)
		if err != nil {
			t.Fatal(err)
		}
		to, err := base.Parse(action(page))
		if err != nil {
			t.Fatal(err)
		}
		return read(browser.PostForm(to.String(), fields))
	}

	t.Run("choose", func(t *testing.T) {
		u := c.authURL(url.Values{"state": {`"><b>&+ %`}})
		resp, page := open(u)
		csp := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !allowed(csp, page, "style") {
			t.Errorf("answered %s with %q", resp.Status, csp)
		}
		if !strings.Contains(page, "Log in as Ada Lovelace") || !strings.Contains(page, "ada@example.com (not verified)") || !strings.Contains(page, ">Cancel</button>") {
			t.Errorf("the page lacks something: %s", page)
		}
		if strings.Contains(page, "<script>") || strings.Contains(page, "<b>") {
			t.Error("somebody's name or the state is not escaped")
		}
		resp, _ = press(u, page, url.Values{"person": {"ada"}})
		to, err := resp.Location()
		if err != nil || resp.StatusCode != http.StatusSeeOther || to.Query().Get("state") != `"><b>&+ %` {
			t.Fatalf("answered %s to %v, %v", resp.Status, to, err)
		}
		if status, v := c.exchange(to.Query().Get("code"), nil); status != 200 {
			t.Errorf("answered %d %v", status, v)
		}
		resp, _ = press(u, page, url.Values{"cancel": {"1"}})
		if to, err := resp.Location(); err != nil || to.Query().Get("error") != "access_denied" {
			t.Errorf("cancelled: %v, %v", to, err)
		}
		resp, _ = press(u, page, url.Values{"person": {`<b>"'`}})
		if to, err := resp.Location(); err != nil || to.Query().Get("code") == "" {
			t.Errorf("sent to %v, %v", to, err)
		}
	})
	t.Run("a request as a POST", func(t *testing.T) {
		u, err := url.Parse(c.authURL(nil))
		if err != nil {
			t.Fatal(err)
		}
		_, page := read(browser.PostForm(c.auth, u.Query()))
		resp, _ := press(c.auth, page, url.Values{"person": {"ada"}})
		if to, err := resp.Location(); err != nil || to.Query().Get("code") == "" {
			t.Errorf("sent to %v, %v", to, err)
		}
	})
	t.Run("whoever is hinted at is first", func(t *testing.T) {
		_, page := open(c.authURL(url.Values{"login_hint": {`<b>"'`}}))
		if strings.Index(page, "Log in as Ada") < strings.Index(page, "Log in as &lt;script") {
			t.Error("Ada is first")
		}
	})
	t.Run("form_post", func(t *testing.T) {
		u := c.authURL(url.Values{"response_mode": {"form_post"}, "state": {`"><b>`}})
		_, page := open(u)
		resp, page := press(u, page, url.Values{"person": {"ada"}})
		if csp := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != 200 || !allowed(csp, page, "script") || strings.Contains(csp, "form-action") {
			t.Errorf("answered %s with %q", resp.Status, csp)
		}
		if action(page) != redirectURI || !strings.Contains(page, `name="state" value="&#34;&gt;&lt;b&gt;"`) || !strings.Contains(page, `name="code"`) || !strings.Contains(page, `<button type="submit">Continue</button>`) {
			t.Errorf("page %s", page)
		}
	})
	t.Run("refused", func(t *testing.T) {
		resp, page := open(c.authURL(url.Values{"redirect_uri": {"https://evil.example/<script>"}}))
		if resp.StatusCode != 400 || resp.Header.Get("Location") != "" || strings.Contains(page, "<script>") || !strings.Contains(page, "not registered") {
			t.Errorf("answered %s: %s", resp.Status, page)
		}
	})
	t.Run("an imitated service", func(t *testing.T) {
		c := c.at(oauthtest.GitHub)
		u := c.idp.AuthURL(c.authURL(nil))
		if !strings.HasPrefix(u, c.idp.URL+"/github.com/login/oauth/authorize?") {
			t.Fatalf("%s", u)
		}
		_, page := open(u)
		if !strings.Contains(page, "<h1>Log in with GitHub</h1>") {
			t.Errorf("page %s", page)
		}
		resp, _ := press(u, page, url.Values{"person": {"ada"}})
		to, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		if status, v := c.exchange(to.Query().Get("code"), nil); status != 200 || v["access_token"] == nil {
			t.Errorf("answered %d %v", status, v)
		}
	})
	t.Run("the root", func(t *testing.T) {
		if resp, page := open(c.idp.URL + "/"); resp.StatusCode != 200 || !strings.Contains(page, "Ada Lovelace") {
			t.Errorf("answered %s: %s", resp.Status, page)
		}
		if resp, _ := open(c.idp.URL + "/nothing"); resp.StatusCode != 404 {
			t.Errorf("answered %s", resp.Status)
		}
	})
	t.Run("below a path", func(t *testing.T) {
		idp := oauthtest.New(&oauthtest.Options{URL: "http://127.0.0.1:1/idp"})
		resp, err := idp.RoundTrip(request(t, "GET", "http://127.0.0.1:1/idp/.well-known/openid-configuration"))
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		for _, u := range []string{"http://127.0.0.1:1/", "http://127.0.0.1:1/idpx/keys", "https://127.0.0.1:1/idp/keys", "http://127.0.0.1:2/idp/keys"} {
			if _, err := idp.RoundTrip(request(t, "GET", u)); err == nil {
				t.Errorf("%s was answered", u)
			}
		}
	})
}

func request(t *testing.T, method, u string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// allowed reports whether the policy allows the inline element of the page, of
// which there is one.
func allowed(csp, page, element string) bool {
	m := regexp.MustCompile(fmt.Sprintf(`(?s)<%[1]s>(.*?)</%[1]s>`, element)).FindAllStringSubmatch(page, -1)
	if len(m) != 1 {
		return false
	}
	sum := sha256.Sum256([]byte(m[0][1]))
	return strings.Contains(csp, element+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
}
