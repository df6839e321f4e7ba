package main

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bothWays runs f as a browser and as an API client, on an empty place of each sort.
func bothWays(t *testing.T, f func(t *testing.T, db string, json bool)) {
	for name, json := range map[string]bool{"form": false, "json": true} {
		t.Run(name, func(t *testing.T) { onEach(t, func(t *testing.T, db string) { f(t, db, json) }) })
	}
}

// TestFlow is a person's way through the site, as it should be.
func TestFlow(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.client(t, js)

		step := func(a answer, status int, location string) answer {
			t.Helper()
			if a.StatusCode != status {
				t.Fatalf("%s %s: want %d: %s", a.Request.Method, a.Request.URL.Path, status, a)
			}
			if js && a.Header.Get("Location") != "" {
				t.Errorf("%s %s: sends an API client to %s", a.Request.Method, a.Request.URL.Path, a.Header.Get("Location"))
			}
			if got := where(t, a); got != location {
				t.Errorf("%s %s: goes on to %q, want %q", a.Request.Method, a.Request.URL.Path, got, location)
			}
			return a
		}

		if a := c.get("/"); !strings.Contains(a.body, "/auth/login") || strings.Contains(a.body, "Log out") {
			t.Errorf("/ does not offer to log in: %s", a)
		}
		step(c.post("/auth/register", "email", email, "password", secret, "name", "Ada <Lovelace>", "next", "/me?x=1"), c.ok(201), "/me?x=1")
		if !c.in() {
			t.Fatal("registering does not log in")
		}
		if a := c.get("/"); !strings.Contains(a.body, "Ada &lt;Lovelace&gt;") || !strings.Contains(a.body, "Log out") {
			t.Errorf("/ does not say who is logged in: %s", a)
		}
		if a := step(c.get("/settings"), 200, ""); !strings.Contains(a.body, "<h1>Settings</h1>") {
			t.Errorf("/settings: %s", a)
		}
		step(c.post("/auth/logout"), c.ok(200), "/")
		if c.in() || c.cookie("sid") != "" {
			t.Error("still logged in after the log-out")
		}
		step(c.post("/auth/logout"), c.ok(200), "/") // once more is no error

		step(c.post("/auth/login", "email", " ADA@Example.com", "password", secret), c.ok(200), "/")
		step(c.post("/auth/password", "current", secret, "password", "another horse, another battery", "next", "/auth/account"), c.ok(200), "/auth/account")
		if !c.in() {
			t.Error("changing the password logs out")
		}
		step(c.post("/auth/confirm", "password", "another horse, another battery", "next", "/settings"), c.ok(200), "/settings")
		c.post("/auth/logout", "next", "/me")
		if a := c.post("/auth/login", "email", email, "password", secret); a.StatusCode != 401 {
			t.Errorf("the old password: %s", a.Status)
		}
		c.logIn(email, "another horse, another battery")
	})
}

// where returns where an answer sends the client, be it a browser or not.
func where(t testing.TB, a answer) string {
	t.Helper()
	if l := a.Header.Get("Location"); l != "" {
		return l
	}
	if a.Header.Get("Content-Type") != "application/json" || a.Request.Method != "POST" {
		return ""
	}
	var body struct{ Next string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Errorf("%s: %v: %s", a.Request.URL.Path, err, a.body)
	}
	return body.Next
}

