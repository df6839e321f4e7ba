package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A listedUser is a user on the page for admins.
type listedUser struct {
	ID, Email, Name string
	Active          bool
	Roles           []struct{ Role, Tenant, Object string }
	Sessions        []struct{ ID, Label string }
}

// users returns those on all pages for admins that the query finds.
func (c *client) users(query string) (list []listedUser) {
	c.t.Helper()
	for after := ""; ; {
		a := c.asJSON("GET", "/admin?"+url.Values{"q": {query}, "after": {after}}.Encode(), nil)
		var page struct {
			Users []listedUser
			Next  string
			Roles []string
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.StatusCode != 200 || !slices.Equal(page.Roles, []string{"viewer", "editor", "admin"}) {
			c.t.Fatalf("/admin: %v: %s", err, a)
		}
		list = append(list, page.Users...)
		if after = page.Next; after == "" {
			return list
		}
	}
}

func (u listedUser) roles() (list []string) {
	for _, r := range u.Roles {
		list = append(list, r.Role)
	}
	return list
}

// TestAdminRoles: an admin gives roles and takes them away, and is told what is wrong.
func TestAdminRoles(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		admin, bob := d.who(t, js, "admin", "admin"), d.who(t, js, "bob")
		do := func(want int, user, role, do string) answer {
			t.Helper()
			a := admin.post("/admin/roles", "user", user, "role", role, "do", do)
			if want == 200 {
				want = admin.ok(200)
			}
			if a.StatusCode != want || want == 303 && a.Header.Get("Location") != "/admin" {
				t.Errorf("%s %s: want %d: %s", do, role, want, a)
			}
			return a
		}
		has := func(want ...string) {
			t.Helper()
			if u := admin.users("bob"); len(u) != 1 || !slices.Equal(u[0].roles(), want) || u[0].Email != "bob@example.com" || !u[0].Active || len(u[0].Sessions) != 1 {
				t.Errorf("Bob: %+v, want %q", u, want)
			}
		}
		has()
		do(200, bob.id(), "editor", "grant")
		do(200, bob.id(), "editor", "grant") // it is as they want it
		has("editor")
		if log := d.log.String(); !strings.Contains(log, "event=role.granted user="+bob.id()) || !strings.Contains(log, `reason="editor, by `+admin.id()+`"`) {
			t.Errorf("the log does not say who granted what: %s", log)
		}
		do(200, bob.id(), "viewer", "grant")
		do(200, bob.id(), "editor", "revoke")
		do(200, bob.id(), "editor", "revoke")
		has("viewer")
		if log := d.log.String(); !strings.Contains(log, "event=role.revoked user="+bob.id()) {
			t.Errorf("the log does not say who revoked what: %s", log)
		}
		for field, a := range map[string]answer{
			"user": do(422, "nobody", "editor", "grant"), "role": do(422, bob.id(), "owner", "grant"), "do": do(422, bob.id(), "editor", "destroy"),
		} {
			if _, got := a.problem(); js && got != field || !js && !strings.Contains(a.body, `role="alert"`) {
				t.Errorf("want a problem with %s: %s", field, a)
			}
		}
		do(422, "\x00", "editor", "grant")
		do(422, bob.id(), "user", "grant")
		has("viewer")

		// The last admin stays one; and so does the last of two, whoever is the other.
		if a := do(409, admin.id(), "admin", "revoke"); !strings.Contains(a.body, "last admin") {
			t.Errorf("does not say why: %s", a)
		}
		do(200, bob.id(), "admin", "grant")
		d.disable(t, bob.id(), true)
		do(409, admin.id(), "admin", "revoke") // Bob cannot log in
		d.disable(t, admin.users("bob")[0].ID, false)
		do(200, admin.id(), "admin", "revoke")
		if a := admin.get("/admin"); a.StatusCode != 403 {
			t.Errorf("after the revocation: %s", a)
		}
		bob.logIn("bob@example.com", secret)
		if a := bob.post("/admin/roles", "user", bob.id(), "role", "admin", "do", "revoke"); a.StatusCode != 409 {
			t.Errorf("the other is the last now: %s", a)
		}
		if a := bob.post("/admin/roles", "user", admin.id(), "role", "admin", "do", "revoke"); a.StatusCode != bob.ok(200) {
			t.Errorf("what the other has not: %s", a)
		}
		if got := bob.users("admin@"); len(got) != 1 || len(got[0].Roles) != 0 {
			t.Errorf("now the other is %+v", got)
		}
	})
}

