package authtest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// onPut changes every ticket that goes in.
func onPut(change func(t *auth.Ticket)) func(b *bent) {
	return func(b *bent) {
		b.putTicket = func(ctx context.Context, t auth.Ticket) error {
			change(&t)
			return b.ref.PutTicket(ctx, t)
		}
	}
}

// onTake changes every ticket that TakeTicket returns.
func onTake(change func(t *auth.Ticket)) func(b *bent) {
	return func(b *bent) {
		b.takeTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
			t, err := b.ref.TakeTicket(ctx, purpose, key)
			if err == nil {
				change(&t)
			}
			return t, err
		}
	}
}

// freeSlot removes the tickets of t's slot, as same sees it.
func (b *bent) freeSlot(t auth.Ticket, same func(old, t auth.Ticket) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.tickets, func(_ [2]string, old auth.Ticket) bool { return same(old, t) })
}

// slots replaces what same says, rather than what has the purpose and slot.
func slots(same func(old, t auth.Ticket) bool) func(b *bent) {
	return func(b *bent) {
		b.putTicket = func(ctx context.Context, t auth.Ticket) error {
			if t.Validate() != nil || ctx.Err() != nil {
				return b.ref.PutTicket(ctx, t)
			}
			if _, err := b.ref.LoadTicket(ctx, t.Purpose, t.Key); err == nil {
				return auth.ErrExists
			}
			b.freeSlot(t, same)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.tickets[[2]string{t.Purpose, t.Key}] = keepTicket(t)
			return nil
		}
	}
}

