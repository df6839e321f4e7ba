package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// eachEngine runs f with every engine, whose behaviour is the same.
func eachEngine(t *testing.T, f func(t *testing.T, engine func(*config))) {
	for _, name := range engines {
		t.Run(name, func(t *testing.T) {
			f(t, func(c *config) { c.authz, c.proxies = name, loopback })
		})
	}
}

// who registers somebody, from a network of their own, who has these roles.
func (d *demo) who(t testing.TB, js bool, name string, roles ...string) *client {
	t.Helper()
	c := d.client(t, js)
	d.visitors++
	c.header.Set("X-Forwarded-For", fmt.Sprintf("10.1.%d.%d", d.visitors/250, d.visitors%250))
	c.register(name+"@example.com", secret)
	for _, role := range roles {
		d.grant(t, c.id(), role)
	}
	return c
}

func (d *demo) grant(t testing.TB, userID, role string) {
	t.Helper()
	if err := d.site.roles.Grant(t.Context(), rbac.Grant{UserID: userID, Role: role}); err != nil {
		t.Fatal(err)
	}
}

func (d *demo) revoke(t testing.TB, userID, role string) {
	t.Helper()
	if err := d.site.roles.Revoke(t.Context(), rbac.Grant{UserID: userID, Role: role}); err != nil {
		t.Fatal(err)
	}
}

// A posted is a post in JSON.
type posted struct {
	ID, Title, Body, Owner string
	CreatedAt              time.Time `json:"created_at"`
}

// asJSON sends what c would send, as a program with the same session.
func (c *client) asJSON(method, path string, body any) answer {
	c.t.Helper()
	text := ""
	contentType := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		text, contentType = string(b), "application/json"
	}
	return c.do(method, path, contentType, text, "Accept", "application/json", "Sec-Fetch-Mode", "cors")
}

// write writes a post and returns it.
func (c *client) write(title, body string) posted {
	c.t.Helper()
	a := c.asJSON("POST", "/posts", map[string]string{"title": title, "body": body})
	var p posted
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.StatusCode != 201 || a.Header.Get("Location") != "/posts/"+p.ID || p.Title != title || p.Body != body {
		c.t.Fatalf("writing a post: %v: %s", err, a)
	}
	return p
}

// titles returns those on all pages of the list.
func (c *client) titles() (list []string) {
	c.t.Helper()
	for path := "/posts"; path != ""; {
		var page struct {
			Posts []posted
			Next  string
		}
		a := c.asJSON("GET", path, nil)
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.StatusCode != 200 {
			c.t.Fatalf("%s: %v: %s", path, err, a)
		}
		for _, p := range page.Posts {
			list = append(list, p.Title)
		}
		if path = ""; page.Next != "" {
			path = "/posts?before=" + page.Next
		}
	}
	return list
}

