package main

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// leave presses the button that posts to path, and returns where it leads.
func (c *client) leave(path string, fields ...string) string {
	c.t.Helper()
	a := c.post(path, fields...)
	to := where(c.t, a)
	if a.StatusCode != c.ok(http.StatusOK) || !strings.HasPrefix(to, "http") || strings.HasPrefix(to, c.base) {
		c.t.Fatalf("POST %s leads to %q: %s", path, to, a)
	}
	return to
}

// press presses a button on the identity provider's page at address, and returns how
// the browser comes back: a path of the site's, and, from Apple, a form that is
// posted there.
func (c *client) press(address string, button ...string) (path string, form url.Values) {
	c.t.Helper()
	other := newClient(c.t, "", false) // with none of the site's cookies
	if a := other.get(address); a.StatusCode != 200 || !strings.Contains(a.body, `name="`+button[0]+`" value="`+button[1]+`"`) {
		c.t.Fatalf("the identity provider has no button %q: %s", button, a)
	}
	a := other.post(address, button...)
	if a.StatusCode == 200 {
		action := regexp.MustCompile(`<form method="post" action="([^"]+)"`).FindStringSubmatch(a.body)
		if action == nil {
			c.t.Fatalf("the identity provider does not send anybody back: %s", a)
		}
		path, form = html.UnescapeString(action[1]), url.Values{}
		for _, input := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
			form.Add(html.UnescapeString(input[1]), html.UnescapeString(input[2]))
		}
	} else {
		path = a.Header.Get("Location")
	}
	path, ok := strings.CutPrefix(path, c.base)
	if !ok {
		c.t.Fatalf("the identity provider leads to %q: %s", path, a)
	}
	return path, form
}

// visit goes by the button that posts to path to the identity provider, is person
// there, and comes back.
func (c *client) visit(path, person string, fields ...string) answer {
	c.t.Helper()
	back, form := c.press(c.leave(path, fields...), "person", person)
	if form == nil {
		return c.get(back)
	}
	// From another site, without cookies of this one.
	a := newClient(c.t, c.base, c.json).do("POST", back, "application/x-www-form-urlencoded", form.Encode(), "Sec-Fetch-Site", "cross-site", "Origin", "null")
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) > 0 {
		c.t.Fatalf("the form of the identity provider: %s", a)
	}
	return c.get(a.Header.Get("Location"))
}

// leads fails the test unless a sends the client to path.
func (c *client) leads(a answer, path string) {
	c.t.Helper()
	got := a.Header.Get("Location")
	if c.json {
		var body struct{ Next string }
		_ = json.Unmarshal([]byte(a.body), &body) // what is none leads nowhere
		got = body.Next
	}
	if a.StatusCode != c.ok(http.StatusOK) || got != path {
		c.t.Fatalf("leads to %q, want %q: %s", got, path, a)
	}
}

// refused fails the test unless a is this problem.
func (c *client) refused(a answer, status int, code string) {
	c.t.Helper()
	got, _ := a.problem()
	if a.StatusCode != status || c.json && got != code {
		c.t.Fatalf("want %d %s: %s", status, code, a)
	}
}

// id returns whose c is logged in as.
func (c *client) id() string {
	c.t.Helper()
	var body struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal([]byte(c.get("/auth/session", "Accept", "application/json").body), &body); err != nil {
		c.t.Fatal(err)
	}
	return body.UserID
}

// linked returns the names of the connectors on the page of accounts, which c can
// unlink, and those that could be linked.
func (c *client) linked() (linked, last, available []string) {
	c.t.Helper()
	var body struct {
		Linked []struct {
			Connector string
			Last      bool
		}
		Available []struct{ Connector string }
	}
	a := c.get("/auth/accounts", "Accept", "application/json")
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.StatusCode != 200 {
		c.t.Fatalf("/auth/accounts: %v, %s", err, a)
	}
	for _, l := range body.Linked {
		if linked = append(linked, l.Connector); l.Last {
			last = append(last, l.Connector)
		}
	}
	for _, l := range body.Available {
		available = append(available, l.Connector)
	}
	return linked, last, available
}

