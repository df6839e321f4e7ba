package password_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// oldTable is a host's users table that is older than Gatehouse: its own IDs,
// its own idea of which names are the same, a column of hashes.
type oldTable struct {
	mu   sync.Mutex
	rows []oldUser
	fail error

	nameless error  // of name
	rename   string // what name says
}

type oldUser struct{ id, login, hash string }

func (u oldUser) AuthID() string { return u.id }

func openOldTable(t testing.TB) *oldTable {
	f, err := os.Open("testdata/users.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var table oldTable
	for _, l := range lines[1:] {
		table.rows = append(table.rows, oldUser{l[0], l[1], l[2]})
	}
	return &table
}

func (o *oldTable) byID(_ context.Context, id string) (oldUser, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, u := range o.rows {
		if u.id == id {
			return u, nil
		}
	}
	return oldUser{}, auth.ErrNotFound
}

// lookUp is WHERE lower(login) = lower($1).
func (o *oldTable) lookUp(_ context.Context, login string) (userID, hash string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return "", "", o.fail
	}
	for _, u := range o.rows {
		if strings.EqualFold(u.login, login) {
			return u.id, u.hash, nil
		}
	}
	return "", "", fmt.Errorf("users: %w", auth.ErrNotFound)
}

// name is SELECT login … WHERE id = $1.
func (o *oldTable) name(ctx context.Context, userID string) (login string, err error) {
	u, err := o.byID(ctx, userID)
	if o.rename != "" {
		u.login = o.rename
	}
	if err == nil {
		err = o.nameless
	}
	return u.login, err
}

// save is UPDATE … SET hash = $3 WHERE id = $1 AND hash = $2.
func (o *oldTable) save(_ context.Context, userID, oldHash, newHash string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, u := range o.rows {
		if u.id == userID && u.hash == oldHash {
			o.rows[i].hash = newHash
			return nil
		}
	}
	return auth.ErrConflict
}

func (o *oldTable) hash(id string) string {
	u, _ := o.byID(context.Background(), id)
	return u.hash
}

