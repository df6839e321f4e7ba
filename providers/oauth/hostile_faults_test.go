package oauth

import (
	"net/http"
	"testing"
	"time"
)

// At whichever call the store fails: nobody is told that something was done which was
// not, nobody is logged in by a callback that failed, and trying again works.
func TestHostileStoreFails(t *testing.T) {
	for name, run := range map[string]func(s *site, j *jar, fail func()) (r reply, done bool){
		"first login": func(s *site, j *jar, fail func()) (reply, bool) {
			back := s.a.answer(j.start("alpha", "remember", "true"), ada())
			fail()
			r := j.get(back)
			s.store.Reset()
			return r, j.who() != ""
		},
		"login": func(s *site, j *jar, fail func()) (reply, bool) {
			s.browser().logIn(ada())
			back := s.a.answer(j.start("alpha"), ada())
			fail()
			r := j.get(back)
			s.store.Reset()
			return r, j.who() != ""
		},
		"link": func(s *site, j *jar, fail func()) (reply, bool) {
			id := j.register("ada@example.com")
			back := s.a.answer(j.startLink(), ada())
			fail()
			r := j.get(back)
			s.store.Reset()
			return r, len(s.links(id)) == 1
		},
		"confirm": func(s *site, j *jar, fail func()) (reply, bool) {
			j.logIn(ada())
			id := j.who()
			s.clock.Advance(20 * time.Minute)
			back := s.a.answer(j.start("alpha/confirm"), ada())
			fail()
			r := j.get(back)
			s.store.Reset()
			if who := j.who(); who != id && who != "" {
				t.Errorf("%q is logged in", who)
			}
			return r, j.get("/fresh").Code == http.StatusOK
		},
		"unlink": func(s *site, j *jar, fail func()) (reply, bool) {
			id := j.register("ada@example.com")
			j.get(s.a.answer(j.startLink(), ada()))
			fail()
			r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink")
			s.store.Reset()
			return r, len(s.links(id)) == 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			for k := 1; k < 30; k++ {
				s := newSite(t)
				j := s.browser()
				r, done := run(s, j, func() {
					s.store.Reset()
					s.store.FailAt(k, errTest)
				})
				ok := r.Code == http.StatusSeeOther
				if ok && !done {
					t.Errorf("call %d: told %d to %q, and nothing was done", k, r.Code, r.location())
				}
				if !ok && done && (name == "first login" || name == "login" || name == "confirm") {
					t.Errorf("call %d: told %d, and it was done", k, r.Code)
				}
				if !ok && r.Code < 500 {
					t.Errorf("call %d: %d", k, r.Code)
				}
			}
		})
	}
}

// A link that is gone does not live on in the session that rested on it, although the
// user's other sessions could not be ended.
func TestHostileUnlinkHalfDone(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.logIn(ada())
	id := j.who()
	j.get(s.b.answer(j.start("beta/link"), Account{Subject: "77"}))
	s.store.FailVerb("DeleteUserSessions", errTest)
	r := j.do(http.MethodPost, "/auth/oauth/alpha/unlink")
	s.store.Reset()
	if r.Code != http.StatusServiceUnavailable || len(s.links(id)) != 1 {
		t.Fatalf("%d to %q, links %v", r.Code, r.location(), s.links(id))
	}
	if who := j.who(); who != "" {
		t.Errorf("%q is logged in by a link that is gone", who)
	}
}