// TestLinkElsewhere: whoever has an account here, and comes with one of elsewhere
// that has the same address, proves first that it is theirs, and logs in with either
// from then on.
func TestLinkElsewhere(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.client(t, js)
		c.register(email, secret)
		ada := c.id()
		c.post("/auth/logout")

		a := c.visit("/auth/oauth/google", "ada", "next", "/me")
		c.refused(a, http.StatusConflict, "account_exists")
		if c.in() {
			t.Fatal("an address was enough to get in")
		}
		if !js && !strings.Contains(a.body, `name="next" value="/auth/accounts"`) {
			t.Errorf("logging in does not lead to where the account can be linked: %s", a)
		}
		c.logIn(email, secret, "next", "/auth/accounts")
		if linked, _, available := c.linked(); len(linked) != 0 || !slices.Equal(available, []string{"github", "google"}) {
			t.Errorf("linked %v, available %v", linked, available)
		}
		c.leads(c.visit("/auth/oauth/google/link", "ada", "next", "/auth/accounts"), "/auth/accounts")
		if linked, last, available := c.linked(); !slices.Equal(linked, []string{"google"}) || last != nil || !slices.Equal(available, []string{"github"}) {
			t.Errorf("linked %v, of these %v for ever, available %v", linked, last, available)
		}
		c.post("/auth/logout")

		c.leads(c.visit("/auth/oauth/google", "ada", "next", "/me?x=1"), "/me?x=1")
		if c.id() != ada {
			t.Error("the linked account is somebody else's")
		}
		c.post("/auth/logout")
		c.logIn(email, secret)
		if c.id() != ada {
			t.Error("the password is somebody else's")
		}

		// Later the settings want a proof anew, and an account elsewhere is one.
		d.Advance(11 * time.Minute)
		if a := c.get("/settings"); a.StatusCode == 200 {
			t.Fatalf("the settings after 11 minutes: %s", a)
		}
		c.refused(c.visit("/auth/oauth/google/confirm", "grace", "next", "/settings"), http.StatusForbidden, "wrong_account")
		c.leads(c.visit("/auth/oauth/google/confirm", "ada", "next", "/settings"), "/settings")
		if a := c.get("/settings"); a.StatusCode != 200 {
			t.Errorf("the settings after confirming: %s", a)
		}

		// And the other way round: without the link the account is nobody's.
		c.leads(c.post("/auth/oauth/google/unlink"), "/") // the session rests on it too, and ends
		if c.in() {
			t.Error("the session has outlived the account that it was confirmed with")
		}
		c.refused(c.visit("/auth/oauth/google", "ada"), http.StatusConflict, "account_exists")
		c.logIn(email, secret)
	})
}

// TestOnlyElsewhere: a person without a password, who comes with GitHub only.
func TestOnlyElsewhere(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.client(t, js)
		c.leads(c.visit("/auth/oauth/github", "grace", "next", "/me"), "/me")
		grace := c.id()
		if a := c.get("/me"); a.StatusCode != 200 || !strings.Contains(a.body, "Grace Hopper") || !strings.Contains(a.body, "grace@example.com") {
			t.Errorf("/me: %s", a)
		}
		if a := c.get("/settings"); a.StatusCode != 200 {
			t.Errorf("/settings: %s", a)
		}
		if linked, last, _ := c.linked(); !slices.Equal(linked, []string{"github"}) || !slices.Equal(last, []string{"github"}) {
			t.Errorf("linked %v, for ever %v", linked, last)
		}
		if a := c.get("/auth/accounts"); !js && strings.Contains(a.body, "/unlink") {
			t.Errorf("offers to remove the last way in: %s", a)
		}
		c.refused(c.post("/auth/oauth/github/unlink"), http.StatusConflict, "last_credential")
		c.post("/auth/logout")
		c.leads(c.visit("/auth/oauth/github", "grace", "next", "/me"), "/me")
		if c.id() != grace {
			t.Error("is somebody else the second time")
		}
		stranger := d.client(t, js)
		stranger.refused(stranger.post("/auth/register", "email", "grace@example.com", "password", secret), http.StatusConflict, "taken")

		// A second way in, and then the first can go.
		c.leads(c.visit("/auth/oauth/google/link", "grace", "next", "/me"), "/me")
		c.leads(c.post("/auth/oauth/github/unlink"), "/") // the session rested on it
		c.leads(c.visit("/auth/oauth/google", "grace", "next", "/me"), "/me")
		if linked, last, _ := c.linked(); c.id() != grace || !slices.Equal(linked, []string{"google"}) || !slices.Equal(last, linked) {
			t.Errorf("linked %v, for ever %v", linked, last)
		}
	})
}

