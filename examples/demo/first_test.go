package main

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

var firstRE = regexp.MustCompile(`(http://\S+)(/admin/first\?token=(\S+))\n`)

// A bootstrapped demo has -bootstrap-admin, and a console that can be read.
func newBootstrapped(t *testing.T, db, address string, change ...func(*config)) (*demo, *logbook) {
	t.Helper()
	console := new(logbook)
	return newDemo(t, db, append(change, func(c *config) {
		var err error
		if c.firstAdmin, err = adminAddress(address); err != nil {
			t.Fatal(err)
		}
		c.stdout, c.proxies = console, loopback
	})...), console
}

// links returns the links that were printed.
func links(console *logbook) (list []string) {
	for _, m := range firstRE.FindAllStringSubmatch(console.String(), -1) {
		list = append(list, m[2])
	}
	return list
}

func isAdmin(t *testing.T, c *client, want bool) {
	t.Helper()
	if a := c.get("/admin"); a.StatusCode != map[bool]int{true: 200, false: 403}[want] {
		t.Errorf("/admin: want %t: %s", want, a)
	}
}

// TestFirstAdminElsewhere: who comes with an account elsewhere that says that the
// address is theirs, is the first admin at once.
func TestFirstAdminElsewhere(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d, console := newBootstrapped(t, db, "Ada@Example.com")
		grace, ada := d.client(t, js), d.client(t, js)
		grace.leads(grace.visit("/auth/oauth/google", "grace", "next", "/me"), "/me")
		isAdmin(t, grace, false)
		// Mallory says that she is Ada, without proof.
		mallory := d.client(t, js)
		if a := mallory.visit("/auth/oauth/google", "mallory"); mallory.in() {
			isAdmin(t, mallory, false)
		} else if a.StatusCode >= 500 {
			t.Errorf("Mallory: %s", a)
		}
		ada.leads(ada.visit("/auth/oauth/google", "ada", "next", "/admin"), "/admin")
		isAdmin(t, ada, true)
		isAdmin(t, grace, false)
		if got := console.String(); got != "" {
			t.Errorf("the console says %q", got)
		}
		if !strings.Contains(d.log.String(), `event=role.granted user=`+ada.id()+` `) {
			t.Errorf("the log does not say so: %s", d.log.String())
		}

		// As long as there is another admin, who was revoked is not the first again.
		d.grant(t, grace.id(), "admin")
		d.revoke(t, ada.id(), "admin")
		ada.post("/auth/logout")
		ada.visit("/auth/oauth/google", "ada", "next", "/me")
		isAdmin(t, ada, false)
		d.disable(t, grace.id(), true) // an admin still
		ada.post("/auth/logout")
		ada.visit("/auth/oauth/google", "ada", "next", "/me")
		isAdmin(t, ada, false)
	})
}

// TestFirstAdminAtStart: an account that was there before is made the first admin when
// the demo starts, if it owns its address, and once.
func TestFirstAdminAtStart(t *testing.T) {
	for _, p := range places {
		if p.name == "memory" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			db := p.fresh(t)
			before := newDemo(t, db, func(c *config) { c.proxies = loopback })
			ada, bob := before.client(t, true), before.who(t, true, "bob")
			ada.visit("/auth/oauth/google", "ada", "next", "/me")
			isAdmin(t, ada, false)

			claimed, console := newBootstrapped(t, db, "bob@example.com", func(c *config) { c.now = before.Now })
			bob.base = claimed.URL
			isAdmin(t, bob, false)
			if got := links(console); len(got) != 0 {
				t.Errorf("printed before anybody has logged in: %q", got)
			}
			owned, console := newBootstrapped(t, db, "ada@example.com", func(c *config) { c.now = before.Now })
			ada.base = owned.URL
			isAdmin(t, ada, true)
			isAdmin(t, bob, false)

			owned.grant(t, bob.id(), "admin")
			owned.revoke(t, ada.id(), "admin")
			again, _ := newBootstrapped(t, db, "ada@example.com", func(c *config) { c.now = before.Now })
			ada.base = again.URL
			isAdmin(t, ada, false)
			if got := console.String(); got != "" {
				t.Errorf("the console says %q", got)
			}
		})
	}
}

