package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What is returned for the address of the profile takes the place of what would have
// been made of it; anything else stands beside it.
func TestCreateUserWithVerifiedAddress(t *testing.T) {
	proved := t0.Add(-time.Minute)
	for name, tt := range map[string]struct {
		profile auth.Profile
		given   []auth.Credential
		want    map[string]time.Time // kind and key, and since when verified
		err     error
	}{
		"verified": {auth.Profile{Email: " Ada@Example.com", Username: "ada"},
			[]auth.Credential{{Kind: "key", Key: "1"}, {Kind: "email", Key: "ada@example.com", VerifiedAt: proved, Label: "by hub"}},
			map[string]time.Time{"email ada@example.com": proved, "username ada": {}, "key 1": {}}, nil},
		"both": {auth.Profile{Email: "ada@example.com", Username: "Ada"},
			[]auth.Credential{{Kind: "username", Key: "ada", VerifiedAt: proved}, {Kind: "email", Key: "ada@example.com", VerifiedAt: proved}},
			map[string]time.Time{"email ada@example.com": proved, "username ada": proved}, nil},
		"another spelling": {auth.Profile{Email: "Ada@Example.com"},
			[]auth.Credential{{Kind: "email", Key: "Ada@example.com", VerifiedAt: proved}},
			map[string]time.Time{"email ada@example.com": {}, "email Ada@example.com": proved}, nil},
		"another kind": {auth.Profile{Email: "ada@example.com"},
			[]auth.Credential{{Kind: "key", Key: "ada@example.com", VerifiedAt: proved}},
			map[string]time.Time{"email ada@example.com": {}, "key ada@example.com": proved}, nil},
		"not in the profile": {auth.Profile{},
			[]auth.Credential{{Kind: "email", Key: "ada@example.com", VerifiedAt: proved}},
			map[string]time.Time{"email ada@example.com": proved}, nil},
		"twice": {auth.Profile{Email: "ada@example.com"},
			[]auth.Credential{{Kind: "email", Key: "ada@example.com"}, {Kind: "email", Key: "ada@example.com"}},
			nil, auth.ErrInvalid},
		"taken": {auth.Profile{Email: "bob@example.com"},
			[]auth.Credential{{Kind: "email", Key: "bob@example.com", VerifiedAt: proved}},
			nil, auth.ErrExists},
		"credential taken": {auth.Profile{Email: "ada@example.com"},
			[]auth.Credential{{Kind: "email", Key: "ada@example.com", VerifiedAt: proved}, {Kind: "key", Key: "bob's"}},
			nil, auth.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, store auth.Store) {
				users := memory.NewUsers()
				m, err := auth.New(users, store, &auth.Options{Now: func() time.Time { return t0 }})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := m.CreateUser(t.Context(), auth.Profile{Email: "bob@example.com"}, func(string) []auth.Credential {
					return []auth.Credential{{Kind: "key", Key: "bob's"}}
				}); err != nil {
					t.Fatal(err)
				}
				called := false
				id, err := m.CreateUser(t.Context(), tt.profile, func(string) []auth.Credential { called = true; return tt.given })
				if !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if called != (name != "taken") {
					t.Errorf("the function was called: %v", called)
				}
				if err != nil {
					if _, err := store.LoadCredential(t.Context(), "email", "ada@example.com"); !errors.Is(err, auth.ErrNotFound) {
						t.Errorf("of the refused user there is left: %v", err)
					}
					return
				}
				held, err := store.UserCredentials(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if len(held) != len(tt.want)+1 { // and the guard
					t.Errorf("has %d credentials: %+v", len(held), held)
				}
				for _, c := range held {
					since, ok := tt.want[c.Kind+" "+c.Key]
					if c.Kind != "account" && (!ok || !c.VerifiedAt.Equal(since)) || c.UserID != id || !c.CreatedAt.Equal(t0) {
						t.Errorf("has %+v; want %v", c, tt.want)
					}
				}
			})
		})
	}
}

// Paths for others have the prefix, and need no page.
func TestPath(t *testing.T) {
	for prefix, want := range map[string]string{"": "/auth/hub/back", "/in": "/in/hub/back"} {
		for _, p := range []auth.Pages{nil, plain{}} {
			m, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{Prefix: prefix, Pages: p})
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Path("/hub/back"); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}