// TestWhoMayDoWhat is the policy, by every route.
func TestWhoMayDoWhat(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		d := newDemo(t, "memory:", engine)
		nobody := d.client(t, true)
		people := map[string]*client{
			"owner": d.who(t, true, "owner"), "other": d.who(t, true, "other"), "viewer": d.who(t, true, "viewer", "viewer"),
			"editor": d.who(t, true, "editor", "editor"), "admin": d.who(t, true, "admin", "admin"),
		}
		change := map[string]string{"title": "Changed", "body": "by somebody"}
		for _, tt := range []struct {
			method, path string
			body         any
			// of nobody, owner, other, viewer, editor, admin
			want [6]int
		}{
			{"GET", "/posts", nil, [6]int{401, 200, 200, 200, 200, 200}},
			{"HEAD", "/posts", nil, [6]int{401, 200, 200, 200, 200, 200}},
			{"GET", "/posts/new", nil, [6]int{401, 200, 200, 200, 200, 200}},
			{"POST", "/posts", change, [6]int{401, 201, 201, 201, 201, 201}},
			{"GET", "/posts/{id}", nil, [6]int{401, 200, 404, 200, 200, 200}},
			{"HEAD", "/posts/{id}", nil, [6]int{401, 200, 404, 200, 200, 200}},
			{"GET", "/posts/{id}/edit", nil, [6]int{401, 200, 404, 403, 200, 200}},
			{"PUT", "/posts/{id}", change, [6]int{401, 200, 404, 403, 200, 200}},
			{"POST", "/posts/{id}/edit", change, [6]int{401, 200, 404, 403, 200, 200}},
			{"DELETE", "/posts/{id}", nil, [6]int{401, 204, 404, 403, 403, 204}},
			{"POST", "/posts/{id}/delete", nil, [6]int{401, 204, 404, 403, 403, 204}},
			{"GET", "/posts/{none}", nil, [6]int{401, 404, 404, 404, 404, 404}},
			{"PUT", "/posts/{none}", change, [6]int{401, 404, 404, 404, 404, 404}},
			{"DELETE", "/posts/{none}", nil, [6]int{401, 404, 404, 404, 404, 404}},
			{"DELETE", "/posts/'%20OR%201=1--", nil, [6]int{401, 404, 404, 404, 404, 404}},
			{"GET", "/posts/%00", nil, [6]int{401, 404, 404, 404, 404, 404}},
			{"GET", "/admin", nil, [6]int{401, 403, 403, 403, 403, 200}},
			{"HEAD", "/admin", nil, [6]int{401, 403, 403, 403, 403, 200}},
			{"POST", "/admin/roles", map[string]string{"user": people["other"].id(), "role": "nonsense", "do": "grant"}, [6]int{401, 403, 403, 403, 403, 422}},
			{"POST", "/admin/sessions", map[string]string{"user": "nobody"}, [6]int{401, 403, 403, 403, 403, 422}},
		} {
			for i, name := range []string{"nobody", "owner", "other", "viewer", "editor", "admin"} {
				c := people[name]
				if c == nil {
					c = nobody
				}
				p := people["owner"].write("A post", "of the owner")
				a := c.asJSON(tt.method, strings.NewReplacer("{id}", p.ID, "{none}", newPostID(d.Now())).Replace(tt.path), tt.body)
				if a.StatusCode != tt.want[i] {
					t.Errorf("%s %s by %s: want %d: %s", tt.method, tt.path, name, tt.want[i], a)
				}
				if a.StatusCode == 404 && strings.Contains(a.body, p.Title) || a.StatusCode >= 400 && strings.Contains(a.body, "rbac") {
					t.Errorf("%s %s by %s says too much: %s", tt.method, tt.path, name, a)
				}
				// What was refused was not done.
				after := people["owner"].asJSON("GET", "/posts/"+p.ID, nil)
				gone := a.StatusCode == 204
				changed := a.StatusCode == 200 && tt.body != nil
				if want := map[bool]int{false: 200, true: 404}[gone]; after.StatusCode != want || !gone && strings.Contains(after.body, "Changed") != changed {
					t.Errorf("after %s %s by %s, which was answered %d: %s", tt.method, tt.path, name, a.StatusCode, after)
				}
			}
		}
	})
}

// TestHiddenPosts: whether a post is there cannot be told by whoever may not read it.
func TestHiddenPosts(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		d := newDemo(t, "memory:", engine)
		p := d.who(t, true, "ada").write("Secret", "plans")
		none := newPostID(d.Now())
		for _, js := range []bool{false, true} {
			eve := d.who(t, js, fmt.Sprintf("eve-%t", js))
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				there, missing := eve.do(method, "/posts/"+p.ID, "", ""), eve.do(method, "/posts/"+none, "", "")
				if there.StatusCode != 404 || there.body != missing.body || fmt.Sprint(there.Header["Content-Type"], there.Header["Cache-Control"], there.Header["Vary"]) != fmt.Sprint(missing.Header["Content-Type"], missing.Header["Cache-Control"], missing.Header["Vary"]) {
					t.Errorf("%s of what is there and what is not differ:\n%s\n%s", method, there, missing)
				}
			}
			nobody := d.client(t, js)
			if a, b := nobody.get("/posts/"+p.ID), nobody.get("/posts/"+none); a.StatusCode != b.StatusCode || a.StatusCode == 200 || js && a.StatusCode != 401 {
				t.Errorf("to nobody: %s\n%s", a, b)
			}
		}
	})
}

// TestListOfPosts: a list is what one may read, newest first, in pages, whatever finds
// it out.
func TestListOfPosts(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		d := newDemo(t, "memory:", engine)
		ada, bob, viewer := d.who(t, true, "ada"), d.who(t, true, "bob"), d.who(t, true, "viewer", "viewer")
		if got := viewer.titles(); len(got) != 0 {
			t.Errorf("a list of nothing: %q", got)
		}
		var all, adas []string
		for i := range 3*postsPerPage + 5 {
			d.Advance(time.Second)
			title := fmt.Sprintf("Post %d", i)
			if all = append([]string{title}, all...); i%3 == 0 {
				adas = append([]string{title}, adas...)
				ada.write(title, "")
			} else {
				bob.write(title, "")
			}
		}
		if got := ada.titles(); !slices.Equal(got, adas) {
			t.Errorf("Ada reads %q, want %q", got, adas)
		}
		if got := viewer.titles(); !slices.Equal(got, all) {
			t.Errorf("the viewer reads %q, want %q", got, all)
		}
		d.grant(t, ada.id(), "editor")
		if got := ada.titles(); !slices.Equal(got, all) {
			t.Errorf("Ada, who is an editor, reads %q, want %q", got, all)
		}
		d.revoke(t, ada.id(), "editor")
		if got := ada.titles(); !slices.Equal(got, adas) {
			t.Errorf("Ada, who is no editor any more, reads %q, want %q", got, adas)
		}
		for _, before := range []string{"nonsense", "%00", strings.Repeat("a", 500)} {
			if a := ada.get("/posts?before=" + before); a.StatusCode != 400 {
				t.Errorf("before %q: %s", before, a)
			}
		}
	})
}

