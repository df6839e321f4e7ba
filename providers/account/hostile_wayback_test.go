package account_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// A user of a table of the host's says that a login was not them: what has been added
// since goes, as it does from any other account.
func TestDisownDropsWhatCameSinceOnTable(t *testing.T) {
	hasher := &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}
	hash, err := hasher.Hash([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	h := &hostTable{rows: map[string]*hostRow{"1": {name: ada, hash: hash}}}
	s := newSite(t, withTrust, func(set *setup) {
		set.users = authtest.NewUsers("1")
		set.password.Table = &password.Table{LookUp: h.LookUp, Name: h.Name, Save: h.Save}
	})
	s.newDevice()
	s.must(addKey(t.Context(), s.m, "1", "mine"))
	s.flush()
	s.clock.Advance(2 * time.Hour)
	thief := s.newDevice()
	token := s.disownToken("device.added")
	s.clock.Advance(time.Minute)
	s.must(addKey(t.Context(), s.m, "1", "thief's"))
	s.clock.Advance(time.Minute)
	s.browser().post("/disown", "token", token).want(t, http.StatusOK, "")
	if thief.who() != "" {
		t.Error("the thief is logged in")
	}
	held, err := s.m.Store().UserCredentials(t.Context(), "1", "trust")
	s.must(err)
	var keys []string
	for _, c := range held {
		keys = append(keys, c.Key)
	}
	if !slices.Equal(keys, []string{"mine"}) {
		t.Errorf("ways in: %q", keys)
	}
}

// A user of a table of the host's has not just registered because something of theirs was
// changed for the first time: of the login that comes then they are told.
func TestFirstChangeOnTableIsNoRegistration(t *testing.T) {
	hasher := &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}
	hash, err := hasher.Hash([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	h := &hostTable{rows: map[string]*hostRow{"1": {name: ada, hash: hash}}}
	s := newSite(t, withTrust, func(set *setup) {
		set.users = authtest.NewUsers("1")
		set.password.Table = &password.Table{LookUp: h.LookUp, Name: h.Name, Save: h.Save}
	})
	s.newDevice()
	s.clock.Advance(2 * time.Hour)
	s.must(addKey(t.Context(), s.m, "1", "mine"))
	before := len(s.noticed(ada))
	s.clock.Advance(time.Minute)
	s.newDevice() // a thief's
	if got := s.noticed(ada); len(got) != before+1 {
		t.Errorf("notices: %q", got)
	}
}
