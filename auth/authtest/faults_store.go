package authtest

import (
	"context"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

var _ auth.Store = (*Faults)(nil)

// CreateSession passes the call on, with what was ordered, as do all other verbs.
func (f *Faults) CreateSession(ctx context.Context, s *auth.Session) error {
	return passErr(ctx, f, "CreateSession", func() error { return f.store.CreateSession(ctx, s) })
}

// LoadSession passes the call on.
func (f *Faults) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	return pass(ctx, f, "LoadSession", func() (*auth.Session, error) { return f.store.LoadSession(ctx, id) })
}

// UpdateSession passes the call on.
func (f *Faults) UpdateSession(ctx context.Context, s *auth.Session) error {
	return passErr(ctx, f, "UpdateSession", func() error { return f.store.UpdateSession(ctx, s) })
}

// DeleteSession passes the call on.
func (f *Faults) DeleteSession(ctx context.Context, id auth.SessionID) error {
	return passErr(ctx, f, "DeleteSession", func() error { return f.store.DeleteSession(ctx, id) })
}

// DeleteUserSessions passes the call on.
func (f *Faults) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	return passErr(ctx, f, "DeleteUserSessions", func() error { return f.store.DeleteUserSessions(ctx, userID, except...) })
}

// UserSessions passes the call on.
func (f *Faults) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	return pass(ctx, f, "UserSessions", func() ([]*auth.Session, error) { return f.store.UserSessions(ctx, userID) })
}

// LoadCredential passes the call on.
func (f *Faults) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	return pass(ctx, f, "LoadCredential", func() (auth.Credential, error) { return f.store.LoadCredential(ctx, kind, key) })
}

// UserCredentials passes the call on.
func (f *Faults) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	return pass(ctx, f, "UserCredentials", func() ([]auth.Credential, error) { return f.store.UserCredentials(ctx, userID, kinds...) })
}

// ChangeCredentials passes the call on.
func (f *Faults) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	return passErr(ctx, f, "ChangeCredentials", func() error { return f.store.ChangeCredentials(ctx, changes...) })
}

// PutTicket passes the call on.
func (f *Faults) PutTicket(ctx context.Context, t auth.Ticket) error {
	return passErr(ctx, f, "PutTicket", func() error { return f.store.PutTicket(ctx, t) })
}

// LoadTicket passes the call on.
func (f *Faults) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	return pass(ctx, f, "LoadTicket", func() (auth.Ticket, error) { return f.store.LoadTicket(ctx, purpose, key) })
}

// TakeTicket passes the call on.
func (f *Faults) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	return pass(ctx, f, "TakeTicket", func() (auth.Ticket, error) { return f.store.TakeTicket(ctx, purpose, key) })
}

// DeleteUserTickets passes the call on.
func (f *Faults) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return passErr(ctx, f, "DeleteUserTickets", func() error { return f.store.DeleteUserTickets(ctx, userID, purposes...) })
}

// Count passes the call on.
func (f *Faults) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	type counted struct {
		n     int64
		until time.Time
	}
	c, err := pass(ctx, f, "Count", func() (counted, error) {
		n, until, err := f.store.Count(ctx, key, window, now)
		return counted{n, until}, err
	})
	return c.n, c.until, err
}

// Forget passes the call on.
func (f *Faults) Forget(ctx context.Context, keys ...string) error {
	return passErr(ctx, f, "Forget", func() error { return f.store.Forget(ctx, keys...) })
}

// Unwrap returns the store behind it, or first what passes calls of its
// abilities on.
func (f *Faults) Unwrap() any {
	sweeper, sweeps := auth.As[auth.Sweeper](f.store)
	tx, transacts := auth.As[transactor](f.store)
	s, t := faultySweeper{f, sweeper}, faultyTx{f, tx}
	switch {
	case sweeps && transacts:
		return struct {
			behind
			faultySweeper
			faultyTx
		}{behind{f.store}, s, t}
	case sweeps:
		return struct {
			behind
			faultySweeper
		}{behind{f.store}, s}
	case transacts:
		return struct {
			behind
			faultyTx
		}{behind{f.store}, t}
	}
	return f.store
}

// behind is how other abilities than these are found.
type behind struct{ store auth.Store }

func (b behind) Unwrap() any { return b.store }

type faultySweeper struct {
	f       *Faults
	sweeper auth.Sweeper
}

func (s faultySweeper) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return pass(ctx, s.f, "Sweep", func() (int, error) { return s.sweeper.Sweep(ctx, now, limit) })
}

type faultyTx struct {
	f  *Faults
	tx transactor
}

func (t faultyTx) InTx(ctx context.Context, do func(ctx context.Context) error) error {
	return passErr(ctx, t.f, "InTx", func() error {
		return t.tx.InTx(ctx, func(ctx context.Context) error {
			if err := do(ctx); err != nil {
				return err
			}
			return t.f.alive() // the dead commit nothing
		})
	})
}
