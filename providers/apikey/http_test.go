package apikey_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
)

// A program makes a key, lists, renames and revokes it.
func TestJSON(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{Scopes: scopes()})
		c := s.client("ada")
		r := c.json("/auth/keys", `{"name": "deploy", "days": 30, "scopes": ["admin", "orders:read"]}`)
		var made apikey.Created
		if err := json.Unmarshal([]byte(r.text), &made); err != nil || r.Code != http.StatusCreated || r.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s, %v", r.Code, r.Header(), r.text, err)
		}
		want := map[string]any{"id": made.ID, "name": "deploy", "prefix": "gk_" + made.ID, "scopes": []any{"orders:read", "admin"},
			"created_at": "2026-05-12T08:00:00Z", "expires_at": "2026-06-11T08:00:00Z"}
		with := map[string]any{"key": made.Secret}
		for k, v := range want {
			with[k] = v
		}
		if !reflect.DeepEqual(r.body, with) {
			t.Errorf("made %s", r.text)
		}
		if r.Header().Get("Location") != "" || len(r.Result().Cookies()) != 0 {
			t.Errorf("the key may be elsewhere, too: %v", r.Header())
		}
		if got := s.status(made.Secret); got != 200 {
			t.Fatalf("the key: %d", got)
		}

		want["used_at"] = "2026-05-12T08:00:00Z"
		offered := []any{map[string]any{"name": "orders:read", "description": "Read orders"},
			map[string]any{"name": "orders:write", "description": "Change orders"}, map[string]any{"name": "admin"}}
		r = c.get("/auth/keys")
		if r.Code != 200 || !reflect.DeepEqual(r.body, map[string]any{"keys": []any{want}, "scopes": offered}) || r.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("the list: %d %s", r.Code, r.text)
		}

		if r := c.json("/auth/keys/rename", `{"id": "`+made.ID+`", "name": "release"}`); r.Code != 200 {
			t.Errorf("renaming: %d %s", r.Code, r.text)
		}
		if got := s.list("ada"); len(got) != 1 || got[0].Name != "release" {
			t.Errorf("renamed: %+v", got)
		}
		if r := c.json("/auth/keys/revoke", `{"id": "`+made.ID+`"}`); r.Code != 200 {
			t.Errorf("revoking: %d %s", r.Code, r.text)
		}
		if got := s.status(made.Secret); got != 401 {
			t.Errorf("revoked: %d", got)
		}
		if r := c.get("/auth/keys"); !reflect.DeepEqual(r.body, map[string]any{"keys": []any{}, "scopes": offered}) {
			t.Errorf("the empty list: %s", r.text)
		}
	})
}

// Without scopes a key has none, which is not the same as being limited to none.
func TestJSONWithoutScopes(t *testing.T) {
	s := newSite(t, &apikey.Options{InsecureNoExpiry: true})
	c := s.client("ada")
	r := c.json("/auth/keys", `{"name": "all", "days": "never"}`)
	if v, ok := r.body["scopes"]; r.Code != 201 || !ok || v != nil || r.body["expires_at"] != nil {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if r := c.get("/auth/keys"); !strings.HasSuffix(strings.TrimSpace(r.text), `"scopes":[]}`) || !strings.Contains(r.text, `"scopes":null`) {
		t.Errorf("the list: %s", r.text)
	}
}

// A browser sees the form, gets the key on the answer to it and on no other page,
// and comes back to the list after each change.
func TestBrowser(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{Scopes: scopes()})
		c := s.client("ada")
		if r := c.html("/auth/keys"); r.Code != 200 || !strings.Contains(r.text, `name="scope:orders:read"`) || !strings.Contains(r.text, "You have no keys.") ||
			!strings.Contains(r.text, `value="90"`) || !strings.Contains(r.text, `maxlength="60"`) {
			t.Errorf("the page: %d %s", r.Code, r.text)
		}
		r := c.form("/auth/keys", "name", "deploy & co", "days", "7", "scope:orders:read", "true", "scope:admin", "")
		keys := s.list("ada")
		if r.Code != http.StatusCreated || len(keys) != 1 || !strings.Contains(r.text, "deploy &amp; co") || !strings.Contains(r.text, "not shown again") {
			t.Fatalf("making one: %d %s", r.Code, r.text)
		}
		at := strings.Index(r.text, "<code>"+keys[0].Prefix+"_")
		if at < 0 {
			t.Fatalf("the key is not on the page: %s", r.text)
		}
		secret, _, _ := strings.Cut(r.text[at+len("<code>"):], "</code>")
		if got := s.status(secret); got != 200 {
			t.Errorf("the key %q: %d", secret, got)
		}
		if r.Header().Get("Cache-Control") != "no-store" || r.Header().Get("Location") != "" || len(r.Result().Cookies()) != 0 {
			t.Errorf("the key may be kept or be elsewhere, too: %v", r.Header())
		}
		if !reflect.DeepEqual(keys[0].Scopes, []string{"orders:read"}) || !keys[0].ExpiresAt.Equal(t0.Add(7*24*time.Hour)) {
			t.Errorf("made %+v", keys[0])
		}
		if r := c.html("/auth/keys"); strings.Contains(r.text, secret) || !strings.Contains(r.text, keys[0].Prefix) || !strings.Contains(r.text, "deploy &amp; co") {
			t.Errorf("the list: %s", r.text)
		}
		for _, step := range [][]string{{"key.renamed", "/auth/keys/rename", "id", keys[0].ID, "name", "x"}, {"key.revoked", "/auth/keys/revoke", "id", keys[0].ID}} {
			if r := c.form(step[1], step[2:]...); r.Code != 303 || r.Header().Get("Location") != "/auth/keys" {
				t.Errorf("%s: %d, to %q", step[1], r.Code, r.Header().Get("Location"))
			}
			if n := len(s.messages); n == 0 || s.messages[n-1] != step[0] {
				t.Errorf("messages: %q, want %s last", s.messages, step[0])
			}
		}
		if len(s.messages) != 2 {
			t.Errorf("messages: %q; want none about a new key", s.messages)
		}
		if r := c.html("/auth/account"); !strings.Contains(r.text, `href="/auth/keys"`) {
			t.Error("the account page does not lead to the keys")
		}
	})
}