// TestPagesOfUsers: what is for users only is refused to all others, and shown
// to each in the form that they want.
func TestPagesOfUsers(t *testing.T) {
	d := newDemo(t, "memory:")
	user, api := d.client(t, false), d.client(t, true)
	user.register(email, secret)
	api.logIn(email, secret)

	for _, path := range []string{"/me", "/settings", "/auth/password", "/auth/sessions", "/auth/account", "/auth/accounts", "/auth/confirm", "/auth/keys", "/auth/session"} {
		t.Run(path, func(t *testing.T) {
			a := d.client(t, false).get(path)
			if path == "/auth/session" { // for scripts, whatever they say they accept
				if a.StatusCode != 401 {
					t.Errorf("a stranger's browser: %s", a.Status)
				}
			} else if want := "/auth/login?next=" + url.QueryEscape(path); a.StatusCode != 303 || a.Header.Get("Location") != want {
				t.Errorf("a stranger's browser: %s, %s; want 303, %s", a.Status, a.Header.Get("Location"), want)
			}
			a = d.client(t, true).get(path)
			if code, _ := a.problem(); a.StatusCode != 401 || code != "unauthenticated" || a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("a stranger's API client: %v: %s", a.Header, a)
			}
			for _, c := range []*client{user, api} {
				a := c.get(path)
				if a.StatusCode != 200 || a.Header.Get("Cache-Control") != "no-store" || !slices.Contains(a.Header["Vary"], "Cookie") {
					t.Errorf("a user (JSON %t): %s, %v", c.json, a.Status, a.Header)
				}
			}
		})
	}

	a := api.get("/me")
	var me struct{ ID, Email, Name string }
	if err := json.Unmarshal([]byte(a.body), &me); err != nil || me.ID == "" || me.Email != email || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("/me as JSON: %v, %s", err, a.body)
	}
	if a := user.get("/me"); !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, email) || !slices.Contains(a.Header["Vary"], "Accept") {
		t.Errorf("/me as HTML: %v, %s", a.Header, a)
	}
	var session struct {
		UserID  string `json:"user_id"`
		Proofs  []struct{ Method string }
		Session struct {
			ID        string
			CreatedAt time.Time `json:"created_at"`
			ExpiresAt time.Time `json:"expires_at"`
			EndsAt    time.Time `json:"ends_at"`
		}
	}
	a = api.get("/auth/session")
	if err := json.Unmarshal([]byte(a.body), &session); err != nil {
		t.Fatal(err)
	}
	s := session.Session
	if session.UserID != me.ID || len(session.Proofs) != 1 || session.Proofs[0].Method != "password" ||
		!s.CreatedAt.Before(s.ExpiresAt) || !s.ExpiresAt.Before(s.EndsAt) || s.ID == "" || s.ID == api.cookie("sid") {
		t.Errorf("/auth/session: %s", a)
	}
}