// TestFilterAndSelect: the database finds the same posts as one question after the
// other.
func TestFilterAndSelect(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		people := []*client{d.who(t, true, "ada"), d.who(t, true, "bob", "viewer"), d.who(t, true, "eve", "editor", "admin")}
		some := d.who(t, true, "some")
		for _, g := range []rbac.Grant{{Role: "editor", Tenant: "elsewhere"}, {Role: "viewer", Object: "post/" + people[0].write("One", "").ID},
			{Role: "viewer", Object: "post/" + people[1].write("Two", "").ID, Tenant: "elsewhere"}, {Role: "viewer", Object: "page/1"}} {
			g.UserID = some.id()
			if err := d.site.roles.Grant(t.Context(), g); err != nil {
				t.Fatal(err)
			}
		}
		people = append(people, some)
		for i := range 2*postsPerPage + 1 {
			people[i%3].write(fmt.Sprintf("Post %d é漢🎉", i), "text")
			d.Advance(time.Second)
		}
		for _, c := range people {
			m := d.site.manager
			id := &auth.Identity{UserID: c.id()}
			var which policy.Condition
			access := auth.Access{Identity: id, Action: "posts:read", Object: auth.Object{Type: "post"}}
			which, err := policy.FilterOf(t.Context(), d.site.authorizer, access)
			if err != nil {
				t.Fatal(err)
			}
			found, err := d.site.posts.List(t.Context(), which, "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			all, err := d.site.posts.List(t.Context(), policy.All(), "", 1000)
			if err != nil || len(all) != 2*postsPerPage+3 {
				t.Fatalf("%d posts, %v", len(all), err)
			}
			var filtered, selected []string
			for _, p := range found {
				filtered = append(filtered, p.Title)
			}
			for _, p := range all {
				access.Object = p
				switch err := m.Decide(t.Context(), access); {
				case err == nil:
					selected = append(selected, p.Title)
				case !errors.Is(err, auth.ErrForbidden):
					t.Fatal(err)
				}
			}
			if c == some && !slices.Equal(selected, []string{"One"}) {
				t.Errorf("selected %q", selected)
			}
			if !slices.Equal(filtered, selected) || !slices.Equal(filtered, c.titles()) || len(filtered) == 0 {
				t.Errorf("filtered %q\nselected %q\nlisted %q", filtered, selected, c.titles())
			}
		}
	})
}

