package bench

import (
	"fmt"
	"net/http"
)

// Check makes sure that a site does what it is timed for: the right user for
// every session, nobody for no cookie, a forged one and a malformed one, and
// nobody after logging out. Floors that cannot log in are spared the last. Of the
// requests it sends n of each sort, [InTurn] at most.
func Check(s *Site, n int) error {
	w := NewSink()
	seen := func(h http.Handler, r *http.Request) *User {
		w.Reset()
		h.ServeHTTP(w, r)
		return w.User
	}
	step := max(1, InTurn/n)
	some := func(rs []*http.Request) (some []*http.Request) {
		for i := 0; i < len(rs); i += step {
			some = append(some, rs[i])
		}
		return some
	}
	for i, r := range some(s.Requests()) {
		want := UserID(s.inTurn(i * step))
		for _, h := range []http.Handler{s.Private, s.Public} {
			if u := seen(h, r); u == nil || u.ID != want {
				return fmt.Errorf("%s: session %d is %v, want user %s", s.Name, i, u, want)
			}
		}
		if s.Plain == nil || s.Name == "floor" {
			continue
		}
		if u := seen(s.Plain, r); u != nil {
			return fmt.Errorf("%s: the plain page has asked", s.Name)
		}
	}
	for what, rs := range map[string][]*http.Request{"no": Anonymous(), "a forged": s.Forged(), "a malformed": s.Malformed()} {
		for _, r := range some(rs) {
			for _, h := range []http.Handler{s.Private, s.Public} {
				if u := seen(h, r); u != nil {
					return fmt.Errorf("%s: %s cookie is %s", s.Name, what, u.ID)
				}
			}
		}
	}

	if s.LogIn == nil {
		return nil
	}
	w.Reset()
	if err := s.LogIn(w, s.Enter(newRequest(http.MethodPost, "", "")), UserID(7)); err != nil {
		return fmt.Errorf("%s: logging in: %w", s.Name, err)
	}
	token := w.token(s.Cookie)
	if u := seen(s.Private, newRequest(http.MethodGet, s.Cookie, token)); u == nil || u.ID != UserID(7) {
		return fmt.Errorf("%s: after logging in it is %v", s.Name, u)
	}
	w.Reset()
	if err := s.LogOut(w, s.Enter(newRequest(http.MethodPost, s.Cookie, token))); err != nil {
		return fmt.Errorf("%s: logging out: %w", s.Name, err)
	}
	if w.token(s.Cookie) != "" {
		return fmt.Errorf("%s: logging out does not delete the cookie", s.Name)
	}
	if u := seen(s.Private, newRequest(http.MethodGet, s.Cookie, token)); u != nil {
		return fmt.Errorf("%s: after logging out it is still %s", s.Name, u.ID)
	}
	return nil
}
