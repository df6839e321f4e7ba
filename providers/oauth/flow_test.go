package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLogIn(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	to := j.start("alpha", "next", "/me?x=1")
	r := j.get(s.a.answer(to, ada()))
	if r.Code != http.StatusSeeOther || r.location() != "/me?x=1" {
		t.Fatalf("callback: %d to %q\n%s", r.Code, r.location(), r.text)
	}
	id := j.who()
	if id == "" {
		t.Fatal("nobody is logged in")
	}
	u, err := s.users.LoadUser(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", u)
	if c, ok := s.emailOf(id); !ok || c.Key != "ada@example.com" || c.VerifiedAt.IsZero() {
		t.Errorf("the address is %+v", c)
	}
	if got := strings.Join(s.links(id), ", "); got != "oauth:alpha 1001" {
		t.Errorf("links: %s", got)
	}
	// And again, from elsewhere.
	k := s.browser()
	k.logIn(ada())
	if k.who() != id {
		t.Errorf("the same account is %q, and was %q", k.who(), id)
	}
	// What came back in the meantime is told to nobody else.
	if u, _ := url.Parse(to); u.Query().Get("code_verifier") != "" {
		t.Error("the verifier is in the address")
	}
}

// Wherever an identity provider says that its page is, the browser gets there by https.
func TestAuthorizationEndpointIsEncrypted(t *testing.T) {
	for address, good := range map[string]bool{
		"https://alpha.example/authorize": true, "http://alpha.example/authorize": false, "http://127.0.0.1/authorize": false,
		"javascript:alert(1)": false, "//alpha.example/authorize": false, "/authorize": false, "": false,
	} {
		s := newSite(t)
		s.a.page = &address
		r := s.browser().do(http.MethodPost, "/auth/oauth/alpha")
		if (r.Code == http.StatusSeeOther) != good {
			t.Errorf("%q: %d to %q", address, r.Code, r.location())
		}
	}
	c := connect(&fake{name: "alpha"}, &ConnectorOptions{InsecureHTTP: true})
	if !c.encrypted("http://127.0.0.1:8089/authorize") || c.encrypted("http://alpha.example/authorize") {
		t.Error("InsecureHTTP is for this machine, and for no other")
	}
}
