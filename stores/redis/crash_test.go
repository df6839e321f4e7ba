package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/servers"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func sid(n int) auth.SessionID { return auth.SessionID{1, byte(n >> 8), byte(n), 31: 1} }

func newSession(n int, userID string) *auth.Session {
	return &auth.Session{
		ID: sid(n), UserID: userID, AuthVersion: "1", Label: "Firefox on Linux", Version: 1,
		Proofs:    []auth.Proof{{Method: "password", At: t0, Kind: "password", Key: userID, Generation: 1}},
		CreatedAt: t0, SeenAt: t0, EndsAt: t0.Add(24 * time.Hour), ExpiresAt: t0.Add(time.Hour),
	}
}

// A verb is a verb of sessions with several steps, on session 0 of user "u",
// who has session 1 too.
type verb struct {
	name string
	do   func(ctx context.Context, s *redisstore.Store) error
	// created says that the verb creates session 0.
	created bool
}

func verbs() []verb {
	return []verb{
		{"CreateSession", func(ctx context.Context, s *redisstore.Store) error { return s.CreateSession(ctx, newSession(0, "u")) }, true},
		{"UpdateSession", func(ctx context.Context, s *redisstore.Store) error {
			v := newSession(0, "u")
			v.SeenAt, v.ExpiresAt = t0.Add(time.Minute), t0.Add(time.Hour+time.Minute)
			return outages(s.UpdateSession(ctx, v))
		}, false},
		{"UpdateSession past its end", func(ctx context.Context, s *redisstore.Store) error {
			v := newSession(0, "u")
			v.ExpiresAt = t0.Add(1000 * time.Hour)
			return outages(s.UpdateSession(ctx, v))
		}, false},
		{"DeleteSession", func(ctx context.Context, s *redisstore.Store) error { return outages(s.DeleteSession(ctx, sid(0))) }, false},
		{"DeleteUserSessions", func(ctx context.Context, s *redisstore.Store) error { return s.DeleteUserSessions(ctx, "u") }, false},
		{"DeleteUserSessions but one", func(ctx context.Context, s *redisstore.Store) error {
			return s.DeleteUserSessions(ctx, "u", sid(1))
		}, false},
		{"UserSessions", func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.UserSessions(ctx, "u")
			return err
		}, false},
		{"renewal", func(ctx context.Context, s *redisstore.Store) error { // the ID is used again, and by another
			if err := outages(s.DeleteSession(ctx, sid(0))); err != nil {
				return err
			}
			if err := s.CreateSession(ctx, newSession(0, "other")); err != nil && !errors.Is(err, auth.ErrExists) {
				return err
			}
			return nil
		}, false},
	}
}

// outages leaves out what two verbs at once may well answer with.
func outages(err error) error {
	if errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
		return nil
	}
	return err
}