// TestLastAdmins: two admins who take the role from one another at the same time do not
// both succeed.
func TestLastAdmins(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		one, two := newDemo(t, db, func(c *config) { c.proxies = loopback }), (*demo)(nil)
		if two = one; db != "memory:" {
			two = newDemoAt(t, one.Clock, db, func(c *config) { c.proxies = loopback })
		}
		for i := range 10 {
			ada, bob := one.who(t, true, fmt.Sprintf("ada-%d", i), "admin"), one.who(t, true, fmt.Sprintf("bob-%d", i), "admin")
			a, b := ada.id(), bob.id()
			bob.base = two.URL
			var wg sync.WaitGroup
			wg.Go(func() {
				ada.asJSON("POST", "/admin/roles", map[string]string{"user": b, "role": "admin", "do": "revoke"})
			})
			wg.Go(func() {
				bob.asJSON("POST", "/admin/roles", map[string]string{"user": a, "role": "admin", "do": "revoke"})
			})
			wg.Wait()
			holders, _, err := one.site.roles.Holders(t.Context(), "admin", "", 10)
			if err != nil || len(holders) == 0 {
				t.Fatalf("%v: nobody is left", err)
			}
			for _, g := range holders {
				one.revoke(t, g.UserID, "admin")
			}
		}
	})
}

// goneAdmins take the role from everybody else while somebody gives theirs up, and have
// the request end then.
type goneAdmins struct {
	assignments
	others []string
	end    context.CancelFunc
}

func (g *goneAdmins) Revoke(ctx context.Context, grant rbac.Grant) error {
	err := g.assignments.Revoke(ctx, grant)
	for _, id := range g.others {
		err = errors.Join(err, g.assignments.Revoke(ctx, rbac.Grant{UserID: id, Role: "admin"}))
	}
	g.end()
	return err
}

// TestLastAdminHangsUp: that somebody is the last admin is put right even if whoever
// has sent the request has gone.
func TestLastAdminHangsUp(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		ada, bob := d.who(t, true, "ada", "admin").id(), d.who(t, true, "bob", "admin").id()
		ctx, end := context.WithCancel(t.Context())
		kept := d.site.roles
		d.site.roles = &goneAdmins{kept, []string{bob}, end}
		err := d.site.revoke(ctx, rbac.Grant{UserID: ada, Role: "admin"})
		if p := (*auth.Problem)(nil); !errors.As(err, &p) || p.Code != "last_admin" {
			t.Errorf("revoke: %v", err)
		}
		if list, _, err := kept.Holders(t.Context(), "admin", "", 10); len(list) != 1 || list[0].UserID != ada || err != nil {
			t.Errorf("admins are %v, %v", list, err)
		}
	})
}

// TestAdminFresh: to change anything an admin proves once more who they are, and comes
// back to the page.
func TestAdminFresh(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		for _, js := range []bool{false, true} {
			d := newDemo(t, "memory:", engine)
			admin, bob := d.who(t, js, "admin", "admin"), d.who(t, js, "bob")
			if a := admin.get("/admin"); a.StatusCode != 200 || !js && (!strings.Contains(a.body, `action="/admin/roles"`) || strings.Contains(a.body, "/auth/confirm")) {
				t.Errorf("/admin: %s", a)
			}
			d.Advance(fresh + time.Second)
			if a := admin.get("/admin"); a.StatusCode != 200 || !js && (strings.Contains(a.body, `action="/admin/`+`roles"`) || !strings.Contains(a.body, `href="/auth/confirm?next=%2Fadmin"`)) {
				t.Errorf("/admin, later: %s", a)
			}
			for _, try := range []struct {
				path   string
				fields []string
			}{{"/admin/roles", []string{"user", bob.id(), "role", "editor", "do", "grant"}}, {"/admin/sessions", []string{"user", bob.id()}}} {
				a := admin.post(try.path, try.fields...)
				code, _ := a.problem()
				if js && (a.StatusCode != 401 || code != "not_fresh" || !strings.Contains(a.Header.Get("WWW-Authenticate"), `error="insufficient_user_authentication", max_age=600`)) ||
					!js && (a.StatusCode != 303 || a.Header.Get("Location") != "/auth/confirm?next=%2Fadmin") {
					t.Errorf("POST %s, later: %s %v", try.path, a, a.Header)
				}
				if c := bob.post(try.path, try.fields...); c.StatusCode != 403 { // a proof would be of no use
					t.Errorf("POST %s by somebody else: %s", try.path, c)
				}
			}
			if got := admin.users("bob"); len(got) != 1 || len(got[0].Roles) != 0 || !bob.in() {
				t.Errorf("it was done: %+v", got)
			}
			a := admin.post("/auth/confirm", "password", secret, "next", "/admin")
			admin.leads(a, "/admin")
			if a := admin.post("/admin/roles", "user", bob.id(), "role", "editor", "do", "grant"); a.StatusCode != admin.ok(200) {
				t.Errorf("after confirming: %s", a)
			}
		}
	})
}

