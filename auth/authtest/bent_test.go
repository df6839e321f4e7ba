package authtest_test

import (
	"context"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// bent is the correct store with some of its verbs replaced.
type bent struct {
	*ref
	createSession      func(ctx context.Context, s *auth.Session) error
	loadSession        func(ctx context.Context, id auth.SessionID) (*auth.Session, error)
	updateSession      func(ctx context.Context, s *auth.Session) error
	deleteSession      func(ctx context.Context, id auth.SessionID) error
	deleteUserSessions func(ctx context.Context, userID string, except ...auth.SessionID) error
	userSessions       func(ctx context.Context, userID string) ([]*auth.Session, error)
	loadCredential     func(ctx context.Context, kind, key string) (auth.Credential, error)
	userCredentials    func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error)
	changeCredentials  func(ctx context.Context, changes ...auth.Change) error
	putTicket          func(ctx context.Context, t auth.Ticket) error
	loadTicket         func(ctx context.Context, purpose, key string) (auth.Ticket, error)
	takeTicket         func(ctx context.Context, purpose, key string) (auth.Ticket, error)
	deleteUserTickets  func(ctx context.Context, userID string, purposes ...string) error
	count              func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error)
	forget             func(ctx context.Context, keys ...string) error
	sweep              func(ctx context.Context, now time.Time, limit int) (int, error)
	inTx               func(ctx context.Context, f func(ctx context.Context) error) error
	inTransaction      func(ctx context.Context) bool
}

func newBent(bend func(b *bent)) *bent {
	r := newRef()
	b := &bent{
		ref:                r,
		createSession:      r.CreateSession,
		loadSession:        r.LoadSession,
		updateSession:      r.UpdateSession,
		deleteSession:      r.DeleteSession,
		deleteUserSessions: r.DeleteUserSessions,
		userSessions:       r.UserSessions,
		loadCredential:     r.LoadCredential,
		userCredentials:    r.UserCredentials,
		changeCredentials:  r.ChangeCredentials,
		putTicket:          r.PutTicket,
		loadTicket:         r.LoadTicket,
		takeTicket:         r.TakeTicket,
		deleteUserTickets:  r.DeleteUserTickets,
		count:              r.Count,
		forget:             r.Forget,
		sweep:              r.Sweep,
		inTx:               r.InTx,
		inTransaction:      r.InTransaction,
	}
	bend(b)
	return b
}

func (b *bent) CreateSession(ctx context.Context, s *auth.Session) error {
	return b.createSession(ctx, s)
}
func (b *bent) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	return b.loadSession(ctx, id)
}
func (b *bent) UpdateSession(ctx context.Context, s *auth.Session) error {
	return b.updateSession(ctx, s)
}
func (b *bent) DeleteSession(ctx context.Context, id auth.SessionID) error {
	return b.deleteSession(ctx, id)
}
func (b *bent) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	return b.deleteUserSessions(ctx, userID, except...)
}
func (b *bent) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	return b.userSessions(ctx, userID)
}
func (b *bent) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	return b.loadCredential(ctx, kind, key)
}
func (b *bent) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	return b.userCredentials(ctx, userID, kinds...)
}
func (b *bent) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	return b.changeCredentials(ctx, changes...)
}
func (b *bent) PutTicket(ctx context.Context, t auth.Ticket) error { return b.putTicket(ctx, t) }
func (b *bent) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	return b.loadTicket(ctx, purpose, key)
}
func (b *bent) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	return b.takeTicket(ctx, purpose, key)
}
func (b *bent) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return b.deleteUserTickets(ctx, userID, purposes...)
}
func (b *bent) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	return b.count(ctx, key, window, now)
}
func (b *bent) Forget(ctx context.Context, keys ...string) error { return b.forget(ctx, keys...) }
func (b *bent) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return b.sweep(ctx, now, limit)
}
func (b *bent) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	return b.inTx(ctx, f)
}
func (b *bent) InTransaction(ctx context.Context) bool { return b.inTransaction(ctx) }
