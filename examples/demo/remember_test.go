package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// remembered returns a client of somebody new who is remembered, in a browser of
// its own.
func (d *demo) remembered(t testing.TB, js bool) *client {
	t.Helper()
	d.client(t, true).register(email, secret)
	return d.remember(t, js)
}

func (d *demo) remember(t testing.TB, js bool) *client {
	t.Helper()
	c := d.client(t, js)
	c.logIn(email, secret, "remember", "true")
	if c.cookie("remember") == "" {
		t.Fatal("the browser is not remembered")
	}
	return c
}

// with returns a client that has nothing but this remember cookie.
func (d *demo) with(t testing.TB, js bool, token string) *client {
	c := d.client(t, js)
	c.put("remember", token)
	return c
}

// me returns the ID of who c is.
func (c *client) me() string {
	c.t.Helper()
	var me struct{ ID string }
	a := c.get("/me", "Accept", "application/json")
	if err := json.Unmarshal([]byte(a.body), &me); err != nil || a.StatusCode != 200 || me.ID == "" {
		c.t.Fatalf("/me: %v: %s", err, a)
	}
	return me.ID
}

// families returns how many browsers of a user are remembered.
func (d *demo) families(t testing.TB, userID string) int {
	t.Helper()
	all, err := d.site.manager.Store().UserCredentials(context.Background(), userID, "remember")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// events returns how often the log tells of an event.
func (d *demo) events(name string) int {
	return strings.Count(d.log.String(), "event="+name+" ")
}

// isNobody fails the test unless c is nobody, for that reason.
func isNobody(t testing.TB, c *client, reason string) {
	t.Helper()
	var p struct{ Code, Reason string }
	a := c.get("/me", "Accept", "application/json", "Sec-Fetch-Mode", "cors")
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.StatusCode != 401 || p.Code != "unauthenticated" || p.Reason != reason {
		t.Errorf("want nobody, for the reason %q: %v: %s", reason, err, a)
	}
}

// isIn fails the test unless c is somebody.
func isIn(t testing.TB, c *client) {
	t.Helper()
	if a := c.get("/me"); a.StatusCode != 200 {
		t.Errorf("want somebody: %s", a)
	}
}

// TestComingBack: whoever is remembered is logged in without a session, and
// confirms who they are before it matters.
func TestComingBack(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.remembered(t, js)
		for range 2 {
			before := c.cookie("remember")
			c.drop("sid")
			if a := c.get("/me"); a.StatusCode != 200 || !strings.Contains(a.body, email) || !js && !strings.Contains(a.body, "Stays logged in") {
				t.Fatalf("/me: %s", a)
			}
			if c.cookie("sid") == "" || c.cookie("remember") == "" || c.cookie("remember") == before {
				t.Error("coming back gives no new session, or no new token")
			}

			a := c.get("/settings")
			if js {
				code, _ := a.problem()
				if challenge := a.Header.Get("WWW-Authenticate"); a.StatusCode != 401 || code != "not_fresh" || !strings.Contains(challenge, "max_age=600") {
					t.Fatalf("/settings: %s, %s", a, challenge)
				}
			} else if want := "/auth/confirm?next=%2Fsettings"; a.StatusCode != 303 || a.Header.Get("Location") != want {
				t.Fatalf("/settings: %s, %s; want %s", a.Status, a.Header.Get("Location"), want)
			}
			a = c.get("/auth/confirm?next=/settings")
			if a.StatusCode != 200 || !js && (!strings.Contains(a.body, `name="password"`) || !strings.Contains(a.body, `value="/settings"`)) {
				t.Fatalf("/auth/confirm: %s", a)
			}
			a = c.post("/auth/confirm", "password", secret, "next", "/settings")
			if a.StatusCode != c.ok(200) || where(t, a) != "/settings" {
				t.Fatalf("confirming: %s", a)
			}
			if a := c.get("/settings"); a.StatusCode != 200 {
				t.Errorf("/settings, confirmed: %s", a)
			}
		}
		// A second visit without a request that wants to know: the public page
		// restores as well, and does not lose what it was given.
		c.drop("sid")
		if a := c.get("/"); !strings.Contains(a.body, "Log out") {
			t.Errorf("/: %s", a)
		}
		isIn(t, c)
		if n := d.events("remembered"); n != 3 {
			t.Errorf("%d logins of remembered browsers, want 3", n)
		}
		// And the session may end as they do.
		d.Advance(25 * time.Hour)
		isIn(t, c)
		d.Advance(30 * 24 * time.Hour)
		isNobody(t, c, "expired")
	})
}

