package authtest_test

import (
	"context"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// contextBends are the two ways in which a verb can fail a context that has
// ended; calls are the subtests of EndedContext that are about it.
func contextBends(verb string, calls ...string) []bend {
	want := []string{"EndedContext"}
	for _, call := range calls {
		want = append(want, "EndedContext/"+call+"_canceled", "EndedContext/"+call+"_deadline_exceeded")
	}
	return []bend{
		{"a context that has ended is an outage: " + verb + " goes on", ignoreContext(verb), want},
		{"a context that has ended is never ErrNotFound: " + verb, hideContext(verb), want},
	}
}

// ignoreContext makes a verb go on when its context has ended.
func ignoreContext(verb string) func(b *bent) {
	return bendContext(verb, func(ctx context.Context) (context.Context, error) {
		return context.WithoutCancel(ctx), nil
	})
}

// hideContext makes a verb say ErrNotFound when its context has ended.
func hideContext(verb string) func(b *bent) {
	return bendContext(verb, func(ctx context.Context) (context.Context, error) {
		if ctx.Err() != nil {
			return ctx, auth.ErrNotFound
		}
		return ctx, nil
	})
}

// bendContext bends what a verb does with its context.
func bendContext(verb string, f func(ctx context.Context) (context.Context, error)) func(b *bent) {
	return func(b *bent) {
		switch verb {
		case "CreateSession":
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.CreateSession(ctx, s)
			}
		case "LoadSession":
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				ctx, err := f(ctx)
				if err != nil {
					return nil, err
				}
				return b.ref.LoadSession(ctx, id)
			}
		case "UpdateSession":
			b.updateSession = func(ctx context.Context, s *auth.Session) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.UpdateSession(ctx, s)
			}
		case "DeleteSession":
			b.deleteSession = func(ctx context.Context, id auth.SessionID) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.DeleteSession(ctx, id)
			}
		case "DeleteUserSessions":
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.DeleteUserSessions(ctx, userID, except...)
			}
		case "UserSessions":
			b.userSessions = func(ctx context.Context, userID string) ([]*auth.Session, error) {
				ctx, err := f(ctx)
				if err != nil {
					return nil, err
				}
				return b.ref.UserSessions(ctx, userID)
			}
		case "LoadCredential":
			b.loadCredential = func(ctx context.Context, kind, key string) (auth.Credential, error) {
				ctx, err := f(ctx)
				if err != nil {
					return auth.Credential{}, err
				}
				return b.ref.LoadCredential(ctx, kind, key)
			}
		case "UserCredentials":
			b.userCredentials = func(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
				ctx, err := f(ctx)
				if err != nil {
					return nil, err
				}
				return b.ref.UserCredentials(ctx, userID, kinds...)
			}
		case "ChangeCredentials":
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
		case "PutTicket":
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.PutTicket(ctx, t)
			}
		case "LoadTicket":
			b.loadTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				ctx, err := f(ctx)
				if err != nil {
					return auth.Ticket{}, err
				}
				return b.ref.LoadTicket(ctx, purpose, key)
			}
		case "TakeTicket":
			b.takeTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				ctx, err := f(ctx)
				if err != nil {
					return auth.Ticket{}, err
				}
				return b.ref.TakeTicket(ctx, purpose, key)
			}
		case "DeleteUserTickets":
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.DeleteUserTickets(ctx, userID, purposes...)
			}
		case "Count":
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				ctx, err := f(ctx)
				if err != nil {
					return 0, time.Time{}, err
				}
				return b.ref.Count(ctx, key, window, now)
			}
		case "Forget":
			b.forget = func(ctx context.Context, keys ...string) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.Forget(ctx, keys...)
			}
		case "Sweep":
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				ctx, err := f(ctx)
				if err != nil {
					return 0, err
				}
				return b.ref.Sweep(ctx, now, limit)
			}
		case "InTx":
			b.inTx = func(ctx context.Context, g func(ctx context.Context) error) error {
				ctx, err := f(ctx)
				if err != nil {
					return err
				}
				return b.ref.InTx(ctx, g)
			}
		default:
			panic("no verb " + verb)
		}
	}
}
