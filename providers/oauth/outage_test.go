package oauth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Whichever call of the store fails, the answer is an outage or all is well, and
// nobody is logged in whose answer was an outage.
func TestStoreFails(t *testing.T) {
	for _, what := range []string{"log in", "first login", "link", "confirm", "unlink", "form"} {
		t.Run(what, func(t *testing.T) {
			for n := 1; ; n++ {
				s := newSite(t, func(set *setup) { set.formPost = what == "form" })
				j := s.browser()
				switch what {
				case "log in":
					s.browser().logIn(ada())
				case "link":
					j.register("grace@example.com")
				case "confirm", "unlink":
					j.register("grace@example.com")
					j.get(s.a.answer(j.startLink(), ada()))
				}
				before := j.who()
				s.store.Reset()
				s.store.FailAt(n, errTest)
				var r reply
				if what == "unlink" {
					r = j.do(http.MethodPost, "/auth/oauth/alpha/unlink")
				} else {
					path := map[string]string{"link": "/link", "confirm": "/confirm"}[what]
					r = j.do(http.MethodPost, "/auth/oauth/alpha"+path)
					if strings.HasPrefix(r.location(), "https://") {
						back := s.a.answer(r.location(), ada())
						if what == "form" {
							if r = j.post(back); r.Code == http.StatusSeeOther {
								r = j.get(r.location())
							}
						} else {
							r = j.get(back)
						}
					}
				}
				calls := s.store.Calls()
				s.store.Reset()
				if len(calls) < n {
					if n < 6 {
						t.Errorf("only %d calls of the store", n-1)
					}
					return
				}
				failed := calls[n-1]
				if r.Code != http.StatusSeeOther && r.Code < 500 {
					t.Errorf("%s fails (call %d): %d\n%s", failed, n, r.Code, r.text)
				}
				if who := j.who(); r.Code >= 500 && before == "" && who != "" {
					t.Errorf("%s fails (call %d): %d, and %s is logged in", failed, n, r.Code, who)
				}
				if strings.Contains(r.text, errTest.Error()+"\n") {
					t.Errorf("%s fails (call %d): the page says why", failed, n)
				}
			}
		})
	}
}

// What holds for every provider.
func TestProviderSuite(t *testing.T) {
	authtest.TestProvider(t, authtest.ProviderTest{
		New: func(t *testing.T) auth.Provider {
			return New(authtest.Origin, nil, connect(&fake{name: "alpha"}, nil), connect(&fake{name: "beta"}, nil))
		},
		Store: func(t *testing.T) auth.Store { return memory.New(nil) },
	})
}