// TestProblems sends what is wrong, to every route that takes something.
func TestProblems(t *testing.T) {
	large := strings.Repeat("a", 70_000)
	tests := []struct {
		name, path, contentType, body string
		user                          bool // sent by somebody who is logged in
		status                        int
		code, field                   string
	}{
		{"wrong password", "/auth/login", "", `{"email":"ada@example.com","password":"wrong"}`, false, 401, "bad_credentials", ""},
		{"unknown address", "/auth/login", "", `{"email":"eve@example.com","password":"wrong"}`, false, 401, "bad_credentials", ""},
		{"not an address", "/auth/login", "", `{"email":"ada","password":"wrong"}`, false, 401, "bad_credentials", ""},
		{"no address", "/auth/login", "", `{"password":"wrong"}`, false, 422, "invalid_field", "email"},
		{"no password", "/auth/login", "", `{"email":"ada@example.com"}`, false, 422, "invalid_field", "password"},
		{"address taken", "/auth/register", "", `{"email":"ADA@example.com","password":"a rather long password"}`, false, 409, "taken", "email"},
		{"bad address", "/auth/register", "", `{"email":"ada@","password":"a rather long password"}`, false, 422, "invalid_field", "email"},
		{"no address", "/auth/register", "", `{"password":"a rather long password"}`, false, 422, "invalid_field", "email"},
		{"no password", "/auth/register", "", `{"email":"bob@example.com"}`, false, 422, "invalid_field", "password"},
		{"short password", "/auth/register", "", `{"email":"bob@example.com","password":"short"}`, false, 422, "password_too_short", "password"},
		{"long password", "/auth/register", "", `{"email":"bob@example.com","password":"` + large[:1025] + `"}`, false, 422, "password_too_long", "password"},
		{"common password", "/auth/register", "", `{"email":"bob@example.com","password":"passwordpassword"}`, false, 422, "password_blocklisted", "password"},
		{"the site's name", "/auth/register", "", `{"email":"bob@example.com","password":"gatehouse-demo-2026"}`, false, 422, "password_blocklisted", "password"},
		{"long name", "/auth/register", "", `{"email":"bob@example.com","password":"a rather long password","name":"` + large[:101] + `"}`, false, 422, "invalid_field", "name"},
		{"wrong current password", "/auth/password", "", `{"current":"wrong","password":"a rather long password"}`, true, 401, "bad_credentials", "current"},
		{"short new password", "/auth/password", "", `{"current":"` + secret + `","password":"short"}`, true, 422, "password_too_short", "password"},
		{"no current password", "/auth/password", "", `{"password":"a rather long password"}`, true, 422, "invalid_field", "current"},
		{"stranger", "/auth/password", "", `{"current":"` + secret + `","password":"a rather long password"}`, false, 401, "unauthenticated", ""},
		{"wrong password", "/auth/confirm", "", `{"password":"wrong"}`, true, 401, "bad_credentials", "password"},
		{"stranger", "/auth/confirm", "", `{"password":"wrong"}`, false, 401, "unauthenticated", ""},
		{"no session", "/auth/sessions/revoke", "", `{}`, true, 422, "invalid_field", "id"},
		{"unknown session", "/auth/sessions/revoke", "", `{"id":"x"}`, true, 404, "not_found", ""},
		{"all of them", "/auth/sessions/revoke", "", `{"all":"yes"}`, true, 422, "invalid_field", "all"},
		{"stranger", "/auth/sessions/revoke", "", `{"all":"others"}`, false, 401, "unauthenticated", ""},
	}
	const (
		urlencoded = "application/x-www-form-urlencoded"
		jsonType   = "application/json"
	)
	for path, user := range map[string]bool{"/auth/login": false, "/auth/register": false, "/auth/logout": false,
		"/auth/password": true, "/auth/confirm": true, "/auth/sessions/revoke": true} {
		field := map[string]string{"/auth/logout": "next", "/auth/sessions/revoke": "id"}[path]
		if field == "" {
			field = "password"
		}
		add := func(name, contentType, body string, status int, code, field string) {
			tests = append(tests, struct {
				name, path, contentType, body string
				user                          bool
				status                        int
				code, field                   string
			}{name, path, contentType, body, user, status, code, field})
		}
		add("half a JSON", jsonType, `{"email":`, 400, "malformed", "")
		add("JSON array", jsonType, `[]`, 400, "malformed", "")
		add("member twice", jsonType, `{"`+field+`":"a","`+field+`":"a"}`, 400, "malformed", field)
		add("bad escape", urlencoded, "email=%zz", 400, "malformed", "")
		add("field twice", urlencoded, field+"=a&"+field+"=b", 400, "malformed", field)
		add("large JSON", jsonType, `{"email":"`+large+`"}`, 413, "too_large", "")
		add("large form", urlencoded, "email="+large, 413, "too_large", "")
		add("plain text", "text/plain", "email=a", 415, "unsupported_media_type", "")
		add("multipart", "multipart/form-data; boundary=x", "--x--", 415, "unsupported_media_type", "")
		add("number", jsonType, `{"`+field+`":1}`, 422, "invalid_field", field)
		add("not UTF-8", urlencoded, field+"=%ff", 422, "invalid_field", field)
	}

	d := newDemo(t, "memory:", func(c *config) { c.proxies = loopback })
	n := 0
	do := func(t *testing.T, js bool, i int) {
		tt := tests[i]
		c := d.client(t, js)
		n++
		d.Advance(15 * time.Minute) // limits have a test of their own
		c.header.Set("X-Forwarded-For", "10.1."+strconv.Itoa(n/250)+"."+strconv.Itoa(n%250))
		if tt.user {
			other := "user" + strconv.Itoa(n) + "@example.com"
			c.register(other, secret)
		}
		contentType, body := tt.contentType, tt.body
		if contentType == "" {
			var fields map[string]string
			if err := json.Unmarshal([]byte(body), &fields); err != nil {
				t.Fatal(err)
			}
			var list []string
			for name, value := range fields {
				list = append(list, name, value)
			}
			contentType, body = c.encode(list...)
		}
		a := c.do("POST", tt.path, contentType, body)
		if !js && !tt.user && tt.code == "unauthenticated" {
			if a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/auth/login") {
				t.Errorf("%s, %s; want the way to the login", a.Status, a.Header.Get("Location"))
			}
			return
		}
		if a.StatusCode != tt.status {
			t.Fatalf("want %d: %s", tt.status, a)
		}
		if a.Header.Get("Cache-Control") != "no-store" || !slices.Contains(a.Header["Vary"], "Cookie") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers %v", a.Header)
		}
		if c.in() != tt.user {
			t.Errorf("logged in afterwards: %t", !tt.user)
		}
		if strings.Contains(a.body, secret) {
			t.Error("repeats a password")
		}
		if !js {
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("headers %v", a.Header)
			}
			if strings.Contains(a.body, `aria-invalid="true"`) != (tt.field != "" && strings.Contains(a.body, `name="`+tt.field+`"`)) {
				t.Errorf("field %q is not marked: %s", tt.field, a)
			}
			return
		}
		if code, field := a.problem(); code != tt.code || field != tt.field || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("code %q, field %q, %s; want %q, %q", code, field, a.Header.Get("Content-Type"), tt.code, tt.field)
		}
	}
	d.client(t, true).register(email, secret)
	for i, tt := range tests {
		for name, js := range map[string]bool{"form": false, "json": true} {
			t.Run(tt.path+"/"+tt.name+"/"+name, func(t *testing.T) { do(t, js, i) })
		}
	}
}