// What is wrong is said where it was typed, and what was typed is there again.
func TestRefusals(t *testing.T) {
	s := newSite(t, &apikey.Options{Scopes: scopes(), PerUser: 2})
	made := s.create("ada", apikey.NewKey{})
	c := s.client("ada")
	for _, tt := range []struct {
		path, body string
		status     int
		code       string
		field      string
	}{
		{"", `{}`, 422, "invalid_field", "name"},
		{"", `{"name": "x", "days": 0}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": 367}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": -1}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": 1.5}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": 1e2}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": 99999999999999999999}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": 18446744073709551617}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": 213504}`, 422, "invalid_field", "days"}, // as nanoseconds, half an hour too many for 64 bits
		{"", `{"name": "x", "days": "soon"}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "days": "never"}`, 422, "invalid_field", "days"},
		{"", `{"name": "x", "scopes": ["root"]}`, 422, "invalid_field", "scopes"},
		{"", `{"name": "x", "scopes": "admin root"}`, 422, "invalid_field", "scopes"},
		{"", `{"name": "x", "scopes": {"admin": true}}`, 422, "invalid_field", "scopes"},
		{"", `{"name": ["x"]}`, 422, "invalid_field", "name"},
		{"", `{"name": "x", "name": "y"}`, 400, "malformed", "name"},
		{"", `{`, 400, "malformed", ""},
		{"/rename", `{"id": "` + made.ID + `"}`, 422, "invalid_field", "name"},
		{"/rename", `{"name": "x"}`, 404, "not_found", ""},
		{"/revoke", `{}`, 404, "not_found", ""},
		{"/revoke", `{"id": 1}`, 422, "invalid_field", "id"},
	} {
		r := c.json("/auth/keys"+tt.path, tt.body)
		field, _ := r.body["field"].(string)
		if r.Code != tt.status || r.code() != tt.code || field != tt.field {
			t.Errorf("%s %s: %d %s, want %d %s %s", tt.path, tt.body, r.Code, r.text, tt.status, tt.code, tt.field)
		}
	}
	if keys := s.list("ada"); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
	r := c.form("/auth/keys", "name", "my report", "days", "soon", "scope:admin", "true")
	if r.Code != 422 || !strings.Contains(r.text, `value="my report"`) || !strings.Contains(r.text, `value="soon"`) || !strings.Contains(r.text, ` checked`) ||
		!strings.Contains(r.text, `aria-invalid="true" aria-describedby="apikey-days-error`) {
		t.Errorf("a form that was refused: %d %s", r.Code, r.text)
	}
	r = c.form("/auth/keys/rename", "id", made.ID, "name", "")
	if r.Code != 422 || strings.Contains(r.text, `action="/auth/keys"`) || !strings.Contains(r.text, "Give the key a name.") && !strings.Contains(r.text, "cannot be used") {
		t.Errorf("a name that was refused: %d %s", r.Code, r.text)
	}
	s.create("ada", apikey.NewKey{})
	if r := c.json("/auth/keys", `{"name": "x"}`); r.Code != 409 || r.code() != "too_many_keys" {
		t.Errorf("one too many: %d %s", r.Code, r.text)
	}
	if r := c.form("/auth/keys", "name", "x"); r.Code != 409 || !strings.Contains(r.text, "cannot have more keys") && !strings.Contains(r.text, "cannot have more") {
		t.Errorf("one too many, in a browser: %d %s", r.Code, r.text)
	}
}

