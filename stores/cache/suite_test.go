package cachestore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var t0 = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// newCache returns a cache in front of sessions.
func newCache(t testing.TB, sessions auth.SessionStore, opts *cachestore.Options) *cachestore.Store {
	t.Helper()
	c, err := cachestore.New(sessions, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func onSQLite(t testing.TB) *bunstore.Store {
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

// The clock of these stands still, at a time when nothing in the suite has expired:
// whatever is remembered is used until it is forgotten.
func TestSuite(t *testing.T) {
	long := func() time.Time { return time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) }
	for name, open := range map[string]func(t *testing.T) auth.Store{
		"memory": func(*testing.T) auth.Store { return memory.New(nil) },
		"SQLite": func(t *testing.T) auth.Store { return onSQLite(t) },
	} {
		t.Run(name, func(t *testing.T) {
			authtest.TestSessionStore(t, func(t *testing.T) auth.SessionStore {
				return newCache(t, open(t), &cachestore.Options{Now: long})
			})
		})
		t.Run(name+", whole", func(t *testing.T) {
			authtest.TestStore(t, func(t *testing.T) auth.Store {
				base := open(t)
				return auth.Combine(base, auth.Parts{Sessions: newCache(t, base, &cachestore.Options{Now: long, Sessions: 3})})
			})
		})
	}
}
