package account_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// trustedBy reports whether the user's account can be entered by a key.
func (s *site) trustedBy(id, key string) bool {
	s.t.Helper()
	return s.logInBy(id, auth.Proof{Method: "trust", Kind: "trust", Key: key}) == nil
}

// PH-3: what a thief has linked after changing the address, of which only the thief is
// told, does not outlive the undoing; what was the owner's does, and a second factor too.
func TestUndoRemovesTrojans(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at, withTrust)
		id := s.verified(ada, good)
		s.must(addKey(t.Context(), s.m, id, "mine"))
		s.clock.Advance(time.Hour)
		s.browser().logIn(ada, good).moves(neu)
		s.clock.Advance(time.Minute)
		s.must(addKey(t.Context(), s.m, id, "thief's"))
		s.browser().post("/email/undo", "token", s.undoToken(ada)).want(t, http.StatusOK, "")
		if s.trustedBy(id, "thief's") {
			t.Error("the thief comes back")
		}
		if !s.trustedBy(id, "mine") {
			t.Error("the owner's way in is gone")
		}
	})
}

// Not even if the thief has left no other way in.
func TestUndoRemovesTheOnlyWayIn(t *testing.T) {
	s := newSite(t, withTrust)
	id := s.verified(ada, good)
	s.browser().logIn(ada, good).moves(neu)
	s.clock.Advance(time.Minute)
	s.must(addKey(t.Context(), s.m, id, "thief's"))
	s.without(id)
	s.browser().post("/email/undo", "token", s.undoToken(ada)).want(t, http.StatusOK, "")
	if s.trustedBy(id, "thief's") || slices.Contains(s.credentials(id), "trust") {
		t.Error("the thief comes back")
	}
	if !wantsReset(s) {
		t.Error("the owner does not get in")
	}
}

// "This was not me" of any notice takes away what was added since.
func TestDisownRemovesTrojans(t *testing.T) {
	for _, moves := range []bool{false, true} {
		s := newSite(t, withTrust)
		id := s.verified(ada, good)
		s.must(addKey(t.Context(), s.m, id, "mine"))
		s.clock.Advance(2 * time.Hour)
		thief := s.newDevice()
		token := s.disownToken("device.added")
		s.clock.Advance(time.Minute)
		if moves {
			thief.moves(neu)
			s.clock.Advance(time.Minute)
		}
		s.must(addKey(t.Context(), s.m, id, "thief's"))
		s.browser().post("/disown", "token", token).want(t, http.StatusOK, "")
		if s.trustedBy(id, "thief's") || !s.trustedBy(id, "mine") {
			t.Errorf("moved %v: the thief gets in: %v; the owner: %v", moves, s.trustedBy(id, "thief's"), s.trustedBy(id, "mine"))
		}
	}
}

// Who had got hold of the account has changed its address to theirs and back again, which
// the owner has confirmed. The address between has a link of its own then, and that of the
// owner, who had the account before, is stronger.
func TestUndoOfThereAndBack(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		b := s.browser().logIn(ada, good)
		s.clock.Advance(time.Minute)
		b.moves(neu)
		owners := s.undoToken(ada)
		s.clock.Advance(time.Minute)
		b.moves(ada)
		thiefs := s.undoToken(neu)
		s.clock.Advance(time.Minute)
		s.browser().post("/email/undo", "token", thiefs).want(t, http.StatusOK, "")
		if c, _ := s.email(ada); c.UserID == id || c.ExpiresAt.IsZero() {
			t.Errorf("ada: %+v", c)
		}
		s.browser().post("/email/undo", "token", owners).want(t, http.StatusOK, "")
		if c, _ := s.email(ada); c.UserID != id || c.VerifiedAt.IsZero() {
			t.Errorf("ada: %+v", c)
		}
		if _, ok := s.email(neu); ok {
			t.Error("the thief has an address still")
		}
		if !wantsReset(s) {
			t.Error("the owner does not get in")
		}
	})
}

// A → B → C → A: whoever presses, the one that had the account first has the last word.
func TestUndoChain(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	tokens := map[string]string{}
	for i, to := range []string{neu, neu2, ada} {
		s.clock.Advance(time.Minute)
		b.moves(to)
		from := []string{ada, neu, neu2}[i]
		tokens[from] = s.undoToken(from)
	}
	for _, from := range []string{neu2, neu, ada} {
		s.clock.Advance(time.Minute)
		s.browser().post("/email/undo", "token", tokens[from]).want(t, http.StatusOK, "")
		if c, _ := s.email(from); c.UserID != id {
			t.Errorf("%s: %+v", from, c)
		}
		s.browser().post("/email/undo", "token", tokens[from]).want(t, http.StatusGone, "link_invalid")
	}
	for _, from := range []string{neu2, neu} {
		if _, ok := s.email(from); ok {
			t.Errorf("%s is kept", from)
		}
	}
}

// The link to a former address ends when it was to end, also if the address is the user's
// again, and nothing is undone by it.
func TestUndoLinkEndsThereAndBack(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good).moves(neu)
	token := s.undoToken(ada)
	b.moves(ada)
	s.clock.Advance(week)
	s.browser().post("/email/undo", "token", token).want(t, http.StatusGone, "link_invalid")
	if !s.logsIn(ada, good) || s.credentials(id) == nil {
		t.Error("the password is gone")
	}
}

// A link that was mailed to an address while it was the user's is good for nothing once
// the address is another's, also while it is reserved for that other.
func TestDisownOfAnAddressOfAnothers(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	s.clock.Advance(2 * time.Hour)
	s.newDevice().moves(neu)
	s.browser().logIn(neu, good)
	late := s.token(s.mailed(neu, "notice.device.added"))
	s.browser().post("/email/undo", "token", s.undoToken(ada)).want(t, http.StatusOK, "")
	s.verified(bob, other)
	b := s.browser().logIn(bob, other).moves(neu)
	s.browser().post("/disown", "token", late).want(t, http.StatusGone, "link_invalid")
	b.moves(neu2)
	s.browser().post("/disown", "token", late).want(t, http.StatusGone, "link_invalid")
	if c, _ := s.email(ada); c.UserID != id {
		t.Errorf("ada: %+v", c)
	}
}
