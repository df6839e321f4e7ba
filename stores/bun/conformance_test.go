package bunstore_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// newFile returns the name of a database that is not there yet.
func newFile(t testing.TB) string {
	// The names of subtests have a # in them, which SQLite takes for a fragment.
	path := strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(filepath.Join(t.TempDir(), "test.db"))
	return "file:" + path + "?_pragma=synchronous(off)"
}

// newStore returns a store in the database, with its tables.
func newStore(t testing.TB, dsn string, opts *bunstore.Options) *bunstore.Store {
	t.Helper()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	var o bunstore.Options
	if opts != nil {
		o = *opts
	}
	o.CloseDB = true
	s, err := bunstore.New(db, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name string
		dsn  func(t testing.TB) string
		opts bunstore.Options
	}{
		{"File", newFile, bunstore.Options{}},
		{"NoPrepare", newFile, bunstore.Options{NoPrepare: true, Prefix: "other_"}},
		{"Memory", func(testing.TB) string { return "file::memory:" }, bunstore.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			authtest.TestStore(t, func(t *testing.T) auth.Store { return newStore(t, c.dsn(t), &c.opts) })
		})
	}
}

func TestUserLoader(t *testing.T) {
	s := newStore(t, newFile(t), nil)
	id, err := s.Users().CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	authtest.TestUserLoader(t, s.Users(), id)
}
