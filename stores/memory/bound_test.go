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

const bound = 100

// sorts writes one thing of each sort, that expires an hour after at.
func sorts(s *memory.Store) map[string]func(ctx context.Context, n int, at time.Time) error {
	return map[string]func(ctx context.Context, n int, at time.Time) error{
		"sessions": func(ctx context.Context, n int, at time.Time) error {
			v := newSession(n, userID(n))
			v.CreatedAt, v.SeenAt, v.ExpiresAt = at, at, at.Add(time.Hour)
			return s.CreateSession(ctx, v)
		},
		"credentials": func(ctx context.Context, n int, at time.Time) error {
			c := newCredential(n, userID(n))
			c.CreatedAt, c.ExpiresAt = at, at.Add(time.Hour)
			return s.ChangeCredentials(ctx, create(c))
		},
		"tickets": func(ctx context.Context, n int, at time.Time) error {
			v := newTicket(n, userID(n), "")
			v.CreatedAt, v.ExpiresAt = at, at.Add(time.Hour)
			return s.PutTicket(ctx, v)
		},
		"counters": func(ctx context.Context, n int, at time.Time) error {
			_, _, err := s.Count(ctx, fmt.Sprint(n), time.Hour, at)
			return err
		},
	}
}

func small() *memory.Store {
	return memory.New(&memory.Options{Sessions: bound, Credentials: bound, Tickets: bound, Counters: bound})
}

func checkFull(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, memory.ErrFull) {
		t.Errorf("at the bound: error is %v, want %v", err, memory.ErrFull)
	}
	for _, outcome := range []error{auth.ErrNotFound, auth.ErrExists, auth.ErrConflict, auth.ErrInvalid} {
		if errors.Is(err, outcome) {
			t.Errorf("at the bound: error %v wraps %v, and is an outage", err, outcome)
		}
	}
}

func TestBound(t *testing.T) {
	for name := range sorts(nil) {
		t.Run(name, func(t *testing.T) {
			s := small()
			write := sorts(s)[name]
			for i := range bound {
				must(t, write(t.Context(), i, t0))
			}
			for i := range 10 {
				checkFull(t, write(t.Context(), bound+i, t0.Add(time.Hour-time.Millisecond)))
			}
			if n, err := s.Sweep(t.Context(), t0.Add(time.Hour), 1000); n != bound || err != nil {
				t.Errorf("%d kept, error %v, want %d: nothing good is thrown out", n, err, bound)
			}
			must(t, write(t.Context(), 0, t0.Add(time.Hour)))
		})
		t.Run(name+" that have expired make room", func(t *testing.T) {
			s := small()
			write := sorts(s)[name]
			for i := range bound {
				must(t, write(t.Context(), i, t0))
			}
			for i := range bound {
				must(t, write(t.Context(), bound+i, t0.Add(time.Hour)))
			}
			checkFull(t, write(t.Context(), 2*bound, t0.Add(time.Hour)))
		})
		t.Run(name+" none", func(t *testing.T) {
			s := memory.New(&memory.Options{Sessions: -1, Credentials: -1, Tickets: -1, Counters: -1})
			checkFull(t, sorts(s)[name](t.Context(), 0, t0))
		})
	}
}

// A flood of new keys must not begin the count of a hot one anew.
func TestBoundHotCounter(t *testing.T) {
	s := small()
	for i := range 10 * bound {
		n, _, err := s.Count(t.Context(), "hot", time.Hour, t0)
		if must(t, err); n != int64(i+1) {
			t.Fatalf("counted %d, want %d", n, i+1)
		}
		_, _, err = s.Count(t.Context(), fmt.Sprint(i), time.Hour, t0)
		if i >= bound {
			checkFull(t, err)
		}
	}
	must(t, s.Forget(t.Context(), "0"))
	if _, _, err := s.Count(t.Context(), "new", time.Hour, t0); err != nil {
		t.Errorf("Count after Forget at the bound: %v", err)
	}
}

