package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// A renewal makes a new session and goes on only if it is the one that ended the
// old one, which is how it loses against whoever revokes all of the user's sessions
// meanwhile. The old one may be loaded, and deleted, until that is done: then the
// new one goes with it, also if that was renewed in turn.
func TestRevokedWhileRenewed(t *testing.T) {
	ownServer(t)
	const renewals = 3
	for first := 1; first < 4; first++ {
		s, prefix := newStore(t, redisstore.Options{})
		ctx := t.Context()
		must(t, s.DeleteUserSessions(ctx, "u")) // so that the server knows the script
		must(t, s.CreateSession(ctx, newSession(0, "u")))
		must(t, s.CreateSession(ctx, newSession(100, "u"))) // who revokes
		now, steps := 0, 0
		revoker := stopped(t, prefix, &stop{before: func(n int) error {
			steps = n
			if n < first || now == renewals {
				return nil
			}
			must(t, s.CreateSession(ctx, newSession(now+1, "u")))
			switch err := s.DeleteSession(ctx, sid(now)); {
			case err == nil: // it goes on as the new one
				now++
			case errors.Is(err, auth.ErrNotFound): // it has lost
				if err := s.DeleteSession(ctx, sid(now+1)); err != nil && !errors.Is(err, auth.ErrNotFound) {
					t.Error(err)
				}
			default:
				t.Error(err)
			}
			return nil
		}})
		must(t, revoker.DeleteUserSessions(ctx, "u", sid(100)))
		for _, id := range loadable(t, s, sid(0), sid(1), sid(2), sid(3)) {
			t.Errorf("renewed before step %d of %d of DeleteUserSessions: session %x has taken the place of one that was revoked, and lives", first, steps, id[:3])
		}
		if len(loadable(t, s, sid(100))) != 1 {
			t.Error("the session of who revokes is gone")
		}
	}
}

// What is deleted by nobody else is deleted by one pass.
func TestRevokedInOnePass(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	ctx := t.Context()
	must(t, s.DeleteUserSessions(ctx, "u"))
	must(t, s.CreateSession(ctx, newSession(0, "u")))
	must(t, s.CreateSession(ctx, newSession(1, "u")))
	must(t, s.DeleteUserSessions(ctx, "u"))
	must(t, s.CreateSession(ctx, newSession(0, "u")))
	must(t, s.CreateSession(ctx, newSession(1, "u")))
	steps := 0
	must(t, stopped(t, prefix, &stop{before: func(n int) error { steps = n; return nil }}).DeleteUserSessions(ctx, "u"))
	if steps != 4 { // the decision, two sessions, the index
		t.Errorf("DeleteUserSessions sent %d commands, want 4", steps)
	}
}

// Of two updates beyond the end of a session the one that loses does not shorten the
// place in the list that the other has made.
func TestCoveredByWhoWins(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	ctx := t.Context()
	must(t, s.CreateSession(ctx, newSession(0, "u")))
	long, short := newSession(0, "u"), newSession(0, "u")
	long.ExpiresAt, short.ExpiresAt = t0.Add(2000*time.Hour), t0.Add(1000*time.Hour)
	loser := stopped(t, prefix, &stop{before: func(n int) error {
		if n == 3 { // it has been told that the list does not know for long enough
			must(t, s.UpdateSession(ctx, long))
		}
		return nil
	}})
	if err := loser.UpdateSession(ctx, short); !errors.Is(err, auth.ErrConflict) {
		t.Fatalf("UpdateSession: %v, want %v", err, auth.ErrConflict)
	}
	c := newClient(t, server(t))
	defer c.Close()
	for _, k := range keys(t, c, prefix+":u") {
		if ttl := c.PTTL(ctx, k).Val(); ttl < 2001*time.Hour {
			t.Errorf("the list of the user's sessions lives for %v, less than a session that is in it", ttl)
		}
	}
}
