package authtest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// onEnqueue changes every entry that goes in.
func onEnqueue(change func(e *outbox.Entry)) func(b *bentBox) {
	return func(b *bentBox) {
		b.enqueue = func(ctx context.Context, e outbox.Entry) error {
			change(&e)
			return b.refBox.Enqueue(ctx, e)
		}
	}
}

// onClaim changes every entry that comes out.
func onClaim(change func(e *outbox.Entry)) func(b *bentBox) {
	return func(b *bentBox) {
		b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
			list, err := b.refBox.Claim(ctx, realm, now, until, limit)
			for i := range list {
				change(&list[i])
			}
			return list, err
		}
	}
}

// asked changes what is claimed.
func asked(change func(realm *string, now, until *time.Time, limit *int)) func(b *bentBox) {
	return func(b *bentBox) {
		b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
			change(&realm, &now, &until, &limit)
			return b.refBox.Claim(ctx, realm, now, until, limit)
		}
	}
}

// changed changes the entries that are kept.
func (b *bentBox) changed(ctx context.Context, change func(e outbox.Entry) outbox.Entry) {
	unlock, err := b.lock(ctx)
	if err != nil {
		return
	}
	defer unlock()
	for id, e := range b.m {
		b.m[id] = change(e)
	}
}

// verb is Postpone or Done.
type verb = func(ctx context.Context, e outbox.Entry) error

func outcome(err, want error) func(ctx context.Context, call verb, e outbox.Entry) error {
	return func(ctx context.Context, call verb, e outbox.Entry) error {
		if got := call(ctx, e); !errors.Is(got, want) {
			return got
		}
		return err
	}
}

func onPostpone(f func(ctx context.Context, call verb, e outbox.Entry) error) func(b *bentBox) {
	return func(b *bentBox) {
		b.postpone = func(ctx context.Context, e outbox.Entry) error { return f(ctx, b.refBox.Postpone, e) }
	}
}

func onDone(f func(ctx context.Context, call verb, e outbox.Entry) error) func(b *bentBox) {
	return func(b *bentBox) {
		b.done = func(ctx context.Context, e outbox.Entry) error { return f(ctx, b.refBox.Done, e) }
	}
}

// force makes a call with the Version that the entry has.
func (b *bentBox) force(ctx context.Context, e outbox.Entry) outbox.Entry {
	unlock := b.alone(ctx)
	defer unlock()
	if k, ok := b.m[e.ID]; ok {
		e.Version = k.Version
	}
	return e
}