// TestTabs: six tabs come back at once, with one token. All are logged in, and
// whichever answer comes last is the one that counts.
func TestTabs(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.remembered(t, js)
		id := c.me()
		c.drop("sid")
		const tabs = 6
		var answers [tabs]answer
		var wg sync.WaitGroup
		ready := make(chan struct{})
		for i := range tabs {
			tab := d.with(t, js, c.cookie("remember"))
			wg.Go(func() {
				<-ready
				answers[i], _ = tab.try("GET", "/me", "", "")
			})
		}
		close(ready)
		wg.Wait()
		given := map[string]bool{}
		for i, a := range answers {
			if a.Response == nil || a.StatusCode != 200 {
				t.Fatalf("tab %d: %v", i, a)
			}
			for _, k := range a.Cookies() {
				given[k.Value] = true
				c.put(k.Name, k.Value) // as if it were the last
			}
		}
		if len(given) != 2*tabs {
			t.Errorf("%d cookies were given, want a session and a token for each tab", len(given))
		}
		isIn(t, c)
		for range 3 { // and so it goes on
			c.drop("sid")
			isIn(t, c)
			d.Advance(2 * time.Minute)
		}
		if n := d.families(t, id); n != 1 {
			t.Errorf("%d browsers are remembered, want 1", n)
		}
		if n := d.events("remember.reused"); n != 0 {
			t.Errorf("%d alarms", n)
		}
	})
}

// TestLostAnswer: the token of an answer that never came is sent again.
func TestLostAnswer(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		c := d.remembered(t, js)
		old := c.cookie("remember")
		c.drop("sid")
		lost := d.with(t, js, old)
		isIn(t, lost)
		d.Advance(59 * time.Second)
		isIn(t, c)
		if c.cookie("remember") == lost.cookie("remember") || c.cookie("remember") == old {
			t.Error("the token of the lost answer was given again")
		}
		d.Advance(2 * time.Minute)
		c.drop("sid")
		isIn(t, c)
		if n := d.events("remember.reused"); n != 0 {
			t.Errorf("%d alarms", n)
		}
	})
}

// TestTheft: a token that is used again later is in two hands. Everything that
// came of it ends, whoever has it.
func TestTheft(t *testing.T) {
	for _, overlap := range []time.Duration{time.Minute, 5 * time.Second} {
		t.Run(overlap.String(), func(t *testing.T) {
			bothWays(t, func(t *testing.T, db string, js bool) {
				d := newDemo(t, db, func(c *config) {
					if overlap != time.Minute { // as it is
						c.overlap = overlap
					}
				})
				c := d.remembered(t, js)
				id := c.me()
				other := d.remember(t, js) // another browser of the same user
				old, first := c.cookie("remember"), c.cookie("sid")
				c.drop("sid")
				isIn(t, c)
				d.Advance(overlap + time.Second)

				isNobody(t, d.with(t, js, old), "reused")
				if n := d.events("remember.reused"); n != 1 {
					t.Errorf("%d alarms, want 1", n)
				}
				newest := c.cookie("remember")
				isNobody(t, c, "reused") // whoever comes second is told as well
				isNobody(t, d.with(t, js, newest), "reused")
				login := d.client(t, js)
				login.put("sid", first)
				isNobody(t, login, "revoked")
				isNobody(t, d.with(t, js, old), "reused")
				if n := d.events("remember.reused"); n != 1 {
					t.Errorf("%d alarms, want 1", n)
				}
				isIn(t, other)
				c.logIn(email, secret, "remember", "true")
				if n := d.families(t, id); n != 2 { // what was kept of the theft is gone
					t.Errorf("%d browsers are remembered, want this and the other", n)
				}
				c.drop("sid")
				isIn(t, c)
			})
		})
	}
}

