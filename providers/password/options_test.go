package password_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Everything that is wrong is reported at once, by auth.New.
func TestOptions(t *testing.T) {
	bad := password.New(&password.Options{
		Login:          7,
		Hasher:         password.Bcrypt{Cost: 3},
		OldHashers:     []password.Hasher{nil, password.Argon2id{Time: 99}},
		Pepper:         &password.Pepper{Current: "k2", Keys: map[string][]byte{"k1": []byte("short"), "$": make([]byte, 32)}},
		MinLength:      7,
		BreachedStrict: true,
		AtOnce:         -1,
		Queue:          -1,
		MaxWait:        -time.Second,
		Table:          &password.Table{},
	})
	_, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{bad}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Options.Login", "Bcrypt.Cost", "OldHashers", "Argon2id", "Pepper.Current", `"k1" has 5 bytes`, `ID "$"`,
		"MinLength", "BreachedStrict", "AtOnce", "Queue", "MaxWait", "Options.Table"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing is said of %s in:\n%v", want, err)
		}
	}
	old := new(oldTable)
	for name, table := range map[string]*password.Table{
		"LookUp": {Name: old.name, Save: old.save},
		"Name":   {LookUp: old.lookUp, Save: old.save},
		"Save":   {LookUp: old.lookUp, Name: old.name},
	} {
		_, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{password.New(&password.Options{Table: table})}})
		if err == nil || !strings.Contains(err.Error(), "Options.Table") {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for _, o := range []*password.Options{nil, {}, {MinLength: 8}, {MinLength: 64}, {Hasher: password.Argon2id{}}, {Login: password.ByEither}} {
		if _, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{password.New(o)}}); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestOneManager(t *testing.T) {
	p := password.New(nil)
	opts := &auth.Options{Providers: []auth.Provider{p}}
	if _, err := auth.New(memory.NewUsers(), memory.New(nil), opts); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.New(memory.NewUsers(), memory.New(nil), opts); err == nil {
		t.Error("one Provider serves two Managers")
	}
}

// A host whose users cannot be created has no registration.
func TestNoCreateUser(t *testing.T) {
	s := newSite(t, nil)
	users := s.users
	p := password.New(&password.Options{Hasher: cheap})
	m, err := auth.New(auth.UserFunc(func(ctx context.Context, id string) (auth.User, error) { return users.LoadUser(ctx, id) }),
		memory.New(nil), &auth.Options{Providers: []auth.Provider{p}, Pages: pageDump{}})
	if err != nil {
		t.Fatal(err)
	}
	if m.URL("/register") != "" || m.URL("/password") == "" {
		t.Errorf("pages: %q, %q", m.URL("/register"), m.URL("/password"))
	}
	if _, err := p.Register(t.Context(), auth.Profile{Email: "ada@example.com"}, goodPassword); err == nil {
		t.Error("Register works")
	}
}

func TestLogins(t *testing.T) {
	for _, tt := range []struct {
		name    string
		login   password.Login
		profile auth.Profile
		want    string
	}{
		{"email", password.ByEmail, auth.Profile{Email: "ada@example.com"}, ""},
		{"email, none", password.ByEmail, auth.Profile{Username: "ada"}, "invalid_field"},
		{"username", password.ByUsername, auth.Profile{Username: "ada"}, ""},
		{"username, none", password.ByUsername, auth.Profile{Email: "ada@example.com"}, "invalid_field"},
		{"username, address", password.ByUsername, auth.Profile{Username: "ada@example.com"}, "invalid_field"},
		{"either", password.ByEither, auth.Profile{Email: "ada@example.com", Username: "ada"}, ""},
		{"either, no name", password.ByEither, auth.Profile{Email: "ada@example.com"}, ""},
		{"either, no address", password.ByEither, auth.Profile{Username: "ada"}, "invalid_field"},
		{"either, bad name", password.ByEither, auth.Profile{Email: "ada@example.com", Username: "a b"}, "invalid_field"},
	} {
		s := newSite(t, &password.Options{Login: tt.login})
		if _, err := s.provider.Register(t.Context(), tt.profile, goodPassword); codeOf(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