// TestBadPosts: what is wrong with a post is said, and nothing that was typed is lost.
func TestBadPosts(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		c := d.who(t, js, "ada")
		p := c.write("Before", "as it was")
		long := strings.Repeat("é", maxTitle)
		for name, tt := range map[string]struct {
			title, body string
			field       string // "": it is right
		}{
			"no title":          {"", "text", "title"},
			"spaces":            {" \t\u00a0 ", "text", "title"},
			"two lines":         {"one\ntwo", "text", "title"},
			"longest":           {long, strings.Repeat("漢", maxBody), ""},
			"too long":          {long + "é", "text", "title"},
			"text too long":     {"Title", strings.Repeat("x", maxBody+1), "body"},
			"NUL":               {"a\x00b", "text", "title"},
			"NUL in the text":   {"Title", "a\x00b", "body"},
			"not UTF-8":         {"a\xffb", "text", "title"},
			"text is not UTF-8": {"Title", "a\xc3(", "body"},
			"no text":           {"Title", "", ""},
			"markup":            {"<script>alert(1)</script>", "\"'><img src=x>&amp;", ""},
		} {
			t.Run(name, func(t *testing.T) {
				contentType, body := c.encode("title", tt.title, "body", tt.body)
				if js { // encoding mends what is not UTF-8
					body = strings.NewReplacer("a\\ufffdb", "a\xffb", "a\\ufffd(", "a\xc3(").Replace(body)
				}
				for _, to := range []struct{ method, path string }{{"POST", "/posts"}, {"PUT", "/posts/" + p.ID}} {
					a := c.do(to.method, to.path, contentType, body)
					_, field := a.problem()
					switch {
					case tt.field == "" && js && a.StatusCode != map[string]int{"POST": 201, "PUT": 200}[to.method], tt.field == "" && !js && a.StatusCode != 303:
						t.Errorf("%s: %s", to.method, a)
					case tt.field != "" && a.StatusCode != 422, tt.field != "" && js && (field != tt.field || a.Header.Get("Content-Type") != "application/problem+json"):
						t.Errorf("%s: want 422 about %s: %s", to.method, tt.field, a)
					case tt.field != "" && !js && !strings.Contains(a.body, "aria-invalid"):
						t.Errorf("%s: nothing is marked: %s", to.method, a)
					case tt.field == "title" && !js && !strings.Contains(a.body, ">\n"+tt.body+"</textarea>"):
						t.Errorf("%s: the text is lost: %s", to.method, a)
					}
					if strings.Contains(a.body, "<script>") || strings.Contains(a.body, "<img") {
						t.Errorf("%s: markup: %s", to.method, a)
					}
				}
				now := c.asJSON("GET", "/posts/"+p.ID, nil)
				var got posted
				if err := json.Unmarshal([]byte(now.body), &got); err != nil {
					t.Fatalf("%v: %s", err, now)
				}
				if tt.field == "" && (got.Title != tt.title || got.Body != tt.body) || tt.field != "" && (strings.Contains(got.Title+got.Body, "\x00") || got.Owner != c.id()) {
					t.Errorf("now it is %+v", got)
				}
				if page := c.get("/posts/"+p.ID, "Accept", "text/html"); strings.Contains(page.body, "<script>") || strings.Contains(page.body, "<img") {
					t.Errorf("markup: %s", page)
				}
			})
		}
		for name, tt := range map[string]struct {
			contentType, body string
			want              int
		}{
			"not JSON":      {"application/json", "{", 400},
			"no object":     {"application/json", `["title"]`, 400},
			"two objects":   {"application/json", `{"title":"a"}{}`, 400},
			"a number":      {"application/json", `{"title":1}`, 422},
			"a bad form":    {"application/x-www-form-urlencoded", "title=%zz", 400},
			"another type":  {"text/plain", "title=a", 415},
			"a file":        {"multipart/form-data; boundary=x", "--x--", 415},
			"far too large": {"application/json", `{"title":"a","body":"` + strings.Repeat("x", maxSent) + `"}`, 413},
			"a large form":  {"application/x-www-form-urlencoded", "title=a&body=" + strings.Repeat("x", maxSent), 413},
			"nothing":       {"", "", 422},
		} {
			if a := c.do("POST", "/posts", tt.contentType, tt.body); a.StatusCode != tt.want {
				t.Errorf("%s: want %d: %s", name, tt.want, a)
			}
		}
	})
}

// TestPostsForPeople goes from form to form.
func TestPostsForPeople(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db, func(c *config) { c.proxies = loopback })
		c, viewer := d.who(t, false, "ada"), d.who(t, false, "viewer", "viewer")
		written := c.write("In JSON", "as in JSON")
		var read posted
		if a := viewer.asJSON("GET", "/posts/"+written.ID, nil); json.Unmarshal([]byte(a.body), &read) != nil || read != written || read.Owner != c.id() || !strings.Contains(a.body, `Z"`) ||
			read.CreatedAt.After(d.Now()) || d.Now().Sub(read.CreatedAt) > time.Minute {
			t.Errorf("wrote %+v, read %+v: %s", written, read, a)
		}
		if a := d.client(t, false).get("/posts"); a.StatusCode != 303 || a.Header.Get("Location") != "/auth/login?next=%2Fposts" {
			t.Errorf("to a stranger: %s", a)
		}
		a := c.post("/posts", "title", "  Hello  ", "body", "one\r\ntwo")
		where := a.Header.Get("Location")
		if a.StatusCode != 303 || !strings.HasPrefix(where, "/posts/") {
			t.Fatalf("writing: %s", a)
		}
		if a := c.get(where); a.StatusCode != 200 || !strings.Contains(a.body, "<bdi>Hello</bdi>") || !strings.Contains(a.body, "one\ntwo") || !strings.Contains(a.body, where+"/edit") || !strings.Contains(a.body, where+"/delete") || !strings.Contains(a.body, "flash-success") {
			t.Errorf("the post: %s", a)
		}
		if a := viewer.get(where); a.StatusCode != 200 || strings.Contains(a.body, where+"/edit") || strings.Contains(a.body, where+"/delete") {
			t.Errorf("the post, to a viewer: %s", a)
		}
		if a := viewer.get("/posts"); !strings.Contains(a.body, where) || strings.Contains(a.body, where+"/edit") || strings.Contains(a.body, `href="/admin"`) {
			t.Errorf("the list, to a viewer: %s", a)
		}
		if a := c.get(where + "/edit"); a.StatusCode != 200 || !strings.Contains(a.body, `value="Hello"`) || !strings.Contains(a.body, "one\ntwo</textarea>") {
			t.Errorf("the form: %s", a)
		}
		if a := c.post(where+"/edit", "title", "Goodbye", "body", ""); a.StatusCode != 303 || a.Header.Get("Location") != where {
			t.Errorf("saving: %s", a)
		}
		if a := c.get("/posts"); !strings.Contains(a.body, "Goodbye") || strings.Contains(a.body, "Hello") {
			t.Errorf("the list: %s", a)
		}
		if a := c.post(where + "/delete"); a.StatusCode != 303 || a.Header.Get("Location") != "/posts" {
			t.Errorf("deleting: %s", a)
		}
		if a := c.get(where); a.StatusCode != 404 || !strings.Contains(a.Header.Get("Content-Type"), "text/html") {
			t.Errorf("what was deleted: %s", a)
		}
		if a := c.post(where + "/delete"); a.StatusCode != 404 {
			t.Errorf("deleting once more: %s", a)
		}
	})
}

