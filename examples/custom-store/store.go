package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/examples/internal/indexed"
)

// A store is an auth.Store and an auth.Sweeper. InTx and Close are DB's.
type store struct{ *indexed.DB }

func kept(t time.Time) time.Time          { return t.Truncate(time.Millisecond).UTC() }
func sessionKey(id auth.SessionID) string { return indexed.Key("session", string(id[:])) }

func putSession(tx *indexed.Tx, v *auth.Session) error {
	return tx.Put(sessionKey(v.ID), v, indexed.Key("session of", v.UserID), indexed.At("session ends", v.ExpiresAt))
}

func (s store) CreateSession(ctx context.Context, v *auth.Session) error {
	return s.Update(ctx, func(tx *indexed.Tx) error {
		if err := v.Validate(); err != nil || tx.Has(sessionKey(v.ID)) {
			return cmp.Or(err, auth.ErrExists)
		}
		n := *v // v stays as it is, with its proofs
		n.Version, n.CreatedAt, n.SeenAt, n.EndsAt, n.ExpiresAt = 1, kept(v.CreatedAt), kept(v.SeenAt), kept(v.EndsAt), kept(v.ExpiresAt)
		n.Proofs = slices.Clone(v.Proofs)
		for i := range n.Proofs {
			n.Proofs[i].At = kept(n.Proofs[i].At)
		}
		return putSession(tx, &n)
	})
}

func (s store) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	return indexed.Load[*auth.Session](ctx, s.DB, sessionKey(id))
}

func (s store) UpdateSession(ctx context.Context, v *auth.Session) error {
	return s.Update(ctx, func(tx *indexed.Tx) error {
		n, err := indexed.Get[*auth.Session](tx, sessionKey(v.ID))
		if err != nil || n.Version != v.Version {
			return cmp.Or(err, auth.ErrConflict)
		}
		n.SeenAt, n.ExpiresAt, n.Stale, n.Version = kept(v.SeenAt), kept(v.ExpiresAt), v.Stale, n.Version+1
		return putSession(tx, n)
	})
}

func (s store) DeleteSession(ctx context.Context, id auth.SessionID) error {
	return s.Update(ctx, func(tx *indexed.Tx) error { return tx.Delete(sessionKey(id)) })
}

func (s store) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	return s.Update(ctx, func(tx *indexed.Tx) error {
		return indexed.DeleteFunc(tx, indexed.Key("session of", userID), func(v *auth.Session) bool { return !slices.Contains(except, v.ID) })
	})
}

func (s store) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	all, err := indexed.Find[*auth.Session](ctx, s.DB, indexed.Key("session of", userID))
	slices.SortFunc(all, func(v, w *auth.Session) int { return w.CreatedAt.Compare(v.CreatedAt) })
	return all, err
}

func (s store) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	return indexed.Load[auth.Credential](ctx, s.DB, indexed.Key("credential", kind, key))
}

func (s store) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	all, err := indexed.Find[auth.Credential](ctx, s.DB, indexed.Key("credential of", userID))
	all = slices.DeleteFunc(all, func(c auth.Credential) bool { return len(kinds) > 0 && !slices.Contains(kinds, c.Kind) })
	slices.SortFunc(all, func(c, d auth.Credential) int { return cmp.Or(cmp.Compare(c.Kind, d.Kind), cmp.Compare(c.Key, d.Key)) })
	return all, err
}

