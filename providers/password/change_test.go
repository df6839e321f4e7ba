package password_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

const newPassword = "a wholly different one"

func TestChange(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	here, there := s.client(), s.client()
	for _, c := range []*client{here, there} {
		c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	}
	for _, tt := range []struct {
		name   string
		sent   fields
		status int
		code   string
		field  any
	}{
		{"no current", fields{"password": newPassword}, 422, "invalid_field", "current"},
		{"blank current", fields{"current": "", "password": newPassword}, 422, "invalid_field", "current"},
		{"wrong current", fields{"current": "something else", "password": newPassword}, 401, "bad_credentials", "current"},
		{"no new", fields{"current": goodPassword}, 422, "invalid_field", "password"},
		{"short new", fields{"current": goodPassword, "password": "short"}, 422, "password_too_short", "password"},
	} {
		before := s.stored(id)
		r := here.json("/password", tt.sent)
		if r.Code != tt.status || r.code() != tt.code || r.body["field"] != tt.field {
			t.Errorf("%s: %d %s", tt.name, r.Code, r.text)
		}
		if after := s.stored(id); after.Version != before.Version {
			t.Errorf("%s: the hash was changed", tt.name)
		}
	}
	old := here.cookies["__Host-sid"]
	if r := here.json("/password", fields{"current": goodPassword, "password": newPassword}); r.Code != 200 || r.body["user_id"] != id {
		t.Fatalf("change: %d %s", r.Code, r.text)
	}
	if !here.loggedIn() || here.cookies["__Host-sid"] == old {
		t.Error("the session that changed the password is gone, or kept its ID")
	}
	if there.loggedIn() {
		t.Error("another session lives on")
	}
	if c := s.stored(id); c.Generation != 2 {
		t.Errorf("generation %d", c.Generation)
	}
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 401 {
		t.Errorf("the old password: %d", r.Code)
	}
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": newPassword}); r.Code != 200 {
		t.Errorf("the new password: %d", r.Code)
	}
	if r := s.client().json("/password", fields{"current": newPassword, "password": goodPassword}); r.Code != 401 || r.code() != "unauthenticated" {
		t.Errorf("nobody: %d %s", r.Code, r.text)
	}
	if r := here.form("/password", fields{"current": newPassword, "password": goodPassword}); r.Code != http.StatusSeeOther {
		t.Errorf("by a form: %d %s", r.Code, r.text)
	}
}

// A change counts under a scope of its own; right guesses do not add up.
func TestChangeLimit(t *testing.T) {
	s := newSite(t, nil, tenFree)
	s.register("ada@example.com", goodPassword)
	c := s.client()
	c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	for range 8 {
		for range 2 {
			if r := c.json("/password", fields{"current": goodPassword, "password": "short"}); r.Code != 422 {
				t.Fatalf("%d %s", r.Code, r.text)
			}
		}
	}
	for i := range 12 {
		r := c.json("/password", fields{"current": "something else", "password": newPassword})
		if want := map[bool]int{true: 401, false: 429}[i < 10]; r.Code != want {
			t.Errorf("guess %d: %d %s", i+1, r.Code, r.text)
		}
	}
	if r := c.json("/password", fields{"current": goodPassword, "password": newPassword}); r.Code != 429 {
		t.Errorf("right while limited: %d %s", r.Code, r.text)
	}
	other := s.client()
	if r := other.json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
		t.Errorf("a login meanwhile: %d %s", r.Code, r.text)
	}
}

func TestConfirm(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	c := s.client()
	c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	s.advance(30 * 60e9)
	for _, tt := range []struct {
		sent   fields
		status int
		code   string
	}{
		{fields{}, 422, "invalid_field"},
		{fields{"password": "something else"}, 401, "bad_credentials"},
		{fields{"password": strings.Repeat("x", 2000)}, 401, "bad_credentials"},
	} {
		if r := c.json("/confirm", tt.sent); r.Code != tt.status || r.code() != tt.code || r.body["field"] != "password" {
			t.Errorf("%v: %d %s", tt.sent, r.Code, r.text)
		}
	}
	old := c.cookies["__Host-sid"]
	if r := c.json("/confirm", fields{"password": goodPassword, "next": "/settings"}); r.Code != 200 || r.body["user_id"] != id || r.body["next"] != "/settings" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if c.cookies["__Host-sid"] == old || !c.loggedIn() {
		t.Error("the session's ID was not changed")
	}
	if r := c.form("/confirm", fields{"password": goodPassword, "next": "/settings"}); r.Code != 303 || r.Header().Get("Location") != "/settings" {
		t.Errorf("by a form: %d %v", r.Code, r.Header())
	}
	if r := c.form("/confirm", fields{"password": "something else", "next": "/settings"}); r.Code != 401 || r.body["page"] != "confirm" || r.body["next"] != "/settings" {
		t.Errorf("wrong, by a form: %d %s", r.Code, r.text)
	}
	if r := s.client().json("/confirm", fields{"password": goodPassword}); r.Code != 401 || r.code() != "unauthenticated" {
		t.Errorf("nobody: %d %s", r.Code, r.text)
	}
}

func TestNoPassword(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	c := s.client()
	c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	cred := s.stored(id)
	if err := s.store.ChangeCredentials(t.Context(), auth.Change{Old: &cred}); err != nil {
		t.Fatal(err)
	}
	for _, current := range []string{goodPassword, "null", "neither the password of anybody nor one that is too long"} {
		if r := c.json("/password", fields{"current": current, "password": newPassword}); r.Code != 409 || r.code() != "no_password" {
			t.Errorf("%q: %d %s", current, r.Code, r.text)
		}
		if r := c.json("/confirm", fields{"password": current}); r.Code != 409 || r.code() != "no_password" {
			t.Errorf("confirm: %d %s", r.Code, r.text)
		}
	}
	// An administrator may give them one.
	if err := s.provider.Set(t.Context(), id, newPassword); err != nil {
		t.Fatal(err)
	}
	if c.loggedIn() {
		t.Error("a session lives on")
	}
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": newPassword}); r.Code != 200 {
		t.Errorf("%d %s", r.Code, r.text)
	}
}

