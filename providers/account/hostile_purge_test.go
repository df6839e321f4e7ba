package account_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Wrong codes for a new password are counted without an end as well, and are forgotten
// with the account.
func TestPurgeForgetsCodes(t *testing.T) {
	counters := &endless{keys: map[string]bool{}}
	s := newSite(t, inMemory(), withCodes, func(set *setup) {
		set.late = func(store auth.Store) auth.Store { counters.Store = store; return counters }
	})
	id := s.verified(ada, good)
	b, code := s.asked(ada)
	if r := b.post("/reset", "code", wrongOf(code), "password", other); r.Code == http.StatusOK || len(counters.keys) != 1 {
		t.Fatalf("%d, %v: nothing was tried", r.Code, counters.keys)
	}
	s.browser().logIn(ada, good).closes()
	s.clock.Advance(grace)
	s.flush()
	if s.there(id) || len(counters.keys) != 0 {
		t.Errorf("there: %v; counters without an end: %v", s.there(id), counters.keys)
	}
}