// The routes, with what they would do if they could.
func routes(id string) map[string]func(c *client) reply {
	return map[string]func(c *client) reply{
		"list":   func(c *client) reply { return c.get("/auth/keys") },
		"create": func(c *client) reply { return c.json("/auth/keys", `{"name": "x"}`) },
		"rename": func(c *client) reply { return c.json("/auth/keys/rename", `{"id": "`+id+`", "name": "x"}`) },
		"revoke": func(c *client) reply { return c.json("/auth/keys/revoke", `{"id": "`+id+`"}`) },
	}
}

// queryUser is another loader.
type queryUser struct{}

func (queryUser) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if id := r.Header.Get("X-User"); id != "" {
		return &auth.Identity{UserID: id}, nil
	}
	return nil, auth.ErrNoCredentials
}

// A key cannot manage keys, nor can anything else that comes with a request, with a
// session beside it or without.
func TestOnlyWithSession(t *testing.T) {
	s := newSite(t, nil, func(o *auth.Options) { o.Loaders = append(o.Loaders, queryUser{}) })
	made := s.create("ada", apikey.NewKey{Name: "as it was"})
	for name, call := range routes(made.ID) {
		for what, header := range map[string][]string{"a key": {"Authorization", "Bearer " + made.Secret}, "another credential": {"X-User", "ada"}} {
			for _, user := range []string{"", "ada"} {
				c := s.client(user, header...)
				s.events.Reset()
				if r := call(c); r.Code != 403 || r.code() != "forbidden" {
					t.Errorf("%s by %s, session of %q: %d %s", name, what, user, r.Code, r.text)
				}
				if e := s.events.Named("forbidden"); len(e) != 1 || e[0].UserID != "ada" {
					t.Errorf("%s by %s: events %+v", name, what, s.events.Events())
				}
			}
		}
		if r := call(s.client("", "Authorization", "Bearer gk_x")); r.Code != 401 || r.code() != "bad_credentials" {
			t.Errorf("%s by a bad key: %d %s", name, r.Code, r.text)
		}
		if r := call(s.client("")); r.Code != 401 || r.code() != "unauthenticated" {
			t.Errorf("%s by nobody: %d %s", name, r.Code, r.text)
		}
	}
	if keys := s.list("ada"); len(keys) != 1 || keys[0].Name != "as it was" {
		t.Errorf("ada has %+v", keys)
	}
	if r := s.client("", "Authorization", "Bearer "+made.Secret).html("/auth/keys"); r.Code != 403 || strings.Contains(r.text, "as it was") {
		t.Errorf("in a browser: %d %s", r.Code, r.text)
	}
}

// No field, parameter or header says whose keys they are: the session does.
func TestNothingSelectsTheUser(t *testing.T) {
	s := newSite(t, nil)
	hers := s.create("ada", apikey.NewKey{Name: "hers"})
	const more = `"user_id": "ada", "userId": "ada", "userID": "ada", "user": "ada", "owner": "ada"`
	send := func(c *client, path, body string) reply {
		r := httptest.NewRequest("POST", authtest.Origin+path+"?user_id=ada&userId=ada&user=ada", strings.NewReader(body))
		for _, name := range []string{"X-User", "X-User-Id", "X-Forwarded-User"} {
			r.Header.Set(name, "ada")
		}
		r.Header.Set("Content-Type", "application/json")
		return c.send(r)
	}
	for _, path := range []string{"", "/rename", "/revoke"} {
		body := `{"id": "` + hers.ID + `", "name": "x", ` + more + `}`
		if r := send(s.client(""), "/auth/keys"+path, body); r.Code != 401 {
			t.Errorf("%s by nobody: %d %s", path, r.Code, r.text)
		}
		want := map[string]int{"": 201, "/rename": 404, "/revoke": 404}[path]
		if r := send(s.client("bob"), "/auth/keys"+path, body); r.Code != want {
			t.Errorf("%s by bob: %d %s", path, r.Code, r.text)
		}
	}
	if keys := s.list("ada"); len(keys) != 1 || keys[0].Name != "hers" {
		t.Errorf("ada has %+v", keys)
	}
	if keys := s.list("bob"); len(keys) != 1 {
		t.Errorf("bob has %+v", keys)
	}
	if r := s.client("bob").get("/auth/keys?user_id=ada&userId=ada"); strings.Contains(r.text, "hers") {
		t.Errorf("bob sees %s", r.text)
	}
}

