package loader_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/loader"
)

// Whatever the Authorization header holds: of two schemes at most one takes it, what
// one calls right is what others read in it too, and nothing panics.
func FuzzAuthorization(f *testing.F) {
	for _, v := range []string{"", "Bearer mF_9.B5f-4.1JqM", "bearer  x==", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "BASIC Og==",
		"Bearer\tx", "Bearer x, Basic y", " Basic Ym9i\n", "ba\u017fic eA==", "Basic /w=="} {
		f.Add(v, "")
		f.Add("Digest x", v)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		var token, user, password string
		bearer := loader.Bearer(func(_ context.Context, s string) (*auth.Identity, error) {
			token = s
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		basic := loader.Basic(func(_ context.Context, u, p string) (*auth.Identity, error) {
			user, password = u, p
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = []string{first}
		if second != "" {
			r.Header["Authorization"] = []string{first, second}
		}
		by := outcome(bearer.LoadRequest(r))
		as := outcome(basic.LoadRequest(r))
		switch {
		case by == "bob":
			if as != "none" || second != "" || token == "" || len(token) > 8192 || !strings.HasSuffix(strings.Trim(first, " \t"), " "+token) {
				t.Errorf("%q and %q: the token is %q, and Basic says %s", first, second, token, as)
			}
		case as == "bob":
			value := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
			r.Header.Set("Authorization", strings.Trim(first, " \t"))
			u, p, ok := r.BasicAuth()
			if by != "none" || second != "" || user == "" || password == "" || strings.Contains(user, ":") ||
				!utf8.ValidString(user+password) || strings.ContainsFunc(user+password, unicode.IsControl) {
				t.Errorf("%q and %q: %q, %q, and Bearer says %s", first, second, user, password, by)
			}
			if one := strings.Join(strings.Fields(first), " "); !strings.EqualFold(one[:6], value[:6]) || one[6:] != value[6:] {
				t.Errorf("%q is read as %q", first, value)
			}
			if ok && (u != user || p != password) {
				t.Errorf("%q is %q, %q; net/http has %q, %q", first, user, password, u, p)
			}
		case by == "outage", as == "outage", by == "two at once", as == "two at once":
			t.Errorf("%q and %q: %s, %s", first, second, by, as)
		}
	})
}

// A key that is taken is the one that others read, and one that others read is not
// taken for none.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "key=x", "a=b&key=x&c", "key", "key=&key=x", "%6bey=x", "key=%zz", "key=a;b", "k%65y=%41", "key=a+b"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var key string
		l := loader.InsecureQueryKey("key", func(_ context.Context, k string) (*auth.Identity, error) {
			key = k
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		others, _ := url.ParseQuery(query)
		switch got := outcome(l.LoadRequest(&http.Request{URL: &url.URL{RawQuery: query}})); got {
		case "bob":
			if len(others["key"]) != 1 || others["key"][0] != key || key == "" || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
				t.Errorf("%q: the key is %q; net/url has %q", query, key, others["key"])
			}
		case "none":
			if len(others["key"]) != 0 {
				t.Errorf("%q: no key; net/url has %q", query, others["key"])
			}
		case "bad":
		default:
			t.Errorf("%q: %s", query, got)
		}
	})
}

// Nothing that is in the header gets to the host but visible ASCII.
func FuzzHeader(f *testing.F) {
	for _, v := range []string{"", "x", " x ", "x y", "\x00", "\u00e9", "a,b"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		l := loader.Header("X-API-Key", func(_ context.Context, k string) (*auth.Identity, error) {
			if k == "" || k != strings.Trim(value, " \t") || len(k) > 8192 || strings.ContainsFunc(k, func(c rune) bool { return c <= ' ' || c > '~' }) {
				t.Errorf("%q: the key is %q", value, k)
			}
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		if got := outcome(l.LoadRequest(&http.Request{Header: http.Header{"X-Api-Key": {value}}})); got != "bob" && got != "bad" {
			t.Errorf("%q: %s", value, got)
		}
	})
}
