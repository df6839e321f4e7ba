package redisstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// For how long Redis keeps a key is a duration by the clock of whoever wrote
// it, so the clocks need not agree: here they are decades apart.
func TestKeysLive(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	c := newClient(t, server(t))
	defer c.Close()
	ctx := t.Context()
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	// what returns the lifetimes of all keys, of sessions, of indexes and so on,
	// and deletes them.
	what := func(kind string) (ttls []time.Duration) {
		for _, k := range keys(t, c, prefix) {
			if len(k) > len(prefix)+2 && k[len(prefix)+1] == kind[0] {
				ttls = append(ttls, c.PTTL(ctx, k).Val())
			}
		}
		return ttls
	}
	check := func(name, kind string, want time.Duration) {
		t.Helper()
		ttls := what(kind)
		if len(ttls) != 1 {
			t.Errorf("%s: there are %d keys %q, want 1", name, len(ttls), kind)
			return
		}
		if want < 0 && ttls[0] >= 0 || want >= 0 && (ttls[0] > want || ttls[0] < want-10*time.Second) {
			t.Errorf("%s: the key %q lives for %v, want %v", name, kind, ttls[0], want)
		}
	}
	v := newSession(0, "u")
	v.CreatedAt, v.SeenAt, v.ExpiresAt, v.EndsAt = old, old, old.Add(time.Hour), old.Add(24*time.Hour)
	must(t, s.CreateSession(ctx, v))
	check("a session", "s", time.Hour+time.Hour)
	check("its index", "u", 24*time.Hour+2*time.Hour)
	v.SeenAt, v.ExpiresAt = old.Add(5*time.Hour), old.Add(10*time.Hour)
	must(t, s.UpdateSession(ctx, v))
	check("a session that was used", "s", 5*time.Hour+time.Hour)
	check("its index", "u", 24*time.Hour+2*time.Hour)
	v.Version, v.SeenAt, v.ExpiresAt = 2, old.Add(-1000*time.Hour), old.Add(24*time.Hour)
	must(t, s.UpdateSession(ctx, v))
	check("a session that says it was used long ago", "s", 24*time.Hour+time.Hour)
	v.Version, v.ExpiresAt = 3, old.Add(-2000*time.Hour)
	must(t, s.UpdateSession(ctx, v))
	check("a session that has expired", "s", time.Hour)
	v.Version, v.SeenAt, v.ExpiresAt = 4, old, old.Add(100*time.Hour)
	must(t, s.UpdateSession(ctx, v))
	check("a session beyond its end", "s", 100*time.Hour+time.Hour)
	check("its index", "u", 100*time.Hour+2*time.Hour)
	v.Version, v.ExpiresAt = 5, time.Time{}
	must(t, s.UpdateSession(ctx, v))
	check("a session that never expires", "s", -1)
	check("its index", "u", -1)
	w := newSession(1, "u")
	must(t, s.CreateSession(ctx, w))
	check("the index of two, of which one never expires", "u", -1)
	must(t, s.DeleteSession(ctx, v.ID))
	check("the index of the other", "u", 24*time.Hour+2*time.Hour)
	must(t, s.DeleteUserSessions(ctx, "u"))

	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "k", UserID: "u", Slot: "s", CreatedAt: old, ExpiresAt: old.Add(time.Minute)}))
	for _, k := range keys(t, c, prefix) {
		if ttl := c.PTTL(ctx, k).Val(); ttl > time.Hour+time.Minute || ttl < time.Hour+50*time.Second {
			t.Errorf("%q of a ticket lives for %v, want an hour and a minute", k, ttl)
		}
	}
	must(t, s.DeleteUserTickets(ctx, "u"))
	if _, _, err := s.Count(ctx, "k", 10*time.Minute, old); err != nil {
		t.Fatal(err)
	}
	check("a counter", "c", 10*time.Minute+time.Hour)
	if _, _, err := s.Count(ctx, "k", 20*time.Minute, old.Add(9*time.Minute)); err != nil {
		t.Fatal(err)
	}
	check("a counter that goes on", "c", 10*time.Minute+time.Hour)
	must(t, s.Forget(ctx, "k"))
	if _, _, err := s.Count(ctx, "k", 0, old); err != nil {
		t.Fatal(err)
	}
	check("a counter without end", "c", -1)
	must(t, s.Forget(ctx, "k"))
	if left := keys(t, c, prefix); len(left) > 0 {
		t.Errorf("there are still %q", left)
	}
}

