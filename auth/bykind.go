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
//   - rest decides: the guard that the Manager changes with every other credential
//     is there, and two changes to one user's credentials meet at it. If rest has
//     InTx it is written first, and committed once the others are written too;
//     else it is written last.
//   - If a store refuses or fails, what was written is taken back: by rest's
//     transaction, or else by a change that is made only where nobody has changed it
//     meanwhile. The error is then the one that it was refused with.
//   - If that fails as well, the error says so and wraps none of the sentinels: it
//     is an outage. What each store has is whole, and its Version tells which.
//   - If rest's transaction fails when it is committed, and perhaps was, the others'
//     part is taken back and the error says so as well.
//   - A crash in between leaves the others' part without that of rest, and nobody
//     was told that it was done. To do it again mends it, from what is there by then. A
//     new user's credential elsewhere, whose user does not exist, has to be deleted.
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
		if c.Old == nil && c.New == nil {
			return invalid("change without credentials")
		}
		i := s.of(nameOf(c).kind)
		parts[i] = append(parts[i], c)
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
		for _, i := range s.order() {
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

// order returns in which order stores are written. Until the others are, nobody
// may see the guard in rest changed: who reads it then, and after it what else
// there is, would take what is about to go for what stays.
func (s *byKind) order() []int {
	all := make([]int, 0, len(s.others)+1)
	for i := range s.others {
		all = append(all, i)
	}
	if s.tx != nil {
		return slices.Insert(all, 0, -1)
	}
	return append(all, -1)
}

// checkChanges refuses what a store would refuse by its form.
func checkChanges(changes []Change) error {
	seen := map[credentialName]bool{}
	for _, c := range changes {
		name := nameOf(c)
		if c.New != nil {
			if err := c.New.Validate(); err != nil {
				return err
			}
			if name != (credentialName{c.New.Kind, c.New.Key}) {
				return invalid("change to a credential with another kind or key")
			}
		}
		if seen[name] {
			return invalid("two changes to one credential")
		}
		seen[name] = true
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
		done := false
		err = s.tx.InTx(inner, func(ctx context.Context) error {
			err := f(ctx)
			done = err == nil
			return err
		})
		if done && err != nil && len(j.entries) > 0 { // nobody knows whether it was committed
			err = outage{fmt.Errorf("a change to credentials in several stores may be made by half: %w", err)}
		}
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
	versions := map[credentialName]int64{} // of what was taken back once, and has another than before
	for _, w := range slices.Backward(j.entries) {
		if w.made == no {
			continue
		}
		failed := w.takeBack(ctx, versions)
		if failed == nil || w.made == unknown &&
			(errors.Is(failed, ErrExists) || errors.Is(failed, ErrNotFound) || errors.Is(failed, ErrConflict)) {
			continue // or it was never made
		}
		err = outage{fmt.Errorf("a change to credentials in several stores may be made by half: %w; taking it back: %w", err, failed)}
	}
	return err
}

func (w *written) takeBack(ctx context.Context, versions map[credentialName]int64) error {
	for i, c := range w.back {
		if c.Old == nil {
			continue
		}
		old := *c.Old
		if v, ok := versions[nameOf(c)]; ok {
			old.Version = v
		}
		w.back[i].Old = &old
		// A version alone may be that of somebody else's change, if it is not known
		// whether this one was made.
		is, err := w.store.LoadCredential(ctx, old.Kind, old.Key)
		if err != nil {
			return err
		}
		if !sameCredential(&is, &old) {
			return fmt.Errorf("%w: a credential of kind %q", ErrConflict, is.Kind)
		}
	}
	if err := w.store.ChangeCredentials(ctx, w.back...); err != nil {
		return err
	}
	for _, c := range w.back {
		versions[nameOf(c)] = 1
		if c.Old != nil {
			versions[nameOf(c)] = c.Old.Version + 1
		}
	}
	return nil
}

type credentialName struct{ kind, key string }

// nameOf returns which credential c is about.
func nameOf(c Change) credentialName {
	named := cmp.Or(c.Old, c.New)
	return credentialName{named.Kind, named.Key}
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
