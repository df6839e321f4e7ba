package auth_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A clock that is put back by an hour unlocks nothing early, and locks nobody out for
// longer than that and what they had to wait (CK-02); one that was years ahead is
// no reason to wait for years.
func TestHostileClockPutBack(t *testing.T) {
	for _, ahead := range []time.Duration{time.Hour, 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		s := newSite(t, nil)
		s.clock.Advance(ahead)
		s.waits(10, "user:ada", "ada")
		for i := range 40 {
			_, _ = s.guess(s.visitor(), fmt.Sprint("email:", i), s.m.Nobody())
		}
		mail := func() time.Duration {
			wait, err := s.m.Throttle(s.visitor().request("POST", "/", ""), "mail", "x", auth.Limit{Max: 1, Per: time.Hour}, auth.Limit{})
			if err != nil {
				t.Fatal(err)
			}
			return wait
		}
		mail()
		s.clock.Advance(-ahead)
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = "198.51.100.7:1"
		if _, err := s.m.Attempt(r, "password", "user:ada", "ada"); ahead == time.Hour && err == nil {
			t.Error("an hour back unlocks an account")
		}
		s.clock.Advance(2*time.Hour + time.Minute)
		if _, wait := s.guess(s.visitor(), "email:other", s.m.Nobody()); wait != 0 {
			t.Errorf("%v back: two hours later a network must wait %v", ahead, wait)
		}
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait != 0 {
			t.Errorf("%v back: two hours later an account must wait %v", ahead, wait)
		}
		mail()
		s.clock.Advance(2 * time.Hour)
		if wait := mail(); wait != 0 {
			t.Errorf("%v back: a mail must wait %v", ahead, wait)
		}
	}
}

// The same for the stand-in: when the clock is put back it does not go on for so long
// after the limiter is up.
func TestHostileStandInWhenTheClockIsPutBack(t *testing.T) {
	s, limiter := newSplitSite(t, nil)
	x := limiter.On("Count", "Forget").Fail(errors.New("down"))
	s.guess(s.visitor(), "user:ada", "ada")
	x.Stop()
	s.clock.Advance(-time.Hour)
	for i := range 5 {
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait != 0 {
			t.Errorf("guess %d of the limiter's must wait %v", i, wait)
		}
	}
}