// TestMethods: a wrong method is answered with the right ones.
func TestMethods(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.oauth = "all" })
	c := d.client(t, true)
	c.register(email, secret)
	for path, allow := range map[string]string{
		"/":                     "GET, HEAD",
		"/me":                   "GET, HEAD",
		"/settings":             "GET, HEAD",
		"/auth/register":        "GET, HEAD, POST",
		"/auth/login":           "GET, HEAD, POST",
		"/auth/logout":          "POST",
		"/auth/password":        "GET, HEAD, POST",
		"/auth/confirm":         "GET, HEAD, POST",
		"/auth/sessions":        "GET, HEAD",
		"/auth/sessions/revoke": "POST",
		"/auth/session":         "GET, HEAD",
		"/auth/account":         "GET, HEAD",
		"/auth/keys":            "GET, HEAD, POST",
		"/auth/keys/rename":     "POST",
		"/auth/keys/revoke":     "POST",
		"/auth/accounts":        "GET, HEAD",

		"/auth/oauth/github":          "POST",
		"/auth/oauth/github/link":     "POST",
		"/auth/oauth/github/confirm":  "POST",
		"/auth/oauth/github/unlink":   "POST",
		"/auth/oauth/google/callback": "GET, HEAD",
		"/auth/oauth/apple/callback":  "GET, HEAD, POST",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			a := c.do(method, path, "application/json", "{}")
			if slices.Contains(strings.Split(allow, ", "), method) {
				if a.StatusCode == 405 {
					t.Errorf("%s %s: %s", method, path, a.Status)
				}
				if path == "/auth/logout" {
					c.logIn(email, secret)
				}
			} else if a.StatusCode != 405 || a.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %s, Allow: %s; want 405, %s", method, path, a.Status, a.Header.Get("Allow"), allow)
			}
		}
	}
	if a := c.get("/auth/nothing"); a.StatusCode != 404 {
		t.Errorf("/auth/nothing: %s", a.Status)
	}
	if a := c.get("/nothing"); a.StatusCode != 404 {
		t.Errorf("/nothing: %s", a.Status)
	}
}

// TestForms: the pages of the forms, and what they say to JSON.
func TestForms(t *testing.T) {
	d := newDemo(t, "memory:")
	for path, fields := range map[string][]string{
		"/auth/register": {"email", "name", "password", "next"},
		"/auth/login":    {"email", "password", "remember", "next"},
	} {
		a := d.client(t, false).get(path + "?next=/me")
		for _, f := range fields {
			if !strings.Contains(a.body, `name="`+f+`"`) {
				t.Errorf("%s has no field %q", path, f)
			}
		}
		h := a.Header
		if a.StatusCode != 200 || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || !slices.Contains(h["Vary"], "Cookie") {
			t.Errorf("%s: %s, %v", path, a.Status, h)
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %q", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(a.body, "<script") {
			t.Errorf("%s: scripts or an unsafe policy: %q", path, csp)
		}
		if a := d.client(t, true).get(path); !json.Valid([]byte(a.body)) || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s as JSON: %s", path, a)
		}
	}
}

