package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// hub is a provider of several ways in: POST /hub/{at} logs in by the account
// "7" there.
type hub struct{}

func (hub) Name() string { return "hub" }

func (hub) Kinds() []auth.Kind {
	return []auth.Kind{
		{Name: "hub:github", Role: auth.FirstFactor, Title: "GitHub"},
		{Name: "hub:corp", Role: auth.FirstFactor},
	}
}

func (hub) Mount(m *auth.Manager, mux auth.Mux) error {
	mux.Handle("POST /hub/{at}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := m.Store().LoadCredential(r.Context(), "hub:"+r.PathValue("at"), "7")
		if err == nil {
			err = m.LogIn(w, r, c.UserID, auth.Proof{Method: "hub", Kind: c.Kind, Key: c.Key, Generation: c.Generation})
		}
		m.Finish(w, r, err, "")
	}))
	return nil
}

// titles shows which titles a page has for the ways in.
type titles struct{}

func (titles) Render(w http.ResponseWriter, _ *http.Request, p *auth.Page) error {
	w.Header().Set("Content-Type", "text/html")
	for _, c := range p.Ways {
		if _, err := w.Write([]byte(c.Kind + "=" + p.KindTitle(c.Kind) + "\n")); err != nil {
			return err
		}
	}
	return nil
}

// A kind may have a colon in its name, in a realm and without: one logs in by it, it
// is a way in of its own, its title is on pages, and its session ends with it.
func TestKindsOfOneProvider(t *testing.T) {
	for _, realm := range []string{"", "staff"} {
		t.Run("realm "+realm, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, store auth.Store) {
				s := newSiteOn(t, store, func(o *auth.Options) {
					o.Realm, o.Providers, o.Pages = realm, []auth.Provider{hub{}}, titles{}
				})
				ctx := t.Context()
				github := auth.Credential{Kind: "hub:github", Key: "7", UserID: "ada", Label: "ada@hub"}
				corp := auth.Credential{Kind: "hub:corp", Key: "7", UserID: "ada"}
				if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{New: &github}, auth.Change{New: &corp}); err != nil {
					t.Fatal(err)
				}
				v, w := s.browser(), s.browser()
				if res := v.post("/auth/hub/github", ""); res.StatusCode != 303 || v.who() != "ada" {
					t.Fatalf("%s, logged in is %s", res.Status, v.who())
				}
				if got := body(v.get("/auth/account")); got != "hub:corp=\nhub:github=GitHub\n" {
					t.Errorf("the ways are\n%s", got)
				}
				w.post("/auth/hub/corp", "")
				github.Version, corp.Version = 1, 1
				if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &github}); err != nil {
					t.Fatal(err)
				}
				if got := v.who() + " " + w.who(); !strings.HasPrefix(got, "nobody") {
					t.Errorf("logged in are %s by what was removed", got)
				}
				if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &corp}); !errors.Is(err, auth.ErrLastCredential) {
					t.Errorf("removing the last way in: %v", err)
				}
			})
		})
	}
}