// TestRolesCountAtOnce: a role counts from the next request on, and no longer than it
// is had; and who is disabled does nothing any more.
func TestRolesCountAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		d := newDemo(t, "memory:", engine)
		p := d.who(t, true, "ada").write("A post", "")
		c := d.who(t, true, "bob")
		try := func(want ...int) {
			t.Helper()
			var got []int
			for _, a := range []answer{c.get("/posts/" + p.ID), c.asJSON("PUT", "/posts/"+p.ID, map[string]string{"title": "Mine"}), c.get("/admin")} {
				got = append(got, a.StatusCode)
			}
			if !slices.Equal(got, want) {
				t.Errorf("reading, editing, administering: %v, want %v", got, want)
			}
		}
		try(404, 404, 403)
		d.grant(t, c.id(), "viewer")
		try(200, 403, 403)
		d.grant(t, c.id(), "admin")
		try(200, 200, 200)
		d.revoke(t, c.id(), "admin")
		try(200, 403, 403)
		d.grant(t, c.id(), "nonsense")
		try(200, 403, 403)
		if err := d.site.roles.Grant(t.Context(), rbac.Grant{UserID: c.id(), Role: "admin", Tenant: "elsewhere"}); err != nil {
			t.Fatal(err)
		}
		try(200, 403, 403)
		if err := d.site.roles.Grant(t.Context(), rbac.Grant{UserID: c.id(), Role: "editor", Object: "post/" + p.ID}); err != nil {
			t.Fatal(err)
		}
		try(200, 200, 403)
		id := c.id()
		d.grant(t, id, "admin")
		d.disable(t, id, true)
		try(401, 401, 401)
		d.disable(t, id, false)
		try(401, 401, 401) // the session has ended
	})
}

// disable disables somebody, or lets them in again.
func (d *demo) disable(t testing.TB, id string, disabled bool) {
	t.Helper()
	users, ok := d.users.UserLoader.(interface {
		SetDisabled(ctx context.Context, id string, disabled bool) error
	})
	if !ok {
		t.Fatalf("%T cannot disable users", d.users.UserLoader)
	}
	if err := users.SetDisabled(t.Context(), id, disabled); err != nil {
		t.Fatal(err)
	}
	if m, ok := d.users.UserLoader.(*memoryUsers); ok && disabled { // as bunstore does by itself
		if err := m.SetVersion(t.Context(), id, "disabled"); err != nil {
			t.Fatal(err)
		}
	}
}

// brokenRoles cannot be reached.
type brokenRoles struct {
	assignments
	broken bool
}

func (b *brokenRoles) Grants(ctx context.Context, userID string) ([]rbac.Grant, int64, error) {
	if b.broken {
		return nil, 0, errors.New("the roles are away")
	}
	return b.assignments.Grants(ctx, userID)
}