// TestFresh: settings are for those who proved lately who they are.
func TestFresh(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.client(t, js)
		c.register(email, secret)
		d.Advance(10*time.Minute - time.Second)
		if a := c.get("/settings"); a.StatusCode != 200 {
			t.Fatalf("after less than 10 minutes: %s", a.Status)
		}
		d.Advance(2 * time.Second)
		a := c.get("/settings")
		if js {
			code, _ := a.problem()
			if challenge := a.Header.Get("WWW-Authenticate"); a.StatusCode != 401 || code != "not_fresh" || !strings.Contains(challenge, "max_age=600") {
				t.Fatalf("after 10 minutes: %s, %s, %s", a.Status, code, challenge)
			}
		} else if want := "/auth/confirm?next=%2Fsettings"; a.StatusCode != 303 || a.Header.Get("Location") != want {
			t.Fatalf("after 10 minutes: %s, %s; want %s", a.Status, a.Header.Get("Location"), want)
		}
		if a := c.get("/me"); a.StatusCode != 200 {
			t.Errorf("/me after 10 minutes: %s", a.Status)
		}
		before := c.cookie("sid")
		if a := c.post("/auth/confirm", "password", "wrong", "next", "/settings"); a.StatusCode != 401 {
			t.Errorf("a wrong password: %s", a.Status)
		}
		if a := c.post("/auth/confirm", "password", secret, "next", "/settings"); a.StatusCode != c.ok(200) || where(t, a) != "/settings" {
			t.Fatalf("confirming: %s", a)
		}
		if c.cookie("sid") == before {
			t.Error("the session has the old cookie")
		}
		if a := c.get("/settings"); a.StatusCode != 200 {
			t.Errorf("after confirming: %s", a.Status)
		}
	})
}

// TestLives: a session ends when nobody uses it, and in any case after a day.
func TestLives(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db)
		c := d.client(t, true)
		c.register(email, secret)
		d.Advance(61 * time.Minute)
		if c.in() {
			t.Error("alive after an idle hour")
		}
		c.logIn(email, secret)
		for range 28 {
			if !c.in() {
				t.Fatal("dead although in use")
			}
			d.Advance(50 * time.Minute)
		}
		if d.Advance(40 * time.Minute); c.in() {
			t.Error("alive after a day")
		}
	})
}

// TestRemember: only then the cookie outlives the browser.
func TestRemember(t *testing.T) {
	d := newDemo(t, "memory:")
	d.client(t, true).register(email, secret)
	for remember, want := range map[string]bool{"": false, "false": false, "true": true, "on": true, "1": true} {
		for _, js := range []bool{false, true} {
			a := d.client(t, js).post("/auth/login", "email", email, "password", secret, "remember", remember)
			got := false
			for _, k := range a.Cookies() {
				got = got || k.Name == "remember"
				if (k.Name == "sid" || k.Name == "remember") && (k.MaxAge > 0 != (k.Name == "remember") || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "") {
					t.Errorf("remember %q: cookie %s", remember, k.Raw)
				}
			}
			if got != want {
				t.Errorf("remember %q: the browser is remembered: %v", remember, got)
			}
		}
	}
	c := d.client(t, true)
	if a := c.do("POST", "/auth/login", "application/json", `{"email":"ada@example.com","password":"`+secret+`","remember":true}`); a.StatusCode != 200 || !strings.Contains(strings.Join(a.Header["Set-Cookie"], "\n"), "Max-Age=2592000") {
		t.Errorf("remember as a JSON boolean: %s, %v", a.Status, a.Header["Set-Cookie"])
	}
}

