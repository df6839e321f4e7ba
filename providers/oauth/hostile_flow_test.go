package oauth

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whoever has to log in, or to confirm who they are, is led back to the page with the
// buttons. The address that they came by has a code in it that nobody has used.
func TestHostileWayBackHasNoCode(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.register("ada@example.com")
	back := s.a.answer(j.startLink(), ada())
	delete(j.cookies, "__Host-sid") // the session has ended meanwhile, and not by a log-out
	r := j.get(back)
	if r.Code != http.StatusSeeOther || r.location() != "/auth/login?next=%2Fauth%2Faccounts" {
		t.Errorf("a callback without a session: %d to %q", r.Code, r.location())
	}
	if strings.Contains(r.location(), query(t, back, "code")) || strings.Contains(r.location(), query(t, back, "state")) {
		t.Error("the code, or the state, is in the address of the login page")
	}

	k := s.browser()
	k.register("bob@example.com")
	s.clock.Advance(11 * time.Minute)
	for _, path := range []string{"link", "unlink"} {
		if r := k.do(http.MethodPost, "/auth/oauth/alpha/"+path); r.location() != "/auth/confirm?next=%2Fauth%2Faccounts" {
			t.Errorf("%s without a fresh proof: %d to %q", path, r.Code, r.location())
		}
	}
}
