package main

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// keyRE is what an API key looks like.
var keyRE = regexp.MustCompile(`gk_[0-9A-Za-z]+_[0-9A-Za-z]+`)

// makeKey makes an API key and returns it, with the ID to revoke it by.
func (c *client) makeKey(name string) (key, id string) {
	c.t.Helper()
	a := c.post("/auth/keys", "name", name, "days", "30")
	key = keyRE.FindString(a.body)
	if a.StatusCode != 201 || key == "" || a.Header.Get("Cache-Control") != "no-store" {
		c.t.Fatalf("making a key: %s", a)
	}
	for _, k := range c.keys() {
		if k.Name == name {
			return key, k.ID
		}
	}
	c.t.Fatalf("the key %q is not in the list", name)
	return "", ""
}

type listed struct{ ID, Name, Prefix string }

func (c *client) keys() []listed {
	c.t.Helper()
	a := c.get("/auth/keys", "Accept", "application/json", "Sec-Fetch-Mode", "cors")
	var body struct{ Keys []listed }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.StatusCode != 200 {
		c.t.Fatalf("listing keys: %v: %s", err, a)
	}
	if keyRE.MatchString(a.body) {
		c.t.Errorf("the list shows a key: %s", a)
	}
	return body.Keys
}

// TestKeys: a program is somebody by a key, and nobody once that is revoked.
func TestKeys(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.client(t, js)
		c.register(email, secret)
		if a := c.get("/auth/keys"); a.StatusCode != 200 || !js && !strings.Contains(a.body, `name="days"`) {
			t.Errorf("/auth/keys: %s", a)
		}
		key, id := c.makeKey("backup")
		if a := c.get("/auth/keys"); strings.Contains(a.body, key) || !strings.Contains(a.body, "backup") {
			t.Errorf("the page of keys: %s", a)
		}

		program := d.client(t, true)
		with := func(c *client, key, path string) answer {
			t.Helper()
			a := c.get(path, "Authorization", "Bearer "+key)
			if len(a.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s by a key sets cookies: %q", path, a.Header["Set-Cookie"])
			}
			return a
		}
		works := func(key string) {
			t.Helper()
			var me struct{ Email string }
			a := with(d.client(t, js), key, "/me") // whatever it accepts
			if err := json.Unmarshal([]byte(a.body), &me); err != nil || a.StatusCode != 200 || me.Email != email || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("/me by a key: %v: %s", err, a)
			}
		}
		isBad := func(c *client, key string) {
			t.Helper()
			a := with(c, key, "/me")
			if code, _ := a.problem(); a.StatusCode != 401 || c.json && code != "bad_credentials" || !slices.ContainsFunc(a.Header["Www-Authenticate"], func(s string) bool { return strings.HasPrefix(s, "Bearer ") }) {
				t.Errorf("/me by a bad key: %s, %q", a, a.Header["Www-Authenticate"])
			}
		}
		works(key)
		for path, want := range map[string]int{"/": 200, "/settings": 401, "/auth/keys": 403, "/nothing": 404} {
			if a := with(program, key, path); a.StatusCode != want {
				t.Errorf("%s by a key: want %d: %s", path, want, a)
			}
		}
		if a := program.do("POST", "/auth/keys", "application/json", `{"name":"another"}`, "Authorization", "Bearer "+key); a.StatusCode != 403 || len(c.keys()) != 1 {
			t.Errorf("a key makes a key: %s", a)
		}
		// A key that is wrong is nobody, also beside a session.
		last := key[len(key)-1:]
		wrong := strings.TrimSuffix(key, last) + map[bool]string{true: "B", false: "A"}[last == "A"]
		isBad(program, wrong)
		isBad(c, wrong)
		isIn(t, c)

		// It is not of the login that made it.
		c.post("/auth/logout")
		works(key)
		c.logIn(email, secret)

		if a := d.client(t, true).post("/auth/keys", "name", "x"); a.StatusCode != 401 {
			t.Errorf("a stranger makes a key: %s", a)
		}
		eve := d.client(t, js)
		eve.register("eve@example.com", secret)
		eve.post("/auth/keys/revoke", "id", id)
		works(key)
		if a := c.post("/auth/keys/rename", "id", id, "name", "restore"); a.StatusCode != c.ok(200) || where(t, a) != "/auth/keys" || c.keys()[0].Name != "restore" {
			t.Errorf("renaming: %s", a)
		}
		if a := c.post("/auth/keys/revoke", "id", id); a.StatusCode != c.ok(200) || where(t, a) != "/auth/keys" || len(c.keys()) != 0 {
			t.Errorf("revoking: %s", a)
		}
		isBad(program, key)

		short, _ := c.makeKey("short")
		works(short)
		d.Advance(11 * time.Minute)
		a := c.post("/auth/keys", "name", "late")
		if code, _ := a.problem(); js && (a.StatusCode != 401 || code != "not_fresh") || !js && a.Header.Get("Location") != "/auth/confirm?next=%2Fauth%2Fkeys" {
			t.Errorf("making a key without a fresh proof: %s, %s", a, a.Header.Get("Location"))
		}
		d.Advance(31 * 24 * time.Hour)
		isBad(program, short)

		c.logIn(email, secret)
		key, _ = c.makeKey("of somebody who is disabled")
		works(key)
		users, ok := d.users.UserLoader.(interface {
			SetDisabled(ctx context.Context, id string, disabled bool) error
		})
		if !ok {
			t.Fatalf("%T cannot disable users", d.users.UserLoader)
		}
		if err := users.SetDisabled(t.Context(), c.me(), true); err != nil {
			t.Fatal(err)
		}
		isBad(program, key)
	})
}
