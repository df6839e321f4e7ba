package authtest_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

type sweepFunc = func(ctx context.Context, now time.Time, limit int) (int, error)

func onSweep(f func(b *bent, sweep sweepFunc) sweepFunc) func(b *bent) {
	return func(b *bent) { b.sweep = f(b, b.ref.Sweep) }
}

// keepSort sweeps all sorts but for what restore puts back.
func keepSort(restore func(b *bent, before state) int) func(b *bent) {
	return onSweep(func(b *bent, sweep sweepFunc) sweepFunc {
		return func(ctx context.Context, now time.Time, limit int) (int, error) {
			before := b.snapshot()
			n, err := sweep(ctx, now, limit)
			b.mu.Lock()
			defer b.mu.Unlock()
			return n - restore(b, before), err
		}
	})
}

// keep puts back what is missing.
func keep[K comparable, V any](m, before map[K]V) (n int) {
	n = len(before) - len(m)
	maps.Copy(m, before)
	return n
}

// ends has when things were to expire at first.
type ends[K comparable] struct{ m sync.Map }

func (e *ends[K]) first(key K, end time.Time) {
	if !end.IsZero() {
		e.m.LoadOrStore(key, end)
	}
}

// sweepBy deletes what was to expire at first, and then what has expired.
func sweepBy[K comparable, V any](ctx context.Context, b *bent, m map[K]V, e *ends[K], now time.Time, limit int) (int, error) {
	b.mu.Lock()
	n := 0
	for key := range m {
		if end, ok := e.m.Load(key); ok && n < limit && end.(time.Time).Before(now) {
			delete(m, key)
			n++
		}
	}
	b.mu.Unlock()
	more, err := b.ref.Sweep(ctx, now, limit)
	return n + more, err
}

// outside runs verbs outside the transaction that ctx is in, at once.
type outside struct{}