func ticketBends() []bend {
	sameSlot := func(old, t auth.Ticket) bool {
		return t.Slot != "" && old.Purpose == t.Purpose && old.Slot == t.Slot
	}
	bends := []bend{
		{"every field comes back: UserID", onPut(func(t *auth.Ticket) { t.UserID = "" }), []string{"RoundTrip", "RoundTripTexts", "DeleteUser"}},
		{"every field comes back: CreatedAt", onPut(func(t *auth.Ticket) { t.CreatedAt = time.Time{} }), []string{"RoundTrip", "RoundTripTimes"}},
		{"every field comes back: Slot, taken", onTake(func(t *auth.Ticket) { t.Slot = "" }), []string{"RoundTrip", "RoundTripTexts"}},
		{"every field comes back: Data, taken", onTake(func(t *auth.Ticket) { t.Data = nil }), []string{"RoundTrip", "Take", "TakeAtOnce", "RoundTripData", "LoadLeaves"}},
		{"strings come back byte for byte", onPut(func(t *auth.Ticket) { t.Slot = strings.TrimRight(t.Slot, "\r\n") }), []string{"RoundTripTexts"}},
		{"times are kept in milliseconds", onTake(func(t *auth.Ticket) { t.ExpiresAt = t.ExpiresAt.Truncate(time.Second) }), []string{"RoundTripTimes"}},
		{"times come back in UTC", onTake(func(t *auth.Ticket) { t.ExpiresAt = t.ExpiresAt.In(time.FixedZone("", 60)) }), []string{"RoundTripTimes"}},
		{"the zero time comes back as the zero time", onTake(func(t *auth.Ticket) {
			if t.CreatedAt.IsZero() {
				t.CreatedAt = time.Unix(0, 0).UTC()
			}
		}), []string{"RoundTripTimes"}},
		{"data come back: without trailing NULs", onTake(func(t *auth.Ticket) { t.Data = []byte(strings.TrimRight(string(t.Data), "\x00")) }), []string{"RoundTripData"}},
		{"data come back: at most 65,535 bytes", onTake(func(t *auth.Ticket) { t.Data = t.Data[:min(len(t.Data), 1<<15)] }), []string{"RoundTripData"}},
		{"a store returns nil for none", onTake(func(t *auth.Ticket) { t.Data = append([]byte{}, t.Data...) }), []string{"RoundTripData"}},
		{"what goes in shares no memory", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				err := b.ref.PutTicket(ctx, t)
				if err == nil {
					b.mu.Lock()
					defer b.mu.Unlock()
					n := [2]string{t.Purpose, t.Key}
					kept := b.tickets[n]
					kept.Data = t.Data
					b.tickets[n] = kept
				}
				return err
			}
		}, []string{"SharesNoMemory"}},
		{"what comes out shares no memory", func(b *bent) {
			b.loadTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				if _, err := b.ref.LoadTicket(ctx, purpose, key); err != nil {
					return auth.Ticket{}, err
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				return b.tickets[[2]string{purpose, key}], nil
			}
		}, []string{"SharesNoMemory"}},
		{"strings compare byte for byte: keys in any case", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				b.mu.Lock()
				for n := range b.tickets {
					if n[0] == t.Purpose && strings.EqualFold(n[1], t.Key) {
						b.mu.Unlock()
						return auth.ErrExists
					}
				}
				b.mu.Unlock()
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"KeysByteForByte"}},
		{"purpose and key only together: joined by a colon", func(b *bent) {
			b.loadTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				b.mu.Lock()
				for n := range b.tickets {
					if n[0]+":"+n[1] == purpose+":"+key && n[0] < purpose {
						purpose, key = n[0], n[1]
						break
					}
				}
				b.mu.Unlock()
				return b.ref.LoadTicket(ctx, purpose, key)
			}
		}, []string{"KeysByteForByte"}},
		{"anything else is refused with ErrInvalid: cut off", onPut(func(t *auth.Ticket) { t.Slot = t.Slot[:min(255, len(t.Slot))] }), []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: data cut off", onPut(func(t *auth.Ticket) { t.Data = t.Data[:min(1<<16-1, len(t.Data))] }), []string{"Invalid"}},
		{"anything else is refused with ErrInvalid: the slot is freed before", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if len(t.Data) >= 1<<16 {
					b.freeSlot(t, sameSlot)
				}
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"Invalid"}},
		{"ErrExists if a ticket of this purpose and key is there: replaced", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if t.Validate() == nil {
					_, _ = b.ref.TakeTicket(ctx, t.Purpose, t.Key)
				}
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"PutExists", "PutAtOnce", "SlotExists"}},
		{"ErrExists if a ticket of this purpose and key is there: nil", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if err := b.ref.PutTicket(ctx, t); !errors.Is(err, auth.ErrExists) {
					return err
				}
				return nil
			}
		}, []string{"PutExists", "PutAtOnce", "SlotExists"}},
		{"every verb is atomic: PutTicket looks, then writes", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if err := t.Validate(); err != nil {
					return err
				}
				_, err := b.ref.LoadTicket(ctx, t.Purpose, t.Key)
				if err == nil {
					return auth.ErrExists
				}
				if !errors.Is(err, auth.ErrNotFound) {
					return err
				}
				pause()
				b.freeSlot(t, sameSlot)
				b.mu.Lock()
				defer b.mu.Unlock()
				b.tickets[[2]string{t.Purpose, t.Key}] = keepTicket(t)
				return nil
			}
		}, []string{"PutAtOnce"}},
		{"a ticket of the same purpose and slot is replaced: not", slots(func(auth.Ticket, auth.Ticket) bool { return false }), []string{"SlotReplaces", "SlotAtOnce"}},
		{"a ticket of the same purpose and slot is replaced: the user's", slots(func(old, t auth.Ticket) bool {
			return sameSlot(old, t) && old.UserID == t.UserID
		}), []string{"SlotReplaces"}},
		{"a ticket of the same purpose and slot is replaced: if it expires earlier", slots(func(old, t auth.Ticket) bool {
			return sameSlot(old, t) && !old.ExpiresAt.After(t.ExpiresAt)
		}), []string{"SlotReplaces"}},
		{"a ticket of the same purpose and slot is replaced: refused instead", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				b.mu.Lock()
				for _, old := range b.tickets {
					if sameSlot(old, t) {
						b.mu.Unlock()
						return auth.ErrExists
					}
				}
				b.mu.Unlock()
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"SlotReplaces", "SlotAtOnce"}},
		{"slot, if not \"\": the slot \"\" is one", slots(func(old, t auth.Ticket) bool { return old.Purpose == t.Purpose && old.Slot == t.Slot }), []string{"SlotOnly"}},
		{"of the same purpose and slot: of any purpose", slots(func(old, t auth.Ticket) bool { return t.Slot != "" && old.Slot == t.Slot }), []string{"SlotOnly"}},
		{"of the same purpose and slot: in any case", slots(func(old, t auth.Ticket) bool {
			return t.Slot != "" && old.Purpose == t.Purpose && strings.EqualFold(old.Slot, t.Slot)
		}), []string{"SlotOnly"}},
		{"of the same purpose and slot: joined by a bar", slots(func(old, t auth.Ticket) bool {
			return t.Slot != "" && old.Purpose+"|"+old.Slot == t.Purpose+"|"+t.Slot
		}), []string{"SlotOnly"}},
		{"replaced in the same step: the slot is freed, then ErrExists", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if t.Validate() == nil && ctx.Err() == nil {
					b.freeSlot(t, func(old, t auth.Ticket) bool { return sameSlot(old, t) && old.Key != t.Key })
				}
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"SlotExists"}},
		{"replaced in the same step: one is looked for, then another put", func(b *bent) {
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if t.Slot == "" || t.Validate() != nil || ctx.Err() != nil {
					return b.ref.PutTicket(ctx, t)
				}
				if _, err := b.ref.LoadTicket(ctx, t.Purpose, t.Key); err == nil {
					return auth.ErrExists
				}
				b.freeSlot(t, sameSlot)
				pause()
				b.mu.Lock()
				defer b.mu.Unlock()
				b.tickets[[2]string{t.Purpose, t.Key}] = keepTicket(t)
				return nil
			}
		}, []string{"SlotAtOnce"}},
		{"LoadTicket leaves it: takes it", func(b *bent) { b.loadTicket = b.ref.TakeTicket }, []string{"LoadLeaves"}},
		{"LoadTicket leaves it: for three times", func(b *bent) {
			var n atomic.Int64
			b.loadTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				if n.Add(1) == 3 {
					return b.ref.TakeTicket(ctx, purpose, key)
				}
				return b.ref.LoadTicket(ctx, purpose, key)
			}
		}, []string{"LoadLeaves"}},
		{"LoadTicket: ErrNotFound: nil", func(b *bent) {
			b.loadTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				t, err := b.ref.LoadTicket(ctx, purpose, key)
				if errors.Is(err, auth.ErrNotFound) {
					err = nil
				}
				return t, err
			}
		}, []string{"NotFound"}},
		{"TakeTicket: ErrNotFound: an outage", func(b *bent) {
			b.takeTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				t, err := b.ref.TakeTicket(ctx, purpose, key)
				if err != nil {
					err = errDown
				}
				return t, err
			}
		}, []string{"NotFound", "TakeAtOnce"}},
		{"looking for odd strings is no more than not finding them", func(b *bent) {
			b.loadTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				if err := errors.Join(checkKey(purpose), checkKey(key)); err != nil {
					return auth.Ticket{}, err
				}
				return b.ref.LoadTicket(ctx, purpose, key)
			}
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				if err := checkKey(userID); err != nil {
					return err
				}
				return b.ref.DeleteUserTickets(ctx, userID, purposes...)
			}
		}, []string{"NotFound", "DeleteUserNone"}},
		{"whether it has expired is for the caller to say", func(b *bent) {
			b.takeTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				t, err := b.ref.TakeTicket(ctx, purpose, key)
				if err == nil && t.ExpiresAt.Before(time.Now()) {
					err = auth.ErrNotFound
				}
				return t, err
			}
		}, []string{"Expired"}},
		{"TakeTicket removes it: it does not", func(b *bent) { b.takeTicket = b.ref.LoadTicket }, []string{"Take", "TakeAtOnce"}},
		{"TakeTicket removes it: and others", func(b *bent) {
			b.takeTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				t, err := b.ref.TakeTicket(ctx, purpose, key)
				if err == nil {
					err = b.ref.DeleteUserTickets(ctx, t.UserID, purpose)
				}
				return t, err
			}
		}, []string{"Take"}},
		{"exactly one gets it: loads, then deletes", func(b *bent) {
			b.takeTicket = func(ctx context.Context, purpose, key string) (auth.Ticket, error) {
				t, err := b.ref.LoadTicket(ctx, purpose, key)
				if err != nil {
					return t, err
				}
				pause()
				_, _ = b.ref.TakeTicket(ctx, purpose, key)
				return t, nil
			}
		}, []string{"TakeAtOnce"}},
		{"DeleteUserTickets deletes the user's: in any case", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				return errors.Join(b.ref.DeleteUserTickets(ctx, userID, purposes...), b.ref.DeleteUserTickets(ctx, strings.ToUpper(userID), purposes...))
			}
		}, []string{"DeleteUser"}},
		{"DeleteUserTickets deletes the user's: whoever has them", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, _ string, purposes ...string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				maps.DeleteFunc(b.tickets, func(n [2]string, _ auth.Ticket) bool { return slices.Contains(purposes, n[0]) })
				return ctx.Err()
			}
		}, []string{"DeleteUser", "DeleteUserPurposes"}},
		{"DeleteUserTickets deletes the user's: those without a slot", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				before := b.snapshot()
				err := b.ref.DeleteUserTickets(ctx, userID, purposes...)
				b.mu.Lock()
				defer b.mu.Unlock()
				for n, t := range before.tickets {
					if t.Slot != "" {
						b.tickets[n] = t
					}
				}
				return err
			}
		}, []string{"DeleteUser"}},
		{"of the given purposes: of all", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, _ ...string) error {
				return b.ref.DeleteUserTickets(ctx, userID)
			}
		}, []string{"DeleteUserPurposes"}},
		{"of the given purposes: only of the first", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				return b.ref.DeleteUserTickets(ctx, userID, purposes[:min(1, len(purposes))]...)
			}
		}, []string{"DeleteUserPurposes"}},
		{"all of them if none is given: none", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				if len(purposes) == 0 {
					return ctx.Err()
				}
				return b.ref.DeleteUserTickets(ctx, userID, purposes...)
			}
		}, []string{"DeleteUserPurposes", "DeleteUser"}},
		{"having none is not an error", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				n := len(b.snapshot().tickets)
				err := b.ref.DeleteUserTickets(ctx, userID, purposes...)
				if err == nil && n == len(b.snapshot().tickets) {
					err = auth.ErrNotFound
				}
				return err
			}
		}, []string{"DeleteUserNone"}},
		{"user IDs are not empty: nobody is a user", func(b *bent) {
			b.deleteUserTickets = func(ctx context.Context, userID string, purposes ...string) error {
				err := b.ref.DeleteUserTickets(ctx, userID, purposes...)
				b.mu.Lock()
				defer b.mu.Unlock()
				maps.DeleteFunc(b.tickets, func(_ [2]string, t auth.Ticket) bool { return t.UserID == userID && userID == "" })
				return err
			}
		}, []string{"DeleteUserNobody"}},
		{"a ticket that is gone leaves nothing behind", func(b *bent) {
			index := map[[2]string]string{} // purpose and slot -> key, not tidied
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				err := b.ref.PutTicket(ctx, t)
				if err == nil && t.Slot != "" {
					b.mu.Lock()
					defer b.mu.Unlock()
					slot := [2]string{t.Purpose, t.Slot}
					if key, ok := index[slot]; ok && key != t.Key {
						delete(b.tickets, [2]string{t.Purpose, key})
					}
					index[slot] = t.Key
				}
				return err
			}
		}, []string{"DeleteUserFreesSlot"}},
		{"methods are safe for concurrent use: refuses while busy", func(b *bent) {
			var busy sync.Mutex
			b.putTicket = func(ctx context.Context, t auth.Ticket) error {
				if !busy.TryLock() {
					return errDown
				}
				defer busy.Unlock()
				pause()
				return b.ref.PutTicket(ctx, t)
			}
		}, []string{"Concurrent", "SlotAtOnce"}},
	}
	bends = append(bends, contextBends("PutTicket", "PutTicket")...)
	bends = append(bends, contextBends("LoadTicket", "LoadTicket")...)
	bends = append(bends, contextBends("TakeTicket", "TakeTicket")...)
	return append(bends, contextBends("DeleteUserTickets", "DeleteUserTickets", "DeleteUserTickets_of_a_purpose")...)
}
