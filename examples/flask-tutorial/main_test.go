package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// TestShort: it is said to be read in five minutes.
func TestShort(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(source, []byte("\n"))
	}
	if lines == 0 || lines > 300 {
		t.Errorf("%d lines of Go, and 300 were promised", lines)
	}
}

// A browser follows redirects and keeps cookies.
type browser struct {
	t    *testing.T
	base string
	*http.Client
}

// serve serves a new site and returns how to open a browser.
func serve(t *testing.T) (s *site, open func(t *testing.T) *browser) {
	t.Helper()
	s, err := newSite(t.Context(), "file:"+filepath.Join(t.TempDir(), "flaskr.db"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.handler)
	t.Cleanup(func() {
		srv.Close()
		if err := s.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, func(t *testing.T) *browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &browser{t, srv.URL, &http.Client{Jar: jar}}
	}
}

// A result is where a request has led, and what is there.
type result struct {
	status int
	at     string
	header http.Header
	body   string
}

func (b *browser) get(path string) result { return b.send(http.MethodGet, path, "text/html", "", "") }

// post sends a form of names and values.
func (b *browser) post(path string, fields ...string) result {
	v := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		v.Set(pair[0], pair[1])
	}
	return b.send(http.MethodPost, path, "text/html", "application/x-www-form-urlencoded", v.Encode())
}

func (b *browser) send(method, path, accept, contentType, body string, header ...string) result {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("Content-Type", contentType)
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return result{resp.StatusCode, resp.Request.URL.RequestURI(), resp.Header, string(text)}
}

// forget drops a cookie, as closing the browser does with that of the session.
func (b *browser) forget(name string) {
	at, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	kept := slices.DeleteFunc(b.Jar.Cookies(at), func(c *http.Cookie) bool { return c.Name == name })
	b.Jar, _ = cookiejar.New(nil) // it has no error without options
	b.Jar.SetCookies(at, kept)
}

const secret = "four unrelated words"

func (b *browser) register(name string) {
	b.t.Helper()
	if r := b.post("/auth/register", "username", name, "password", secret); r.at != "/" || !strings.Contains(r.body, name) {
		b.t.Fatalf("registering %s leads to %s: %d %s", name, r.at, r.status, r.body)
	}
}

func (b *browser) logIn(name string, more ...string) result {
	return b.post("/auth/login", append([]string{"username", name, "password", secret}, more...)...)
}

// want says what was expected of a result.
func (b *browser) want(r result, status int, at, text string) {
	b.t.Helper()
	if r.status != status || r.at != at || !strings.Contains(r.body, text) {
		b.t.Errorf("%d at %s, want %d at %s with %q:\n%s", r.status, r.at, status, at, text, r.body)
	}
}

// The life of a site: each step goes on where the one before has ended.
func TestSite(t *testing.T) {
	_, open := serve(t)
	stranger, ada, bob := open(t), open(t), open(t)

	stranger.want(stranger.get("/"), 200, "/", "Nobody has said anything yet")
	stranger.want(stranger.get("/me"), 200, "/auth/login?next=%2Fme", "<form")
	stranger.want(stranger.get("/admin"), 200, "/auth/login?next=%2Fadmin", "<form")
	stranger.want(stranger.get("/settings"), 200, "/auth/login?next=%2Fsettings", "<form")
	stranger.want(stranger.post("/comments", "body", "spam"), 200, "/auth/login", "<form")
	stranger.want(stranger.get("/nowhere"), 200, "/auth/login?next=%2Fnowhere", "<form")
	stranger.want(stranger.get("/"), 200, "/", "Nobody has said anything yet")

	ada.register("Ada")
	bob.register("bob")
	ada.want(ada.get("/me"), 200, "/me", "Your role: admin.")
	bob.want(bob.get("/me"), 200, "/me", "Your role: user.")
	if c := bob.get("/me").header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("Cache-Control: %s", c)
	}
	stranger.want(stranger.post("/auth/register", "username", "ADA", "password", secret), 409, "/auth/register", "<form")

	// Comments, and the message once.
	ada.want(ada.post("/comments", "body", "I am <b>first</b>"), 200, "/", "Your comment is there.")
	if r := ada.get("/"); strings.Contains(r.body, "Your comment is there.") {
		t.Error("the message is shown twice")
	}
	bob.post("/comments", "body", "I am second")
	bob.want(bob.post("/comments", "body", " "), 422, "/comments", "1 to 2,000 bytes")
	bob.want(bob.post("/comments", "body", "\xff"), 422, "/comments", "1 to 2,000 bytes")
	bob.want(bob.post("/comments", "body", strings.Repeat("x", 2001)), 422, "/comments", "1 to 2,000 bytes")
	stranger.want(stranger.get("/"), 200, "/", "<strong>bob</strong>: I am second")
	stranger.want(stranger.get("/"), 200, "/", "<strong>Ada</strong>: I am &lt;b&gt;first&lt;/b&gt;")

	// Who may delete whose: comment 1 is Ada's, 2 and 3 are bob's.
	bob.post("/comments", "body", "I am third")
	r := bob.get("/")
	if strings.Contains(r.body, "/comments/1/delete") || !strings.Contains(r.body, "/comments/2/delete") {
		t.Errorf("the wrong buttons: %s", r.body)
	}
	bob.want(bob.post("/comments/1/delete"), 403, "/comments/1/delete", "")
	stranger.want(stranger.post("/comments/1/delete"), 200, "/auth/login", "<form")
	stranger.want(stranger.get("/"), 200, "/", "first")
	bob.want(bob.post("/comments/2/delete"), 200, "/", "The comment is gone.")
	ada.want(ada.post("/comments/3/delete"), 200, "/", "The comment is gone.")
	if r := ada.get("/"); strings.Contains(r.body, "second") || strings.Contains(r.body, "third") || !strings.Contains(r.body, "first") {
		t.Errorf("the wrong comments are gone: %s", r.body)
	}
	for _, id := range []string{"2", "99", "x", "1%20OR%201=1"} {
		if r := ada.post("/comments/" + id + "/delete"); r.status != 404 {
			t.Errorf("deleting comment %s: %d", id, r.status)
		}
	}

	ada.want(ada.get("/admin"), 200, "/admin", "<span>bob</span> user")
	bob.want(bob.get("/admin"), 403, "/admin", "")

	bob.post("/auth/logout")
	bob.want(bob.get("/me"), 200, "/auth/login?next=%2Fme", "<form")
	bob.want(bob.post("/auth/login", "username", "bob", "password", "something else", "next", "/me"), 401, "/auth/login", "<form")
	bob.want(bob.logIn("BOB", "next", "/me"), 200, "/me", "<h1>bob</h1>")
	bob.want(bob.get("/settings"), 200, "/settings", "/auth/password")

	// Another site cannot write in bob's name.
	if r := bob.send(http.MethodPost, "/comments", "text/html", "application/x-www-form-urlencoded", "body=forged", "Sec-Fetch-Site", "cross-site"); r.status != 403 {
		t.Errorf("a form of another site: %d %s", r.status, r.body)
	}
}

