// Package redirect decides where a visitor may be sent. There is one rule for
// the whole of Gatehouse: to a path on this site, and nowhere else.
package redirect

import (
	"net/url"
	"path"
	"strings"
)

// maxLength bounds a target; a longer one is refused.
const maxLength = 2048

// Clean returns target as it may be sent in a Location header, and whether it
// may: a path on this site, with query and fragment, which no browser, proxy or
// second decoding takes for another site. It is used on the way out, when a
// target goes into a link, and on the way back, when it is followed.
func Clean(target string) (string, bool) {
	if len(target) > maxLength || !plain(target) {
		return "", false
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "", false
	}
	raw := target
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		raw = raw[:i]
	}
	// Whoever handles the target later may clean it, decode it, or both.
	for _, p := range [...]string{raw, u.Path, path.Clean(raw), path.Clean(u.Path)} {
		// Dot segments before an empty segment resolve to a leading "//".
		if !local(p) || strings.Contains(p, "//") && strings.Contains(p, "/.") {
			return "", false
		}
	}
	// A path that is decoded twice must not become another site either.
	if twice, err := url.PathUnescape(u.Path); err == nil && (!local(twice) || !local(path.Clean(twice))) {
		return "", false
	}
	return target, true
}

// plain reports whether s has no byte that may not stand in a header or that
// browsers drop or turn into a slash.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// local reports whether p is an absolute path that does not begin like a
// scheme-relative URL.
func local(p string) bool {
	if p == "" || p[0] != '/' || len(p) > 1 && (p[1] == '/' || p[1] == '\\') {
		return false
	}
	for i := range len(p) {
		if c := p[i]; c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
	}
	return true
}