// TestLimits: 10 guesses at an account, ever slower, 20 a minute from an address, and
// the owner's browser is not locked out.
func TestLimits(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		from := func(addr string) *client {
			c := d.client(t, js)
			c.header.Set("X-Forwarded-For", "192.0.2.1, "+addr) // the first was made up by the client
			return c
		}
		owner := from("198.51.100.1")
		owner.register(email, secret)
		owner.post("/auth/logout")
		owner.logIn(email, secret)
		owner.post("/auth/logout")

		for i := range 10 {
			if i == 5 { // five are free, and each of the others has to wait twice as long as the one before
				if a := from("198.51.100.98").post("/auth/login", "email", email, "password", "wrong"); a.StatusCode != 429 || a.Header.Get("Retry-After") != "1" {
					t.Errorf("at once: %s, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
				}
			}
			if i >= 5 {
				d.Advance(time.Second << (i - 5))
			}
			if a := from("198.51.100."+strconv.Itoa(i+2)).post("/auth/login", "email", email, "password", "wrong"); a.StatusCode != 401 {
				t.Fatalf("guess %d: %s", i+1, a.Status)
			}
		}
		a := from("198.51.100.99").post("/auth/login", "email", email, "password", secret)
		retry, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if a.StatusCode != 429 || err != nil || retry < 1 || retry > 15*60 {
			t.Errorf("guess 11: %s, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
		}
		if code, _ := a.problem(); js && code != "rate_limited" {
			t.Errorf("code %q", code)
		}
		owner.logIn(email, secret) // is known
		d.Advance(15*time.Minute + time.Second)
		from("198.51.100.99").logIn(email, secret)

		eve := from("203.0.113.7")
		last := 0
		for i := range 25 {
			last = eve.post("/auth/login", "email", "x"+strconv.Itoa(i)+"@example.com", "password", "wrong").StatusCode
			if want := 401 + 28*min(max(0, i-19), 1); last != want {
				t.Fatalf("guess %d from one address: %d, want %d", i+1, last, want)
			}
		}
		if a := from("203.0.113.8").post("/auth/login", "email", "x@example.com", "password", "wrong"); a.StatusCode != 401 {
			t.Errorf("the neighbour: %s", a.Status)
		}
	})
}

// TestProxies: without -trusted-proxies, X-Forwarded-For is worth nothing.
func TestProxies(t *testing.T) {
	for name, tt := range map[string]struct {
		proxies prefixes
		sent    string
		want    string
	}{
		"none trusted":   {nil, "203.0.113.7", "127.0.0.1"},
		"trusted":        {loopback, "203.0.113.7", "203.0.113.7"},
		"made up":        {loopback, "192.0.2.1, 203.0.113.7", "203.0.113.7"},
		"chain":          {append(prefixes{netip.MustParsePrefix("10.0.0.0/8")}, loopback...), "192.0.2.1, 203.0.113.7, 10.1.1.1", "203.0.113.7"},
		"junk":           {loopback, "203.0.113.7, <script>", "127.0.0.1"},
		"other networks": {prefixes{netip.MustParsePrefix("10.0.0.0/8")}, "203.0.113.7", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, "memory:", func(c *config) { c.proxies = tt.proxies })
			c := d.client(t, true)
			c.header.Set("X-Forwarded-For", tt.sent)
			c.header.Set("Forwarded", "for=192.0.2.9")
			c.header.Set("X-Real-IP", "192.0.2.9")
			c.register(email, secret)
			if a := c.get("/auth/session"); !strings.Contains(a.body, `"addr":"`+tt.want+`"`) {
				t.Errorf("want %s: %s", tt.want, a)
			}
		})
	}
}

