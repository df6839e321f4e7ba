package backends_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A sending is one form of what is sent to a route: what it takes to come to where it
// counts, or why it counts nothing.
type sending struct {
	fields   []any
	loggedIn bool
	because  string
}

// linkToken is what could be that of a link.
var linkToken = []any{"token", strings.Repeat("A", 43)}

// The routes with which something is sent, each with all of its forms.
var posts = map[string][]sending{
	"/login":                {{fields: []any{"email", email, "password", wrong}}},
	"/register":             {{fields: []any{"email", "new@example.com", "password", good}}},
	"/password":             {{fields: []any{"current", wrong, "password", other}, loggedIn: true}},
	"/confirm":              {{fields: []any{"password", wrong}, loggedIn: true}},
	"/oauth/github":         {{}},
	"/oauth/github/link":    {{loggedIn: true}},
	"/oauth/github/confirm": {{because: "only for who has an account elsewhere linked; counts where it begins a transaction, like /oauth/github"}},
	"/oauth/github/unlink":  {{because: "only the owner, freshly proved; there is nothing to guess"}},
	"/forgot":               {{fields: []any{"email", email}}},
	"/reset":                {{fields: append([]any{"password", other}, linkToken...)}, {fields: []any{"code", "12345678", "password", other}}},
	"/link":                 {{fields: []any{"email", email}}, {because: "its token has 256 bits, and is counted when it is asked for"}},
	"/email":                {{fields: []any{"email", "new@example.com"}, loggedIn: true}, {fields: linkToken}, {fields: linkToken, loggedIn: true}},
	"/email/undo":           {{fields: linkToken}},
	"/verify":               {{loggedIn: true}, {fields: linkToken}, {fields: append([]any{"take_over", true, "password", other}, linkToken...)}},
	"/disown":               {{fields: linkToken}},
	"/close":                {{loggedIn: true}, {fields: linkToken}},
	"/keys":                 {{because: "only the owner, freshly proved; apikey.Options.PerUser bounds them"}},
	"/keys/rename":          {{because: "only the owner"}},
	"/keys/revoke":          {{because: "only the owner"}},
	"/logout":               {{because: "ends what is shown, and nothing else"}},
	"/sessions/revoke":      {{because: "only the owner"}},
}

// routesOf writes down the paths that a Manager mounts.
type routesOf struct{ patterns []string }

func (r *routesOf) Handle(pattern string, _ http.Handler) { r.patterns = append(r.patterns, pattern) }

// Every route with which something is sent has a limiter behind it, in each of its
// forms, or is known to need none; and no row of the table is about a route that is not there.
func TestEveryRouteIsLimited(t *testing.T) {
	var p place
	for _, b := range backends.All(t) {
		if b.Name == "memory" {
			p = newPlace(b, "routes")
		}
	}
	s := p.open(t, func(c *config) {
		post := mail.New("https://app.example", memory.NewOutbox(), &mail.Box{}, nil)
		c.providers = []auth.Provider{oauth.New("https://app.example", nil, oauth.GitHub("id", "secret", nil)), post, account.New(post, nil), maillink.New(post, nil)}
	})
	s.register(email)
	var mounted routesOf
	s.m.Mount(&mounted)
	users, seen := 0, map[string]bool{}
	for _, pattern := range mounted.patterns {
		path := pattern[strings.IndexByte(pattern, '/'):]
		route := strings.TrimPrefix(path, "/auth")
		if seen[route] || s.browser().post(path).status == http.StatusMethodNotAllowed {
			continue
		}
		seen[route] = true
		if len(posts[route]) == 0 {
			t.Errorf("POST %s: nobody has said what limits it", path)
		}
		for _, how := range posts[route] {
			if how.because != "" {
				continue
			}
			p.clock.Advance(time.Hour)
			b := s.browser()
			if how.loggedIn { // each time as somebody else, who may have closed the account then
				users++
				who := fmt.Sprintf("user%d@example.com", users)
				s.register(who)
				b.mustLogIn(who)
			}
			before := len(s.faults.Calls())
			r := b.post(path, how.fields...)
			if calls := s.faults.Calls()[before:]; !slices.Contains(calls, "Count") {
				t.Errorf("%s, %q: %d %s\nnothing was counted: %q", path, how.fields, r.status, r.text, calls)
			}
		}
	}
	for route := range posts {
		if !seen[route] {
			t.Errorf("%s is in the table, but nothing can be sent there: %q", route, mounted.patterns)
		}
	}
}
