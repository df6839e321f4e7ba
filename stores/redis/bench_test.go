package redisstore_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// BenchmarkLoadSession compares LoadSession with a floor: one GET of the same
// value by a key that is there already, with the same client.
//
//	go test -run '^$' -bench LoadSession -benchmem ./stores/redis
func BenchmarkLoadSession(b *testing.B) {
	ownServer(b)
	s, prefix := newStore(b, redisstore.Options{})
	ctx, cancel := context.WithCancel(context.Background()) // as a request's, it can end
	defer cancel()
	const n = 1000
	for i := range n {
		must(b, s.CreateSession(ctx, newSession(i, fmt.Sprintf("0190a8f0-0000-7000-8000-%012d", i))))
	}
	c := newClient(b, server(b))
	defer c.Close()
	names := keys(b, c, prefix+":s")
	ways := []struct {
		name string
		load func(i int) error
	}{
		{"floor", func(i int) error { return c.Get(ctx, names[i%n]).Err() }},
		{"store", func(i int) error { _, err := s.LoadSession(ctx, sid(i%n)); return err }},
	}
	for _, w := range ways {
		b.Run("serial/"+w.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := w.load(i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, w := range ways {
		b.Run("par16/"+w.name, func(b *testing.B) { sixteen(b, w.load) })
	}
}

// BenchmarkVerbs is what the other verbs cost, with as many sessions of other
// users as the sub-benchmark says.
func BenchmarkVerbs(b *testing.B) {
	ownServer(b)
	s, _ := newStore(b, redisstore.Options{})
	ctx := context.Background()
	var at atomic.Int64
	next := func() int { return int(at.Add(1)) }
	session := func(i int, user string) *auth.Session {
		v := newSession(0, user)
		v.ID = auth.SessionID{2, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
		return v
	}
	for _, v := range []struct {
		name string
		do   func(i int) error
	}{
		{"CreateSession and DeleteSession", func(i int) error {
			v := session(next(), fmt.Sprint("u", i%1000))
			if err := s.CreateSession(ctx, v); err != nil {
				return err
			}
			return s.DeleteSession(ctx, v.ID)
		}},
		{"Create, list and revoke five", func(i int) error {
			user := fmt.Sprint("v", next())
			for range 5 {
				if err := s.CreateSession(ctx, session(next(), user)); err != nil {
					return err
				}
			}
			if list, err := s.UserSessions(ctx, user); err != nil || len(list) != 5 {
				return fmt.Errorf("%d sessions, %w", len(list), err)
			}
			return s.DeleteUserSessions(ctx, user)
		}},
		{"Count", func(i int) error {
			_, _, err := s.Count(ctx, fmt.Sprint(i%100), time.Minute, t0)
			return err
		}},
		{"PutTicket and TakeTicket", func(int) error {
			t := auth.Ticket{Purpose: "oauth", Key: fmt.Sprint(next()), UserID: "u", Data: make([]byte, 200), CreatedAt: t0, ExpiresAt: t0.Add(time.Minute)}
			if err := s.PutTicket(ctx, t); err != nil {
				return err
			}
			_, err := s.TakeTicket(ctx, t.Purpose, t.Key)
			return err
		}},
	} {
		b.Run("serial/"+v.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := v.do(i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("par16/"+v.name, func(b *testing.B) { sixteen(b, v.do) })
	}
}

// sixteen shares b.N calls of f among 16 goroutines.
func sixteen(b *testing.B, f func(i int) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 16 {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestMemory says what a session costs the server, its place in the index of
// its user included.
func TestMemory(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	c := newClient(t, server(t))
	defer c.Close()
	ctx := t.Context()
	for i := range 100 {
		must(t, s.CreateSession(ctx, newSession(i, fmt.Sprintf("0190a8f0-0000-7000-8000-%012d", i))))
	}
	for i := range 100 {
		must(t, s.CreateSession(ctx, newSession(1000+i, "one of many sessions")))
	}
	for i := range 100 {
		must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "oauth", Key: fmt.Sprint(i), UserID: fmt.Sprint("u", i), Slot: fmt.Sprint(i), CreatedAt: t0, ExpiresAt: t0.Add(time.Minute)}))
		_, _, err := s.Count(ctx, fmt.Sprint(i), time.Minute, time.Now())
		must(t, err)
	}
	sum := map[byte]int64{}
	var big int64
	for _, k := range keys(t, c, prefix) {
		n := c.MemoryUsage(ctx, k, 0).Val()
		if c.ZCard(ctx, k).Val() == 100 {
			big = n
			continue
		}
		sum[k[len(prefix)+1]] += n
	}
	session, index := sum['s']/200, sum['u']/100
	t.Logf("a session: %d bytes; the index of a user with one: %d bytes; with a hundred: %d for each", session, index, big/100)
	t.Logf("a ticket with user and slot: %d bytes and its data; a counter: %d bytes", sum['{']/100, sum['c']/100)
	if session+index > 800 {
		t.Errorf("a user with a session costs %d bytes, want at most 800", session+index)
	}
}