// TestAddressesElsewhere: an address that nobody has made sure of is not written
// down, and opens nothing.
func TestAddressesElsewhere(t *testing.T) {
	d := newDemo(t, "memory:")
	bob := d.client(t, false)
	bob.leads(bob.visit("/auth/oauth/google", "bob", "next", "/me"), "/me")
	if a := bob.get("/me"); strings.Contains(a.body, "bob@example.com") {
		t.Errorf("an address that was not verified: %s", a)
	}
	bob.get("/")
	rightful := d.client(t, true)
	rightful.register("bob@example.com", secret)
	if rightful.id() == bob.id() {
		t.Error("one got the other's account")
	}
	ada := d.client(t, true)
	ada.register(email, secret)
	for _, name := range []string{"github", "google"} {
		mallory := d.client(t, true)
		if a := mallory.visit("/auth/oauth/"+name, "mallory"); mallory.in() && (mallory.id() == ada.id() || strings.Contains(mallory.get("/me").body, email)) {
			t.Errorf("%s: Mallory is Ada: %s", name, a)
		}
		kay := d.client(t, true)
		kay.leads(kay.visit("/auth/oauth/"+name, "kay", "next", "/me"), "/me")
	}
}

// TestCancelElsewhere: who does not want to log in there is told so here.
func TestCancelElsewhere(t *testing.T) {
	for _, name := range []string{"github", "google", "apple", "oidc"} {
		d := newDemo(t, "memory:", func(c *config) { c.oauth = "all" })
		c := d.client(t, false)
		back, form := c.press(c.leave("/auth/oauth/"+name), "cancel", "1")
		a := c.do("GET", back, "", "")
		if form != nil {
			a = newClient(t, c.base, false).do("POST", back, "application/x-www-form-urlencoded", form.Encode(), "Sec-Fetch-Site", "cross-site")
			a = c.get(a.Header.Get("Location"))
		}
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, `action="/auth/oauth/`+name+`"`) || c.in() {
			t.Errorf("%s: %s", name, a)
		}
	}
}

// TestAllElsewhere: Apple posts its answer, OpenID Connect is found by its issuer.
func TestAllElsewhere(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db, func(c *config) { c.oauth = "all" })
		for _, name := range []string{"github", "google", "apple", "oidc"} {
			c := d.client(t, js)
			c.leads(c.visit("/auth/oauth/"+name, "kay", "next", "/me"), "/me")
			if !c.in() {
				t.Errorf("%s: not logged in", name)
			}
		}
	})
}

// TestNoElsewhere: without -oauth there is nothing of it.
func TestNoElsewhere(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.oauth = "off" })
	c := d.client(t, false)
	if a := c.get("/auth/login"); strings.Contains(a.body, "oauth") {
		t.Errorf("/auth/login: %s", a)
	}
	c.register(email, secret)
	for _, path := range []string{"/settings", "/auth/account"} {
		if a := c.get(path); a.StatusCode != 200 || strings.Contains(a.body, "/auth/accounts") {
			t.Errorf("%s: %s", path, a)
		}
	}
	for _, a := range []answer{c.get("/auth/accounts"), c.post("/auth/oauth/github")} {
		if a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", a.Request.URL.Path, a.Status)
		}
	}
}

// TestOriginOfElsewhere: the pages with buttons let forms lead to the identity
// provider, which is on another host than the site, and the other pages do not.
func TestOriginOfElsewhere(t *testing.T) {
	for origin, want := range map[string]string{"http://localhost:8080": "http://127.0.0.1:", "http://127.0.0.1:8080": "http://localhost:", "http://[::1]:8080": "http://127.0.0.1:"} {
		c, err := parse(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.env = func(string) string { return "" }
		e, err := newElsewhere(c, origin, nil)
		if err != nil {
			t.Fatal(err)
		}
		other, err := newElsewhere(c, origin, nil) // whose port is taken
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.idp.URL, want) || !strings.HasPrefix(other.idp.URL, want) || e.idp.URL == other.idp.URL {
			t.Errorf("%s: identity providers at %s and %s", origin, e.idp.URL, other.idp.URL)
		}
		if e.close() != nil || other.close() != nil {
			t.Error("not closed")
		}
	}
	d := newDemo(t, "memory:")
	c := d.client(t, false)
	for path, want := range map[string]bool{"/auth/login": true, "/auth/register": true, "/": false} {
		csp := c.get(path).Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "form-action 'self'") || strings.Contains(csp, d.site.idp.URL) != want {
			t.Errorf("%s: %s", path, csp)
		}
	}
}

