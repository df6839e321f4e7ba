package account_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An account without a password has none that could be locked: whoever sends guesses at it
// has nothing mailed that talks its owner into setting one.
func TestHostileLockedWithoutAPassword(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newSite(t, at)
		id := s.verified(ada, good)
		s.without(id)
		for range 101 {
			s.browser().post("/login", "email", ada, "password", other)
			s.clock.Advance(2 * time.Hour)
		}
		if got := s.noticed(ada); len(got) != 0 {
			t.Errorf("notices: %v", got)
		}
	})
}

// A client that goes as soon as the password is changed leaves no account that is locked.
func TestHostileUnlockedThoughTheClientHasGone(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		ctx, gone := context.WithCancel(t.Context())
		s := newSite(t, at, withCodes, func(set *setup) {
			set.auth.Events = append(set.auth.Events, func(_ context.Context, e auth.Event) {
				if e.Name == "password.reset" {
					gone()
				}
			})
		})
		s.verified(ada, good)
		s.guessCodes(ada, 100)
		for range 101 {
			s.browser().post("/login", "email", ada, "password", third)
			s.clock.Advance(2 * time.Hour)
		}
		if s.logsIn(ada, good) {
			t.Fatal("the account is not locked")
		}
		r := s.browser().request(http.MethodPost, "/reset", false, strings.NewReader(`{"token":"`+s.forgot(ada)+`","password":"`+other+`"}`), "application/json")
		s.h.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		if ctx.Err() == nil || !s.logsIn(ada, other) {
			t.Error("the client has not gone, or the account is locked still")
		}
		b, code := s.asked(ada)
		b.post("/reset", "code", code, "password", third).want(t, http.StatusOK, "")
	})
}
