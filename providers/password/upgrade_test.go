package password_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

func pepper(current string, ids ...string) *password.Pepper {
	p := &password.Pepper{Current: current, Keys: map[string][]byte{}}
	for _, id := range ids {
		p.Keys[id] = []byte(strings.Repeat(id, 32)[:32])
	}
	return p
}

// Every login verifies every known format and moves it to the chosen one, in
// whichever direction.
func TestUpgrade(t *testing.T) {
	bcrypt5 := password.Bcrypt{Cost: 5, InsecureFast: true}
	argon2 := password.Argon2id{Memory: 64, Time: 2, InsecureFast: true}
	steps := []struct {
		name   string
		opts   password.Options
		prefix string
	}{
		{"bcrypt", password.Options{Hasher: cheap}, "$2a$04$"},
		{"dearer bcrypt", password.Options{Hasher: bcrypt5}, "$2a$05$"},
		{"argon2id", password.Options{Hasher: quickArgon}, "$argon2id$v=19$m=64,t=1,p=1$"},
		{"dearer argon2id", password.Options{Hasher: argon2}, "$argon2id$v=19$m=64,t=2,p=1$"},
		{"with pepper", password.Options{Hasher: argon2, Pepper: pepper("k1", "k1")}, "$hmac-sha384=k1$argon2id$"},
		{"another pepper", password.Options{Hasher: argon2, Pepper: pepper("k2", "k1", "k2")}, "$hmac-sha384=k2$argon2id$"},
		{"bcrypt with pepper", password.Options{Hasher: cheap, Pepper: pepper("k2", "k2")}, "$hmac-sha384=k2$2a$04$"},
		{"back without pepper for new ones", password.Options{Hasher: cheap, Pepper: pepper("k3", "k2", "k3")}, "$hmac-sha384=k3$2a$04$"},
	}
	s := newSite(t, &steps[0].opts)
	id := s.register("ada@example.com", goodPassword)
	for _, step := range steps {
		s = s.reopen(&step.opts)
		before := s.stored(id)
		if r := s.client().json("/login", fields{"email": "ada@example.com", "password": "something else"}); r.Code != 401 {
			t.Errorf("%s, wrong password: %d %s", step.name, r.Code, r.text)
		}
		if c := s.stored(id); string(c.Data) != string(before.Data) {
			t.Errorf("%s: a wrong password changed the hash", step.name)
		}
		for range 2 {
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
				t.Fatalf("%s: %d %s", step.name, r.Code, r.text)
			}
		}
		c := s.stored(id)
		if !strings.HasPrefix(string(c.Data), step.prefix) {
			t.Errorf("%s: the hash is %s", step.name, c.Data)
		}
		if want := before.Version + 1; c.Version > want {
			t.Errorf("%s: the hash was replaced more than once", step.name)
		}
		if c.Generation != before.Generation {
			t.Errorf("%s: a better hash is another generation", step.name)
		}
	}
	// A key that is gone verifies nothing, and is not a wrong password.
	s = s.reopen(&password.Options{Pepper: pepper("k9", "k9")})
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code < 500 {
		t.Errorf("without the key: %d %s", r.Code, r.text)
	}
	s = s.reopen(&password.Options{})
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code < 500 {
		t.Errorf("without any pepper: %d %s", r.Code, r.text)
	}
}

