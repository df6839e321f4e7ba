package auth

import (
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
		case "/account", "/sessions", "/password":
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
// asking again does no harm.
func withNext(page string, r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return page
	}
	next, ok := redirect.Clean(r.URL.RequestURI())
	if !ok {
		return page
	}
	return page + "?next=" + url.QueryEscape(next)
}