// Making a key needs a proof that is not old; the rest does not.
func TestFresh(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("ada")
	made := s.create("ada", apikey.NewKey{})
	s.clock.Advance(10*time.Minute + time.Millisecond)
	s.events.Reset()
	r := c.json("/auth/keys", `{"name": "x"}`)
	if r.Code != 401 || r.code() != "not_fresh" || len(s.events.Named("not_fresh")) != 1 {
		t.Errorf("%d %s, events %+v", r.Code, r.text, s.events.Events())
	}
	r = c.form("/auth/keys", "name", "x")
	if to := r.Header().Get("Location"); r.Code != 303 || to != "/auth/confirm?next=%2Fauth%2Fkeys" {
		t.Errorf("in a browser: %d, to %q", r.Code, to)
	}
	if r := c.html("/auth/confirm?next=%2Fauth%2Fkeys"); r.Code != 200 {
		t.Errorf("the page to confirm: %d", r.Code)
	}
	r = c.html("/auth/keys")
	if strings.Contains(r.text, `name="days"`) || !strings.Contains(r.text, `href="/auth/confirm?next=%2Fauth%2Fkeys"`) || !strings.Contains(r.text, made.Prefix) {
		t.Errorf("the page: %s", r.text)
	}
	if n := len(s.list("ada")); n != 1 {
		t.Errorf("%d keys", n)
	}
	if r := c.json("/auth/keys/revoke", `{"id": "`+made.ID+`"}`); r.Code != 200 {
		t.Errorf("revoking: %d %s", r.Code, r.text)
	}

	s = newSite(t, &apikey.Options{Fresh: 30 * time.Minute})
	c = s.client("ada")
	s.clock.Advance(30 * time.Minute)
	if r := c.json("/auth/keys", `{"name": "x"}`); r.Code != 201 {
		t.Errorf("within the host's time: %d %s", r.Code, r.text)
	}
}

// Whoever acts as the user sees and revokes keys, and makes none: it would outlive
// what they are allowed.
func TestActor(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	c := s.client("ada")
	sessions, err := s.m.Store().UserSessions(t.Context(), "ada")
	if err != nil || len(sessions) != 1 {
		t.Fatalf("%d sessions, %v", len(sessions), err)
	}
	acting := *sessions[0]
	acting.Actor = "root"
	if err := s.m.Store().DeleteSession(t.Context(), acting.ID); err != nil {
		t.Fatal(err)
	}
	acting.Version = 0
	if err := s.m.Store().CreateSession(t.Context(), &acting); err != nil {
		t.Fatal(err)
	}
	if r := c.json("/auth/keys", `{"name": "x"}`); r.Code != 403 || r.code() != "forbidden" {
		t.Errorf("making one: %d %s", r.Code, r.text)
	}
	if r := c.json("/auth/keys/revoke", `{"id": "`+made.ID+`"}`); r.Code != 200 {
		t.Errorf("revoking one: %d %s", r.Code, r.text)
	}
	if e := s.events.Named("key.revoked"); len(e) != 1 || e[0].Actor != "root" {
		t.Errorf("events %+v", e)
	}
}

// Another site cannot make or revoke keys in a browser that is logged in.
func TestForgery(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	c := s.client("ada", "Origin", "https://elsewhere.example")
	for name, call := range routes(made.ID) {
		if r := call(c); name != "list" && (r.Code != 403 || r.code() != "cross_origin") {
			t.Errorf("%s: %d %s", name, r.Code, r.text)
		}
	}
	if r := c.get("/auth/keys"); r.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("another site can read the list")
	}
}

// An outage is one, on every route, and tells nothing.
func TestHTTPOutages(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	c := s.client("ada")
	for name, call := range routes(made.ID) {
		for _, verb := range []string{"LoadCredential", "UserCredentials", "ChangeCredentials"} {
			s.store.FailVerb(verb, errors.New("the disk is gone"))
			if r := call(c); s.store.Called(verb) > 0 && r.Code != 503 || strings.Contains(r.text, "disk") {
				t.Errorf("%s without %s: %d %s", name, verb, r.Code, r.text)
			}
			s.store.Reset()
		}
	}
	if keys := s.list("ada"); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

// A site without pages speaks JSON.
func TestWithoutPages(t *testing.T) {
	s := newSite(t, nil, func(o *auth.Options) { o.Pages = nil })
	c := s.client("ada")
	r := c.form("/auth/keys", "name", "x")
	if id, _ := r.body["id"].(string); r.Code != 201 || id == "" {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if r := c.form("/auth/keys/revoke", "id", r.body["id"].(string)); r.Code != 200 {
		t.Errorf("%d %s", r.Code, r.text)
	}
}