// TestForgetting goes through what ends that a browser is remembered: a copy of
// the token is of no use afterwards, and other browsers are spared or not.
func TestForgetting(t *testing.T) {
	for _, tt := range []struct {
		name   string
		does   func(t *testing.T, d *demo, c, other *client) // c is remembered, and other, somewhere else
		c      string                                        // why the cookie of c is nobody; "": it is not
		other  string
		events string // what the log tells of
	}{
		{"log-out", func(t *testing.T, _ *demo, c, _ *client) {
			if a := c.post("/auth/logout"); a.StatusCode != c.ok(200) {
				t.Errorf("log-out: %s", a)
			}
			if c.cookie("remember") != "" || c.cookie("sid") != "" {
				t.Error("the log-out leaves cookies")
			}
		}, "revoked", "", "logout"},
		{"log-out without a session", func(t *testing.T, _ *demo, c, _ *client) {
			c.drop("sid")
			if a := c.post("/auth/logout"); a.StatusCode != c.ok(200) || c.cookie("remember") != "" {
				t.Errorf("log-out: %s", a)
			}
		}, "revoked", "", "logout"},
		{"new password", func(t *testing.T, _ *demo, c, _ *client) {
			if a := c.post("/auth/password", "current", secret, "password", "another horse, another battery"); a.StatusCode != c.ok(200) {
				t.Errorf("changing the password: %s", a)
			}
		}, "", "revoked", "credential.changed"},
		{"all others", func(t *testing.T, _ *demo, c, _ *client) {
			if a := c.post("/auth/sessions/revoke", "all", "others"); a.StatusCode != c.ok(200) {
				t.Errorf("revoking: %s", a)
			}
		}, "", "revoked", "sessions.revoked"},
		{"one of the sessions", func(t *testing.T, _ *demo, c, _ *client) {
			a := c.get("/auth/sessions", "Accept", "application/json", "Sec-Fetch-Mode", "cors")
			var body struct {
				Sessions []struct {
					ID         string
					Current    bool
					Remembered bool
				}
			}
			if err := json.Unmarshal([]byte(a.body), &body); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, s := range body.Sessions {
				if s.Current || !s.Remembered {
					continue
				}
				n++
				if a := c.post("/auth/sessions/revoke", "id", s.ID); a.StatusCode != c.ok(200) {
					t.Errorf("revoking: %s", a)
				}
			}
			if n != 1 {
				t.Errorf("%d other sessions are of remembered browsers, want 1: %s", n, a.body)
			}
		}, "", "revoked", "sessions.revoked"},
		{"disabled", func(t *testing.T, d *demo, c, _ *client) {
			users, ok := d.users.UserLoader.(interface {
				SetDisabled(ctx context.Context, id string, disabled bool) error
			})
			if !ok {
				t.Fatalf("%T cannot disable users", d.users.UserLoader)
			}
			if err := users.SetDisabled(t.Context(), c.me(), true); err != nil {
				t.Fatal(err)
			}
		}, "disabled", "disabled", "unauthenticated"},
		{"somebody else", func(t *testing.T, d *demo, c, _ *client) {
			d.client(t, true).register("eve@example.com", secret)
			c.logIn("eve@example.com", secret)
			if c.cookie("remember") != "" {
				t.Error("somebody else has the token")
			}
			eve := c.cookie("sid")
			c.drop("sid")
			isNobody(t, c, "none")
			c.put("sid", eve)
			if a := c.get("/me"); !strings.Contains(a.body, "eve@example.com") {
				t.Errorf("somebody else: %s", a)
			}
		}, "revoked", "", "user.switched"},
		{"logging in again, not to stay", func(t *testing.T, _ *demo, c, _ *client) {
			c.logIn(email, secret)
			if c.cookie("remember") != "" {
				t.Error("the browser still has the token")
			}
		}, "revoked", "", "login"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, db string, js bool) {
				d := newDemo(t, db)
				c := d.remembered(t, js)
				other := d.remember(t, js)
				copied, otherCopied, session := c.cookie("remember"), other.cookie("remember"), other.cookie("sid")
				before := d.events(tt.events)
				tt.does(t, d, c, other)
				if d.events(tt.events) == before && tt.name != "disabled" {
					t.Errorf("the log does not tell of %s", tt.events)
				}
				isWhat := func(who string, token, reason string) {
					t.Helper()
					if reason == "" {
						isIn(t, d.with(t, js, token))
					} else {
						isNobody(t, d.with(t, js, token), reason)
					}
					if t.Failed() {
						t.Logf("that was %s", who)
					}
				}
				if tt.c == "" { // it goes on, perhaps with another
					copied = c.cookie("remember")
				}
				isWhat("the browser's token", copied, tt.c)
				isWhat("the other's token", otherCopied, tt.other)
				if tt.other != "" {
					s := d.client(t, js)
					s.put("sid", session)
					isNobody(t, s, tt.other)
				}
				if n := d.events("remember.reused"); n != 0 {
					t.Errorf("%d alarms", n)
				}
			})
		})
	}
}