// TestEnvironment: who is named there takes the place of a stand-in.
func TestEnvironment(t *testing.T) {
	github := map[string]string{"GITHUB_CLIENT_ID": "github-id", "GITHUB_CLIENT_SECRET": "github-secret"}
	google := map[string]string{"GOOGLE_CLIENT_ID": "google-id", "GOOGLE_CLIENT_SECRET": "google-secret"}
	oidc := map[string]string{"OIDC_ISSUER": "https://login.example.com", "OIDC_CLIENT_ID": "oidc-id", "OIDC_CLIENT_SECRET": "oidc-secret"}
	env := func(sets ...map[string]string) func(string) string {
		return func(name string) string {
			for _, s := range sets {
				if v := s[name]; v != "" {
					return v
				}
			}
			return ""
		}
	}
	for name, tt := range map[string]struct {
		env      func(string) string
		github   string // where it leads
		google   string
		oidc, on bool
	}{
		"nothing":    {env(), "/github.com/", "/accounts.google.com/", false, true},
		"GitHub":     {env(github), "https://github.com/login/oauth/authorize", "/accounts.google.com/", false, true},
		"Google":     {env(google), "/github.com/", "https://accounts.google.com/", false, true},
		"an issuer":  {env(oidc), "/github.com/", "/accounts.google.com/", true, true},
		"all three":  {env(github, google, oidc), "https://github.com/", "https://accounts.google.com/", true, false},
		"white room": {env(map[string]string{"GITHUB_CLIENT_ID": " ", "OIDC_ISSUER": "\n"}), "/github.com/", "/accounts.google.com/", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, "memory:", func(c *config) { c.env = tt.env })
			if on := d.site.idp != nil; on != tt.on {
				t.Errorf("there is an identity provider: %t", on)
			}
			c := d.client(t, false)
			for name, want := range map[string]string{"github": tt.github, "google": tt.google} {
				to := c.leave("/auth/oauth/" + name)
				if want[0] == '/' {
					want = d.site.idp.URL + want
				}
				u, err := url.Parse(to)
				if err != nil {
					t.Fatal(err)
				}
				id := standInID
				if strings.HasPrefix(want, "https:") {
					id = name + "-id"
				}
				if !strings.HasPrefix(to, want) || u.Query().Get("client_id") != id || u.Query().Get("redirect_uri") != d.URL+"/auth/oauth/"+name+"/callback" {
					t.Errorf("%s leads to %s, want %s by %s", name, to, want, id)
				}
			}
			if _, _, available := registerAndLook(d.client(t, true)); slices.Contains(available, "oidc") != tt.oidc {
				t.Errorf("available: %v", available)
			}
		})
	}
	for _, tt := range []struct {
		set  map[string]string
		want []string // in the error
	}{
		{map[string]string{"GITHUB_CLIENT_ID": "x"}, []string{"GITHUB_CLIENT_SECRET is not"}},
		{map[string]string{"GITHUB_CLIENT_SECRET": "x"}, []string{"GITHUB_CLIENT_ID is not"}},
		{map[string]string{"GOOGLE_CLIENT_ID": "x"}, []string{"GOOGLE_CLIENT_SECRET is not"}},
		{map[string]string{"OIDC_ISSUER": "https://x"}, []string{"OIDC_CLIENT_ID and OIDC_CLIENT_SECRET is not"}},
		{map[string]string{"OIDC_CLIENT_ID": "x", "GITHUB_CLIENT_ID": "x"}, []string{"OIDC_ISSUER and OIDC_CLIENT_SECRET is not", "GITHUB_CLIENT_SECRET is not"}},
	} {
		_, err := registered(env(tt.set))
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", tt.set, err, want)
			}
		}
	}
	if _, err := registered(func(name string) string { return map[string]string{"GITHUB_CLIENT_ID": "x"}[name] }); err == nil || strings.Contains(err.Error(), `"x"`) {
		t.Errorf("says what the value is: %v", err)
	}
}

func registerAndLook(c *client) (linked, last, available []string) {
	c.t.Helper()
	c.register(email, secret)
	return c.linked()
}
