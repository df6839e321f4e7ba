package account_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// endless is a store that knows which of its counters no time ends.
type endless struct {
	auth.Store
	mu   sync.Mutex
	keys map[string]bool
}

func (e *endless) Unwrap() any { return e.Store }

func (e *endless) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if window == 0 {
		e.keys[key] = true
	}
	return e.Store.Count(ctx, key, window, now)
}

func (e *endless) Forget(ctx context.Context, keys ...string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, key := range keys {
		delete(e.keys, key)
	}
	return e.Store.Forget(ctx, keys...)
}

// When an account is gone no counter says for ever that somebody has guessed at it: not
// at its password, nor at what else providers let people guess at, nor while it was being
// deleted.
func TestPurgeForgetsGuesses(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		counters := &endless{keys: map[string]bool{}}
		s := newSite(t, at, withTrust, func(set *setup) {
			set.auth.Limits.Free = 2 // so that there are waits as well
			set.late = func(store auth.Store) auth.Store { counters.Store = store; return counters }
		})
		id := s.verified(ada, good)
		b := s.browser().logIn(ada, good)
		for name := range b.cookies {
			if strings.Contains(name, "device") { // what a known browser guesses has an end
				delete(b.cookies, name)
			}
		}
		stranger := s.browser()
		for range 4 {
			s.clock.Advance(time.Minute)
			b.post("/password", "current", other, "password", third).want(t, http.StatusUnauthorized, "bad_credentials")
			b.post("/confirm", "password", other).want(t, http.StatusUnauthorized, "bad_credentials")
			stranger.post("/login", "email", ada, "password", other).want(t, http.StatusUnauthorized, "bad_credentials")
			if _, err := s.m.Attempt(stranger.request(http.MethodPost, "/trust", false, nil, ""), "trust", "user:"+id, id); err != nil {
				t.Fatal(err)
			}
		}
		b.closes()
		s.clock.Advance(time.Minute)
		stranger.post("/login", "email", ada, "password", other).want(t, http.StatusUnauthorized, "bad_credentials")
		if len(counters.keys) != 8 {
			t.Fatalf("%d counters: nothing was guessed", len(counters.keys))
		}
		s.clock.Advance(grace)
		s.store.On("ChangeCredentials").Before(func(context.Context) error { // somebody guesses on
			s.clock.Advance(time.Minute)
			stranger.post("/login", "email", ada, "password", other)
			return nil
		})
		s.flush()
		s.store.Reset()
		if s.there(id) || len(counters.keys) != 0 {
			t.Errorf("there: %v; %d counters have no end", s.there(id), len(counters.keys))
		}
	})
}
