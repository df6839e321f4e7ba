package account_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// An asking is a request whose answer must not say who has an account.
type asking struct {
	name   string
	setup  []func(*setup)
	path   string
	fields []string // beside the address
	status int
}

var askings = []asking{
	{"login", nil, "/login", []string{"password", third}, http.StatusUnauthorized},
	{"login, verification required", []func(*setup){required}, "/login", []string{"password", third}, http.StatusUnauthorized},
	{"register, verification required", []func(*setup){required}, "/register", []string{"password", third}, http.StatusAccepted},
	{"forgot", nil, "/forgot", nil, http.StatusAccepted},
	{"forgot with codes", []func(*setup){withCodes}, "/forgot", nil, http.StatusAccepted},
}

// Known and unknown, verified and not, disabled or without password: one sequence of
// calls of the store, the users, the limiter, the outbox and the hasher, one body, and
// the same cookies.
func TestNoEnumeration(t *testing.T) {
	for _, ask := range askings {
		t.Run(ask.name, func(t *testing.T) {
			s := newSite(t, ask.setup...)
			for address, make := range map[string]func(address string){
				"unknown@example.com":  func(string) {},
				"verified@example.com": func(address string) { s.verified(address, good) },
				"claimed@example.com":  func(address string) { s.register(address, good) },
				"disabled@example.com": func(address string) {
					id := s.verified(address, good)
					s.users.(*authtest.Users).Change(id, func(u *authtest.User) { u.Disabled = true })
				},
				"no-password@example.com": func(address string) {
					s.without(s.verified(address, good))
				},
			} {
				make(address)
			}
			s.flush()
			s.browser().post("/login", "email", ada, "password", third) // the dummy is made once
			for _, html := range []bool{false, true} {
				want := ""
				var calls []string
				for _, address := range []string{"unknown@example.com", "verified@example.com", "claimed@example.com", "disabled@example.com", "no-password@example.com"} {
					b := s.browser()
					send := b.post
					if html {
						send = b.submit
					}
					var r reply
					traced := s.traced(func() { r = send(ask.path, append([]string{"email", address}, ask.fields...)...) })
					header := r.Header().Clone()
					header.Del("Set-Cookie")
					body := r.text
					if html {
						body = string(blank(body, address))
					} else if r.Code != ask.status {
						t.Errorf("%s: %d %s, want %d", address, r.Code, r.text, ask.status)
					}
					got := http.StatusText(r.Code) + "\n" + text(header) + text(r.setCookies()) + body
					if want == "" {
						want, calls = got, traced
						if len(calls) == 0 {
							t.Fatal("nothing was recorded")
						}
						continue
					}
					if got != want {
						t.Errorf("%s is answered\n%s\nand nobody\n%s", address, got, want)
					}
					if !slices.Equal(traced, calls) {
						t.Errorf("%s: calls %q, and for nobody %q", address, traced, calls)
					}
				}
			}
		})
	}
}

// Over the limits, too, known and unknown are answered alike, and as before.
func TestNoEnumerationOverTheLimit(t *testing.T) {
	for _, ask := range askings[2:] {
		t.Run(ask.name, func(t *testing.T) {
			few := func(set *setup) { set.account.PerAddress.Max, set.account.PerNetwork.Max = 2, 1000 }
			s := newSite(t, append(ask.setup, few)...)
			s.verified(ada, good)
			var first string
			for range 4 {
				for _, address := range []string{ada, bob} {
					r := s.browser().post(ask.path, append([]string{"email", address}, ask.fields...)...)
					got := http.StatusText(r.Code) + text(r.setCookies()) + r.text
					if first == "" {
						first = got
					}
					if got != first {
						t.Errorf("%s: %s, and at first %s", address, got, first)
					}
				}
			}
			known, unknown := s.traced(func() { s.browser().post(ask.path, append([]string{"email", ada}, ask.fields...)...) }),
				s.traced(func() { s.browser().post(ask.path, append([]string{"email", bob}, ask.fields...)...) })
			if !slices.Equal(known, unknown) {
				t.Errorf("calls %q, and for nobody %q", known, unknown)
			}
		})
	}
}

// A reset that is posted with a token of nobody's and one with a token of somebody's that
// has expired take the same steps.
func TestDeadTokensAreAlike(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	old := s.forgot(ada)
	s.forgot(ada)
	never := s.token(s.mail(ada, "account.forgot"))
	never = never[:10] + flip(never[10:11]) + never[11:]
	var a, b reply
	first := s.traced(func() { a = s.browser().post("/reset", "token", old, "password", other) })
	second := s.traced(func() { b = s.browser().post("/reset", "token", never, "password", other) })
	if a.text != b.text || a.Code != b.Code || !slices.Equal(first, second) {
		t.Errorf("%d %s by %q, and %d %s by %q", a.Code, a.text, first, b.Code, b.text, second)
	}
}

// flip is another letter.
func flip(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}

// text is a header or a list, in one order.
func text(v any) (s string) {
	switch v := v.(type) {
	case http.Header:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			for _, value := range v[name] {
				s += name + ": " + value + "\n"
			}
		}
	case []string:
		for _, value := range v {
			s += value + "\n"
		}
	}
	return s
}
