package oauth

import (
	"path/filepath"
	"testing"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// sqlite opens an empty database.
func sqlite(t *testing.T) *bunstore.Store {
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

// onSQL makes a site on SQLite, its users included.
func onSQL(t *testing.T) *site {
	db := sqlite(t)
	return newSite(t, func(set *setup) { set.onStore(db); set.users = db.Users() })
}

// Where users and links are written in one transaction: first logins at once make one
// user, and leave no other behind.
func TestOA40OnSQL(t *testing.T) {
	firstLogins(t, onSQL(t), 12)
}

func TestFlowOnSQL(t *testing.T) {
	s := onSQL(t)
	j := s.browser()
	id := j.register("ada@example.com")
	j.get(s.a.answer(j.startLink(), ada()))
	k := s.browser()
	if k.logIn(ada()); k.who() != id || id == "" {
		t.Fatalf("%q is logged in, want %q", k.who(), id)
	}
	other := s.browser()
	if other.logIn(bob()); other.who() == "" || other.who() == id {
		t.Errorf("bob is %q", other.who())
	}
	if c, ok := s.emailOf(other.who()); !ok || c.VerifiedAt.IsZero() {
		t.Errorf("the address of a new user: %+v", c)
	}
	if err := s.p.UnlinkAll(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := s.m.Store().LoadCredential(t.Context(), "oauth:alpha", "1001"); err == nil || len(s.links(id)) != 0 {
		t.Errorf("%v, links %v", err, s.links(id))
	}
}