// TestRolesAway: an outage is never a yes, and says nothing of what is there.
func TestRolesAway(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		broken := new(brokenRoles)
		d := newDemo(t, "memory:", engine, func(c *config) {
			open := c.open
			if open == nil {
				open = openStore
			}
			c.open = func(ctx context.Context, dsn string) (kept, error) {
				k, err := open(ctx, dsn)
				broken.assignments = k.roles
				k.roles = broken
				return k, err
			}
		})
		d.expected = "the roles are away"
		p := d.who(t, true, "ada").write("A post", "")
		for _, js := range []bool{true, false} {
			admin := d.who(t, js, fmt.Sprintf("admin-%t", js), "admin")
			for range 2 {
				for _, path := range []string{"/posts/" + p.ID, "/posts", "/admin"} {
					want := 200
					if broken.broken {
						want = 503
					}
					if a := admin.get(path); a.StatusCode != want || broken.broken && (strings.Contains(a.body, "A post") || strings.Contains(a.body, "away")) {
						t.Errorf("%s: want %d: %s", path, want, a)
					}
				}
				if broken.broken {
					for _, a := range []answer{
						admin.asJSON("PUT", "/posts/"+p.ID, map[string]string{"title": "Mine"}), admin.asJSON("DELETE", "/posts/"+p.ID, nil),
						admin.asJSON("POST", "/admin/roles", map[string]string{"user": admin.id(), "role": "editor", "do": "grant"}),
					} {
						if a.StatusCode != 503 {
							t.Errorf("%s %s: %s", a.Request.Method, a.Request.URL.Path, a)
						}
					}
					if a := admin.get("/me"); a.StatusCode != 200 {
						t.Errorf("/me: %s", a)
					}
				}
				broken.broken = !broken.broken
			}
			broken.broken = false
		}
	})
}

// sendSlowly sends a beginning of the JSON, and waits for it to be past the guard. Rest
// sends what is left, and status gets what is answered, 0 for nothing.
func sendSlowly(t *testing.T, c *client, method, url, body string) (rest func(), status <-chan int) {
	t.Helper()
	r, w := io.Pipe()
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = c.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	answered := make(chan int, 1)
	go func() {
		resp, err := c.client.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	if _, err := io.WriteString(w, body[:5]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	return func() {
		_, _ = io.WriteString(w, body[5:]) // it may have been refused already
		w.Close()
	}, answered
}

// TestSlowPosts: who is logged out while they send has not sent anything.
func TestSlowPosts(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.proxies = loopback })
	for path, body := range map[string]string{"/posts": `{"title":"Slow"}`, "/admin/roles": `{"user":"%s","role":"viewer","do":"grant"}`} {
		c := d.who(t, true, "slow"+path[1:4], "admin")
		id := c.id()
		body = strings.Replace(body, "%s", id, 1)
		rest, status := sendSlowly(t, c, "POST", d.URL+path, body)
		if err := d.site.manager.RevokeUserSessions(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		rest()
		if got := <-status; got != 401 {
			t.Errorf("%s: %d", path, got)
		}
		if g, _, err := d.site.roles.Grants(t.Context(), id); err != nil || len(g) != 1 {
			t.Errorf("%s: %v, %v", path, g, err)
		}
	}
	if list, err := d.site.posts.List(t.Context(), policy.All(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestSlowAdmins: who is no admin any more when they have sent it all has not granted
// anything. Otherwise they would keep a request open, and take the role back.
func TestSlowAdmins(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.proxies = loopback })
	other := d.who(t, true, "other", "admin")
	for path, body := range map[string]string{"/admin/roles": `{"user":"%s","role":"admin","do":"grant"}`, "/admin/sessions": `{"user":"%s"}`} {
		c := d.who(t, true, "slow"+path[7:9], "admin")
		id := c.id()
		target := id
		if path == "/admin/sessions" {
			target = other.id()
		}
		body = strings.Replace(body, "%s", target, 1)
		rest, status := sendSlowly(t, c, "POST", d.URL+path, body)
		d.revoke(t, id, "admin")
		rest()
		if got := <-status; got != 403 {
			t.Errorf("%s: %d", path, got)
		}
		if g, _, err := d.site.roles.Grants(t.Context(), id); err != nil || len(g) != 0 {
			t.Errorf("%s: %v, %v", path, g, err)
		}
	}
	if !other.in() {
		t.Error("somebody was logged out")
	}
}

// TestSlowEditors: who is no editor any more when they have sent it all has not changed
// anything.
func TestSlowEditors(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		d := newDemo(t, "memory:", engine)
		p := d.who(t, true, "author").write("A post", "")
		c := d.who(t, true, "slow", "editor")
		rest, status := sendSlowly(t, c, "PUT", d.URL+"/posts/"+p.ID, `{"title":"Changed"}`)
		d.revoke(t, c.id(), "editor")
		rest()
		if got := <-status; got != 403 {
			t.Errorf("told %d, want 403", got)
		}
		if now, err := d.site.posts.Load(t.Context(), p.ID); err != nil || now.Title != "A post" {
			t.Errorf("%v, %v", now, err)
		}
	})
}

