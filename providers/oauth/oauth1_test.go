package oauth

import (
	"net/http"
	"strings"
	"testing"
)

func TestOAuth1(t *testing.T) {
	s := newSite(t, func(set *setup) { set.fakeA = &fake{name: "alpha", oauth1: true} })
	j := s.browser()
	back := s.a.answer(j.start("alpha", "next", "/me"), ada())
	if strings.Contains(back, "state") {
		t.Fatalf("%s has a state", back)
	}
	other := s.browser()
	mine := s.a.answer(other.start("alpha"), bob())
	j.refused("another browser's", j.get(mine), http.StatusBadRequest)
	for _, q := range []string{"", "oauth_token=x", "oauth_verifier=x", "oauth_token=a&oauth_token=b&oauth_verifier=c", "denied=a&oauth_token=a&oauth_verifier=b", "state=x&code=y"} {
		j.refused(q, j.get("/auth/oauth/alpha/callback?"+q), http.StatusBadRequest)
	}
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	if r := j.get(back); r.location() != "/me" || j.who() == "" {
		t.Fatalf("%d to %q\n%s", r.Code, r.location(), r.text)
	}
	j.logOut()
	j.refused("again", j.get(back), http.StatusBadRequest)
	token := query(t, j.start("alpha"), "oauth_token")
	j.refused("denied", j.get("/auth/oauth/alpha/callback?denied="+token), http.StatusForbidden)
}