// TestSessions: people see where they are logged in and end what they like.
func TestSessions(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c, second, third := d.client(t, js), d.client(t, true), d.client(t, true)
		c.register(email, secret)
		d.Advance(time.Second)
		second.logIn(email, secret)
		d.Advance(time.Second)
		third.logIn(email, secret)
		stranger := d.client(t, true)
		stranger.register("eve@example.com", secret)

		list := func(c *client) (current string, others []string) {
			t.Helper()
			a := c.get("/auth/sessions", "Accept", "application/json")
			var body struct {
				Sessions []struct {
					ID      string
					Current bool
				}
			}
			if err := json.Unmarshal([]byte(a.body), &body); err != nil {
				t.Fatal(err)
			}
			for _, s := range body.Sessions {
				for _, c := range []*client{c, second, third} {
					if strings.Contains(s.ID, c.cookie("sid")) {
						t.Fatal("a handle is the token")
					}
				}
				if s.Current {
					current = s.ID
				} else {
					others = append(others, s.ID)
				}
			}
			return current, others
		}
		own, others := list(c)
		if own == "" || len(others) != 2 {
			t.Fatalf("own session %q, others %q", own, others)
		}
		if !js {
			if a := c.get("/auth/sessions"); strings.Count(a.body, `name="id"`) != 2 || !strings.Contains(a.body, `value="`+others[0]+`"`) || !strings.Contains(a.body, "Firefox on Linux") {
				t.Errorf("the page of sessions: %s", a)
			}
		}

		// Nobody ends the sessions of others.
		if a := stranger.post("/auth/sessions/revoke", "id", others[0]); a.StatusCode != 404 {
			t.Errorf("a stranger revokes: %s", a.Status)
		}
		stranger.post("/auth/sessions/revoke", "all", "others")
		if !second.in() || !third.in() {
			t.Fatal("a stranger has ended a session")
		}

		if a := c.post("/auth/sessions/revoke", "id", others[0]); a.StatusCode != c.ok(200) || where(t, a) != "/auth/sessions" {
			t.Errorf("revoking one: %s", a)
		}
		if third.in() || !second.in() || !c.in() {
			t.Errorf("after revoking the newest: %t, %t, %t", third.in(), second.in(), c.in())
		}
		if a := c.post("/auth/sessions/revoke", "id", others[0]); a.StatusCode != 404 {
			t.Errorf("revoking it again: %s", a.Status)
		}
		third.logIn(email, secret)
		if a := c.post("/auth/sessions/revoke", "all", "others"); a.StatusCode != c.ok(200) {
			t.Errorf("revoking all others: %s", a)
		}
		if third.in() || second.in() || !c.in() || !stranger.in() {
			t.Errorf("after revoking all others: %t, %t, %t, %t", third.in(), second.in(), c.in(), stranger.in())
		}

		// A new password ends all others as well.
		second.logIn(email, secret)
		if a := c.post("/auth/password", "current", secret, "password", "another horse, another battery"); a.StatusCode != c.ok(200) {
			t.Fatalf("changing the password: %s", a.Status)
		}
		if second.in() || !c.in() {
			t.Errorf("after changing the password: %t, %t", second.in(), c.in())
		}
		own, _ = list(c)
		if a := c.post("/auth/sessions/revoke", "id", own); a.StatusCode != c.ok(200) || where(t, a) != "/" || c.in() {
			t.Errorf("revoking the own session: %s to %s", a.Status, where(t, a))
		}
	})
}

// TestOtherSites: a form on another site does nothing.
func TestOtherSites(t *testing.T) {
	d := newDemo(t, "memory:")
	c := d.client(t, false)
	c.register(email, secret)
	contentType, body := c.encode("email", email, "password", secret)
	for _, path := range []string{"/auth/login", "/auth/logout", "/auth/register", "/auth/password", "/auth/confirm", "/auth/sessions/revoke", "/auth/keys", "/auth/keys/revoke",
		"/auth/oauth/github", "/auth/oauth/github/link", "/auth/oauth/github/confirm", "/auth/oauth/github/unlink", "/auth/oauth/github/callback", "/me", "/"} {
		for name, header := range map[string][]string{
			"by Sec-Fetch-Site": {"Sec-Fetch-Site", "cross-site"},
			"same site":         {"Sec-Fetch-Site", "same-site"},
			"by Origin":         {"Origin", "https://evil.example"},
			"null":              {"Origin", "null"},
		} {
			if a := c.do("POST", path, contentType, body, header...); a.StatusCode != 403 || len(a.Header["Set-Cookie"]) > 0 {
				t.Errorf("POST %s, %s: %s", path, name, a.Status)
			}
		}
	}
	if !c.in() {
		t.Error("another site has logged the user out")
	}
}
