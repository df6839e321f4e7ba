// Package customstore is a whole auth.Store over bbolt, a file of keys and values: docs/writing-a-store.md goes through it.
package customstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bolt "go.etcd.io/bbolt"
)

// A store is an auth.Store and an auth.Sweeper. Everything is in one bucket, under keys that begin with its sort.
type store struct{ db *bolt.DB }

func newStore(db *bolt.DB) (store, error) {
	return store{db}, db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucketIfNotExists([]byte("auth")); return err })
}

func (s store) CreateSession(ctx context.Context, v *auth.Session) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error {
		if err := v.Validate(); err != nil || has(b, join("session", string(v.ID[:]))) {
			return cmp.Or(err, auth.ErrExists)
		}
		n := *v // v is the caller's, and so are its proofs
		n.Version, n.Proofs = 1, slices.Clone(v.Proofs)
		for i := range n.Proofs {
			n.Proofs[i].At = cut(n.Proofs[i].At)
		}
		n.CreatedAt, n.SeenAt, n.EndsAt, n.ExpiresAt = cut(v.CreatedAt), cut(v.SeenAt), cut(v.EndsAt), cut(v.ExpiresAt)
		return put(b, join("session", string(v.ID[:])), n)
	})
}

func (s store) LoadSession(ctx context.Context, id auth.SessionID) (v *auth.Session, err error) {
	err = in(ctx, s.db.View, func(b *bolt.Bucket) error { return get(b, join("session", string(id[:])), &v) })
	return v, err
}

func (s store) UpdateSession(ctx context.Context, v *auth.Session) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error {
		var n auth.Session
		if err := get(b, join("session", string(v.ID[:])), &n); err != nil || n.Version != v.Version {
			return cmp.Or(err, auth.ErrConflict)
		}
		n.SeenAt, n.ExpiresAt, n.Stale, n.Version = cut(v.SeenAt), cut(v.ExpiresAt), v.Stale, n.Version+1
		return put(b, join("session", string(v.ID[:])), n)
	})
}

func (s store) DeleteSession(ctx context.Context, id auth.SessionID) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error { return take(b, join("session", string(id[:])), &auth.Session{}) })
}

func (s store) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error {
		return each(b, join("session of", userID), -1, func(v auth.Session) bool { return !slices.Contains(except, v.ID) })
	})
}

func (s store) UserSessions(ctx context.Context, userID string) (all []*auth.Session, err error) {
	err = in(ctx, s.db.View, func(b *bolt.Bucket) error {
		return each(b, join("session of", userID), -1, func(v *auth.Session) bool { all = append(all, v); return false })
	})
	slices.SortFunc(all, func(v, w *auth.Session) int { return w.CreatedAt.Compare(v.CreatedAt) })
	return all, err
}

func (s store) LoadCredential(ctx context.Context, kind, key string) (c auth.Credential, err error) {
	err = in(ctx, s.db.View, func(b *bolt.Bucket) error { return get(b, join("credential", kind, key), &c) })
	return c, err
}

func (s store) UserCredentials(ctx context.Context, userID string, kinds ...string) (all []auth.Credential, err error) {
	err = in(ctx, s.db.View, func(b *bolt.Bucket) error {
		return each(b, join("credential of", userID), -1, func(c auth.Credential) bool { all = append(all, c); return false })
	})
	all = slices.DeleteFunc(all, func(c auth.Credential) bool { return !among(kinds, c.Kind) })
	slices.SortFunc(all, func(c, d auth.Credential) int { return cmp.Or(cmp.Compare(c.Kind, d.Kind), cmp.Compare(c.Key, d.Key)) })
	return all, err
}

func (s store) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error {
		seen := map[string]bool{}
		for _, c := range changes {
			var was auth.Credential
			named := cmp.Or(c.Old, c.New, &auth.Credential{})
			key := join("credential", named.Kind, named.Key)
			err := get(b, key, &was)
			switch {
			case seen[key] || c == auth.Change{}:
				return auth.ErrInvalid
			case c.Old == nil && has(b, key):
				return auth.ErrExists
			case c.Old != nil && (err != nil || was.Version != c.Old.Version):
				return cmp.Or(err, auth.ErrConflict)
			case c.New == nil:
				err = put(b, key, nil)
			case c.Old != nil && (c.New.UserID != was.UserID || join("credential", c.New.Kind, c.New.Key) != key):
				return auth.ErrInvalid
			default:
				n := *c.New
				n.CreatedAt, n.VerifiedAt, n.UsedAt, n.ExpiresAt = cut(n.CreatedAt), cut(n.VerifiedAt), cut(n.UsedAt), cut(n.ExpiresAt)
				n.Version, n.Data = was.Version+1, append([]byte(nil), n.Data...) // nil for none
				err = cmp.Or(n.Validate(), put(b, key, n))
			}
			if seen[key] = true; err != nil {
				return err // and with it all changes are undone
			}
		}
		return nil
	})
}

func (s store) PutTicket(ctx context.Context, t auth.Ticket) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error {
		if err := t.Validate(); err != nil || has(b, join("ticket", t.Purpose, t.Key)) {
			return cmp.Or(err, auth.ErrExists)
		}
		err := each(b, join("ticket in", t.Purpose, cmp.Or(t.Slot, "\x00"+t.Key)), -1, func(auth.Ticket) bool { return true })
		t.CreatedAt, t.ExpiresAt, t.Data = cut(t.CreatedAt), cut(t.ExpiresAt), append([]byte(nil), t.Data...)
		return cmp.Or(err, put(b, join("ticket", t.Purpose, t.Key), t))
	})
}

