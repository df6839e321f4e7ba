package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// crossSitePaths returns the paths of those routes of p that other sites may send
// to, and what is wrong with what it says. mounted are p's own routes.
func crossSitePaths(p Provider, mounted []route) (paths []string, errs []error) {
	c, ok := As[interface{ CrossSite() []string }](p)
	if !ok {
		return nil, nil
	}
	for _, pattern := range c.CrossSite() {
		bad := func(what string) {
			errs = append(errs, fmt.Errorf("auth: provider %q: CrossSite: %q %s", p.Name(), pattern, what))
		}
		method, path, _ := strings.Cut(pattern, " ")
		switch {
		case method != http.MethodPost:
			bad(`is no POST: other sites can send a GET anyway, and nothing else; write "POST /path"`)
		case strings.ContainsAny(path, "{}"):
			bad("has a wildcard: name each path by itself")
		case (&url.URL{Path: path}).EscapedPath() != path:
			bad("has characters that are escaped in paths: mount it at another")
		case !slices.ContainsFunc(mounted, func(r route) bool { return r.method == method && r.path == path }):
			bad("is not mounted by this provider: write it as it is mounted")
		default:
			paths = append(paths, path)
		}
	}
	return paths, errs
}

// takesFromElsewhere reports whether r is for a route that other sites may send to:
// byte for byte, whatever a mux would make of another spelling.
func (m *Manager) takesFromElsewhere(r *http.Request) bool {
	return r.Method == http.MethodPost && m.crossSite[r.URL.Path] && r.URL.RawPath == ""
}

// fromElsewhere returns r as if another site had sent it, whether or not one has: it
// has no cookies, and nobody is asking.
func (m *Manager) fromElsewhere(r *http.Request) *http.Request {
	r = r.WithContext(r.Context()) // a copy, whose header is its own
	r.Header = r.Header.Clone()
	r.Header.Del("Cookie")
	s := &state{m: m, r: r, apart: true, elsewhere: true}
	s.beside.Store(besideNobody)
	return r.WithContext(s)
}

// errElsewhere: a route that other sites may send to has tried to log somebody in.
var errElsewhere = errors.New("auth: nobody can log in by a request that another site may have sent (CrossSite): redirect to a GET and log in there")
