package loader

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Header returns a loader for keys in a header of their own, such as X-API-Key.
// verify says whose a key is: see the package's comment. A key is made of visible
// ASCII characters. A form on another site cannot send such a header, and a script
// there only if the site lets it: a request that is answered by a key needs no check of
// its origin. So the name cannot be that of a header which browsers, or other
// sites, or proxies set. Opts may be nil; what is wrong is reported by auth.New.
//
// There is no challenge: a scheme in WWW-Authenticate says what to put into the
// Authorization header, where this loader does not look. A 401 has that of the
// other loaders, or the one with which a Manager says that it has logins.
func Header(name string, verify func(ctx context.Context, key string) (*auth.Identity, error), opts *Options) auth.RequestLoader {
	h := &header{newBase("Header", opts, verify != nil), http.CanonicalHeaderKey(name), verify}
	switch {
	case name == "" || !allTokenChars(name):
		h.wrong("name %q cannot be that of a header: take one such as X-API-Key", name)
	case isReserved(h.name):
		h.wrong("name %s is that of a header set by browsers, other sites or proxies, or read by another loader: take one such as X-API-Key", h.name)
	}
	return h
}

type header struct {
	base
	name   string
	verify func(ctx context.Context, key string) (*auth.Identity, error)
}

func (h *header) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if h.err != nil {
		return nil, h.err
	}
	values := r.Header[h.name]
	switch len(values) {
	case 0:
		return nil, auth.ErrNoCredentials
	case 1:
	default:
		return nil, errRepeated
	}
	key := strings.Trim(values[0], " \t")
	if err := checkKey(key, h.max); err != nil {
		return nil, err
	}
	return said(h.verify(r.Context(), key))
}

// checkKey returns what is wrong with a key, whoever it may belong to.
func checkKey(key string, max int) error {
	switch {
	case key == "":
		return errEmpty
	case len(key) > max:
		return errLong
	case !visible(key):
		return errMalformed
	}
	return nil
}

func allTokenChars(s string) bool {
	for i := range len(s) {
		if !isTokenChar(s[i]) {
			return false
		}
	}
	return true
}

// isReserved reports whether the header of that canonical name can be there
// without whoever sends the request having put a key into it: what browsers and
// proxies set, and what the Fetch standard lets other sites set without asking.
func isReserved(name string) bool {
	for _, prefix := range [...]string{"Accept", "Access-Control-", "Content-", "If-", "Proxy-", "Sec-", "X-Forwarded-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains(reserved[:], name)
}

var reserved = [...]string{
	"Authorization", "Cache-Control", "Connection", "Cookie", "Cookie2", "Date", "Device-Memory", "Dnt", "Downlink", "Dpr", "Ect",
	"Expect", "Forwarded", "From", "Host", "Keep-Alive", "Last-Event-Id", "Max-Forwards", "Origin", "Pragma", "Priority", "Purpose",
	"Range", "Referer", "Rtt", "Save-Data", "Set-Cookie", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests",
	"User-Agent", "Via", "Viewport-Width", "Width", "X-Real-Ip",
}
