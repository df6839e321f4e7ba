package loader

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// InsecureQueryKey returns a loader for keys in the query of the URL, as in
// /feed?key=…, for clients that can do nothing else. verify says whose a key is: see
// the package's comment. A key is made of visible ASCII characters. Opts may be
// nil; what is wrong is reported by auth.New.
//
// What is in a URL is in logs, histories, bookmarks and the Referer of what a page
// loads, and is passed on with the link: give out keys that can do little, and end
// soon. Any site can send a browser here with a key of its owner's choosing, or
// let it post a form: such requests are checked for their origin like those with a
// session.
func InsecureQueryKey(name string, verify func(ctx context.Context, key string) (*auth.Identity, error), opts *Options) auth.RequestLoader {
	q := &queryKey{newBase("InsecureQueryKey", opts, verify != nil), name, verify}
	switch {
	case name == "" || strings.ContainsFunc(name, func(c rune) bool { return c > '~' || !isAlnum(byte(c)) && !strings.ContainsRune("-._~", c) }):
		q.wrong("name %q cannot be that of a key in the query: use letters, digits and -._~", name)
	case name == "next":
		q.wrong("name %q is that of where to go after a login: take another", name)
	}
	return q
}

type queryKey struct {
	base
	name   string
	verify func(ctx context.Context, key string) (*auth.Identity, error)
}

func (q *queryKey) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if q.err != nil {
		return nil, q.err
	}
	key, err := q.find(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	return said(q.verify(r.Context(), key))
}

func (q *queryKey) Ambient() bool { return true }

// find returns the key in a query. What [url.ParseQuery] would leave out is bad
// where it is the key's, and not as if it were not there.
func (q *queryKey) find(query string) (key string, err error) {
	found := false
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != q.name {
			if !strings.Contains(name, "%") {
				continue
			}
			if name, _ = url.QueryUnescape(name); name != q.name {
				continue
			}
		}
		if found {
			return "", errRepeated
		}
		found = true
		if len(value) > q.max {
			return "", errLong
		}
		if strings.Contains(value, ";") { // a separator, to some
			return "", errMalformed
		}
		if key, err = url.QueryUnescape(value); err != nil {
			return "", errMalformed
		}
		if err := checkKey(key, q.max); err != nil {
			return "", err
		}
	}
	if !found {
		return "", auth.ErrNoCredentials
	}
	return key, nil
}
