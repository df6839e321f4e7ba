package oauth

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// Whatever comes to a callback, nobody is logged in by it who has no transaction, and
// nothing is asked of the identity provider.
func FuzzCallback(f *testing.F) {
	s := newSite(f, func(set *setup) { set.formPost = true })
	state := newSecret().String()
	for _, q := range []string{"", "code=c&state=" + state, "state=" + state + "&error=access_denied", "state=a&state=b", "oauth_token=a&oauth_verifier=b",
		"code=%zz", "state=" + state + "&code=c&iss=https://a.example", "access_token=x", ";;&&==", "state=" + state + ";code=x"} {
		f.Add(q, "", "__Host-oauth="+newSecret().String()+".0")
		f.Add("", q, "__Host-oauth=.9; __Host-oauth=x")
	}
	f.Fuzz(func(t *testing.T, query, body, cookie string) {
		for _, path := range []string{"/auth/oauth/alpha/callback", "/auth/oauth/beta/callback"} {
			method := http.MethodGet
			if body != "" {
				method = http.MethodPost
			}
			r := httptest.NewRequest(method, authtest.Origin+path, strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Cookie", cookie)
			w := httptest.NewRecorder()
			s.h.ServeHTTP(w, r)
			if w.Code < 400 || len(w.Result().Cookies()) != 0 {
				t.Errorf("%s %s?%q %q: %d, %v", method, path, query, body, w.Code, w.Header())
			}
		}
		if s.a.tokenRequests()+s.b.tokenRequests() != 0 {
			t.Error("a token request")
		}
	})
}
