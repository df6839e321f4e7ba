package auth

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ByKind returns a store that keeps the credentials of the given kinds in stores
// of their own, in other databases than rest, and all others in rest:
//
//	auth.ByKind(db, map[string]auth.CredentialStore{"apikey": keys})
//
// The kind "account" stays in rest: it is what two changes to one user's
// credentials meet at. Kinds may share a store. What rest has of a kind that is
// kept elsewhere is not seen, and neither is what the others have of any kind that
// is not theirs. A mistake in what was given is reported by [New]. In a realm the
// kinds are those that the realm's Manager knows.
//
// No transaction spans two stores. ChangeCredentials with changes for more than
// one of them is made as follows, so that none is made by half and nobody told:
//
//   - What is malformed is refused before anything is written.
//   - rest is written first, and not yet committed if it has InTx; then the
//     others, in the order of their kinds. The guard that the Manager changes with
//     every other credential is in rest: of two changes the second stops there.
//   - If one is refused or fails, what was written is taken back: by rest's
//     transaction, or else by a change that is made only where nobody has changed it
//     meanwhile. The error is then the one that it was refused with.
//   - If that fails as well, the error says so and wraps none of the sentinels: it
//     is an outage. What each store has is whole, and its Version tells which.
//   - A crash in between leaves what was written, and nobody was told that it was
//     done. That is the others' part without rest's if rest has InTx, or else
//     rest's part without all of the others'. To do it again is what mends it; a new
//     user who has a credential elsewhere and no row is to be deleted there.
//
// Who reads meanwhile may see one store as it is and another as it was.
//
// There is InTx if rest has it. When it is rolled back, what was written elsewhere
// in it is taken back in the same way. A transaction of rest's that was begun
// by other means, such as with the store itself, does not take the others back. Other
// abilities, found through [As], are rest's.
func ByKind(rest CredentialStore, kinds map[string]CredentialStore) CredentialStore {
	s := &byKind{rest: rest, kinds: maps.Clone(kinds), place: map[string]int{}}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		store := kinds[kind]
		if same(store, rest) {
			continue
		}
		i := slices.IndexFunc(s.others, func(other CredentialStore) bool { return same(store, other) })
		if i < 0 {
			i = len(s.others)
			s.others = append(s.others, store)
		}
		s.place[kind] = i
	}
	if isNil(rest) {
		return s // New says so
	}
	if tx, ok := As[transactor](rest); ok {
		s.tx = tx
		return byKindTx{s}
	}
	return s
}

type byKind struct {
	rest   CredentialStore
	kinds  map[string]CredentialStore // as given
	others []CredentialStore          // each once
	place  map[string]int             // by kind, in others; not there: rest
	tx     transactor                 // rest's, or nil
}

// byKindTx is a byKind whose rest has transactions.
type byKindTx struct{ *byKind }

func (s byKindTx) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	return s.whole(ctx, f)
}

func (s *byKind) Unwrap() any { return s.rest }

func (s *byKind) sweepers() (all []Sweeper) {
	all = addSweepers(all, s.rest)
	for _, other := range s.others {
		all = addSweepers(all, other)
	}
	return all
}

// check returns everything that is wrong with the composition.
func (s *byKind) check() (errs []error) {
	if isNil(s.rest) {
		errs = append(errs, errors.New("auth: ByKind has no store for the rest: give it one"))
	} else {
		errs = append(errs, checkStore(s.rest)...)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		switch store := s.kinds[kind]; {
		case isNil(store):
			errs = append(errs, fmt.Errorf("auth: ByKind has no store for the kind %q: leave it out or give one", kind))
		case checkKeys(kind) != nil:
			errs = append(errs, fmt.Errorf("auth: ByKind: %q is no kind of credentials: leave it out", kind))
		case kind == guardKind:
			errs = append(errs, fmt.Errorf("auth: ByKind cannot keep the kind %q elsewhere: leave it out", kind))
		default:
			for _, err := range checkStore(store) {
				errs = append(errs, fmt.Errorf("auth: ByKind, kind %q: %w", kind, err))
			}
		}
	}
	return errs
}