// TestPostsFromElsewhere: another site cannot write, change or delete with somebody's
// session.
func TestPostsFromElsewhere(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.proxies = loopback })
	c := d.who(t, false, "ada", "admin")
	other := d.who(t, false, "bob")
	p := c.write("A post", "")
	for _, path := range []string{"/posts", "/posts/" + p.ID + "/edit", "/posts/" + p.ID + "/delete", "/admin/roles", "/admin/sessions", "/admin/first"} {
		_, body := c.encode("title", "Evil", "user", other.id(), "role", "admin", "do", "grant")
		for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
			if a := c.do("POST", path, "application/x-www-form-urlencoded", body, from...); a.StatusCode != 403 {
				t.Errorf("POST %s with %v: %s", path, from, a)
			}
		}
	}
	for _, method := range []string{"PUT", "DELETE"} {
		if a := c.do(method, "/posts/"+p.ID, "application/json", `{"title":"Evil"}`, "Origin", "https://evil.example"); a.StatusCode != 403 {
			t.Errorf("%s: %s", method, a)
		}
	}
	if got := c.titles(); !slices.Equal(got, []string{"A post"}) || !other.in() || other.get("/admin").StatusCode != 403 {
		t.Errorf("after all that: %q", got)
	}
}

// TestKeysAreLimited: a key does what its scopes say, of what its user may.
func TestKeysAreLimited(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine func(*config)) {
		d := newDemo(t, "memory:", engine)
		owner, viewer, admin := d.who(t, true, "owner"), d.who(t, true, "viewer", "viewer"), d.who(t, true, "admin", "admin")
		key := func(c *client, scopes string) *client {
			t.Helper()
			a := c.asJSON("POST", "/auth/keys", map[string]string{"name": "a key", "scopes": scopes})
			text := keyRE.FindString(a.body)
			if a.StatusCode != 201 || text == "" {
				t.Fatalf("a key: %s", a)
			}
			program := d.client(t, true)
			program.header.Set("Authorization", "Bearer "+text)
			return program
		}
		all := "posts:list posts:read posts:create posts:edit posts:delete"
		for _, tt := range []struct {
			name string
			c    *client
			// of the list, reading, writing, editing and deleting; /admin, /me
			want [7]int
		}{
			{"owner's, for all", key(owner, all), [7]int{200, 200, 201, 200, 204, 403, 200}},
			{"owner's, for reading", key(owner, "posts:read"), [7]int{403, 200, 403, 403, 403, 403, 200}},
			{"owner's, for editing", key(owner, "posts:read posts:edit"), [7]int{403, 200, 403, 200, 403, 403, 200}},
			{"owner's, for editing what it cannot read", key(owner, "posts:edit"), [7]int{403, 404, 403, 404, 404, 403, 200}},
			{"owner's, for nothing", key(owner, ""), [7]int{403, 404, 403, 404, 404, 403, 200}},
			{"viewer's, for deleting", key(viewer, "posts:read posts:delete"), [7]int{403, 200, 403, 403, 403, 403, 200}},
			{"viewer's, for all", key(viewer, all), [7]int{200, 200, 201, 403, 403, 403, 200}},
			{"admin's, for reading", key(admin, "posts:read"), [7]int{403, 200, 403, 403, 403, 403, 200}},
			{"admin's, for all", key(admin, all), [7]int{200, 200, 201, 200, 204, 403, 200}},
		} {
			p := owner.write("A post", "")
			title := map[string]string{"title": "Changed"}
			for i, a := range []answer{
				tt.c.get("/posts"), tt.c.get("/posts/" + p.ID), tt.c.asJSON("POST", "/posts", title), tt.c.asJSON("PUT", "/posts/"+p.ID, title),
				tt.c.asJSON("DELETE", "/posts/"+p.ID, nil), tt.c.get("/admin"), tt.c.get("/me"),
			} {
				if a.StatusCode != tt.want[i] {
					t.Errorf("%s: %s %s: want %d: %s", tt.name, a.Request.Method, a.Request.URL.Path, tt.want[i], a)
				}
			}
			// It cannot make itself more.
			for _, a := range []answer{tt.c.asJSON("POST", "/auth/keys", map[string]string{"name": "x", "scopes": all}),
				tt.c.asJSON("POST", "/admin/roles", map[string]string{"user": owner.id(), "role": "admin", "do": "grant"})} {
				if a.StatusCode != 403 {
					t.Errorf("%s: %s: %s", tt.name, a.Request.URL.Path, a)
				}
			}
		}
		// A list by a key has nothing that the key may not read.
		if got := key(viewer, "posts:list").titles(); len(got) != 0 {
			t.Errorf("a key for lists only lists %q", got)
		}
		if got := key(viewer, "posts:list posts:read").titles(); len(got) == 0 {
			t.Error("a key for reading reads nothing")
		}
		d.revoke(t, viewer.id(), "viewer")
		if got := key(viewer, "posts:list posts:read").titles(); slices.Contains(got, "A post") {
			t.Errorf("a key outlives the role: %q", got)
		}
	})
}