// stopped returns a store on the keys of prefix that has a stop.
func stopped(t *testing.T, prefix string, st *stop) *redisstore.Store {
	t.Helper()
	c := newClient(t, server(t))
	t.Cleanup(func() { c.Close() })
	c.AddHook(st)
	s, err := redisstore.New(c, &redisstore.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// loadable says which sessions can be loaded.
func loadable(t *testing.T, s *redisstore.Store, ids ...auth.SessionID) (there []auth.SessionID) {
	t.Helper()
	for _, id := range ids {
		_, err := s.LoadSession(t.Context(), id)
		if err == nil {
			there = append(there, id)
		} else if !errors.Is(err, auth.ErrNotFound) {
			t.Fatal(err)
		}
	}
	return there
}

// listed says which sessions the users have.
func listed(t *testing.T, s *redisstore.Store, users ...string) (ids []auth.SessionID) {
	t.Helper()
	for _, u := range users {
		list, err := s.UserSessions(t.Context(), u)
		must(t, err)
		for _, v := range list {
			if v.UserID != u {
				t.Errorf("user %q has a session of %q", u, v.UserID)
			}
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// checkSound requires what must hold at any time: a session that can be loaded
// is in the list of its user, a list has no other, and after all are revoked
// nothing is left but what will expire by itself.
func checkSound(t *testing.T, s *redisstore.Store, prefix string) {
	t.Helper()
	ctx := t.Context()
	ids := []auth.SessionID{sid(0), sid(1)}
	// First the list: it may finish what somebody has left undone.
	inList := map[auth.SessionID]bool{}
	for _, id := range listed(t, s, "u", "other") {
		inList[id] = true
	}
	for _, id := range ids {
		there := len(loadable(t, s, id)) == 1
		if there && !inList[id] {
			t.Errorf("session %x can be loaded and is in no list: nobody can revoke it", id[:3])
		}
		if !there && inList[id] {
			t.Errorf("session %x is in a list and cannot be loaded", id[:3])
		}
	}
	checkRevoked(t, s)
	// Nothing that lives for ever, and no index.
	c := newClient(t, server(t))
	defer c.Close()
	for _, k := range keys(t, c, prefix) {
		ttl, err := c.PTTL(ctx, k).Result()
		must(t, err)
		kind := c.Type(ctx, k).Val()
		if ttl < 0 || ttl > time.Hour || kind != "string" {
			t.Errorf("after all were revoked there is a %s for %v: %q", kind, ttl, k)
		}
	}
}

// checkRevoked revokes all, and requires that none is left.
func checkRevoked(t *testing.T, s *redisstore.Store) {
	t.Helper()
	must(t, s.DeleteUserSessions(t.Context(), "u"))
	must(t, s.DeleteUserSessions(t.Context(), "other"))
	for _, id := range loadable(t, s, sid(0), sid(1)) {
		t.Errorf("session %x is left over after DeleteUserSessions", id[:3])
	}
}

func prepare(t *testing.T, s *redisstore.Store, v verb) {
	t.Helper()
	must(t, s.CreateSession(t.Context(), newSession(1, "u")))
	if !v.created {
		must(t, s.CreateSession(t.Context(), newSession(0, "u")))
	}
}

var errCrash = errors.New("crash")

// A process that ends at any step, with or without the step, leaves nothing
// that cannot be found or does not end.
func TestCrashAtEveryStep(t *testing.T) {
	ownServer(t)
	for _, v := range verbs() {
		for _, done := range []bool{false, true} {
			for n := 1; ; n++ {
				crashed := false
				crash := func(i int) error {
					if i >= n {
						crashed = true
						return errCrash
					}
					return nil
				}
				t.Run(fmt.Sprintf("%s/step %d done %v", v.name, n, done), func(t *testing.T) {
					s, prefix := newStore(t, redisstore.Options{})
					prepare(t, s, v)
					st := &stop{before: crash}
					if done {
						st.before = func(i int) error {
							if i > n {
								return errCrash
							}
							return nil
						}
						st.after = crash
					}
					err := v.do(t.Context(), stopped(t, prefix, st))
					if crashed && err == nil && v.name != "DeleteSession" && v.name != "renewal" {
						t.Error("a crash was no error")
					}
					if n%2 == 0 { // without a look at the list, which tidies
						checkRevoked(t, s)
					}
					checkSound(t, s, prefix)
				})
				if !crashed {
					if n < 2 {
						t.Errorf("%s has no step", v.name)
					}
					break
				}
			}
		}
	}
}

// Between any two steps of a verb anybody else may do anything.
func TestBetweenSteps(t *testing.T) {
	ownServer(t)
	for _, v := range verbs() {
		for _, w := range verbs() {
			for n := 1; ; n++ {
				ran := false
				t.Run(fmt.Sprintf("%s in %s before step %d", w.name, v.name, n), func(t *testing.T) {
					s, prefix := newStore(t, redisstore.Options{})
					prepare(t, s, v)
					st := &stop{before: func(i int) error {
						if i == n {
							ran = true
							if err := w.do(t.Context(), s); err != nil && !errors.Is(err, auth.ErrExists) {
								t.Errorf("%s: %v", w.name, err)
							}
						}
						return nil
					}}
					err := v.do(t.Context(), stopped(t, prefix, st))
					if err != nil && !(v.created && errors.Is(err, auth.ErrExists)) {
						t.Errorf("%s: %v", v.name, err)
					}
					if ran && !v.created && w.name == "DeleteUserSessions" && v.name != "renewal" {
						for _, id := range loadable(t, s, sid(0), sid(1)) {
							t.Errorf("session %x was there before its user's sessions were deleted, and is now", id[:3])
						}
					}
					if ran && w.name == "renewal" && strings.HasPrefix(v.name, "DeleteUserSessions") && len(loadable(t, s, sid(0))) != 1 {
						t.Error("the session of another was deleted with the user's")
					}
					if n%2 == 0 {
						checkRevoked(t, s)
					}
					checkSound(t, s, prefix)
				})
				if !ran {
					break
				}
			}
		}
	}
}

// Until a session is born nobody finds it, and nobody can change that.
func TestUnborn(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	ctx := t.Context()
	creator := stopped(t, prefix, &stop{before: func(n int) error {
		if n == 1 {
			return nil
		}
		_, loaded := s.LoadSession(ctx, sid(0))
		for name, err := range map[string]error{
			"LoadSession":   loaded,
			"UpdateSession": s.UpdateSession(ctx, newSession(0, "u")),
			"DeleteSession": s.DeleteSession(ctx, sid(0)),
		} {
			if !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("%s before step %d of CreateSession: %v, want %v", name, n, err, auth.ErrNotFound)
			}
		}
		if ids := listed(t, s, "u"); len(ids) > 0 {
			t.Errorf("it is listed before step %d of CreateSession", n)
		}
		return nil
	}})
	must(t, creator.CreateSession(ctx, newSession(0, "u")))
	if v, err := s.LoadSession(ctx, sid(0)); err != nil || v.Version != 1 {
		t.Errorf("LoadSession: %v, %v, want Version 1", v, err)
	}
}

// What is doomed stays doomed, and known, until it is gone.
func TestDoomed(t *testing.T) {
	ownServer(t)
	doomed := func(t *testing.T) (*redisstore.Store, string) {
		s, prefix := newStore(t, redisstore.Options{})
		must(t, s.DeleteUserSessions(t.Context(), "u")) // so that the server knows the script
		v := newSession(0, "u")
		v.EndsAt = t0.Add(1000 * time.Hour)
		must(t, s.CreateSession(t.Context(), v))
		dying := stopped(t, prefix, &stop{before: func(n int) error {
			if n > 1 {
				return errCrash
			}
			return nil
		}})
		if err := dying.DeleteUserSessions(t.Context(), "u"); !errors.Is(err, errCrash) {
			t.Fatalf("DeleteUserSessions: %v, want %v", err, errCrash)
		}
		return s, prefix
	}
	t.Run("Update", func(t *testing.T) {
		s, _ := doomed(t)
		v := newSession(0, "u")
		v.ExpiresAt = t0.Add(2000 * time.Hour)
		if err := s.UpdateSession(t.Context(), v); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("UpdateSession beyond the end of what is being deleted: %v, want %v", err, auth.ErrNotFound)
		}
		if ids := listed(t, s, "u"); len(ids) > 0 {
			t.Error("it is listed again")
		}
		if there := loadable(t, s, sid(0)); len(there) > 0 {
			t.Error("who asked for the list did not finish what was begun")
		}
	})
	t.Run("Life", func(t *testing.T) {
		s, prefix := doomed(t)
		must(t, s.CreateSession(t.Context(), newSession(1, "u")))
		c := newClient(t, server(t))
		defer c.Close()
		for _, k := range keys(t, c, prefix+":u") {
			if ttl := c.PTTL(t.Context(), k).Val(); ttl < 1001*time.Hour {
				t.Errorf("the index lives for %v, less than a session that is doomed and still there", ttl)
			}
		}
	})
}

// What must happen once is not sent again when its reply is lost, not even by
// a client that sends again what it can; what may happen twice is.
func TestRepliesLost(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	o, err := redis.ParseURL(server(t))
	must(t, err)
	proxy := servers.NewProxy(t, o.Addr)
	o.Addr, o.MaxRetries = proxy.Addr(), 3
	c := redis.NewClient(o)
	defer c.Close()
	lossy, err := redisstore.New(c, &redisstore.Options{Prefix: prefix})
	must(t, err)
	ctx := t.Context()
	// So that the server knows every script.
	must(t, s.CreateSession(ctx, newSession(7, "warm")))
	must(t, s.UpdateSession(ctx, newSession(7, "warm")))
	must(t, s.DeleteSession(ctx, sid(7)))
	must(t, s.DeleteUserSessions(ctx, "warm"))
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "warm", Key: "k"}))
	_, err = s.TakeTicket(ctx, "warm", "k")
	must(t, err)
	must(t, s.DeleteUserTickets(ctx, "warm"))
	_, _, err = s.Count(ctx, "warm", 0, t0)
	must(t, err)
	for i := range 4 {
		must(t, s.CreateSession(ctx, newSession(i, "u")))
	}
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "k", UserID: "u"}))
	for _, v := range []struct {
		name, key string
		do        func() error
		again     bool // it is sent again and succeeds
	}{
		{"CreateSession", ":s:", func() error { return lossy.CreateSession(ctx, newSession(9, "u")) }, false},
		{"CreateSession, the index", ":u:", func() error { return lossy.CreateSession(ctx, newSession(8, "u")) }, true},
		{"UpdateSession", ":s:", func() error { return lossy.UpdateSession(ctx, newSession(0, "u")) }, false},
		{"LoadSession", ":s:", func() error { _, err := lossy.LoadSession(ctx, sid(0)); return err }, true},
		{"DeleteSession", ":s:", func() error { return lossy.DeleteSession(ctx, sid(0)) }, false},
		{"DeleteSession, the index", ":u:", func() error { return lossy.DeleteSession(ctx, sid(1)) }, true},
		{"UserSessions", ":u:", func() error { _, err := lossy.UserSessions(ctx, "u"); return err }, true},
		{"DeleteUserSessions, the decision", ":u:", func() error { return lossy.DeleteUserSessions(ctx, "u", sid(2)) }, true},
		{"DeleteUserSessions", ":s:", func() error { return lossy.DeleteUserSessions(ctx, "u") }, true},
		{"PutTicket", ":{t}:", func() error { return lossy.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "l"}) }, false},
		{"LoadTicket", ":{t}:", func() error { _, err := lossy.LoadTicket(ctx, "p", "k"); return err }, true},
		{"TakeTicket", ":{t}:", func() error { _, err := lossy.TakeTicket(ctx, "p", "k"); return err }, false},
		{"DeleteUserTickets", ":{t}:", func() error { return lossy.DeleteUserTickets(ctx, "u") }, true},
		{"Count", ":c:", func() error { _, _, err := lossy.Count(ctx, "k", 0, t0); return err }, false},
		{"Forget", ":c:", func() error { return lossy.Forget(ctx, "other") }, true},
	} {
		lost := proxy.Lost()
		proxy.LoseReply(prefix + v.key)
		err := v.do()
		if proxy.Lost() != lost+1 {
			t.Errorf("%s: no reply was lost", v.name)
		}
		if v.again && err != nil {
			t.Errorf("%s whose reply was lost: %v, want it to be sent again", v.name, err)
		}
		if !v.again && (err == nil || outages(err) == nil || errors.Is(err, auth.ErrExists)) {
			t.Errorf("%s whose reply was lost: %v, want an outage", v.name, err)
		}
	}
	if n, _, err := s.Count(ctx, "k", 0, t0); err != nil || n != 2 {
		t.Errorf("a count whose reply was lost was counted %d times, %v", n-1, err)
	}
	if there := loadable(t, s, sid(0), sid(1), sid(2), sid(3), sid(8), sid(9)); len(there) > 0 {
		t.Errorf("sessions left: %x", there)
	}
}