// TestRestart: the demo ends and begins again on the same file, and remembers.
func TestRestart(t *testing.T) {
	for name, js := range map[string]bool{"form": false, "json": true} {
		t.Run(name, func(t *testing.T) {
			db := file(t)
			d := newDemo(t, db)
			c := d.remembered(t, js)
			old := c.cookie("remember")
			c.drop("sid")
			isIn(t, c)
			session := c.cookie("sid")

			d.stop()
			d = newDemoAt(t, d.Clock, db)
			c.base = d.URL
			isIn(t, c)
			if c.cookie("sid") != session {
				t.Error("the session has not outlived the restart")
			}
			c.drop("sid")
			isIn(t, c)

			d.Advance(2 * time.Minute)
			d.stop()
			d = newDemoAt(t, d.Clock, db)
			c.base = d.URL
			isNobody(t, d.with(t, js, old), "reused") // what was used before is not forgotten either
			isNobody(t, c, "reused")
		})
	}
}

// TestBinding: another browser with the same cookies is treated as -binding says.
func TestBinding(t *testing.T) {
	const (
		newer = "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0"
		older = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
		other = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	)
	for _, mode := range []string{"off", "notice", "strict"} {
		t.Run(mode, func(t *testing.T) {
			bothWays(t, func(t *testing.T, db string, js bool) {
				d := newDemo(t, db, func(c *config) { c.binding = mode })
				fresh := func(c *client, want bool) {
					t.Helper()
					a := c.get("/settings")
					code, _ := a.problem()
					if got := a.StatusCode == 200; got != want || !got && js && code != "not_fresh" || !got && !js && !strings.HasPrefix(a.Header.Get("Location"), "/auth/confirm") {
						t.Errorf("/settings: %s, %s; want fresh %v", a, a.Header.Get("Location"), want)
					}
				}
				open := func(remember string) *client {
					c := d.client(t, js)
					c.header.Set("User-Agent", older)
					c.logIn(email, secret, "remember", remember)
					for _, same := range []string{newer, "", older} { // updated; says nothing
						c.header.Set("User-Agent", same)
						isIn(t, c)
						fresh(c, true)
					}
					c.header.Set("User-Agent", other)
					return c
				}
				d.client(t, js).register(email, secret)

				c := open("false")
				session := c.cookie("sid")
				for range 2 {
					switch mode {
					case "off":
						isIn(t, c)
						fresh(c, true)
					case "notice":
						isIn(t, c)
						fresh(c, false)
					case "strict":
						reason := "binding"
						if d.events("binding.changed") > 0 {
							reason = "revoked"
						}
						isNobody(t, c, reason)
					}
				}
				if mode == "notice" {
					c.header.Set("User-Agent", older) // it is not told by the browser which of the two is its owner's
					fresh(c, false)
					c.header.Set("User-Agent", other)
					if a := c.post("/auth/confirm", "password", secret, "next", "/settings"); a.StatusCode != c.ok(200) || where(t, a) != "/settings" {
						t.Fatalf("confirming: %s", a)
					}
					fresh(c, true)
				}
				c.header.Set("User-Agent", older)
				c.put("sid", session)
				if mode == "off" {
					isIn(t, c)
				} else {
					isNobody(t, c, "revoked")
				}
				want := 1
				if mode == "off" {
					want = 0
				}
				if n := d.events("binding.changed"); n != want {
					t.Errorf("told %d times that the binding has changed, want %d", n, want)
				}

				// Who is remembered stays logged in, whatever becomes of the session.
				c = open("true")
				session = c.cookie("sid")
				for range 2 {
					isIn(t, c)
					fresh(c, mode == "off")
				}
				if c.cookie("sid") == session && mode == "strict" || c.cookie("remember") == "" {
					t.Error("the browser has the old session, or is remembered no more")
				}
				if n := d.events("binding.changed"); n != 2*want {
					t.Errorf("told %d times that the binding has changed, want %d", n, 2*want)
				}
				if n := d.events("remember.reused"); n != 0 {
					t.Errorf("%d alarms", n)
				}
			})
		})
	}
}

