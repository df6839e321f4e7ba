package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// withFormPost makes alpha answer with forms.
func withFormPost(t *testing.T) *site {
	s := newSite(t, func(set *setup) { set.formPost = true })
	return s
}

// post is what a browser does with the form on the identity provider's site.
func (j *jar) post(back string, more ...string) reply {
	u, err := url.Parse(back)
	if err != nil {
		j.s.t.Fatal(err)
	}
	var form []string
	for name, values := range u.Query() {
		for _, v := range values {
			form = append(form, name, v)
		}
	}
	// SameSite=Lax: no cookies.
	k := &jar{s: j.s, cookies: map[string]string{}, header: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://alpha.example"}, "Accept": {"text/html"}}}
	r := k.do(http.MethodPost, u.Path, append(form, more...)...)
	if len(k.cookies) != 0 {
		j.s.t.Errorf("a request from another site set cookies: %v", k.cookies)
	}
	return r
}

func TestOA22FormPost(t *testing.T) {
	s := withFormPost(t)
	j := s.browser()
	back := s.a.answer(j.start("alpha", "next", "/me"), ada())
	r := j.post(back, "user", `{"name":{"firstName":"Mallory"},"email":"victim@example.com"}`)
	if r.Code != http.StatusSeeOther || !strings.HasPrefix(r.location(), "/auth/oauth/alpha/callback?state=") || strings.Contains(r.location(), query(t, back, "code")) {
		t.Fatalf("the form: %d to %q\n%s", r.Code, r.location(), r.text)
	}
	if s.a.tokenRequests() != 0 {
		t.Error("the form was enough for a token request")
	}
	next := r.location()
	// Whoever has not begun it does not get it, and uses it up.
	if r = j.get(next); r.location() != "/me" || j.who() == "" {
		t.Fatalf("the page: %d to %q\n%s", r.Code, r.location(), r.text)
	}
	if c, _ := s.emailOf(j.who()); c.Key != "ada@example.com" {
		t.Errorf("the address is %q", c.Key)
	}
	j.logOut()
	j.refused("again", j.get(next), http.StatusBadRequest)
	if r := j.post(back); r.Code != http.StatusBadRequest {
		t.Errorf("the form again: %d to %q", r.Code, r.location())
	}
}

func TestOA22FormPostAttacks(t *testing.T) {
	s := withFormPost(t)
	attacker, victim := s.browser(), s.browser()
	// Login CSRF: the attacker's form in the victim's browser.
	back := s.a.answer(attacker.start("alpha"), bob())
	r := victim.post(back)
	victim.refused("the attacker's state and code", victim.get(r.location()), http.StatusBadRequest)

	to := victim.start("alpha")
	good := s.a.answer(to, ada())
	state, code := query(t, good, "state"), query(t, good, "code")
	victim.refused("the code in the query", victim.get(good), http.StatusBadRequest)
	for what, form := range map[string][]string{
		"no state":         {"code", code},
		"no code":          {"state", state},
		"code and error":   {"state", state, "code", code, "error", "x"},
		"two states":       {"state", state, "state", state, "code", code},
		"two codes":        {"state", state, "code", code, "code", code},
		"an ID token":      {"state", state, "code", code, "id_token", "x"},
		"an access token":  {"state", state, "access_token", "x"},
		"an unknown state": {"state", newSecret().String(), "code", code},
	} {
		k := s.browser()
		k.header.Set("Sec-Fetch-Site", "cross-site")
		if r := k.do(http.MethodPost, "/auth/oauth/alpha/callback", form...); r.Code != http.StatusBadRequest {
			t.Errorf("%s: %d to %q", what, r.Code, r.location())
		}
	}
	if n := s.a.tokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	// Only this one route takes what another site sends.
	for _, path := range []string{"/auth/oauth/alpha", "/auth/oauth/alpha/link", "/auth/oauth/beta/callback", "/auth/oauth/alpha/callback/", "/auth/oauth/ALPHA/callback"} {
		k := s.browser()
		k.header.Set("Sec-Fetch-Site", "cross-site")
		if r := k.do(http.MethodPost, path, "state", state, "code", code); r.Code < 400 {
			t.Errorf("%s takes what another site sends: %d to %q", path, r.Code, r.location())
		}
	}
	// A second answer does not take the place of the first.
	r = victim.post(good)
	if again := victim.post(strings.Replace(good, code, "another", 1)); again.Code != http.StatusBadRequest {
		t.Errorf("a second answer: %d to %q", again.Code, again.location())
	}
	for what, q := range map[string]string{"two states": "state=" + state + "&state=" + state, "a cut state": "state=" + state[:40], "none": ""} {
		victim.refused(what, victim.get("/auth/oauth/alpha/callback?"+q), http.StatusBadRequest)
	}
	s.clock.Advance(61 * time.Second)
	victim.refused("after a minute", victim.get(r.location()), http.StatusBadRequest)
}

// A form says nothing of who is logged in; the page that it leads to does.
func TestFormPostLink(t *testing.T) {
	s := withFormPost(t)
	j := s.browser()
	id := j.register("ada@example.com")
	r := j.post(s.a.answer(j.startLink(), Account{Subject: "7"}))
	if len(s.links(id)) != 0 {
		t.Error("the form links")
	}
	if r = j.get(r.location()); r.location() != "/auth/accounts" || len(s.links(id)) != 1 {
		t.Errorf("%d to %q, links %v", r.Code, r.location(), s.links(id))
	}
}

// An answer that is posted for another connector's transaction is not kept.
func TestOA22FormOfAnotherConnector(t *testing.T) {
	s := newSite(t, func(set *setup) {
		set.formPost = true
		c := connect(&fake{name: "gamma"}, nil)
		c.formPost = true
		set.more = []*Connector{c}
	})
	j := s.browser()
	good := s.a.answer(j.start("alpha"), ada())
	if r := j.post(strings.Replace(good, "/alpha/", "/gamma/", 1)); r.Code != http.StatusBadRequest {
		t.Errorf("at gamma: %d to %q", r.Code, r.location())
	}
	if r := j.get(j.post(good).location()); r.Code != http.StatusSeeOther || j.who() == "" {
		t.Errorf("and then at alpha: %d", r.Code)
	}
}
