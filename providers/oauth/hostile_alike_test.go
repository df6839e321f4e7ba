package oauth

import (
	"context"
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A later takes registrations over, as providers do where an address is verified before
// there is an account.
type later struct{ auth.Provider }

func (later) Name() string                        { return "later" }
func (later) Mount(*auth.Manager, auth.Mux) error { return nil }
func (later) TakesRegistrations() bool            { return true }
func (later) TakeRegistration(w http.ResponseWriter, _ *http.Request, _ auth.Registration) {
	w.WriteHeader(http.StatusAccepted)
}

// Where registering does not tell who has an account, coming from elsewhere with an
// address that nobody has proved does not either, whatever the host makes of it.
func TestHostileAddressOfAnotherTellsNothing(t *testing.T) {
	claims := func(_ context.Context, _ string, a Account) (auth.Profile, error) {
		return auth.Profile{Email: a.Email, Name: a.Name}, nil
	}
	for name, newUser := range map[string]func(context.Context, string, Account) (auth.Profile, error){"default": nil, "as it came": claims} {
		for _, status := range []EmailStatus{EmailUnknown, EmailUnverified} {
			for _, verified := range []bool{true, false} {
				s := newSite(t, func(set *setup) {
					set.opts.NewUser = newUser
					set.auth.Providers = []auth.Provider{later{}}
				})
				if _, err := s.m.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"}, nil); err != nil {
					t.Fatal(err)
				}
				if verified {
					s.verify("ada@example.com")
				}
				known, unknown := s.browser(), s.browser()
				k := known.logIn(Account{Subject: "666", Email: "ada@example.com", EmailStatus: status})
				u := unknown.logIn(Account{Subject: "667", Email: "nobody@example.com", EmailStatus: status})
				if k.Code != u.Code || k.location() != u.location() || (known.who() == "") != (unknown.who() == "") {
					t.Errorf("%s, %q: an address that somebody has is answered %d to %q, another %d to %q", name, status, k.Code, k.location(), u.Code, u.location())
				}
				for _, j := range []*jar{known, unknown} {
					if c, ok := s.emailOf(j.who()); ok {
						t.Errorf("%s, %q: the address of the new user: %+v", name, status, c)
					}
				}
				// Who has proved it is told, as the mail would.
				if r := s.browser().logIn(ada()); r.Code != http.StatusConflict {
					t.Errorf("%s: whose address it is: %d to %q", name, r.Code, r.location())
				}
			}
		}
	}
}