func abilityBends() []bend {
	bends := []bend{
		{"parts are different things: one set of keys for tickets and counters", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					_, _ = b.ref.TakeTicket(ctx, key, key)
				}
				return b.ref.Forget(ctx, keys...)
			}
		}, []string{"PartsApart"}},
		{"parts are different things: one verb for all that a user has", func(b *bent) {
			b.deleteUserSessions = func(ctx context.Context, userID string, except ...auth.SessionID) error {
				return errors.Join(b.ref.DeleteUserSessions(ctx, userID, except...), b.ref.DeleteUserTickets(ctx, userID))
			}
		}, []string{"PartsApart"}},

		{"Sweep deletes: not sessions", keepSort(func(b *bent, before state) int { return keep(b.sessions, before.sessions) }), []string{"Sweep/Expired", "Sweep/Limit"}},
		{"Sweep deletes: not credentials", keepSort(func(b *bent, before state) int { return keep(b.credentials, before.credentials) }), []string{"Sweep/Expired", "Sweep/Limit"}},
		{"Sweep deletes: not tickets", keepSort(func(b *bent, before state) int { return keep(b.tickets, before.tickets) }), []string{"Sweep/Expired", "Sweep/Limit", "Sweep/Slot"}},
		{"Sweep deletes: not counters", keepSort(func(b *bent, before state) int { return keep(b.counters, before.counters) }), []string{"Sweep/Expired", "Sweep/Limit"}},
		{"Sweep deletes what had expired at now: by the clock", onSweep(func(_ *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, _ time.Time, limit int) (int, error) { return sweep(ctx, time.Now(), limit) }
		}), []string{"Sweep/Expired"}},
		{"Sweep deletes what had expired at now: in seconds", onSweep(func(_ *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) {
				return sweep(ctx, now.Add(time.Second), limit)
			}
		}), []string{"Sweep/Expired"}},
		{"at most limit things: all", onSweep(func(_ *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, _ int) (int, error) { return sweep(ctx, now, 1000) }
		}), []string{"Sweep/Limit"}},
		{"at most limit things of each sort: of all together", onSweep(func(_ *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) { return sweep(ctx, now, limit/2) }
		}), []string{"Sweep/Limit"}},
		{"returns how many it deleted: limit", onSweep(func(_ *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) {
				_, err := sweep(ctx, now, limit)
				return limit, err
			}
		}), []string{"Sweep/Expired", "Sweep/Never"}},
		{"what never expires stays: a credential without ExpiresAt", onSweep(func(b *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) {
				b.mu.Lock()
				maps.DeleteFunc(b.credentials, func(_ [2]string, c auth.Credential) bool { return c.ExpiresAt.Before(now) })
				b.mu.Unlock()
				return sweep(ctx, now, limit)
			}
		}), []string{"Sweep/Never"}},
		{"what never expires stays: a counter without an end", onSweep(func(b *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) {
				b.mu.Lock()
				maps.DeleteFunc(b.counters, func(_ string, c counter) bool { return c.until.Before(now) })
				b.mu.Unlock()
				return sweep(ctx, now, limit)
			}
		}), []string{"Sweep/Never"}},
		{"Sweep deletes what had expired at now: by the digits of another zone", onSweep(func(_ *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) {
				return sweep(ctx, time.Date(now.Year(), now.Month(), now.Day(), now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), time.UTC), limit)
			}
		}), []string{"Sweep/Precision"}},
		{"a swept ticket leaves nothing behind", func(b *bent) {
			index := map[[2]string]string{}
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				err := b.ref.PutTicket(ctx, t)
				if err == nil && t.Slot != "" {
					unlock, err := b.lock(ctx)
					if err != nil {
						return err
					}
					defer unlock()
					slot := [2]string{t.Purpose, t.Slot}
					if key, ok := index[slot]; ok && key != t.Key {
						delete(b.tickets, [2]string{t.Purpose, key})
					}
					index[slot] = t.Key
				}
				return err
			}
		}, []string{"Sweep/Slot"}},
		{"Sweep deletes what had expired at now: sessions that had when they were created", func(b *bent) {
			ends := new(ends[auth.SessionID])
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				ends.first(s.ID, s.ExpiresAt)
				return b.ref.CreateSession(ctx, s)
			}
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return sweepBy(ctx, b, b.sessions, ends, now, limit)
			}
		}, []string{"Sweep/AfterChanges"}},
		{"Sweep deletes what had expired at now: credentials that had when they were created", func(b *bent) {
			ends := new(ends[[2]string])
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				for _, c := range changes {
					if c.Old == nil && c.New != nil {
						ends.first([2]string{c.New.Kind, c.New.Key}, c.New.ExpiresAt)
					}
				}
				return b.ref.ChangeCredentials(ctx, changes...)
			}
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return sweepBy(ctx, b, b.credentials, ends, now, limit)
			}
		}, []string{"Sweep/AfterChanges"}},
		{"Sweep deletes what had expired at now: counters whose first window had", func(b *bent) {
			ends := new(ends[string])
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				n, until, err := b.ref.Count(ctx, key, window, now)
				ends.first(key, until)
				return n, until, err
			}
			b.sweep = func(ctx context.Context, now time.Time, limit int) (int, error) {
				return sweepBy(ctx, b, b.counters, ends, now, limit)
			}
		}, []string{"Sweep/AfterChanges"}},
		{"every verb is atomic: Sweep looks, then deletes", onSweep(func(b *bent, sweep sweepFunc) sweepFunc {
			return func(ctx context.Context, now time.Time, limit int) (int, error) {
				b.mu.Lock()
				var expired []auth.SessionID
				for id, s := range b.sessions {
					if s.ExpiresAt.Before(now) {
						expired = append(expired, id)
					}
				}
				b.mu.Unlock()
				pause()
				for _, id := range expired {
					_ = b.ref.DeleteSession(ctx, id)
				}
				n, err := sweep(ctx, now, limit)
				return n + len(expired), err
			}
		}), []string{"Sweep/WhileUpdating"}},

		{"InTransaction says: never", func(b *bent) {
			b.inTransaction = func(context.Context) bool { return false }
		}, []string{"InTx/SaysSo"}},
		{"InTransaction says: always", func(b *bent) {
			b.inTransaction = func(context.Context) bool { return true }
		}, []string{"InTx/SaysSo"}},
		{"InTransaction says: of the store, and not of ctx", func(b *bent) {
			var depth atomic.Int32
			b.inTransaction = func(context.Context) bool { return depth.Load() > 0 }
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				return b.ref.InTx(ctx, func(ctx context.Context) error {
					depth.Add(1)
					defer depth.Add(-1)
					return f(ctx)
				})
			}
		}, []string{"InTx/SaysSo"}},

		{"InTx commits if f returns nil: it does not", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				err := b.ref.InTx(ctx, func(ctx context.Context) error { return errors.Join(f(ctx), errDown) })
				if errors.Is(err, errDown) && len(err.(interface{ Unwrap() []error }).Unwrap()) == 1 {
					return nil
				}
				return err
			}
		}, []string{"InTx/Commits", "InTx/AllOrNoneInside"}},
		{"InTx commits if f returns nil: always", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				var ferr error
				err := b.ref.InTx(ctx, func(ctx context.Context) error { ferr = f(ctx); return nil })
				return errors.Join(ferr, err)
			}
		}, []string{"InTx/RollsBack", "InTx/Joins", "InTx/AtOnce"}},
		{"InTx commits if f returns nil: swallows what f returned", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				if err := b.ref.InTx(ctx, f); ctx.Err() != nil {
					return err
				}
				return nil
			}
		}, []string{"InTx/RollsBack"}},
		{"several verbs in one transaction: all but Count", func(b *bent) {
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				n, until, err := b.ref.Count(ctx, key, window, now)
				if list, ok := ctx.Value(outside{}).(*[]func()); ok && err == nil {
					*list = append(*list, func() { _, _, _ = b.ref.Count(context.Background(), key, window, now) })
				}
				return n, until, err
			}
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				if ctx.Value(inTx{}) == b.ref {
					return b.ref.InTx(ctx, f)
				}
				var again []func()
				err := b.ref.InTx(context.WithValue(ctx, outside{}, &again), f)
				if err != nil {
					for _, f := range again {
						f()
					}
				}
				return err
			}
		}, []string{"InTx/RollsBack", "InTx/AtOnce"}},
		{"InTx commits if f returns nil: or panics", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				var p any
				err := b.ref.InTx(ctx, func(ctx context.Context) error {
					defer func() { p = recover() }()
					return f(ctx)
				})
				if p != nil {
					panic(p)
				}
				return err
			}
		}, []string{"InTx/RollsBackOnPanic"}},
		{"InTx commits if f returns nil: swallows a panic", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) (err error) {
				defer func() {
					if recover() != nil {
						err = errDown
					}
				}()
				return b.ref.InTx(ctx, f)
			}
		}, []string{"InTx/RollsBackOnPanic"}},
		{"joins the transaction that ctx is in: commits in between", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				nested := ctx.Value(inTx{}) == b.ref
				if !nested {
					var kept *state
					err := b.ref.InTx(context.WithValue(ctx, outside{}, &kept), f)
					if err != nil && kept != nil {
						b.mu.Lock()
						b.state = *kept
						b.mu.Unlock()
					}
					return err
				}
				err := b.ref.InTx(ctx, f)
				if err == nil {
					s := b.copy()
					*ctx.Value(outside{}).(**state) = &s
				}
				return err
			}
		}, []string{"InTx/Joins"}},
		{"joins the transaction that ctx is in: refuses", func(b *bent) {
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				if ctx.Value(inTx{}) == b.ref {
					return errDown
				}
				return b.ref.InTx(ctx, f)
			}
		}, []string{"InTx/Joins"}},
		{"verbs join the transaction: reads do not", func(b *bent) {
			var committed state
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				return b.ref.InTx(ctx, func(ctx context.Context) error {
					committed = b.copy()
					return f(ctx)
				})
			}
			b.loadSession = func(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
				if ctx.Value(inTx{}) == b.ref {
					if s := committed.sessions[id]; s != nil {
						return s, nil
					}
					return nil, auth.ErrNotFound
				}
				return b.ref.LoadSession(ctx, id)
			}
		}, []string{"InTx/ReadsItsWrites"}},
		{"makes all changes or none: leaves it to the transaction", func(b *bent) {
			b.changeCredentials = func(ctx context.Context, changes ...auth.Change) error {
				if err := names(changes); err != nil || ctx.Value(inTx{}) != b.ref {
					return b.ref.ChangeCredentials(ctx, changes...)
				}
				for _, c := range changes {
					if err := b.possible(c); err != nil {
						return err
					}
					b.apply(c)
				}
				return nil
			}
		}, []string{"InTx/AllOrNoneInside"}},
		{"a verb that is refused leaves the transaction as it was: aborts it", func(b *bent) {
			b.createSession = func(ctx context.Context, s *auth.Session) error {
				err := b.ref.CreateSession(ctx, s)
				if aborted, ok := ctx.Value(outside{}).(*bool); ok && err != nil {
					*aborted = true
				}
				return err
			}
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				var aborted bool
				return b.ref.InTx(context.WithValue(ctx, outside{}, &aborted), func(ctx context.Context) error {
					err := f(ctx)
					if aborted && err == nil {
						return errDown
					}
					return err
				})
			}
		}, []string{"InTx/GoesOnAfterARefusal"}},
		{"a verb that is refused has changed nothing: leaves it to the transaction to have a slot back", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if ctx.Value(inTx{}) == b.ref && t.Slot != "" {
					maps.DeleteFunc(b.tickets, func(_ [2]string, old auth.Ticket) bool {
						return old.Purpose == t.Purpose && old.Slot == t.Slot && old.Key != t.Key
					})
				}
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"InTx/GoesOnAfterARefusal"}},
		{"transactions that run at once: refuses while busy", func(b *bent) {
			busy := make(chan struct{}, 1)
			b.inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
				select {
				case busy <- struct{}{}:
				default:
					if ctx.Value(inTx{}) != b.ref {
						return errDown
					}
					return f(ctx)
				}
				defer func() { <-busy }()
				return b.ref.InTx(ctx, func(ctx context.Context) error { pause(); return f(ctx) })
			}
		}, []string{"InTx/AtOnce"}},
	}
	for _, verb := range []string{"Sweep", "InTx"} {
		bends = append(bends,
			bend{"a context that has ended is an outage: " + verb + " goes on", ignoreContext(verb), []string{verb + "/EndedContext"}},
			bend{"a context that has ended is never ErrNotFound: " + verb, hideContext(verb), []string{verb + "/EndedContext"}})
	}
	return bends
}
