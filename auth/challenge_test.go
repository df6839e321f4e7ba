package auth_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ticketLoader knows X-Ticket, and says so when one is bad. It is a function, and
// can as such not be compared.
type ticketLoader func(r *http.Request) (*auth.Identity, error)

func (f ticketLoader) LoadRequest(r *http.Request) (*auth.Identity, error) { return f(r) }
func (ticketLoader) Challenge() string                                     { return `Ticket realm="test"` }
func (ticketLoader) ChallengeBad() string                                  { return `Ticket realm="test", error="bad"` }

// Each loader is told of where it could have said who asks, and of no other place.
func TestChallenges(t *testing.T) {
	tickets := ticketLoader(func(r *http.Request) (*auth.Identity, error) {
		switch ticket := r.Header.Get("X-Ticket"); ticket {
		case "":
			return nil, auth.ErrNoCredentials
		case "wrong":
			return nil, auth.ErrBadCredentials
		default:
			return &auth.Identity{UserID: ticket}, nil
		}
	})
	silent := loaderFunc(func(*http.Request) (*auth.Identity, error) { return nil, auth.ErrNoCredentials })
	s := newSite(t, func(o *auth.Options) {
		o.Loaders = []auth.RequestLoader{silent, &keyLoader{}, decorated{tickets}, tickets}
	})
	s.accounts.change("bob", func(a *account) { a.disabled = true })
	const (
		key      = `Key realm="test"`
		ticket   = `Ticket realm="test"`
		bad      = `Ticket realm="test", error="bad"`
		cookie   = `Cookie realm="gatehouse"`
		notFresh = cookie + `, error="insufficient_user_authentication", max_age=600`
	)
	for _, tt := range []struct {
		name   string
		header []string
		user   string // logged in
		method string
		path   string
		status int
		want   []string
	}{
		{"nobody", nil, "", "GET", "/me", 401, []string{key, ticket, ticket}},
		{"a bad ticket", []string{"X-Ticket", "wrong"}, "", "GET", "/me", 401, []string{key, bad, ticket}},
		{"a bad ticket, for all", []string{"X-Ticket", "wrong"}, "", "GET", "/open", 401, []string{key, bad, ticket}},
		{"a bad ticket, in a browser", []string{"X-Ticket", "wrong", "Accept", "text/html"}, "", "GET", "/me", 401, []string{key, bad, ticket}},
		{"the ticket of a disabled user", []string{"X-Ticket", "bob"}, "", "GET", "/me", 401, []string{key, bad, ticket}},
		{"the ticket of nobody", []string{"X-Ticket", "eve"}, "", "GET", "/me", 401, []string{key, bad, ticket}},
		{"a bad key", []string{"X-Key", "wrong"}, "", "GET", "/me", 401, []string{key, ticket, ticket}},
		{"a login that was refused", nil, "", "POST", "/auth/trust?user=eve", 401, []string{cookie}},
		{"not fresh with a ticket", []string{"X-Ticket", "ada"}, "", "GET", "/fresh", 401, []string{notFresh}},
		{"not allowed", nil, "ada", "GET", "/admin", 403, nil},
		{"allowed", []string{"X-Ticket", "ada"}, "", "GET", "/me", 200, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := s.visitor()
			if tt.user != "" {
				v.logIn(tt.user)
			}
			v.header = s.visitor(tt.header...).header
			res := v.do(tt.method, tt.path, "")
			if got := res.Header["Www-Authenticate"]; res.StatusCode != tt.status || !slices.Equal(got, tt.want) {
				t.Errorf("%s, challenges %q; want %d, %q", res.Status, got, tt.status, tt.want)
			}
		})
	}
}
