package account_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// Of any number of posts at once with one link, or one code, one does something.
func TestOnceInParallel(t *testing.T) {
	for name, tt := range map[string]struct {
		set  []func(*setup)
		path string
		made func(s *site) (b *browser, fields []string)
	}{
		"reset": {nil, "/reset", func(s *site) (*browser, []string) {
			s.verified(ada, good)
			return s.browser(), []string{"token", s.forgot(ada), "password", other}
		}},
		"code": {[]func(*setup){withCodes}, "/reset", func(s *site) (*browser, []string) {
			s.verified(ada, good)
			b, code := s.asked(ada)
			return b, []string{"code", code, "password", other}
		}},
		"take-over": {nil, "/verify", func(s *site) (*browser, []string) {
			_, token := s.joined(ada, good)
			return s.browser(), []string{"token", token, "take_over", "true", "password", other}
		}},
		"verify": {nil, "/verify", func(s *site) (*browser, []string) {
			b, token := s.joined(ada, good)
			return b, []string{"token", token}
		}},
		"register": {[]func(*setup){required}, "/verify", func(s *site) (*browser, []string) {
			b, token := s.waiting(ada, good)
			return b, []string{"token", token}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, tt.set...)
			b, fields := tt.made(s)
			users := s.users.(*authtest.Users).Len()
			var done, broken atomic.Int32
			atOnce(50, func(int) {
				one := s.browser()
				for k, v := range b.cookies {
					one.cookies[k] = v
				}
				switch r := one.post(tt.path, fields...); {
				case r.Code == http.StatusOK:
					done.Add(1)
				case r.Code >= 500:
					broken.Add(1)
				}
			})
			if done.Load() != 1 || broken.Load() != 0 {
				t.Errorf("%d were told that it is done, %d met an error", done.Load(), broken.Load())
			}
			if n := s.users.(*authtest.Users).Len() - users; n > 1 {
				t.Errorf("%d users were made", n)
			}
		})
	}
}

// Wrong codes at once are compared five times at most, and so is the right one among them.
func TestTriesInParallel(t *testing.T) {
	s := newSite(t, withCodes)
	s.verified(ada, good)
	b, code := s.asked(ada)
	var compared atomic.Int32
	atOnce(50, func(int) {
		one := s.browser()
		for k, v := range b.cookies {
			one.cookies[k] = v
		}
		if r := one.post("/reset", "code", wrongOf(code), "password", other); r.Code == http.StatusUnprocessableEntity {
			compared.Add(1)
		}
	})
	if compared.Load() != 5 {
		t.Errorf("%d codes were compared, want 5", compared.Load())
	}
	if r := b.post("/reset", "code", code, "password", other); r.Code != http.StatusGone || !s.logsIn(ada, good) {
		t.Errorf("the right one after them: %d %s", r.Code, r.text)
	}
}

// Who is logged in as somebody else, and resets a password by a link, is somebody else
// still; and who was in the account is not.
func TestResetAsSomebodyElse(t *testing.T) {
	s := newSite(t)
	s.verified(ada, good)
	id := s.verified(bob, good)
	inside := s.browser().logIn(ada, good)
	b := s.browser().logIn(bob, good)
	if r := b.post("/reset", "token", s.forgot(ada), "password", other); r.Code != http.StatusOK || b.who() != id || inside.who() != "" {
		t.Errorf("%d %s, bob's browser is %q, ada's %q", r.Code, r.text, b.who(), inside.who())
	}
	if !s.logsIn(bob, good) || !s.logsIn(ada, other) {
		t.Error("the wrong password was set")
	}
}

// Who was disabled between asking and typing the code gets no password.
func TestCodeOfDisabled(t *testing.T) {
	s := newSite(t, withCodes)
	id := s.verified(ada, good)
	b, code := s.asked(ada)
	s.users.(*authtest.Users).Change(id, func(u *authtest.User) { u.Disabled = true })
	if r := b.post("/reset", "code", code, "password", other); r.Code != http.StatusGone {
		t.Errorf("%d %s", r.Code, r.text)
	}
	s.users.(*authtest.Users).Change(id, func(u *authtest.User) { u.Disabled = false })
	if !s.logsIn(ada, good) {
		t.Error("the password was changed")
	}
}
