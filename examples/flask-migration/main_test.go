package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// What the Flask application of docs/flask-login.md leaves behind. Werkzeug 3.1.8
// and 1.0.0 have made the hashes; all have the same password.
const (
	dump = `CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT UNIQUE NOT NULL, password_hash TEXT NOT NULL, active BOOLEAN NOT NULL DEFAULT 1);
INSERT INTO users VALUES (1, 'Ada', 'scrypt:32768:8:1$Wm4tRz8qLx2Kd9Jp$36b93fa83d3d3a47e94e54ce0a4204c7c91e61e9069d41cefa306b85170857c3a105a505516a3ff9af0b38439f2d56e79c59bb12c3ebb33d0cc8982598d7015d', 1);
INSERT INTO users VALUES (2, 'Bob the builder', 'sha256$aB3dE6gH$ca7df9dd9acbde78b624ed94b0d18e90b295e44995c55b53675e39b3281c4b0a', 1);
INSERT INTO users VALUES (3, 'Eve', 'pbkdf2:sha1:1000$Wm4tRz8qLx2Kd9Jp$8afa127eba8f1085dbb59d3e90168ada126dce80', 0);`
	secret = "tr0mbone & 3 sisters"
)

// A browser follows redirects and keeps cookies, but for those that it is told to
// forget.
type browser struct {
	t    *testing.T
	base string
	*http.Client
}

func (b *browser) get(path string) (at, body string) {
	return b.do(http.MethodGet, path, nil)
}

func (b *browser) post(path string, form url.Values) (at, body string) {
	return b.do(http.MethodPost, path, form)
}

func (b *browser) do(method, path string, form url.Values) (at, body string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.Request.URL.RequestURI(), string(text)
}

// forget drops a cookie, as closing the browser does with that of the session.
func (b *browser) forget(name string) {
	at, _ := url.Parse(b.base)
	kept := slices.DeleteFunc(b.Jar.Cookies(at), func(c *http.Cookie) bool { return c.Name == name })
	b.Jar, _ = cookiejar.New(nil)
	b.Jar.SetCookies(at, kept)
}

func TestMigration(t *testing.T) {
	file := "file:" + filepath.Join(t.TempDir(), "app.db")
	db, err := open.DB(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(dump); err != nil {
		t.Fatal(err)
	}
	store, err := bunstore.New(db, &bunstore.Options{NoUsers: true})
	if err != nil {
		t.Fatal(err)
	}
	authtest.TestUserLoader(t, auth.UserFunc(users{store}.byID), "1")
	handler, err := newSite(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	open := func(t *testing.T) *browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return &browser{t, srv.URL, &http.Client{Jar: jar}}
	}
	hashOf := func(id int) (hash string) {
		t.Helper()
		if err := db.QueryRow("SELECT password_hash FROM users WHERE id = ?", id).Scan(&hash); err != nil {
			t.Fatal(err)
		}
		return hash
	}
	logIn := func(name string, more ...string) url.Values {
		v := url.Values{"username": {name}, "password": {secret}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}

	t.Run("log in", func(t *testing.T) {
		b := open(t)
		if _, body := b.get("/"); body != "Hello stranger!\n" {
			t.Errorf("a stranger is told %q", body)
		}
		if at, _ := b.get("/me"); at != "/auth/login?next=%2Fme" {
			t.Fatalf("a stranger who asks for /me gets to %s", at)
		}
		before := hashOf(1)
		if at, _ := b.post("/auth/login", logIn("Ada", "password", "wrong")); at != "/auth/login" || hashOf(1) != before {
			t.Errorf("a wrong password leads to %s; the hash is %s", at, hashOf(1))
		}
		if at, body := b.post("/auth/login", logIn("Ada", "next", "/me")); at != "/me" || body != "You are number 1.\n" {
			t.Fatalf("logging in leads to %s: %s", at, body)
		}
		if hash := hashOf(1); !strings.HasPrefix(hash, "$2a$12$") {
			t.Errorf("after the login the hash is %s", hash)
		}
		if _, body := b.get("/"); body != "Hello Ada!\n" {
			t.Errorf("Ada is told %q", body)
		}
		if _, body := b.get("/settings"); body != "You have just proved that it is you.\n" {
			t.Errorf("right after the login, the settings are %q", body)
		}
		b.post("/auth/logout", nil)
		if at, _ := b.get("/me"); at != "/auth/login?next=%2Fme" {
			t.Errorf("after the log-out, /me leads to %s", at)
		}
		if at, body := b.post("/auth/login", logIn("Ada", "next", "/me")); at != "/me" {
			t.Errorf("with the new hash, logging in leads to %s: %s", at, body)
		}
	})

	t.Run("an HMAC, and a name with spaces", func(t *testing.T) {
		b := open(t)
		if at, body := b.post("/auth/login", logIn("Bob the builder", "next", "/me")); body != "You are number 2.\n" {
			t.Fatalf("logging in leads to %s: %s", at, body)
		}
		if hash := hashOf(2); !strings.HasPrefix(hash, "$2a$12$") {
			t.Errorf("after the login the hash is %s", hash)
		}
	})

	t.Run("not active", func(t *testing.T) {
		b := open(t)
		if at, _ := b.post("/auth/login", logIn("Eve", "next", "/me")); at != "/auth/login" {
			t.Errorf("logging in leads to %s", at)
		}
		setActive := func(active bool) {
			if _, err := db.ExecContext(context.Background(), "UPDATE users SET active = ? WHERE id = 3", active); err != nil {
				t.Fatal(err)
			}
		}
		setActive(true)
		if at, _ := b.post("/auth/login", logIn("Eve", "next", "/me")); at != "/me" {
			t.Errorf("once active, logging in leads to %s", at)
		}
		setActive(false)
		if at, _ := b.get("/me"); at != "/auth/login?next=%2Fme" {
			t.Errorf("once disabled, /me leads to %s", at)
		}
	})

	t.Run("remember me", func(t *testing.T) {
		b := open(t)
		b.post("/auth/login", logIn("Ada", "remember", "on"))
		b.forget("sid")
		if _, body := b.get("/me"); body != "You are number 1.\n" {
			t.Errorf("without the session: %s", body)
		}
		if at, _ := b.get("/settings"); at != "/auth/confirm?next=%2Fsettings" {
			t.Errorf("the settings of who is remembered are at %s", at)
		}
		if at, body := b.post("/auth/confirm", url.Values{"password": {secret}, "next": {"/settings"}}); at != "/settings" {
			t.Errorf("confirming leads to %s: %s", at, body)
		}
		forgetful := open(t)
		forgetful.post("/auth/login", logIn("Ada"))
		forgetful.forget("sid")
		if at, _ := forgetful.get("/me"); at != "/auth/login?next=%2Fme" {
			t.Errorf("who is not remembered gets to %s", at)
		}
	})
}
