package auth_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// asker is a provider whose form on "confirm" is for bob alone, and that counts
// how often it is asked.
type asker struct {
	m     *auth.Manager
	asked map[string]int
}

func (*asker) Name() string { return "asker" }

func (a *asker) Mount(m *auth.Manager, _ auth.Mux) error { a.m = m; return nil }

func (a *asker) PageForms(r *http.Request, page string) []auth.Form {
	a.asked[page]++
	id, err := a.m.IdentityFrom(r.Context())
	if page == "confirm" && (err != nil || id.UserID != "bob") {
		return nil
	}
	return []auth.Form{{Name: "asker", Action: "/ask"}}
}

// A page offers what who asks has, to browsers and to programs, and its providers
// are asked once.
func TestFormsForWhoAsks(t *testing.T) {
	a := &asker{asked: map[string]int{}}
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, a) })
	ada, bob := s.browser().logIn("ada"), s.browser().logIn("bob")
	for _, accept := range []string{"text/html", "application/json"} {
		for who, want := range map[*visitor]int{ada: 1, bob: 2} {
			clear(a.asked)
			who.header.Set("Accept", accept)
			var p struct{ Forms []struct{ Name string } }
			decode(t, who.get("/auth/confirm"), &p)
			if len(p.Forms) != want || a.asked["confirm"] != 1 {
				t.Errorf("%s: %d forms, asked %d times; want %d, once", accept, len(p.Forms), a.asked["confirm"], want)
			}
		}
	}
	clear(a.asked)
	var p auth.Page
	decode(t, s.browser().get("/auth/login"), &p)
	if len(p.Forms) != 2 || a.asked["login"] != 1 {
		t.Errorf("on the login page %d forms, asked %d times; want 2, once", len(p.Forms), a.asked["login"])
	}
}
