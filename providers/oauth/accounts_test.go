package oauth

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (j *jar) accounts() (a Accounts) {
	j.s.t.Helper()
	r := j.json("/auth/accounts")
	if err := json.Unmarshal([]byte(r.text), &a); r.Code != http.StatusOK || err != nil {
		j.s.t.Fatalf("GET /auth/accounts: %d %v\n%s", r.Code, err, r.text)
	}
	return a
}

func TestAccounts(t *testing.T) {
	s := newSite(t)
	if r := s.browser().json("/auth/accounts"); r.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", r.Code)
	}
	j := s.browser()
	j.logIn(ada())
	got := j.accounts()
	if len(got.Linked) != 1 || got.Linked[0] != (Linked{Connector: "alpha", Title: "Alpha", Subject: "1001", Label: "ada@example.com", LinkedAt: t0, UsedAt: t0, Last: true}) ||
		len(got.Available) != 1 || got.Available[0] != (Available{"beta", "Beta"}) || got.Stale {
		t.Errorf("%+v", got)
	}
	s.clock.Advance(time.Minute)
	k := s.browser()
	k.get(s.b.answer(k.start("beta"), ada())) // somebody has the address
	j.get(s.b.answer(j.start("beta/link"), Account{Subject: "77", Username: "ada77"}))
	got = j.accounts()
	if len(got.Linked) != 2 || got.Linked[0].Last || got.Linked[1].Label != "ada77" || len(got.Available) != 0 {
		t.Errorf("%+v", got)
	}
	page := j.get("/auth/accounts").text
	for _, want := range []string{`action="/auth/oauth/alpha/unlink"`, `name="account" value="1001"`, `action="/auth/oauth/beta/unlink"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	s.clock.Advance(20 * time.Minute)
	if got = j.accounts(); !got.Stale {
		t.Error("not stale")
	}
	if page = j.get("/auth/accounts").text; strings.Contains(page, "unlink") {
		t.Error("what is stale has forms")
	}
}

func TestConfirmOffersWhatIsLinked(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.logIn(ada())
	page := j.get("/auth/confirm").text
	if !strings.Contains(page, "/auth/oauth/alpha/confirm") || strings.Contains(page, "/auth/oauth/beta/confirm") || strings.Contains(page, `type="password"`) {
		t.Errorf("the page is\n%s", page)
	}
}

func TestLinkLimit(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	id := j.register("ada@example.com")
	for i := range maxLinks + 1 {
		r := j.get(s.a.answer(j.startLink(), Account{Subject: "n" + strings.Repeat("x", i)}))
		if want := http.StatusSeeOther; i == maxLinks && r.Code != http.StatusConflict || i < maxLinks && r.Code != want {
			t.Errorf("link %d: %d", i+1, r.Code)
		}
		s.clock.Advance(10 * time.Second)
	}
	if n := len(s.links(id)); n != maxLinks {
		t.Errorf("%d links", n)
	}
}

// What a program is told: the address to open, and problems.
func TestJSON(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	j.header.Set("Accept", "application/json")
	r := j.do(http.MethodPost, "/auth/oauth/alpha", "next", "/me")
	var body struct{ Next string }
	if err := json.Unmarshal([]byte(r.text), &body); r.Code != http.StatusOK || err != nil || !strings.HasPrefix(body.Next, "https://alpha.example/") {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if got := r.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	r = j.get(s.a.answer(body.Next, ada()))
	if r.Code != http.StatusOK || !strings.Contains(r.text, `"next":"/me"`) {
		t.Errorf("%d %s", r.Code, r.text)
	}
	if r = j.get("/auth/oauth/alpha/callback"); r.code() != "oauth_failed" {
		t.Errorf("%d %s", r.Code, r.text)
	}
}