// ChangeCredentials looks at all changes before it makes the first: if one is refused, none is made.
func (s store) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	return s.Update(ctx, func(tx *indexed.Tx) (err error) {
		steps := map[string]func() error{}
		for _, c := range changes {
			named := cmp.Or(c.Old, c.New, &auth.Credential{})
			key := indexed.Key("credential", named.Kind, named.Key)
			if steps[key] != nil {
				return fmt.Errorf("%w: two changes of one credential", auth.ErrInvalid)
			}
			if steps[key], err = change(tx, key, c); err != nil {
				return err
			}
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

// change returns what makes the change, or why it cannot be made.
func change(tx *indexed.Tx, key string, c auth.Change) (step func() error, err error) {
	was, err := indexed.Get[auth.Credential](tx, key)
	switch {
	case c.Old == nil && c.New == nil:
		return nil, fmt.Errorf("%w: a change of nothing", auth.ErrInvalid)
	case c.New != nil && c.New.Validate() != nil:
		return nil, c.New.Validate()
	case c.Old == nil && !errors.Is(err, auth.ErrNotFound):
		return nil, cmp.Or(err, auth.ErrExists)
	case c.Old != nil && (err != nil || c.Old.Version != was.Version):
		return nil, cmp.Or(err, auth.ErrConflict)
	case c.New == nil:
		return func() error { return tx.Delete(key) }, nil
	case c.Old != nil && (c.New.Kind != was.Kind || c.New.Key != was.Key || c.New.UserID != was.UserID):
		return nil, fmt.Errorf("%w: a credential keeps its kind, key and user", auth.ErrInvalid)
	}
	n := *c.New
	n.CreatedAt, n.VerifiedAt, n.UsedAt, n.ExpiresAt = kept(n.CreatedAt), kept(n.VerifiedAt), kept(n.UsedAt), kept(n.ExpiresAt)
	n.Version, n.Data = was.Version+1, append([]byte(nil), n.Data...) // nil for none
	return func() error {
		return tx.Put(key, n, indexed.Key("credential of", n.UserID), indexed.At("credential ends", n.ExpiresAt))
	}, nil
}

func (s store) PutTicket(ctx context.Context, t auth.Ticket) error {
	return s.Update(ctx, func(tx *indexed.Tx) error {
		key := indexed.Key("ticket", t.Purpose, t.Key)
		slot := indexed.Key("ticket in", t.Purpose, cmp.Or(t.Slot, "\x00"+t.Key)) // without a slot, one of its own
		if err := t.Validate(); err != nil || tx.Has(key) {
			return cmp.Or(err, auth.ErrExists)
		}
		if err := indexed.DeleteFunc(tx, slot, func(auth.Ticket) bool { return true }); err != nil {
			return err
		}
		t.CreatedAt, t.ExpiresAt, t.Data = kept(t.CreatedAt), kept(t.ExpiresAt), append([]byte(nil), t.Data...)
		return tx.Put(key, t, slot, indexed.Key("ticket of", t.UserID), indexed.At("ticket ends", t.ExpiresAt))
	})
}

func (s store) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	return indexed.Load[auth.Ticket](ctx, s.DB, indexed.Key("ticket", purpose, key))
}

func (s store) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	return indexed.Take[auth.Ticket](ctx, s.DB, indexed.Key("ticket", purpose, key))
}

func (s store) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return s.Update(ctx, func(tx *indexed.Tx) error {
		return indexed.DeleteFunc(tx, indexed.Key("ticket of", userID), func(t auth.Ticket) bool {
			return userID != "" && (len(purposes) == 0 || slices.Contains(purposes, t.Purpose))
		})
	})
}

type counter struct {
	N     int64
	Until time.Time // zero: until it is forgotten
}

func (s store) Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error) {
	err = s.Update(ctx, func(tx *indexed.Tx) error {
		if err := (&auth.Ticket{Purpose: "count", Key: key}).Validate(); err != nil || window < 0 {
			return cmp.Or(err, fmt.Errorf("%w: negative window", auth.ErrInvalid))
		}
		c, err := indexed.Get[counter](tx, indexed.Key("counter", key))
		if err != nil && !errors.Is(err, auth.ErrNotFound) {
			return err
		}
		if c.N == 0 || !c.Until.IsZero() && !now.Before(c.Until) { // it begins
			c = counter{}
			if window > 0 {
				c.Until = kept(now.Add(window))
			}
		}
		n, until = c.N+1, c.Until
		return tx.Put(indexed.Key("counter", key), counter{n, until}, indexed.At("counter ends", until))
	})
	return n, until, err
}

func (s store) Forget(ctx context.Context, keys ...string) error {
	return s.Update(ctx, func(tx *indexed.Tx) error {
		for _, key := range keys {
			if err := tx.Delete(indexed.Key("counter", key)); err != nil && !errors.Is(err, auth.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// Sweep implements auth.Sweeper. What never ends has the name of the zero time, which is before all others.
func (s store) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = s.Update(ctx, func(tx *indexed.Tx) error {
		for _, ends := range []string{"session ends", "credential ends", "ticket ends", "counter ends"} {
			deleted, err := tx.DeleteFrom(indexed.At(ends, time.Time{}.Add(time.Millisecond)), indexed.At(ends, now), limit)
			if n += deleted; err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