// TestFirstAdminLink: who claims the address is no admin, until they have what only the
// console shows; and that is good once, for them, and not for long.
func TestFirstAdminLink(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d, console := newBootstrapped(t, db, "ada@example.com")
		eve := d.who(t, js, "eve")
		if got := links(console); len(got) != 0 {
			t.Fatalf("printed for somebody else: %q", got)
		}
		ada := d.who(t, js, "ada")
		isAdmin(t, ada, false)
		got := links(console)
		if len(got) != 1 || !strings.Contains(console.String(), d.URL+got[0]) {
			t.Fatalf("the console says %q", console.String())
		}
		link := got[0]
		token := firstRE.FindStringSubmatch(console.String())[3]
		if len(token) < 43 {
			t.Errorf("the token %q is short", token)
		}
		if _, err := d.site.manager.Store().LoadTicket(t.Context(), firstPurpose, token); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("the store has the token itself: %v", err)
		}
		// Logging in again prints no other while it is good.
		ada.post("/auth/logout")
		ada.logIn("ada@example.com", secret)
		if got := links(console); len(got) != 1 {
			t.Errorf("printed %q", got)
		}

		refused := func(c *client, path, token string) {
			t.Helper()
			for _, a := range []answer{c.get(path), c.post("/admin/first", "token", token)} {
				if a.StatusCode != 404 && a.StatusCode != 403 {
					t.Errorf("%s %s: %s", a.Request.Method, path, a)
				}
			}
			if c.in() {
				isAdmin(t, c, false)
			}
		}
		refused(eve, link, token)
		refused(ada, "/admin/first?token=wrong", "wrong")
		refused(ada, "/admin/first", "")
		last := map[bool]string{true: "B", false: "A"}[strings.HasPrefix(token, "A")]
		refused(ada, "/admin/first?token="+last+token[1:], last+token[1:])
		nobody := d.client(t, js)
		if a := nobody.get(link); js && a.StatusCode != 401 || !js && a.Header.Get("Location") != "/auth/login?next="+url.QueryEscape(link) {
			t.Errorf("to nobody: %s", a)
		}
		if a := nobody.post("/admin/first", "token", token); a.StatusCode != 401 && (js || a.Header.Get("Location") != "/auth/login") {
			t.Errorf("by nobody: %s", a)
		}
		if a := ada.do("POST", "/admin/first", "application/x-www-form-urlencoded", "token="+token, "Sec-Fetch-Site", "cross-site"); a.StatusCode != 403 {
			t.Errorf("from another site: %s", a)
		}
		key, _ := ada.makeKey("a key")
		if a := d.client(t, true).do("POST", "/admin/first", "application/json", `{"token":"`+token+`"}`, "Authorization", "Bearer "+key); a.StatusCode != 403 {
			t.Errorf("by a key: %s", a)
		}
		isAdmin(t, ada, false)

		// To look is not to act.
		for range 2 {
			if a := ada.get(link); a.StatusCode != 200 || !js && (!strings.Contains(a.body, `action="/admin/first"`) || a.Header.Get("Referrer-Policy") != "strict-origin") {
				t.Errorf("the page: %s", a)
			}
		}
		isAdmin(t, ada, false)

		// After a quarter of an hour it has ended, and the next login prints another.
		d.Advance(firstLifetime)
		refused(ada, link, token)
		ada.post("/auth/logout")
		ada.logIn("ada@example.com", secret)
		got = links(console)
		if len(got) != 2 || got[1] == link {
			t.Fatalf("printed %q", got)
		}
		refused(ada, link, token)
		token = strings.TrimPrefix(got[1], "/admin/first?token=")
		if a := ada.post("/admin/first", "token", token); js && a.StatusCode != 204 || !js && a.Header.Get("Location") != "/admin" {
			t.Errorf("pressing the button: %s", a)
		}
		isAdmin(t, ada, true)
		isAdmin(t, eve, false)

		// It was good once, also when nobody is an admin again.
		d.revoke(t, ada.id(), "admin")
		refused(ada, got[1], token)
		if log := d.log.String(); strings.Contains(log, token) || !strings.Contains(log, "had the link of the console") {
			t.Errorf("the log: %s", log)
		}
	})
}

// TestFirstAdminIsFirst: the link is not good any more when there is an admin.
func TestFirstAdminIsFirst(t *testing.T) {
	d, console := newBootstrapped(t, "memory:", "ada@example.com")
	ada, bob := d.who(t, true, "ada"), d.who(t, true, "bob", "admin")
	token := strings.TrimPrefix(links(console)[0], "/admin/first?token=")
	if a := ada.post("/admin/first", "token", token); a.StatusCode != 404 {
		t.Errorf("a second admin: %s", a)
	}
	isAdmin(t, ada, false)
	d.Advance(time.Hour)
	ada.logIn("ada@example.com", secret)
	if got := links(console); len(got) != 1 {
		t.Errorf("printed although there is an admin: %q", got)
	}
	// One of a tenant, or of a single post, is none of the site.
	bob.logIn("bob@example.com", secret)
	id := bob.id()
	d.revoke(t, id, "admin")
	for _, g := range []rbac.Grant{{UserID: id, Role: "admin", Tenant: "elsewhere"}, {UserID: id, Role: "admin", Object: "post/1"}, {UserID: "gone", Role: "admin"}} {
		if err := d.site.roles.Grant(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	ada.post("/auth/logout")
	ada.logIn("ada@example.com", secret)
	got := links(console)
	if len(got) != 2 {
		t.Fatalf("printed %q", got)
	}
	// Whoever changes the password ends what was printed for whoever knew the old one.
	if a := ada.post("/auth/password", "current", secret, "password", "another horse, another battery"); a.StatusCode >= 400 {
		t.Fatalf("the password: %s", a)
	}
	if a := ada.post("/admin/first", "token", strings.TrimPrefix(got[1], "/admin/first?token=")); a.StatusCode != 404 {
		t.Errorf("after the change of the password: %s", a)
	}
}

// TestNoFirstAdmin: without the flag nobody is.
func TestNoFirstAdmin(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.proxies = loopback })
	c := d.client(t, true)
	c.visit("/auth/oauth/google", "ada", "next", "/me")
	isAdmin(t, c, false)
	if a := c.get("/admin/first?token=x"); a.StatusCode != 404 {
		t.Errorf("%s", a)
	}
}

func TestAdminAddress(t *testing.T) {
	for s, want := range map[string]string{
		"ada@example.com": "ada@example.com", "Ada@Example.COM": "ada@example.com", "a.b+c@localhost": "a.b+c@localhost",
		"": "", "ada": "", "ada@": "", "@example.com": "", "Ada <ada@example.com>": "", "ada@example.com, b@example.com": "", " ada@example.com": "",
		"ada@exämple.com": "", "\u212aay@example.com": "", `"ada"@example.com`: "", "ada@[127.0.0.1]": "", "ada@example.com\n": "", "a b@example.com": "", "ada@@example.com": "",
	} {
		got, err := adminAddress(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
}
