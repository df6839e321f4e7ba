package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestSweep(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	const n = 300
	for name, write := range sorts(s) {
		for i := range n {
			if err := write(ctx, i, t0); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	sweep := func(at time.Time, limit, want int) {
		t.Helper()
		if got, err := s.Sweep(ctx, at, limit); got != want || err != nil {
			t.Fatalf("Sweep(%v, %d) = %d, %v, want %d", at, limit, got, err, want)
		}
	}
	sweep(t0.Add(time.Hour-time.Millisecond), 1000, 0)
	sweep(t0.Add(time.Hour), 0, 0)
	sweep(t0.Add(time.Hour), -1, 0)
	sweep(t0.Add(time.Hour), 1, 4)
	sweep(t0.Add(time.Hour), 100, 400)
	sweep(t0.Add(time.Hour), 100, 400)
	sweep(t0.Add(time.Hour), 100, 4*99)
	sweep(t0.Add(time.Hour), 100, 0)
	for i := range n {
		if _, err := s.LoadSession(ctx, sid(i)); !errors.Is(err, auth.ErrNotFound) {
			t.Fatalf("session %d after Sweep: %v", i, err)
		}
		if _, err := s.LoadCredential(ctx, "device", fmt.Sprint(i)); !errors.Is(err, auth.ErrNotFound) {
			t.Fatalf("credential %d after Sweep: %v", i, err)
		}
		if _, err := s.LoadTicket(ctx, "reset", fmt.Sprint(i)); !errors.Is(err, auth.ErrNotFound) {
			t.Fatalf("ticket %d after Sweep: %v", i, err)
		}
		if list, _ := s.UserSessions(ctx, userID(i)); len(list) != 0 {
			t.Fatalf("user %d has %d sessions after Sweep", i, len(list))
		}
		if list, _ := s.UserCredentials(ctx, userID(i)); len(list) != 0 {
			t.Fatalf("user %d has %d credentials after Sweep", i, len(list))
		}
	}
}

func TestSweepLeavesWhatNeverExpires(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	v := newSession(0, "u")
	v.ExpiresAt = time.Time{}
	must(t, s.CreateSession(ctx, v))
	c := newCredential(0, "u")
	c.ExpiresAt = time.Time{}
	must(t, s.ChangeCredentials(ctx, create(c)))
	k := newTicket(0, "u", "slot")
	k.ExpiresAt = time.Time{}
	must(t, s.PutTicket(ctx, k))
	_, _, err := s.Count(ctx, "k", 0, t0)
	must(t, err)
	if n, err := s.Sweep(ctx, t0.AddDate(1000, 0, 0), 100); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v, want 0", n, err)
	}
}

// A slot whose ticket was swept is free, and another ticket in it is not
// touched by what happens to the old one.
func TestSweepSlot(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	must(t, s.PutTicket(ctx, newTicket(1, "u", "slot")))
	if n, _ := s.Sweep(ctx, t0.Add(time.Hour), 100); n != 1 {
		t.Errorf("Sweep = %d, want 1", n)
	}
	must(t, s.PutTicket(ctx, newTicket(2, "u", "slot")))
	must(t, s.PutTicket(ctx, newTicket(3, "u", "slot")))
	if _, err := s.TakeTicket(ctx, "reset", "2"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("the replaced ticket: %v", err)
	}
	_, err := s.TakeTicket(ctx, "reset", "3")
	must(t, err)
}

func TestSweepLeavesTouchedSessions(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	for i := range 200 {
		must(t, s.CreateSession(ctx, newSession(i, "u")))
		v := newSession(i, "u")
		v.Version = 1
		switch i % 4 {
		case 0:
			v.ExpiresAt = t0.Add(2 * time.Hour)
			must(t, s.UpdateSession(ctx, v))
		case 1:
			v.ExpiresAt = t0.Add(time.Minute) // earlier than before
			must(t, s.UpdateSession(ctx, v))
		}
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{
		{time.Minute - time.Millisecond, 0},
		{time.Minute, 50},
		{time.Hour, 100},
		{2*time.Hour - time.Millisecond, 0},
		{2 * time.Hour, 50},
	} {
		if n, err := s.Sweep(ctx, t0.Add(step.at), 1000); n != step.want || err != nil {
			t.Errorf("Sweep after %v = %d, %v, want %d", step.at, n, err, step.want)
		}
	}
}

func TestSweepEndedContext(t *testing.T) {
	s := memory.New(nil)
	must(t, s.CreateSession(t.Context(), newSession(0, "u")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.Sweep(ctx, t0.Add(time.Hour), 100); n != 0 || err != context.Canceled {
		t.Errorf("Sweep = %d, %v, want 0, %v", n, err, context.Canceled)
	}
}

// Without anybody calling Sweep, a store holds what is good and little more.
func TestWritesSweep(t *testing.T) {
	for name := range sorts(nil) {
		t.Run(name, func(t *testing.T) {
			s := memory.New(nil)
			write := sorts(s)[name]
			at := t0
			const n = 40_000
			for i := range n {
				at = at.Add(10 * time.Second) // 360 an hour
				must(t, write(t.Context(), i, at))
			}
			left, err := s.Sweep(t.Context(), at.AddDate(1, 0, 0), n)
			must(t, err)
			if left < 360 || left > 64*70 {
				t.Errorf("%d of %d are left, want no more than about 64 in each of 64 shards", left, n)
			}
		})
	}
}

// A write must not be what takes a session away that has just expired.
func TestWritesLeaveTheLatelyExpired(t *testing.T) {
	for name := range sorts(nil) {
		t.Run(name, func(t *testing.T) {
			s := memory.New(nil)
			write := sorts(s)[name]
			const n = 10_000
			for i := range n {
				must(t, write(t.Context(), i, t0))
			}
			for i := range n {
				must(t, write(t.Context(), n+i, t0.Add(time.Hour+10*time.Minute-time.Millisecond)))
			}
			if got, err := s.Sweep(t.Context(), t0.Add(time.Hour), 2*n); got != n || err != nil {
				t.Errorf("%d of %d were left, error %v", got, n, err)
			}
		})
	}
}

// Whatever a write is about is there when it has returned, however long ago it
// expired by its own times.
func TestWritesLeaveWhatTheyWrote(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	old := t0.Add(-24 * time.Hour)
	for i := range 8000 {
		v := newSession(i, userID(i))
		v.ExpiresAt = old
		must(t, s.CreateSession(ctx, v))
		v.Version = 1
		must(t, s.UpdateSession(ctx, v))
		if got, err := s.LoadSession(ctx, v.ID); err != nil || got.Version != 2 {
			t.Fatalf("session: %v", err)
		}
		c, d := newCredential(2*i, userID(i)), newCredential(2*i+1, userID(i))
		c.ExpiresAt, d.ExpiresAt = old, old
		must(t, s.ChangeCredentials(ctx, create(c), create(d)))
		for _, c := range []*auth.Credential{c, d} {
			if _, err := s.LoadCredential(ctx, c.Kind, c.Key); err != nil {
				t.Fatalf("credential: %v", err)
			}
		}
		k := newTicket(i, "u", userID(i))
		k.ExpiresAt = old
		must(t, s.PutTicket(ctx, k))
		if _, err := s.LoadTicket(ctx, k.Purpose, k.Key); err != nil {
			t.Fatalf("ticket: %v", err)
		}
	}
}

// A store with little in it deletes nothing that it was not told to delete.
func TestWritesLeaveALittle(t *testing.T) {
	for name := range sorts(nil) {
		t.Run(name, func(t *testing.T) {
			s := memory.New(nil)
			write := sorts(s)[name]
			for i := range 500 {
				must(t, write(t.Context(), i, t0.AddDate(i, 0, 0)))
			}
			if n, err := s.Sweep(t.Context(), t0.AddDate(500, 0, 0), 1000); n != 500 || err != nil {
				t.Errorf("%d of 500 were left, error %v", n, err)
			}
		})
	}
}

// Sweeps with a small limit come to everything, however much is added.
func TestSweepComesToAll(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	const n, limit = 600, 20
	for i := range n {
		must(t, s.CreateSession(ctx, newSession(i, "u")))
	}
	for i := range 3 * n / limit {
		got, err := s.Sweep(ctx, t0.Add(time.Hour), limit)
		if must(t, err); got != limit {
			t.Fatalf("Sweep = %d, want %d", got, limit)
		}
		for j := range limit {
			must(t, s.CreateSession(ctx, newSession(n+i*limit+j, "u")))
		}
	}
	for i := range n {
		if _, err := s.LoadSession(ctx, sid(i)); err == nil {
			t.Fatal("one of the first is still there")
		}
	}
}