// The disabled are not served, though their password is right.
func TestNoUpgradeForDisabled(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	if err := s.users.SetDisabled(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	s = s.reopen(&password.Options{Hasher: quickArgon})
	before := s.stored(id)
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 401 {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if after := s.stored(id); after.Version != before.Version {
		t.Error("the hash was replaced")
	}
}

// hookHasher calls a function at each Hash, for what happens meanwhile.
type hookHasher struct {
	password.Hasher
	hash func() error
}

func (h *hookHasher) Hash(pw []byte) (string, error) {
	if h.hash != nil {
		if err := h.hash(); err != nil {
			return "", err
		}
	}
	return h.Hasher.Hash(pw)
}

// A password that is changed while a login computes a better hash of the old one
// stays changed, and the login is refused.
func TestUpgradeLosesToChange(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	h := &hookHasher{Hasher: quickArgon}
	s = s.reopen(&password.Options{Hasher: h})
	if r := s.client().json("/login", fields{"email": "nobody@example.com", "password": "x"}); r.Code != 401 { // makes the dummy
		t.Fatal(r.text)
	}
	const changed = "a wholly different password"
	var once sync.Once
	h.hash = func() error {
		once.Do(func() {
			data, err := quickArgon.Hash([]byte(changed))
			if err != nil {
				t.Error(err)
			}
			old := s.stored(id)
			next := old
			next.Data, next.Generation = []byte(data), old.Generation+1
			if err := s.m.ChangeCredentials(context.Background(), id, auth.Change{Old: &old, New: &next}); err != nil {
				t.Error(err)
			}
		})
		return nil
	}
	c := s.client()
	if r := c.json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 401 || c.loggedIn() {
		t.Errorf("the login with the old password: %d %s", r.Code, r.text)
	}
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": changed}); r.Code != 200 {
		t.Errorf("the new password: %d %s", r.Code, r.text)
	}
}

// An upgrade that fails, in whatever way, does not fail the login.
func TestUpgradeFails(t *testing.T) {
	for name, fail := range map[string]func(s *site, h *hookHasher){
		"hasher": func(_ *site, h *hookHasher) { h.hash = func() error { return errors.New("no more") } },
		"panic":  func(_ *site, h *hookHasher) { h.hash = func() error { panic("no more") } },
		"store": func(s *site, _ *hookHasher) {
			s.store.intercept(func(call string) error {
				if call == "ChangeCredentials" {
					return errors.New("read-only")
				}
				return nil
			})
		},
		"conflict": func(s *site, _ *hookHasher) {
			s.store.intercept(func(call string) error {
				if call == "ChangeCredentials" {
					return auth.ErrConflict
				}
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil)
			s.register("ada@example.com", goodPassword)
			h := &hookHasher{Hasher: quickArgon}
			s = s.reopen(&password.Options{Hasher: h})
			s.client().json("/login", fields{"email": "nobody@example.com", "password": "x"})
			fail(s, h)
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
				t.Errorf("%d %s", r.Code, r.text)
			}
		})
	}
}

// A broken hasher lets nobody in and is no wrong password either.
func TestBrokenHasher(t *testing.T) {
	for name, verify := range map[string]func() error{
		"panic": func() error { panic("secret") },
		"error": func() error { return errors.New("no entropy") },
	} {
		t.Run(name, func(t *testing.T) {
			h := &brokenHasher{Bcrypt: cheap}
			s := newSite(t, &password.Options{Hasher: h, AtOnce: 1})
			s.register("ada@example.com", goodPassword)
			s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword})
			h.verify = verify
			for range 3 {
				c := s.client()
				if r := c.json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 503 || c.loggedIn() {
					t.Errorf("%d %s", r.Code, r.text)
				}
			}
			h.verify = nil
			if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
				t.Errorf("afterwards: %d %s: a slot was not released", r.Code, r.text)
			}
			if strings.Contains(s.log.String(), "secret") {
				t.Error("the panic's value is in the log")
			}
		})
	}
}

type brokenHasher struct {
	password.Bcrypt
	verify func() error
}

func (h *brokenHasher) Verify(encoded string, pw []byte) error {
	if h.verify != nil {
		return h.verify()
	}
	return h.Bcrypt.Verify(encoded, pw)
}

// Hashes that nobody can read lock their account, whatever is typed.
func TestUnreadableHash(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	for i, data := range []string{"!", "*", "null", "$1$abcdefgh$G//4keteveJp0qb8z2DxG/", goodPassword, "$2x$08$abcdefghijklmnopqrstuucrMzbBrkJ1M6foMC5fiJZOm8nwKDq.i"} {
		c := s.stored(id)
		next := c
		next.Data = []byte(data)
		if err := s.store.ChangeCredentials(t.Context(), auth.Change{Old: &c, New: &next}); err != nil {
			t.Fatal(err)
		}
		for _, pw := range []string{data, goodPassword} {
			client := s.client()
			client.addr = fmt.Sprintf("198.51.100.%d", i)
			if r := client.json("/login", fields{"email": "ada@example.com", "password": pw}); r.Code != 401 && r.Code != 429 {
				t.Errorf("%q: %d %s", data, r.Code, r.text)
			}
		}
	}
	if !strings.Contains(s.log.String(), id) {
		t.Error("the host is not told")
	}
}