// TestRememberHeaders: what comes with a new session is for nobody's cache.
func TestRememberHeaders(t *testing.T) {
	d := newDemo(t, "memory:")
	c := d.remembered(t, false)
	for _, path := range []string{"/", "/me", "/nothing", "/auth/login", "/auth/session"} {
		c.drop("sid")
		a := c.get(path)
		if cc := a.Header.Get("Cache-Control"); len(a.Header["Set-Cookie"]) != 2 || cc != "no-store" {
			t.Errorf("%s: Cache-Control %q, cookies %q", path, cc, a.Header["Set-Cookie"])
		}
		for _, k := range a.Cookies() {
			if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || (k.Name == "remember") != (k.MaxAge > 0) {
				t.Errorf("%s: cookie %s", path, k.Raw)
			}
		}
	}
}

// TestMessages: who is sent to log in is told why on the page where they arrive,
// and once.
func TestMessages(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db)
		c := d.remembered(t, false)
		thief := d.with(t, false, c.cookie("remember"))
		c.drop("sid")
		isIn(t, c)
		d.Advance(2 * time.Minute)
		says := func(c *client, a answer, text string) {
			t.Helper()
			if a.StatusCode != 303 {
				t.Fatalf("want the way to another page: %s", a)
			}
			to := a.Header.Get("Location")
			if a := c.get(to); a.StatusCode != 200 || !strings.Contains(a.body, text) || c.cookie("flash") != "" {
				t.Errorf("%s does not say %q, or leaves %q: %s", to, text, c.cookie("flash"), a)
			}
			if a := c.get(to); strings.Contains(a.body, text) {
				t.Errorf("%s says it twice", to)
			}
		}
		stranger := d.client(t, false)
		const reused = "was used from somewhere else"
		says(stranger, stranger.get("/me"), "Please log in to go on.")
		says(thief, thief.get("/me"), reused)
		says(c, c.get("/me"), reused)
		c.logIn(email, secret)
		c.header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36")
		says(c, c.get("/settings"), "This is only for those who have just confirmed who they are.")
		says(c, c.post("/auth/logout"), "You are logged out.")
		if a := d.client(t, true).get("/me"); len(a.Header["Set-Cookie"]) != 0 {
			t.Errorf("a program is given a message: %q", a.Header["Set-Cookie"])
		}
	})
}
