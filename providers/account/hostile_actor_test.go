package account_test

import (
	"net/http"
	"testing"
)

// Who acts as a user, and has been told their password, gives them no other: it would
// outlive what they are allowed, and the user would be out.
func TestActorChangesNoPassword(t *testing.T) {
	s := newSite(t)
	id := s.verified(ada, good)
	b := s.browser().logIn(ada, good)
	s.acted(id)
	elsewhere := s.browser().logIn(ada, good)
	b.post("/password", "current", good, "password", other).want(t, http.StatusForbidden, "forbidden")
	if !s.logsIn(ada, good) || s.logsIn(ada, other) || elsewhere.who() != id || b.who() != id {
		t.Error("the password was changed, or a session has ended")
	}
}
