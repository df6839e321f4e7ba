package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/gatehouse-go/gatehouse/internal/redirect"
)

// cleanNext returns target if a visitor may be sent there after a login: a path
// on this site, and of Gatehouse's own only pages that are no step of a login,
// or there would be loops.
func (m *Manager) cleanNext(target string) (string, bool) {
	clean, ok := redirect.Clean(target)
	if !ok {
		return "", false
	}
	u, err := url.Parse(clean)
	if err != nil {
		return "", false
	}
	if p := path.Clean(u.Path); m.owns(p) {
		switch strings.TrimPrefix(p, m.prefix) {
		case "/account", "/accounts", "/sessions", "/password", "/keys":
		default:
			return "", false
		}
	}
	return clean, true
}

func (m *Manager) nextOrHome(target string) string {
	if next, ok := m.cleanNext(target); ok {
		return next
	}
	return m.opts.Home
}

// withNext adds to a page's URL where to go back to: to what was asked for, if
// asking again does no harm, and that is not the page itself. A page that has a next
// keeps it.
func withNext(page string, r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return page
	}
	next, ok := redirect.Clean(asked(r))
	if !ok || isSame(page, r) {
		return page
	}
	page, fragment, found := strings.Cut(page, "#")
	before, query, asks := strings.Cut(page, "?")
	switch has, err := url.ParseQuery(query); {
	case err == nil && has.Has("next"):
	case !asks:
		page += "?next=" + url.QueryEscape(next)
	case query == "" || query[len(query)-1] == '&':
		page = before + "?" + query + "next=" + url.QueryEscape(next)
	default:
		page += "&next=" + url.QueryEscape(next)
	}
	if found {
		page += "#" + fragment
	}
	return page
}

// asked returns the path and query that the client asked for, and can ask for again:
// r.URL may have lost a prefix since.
func asked(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// isSame reports whether page is what r asks for: to send a browser there once more
// would go on without end.
func isSame(page string, r *http.Request) bool {
	to, err := url.Parse(page)
	if err != nil || to.Host != "" && !strings.EqualFold(to.Host, r.Host) {
		return false
	}
	from, err := url.Parse(asked(r))
	return err == nil && path.Clean(to.Path) == path.Clean(from.Path)
}

// loginPageKey finds where a group of routes logs in.
type loginPageKey struct{ m *Manager }

// LoginAt sends a browser that has to log in for anything inside to where page
// says, see [Options.LoginPage]: for a group of routes with a login page of its
// own. Groups inside inherit it, unless they have another or it returns "".
func (m *Manager) LoginAt(page func(r *http.Request) string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			outer, _ := r.Context().Value(loginPageKey{m}).(func(*http.Request) string)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), loginPageKey{m}, func(r *http.Request) string {
				if to := page(r); to != "" || outer == nil {
					return to
				}
				return outer(r)
			})))
		})
	}
}

// loginURL returns where r is sent to log in, with the way back, or "" if there is
// no such page.
func (m *Manager) loginURL(r *http.Request) string {
	to := ""
	if page, ok := r.Context().Value(loginPageKey{m}).(func(*http.Request) string); ok {
		to = page(r)
	}
	if to == "" && m.opts.LoginPage != nil {
		to = m.opts.LoginPage(r)
	}
	if to != "" && !isPage(to) { // perhaps made from what the client sent
		m.broken(r.Context(), "finding the login page", fmt.Errorf("auth: %q is neither a path on this site nor the whole URL of a page elsewhere", to))
		to = ""
	}
	if to == "" {
		to = m.URL("/login")
	}
	if _, here := redirect.Clean(to); !here {
		return to // elsewhere, where a path of this site means nothing; or nowhere
	}
	return withNext(to, r)
}

// isPage reports whether a browser may be sent to log in there.
func isPage(to string) bool {
	if _, here := redirect.Clean(to); here {
		return true
	}
	u, err := url.Parse(to)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// Next returns where to send a visitor who has logged in: to the path in the query
// or the form field "next" if that is one on this site, or else to [Options.Home].
// [Manager.Finish] does so by itself; Next is for hosts with handlers of their own.
func (m *Manager) Next(r *http.Request) string {
	next := r.URL.Query().Get("next")
	if next == "" {
		next = r.PostForm.Get("next")
	}
	return m.nextOrHome(next)
}