func (s store) LoadTicket(ctx context.Context, purpose, key string) (t auth.Ticket, err error) {
	err = in(ctx, s.db.View, func(b *bolt.Bucket) error { return get(b, join("ticket", purpose, key), &t) })
	return t, err
}

func (s store) TakeTicket(ctx context.Context, purpose, key string) (t auth.Ticket, err error) {
	err = in(ctx, s.db.Update, func(b *bolt.Bucket) error { return take(b, join("ticket", purpose, key), &t) })
	return t, err
}

func (s store) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) error {
		return each(b, join("ticket of", userID), -1, func(t auth.Ticket) bool { return userID != "" && among(purposes, t.Purpose) })
	})
}

func (s store) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	var c auth.Credential // keeps a counter: its Version is the number
	err := in(ctx, s.db.Update, func(b *bolt.Bucket) (err error) {
		if err := (&auth.Ticket{Purpose: "count", Key: key}).Validate(); err != nil || window < 0 {
			return cmp.Or(err, auth.ErrInvalid)
		}
		if has(b, join("counter", key)) {
			err = get(b, join("counter", key), &c)
		}
		if c.Version == 0 || due(c.ExpiresAt, now) { // a window begins
			c = auth.Credential{}
			if window > 0 {
				c.ExpiresAt = cut(now.Add(window))
			}
		}
		c.Version++
		return cmp.Or(err, put(b, join("counter", key), c))
	})
	return c.Version, c.ExpiresAt, err
}

func (s store) Forget(ctx context.Context, keys ...string) error {
	return in(ctx, s.db.Update, func(b *bolt.Bucket) (err error) {
		for _, key := range keys {
			err = cmp.Or(err, put(b, join("counter", key), nil))
		}
		return err
	})
}

func (s store) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for _, sort := range []string{"session", "credential", "ticket", "counter"} {
		err = cmp.Or(err, in(ctx, s.db.Update, func(b *bolt.Bucket) error {
			return each(b, sort+" until ", limit, func(t auth.Ticket) bool {
				if due(t.ExpiresAt, now) {
					n++
				}
				return due(t.ExpiresAt, now)
			})
		}))
	}
	return n, err
}

func in(ctx context.Context, run func(func(*bolt.Tx) error) error, f func(b *bolt.Bucket) error) error {
	if ctx.Err() != nil { // bbolt does not look at it, also not while f waits for others; what f does after its end is undone
		return ctx.Err()
	}
	return run(func(tx *bolt.Tx) error { return cmp.Or(ctx.Err(), f(tx.Bucket([]byte("auth")))) })
}

func get(b *bolt.Bucket, key string, v any) error {
	if !has(b, key) {
		return auth.ErrNotFound
	}
	return json.Unmarshal(b.Get([]byte(key)), v)
}

// put keeps v under the key, as JSON, in place of what is there, and the key in an index: behind each name. Nil is nothing.
func put(b *bolt.Bucket, key string, v any) error {
	data, err := json.Marshal(v)
	for _, name := range names(key, b.Get([]byte(key))) {
		err = cmp.Or(err, b.Delete([]byte(name+key)))
	}
	if v == nil {
		return cmp.Or(err, b.Delete([]byte(key)))
	}
	for _, name := range names(key, data) {
		err = cmp.Or(err, b.Put([]byte(name+key), []byte(key)))
	}
	return cmp.Or(err, b.Put([]byte(key), data))
}

// each calls f with the first things that have the name (limit at most, -1 for all), and removes those for which f is true.
func each[T any](b *bolt.Bucket, name string, limit int, f func(T) bool) (err error) {
	var keys []string
	c := b.Cursor()
	for k, key := c.Seek([]byte(name)); strings.HasPrefix(string(k), name) && len(keys) != limit; k, key = c.Next() {
		keys = append(keys, string(key))
	}
	for _, key := range keys {
		var v T
		if err = cmp.Or(err, get(b, key, &v)); err == nil && f(v) {
			err = put(b, key, nil)
		}
	}
	return err
}

func names(key string, data []byte) []string {
	var v auth.Ticket // whatever it is, its fields that matter here are those of a ticket, too
	_ = json.Unmarshal(data, &v)
	sort, _, _ := strings.Cut(key, " ")
	until := fmt.Sprintf(" until %020d ", uint64(v.ExpiresAt.UnixMilli())) // the zero time, which is negative, comes last
	return []string{join(sort+" of", v.UserID), join(sort+" in", v.Purpose, cmp.Or(v.Slot, "\x00"+v.Key)), sort + until}
}

func has(b *bolt.Bucket, key string) bool          { return b.Get([]byte(key)) != nil }
func take(b *bolt.Bucket, key string, v any) error { return cmp.Or(get(b, key, v), put(b, key, nil)) }
func join(sort string, texts ...string) string     { return fmt.Sprintf("%s %q ", sort, texts) }
func cut(t time.Time) time.Time                    { return t.UTC().Truncate(time.Millisecond) }
func due(t, now time.Time) bool                    { return !t.IsZero() && !t.After(now) }
func among(some []string, s string) bool           { return len(some) == 0 || slices.Contains(some, s) }
