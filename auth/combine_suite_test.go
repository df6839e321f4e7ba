package auth_test

import (
	"path/filepath"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// onSQLite opens a new and empty database.
func onSQLite(t *testing.T) auth.Store {
	t.Helper()
	db, err := open.Open("file:" + filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// What is put together of stores that keep the contract keeps it.
func TestSuiteCombined(t *testing.T) {
	fresh := func() *memory.Store { return memory.New(nil) }
	for name, open := range map[string]func(t *testing.T) auth.Store{
		"every part elsewhere": func(*testing.T) auth.Store {
			return auth.Combine(nil, auth.Parts{Sessions: fresh(), Credentials: fresh(), Tickets: fresh(), Limiter: fresh()})
		},
		"two and two": func(*testing.T) auth.Store {
			other := fresh()
			return auth.Combine(fresh(), auth.Parts{Sessions: other, Limiter: other})
		},
		"sessions elsewhere": func(t *testing.T) auth.Store {
			return auth.Combine(onSQLite(t), auth.Parts{Sessions: fresh(), Tickets: fresh(), Limiter: fresh()})
		},
		"nothing elsewhere": func(t *testing.T) auth.Store { return auth.Combine(onSQLite(t), auth.Parts{}) },
	} {
		t.Run(name, func(t *testing.T) { authtest.TestStore(t, open) })
	}
}

// The kinds of the suite are "k" most of all, and "a", "b", "m", "z". Of two that are
// kept apart nobody can see both change at once: "a" and "z", which the case Atomic
// is about, are together.
func TestSuiteByKind(t *testing.T) {
	fresh := func() *memory.Store { return memory.New(nil) }
	kinds := func() map[string]auth.CredentialStore {
		other := fresh()
		return map[string]auth.CredentialStore{"k": other, "b": fresh(), "m": other}
	}
	for name, open := range map[string]func(t *testing.T) auth.CredentialStore{
		"on memory":      func(*testing.T) auth.CredentialStore { return auth.ByKind(fresh(), kinds()) },
		"on SQLite":      func(t *testing.T) auth.CredentialStore { return auth.ByKind(onSQLite(t), kinds()) },
		"one in another": func(*testing.T) auth.CredentialStore { return auth.ByKind(auth.ByKind(fresh(), kinds()), kinds()) },
	} {
		t.Run(name, func(t *testing.T) { authtest.TestCredentialStore(t, open) })
	}
}
