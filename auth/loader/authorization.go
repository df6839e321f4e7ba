package loader

import (
	"net/http"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// authorization returns the token68 that follows the scheme in the Authorization
// header (RFC 9110, section 11.4).
func authorization(r *http.Request, scheme string, max int) (string, error) {
	values := r.Header["Authorization"]
	for _, v := range values {
		rest, ours := cutScheme(v, scheme)
		if !ours {
			continue
		}
		if len(values) > 1 {
			return "", errRepeated // or two of different schemes: whose is it?
		}
		token := strings.TrimLeft(rest, " ")
		switch {
		case len(token) > max:
			return "", errLong
		case len(token) == len(rest), !isToken68(token):
			return "", errMalformed
		}
		return token, nil
	}
	return "", auth.ErrNoCredentials
}

// cutScheme returns what follows the scheme, and whether it is that of v. HTTP/1
// has taken the space around v away, and HTTP/2 should not have let it in.
func cutScheme(v, scheme string) (rest string, ours bool) {
	v = strings.Trim(v, " \t")
	n := 0
	for n < len(v) && isTokenChar(v[n]) {
		n++
	}
	return v[n:], strings.EqualFold(v[:n], scheme)
}

// isTokenChar reports whether c may be in a token (RFC 9110, section 5.6.2).
func isTokenChar(c byte) bool {
	return isAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// isToken68 reports whether s is one: RFC 9110, section 11.2, and the b64token of RFC
// 6750, section 2.1.
func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if c := body[i]; !isAlnum(c) && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return body != ""
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