// of returns where credentials of the kind are kept: an index in others, or -1
// for rest.
func (s *byKind) of(kind string) int {
	if i, ok := s.place[strings.TrimPrefix(kind, realmOf(kind))]; ok {
		return i
	}
	return -1
}

func (s *byKind) store(i int) CredentialStore {
	if i < 0 {
		return s.rest
	}
	return s.others[i]
}

func (s *byKind) LoadCredential(ctx context.Context, kind, key string) (Credential, error) {
	return s.store(s.of(kind)).LoadCredential(ctx, kind, key)
}

func (s *byKind) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]Credential, error) {
	asked := map[int][]string{}
	for _, kind := range kinds {
		asked[s.of(kind)] = append(asked[s.of(kind)], kind)
	}
	if len(kinds) == 0 {
		asked[-1] = nil // all that it has
		for kind, i := range s.place {
			asked[i] = append(asked[i], realmOf(userID)+kind)
		}
	}
	var all []Credential
	for i := -1; i < len(s.others); i++ {
		kinds, ok := asked[i]
		if !ok {
			continue
		}
		held, err := s.store(i).UserCredentials(ctx, userID, kinds...)
		if err != nil {
			return nil, err
		}
		for _, c := range held {
			if s.of(c.Kind) == i {
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b Credential) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return all, nil
}

func (s *byKind) ChangeCredentials(ctx context.Context, changes ...Change) error {
	parts := map[int][]Change{}
	for _, c := range changes {
		named := cmp.Or(c.Old, c.New)
		if named == nil {
			return invalid("change without credentials")
		}
		parts[s.of(named.Kind)] = append(parts[s.of(named.Kind)], c)
	}
	within := s.journal(ctx)
	if len(parts) == 0 || len(parts) == 1 && (within == nil || parts[-1] != nil) {
		for i := range parts {
			return s.store(i).ChangeCredentials(ctx, changes...)
		}
		return s.rest.ChangeCredentials(ctx)
	}
	if err := checkChanges(changes); err != nil {
		return err
	}
	return s.whole(ctx, func(ctx context.Context) error {
		for i := -1; i < len(s.others); i++ {
			if parts[i] == nil {
				continue
			}
			if err := s.change(ctx, i, parts[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkChanges refuses what a store would refuse by its form.
func checkChanges(changes []Change) error {
	type name struct{ kind, key string }
	seen := map[name]bool{}
	for _, c := range changes {
		named := cmp.Or(c.Old, c.New)
		if c.New != nil {
			if err := c.New.Validate(); err != nil {
				return err
			}
			if c.New.Kind != named.Kind || c.New.Key != named.Key {
				return invalid("change to a credential with another kind or key")
			}
		}
		if seen[name{named.Kind, named.Key}] {
			return invalid("two changes to one credential")
		}
		seen[name{named.Kind, named.Key}] = true
	}
	return nil
}

// change makes the changes in one of the stores, and writes into the journal how
// they are taken back, unless a transaction does it.
func (s *byKind) change(ctx context.Context, i int, changes []Change) error {
	if i < 0 && s.tx != nil {
		return s.rest.ChangeCredentials(ctx, changes...)
	}
	back, err := s.reverse(ctx, i, changes)
	if err != nil {
		return err
	}
	entry := s.journal(ctx).add(s.store(i), back)
	switch err = s.store(i).ChangeCredentials(ctx, changes...); {
	case err == nil:
		entry.made = yes
	case errors.Is(err, ErrExists), errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict), errors.Is(err, ErrInvalid):
		entry.made = no
	}
	return err
}

// reverse returns the changes that take changes back.
func (s *byKind) reverse(ctx context.Context, i int, changes []Change) (back []Change, err error) {
	for _, c := range changes {
		if c.Old == nil {
			is := *c.New
			is.Version = 1
			back = append(back, Change{Old: &is})
			continue
		}
		was, err := s.store(i).LoadCredential(ctx, c.Old.Kind, c.Old.Key)
		if err != nil {
			return nil, err
		}
		if was.Version != c.Old.Version {
			return nil, fmt.Errorf("%w: a credential of kind %q", ErrConflict, was.Kind)
		}
		if c.New == nil {
			back = append(back, Change{New: &was})
			continue
		}
		is := *c.New
		is.Version = was.Version + 1
		back = append(back, Change{Old: &is, New: &was})
	}
	return back, nil
}

// whole runs f, in a transaction of rest's if it has any, and takes back what f
// has written elsewhere if it is not kept.
func (s *byKind) whole(ctx context.Context, f func(ctx context.Context) error) (err error) {
	outer, j := s.journal(ctx), &journal{}
	kept := false
	defer func() {
		if !kept {
			err = j.takeBack(ctx, err)
		}
	}()
	inner := context.WithValue(ctx, journalKey{s}, j)
	if s.tx != nil {
		err = s.tx.InTx(inner, f)
	} else {
		err = f(inner)
	}
	if kept = err == nil; kept && outer != nil {
		outer.join(j)
	}
	return err
}

// A journal is what was written in other stores than rest's while f of whole ran,
// and how it is taken back.
type journal struct {
	mu      sync.Mutex
	entries []*written
}

type written struct {
	store CredentialStore
	back  []Change
	made  answer
}

// An answer is whether a store has made changes: if it fails, nobody knows.
type answer int

const (
	unknown answer = iota
	yes
	no
)

type journalKey struct{ *byKind }

func (s *byKind) journal(ctx context.Context) *journal {
	j, _ := ctx.Value(journalKey{s}).(*journal)
	return j
}

func (j *journal) add(store CredentialStore, back []Change) *written {
	w := &written{store: store, back: back}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, w)
	return w
}

func (j *journal) join(inner *journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, inner.entries...)
}

// takeBack takes back what was written, the last first, because of err, and
// returns err, or what is worse.
func (j *journal) takeBack(ctx context.Context, err error) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	for _, w := range slices.Backward(j.entries) {
		if w.made == no {
			continue
		}
		failed := w.takeBack(ctx)
		if failed == nil || w.made == unknown &&
			(errors.Is(failed, ErrExists) || errors.Is(failed, ErrNotFound) || errors.Is(failed, ErrConflict)) {
			continue // or it was never made
		}
		err = outage{fmt.Errorf("a change to credentials in several stores may be made by half: %w; taking it back: %w", err, failed)}
	}
	return err
}

func (w *written) takeBack(ctx context.Context) error {
	for _, c := range w.back {
		if c.Old == nil {
			continue
		}
		// A version alone may be that of somebody else's change, if it is not known
		// whether this one was made.
		is, err := w.store.LoadCredential(ctx, c.Old.Kind, c.Old.Key)
		if err != nil {
			return err
		}
		if !sameCredential(&is, c.Old) {
			return fmt.Errorf("%w: a credential of kind %q", ErrConflict, is.Kind)
		}
	}
	return w.store.ChangeCredentials(ctx, w.back...)
}

// sameCredential reports whether a store that was given b returns it as a.
func sameCredential(a, b *Credential) bool {
	return a.UserID == b.UserID && bytes.Equal(a.Data, b.Data) && a.Label == b.Label &&
		a.Version == b.Version && a.Generation == b.Generation &&
		sameMilli(a.CreatedAt, b.CreatedAt) && sameMilli(a.VerifiedAt, b.VerifiedAt) &&
		sameMilli(a.UsedAt, b.UsedAt) && sameMilli(a.ExpiresAt, b.ExpiresAt)
}

func sameMilli(a, b time.Time) bool {
	return a.Truncate(time.Millisecond).Equal(b.Truncate(time.Millisecond))
}
