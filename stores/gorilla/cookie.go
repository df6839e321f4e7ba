package gorillastore

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gorilla/sessions"
)

// cookieName returns the name of the cookie of the session of that name. A prefix
// keeps others, such as a subdomain, from setting it.
func (s *Store) cookieName(name string) string {
	if hasPrefix(name, hostPrefix) || hasPrefix(name, securePrefix) {
		return name
	}
	return s.prefix + name
}

const (
	hostPrefix   = "__Host-"
	securePrefix = "__Secure-"
)

// hasPrefix compares as browsers do, whatever the case.
func hasPrefix(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// prefixFor returns the strongest prefix that cookies with these attributes may have.
func prefixFor(o *Options) string {
	switch {
	case o.InsecureCookies:
		return ""
	case o.Path == "/" && o.Domain == "":
		return hostPrefix
	}
	return securePrefix
}

// checkName refuses a name of which no cookie can be made, or none that a browser
// keeps.
func (s *Store) checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("gorillastore: name of a session of %d bytes, of at most %d", len(name), maxName)
	}
	if (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
		return fmt.Errorf("gorillastore: %q is not a name for a session: a cookie cannot have it", name)
	}
	for _, prefix := range []string{hostPrefix, securePrefix} {
		if hasPrefix(name, prefix) && (s.prefix == "" || prefix == hostPrefix && s.prefix != hostPrefix) {
			return fmt.Errorf("gorillastore: %q is not a name for a session: browsers refuse %s with the Options of this store", name, prefix)
		}
	}
	return nil
}

const maxName = 128

// setCookie is the one function that writes cookies: all have the same attributes,
// when set and when deleted. With a negative maxAge it deletes, with 0 the cookie
// ends with the browser.
func (s *Store) setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	name = s.cookieName(name)
	text := (&http.Cookie{
		Name: name, Value: value, MaxAge: maxAge,
		Path: s.opts.Path, Domain: s.opts.Domain, Partitioned: s.opts.Partitioned,
		Secure: !s.opts.InsecureCookies, HttpOnly: true, SameSite: s.opts.SameSite,
	}).String()
	// Of two cookies of one name browsers keep the last; send only that.
	h := w.Header()
	kept := make([]string, 0, len(h["Set-Cookie"])+1)
	for _, line := range h["Set-Cookie"] {
		if !isNamed(line, name) {
			kept = append(kept, line)
		}
	}
	h["Set-Cookie"] = append(kept, text)
}

func isNamed(line, name string) bool {
	return len(line) > len(name) && line[len(name)] == '=' && line[:len(name)] == name
}

// setBefore returns the value that this response gives to a cookie: "" if it deletes
// it.
func setBefore(h http.Header, name string) (value string, set bool) {
	for _, line := range h["Set-Cookie"] {
		if isNamed(line, name) {
			value, _, _ = strings.Cut(line[len(name)+1:], ";")
			return value, true
		}
	}
	return "", false
}

// mayHoldCookies returns nil if a cookie can be given to the client: there is still
// time, and no secret goes over plain HTTP to a client that is not on this machine.
func (s *Store) mayHoldCookies(r *http.Request, w http.ResponseWriter) error {
	if written(w) {
		return ErrHeaderSent
	}
	if !s.opts.InsecureCookies {
		return nil
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return errPlainHTTP
	}
	return nil
}

// written reports whether one of the writers says that the header is out. That of
// net/http does not, those of several routers do.
func written(w http.ResponseWriter) bool {
	for w != nil {
		if x, ok := w.(interface{ Written() bool }); ok && x.Written() {
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
	return false
}

// gorillaOptions are what a session shows of how its cookie is made.
func (s *Store) gorillaOptions() *sessions.Options {
	return &sessions.Options{
		Path: s.opts.Path, Domain: s.opts.Domain, MaxAge: s.opts.MaxAge,
		Secure: !s.opts.InsecureCookies, HttpOnly: true, Partitioned: s.opts.Partitioned, SameSite: s.opts.SameSite,
	}
}
