package auth_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// faults is a store that fails when it is told to: some verbs, or the call of
// that number, before it is done or after.
type faults struct {
	auth.Store
	mu     sync.Mutex
	verbs  []string // that fail; "*": all
	calls  []string // what was called since it was counted
	at     int      // the number of the call that fails, from 1; 0: none
	after  bool     // what fails has been done
	before func(verb string)
}

func newFaults(s auth.Store) *faults { return &faults{Store: s} }

func (f *faults) Unwrap() any { return f.Store }

// failAll makes the verbs fail, all if none is given.
func (f *faults) failAll(verbs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verbs = verbs
	if len(verbs) == 0 {
		f.verbs = []string{"*"}
	}
}

// failAt makes the nth call from now fail.
func (f *faults) failAt(n int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.at, f.after = nil, n, after
}

// heal ends all that and returns what was called.
func (f *faults) heal() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.verbs, f.calls, f.at, f.after = nil, nil, 0, false
	return calls
}

func (f *faults) run(verb string, do func() error) error {
	f.mu.Lock()
	f.calls = append(f.calls, verb)
	fail := slices.Contains(f.verbs, verb) || slices.Contains(f.verbs, "*") || f.at == len(f.calls)
	after, before := f.after, f.before
	f.mu.Unlock()
	if before != nil {
		before(verb)
	}
	if fail && !after {
		return errDown
	}
	if err := do(); err != nil || !fail {
		return err
	}
	return errDown
}

func (f *faults) CreateSession(ctx context.Context, s *auth.Session) error {
	return f.run("CreateSession", func() error { return f.Store.CreateSession(ctx, s) })
}

func (f *faults) LoadSession(ctx context.Context, id auth.SessionID) (s *auth.Session, err error) {
	err = f.run("LoadSession", func() error { s, err = f.Store.LoadSession(ctx, id); return err })
	return s, err
}

func (f *faults) UpdateSession(ctx context.Context, s *auth.Session) error {
	return f.run("UpdateSession", func() error { return f.Store.UpdateSession(ctx, s) })
}

func (f *faults) DeleteSession(ctx context.Context, id auth.SessionID) error {
	return f.run("DeleteSession", func() error { return f.Store.DeleteSession(ctx, id) })
}

func (f *faults) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	return f.run("DeleteUserSessions", func() error { return f.Store.DeleteUserSessions(ctx, userID, except...) })
}

func (f *faults) UserSessions(ctx context.Context, userID string) (all []*auth.Session, err error) {
	err = f.run("UserSessions", func() error { all, err = f.Store.UserSessions(ctx, userID); return err })
	return all, err
}

func (f *faults) LoadCredential(ctx context.Context, kind, key string) (c auth.Credential, err error) {
	err = f.run("LoadCredential", func() error { c, err = f.Store.LoadCredential(ctx, kind, key); return err })
	return c, err
}

func (f *faults) UserCredentials(ctx context.Context, userID string, kinds ...string) (all []auth.Credential, err error) {
	err = f.run("UserCredentials", func() error { all, err = f.Store.UserCredentials(ctx, userID, kinds...); return err })
	return all, err
}

func (f *faults) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	return f.run("ChangeCredentials", func() error { return f.Store.ChangeCredentials(ctx, changes...) })
}

func (f *faults) PutTicket(ctx context.Context, t auth.Ticket) error {
	return f.run("PutTicket", func() error { return f.Store.PutTicket(ctx, t) })
}

func (f *faults) LoadTicket(ctx context.Context, purpose, key string) (t auth.Ticket, err error) {
	err = f.run("LoadTicket", func() error { t, err = f.Store.LoadTicket(ctx, purpose, key); return err })
	return t, err
}

func (f *faults) TakeTicket(ctx context.Context, purpose, key string) (t auth.Ticket, err error) {
	err = f.run("TakeTicket", func() error { t, err = f.Store.TakeTicket(ctx, purpose, key); return err })
	return t, err
}

func (f *faults) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return f.run("DeleteUserTickets", func() error { return f.Store.DeleteUserTickets(ctx, userID, purposes...) })
}

func (f *faults) Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error) {
	err = f.run("Count", func() error { n, until, err = f.Store.Count(ctx, key, window, now); return err })
	return n, until, err
}

func (f *faults) Forget(ctx context.Context, keys ...string) error {
	return f.run("Forget", func() error { return f.Store.Forget(ctx, keys...) })
}
