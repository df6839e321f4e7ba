package oauth

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The identity provider takes its time: what has ended meanwhile has ended.
func TestEndsMeanwhile(t *testing.T) {
	for _, kind := range []string{"link", "confirm"} {
		s := newSite(t)
		j := s.browser()
		id := j.register("ada@example.com")
		if kind == "confirm" {
			j.get(s.a.answer(j.startLink(), ada()))
		}
		links := len(s.links(id))
		back := s.a.answer(j.start("alpha/"+kind), ada())
		phone := s.browser()
		phone.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
		s.a.break_ = func(*Account) error {
			if r := phone.do(http.MethodPost, "/auth/sessions/revoke", "all", "others"); r.Code != http.StatusSeeOther {
				t.Errorf("revoking: %d", r.Code)
			}
			return nil
		}
		r := j.get(back)
		s.a.break_ = nil
		if r.Code == http.StatusSeeOther && r.location() == "/auth/accounts" || len(s.links(id)) != links || j.who() != "" {
			t.Errorf("%s: %d to %q, links %v", kind, r.Code, r.location(), s.links(id))
		}
	}
}

// A link that is made again is another: what was proved by the first is not proved by
// it.
func TestLinkedAgainIsAnotherLink(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	id := j.register("ada@example.com")
	generation := func() int64 {
		l, err := s.m.Store().LoadCredential(t.Context(), "oauth:alpha", "1001")
		if err != nil {
			t.Fatal(err)
		}
		return l.Generation
	}
	j.get(s.a.answer(j.startLink(), ada()))
	first := generation()
	s.clock.Advance(time.Second)
	s.browser().logIn(ada())
	if generation() != first {
		t.Error("a login has made another of it")
	}
	if err := s.p.UnlinkAll(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	j.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
	j.get(s.a.answer(j.startLink(), ada()))
	if generation() == first {
		t.Error("the second link is of the same generation")
	}
}

// What a login writes down of its link it does not write into one that was made again
// meanwhile, though that has the same version.
func TestRenewOfARemovedLink(t *testing.T) {
	s := newSite(t)
	j := s.browser()
	id := j.register("ada@example.com")
	load := func() auth.Credential {
		l, err := s.m.Store().LoadCredential(t.Context(), "oauth:alpha", "1001")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	j.get(s.a.answer(j.startLink(), ada()))
	old := load()
	s.clock.Advance(time.Second)
	if err := s.p.UnlinkAll(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s.p.renew(t.Context(), s.p.connector("alpha"), old, ada(), nil)
	if got := s.links(id); len(got) != 0 {
		t.Fatalf("brought back: %v", got)
	}
	j.do(http.MethodPost, "/auth/login", "email", "ada@example.com", "password", goodPassword)
	j.get(s.a.answer(j.startLink(), ada()))
	made := load()
	if made.Version != old.Version {
		t.Fatalf("the versions are %d and %d: this test shows nothing", old.Version, made.Version)
	}
	s.clock.Advance(time.Second)
	s.p.renew(t.Context(), s.p.connector("alpha"), old, ada(), nil)
	if now := load(); now.Generation != made.Generation || !now.UsedAt.Equal(made.UsedAt) {
		t.Errorf("the old link was written over the new one: %+v", now)
	}
}