// Nothing is left of ten thousand things, whether they were deleted or expired.
func TestNothingLeaks(t *testing.T) {
	ownServer(t)
	const slack = 50 * time.Millisecond
	s, prefix := newStore(t, redisstore.Options{Slack: slack})
	ctx := t.Context()
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	const workers, each = 16, 10_000 / 16 / 3
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				n := w*each + i
				user := fmt.Sprint("u", n%100)
				v := newSession(n, user)
				v.CreatedAt, v.SeenAt, v.ExpiresAt, v.EndsAt = at, at, at, at
				err := s.CreateSession(ctx, v)
				if err == nil && n%3 == 0 {
					err = outages(s.DeleteSession(ctx, v.ID))
				}
				if err == nil && n%100 == 99 {
					err = s.DeleteUserSessions(ctx, user)
				}
				tk := auth.Ticket{Purpose: "p", Key: fmt.Sprint(n), UserID: user, Slot: fmt.Sprint(n % 500), CreatedAt: at, ExpiresAt: at}
				if err == nil {
					err = s.PutTicket(ctx, tk)
				}
				if err == nil && n%3 == 0 {
					if _, err = s.TakeTicket(ctx, tk.Purpose, tk.Key); err != nil {
						err = outages(err)
					}
				}
				if err == nil {
					_, _, err = s.Count(ctx, fmt.Sprint(n), time.Millisecond, at)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	c := newClient(t, server(t))
	defer c.Close()
	before := len(keys(t, c, prefix))
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(slack) {
		left := keys(t, c, prefix)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d keys are left, such as %q", len(left), left[0])
		}
	}
	t.Logf("%d keys at the end, none after that", before)
}

// A user who logs in for ever and never logs out has an index of a bounded
// size: creating tidies it, listing does, and of tickets putting.
func TestIndexIsTidied(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{Slack: time.Millisecond})
	c := newClient(t, server(t))
	defer c.Close()
	ctx := t.Context()
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	// One that lives keeps the indexes from expiring whole.
	must(t, s.CreateSession(ctx, newSession(0, "u")))
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "0", UserID: "u"}))
	for i := 1; i < 50; i++ {
		v := newSession(i, "u")
		v.CreatedAt, v.SeenAt, v.ExpiresAt, v.EndsAt = at, at, at, at
		must(t, s.CreateSession(ctx, v))
		must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: fmt.Sprint(i), UserID: "u", CreatedAt: at, ExpiresAt: at}))
	}
	time.Sleep(5 * time.Millisecond)
	v := newSession(100, "u")
	must(t, s.CreateSession(ctx, v))
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "100", UserID: "u"}))
	indexes := 0
	for _, k := range keys(t, c, prefix) {
		if c.Type(ctx, k).Val() == "zset" {
			indexes++
			if n := c.ZCard(ctx, k).Val(); n != 2 {
				t.Errorf("the index %q has %d members, want 2", k, n)
			}
		}
	}
	if indexes != 2 {
		t.Errorf("%d indexes, want 2", indexes)
	}
	// What somebody else has deleted is dropped when the list is read.
	for _, k := range keys(t, c, prefix+":s") {
		must(t, c.Del(context.Background(), k).Err())
	}
	if list, err := s.UserSessions(ctx, "u"); err != nil || len(list) != 0 {
		t.Errorf("UserSessions: %d, %v, want none", len(list), err)
	}
	for _, k := range keys(t, c, prefix+":u") {
		t.Errorf("the index %q is left, of sessions that are not there", k)
	}
}

// A key that has expired and is used again by another is the other's.
func TestTicketOfAnother(t *testing.T) {
	s, _ := newStore(t, redisstore.Options{Slack: time.Millisecond})
	ctx := t.Context()
	v := auth.Ticket{Purpose: "p", Key: "k", UserID: "u", CreatedAt: t0, ExpiresAt: t0}
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "lasting", UserID: "u"}))
	must(t, s.PutTicket(ctx, v))
	v.UserID, v.ExpiresAt = "other", time.Time{}
	for try := 0; ; try++ { // it takes a millisecond
		err := s.PutTicket(ctx, v)
		if err == nil {
			break
		}
		if try == 1000 {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	must(t, s.DeleteUserTickets(ctx, "u"))
	if _, err := s.LoadTicket(ctx, "p", "k"); err != nil {
		t.Errorf("the ticket of another was deleted: %v", err)
	}
}