// Who asked to be remembered is logged in without a session, and has to confirm
// where that is asked for.
func TestRemember(t *testing.T) {
	_, open := serve(t)
	b := open(t)
	b.register("ada")
	b.forget("sid")
	b.want(b.get("/me"), 200, "/auth/login?next=%2Fme", "<form")
	b.want(b.logIn("ada", "remember", "on", "next", "/me"), 200, "/me", "This browser is remembered.")
	b.forget("sid")
	b.want(b.get("/me"), 200, "/me", "<h1>ada</h1>")
	b.want(b.get("/settings"), 200, "/auth/confirm?next=%2Fsettings", "<form")
	b.want(b.post("/auth/confirm", "password", "something else", "next", "/settings"), 401, "/auth/confirm", "<form")
	b.want(b.post("/auth/confirm", "password", secret, "next", "/settings"), 200, "/settings", "/auth/password")
	b.post("/auth/logout")
	b.want(b.get("/me"), 200, "/auth/login?next=%2Fme", "<form")
}

func TestAPI(t *testing.T) {
	_, open := serve(t)
	ada, program := open(t), open(t)
	ada.register("ada") // an admin
	ada.post("/comments", "body", "by hand")
	newKey := func(scopes string) string {
		t.Helper()
		r := ada.send(http.MethodPost, "/auth/keys", "application/json", "application/json", `{"name": "a program", "scopes": "`+scopes+`"}`)
		var made struct{ Key string }
		if err := json.Unmarshal([]byte(r.body), &made); err != nil || r.status != 201 || made.Key == "" {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return made.Key
	}
	writes, reads := newKey("comments:write"), newKey("")
	call := func(method, path, key, body string) result {
		return program.send(method, path, "*/*", "application/json", body, "Authorization", "Bearer "+key)
	}
	for _, tt := range []struct {
		name, method, path, key, body string
		status                        int
		text                          string
	}{
		{"read", "GET", "/api/comments", writes, "", 200, `"body":"by hand"`},
		{"write", "POST", "/api/comments", writes, `{"body": "by a program"}`, 201, `{"id":2,"author":{"username":"ada"},"body":"by a program"}`},
		{"read what was written", "GET", "/api/comments", reads, "", 200, `[{"id":2,`},
		{"no JSON", "POST", "/api/comments", writes, `body=x`, 400, `"malformed"`},
		{"too much", "POST", "/api/comments", writes, `{"body": "` + strings.Repeat("x", 70_000) + `"}`, 400, `"malformed"`},
		{"nothing", "POST", "/api/comments", writes, `{}`, 422, `"field":"body"`},
		{"write with a key to read", "POST", "/api/comments", reads, `{"body": "x"}`, 403, `"forbidden"`},
		{"delete with a key to write", "DELETE", "/api/comments/2", writes, "", 403, `"forbidden"`},
		{"be an admin with a key", "GET", "/admin", writes, "", 403, `"forbidden"`},
		{"settings with a key", "GET", "/settings", writes, "", 401, `"not_fresh"`},
		{"wrong key", "GET", "/api/comments", writes[:len(writes)-1], "", 401, `"bad_credentials"`},
		{"wrong key where nobody has to log in", "GET", "/", writes + "x", "", 401, `"bad_credentials"`},
		{"list keys with a key", "GET", "/auth/keys", writes, "", 403, `"forbidden"`},
		{"make a key with a key", "POST", "/auth/keys", writes, `{"name": "another"}`, 403, `"forbidden"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := call(tt.method, tt.path, tt.key, tt.body)
			if r.status != tt.status || !strings.Contains(r.body, tt.text) {
				t.Errorf("%d %s, want %d with %s", r.status, r.body, tt.status, tt.text)
			}
			if kind := r.header.Get("Content-Type"); r.status >= 400 && kind != "application/problem+json" || r.status < 400 && kind != "application/json" {
				t.Errorf("Content-Type: %s", kind)
			}
			if challenge := r.header.Get("WWW-Authenticate"); r.status == 401 && !strings.HasPrefix(challenge, "Bearer") && tt.path != "/settings" {
				t.Errorf("WWW-Authenticate: %s", challenge)
			}
			if c := r.header.Get("Set-Cookie"); c != "" {
				t.Errorf("Set-Cookie: %s", c)
			}
		})
	}
	if r := program.send("GET", "/api/comments", "*/*", "", ""); r.status != 401 || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("without a key: %d %s", r.status, r.body)
	}
	// A wrong key is not made up for by the session.
	if r := ada.send("GET", "/api/comments", "*/*", "", "", "Authorization", "Bearer "+writes+"x"); r.status != 401 {
		t.Errorf("a wrong key beside a session: %d", r.status)
	}
	if r := ada.send("GET", "/api/comments", "*/*", "", ""); r.status != 200 {
		t.Errorf("the session alone: %d", r.status)
	}
	deletes := newKey("comments:delete")
	if r := call("DELETE", "/api/comments/2", deletes, ""); r.status != 200 || !strings.Contains(r.body, `"username":"ada"`) {
		t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	if r := call("GET", "/api/comments", reads, ""); strings.Contains(r.body, "by a program") {
		t.Errorf("it is still there: %s", r.body)
	}
}

func TestUsers(t *testing.T) {
	s, _ := serve(t)
	id, err := users{s.db}.CreateUser(t.Context(), auth.Profile{Username: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	authtest.TestUserLoader(t, users{s.db}, id)
}

func TestRoles(t *testing.T) {
	admin := &auth.Identity{User: &User{ID: 1, Role: "admin"}}
	user := &auth.Identity{User: &User{ID: 2, Role: "user"}}
	key := &auth.Identity{User: &User{ID: 1, Role: "admin"}, Scopes: []string{"comments:delete"}}
	his, hers := &Comment{AuthorID: 2}, &Comment{AuthorID: 1}
	authtest.TestAuthorizer(t, auth.AuthorizerFunc(allow), []auth.Access{
		{Identity: admin, Action: "admin"},
		{Identity: user, Action: "comments:write"},
		{Identity: user, Action: "comments:delete", Object: his},
		{Identity: admin, Action: "comments:delete", Object: his},
		{Identity: key, Action: "comments:delete", Object: his},
	}, []auth.Access{
		{Action: "comments:write"},
		{Identity: user, Action: "admin"},
		{Identity: user, Action: "comments:delete", Object: hers},
		{Identity: user, Action: "comments:delete"},
		{Identity: key, Action: "comments:write"},
		{Identity: key, Action: "admin"},
	})
}