func outboxSuite() suite {
	s := suite{name: "Outbox", correct: func(t *testing.T) {
		authtest.TestOutboxStore(t, func(*testing.T) outbox.Store { return newRefBox() })
	}}
	for _, b := range []struct {
		sentence string
		bend     func(b *bentBox)
		want     []string
	}{
		{"every field comes back: To", onEnqueue(func(e *outbox.Entry) { e.To = "" }), []string{"RoundTrip", "RoundTripTexts"}},
		{"every field comes back: Language", onClaim(func(e *outbox.Entry) { e.Language = "en" }), []string{"RoundTrip", "RoundTripTexts"}},
		{"every field comes back: UserID", onEnqueue(func(e *outbox.Entry) { e.UserID = "" }), []string{"RoundTrip", "DeleteUser"}},
		{"strings compare byte for byte", onEnqueue(func(e *outbox.Entry) { e.Kind = strings.TrimRight(e.Kind, " ") }), []string{"RoundTripTexts"}},
		{"times are cut off to milliseconds: rounded", onEnqueue(func(e *outbox.Entry) { e.DueAt = e.DueAt.Round(time.Millisecond) }), []string{"RoundTripTimes"}},
		{"times are cut off to milliseconds: seconds", onClaim(func(e *outbox.Entry) { e.CreatedAt = e.CreatedAt.Truncate(time.Second) }), []string{"RoundTripTimes"}},
		{"times come back in UTC", onClaim(func(e *outbox.Entry) { e.DueAt = e.DueAt.Local().In(time.FixedZone("", 60)) }), []string{"RoundTripTimes", "RoundTrip"}},
		{"data come back: text only", onEnqueue(func(e *outbox.Entry) { e.Data = []byte(strings.ToValidUTF8(string(e.Data), "?")) }), []string{"RoundTripData"}},
		{"a store returns nil for none", onClaim(func(e *outbox.Entry) { e.Data = append([]byte{}, e.Data...) }), []string{"RoundTripData"}},
		{"memory is not shared: what comes out", func(b *bentBox) {
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				list, err := b.refBox.Claim(ctx, realm, now, until, limit)
				for i := range list {
					unlock, err := b.lock(ctx)
					if err != nil {
						return nil, err
					}
					list[i].Data = b.m[list[i].ID].Data
					unlock()
				}
				return list, err
			}
		}, []string{"SharesNoMemory"}},
		{"memory is not shared: what goes in", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				err := b.refBox.Enqueue(ctx, e)
				if err == nil {
					b.changed(ctx, func(k outbox.Entry) outbox.Entry {
						if k.ID == e.ID {
							k.Data = e.Data
						}
						return k
					})
				}
				return err
			}
		}, []string{"SharesNoMemory"}},
		{"IDs compare byte for byte: in any case", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				taken := false
				b.changed(ctx, func(k outbox.Entry) outbox.Entry {
					taken = taken || strings.EqualFold(k.ID, e.ID)
					return k
				})
				if taken {
					return auth.ErrExists
				}
				return b.refBox.Enqueue(ctx, e)
			}
		}, []string{"IDsByteForByte"}},
		{"entries of the realm: of all", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				e.Realm = ""
				return b.refBox.Enqueue(ctx, e)
			}
			b.claim = func(ctx context.Context, _ string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				return b.refBox.Claim(ctx, "", now, until, limit)
			}
		}, []string{"Realms"}},
		{"entries of the realm: in any case", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				e.Realm = strings.ToLower(e.Realm)
				return b.refBox.Enqueue(ctx, e)
			}
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				return b.refBox.Claim(ctx, strings.ToLower(realm), now, until, limit)
			}
		}, []string{"Realms"}},
		{"ErrInvalid: cut off", onEnqueue(func(e *outbox.Entry) { e.Language = e.Language[:min(255, len(e.Language))] }), []string{"Invalid"}},
		{"ErrInvalid: due at once", onEnqueue(func(e *outbox.Entry) {
			if e.DueAt.IsZero() {
				e.DueAt = time.Now()
			}
		}), []string{"Invalid"}},
		{"ErrExists: replaced", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				if e.Validate() == nil && ctx.Err() == nil {
					_ = b.refBox.Done(ctx, b.force(ctx, e))
				}
				return b.refBox.Enqueue(ctx, e)
			}
		}, []string{"EnqueueExists", "EnqueueAtOnce"}},
		{"ErrExists, claimed or not: if it is not claimed", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				unlock := b.alone(ctx)
				if b.m[e.ID].Attempts > 0 {
					delete(b.m, e.ID)
				}
				unlock()
				return b.refBox.Enqueue(ctx, e)
			}
		}, []string{"EnqueueExists"}},
		{"exactly one enqueues: looks, then writes", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				unlock, err := b.lock(ctx)
				if err != nil {
					return err
				}
				_, there := b.m[e.ID]
				unlock()
				if there {
					return auth.ErrExists
				}
				pause()
				if err := b.refBox.Enqueue(ctx, e); !errors.Is(err, auth.ErrExists) {
					return err
				}
				return nil
			}
		}, []string{"EnqueueAtOnce"}},
		{"DueAt at or before now: before", asked(func(_ *string, now, _ *time.Time, _ *int) { *now = now.Add(-time.Millisecond) }), []string{"ClaimDue"}},
		{"DueAt at or before now: by the clock", asked(func(_ *string, now, _ *time.Time, _ *int) { *now = time.Now() }), []string{"ClaimDue", "ClaimAgain"}},
		{"those that have been due the longest: the first that were made", func(b *bentBox) {
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				list, err := b.refBox.Claim(ctx, realm, now, until, limit)
				if len(list) > 1 {
					list[0], list[1] = list[1], list[0]
				}
				return list, err
			}
		}, []string{"ClaimOrder", "ClaimDue"}},
		{"at most limit: one more", asked(func(_ *string, _, _ *time.Time, limit *int) { *limit++ }), []string{"ClaimLimit"}},
		{"a limit of 0 claims nothing: ten", asked(func(_ *string, _, _ *time.Time, limit *int) {
			if *limit == 0 {
				*limit = 10
			}
		}), []string{"ClaimLimit"}},
		{"ErrInvalid if until is the zero time", asked(func(_ *string, now, until *time.Time, _ *int) {
			if until.IsZero() {
				*until = *now
			}
		}), []string{"ClaimInvalid"}},
		{"due at until: at once", asked(func(_ *string, now, until *time.Time, _ *int) { *until = *now }), []string{"RoundTrip", "ClaimDue", "ClaimAgain", "ClaimAtOnce"}},
		{"due at until: never", asked(func(_ *string, _, until *time.Time, _ *int) { *until = until.AddDate(1000, 0, 0) }), []string{"ClaimAgain", "RoundTrip"}},
		{"one more attempt: not counted", func(b *bentBox) {
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				list, err := b.refBox.Claim(ctx, realm, now, until, limit)
				for i := range list {
					list[i].Attempts = 1
				}
				return list, err
			}
		}, []string{"ClaimAgain"}},
		{"the next Version: the same", func(b *bentBox) {
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				list, err := b.refBox.Claim(ctx, realm, now, until, limit)
				for i := range list {
					list[i].Version = 1
				}
				b.changed(ctx, func(e outbox.Entry) outbox.Entry { e.Version = 1; return e })
				return list, err
			}
		}, []string{"ClaimAgain", "PostponeConflict"}},
		{"exactly one gets an entry: reads, then writes", func(b *bentBox) {
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				unlock, err := b.lock(ctx)
				if err != nil {
					return nil, err
				}
				list := b.due(realm, now)
				unlock()
				list = list[:max(min(limit, len(list)), 0)]
				pause()
				for i := range list {
					e := &list[i]
					e.DueAt, e.Attempts, e.Version = ms(until), e.Attempts+1, e.Version+1
				}
				b.changed(ctx, func(e outbox.Entry) outbox.Entry {
					for _, c := range list {
						if c.ID == e.ID {
							return c
						}
					}
					return e
				})
				return list, nil
			}
		}, []string{"ClaimAtOnce"}},
		{"none fails because of another", func(b *bentBox) {
			var busy sync.Mutex
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				if !busy.TryLock() {
					return nil, errDown
				}
				defer busy.Unlock()
				pause()
				return b.refBox.Claim(ctx, realm, now, until, limit)
			}
		}, []string{"ClaimAtOnce", "Concurrent"}},
		{"Postpone makes it due at e.DueAt: does not", onPostpone(func(ctx context.Context, call verb, e outbox.Entry) error {
			if e.ValidatePostponed() == nil {
				e.DueAt = time.Unix(0, 0)
			}
			return call(ctx, e)
		}), []string{"Postpone"}},
		{"Postpone of one that nobody has claimed: a conflict", func(b *bentBox) {
			b.postpone = func(ctx context.Context, e outbox.Entry) error {
				unlock := b.alone(ctx)
				k, ok := b.m[e.ID]
				unlock()
				if ok && k.Attempts == 0 {
					return auth.ErrConflict
				}
				return b.refBox.Postpone(ctx, e)
			}
		}, []string{"PostponeUnclaimed"}},
		{"Postpone keeps e.Data: unless there is none", func(b *bentBox) {
			b.postpone = func(ctx context.Context, e outbox.Entry) error {
				unlock := b.alone(ctx)
				if len(e.Data) == 0 {
					e.Data = b.m[e.ID].Data
				}
				unlock()
				return b.refBox.Postpone(ctx, e)
			}
		}, []string{"Postpone", "RoundTripData"}},
		{"the rest of e is not looked at: kept", func(b *bentBox) {
			b.postpone = func(ctx context.Context, e outbox.Entry) error {
				err := b.refBox.Postpone(ctx, e)
				if err == nil {
					b.changed(ctx, func(k outbox.Entry) outbox.Entry {
						if k.ID == e.ID {
							k.To = e.To
						}
						return k
					})
				}
				return err
			}
		}, []string{"Postpone"}},
		{"the next Version then: the same", func(b *bentBox) {
			b.postpone = func(ctx context.Context, e outbox.Entry) error {
				err := b.refBox.Postpone(ctx, e)
				if err == nil {
					b.changed(ctx, func(k outbox.Entry) outbox.Entry {
						if k.ID == e.ID {
							k.Version--
						}
						return k
					})
				}
				return err
			}
		}, []string{"Postpone", "PostponeConflict", "DoneConflict", "DoneAtOnce"}},
		{"ErrConflict if its Version is another: whatever it is", func(b *bentBox) {
			b.postpone = func(ctx context.Context, e outbox.Entry) error { return b.refBox.Postpone(ctx, b.force(ctx, e)) }
		}, []string{"PostponeConflict", "ClaimAgain"}},
		{"Postpone: ErrConflict: nil", onPostpone(outcome(nil, auth.ErrConflict)), []string{"PostponeConflict", "ClaimAgain", "DoneAtOnce"}},
		{"Postpone: ErrNotFound: ErrConflict", onPostpone(outcome(auth.ErrConflict, auth.ErrNotFound)), []string{"PostponeNotFound"}},
		{"Postpone: ErrNotFound: enqueued", func(b *bentBox) {
			b.postpone = func(ctx context.Context, e outbox.Entry) error {
				err := b.refBox.Postpone(ctx, e)
				if errors.Is(err, auth.ErrNotFound) {
					_ = b.refBox.Enqueue(ctx, e)
				}
				return err
			}
		}, []string{"PostponeNotFound"}},
		{"Postpone: ErrInvalid: cut off", onPostpone(func(ctx context.Context, call verb, e outbox.Entry) error {
			e.Data = e.Data[:min(len(e.Data), 1<<16-1)]
			return call(ctx, e)
		}), []string{"PostponeInvalid"}},
		{"Done removes it: marks it", onDone(func(ctx context.Context, call verb, e outbox.Entry) error { return ctx.Err() }), []string{"Done", "DoneConflict", "DoneNotFound"}},
		{"Done looks at ID and Version only", onDone(func(ctx context.Context, call verb, e outbox.Entry) error {
			if e.Kind == "" {
				return auth.ErrNotFound
			}
			return call(ctx, e)
		}), []string{"Done"}},
		{"Done: ErrConflict: whatever its Version is", func(b *bentBox) {
			b.done = func(ctx context.Context, e outbox.Entry) error { return b.refBox.Done(ctx, b.force(ctx, e)) }
		}, []string{"DoneConflict", "ClaimAgain"}},
		{"Done: ErrNotFound: nil", onDone(outcome(nil, auth.ErrNotFound)), []string{"DoneNotFound", "DoneAtOnce", "DeleteUser"}},
		{"DeleteUser: of every realm", func(b *bentBox) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				return errors.Join(b.refBox.DeleteUser(ctx, realm, userID), b.refBox.DeleteUser(ctx, "realm", userID))
			}
		}, []string{"DeleteUser"}},
		{"DeleteUser: claimed or not: not", func(b *bentBox) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				unlock, err := b.lock(ctx)
				if err != nil {
					return err
				}
				for id, e := range b.m {
					if e.Realm == realm && e.UserID == userID && userID != "" && e.Attempts == 0 {
						delete(b.m, id)
					}
				}
				unlock()
				return nil
			}
		}, []string{"DeleteUser"}},
		{"DeleteUser: of the user in any case", func(b *bentBox) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				return errors.Join(b.refBox.DeleteUser(ctx, realm, userID), b.refBox.DeleteUser(ctx, realm, strings.ToUpper(userID)))
			}
		}, []string{"DeleteUser"}},
		{"userID \"\" removes nothing", func(b *bentBox) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				err := b.refBox.DeleteUser(ctx, realm, userID)
				if err == nil && userID == "" {
					unlock := b.alone(ctx)
					clear(b.m)
					unlock()
				}
				return err
			}
		}, []string{"DeleteUserNobody"}},
		{"having none is not an error", func(b *bentBox) {
			b.delete = func(ctx context.Context, realm, userID string) error {
				if userID == "u" && realm != "" {
					return auth.ErrNotFound
				}
				return b.refBox.DeleteUser(ctx, realm, userID)
			}
		}, []string{"DeleteUserNobody"}},
		{"an ended context is an outage", func(b *bentBox) {
			b.claim = func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
				if limit == 0 {
					return nil, nil
				}
				return b.refBox.Claim(ctx, realm, now, until, limit)
			}
		}, []string{"EndedContext"}},
		{"an ended context is an outage: and nothing is changed", func(b *bentBox) {
			b.done = func(ctx context.Context, e outbox.Entry) error {
				_ = b.refBox.Done(context.WithoutCancel(ctx), e)
				return ctx.Err()
			}
		}, []string{"EndedContext"}},
		{"joins the transaction: Enqueue does not", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				if ctx.Value(inOne{}) == nil {
					return b.refBox.Enqueue(ctx, e)
				}
				return errDown
			}
		}, []string{"InTxCommits", "InTxRollsBack", "InTxGoesOn"}},
		{"leaves the transaction as it was", func(b *bentBox) {
			b.enqueue = func(ctx context.Context, e outbox.Entry) error {
				err := b.refBox.Enqueue(ctx, e)
				if err != nil && ctx.Value(inOne{}) != nil {
					clear(b.m)
				}
				return err
			}
		}, []string{"InTxGoesOn"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) {
			authtest.TestOutboxStore(t, func(*testing.T) outbox.Store { return newBentBox(b.bend) })
		}, b.want})
	}
	return s
}