// tableSite is a site on the old table.
func tableSite(t testing.TB, o *oldTable, opts password.Options) *site {
	s := newSite(t, nil)
	if opts.Hasher == nil {
		opts.Hasher = password.Bcrypt{Cost: 6, InsecureFast: true}
	}
	opts.Logger = slog.New(slog.DiscardHandler)
	opts.Table = &password.Table{LookUp: o.lookUp, Name: o.name, Save: o.save}
	s.provider = password.New(&opts)
	m, err := auth.New(auth.UserFunc(o.byID), s.store, &auth.Options{
		Providers: []auth.Provider{s.provider}, Pages: pageDump{}, Now: s.clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	s.m, s.handler = m, m.Handler(mux)
	return s
}

func TestTable(t *testing.T) {
	// The passwords of testdata/users.csv.
	for _, tt := range []struct{ login, id, password string }{
		{"ada@example.com", "1", "correct horse battery"},    // $2y$10$ by htpasswd
		{"bob", "2", "tr0mbone & 3 sisters"},                 // $2y$10$ by PHP
		{"cläre", "3", "quite an old password"},              // $2a$08$
		{"dan", "4", "another old password"},                 // $2b$08$
		{"eve", "5", strings.Repeat("0123456789", 7) + "ab"}, // 72 bytes
		{"ida", "9", "a password of argon"},                  // argon2id by PHP
	} {
		t.Run(tt.login, func(t *testing.T) {
			old := openOldTable(t)
			s := tableSite(t, old, password.Options{})
			before := old.hash(tt.id)
			for _, wrong := range []string{tt.password + "x", before, ""} {
				if r := s.client().json("/login", fields{"email": tt.login, "password": wrong}); r.Code != 401 && r.Code != 422 {
					t.Errorf("%q: %d %s", wrong, r.Code, r.text)
				}
			}
			if old.hash(tt.id) != before {
				t.Error("a wrong password changed the hash")
			}
			c := s.client()
			if r := c.json("/login", fields{"email": " " + strings.ToUpper(tt.login), "password": tt.password}); r.Code != 200 || r.body["user_id"] != tt.id {
				t.Fatalf("login: %d %s", r.Code, r.text)
			}
			upgraded := old.hash(tt.id)
			if !strings.HasPrefix(upgraded, "$2a$06$") || !c.loggedIn() {
				t.Errorf("after the login the hash is %s", upgraded)
			}
			if r := s.client().json("/login", fields{"email": tt.login, "password": tt.password}); r.Code != 200 {
				t.Errorf("login again: %d %s", r.Code, r.text)
			}
			if old.hash(tt.id) != upgraded {
				t.Error("a hash that is current was replaced")
			}
			if r := c.json("/password", fields{"current": tt.password, "password": newPassword}); r.Code != 200 || !c.loggedIn() {
				t.Fatalf("change: %d %s", r.Code, r.text)
			}
			if r := s.client().json("/login", fields{"email": tt.login, "password": tt.password}); r.Code != 401 {
				t.Errorf("old password: %d %s", r.Code, r.text)
			}
			if r := s.client().json("/login", fields{"email": tt.login, "password": newPassword}); r.Code != 200 {
				t.Errorf("new password: %d %s", r.Code, r.text)
			}
			if r := c.json("/confirm", fields{"password": newPassword}); r.Code != 200 {
				t.Errorf("confirm: %d %s", r.Code, r.text)
			}
		})
	}
}

// Rows without a password that can be checked are refused like any other.
func TestTableWithout(t *testing.T) {
	old := openOldTable(t)
	s := tableSite(t, old, password.Options{})
	want := s.client().json("/login", fields{"email": "bob", "password": "something else"})
	for _, login := range []string{"fred", "gina", "hal", "nobody", strings.Repeat("x", 300), "a\nb"} {
		for _, pw := range []string{"x", "!", "$1$abcdefgh$G//4keteveJp0qb8z2DxG/"} {
			r := s.client().json("/login", fields{"email": login, "password": pw})
			if r.Code != 401 && r.Code != 429 || r.Code == 401 && r.text != want.text {
				t.Errorf("%.20q %q: %d %s", login, pw, r.Code, r.text)
			}
		}
		s.advance(3600e9)
	}
	old.fail = errors.New("disk on fire")
	if r := s.client().json("/login", fields{"email": "bob", "password": "x"}); r.Code != 503 {
		t.Errorf("outage: %d %s", r.Code, r.text)
	}
}

// Who is logged in without having typed a name, such as in a browser that is
// remembered, can confirm and change their password all the same.
func TestTableRemembered(t *testing.T) {
	old := openOldTable(t)
	s := tableSite(t, old, password.Options{})
	c := s.client()
	if r := c.json("/login", fields{"email": "bob", "password": "tr0mbone & 3 sisters", "remember": true}); r.Code != 200 {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	delete(c.cookies, "__Host-sid")
	if r := c.json("/confirm", fields{"password": "tr0mbone & 3 sisters"}); r.Code != 200 {
		t.Errorf("confirm: %d %s", r.Code, r.text)
	}
	delete(c.cookies, "__Host-sid")
	if r := c.json("/confirm", fields{"password": "something else"}); r.Code != 401 {
		t.Errorf("confirm, wrong password: %d %s", r.Code, r.text)
	}
	old.nameless = fmt.Errorf("no name: %w", auth.ErrNotFound)
	if r := c.json("/confirm", fields{"password": "tr0mbone & 3 sisters"}); r.Code != 409 || r.code() != "no_password" {
		t.Errorf("confirm without a name: %d %s", r.Code, r.text)
	}
	old.nameless = errors.New("disk on fire")
	if r := c.json("/confirm", fields{"password": "tr0mbone & 3 sisters"}); r.Code != 503 {
		t.Errorf("outage: %d %s", r.Code, r.text)
	}
	old.nameless = nil
	old.rename = "dan"
	if r := c.json("/confirm", fields{"password": "another old password"}); r.Code != 409 || r.code() != "no_password" {
		t.Errorf("confirm with the password of somebody else: %d %s", r.Code, r.text)
	}
	old.rename = ""
	if r := c.json("/password", fields{"current": "tr0mbone & 3 sisters", "password": newPassword}); r.Code != 200 || !c.loggedIn() {
		t.Errorf("change: %d %s", r.Code, r.text)
	}
	if r := s.client().json("/login", fields{"email": "bob", "password": newPassword}); r.Code != 200 {
		t.Errorf("new password: %d %s", r.Code, r.text)
	}
}

func TestTableHasNoRegistration(t *testing.T) {
	s := tableSite(t, openOldTable(t), password.Options{})
	if r := s.client().json("/register", fields{"email": "x@example.com", "password": goodPassword}); r.Code != 404 {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if _, err := s.provider.Register(t.Context(), auth.Profile{Email: "x@example.com"}, goodPassword); err == nil {
		t.Error("Register works")
	}
}

// Whoever logs in with the old password while it is changed is not let in, and a
// change that was overtaken is not made.
func TestTableRaces(t *testing.T) {
	old := openOldTable(t)
	h := &hookHasher{Hasher: quickArgon}
	s := tableSite(t, old, password.Options{Hasher: h})
	s.client().json("/login", fields{"email": "nobody", "password": "x"})
	other, err := quickArgon.Hash([]byte(newPassword))
	if err != nil {
		t.Fatal(err)
	}
	h.hash = func() error { return old.save(context.Background(), "4", old.hash("4"), other) }
	if r := s.client().json("/login", fields{"email": "dan", "password": "another old password"}); r.Code != 401 {
		t.Errorf("login during a change: %d %s", r.Code, r.text)
	}
	if old.hash("4") != other {
		t.Error("the newer password was overwritten")
	}
	h.hash = nil
	c := s.client()
	if r := c.json("/login", fields{"email": "dan", "password": newPassword}); r.Code != 200 {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	newest, err := quickArgon.Hash([]byte("the newest of all of them"))
	if err != nil {
		t.Fatal(err)
	}
	h.hash = func() error { return old.save(context.Background(), "4", other, newest) }
	if r := c.json("/password", fields{"current": newPassword, "password": goodPassword}); r.Code != 409 || r.code() != "conflict" {
		t.Errorf("change that was overtaken: %d %s", r.Code, r.text)
	}
	if old.hash("4") != newest {
		t.Error("the newer password was overwritten")
	}
}

// The wrapped store keeps the contract of credential stores for passwords, and
// hands on all else.
func TestTableStore(t *testing.T) {
	old := openOldTable(t)
	inner := memory.New(nil)
	p := password.New(&password.Options{Table: &password.Table{LookUp: old.lookUp, Name: old.name, Save: old.save}})
	store := p.WrapCredentials(inner)
	if got, ok := auth.As[auth.Sweeper](store); !ok || got != auth.Sweeper(inner) {
		t.Error("what is inside is not found")
	}
	ctx := t.Context()
	load := func(login string) auth.Credential {
		t.Helper()
		c, err := store.LoadCredential(ctx, "password", login)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	with := func(c auth.Credential, hash string) *auth.Credential {
		c.Data = []byte(hash)
		return &c
	}
	bob, dan := load("bob"), load("dan")
	if bob.UserID != "2" || bob.Generation == 0 || bob.Generation == dan.Generation || bob.Generation < 0 {
		t.Errorf("%+v", bob)
	}
	guard := auth.Credential{Kind: "account", Key: "2", UserID: "2"}
	stale := bob
	stale.Version++
	for _, tt := range []struct {
		name    string
		changes []auth.Change
		want    error
	}{
		{"stale", []auth.Change{{New: &guard}, {Old: &stale, New: with(bob, "$new")}}, auth.ErrConflict},
		{"create over", []auth.Change{{New: with(bob, "$new")}}, auth.ErrExists},
		{"nobody's", []auth.Change{{New: &auth.Credential{Kind: "password", Key: "zoe", UserID: "2", Data: []byte("$new")}}}, auth.ErrNotFound},
		{"another's", []auth.Change{{Old: &bob, New: &auth.Credential{Kind: "password", Key: "bob", UserID: "4", Data: []byte("$new")}}}, auth.ErrInvalid},
		{"other key", []auth.Change{{Old: &bob, New: with(dan, "$new")}}, auth.ErrInvalid},
		{"two", []auth.Change{{Old: &bob, New: with(bob, "$new")}, {Old: &dan, New: with(dan, "$new")}}, auth.ErrInvalid},
		{"none to replace", []auth.Change{{Old: &auth.Credential{Kind: "password", Key: "fred", Version: 1}}}, auth.ErrNotFound},
		{"inner refuses", []auth.Change{{Old: &bob, New: with(bob, "$new")}, {Old: &guard, New: &guard}}, auth.ErrNotFound},
	} {
		if err := store.ChangeCredentials(ctx, tt.changes...); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if _, err := inner.LoadCredential(ctx, "account", "2"); err == nil {
			t.Errorf("%s: the guard was made", tt.name)
		}
		if string(load("bob").Data) != string(bob.Data) || string(load("dan").Data) != string(dan.Data) {
			t.Fatalf("%s: a password was changed", tt.name)
		}
	}
	if err := store.ChangeCredentials(ctx, auth.Change{New: &guard}, auth.Change{Old: &bob, New: with(bob, "$new")}); err != nil {
		t.Fatal(err)
	}
	if got := load("bob"); string(got.Data) != "$new" || got.Generation == bob.Generation || got.Version == bob.Version {
		t.Errorf("%+v", got)
	}
	if _, err := inner.LoadCredential(ctx, "account", "2"); err != nil {
		t.Error(err)
	}
	bob = load("bob")
	if err := store.ChangeCredentials(ctx, auth.Change{Old: &bob}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.LoadCredential(ctx, "password", "bob"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("after deleting: %v", err)
	}
	if c, err := store.LoadCredential(ctx, "email", "bob"); err != nil || c.UserID != "2" {
		t.Errorf("the user is found by %+v, %v", c, err)
	}
	if _, err := store.LoadCredential(ctx, "oauth:github", "bob"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("another kind: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := store.LoadCredential(canceled, "password", "dan"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	plain := password.New(nil)
	if plain.WrapCredentials(inner) != auth.CredentialStore(inner) {
		t.Error("wrapped without a Table")
	}
}
