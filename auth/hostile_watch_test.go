package auth_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What begins to watch while the session is renewed hangs on the new one.
func TestHostileWatchBegunDuringARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSiteOn(t, memory.New(nil), nil)
		ada := s.browser().logIn("ada")
		inside := ada.inside(s.m) // another request of the same browser, under way
		if _, err := s.m.IdentityFrom(inside); err != nil {
			t.Fatal(err)
		}
		var ctx context.Context
		var stop context.CancelFunc
		done := false
		s.store.before["DeleteSession"] = func() {
			if !done {
				done = true
				ctx, stop = s.m.Watch(inside, 24*time.Hour)
			}
		}
		if res := ada.post("/auth/trust/confirm", ""); res.StatusCode != 303 {
			t.Fatal(res.Status)
		}
		defer stop()
		ada.post("/auth/logout", "")
		time.Sleep(time.Hour)
		if got := ended(ctx); got == "live" {
			t.Errorf("an hour after the log-out the connection is %s", got)
		}
	})
}
