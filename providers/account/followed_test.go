package account_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// Who has taken the account back is not told that the link was used by somebody else if
// what follows fails: that is an outage.
func TestOutageAfterGivingBack(t *testing.T) {
	for name, link := range map[string]func(s *site) string{
		"disown": func(s *site) string {
			s.clock.Advance(2 * time.Hour)
			s.newDevice()
			return s.disownToken("device.added")
		},
		"undo": func(s *site) string {
			s.browser().logIn(ada, good).moves(neu)
			return s.undoToken(ada)
		},
	} {
		path := map[string]string{"disown": "/disown", "undo": "/email/undo"}[name]
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, at place) {
				var faults *authtest.Faults
				s := newSite(t, at, func(set *setup) {
					set.late = func(store auth.Store) auth.Store { faults = authtest.NewFaults(store); return faults }
				})
				s.verified(ada, good)
				token := link(s)
				// Sessions end with the change, and again once it can be seen.
				faults.On("DeleteUserSessions").At(3).Fail(errors.New("down"))
				s.browser().post(path, "token", token).want(t, http.StatusServiceUnavailable, "unavailable")
				if s.logsIn(ada, good) {
					t.Error("nothing was changed")
				}
				s.browser().post(path, "token", token).want(t, http.StatusGone, "link_invalid")
			})
		})
	}
}