func TestBoundTicketSlot(t *testing.T) {
	s := small()
	must(t, s.PutTicket(t.Context(), newTicket(0, "u", "slot")))
	for i := 1; i < bound; i++ {
		must(t, s.PutTicket(t.Context(), newTicket(i, "u", "")))
	}
	checkFull(t, s.PutTicket(t.Context(), newTicket(bound, "u", "other slot")))
	for i := range 3 {
		if err := s.PutTicket(t.Context(), newTicket(bound+i, "u", "slot")); err != nil {
			t.Errorf("a ticket that replaces another needs no room: %v", err)
		}
	}
	must(t, s.DeleteUserTickets(t.Context(), "u"))
	for i := range bound {
		must(t, s.PutTicket(t.Context(), newTicket(i, "u", "")))
	}
	checkFull(t, s.PutTicket(t.Context(), newTicket(bound, "u", "")))
}

func TestBoundCredentials(t *testing.T) {
	s := small()
	all := make([]*auth.Credential, bound)
	for i := range all {
		all[i] = newCredential(i, "u")
		must(t, s.ChangeCredentials(t.Context(), create(all[i])))
		all[i].Version = 1
	}
	more := []auth.Change{create(newCredential(bound, "u")), create(newCredential(bound+1, "u"))}
	checkFull(t, s.ChangeCredentials(t.Context(), append(more, auth.Change{Old: all[0]})...))
	if _, err := s.LoadCredential(t.Context(), "device", fmt.Sprint(bound)); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("a change for which there was no room was made in part: %v", err)
	}
	if _, err := s.LoadCredential(t.Context(), "device", "0"); err != nil {
		t.Errorf("a change for which there was no room was made in part: %v", err)
	}
	must(t, s.ChangeCredentials(t.Context(), auth.Change{Old: all[0], New: all[0]}))
	must(t, s.ChangeCredentials(t.Context(), append(more, auth.Change{Old: all[1]}, auth.Change{Old: all[2]})...))
	must(t, s.ChangeCredentials(t.Context(), auth.Change{Old: all[3]}))
	must(t, s.ChangeCredentials(t.Context(), create(newCredential(bound+2, "u"))))
	checkFull(t, s.ChangeCredentials(t.Context(), create(newCredential(bound+3, "u"))))
}

// What fails must not use up room.
func TestBoundAfterFailures(t *testing.T) {
	s := small()
	ctx := t.Context()
	must(t, s.CreateSession(ctx, newSession(0, "u")))
	must(t, s.ChangeCredentials(ctx, create(newCredential(0, "u"))))
	must(t, s.PutTicket(ctx, newTicket(0, "u", "")))
	for range 2 * bound {
		for _, err := range []error{
			s.CreateSession(ctx, newSession(0, "u")),
			s.ChangeCredentials(ctx, create(newCredential(0, "u"))),
			s.PutTicket(ctx, newTicket(0, "u", "")),
		} {
			if !errors.Is(err, auth.ErrExists) {
				t.Fatalf("error is %v, want %v", err, auth.ErrExists)
			}
		}
	}
	for name, write := range sorts(s) {
		if err := write(ctx, 1, t0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Sessions that were in use until now are not where they were queued.
func TestBoundTouchedSessions(t *testing.T) {
	s := small()
	later := t0.Add(2 * time.Hour)
	for i := range bound {
		must(t, s.CreateSession(t.Context(), newSession(i, "u")))
		v := newSession(i, "u")
		v.Version, v.SeenAt, v.ExpiresAt = 1, t0.Add(time.Minute), later
		must(t, s.UpdateSession(t.Context(), v))
	}
	v := newSession(bound, "u")
	v.CreatedAt = later.Add(-time.Millisecond)
	checkFull(t, s.CreateSession(t.Context(), v))
	v.CreatedAt = later
	must(t, s.CreateSession(t.Context(), v))
}
