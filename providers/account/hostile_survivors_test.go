package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// bearer knows a user by a header, as a key does: without a session.
type bearer struct{ user string }

func (b *bearer) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if r.Header.Get("Authorization") == "" || b.user == "" {
		return nil, auth.ErrNoCredentials
	}
	return &auth.Identity{UserID: b.user}, nil
}

// A key of the account's, which whoever has registered it may have made, is no session in
// it: with the link it does not verify the address.
func TestVerifyByKey(t *testing.T) {
	key := &bearer{}
	s := newSite(t, func(set *setup) { set.auth.Loaders = []auth.RequestLoader{key} })
	b, token := s.joined(ada, good)
	key.user = b.who()
	r := s.browser().request(http.MethodPost, "/verify", false, strings.NewReader(`{"token":"`+token+`"}`), "application/json")
	r.Header.Set("Authorization", "Bearer x")
	if r := s.browser().do(r); r.Code != http.StatusForbidden || r.code() != "wrong_browser" {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if c, _ := s.email(ada); !c.VerifiedAt.IsZero() {
		t.Error("verified")
	}
}

// A registration ends by the clock, however late its mail is, and whether or not somebody
// has swept.
func TestRegistrationEnds(t *testing.T) {
	s := newSite(t, required)
	b := s.browser()
	b.post("/register", "email", ada, "password", good)
	s.clock.Advance(8*24*time.Hour - time.Second)
	token := s.token(s.mail(ada, "account.register"))
	s.clock.Advance(time.Second)
	if r := b.post("/verify", "token", token); r.Code != http.StatusGone || s.logsIn(ada, good) {
		t.Errorf("%d %s", r.Code, r.text)
	}
}

// An address that the host has taken from its user disowns nothing.
func TestDisownOnTableElsewhere(t *testing.T) {
	s, h := onTable(t)
	s.browser().logIn(ada, good).post("/password", "current", good, "password", other)
	token := s.token(s.mail(ada, "notice.password.changed"))
	h.rows["1"].name = "ada@elsewhere.example"
	if r := s.browser().post("/disown", "token", token); r.Code != http.StatusGone || h.rows["1"].hash == "" {
		t.Errorf("%d %s", r.Code, r.text)
	}
}
