package flash

import (
	"net/http"
	"strings"
)

// sent returns the value of the request's cookie, and whether it has one. The value
// is "" if there are two: one of them is not ours, and nobody can say which.
func (c *Cookie) sent(r *http.Request) (value string, sent bool) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			v, ours := c.cut(strings.TrimLeft(pair, " \t"))
			switch {
			case !ours:
			case sent:
				return "", true
			default:
				value, sent = v, true
			}
		}
	}
	return value, sent
}

// pending returns the value that this response sets, "" if it deletes the cookie,
// and whether it does either.
func (c *Cookie) pending(h http.Header) (value string, set bool) {
	for _, line := range h["Set-Cookie"] {
		if v, ours := c.cut(line); ours {
			value, _, _ = strings.Cut(v, ";")
			return value, true
		}
	}
	return "", false
}

// cut returns what follows the cookie's name in "name=value".
func (c *Cookie) cut(pair string) (rest string, ours bool) {
	if len(pair) <= len(c.name) || pair[len(c.name)] != '=' || pair[:len(c.name)] != c.name {
		return "", false
	}
	return pair[len(c.name)+1:], true
}

// replace makes line the response's one Set-Cookie for the cookie, or leaves none if
// it is "". The lines that are there are somebody else's and are not written to.
func (c *Cookie) replace(h http.Header, line string) {
	old := h["Set-Cookie"]
	lines := make([]string, 0, len(old)+1)
	for _, other := range old {
		if _, ours := c.cut(other); !ours {
			lines = append(lines, other)
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = lines
}
