package oauth

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Links in a store of their own: first logins, linking and unlinking are as with one
// store, on memory and where rest has transactions.
func TestLinksElsewhere(t *testing.T) {
	db := sqlite(t)
	for name, rest := range map[string]auth.Store{"memory": memory.New(nil), "SQLite": db} {
		t.Run(name, func(t *testing.T) {
			there := memory.New(nil)
			s := newSite(t, func(set *setup) {
				set.onStore(auth.Combine(rest, auth.Parts{Credentials: auth.ByKind(rest, map[string]auth.CredentialStore{"oauth:alpha": there})}))
				if name == "SQLite" {
					set.users = db.Users()
				}
			})
			j := s.browser()
			id := j.register("ada@example.com")
			j.get(s.a.answer(j.startLink(), ada()))
			if all, err := there.UserCredentials(t.Context(), id); err != nil || len(all) != 1 || all[0].Kind != "oauth:alpha" {
				t.Fatalf("there is %+v, %v", all, err)
			}
			if k := s.browser(); k.logIn(ada()).Code >= 400 || k.who() != id {
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
			if len(s.links(id)) != 0 {
				t.Errorf("links %v", s.links(id))
			}
			if err := s.p.UnlinkAll(t.Context(), other.who()); err == nil {
				t.Error("bob has lost his last way in")
			}
		})
	}
}