// TestPolicyFolder: the policy is read from a folder, new versions of it are taken, and
// broken ones are not.
func TestPolicyFolder(t *testing.T) {
	// What the engine decides by, and what takes from editors that they edit.
	files := map[string]struct{ name, old, new string }{
		"rbac":   {"roles.yaml", "permissions: [posts:edit]", "permissions: []"},
		"casbin": {"policy.csv", "p, role:editor, posts:edit\n", ""},
		"cedar":  {"site.cedar", `permit (principal is User in Role::"editor"`, `permit (principal is User in Role::"nobody"`},
		"opa":    {"site.rego", `"editor": {"posts:read", "posts:edit"}`, `"editor": {"posts:read"}`},
	}
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := os.CopyFS(folder, mustSub(t)); err != nil {
				t.Fatal(err)
			}
			d := newDemo(t, "memory:", func(c *config) { c.authz, c.policy, c.proxies = engine, folder, loopback })
			d.expected = "policy"
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for _, run := range d.site.run {
				go run(ctx)
			}
			p := d.who(t, true, "ada").write("A post", "")
			c := d.who(t, true, "editor", "editor")
			await := func(what string, ok func() bool) {
				t.Helper()
				for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("%s never comes: %s", what, d.log.String())
					}
				}
			}
			edit := func() int {
				return c.asJSON("PUT", "/posts/"+p.ID, map[string]string{"title": "Changed"}).StatusCode
			}
			if got := edit(); got != 200 {
				t.Fatalf("editing: %d", got)
			}
			f := files[engine]
			good, err := os.ReadFile(filepath.Join(folder, f.name))
			if err != nil || !strings.Contains(string(good), f.old) {
				t.Fatalf("%v: %s has no %q", err, f.name, f.old)
			}
			replace := func(with string) {
				t.Helper()
				name := filepath.Join(folder, f.name)
				if err := errors.Join(os.WriteFile(name+".new", []byte(with), 0o600), os.Rename(name+".new", name)); err != nil {
					t.Fatal(err)
				}
			}
			replace("this is ( no policy\n# end of policy\n")
			await("a word about the broken policy", func() bool { return strings.Contains(d.log.String(), "level=ERROR") })
			if got := edit(); got != 200 {
				t.Errorf("editing by the broken policy: %d", got)
			}
			replace(strings.Replace(string(good), f.old, f.new, 1))
			await("the stricter policy", func() bool { return edit() == 403 })
			replace(string(good))
			await("the old policy", func() bool { return edit() == 200 })
		})
	}
	t.Run("no folder", func(t *testing.T) {
		for _, engine := range engines {
			c, err := parse([]string{"-db", "memory:", "-oauth", "off", "-authz", engine, "-policy", filepath.Join(t.TempDir(), "missing")})
			if err != nil {
				t.Fatal(err)
			}
			if s, err := newSite(t.Context(), c, "http://localhost", nil); err == nil || !strings.Contains(err.Error(), "-policy") {
				t.Errorf("%s: %v, %v", engine, s, err)
			}
		}
	})
}

func mustSub(t testing.TB) fs.FS {
	t.Helper()
	sub, err := fs.Sub(policies, "policy")
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// TestPoliciesAreThose: the demo decides by the files that the engines' own tests have.
func TestPoliciesAreThose(t *testing.T) {
	for name, contrib := range map[string]string{"roles.yaml": "rbac", "model.conf": "casbin", "policy.csv": "casbin", "site.cedar": "cedar", "site.rego": "opa"} {
		theirs, err := os.ReadFile(filepath.Join("..", "..", "contrib", contrib, "testdata", "policy", name))
		if err != nil {
			t.Error(err)
			continue
		}
		ours, err := os.ReadFile(filepath.Join("policy", name))
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("%s is another than that of contrib/%s: %v", name, contrib, err)
		}
	}
}
