package authtest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A step is what a request does on the way to being logged in.
type step func(w http.ResponseWriter, r *http.Request) error

// logIn gives one proof after the other, each in a request of its own, as people
// do whom the gate tells that a factor is owed.
func (o *options) logIn(t testing.TB, m *auth.Manager, userID string, visit func(step) error) {
	t.Helper()
	var remember []auth.LoginOption
	if o.remember {
		remember = append(remember, auth.Remember())
	}
	proofs := o.proofsOfLogin(m.Now())
	for i, p := range proofs {
		err := visit(func(w http.ResponseWriter, r *http.Request) error {
			if id, err := m.IdentityFrom(r.Context()); err == nil && id.Session != nil {
				return m.Reauthenticate(w, r, p) // nothing was owed: it comes on top
			}
			return m.LogIn(w, r, userID, p, remember...)
		})
		var owed *auth.OwedError
		switch {
		case err == nil, errors.As(err, &owed) && i < len(proofs)-1:
		case owed != nil:
			t.Fatalf("authtest: logging in %q: a second factor is owed (%s): give Proofs one by it, behind one by a first factor",
				userID, strings.Join(owed.Factors, " or "))
		default:
			t.Fatalf("authtest: logging in %q: %v", userID, err)
		}
	}
}

// cookies are what a browser holds, by name.
type cookies map[string]*http.Cookie

func (held cookies) take(res *http.Response) {
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(held, c.Name)
		} else {
			held[c.Name] = c
		}
	}
}

// endWithBrowser returns those that are forgotten when the browser is closed, or
// those that are not.
func (held cookies) endWithBrowser(end bool) (list []*http.Cookie) {
	for _, c := range held {
		if (c.MaxAge == 0 && c.Expires.IsZero()) == end {
			list = append(list, c)
		}
	}
	return list
}