// Of two changes that both knew the old password, one is made.
func TestChangesMeet(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	s.provider.Verify(t.Context(), "ada@example.com", goodPassword)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.provider.Change(t.Context(), id, goodPassword, newPassword) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch code := codeOf(err); code {
		case "":
			won++
		case "conflict", "bad_credentials":
		default:
			t.Error(err)
		}
	}
	if c := s.stored(id); won != 1 || c.Generation != 2 {
		t.Errorf("%d changes were made; generation %d", won, c.Generation)
	}
}

// A change that verified the old password does not overwrite one that was set
// in between, also if it has replaced the hash itself.
func TestChangeAfterUpgrade(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	h := &hookHasher{Hasher: quickArgon}
	s = s.reopen(&password.Options{Hasher: h})
	if _, err := s.provider.Change(t.Context(), id, goodPassword, newPassword); err != nil {
		t.Fatalf("change of a password whose hash was due: %v", err)
	}
	var once sync.Once
	h.hash = func() error {
		once.Do(func() {
			c := s.stored(id)
			next := c
			next.Generation++
			if err := s.m.ChangeCredentials(context.Background(), id, auth.Change{Old: &c, New: &next}); err != nil {
				t.Error(err)
			}
		})
		return nil
	}
	if _, err := s.provider.Change(t.Context(), id, newPassword, goodPassword); codeOf(err) != "conflict" {
		t.Errorf("error %v", err)
	}
}

// Hooks and checks are the same whichever way one comes.
func TestValidateHook(t *testing.T) {
	outage := errors.New("directory down")
	var got []auth.Profile
	s := newSite(t, &password.Options{Validate: func(_ context.Context, p auth.Profile) error {
		got = append(got, p)
		switch {
		case strings.HasSuffix(p.Email, "@example.org"):
			return &auth.Problem{Status: 422, Code: "not_invited", Field: "email", Detail: "Not you."}
		case strings.HasSuffix(p.Email, "@example.net"):
			return outage
		}
		return nil
	}})
	sent := fields{"email": " Ada@example.org ", "password": goodPassword, "name": " Ada "}
	_, err := s.provider.Register(t.Context(), auth.Profile{Email: " Ada@example.org ", Name: " Ada "}, goodPassword)
	if codeOf(err) != "not_invited" {
		t.Errorf("Go: %v", err)
	}
	if r := s.client().json("/register", sent); r.Code != 422 || r.code() != "not_invited" || r.body["field"] != "email" {
		t.Errorf("JSON: %d %s", r.Code, r.text)
	}
	if r := s.client().form("/register", sent); r.Code != 422 || r.code() != "not_invited" || r.body["field"] != "email" {
		t.Errorf("form: %d %s", r.Code, r.text)
	}
	for i, p := range got {
		if p != (auth.Profile{Email: "Ada@example.org", Name: "Ada"}) {
			t.Errorf("profile %d is %+v", i, p)
		}
	}
	if len(got) != 3 {
		t.Errorf("asked %d times", len(got))
	}
	if _, err := s.provider.Register(t.Context(), auth.Profile{Email: "ada@example.net"}, goodPassword); !errors.Is(err, outage) {
		t.Errorf("outage: %v", err)
	}
	if r := s.client().json("/register", fields{"email": "ada@example.net", "password": goodPassword}); r.Code != 503 {
		t.Errorf("outage: %d", r.Code)
	}
	if r := s.client().json("/register", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 201 {
		t.Errorf("invited: %d %s", r.Code, r.text)
	}
}

// An address that two people register at the same time is one's.
func TestRegisterRace(t *testing.T) {
	s := newSite(t, nil)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.provider.Register(t.Context(), auth.Profile{Email: "ada@example.com"}, goodPassword)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if code := codeOf(err); code == "" {
			won++
		} else if code != "taken" {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d registrations", won)
	}
}

// notes is an auth.Flashes that writes down what it is given.
type notes []auth.Flash

func (n *notes) Add(_ http.ResponseWriter, _ *http.Request, f auth.Flash) error {
	*n = append(*n, f)
	return nil
}

func (n *notes) Take(http.ResponseWriter, *http.Request) ([]auth.Flash, error) { return nil, nil }

// Who has changed the password is told so on the page that comes next; a refusal is
// told at once, and a client that is answered in JSON sees no page.
func TestChangeFlashes(t *testing.T) {
	var told notes
	s := newSite(t, nil, func(o *auth.Options) { o.Flashes = &told })
	s.register("ada@example.com", goodPassword)
	c := s.client()
	c.form("/login", fields{"email": "ada@example.com", "password": goodPassword})
	if r := c.form("/password", fields{"current": "something else", "password": newPassword}); r.Code != 401 || len(told) != 0 {
		t.Errorf("a wrong password: %d, told %v", r.Code, told)
	}
	if r := c.form("/password", fields{"current": goodPassword, "password": newPassword}); r.Code != 303 ||
		len(told) != 1 || told[0] != (auth.Flash{ID: "password.changed", Category: "success"}) {
		t.Errorf("a change: %d, told %v", r.Code, told)
	}
	told = nil
	if r := c.json("/password", fields{"current": newPassword, "password": goodPassword}); r.Code != 200 || len(told) != 0 {
		t.Errorf("a change in JSON: %d, told %v", r.Code, told)
	}
}
