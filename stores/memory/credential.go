package memory

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

type credentials struct {
	bound  bound
	cursor cursor
	seed   maphash.Seed
	index  index[*credential]
	shards [nShards]credentialShard
}

type credentialShard struct {
	keeper[*credential]
	byKey map[credentialKey]*credential
}

type credentialKey struct{ kind, key string }

// A credential is an [auth.Credential] as it is kept. The Credential in it is
// never changed.
type credential struct {
	auth.Credential
	near links[*credential]
	at   int32
}

func (c *credential) place() *int32              { return &c.at }
func (c *credential) expires() int64             { return expiry(c.ExpiresAt) }
func (c *credential) owner() string              { return c.UserID }
func (c *credential) links() *links[*credential] { return &c.near }
func (c *credential) key() credentialKey         { return credentialKey{c.Kind, c.Key} }

// copied returns c without memory in common with it.
func copied(c auth.Credential) auth.Credential {
	c.Data = cloneData(c.Data)
	return c
}

func newCredential(c *auth.Credential, version int64) *credential {
	n := &credential{Credential: copied(*c)}
	n.Version = version
	n.CreatedAt, n.VerifiedAt = millis(c.CreatedAt), millis(c.VerifiedAt)
	n.UsedAt, n.ExpiresAt = millis(c.UsedAt), millis(c.ExpiresAt)
	return n
}

func (c *credentials) init(seed maphash.Seed, limit int) {
	c.bound.init("credentials", limit)
	c.seed = seed
	c.index.init(seed)
	for i := range c.shards {
		c.shards[i].byKey = make(map[credentialKey]*credential)
	}
}

func (c *credentials) shard(i int) *keeper[*credential] { return &c.shards[i].keeper }

// number says which shard has the credentials with this key. Those of
// different kinds that have the same key may well be in one.
func (c *credentials) number(key string) int { return shardOf(maphash.String(c.seed, key)) }

func (c *credentials) drop(i int, t *credential) {
	delete(c.shards[i].byKey, t.key())
	c.shards[i].queue.remove(t)
	c.index.remove(t)
	c.bound.release(1)
}

// An edit is a change that is about to be made: old becomes new, either may be
// nil.
type edit struct {
	shard    int
	key      credentialKey
	version  int64 // that old must have
	old, new *credential
}

// edits returns what the changes ask for, and the shards it needs. It looks at
// nothing that is kept.
func (c *credentials) edits(changes []auth.Change) (edits []edit, shards set, err error) {
	edits = make([]edit, len(changes))
	for i, change := range changes {
		e := &edits[i]
		if n := change.New; n != nil {
			if err := n.Validate(); err != nil {
				return nil, 0, err
			}
			e.key, e.new = credentialKey{n.Kind, n.Key}, newCredential(n, 1)
		}
		if o := change.Old; o != nil {
			key := credentialKey{o.Kind, o.Key}
			if e.new != nil {
				if e.key != key {
					return nil, 0, fmt.Errorf("%w: change to a credential with another kind or key", auth.ErrInvalid)
				}
				e.new.Version = o.Version + 1
			}
			e.key, e.version = key, o.Version
		} else if e.new == nil {
			return nil, 0, fmt.Errorf("%w: change without credentials", auth.ErrInvalid)
		}
		for _, other := range edits[:i] {
			if other.key == e.key {
				return nil, 0, fmt.Errorf("%w: two changes to one credential", auth.ErrInvalid)
			}
		}
		e.shard = c.number(e.key.key)
		shards.add(e.shard)
	}
	return edits, shards, nil
}

// find completes the edits with what is kept, whose shards are locked, and
// returns how many credentials they add and whose they are.
func (c *credentials) find(edits []edit, changes []auth.Change) (added int, owners set, err error) {
	for i := range edits {
		e := &edits[i]
		e.old = c.shards[e.shard].byKey[e.key]
		switch create := changes[i].Old == nil; {
		case create && e.old != nil:
			return 0, 0, auth.ErrExists
		case create:
			added++
		case e.old == nil:
			return 0, 0, auth.ErrNotFound
		case e.old.Version != e.version:
			return 0, 0, auth.ErrConflict
		case e.new == nil:
			added--
		case e.new.UserID != e.old.UserID:
			return 0, 0, fmt.Errorf("%w: change to a credential of another user", auth.ErrInvalid)
		}
		owners.add(c.index.number(cmp.Or(e.old, e.new).UserID))
	}
	return added, owners, nil
}

// apply makes the edits. Everything they need is locked.
func (c *credentials) apply(edits []edit) {
	for _, e := range edits {
		sh := &c.shards[e.shard]
		u := c.index.of(cmp.Or(e.old, e.new).UserID)
		switch {
		case e.old == nil:
			sh.byKey[e.key] = e.new
			sh.queue.push(e.new)
			u.add(e.new)
		case e.new == nil:
			delete(sh.byKey, e.key)
			sh.queue.remove(e.old)
			u.remove(e.old)
		default:
			sh.byKey[e.key] = e.new
			sh.queue.replace(e.old, e.new)
			u.replace(e.old, e.new)
		}
	}
}

// change makes all changes or none and reports whether there was room.
func (c *credentials) change(changes []auth.Change, edits []edit, shards set) (room bool, err error) {
	shards.each(func(i int) { c.shards[i].mu.Lock() })
	defer shards.each(func(i int) { c.shards[i].mu.Unlock() })
	added, owners, err := c.find(edits, changes)
	if err != nil {
		return true, err
	}
	if !c.bound.reserve(added) {
		return false, nil
	}
	owners.each(func(i int) { c.index.shards[i].mu.Lock() })
	c.apply(edits)
	owners.each(func(i int) { c.index.shards[i].mu.Unlock() })
	var wrote []*credential
	for _, e := range edits {
		if e.new != nil {
			wrote = append(wrote, e.new)
		}
	}
	for _, t := range wrote {
		tidy(c, c.number(t.Key), latest(t.CreatedAt, t.VerifiedAt, t.UsedAt), wrote...)
	}
	return true, nil
}

// ChangeCredentials implements [auth.CredentialStore]. It fails with [ErrFull]
// if there would be more credentials than may be kept.
func (s *Store) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	edits, shards, err := s.credentials.edits(changes)
	if err != nil {
		return err
	}
	room, err := s.credentials.change(changes, edits, shards)
	if !room {
		now := latest()
		for _, e := range edits {
			if e.new != nil {
				now = max(now, latest(e.new.CreatedAt, e.new.VerifiedAt, e.new.UsedAt))
			}
		}
		if makeRoom(&s.credentials, now) {
			room, err = s.credentials.change(changes, edits, shards)
		}
	}
	if !room {
		return s.credentials.bound.full()
	}
	return err
}

// LoadCredential implements [auth.CredentialStore].
func (s *Store) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	if err := ctx.Err(); err != nil {
		return auth.Credential{}, err
	}
	sh := &s.credentials.shards[s.credentials.number(key)]
	sh.mu.RLock()
	c := sh.byKey[credentialKey{kind, key}]
	sh.mu.RUnlock()
	if c == nil {
		return auth.Credential{}, auth.ErrNotFound
	}
	return copied(c.Credential), nil
}

// UserCredentials implements [auth.CredentialStore].
func (s *Store) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept := s.credentials.index.all(userID, func(c *credential) bool {
		return len(kinds) == 0 || slices.Contains(kinds, c.Kind)
	})
	slices.SortFunc(kept, func(a, b *credential) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	all := make([]auth.Credential, len(kept))
	for i, c := range kept {
		all[i] = copied(c.Credential)
	}
	return all, nil
}