// TestAdminSessions: an admin logs people out, from one place or from all.
func TestAdminSessions(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		admin, bob := d.who(t, js, "admin", "admin"), d.who(t, js, "bob")
		phone, other := d.client(t, js), d.who(t, js, "other")
		phone.header.Set("X-Forwarded-For", "10.9.9.9")
		phone.header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1")
		phone.logIn("bob@example.com", secret)
		id := bob.id()
		sessions := admin.users("bob")[0].Sessions
		i := slices.IndexFunc(sessions, func(s struct{ ID, Label string }) bool { return strings.Contains(s.Label, "iPhone") })
		if len(sessions) != 2 || i < 0 {
			t.Fatalf("sessions: %+v", sessions)
		}
		// A handle goes with its user.
		if a := admin.post("/admin/sessions", "user", other.id(), "session", sessions[i].ID); a.StatusCode >= 400 || !phone.in() {
			t.Errorf("somebody else's handle: %s", a)
		}
		if a := admin.post("/admin/sessions", "user", id, "session", sessions[i].ID, "q", "bob"); a.StatusCode != admin.ok(200) || !js && a.Header.Get("Location") != "/admin?q=bob" {
			t.Errorf("ending: %s", a)
		}
		if phone.in() || !bob.in() || !other.in() {
			t.Errorf("the phone %t, the computer %t, somebody else %t", phone.in(), bob.in(), other.in())
		}
		if a := admin.post("/admin/sessions", "user", id, "session", sessions[i].ID); a.StatusCode != admin.ok(200) {
			t.Errorf("ending once more: %s", a)
		}
		if a := admin.post("/admin/sessions", "user", id); a.StatusCode != admin.ok(200) || bob.in() || !other.in() || !admin.in() {
			t.Errorf("ending all: %s", a)
		}
		if a := admin.post("/admin/sessions", "session", sessions[i].ID); a.StatusCode != 422 {
			t.Errorf("of nobody: %s", a)
		}
		// And of oneself.
		if a := admin.post("/admin/sessions", "user", admin.id()); a.StatusCode != admin.ok(200) || admin.in() {
			t.Errorf("of oneself: %s", a)
		}
	})
}

// TestAdminList: users are listed in pages and searched, and nobody's secrets are shown.
func TestAdminList(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		admin := d.who(t, true, "admin", "admin")
		for i := range usersPerPage + 4 {
			d.who(t, true, fmt.Sprintf("somebody-%02d", i))
		}
		all := admin.users("")
		seen := map[string]bool{}
		for _, u := range all {
			seen[u.Email] = true
		}
		if len(all) != usersPerPage+5 || len(seen) != len(all) {
			t.Errorf("%d users, %d of them once", len(all), len(seen))
		}
		if got := admin.users("BODY-0"); len(got) != 10 {
			t.Errorf("found %d of 10", len(got))
		}
		if got := admin.users(all[3].ID); len(got) != 1 || got[0].Email != all[3].Email {
			t.Errorf("by the ID: %+v", got)
		}
		for _, query := range []string{"nothing like that", "%", "' OR 1=1 --", "\x00", "\xff"} {
			if got := admin.users(query); len(got) != 0 {
				t.Errorf("%q finds %d", query, len(got))
			}
		}
		for _, after := range []string{"nonsense", "\x00", "\xff", strings.Repeat("z", 1000)} {
			if a := admin.get("/admin?after=" + url.QueryEscape(after)); a.StatusCode != 200 {
				t.Errorf("after %q: %s", after, a)
			}
		}
		page := admin.get("/admin?q="+url.QueryEscape(`"><script>alert(1)</script>`), "Accept", "text/html")
		if page.StatusCode != 200 || strings.Contains(page.body, "<script>") {
			t.Errorf("markup: %s", page)
		}
		if page := admin.get("/admin", "Accept", "text/html"); !strings.Contains(page.body, "More users") || strings.Contains(page.body, admin.cookie("sid")) {
			t.Errorf("the first page: %s", page)
		}
	})
}

// TestTwoDemosTwoAdmins: what is granted in one process counts in another, on one
// database, and so does what is granted by hand.
func TestTwoDemosTwoAdmins(t *testing.T) {
	for _, p := range places {
		if p.name == "memory" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			db := p.fresh(t)
			engine := func(name string) func(*config) {
				return func(c *config) { c.authz, c.proxies = name, loopback }
			}
			one := newDemo(t, db, engine("rbac"))
			two := newDemoAt(t, one.Clock, db, engine("opa"))
			admin, bob := one.who(t, true, "admin", "admin"), one.who(t, true, "bob")
			p := admin.write("A post", "")
			bob.base = two.URL
			edit := func(want int) {
				t.Helper()
				if a := bob.asJSON("PUT", "/posts/"+p.ID, map[string]string{"title": "Changed"}); a.StatusCode != want {
					t.Errorf("editing in the other process: want %d: %s", want, a)
				}
			}
			change := func(do string) {
				t.Helper()
				if a := admin.asJSON("POST", "/admin/roles", map[string]string{"user": bob.id(), "role": "editor", "do": do}); a.StatusCode != 200 {
					t.Fatalf("%s: %s", do, a)
				}
			}
			edit(404)
			change("grant")
			edit(200)
			change("revoke")
			edit(404)

			other, err := open.Open(strings.Fields(db)[0])
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if err := other.Roles().Grant(t.Context(), bunstore.Grant{UserID: bob.id(), Role: "editor"}); err != nil {
				t.Fatal(err)
			}
			edit(200)
			if got := bob.titles(); !slices.Equal(got, []string{"Changed"}) {
				t.Errorf("lists %q", got)
			}
		})
	}
}
