package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Protect returns a handler that serves mux to users only, as [Manager.RequireUser]
// does, but for the routes in public, by their patterns as they were registered:
// "GET /about", "/static/". What has no route is refused like what is not public, so
// that nobody learns what there is. The routes of [Manager.Mount] guard themselves,
// and are let through if they were put on mux as they are. A public pattern is
// public with everything below it, which may be another mux.
//
// What decides is the pattern that mux picks for the request, and nothing that is
// derived from its path. Routes that are added later are not public. A CORS preflight
// is answered 204 for what is not public, whose handler does not run; a CORS
// middleware that allows more goes outside.
//
// The error names every string in public that mux picks for no request.
func (m *Manager) Protect(mux *http.ServeMux, public ...string) (http.Handler, error) {
	if mux == nil {
		return nil, errors.New("auth: Protect needs a mux")
	}
	isPublic := make(map[string]bool, len(public))
	var errs []error
	for _, pattern := range public {
		if picked, ok := picks(mux, pattern); !ok && picked != "" {
			errs = append(errs, fmt.Errorf("auth: Protect: %q is no pattern of the mux, which has %q there: write it as it was registered", pattern, picked))
		} else if !ok {
			errs = append(errs, fmt.Errorf("auth: Protect: %q is no pattern of the mux: register it first, or leave it out", pattern))
		}
		isPublic[pattern] = true
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	protected := m.RequireUser(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if _, ours := h.(ownRoute); ours || isPublic[pattern] {
			mux.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	}), nil
}

// A literal and a method that nobody registers.
const probe, probeMethod = "gatehouse-probe", "PROBE"

// picks reports whether mux picks the pattern for any of some requests that are
// made from it, and if not, what it picks.
func picks(mux *http.ServeMux, pattern string) (picked string, ok bool) {
	methods, rest := []string{http.MethodGet, probeMethod, http.MethodPost}, pattern
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		methods, rest = []string{pattern[:i]}, strings.TrimLeft(pattern[i:], " \t")
	}
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return "", false
	}
	for _, method := range methods {
		for _, path := range probes(rest[slash:]) {
			u := &url.URL{Path: path, RawPath: path}
			if plain, err := url.PathUnescape(path); err == nil {
				u.Path = plain
			}
			_, got := mux.Handler(&http.Request{Method: method, Host: rest[:slash], URL: u})
			if got == pattern {
				return got, true
			}
			if picked == "" {
				picked = got
			}
		}
	}
	return picked, false
}

// probes returns paths, escaped, that a pattern's path matches: several if it matches
// everything below, where other patterns may stand before it.
func probes(path string) []string {
	segments := strings.Split(path[1:], "/")
	tails := []string{""}
	switch last := segments[len(segments)-1]; {
	case last == "", strings.HasPrefix(last, "{") && strings.HasSuffix(last, "...}"):
		tails = []string{"", probe, probe + "/" + probe, probe + "/" + probe + "/"}
		segments = segments[:len(segments)-1]
	case last == "{$}":
		segments = segments[:len(segments)-1]
	default:
		tails = nil
	}
	made := ""
	for _, s := range segments {
		switch {
		case strings.HasPrefix(s, "{"):
			s = probe
		default:
			if plain, err := url.PathUnescape(s); err == nil {
				s = plain
			}
			s = url.PathEscape(s)
		}
		made += "/" + s
	}
	if tails == nil {
		return []string{made}
	}
	all := make([]string, len(tails))
	for i, tail := range tails {
		all[i] = made + "/" + tail
	}
	return all
}
