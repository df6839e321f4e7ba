package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

const (
	guardKind  = "account" // replaced by every change to what a user can log in with, so that two of them meet
	deviceKind = "device"  // a browser in which the user has logged in
)

// CreateUser creates a user of the host's, whose [UserLoader] must have
// CreateUser, and what they can be found and log in by: credentials of the kinds
// "email" and "username", if the profile has them, and those that the function
// returns for the new ID. One of these that has the Kind and the Key of the
// profile's address or name, byte for byte in its canonical form, takes its place:
// with VerifiedAt for an address that was proved. If the store has InTx it is one transaction, which
// the host's CreateUser is part of; otherwise a user without credentials may be
// left over by a crash.
//
// [ErrExists] if the address, the name or a credential is taken, or the user
// had been created before. [ErrInvalid] if the address or the name is not one.
func (m *Manager) CreateUser(ctx context.Context, p Profile, credentials func(userID string) []Credential) (userID string, err error) {
	create, ok := As[creator](m.users)
	if !ok {
		return "", fmt.Errorf("auth: CreateUser needs a UserLoader that has CreateUser; %T has not", m.users)
	}
	var ids []Credential
	for _, id := range [...]struct {
		kind, value string
		canonical   func(string) (string, error)
	}{
		{"email", p.Email, identifier.Email},
		{"username", p.Username, identifier.Username},
	} {
		if id.value == "" {
			continue
		}
		key, err := id.canonical(id.value)
		if err != nil {
			return "", fmt.Errorf("%w: %v", ErrInvalid, err)
		}
		// Before the user is created, so that nothing has to be undone. What
		// decides is the change below.
		if held, err := m.store.LoadCredential(ctx, id.kind, key); err == nil && !m.hasExpired(&held) {
			return "", fmt.Errorf("%w: %s", ErrExists, id.kind)
		} else if err != nil && !errors.Is(err, ErrNotFound) {
			return "", err
		}
		ids = append(ids, Credential{Kind: id.kind, Key: key})
	}
	err = m.inTx(ctx, func(ctx context.Context) error {
		if userID, err = create.CreateUser(ctx, p); err != nil {
			return err
		}
		all := append(slices.Clone(ids), Credential{Kind: guardKind, Key: userID})
		if credentials != nil {
			all = placeOver(all, len(ids), credentials(userID))
		}
		now := m.Now()
		changes := make([]Change, len(all))
		for i := range all {
			all[i].UserID, all[i].CreatedAt = userID, now
			changes[i].New = &all[i]
		}
		err := m.write(ctx, changes)
		if err == nil {
			e := Event{Name: "registered", At: now, UserID: userID}
			m.fillIn(ctx, &e)
			err = m.record(ctx, e, changes)
		}
		if err != nil {
			m.discardUser(ctx, userID)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	m.emit(ctx, Event{Name: "registered", UserID: userID})
	return userID, nil
}

// placeOver adds more to all, each in place of that of the first n which has its
// kind and key. Of two in one place the store refuses the second.
func placeOver(all []Credential, n int, more []Credential) []Credential {
	placed := make([]bool, n)
	for _, c := range more {
		i := slices.IndexFunc(all[:n], func(id Credential) bool { return id.Kind == c.Kind && id.Key == c.Key })
		if i < 0 || placed[i] {
			all = append(all, c)
			continue
		}
		all[i], placed[i] = c, true
	}
	return all
}

// inTx runs f in a transaction of the store, if it has any.
func (m *Manager) inTx(ctx context.Context, f func(ctx context.Context) error) error {
	if tx, ok := As[transactor](m.store); ok {
		return tx.InTx(ctx, f)
	}
	return f(ctx)
}

// changeInTx is inTx, unless the host keeps some of the credentials: its writes
// are not a part of the store's transaction, and may wait for it.
func (m *Manager) changeInTx(ctx context.Context, f func(ctx context.Context) error) error {
	if !m.transactional() {
		return f(ctx)
	}
	return m.inTx(ctx, f)
}

func (m *Manager) transactional() bool {
	_, ok := As[transactor](m.store)
	return ok && !m.hostKeeps()
}

// hostKeeps reports whether the host keeps some of the credentials, whose word on them is good.
func (m *Manager) hostKeeps() bool {
	_, ok := As[wrapped](m.store)
	return ok
}

// discardUser deletes a user who could not be given credentials, where no
// transaction does it.
func (m *Manager) discardUser(ctx context.Context, userID string) {
	if _, ok := As[transactor](m.store); ok {
		return
	}
	d, ok := As[interface {
		DeleteUser(ctx context.Context, id string) error
	}](m.users)
	if !ok {
		return
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	// A host whose CreateUser returns a user who is there already must not lose
	// them.
	if _, err := m.store.LoadCredential(ctx, guardKind, userID); !errors.Is(err, ErrNotFound) {
		return
	}
	if err := d.DeleteUser(ctx, userID); err != nil {
		m.broken(ctx, "deleting a user who could not be registered", err)
	}
}

// ChangeCredentials changes what a user can log in with, and is the only way to
// do so: two such changes at the same time cannot both succeed, the last first
// factor cannot be removed, and once the change is made all of the user's
// sessions end but the one that ctx belongs to, as do half-done logins and
// everything else that waits for an answer, and browsers stop being known and
// remembered.
//
// The errors are those of [CredentialStore]; [ErrConflict] also if another
// change was made at the same time, [ErrLastCredential] if no way in would be
// left, [ErrNoCredentials] if ctx belongs to a session of the user's that has ended
// meanwhile. If the change was made but sessions could not be ended, the error wraps
// none of these: call [Manager.RevokeUserSessions] again. [ErrInvalid] if one of
// the credentials is another user's.
//
// Do not call it inside a transaction of the host's: the sessions that a login
// has begun meanwhile can only be ended once the change is committed.
//
// What does not change what a credential proves, such as a better hash of the
// same password, goes to [Manager.Store] directly.
func (m *Manager) ChangeCredentials(ctx context.Context, userID string, changes ...Change) error {
	return m.Apply(ctx, userID, m.eventOf(changes), changes...)
}

// eventOf names what the changes are, for the table of consequences.
func (m *Manager) eventOf(changes []Change) string {
	event := eventCredentialChanged
	for _, c := range changes {
		switch {
		case c.Old == nil && c.New != nil && m.roles[c.New.Kind] != Identifier:
			event = "credential.added"
		case c.New == nil && c.Old != nil && m.roles[c.Old.Kind] != Identifier:
			return "credential.removed"
		case c.Old != nil && c.New != nil && c.Old.Generation != c.New.Generation:
			if _, ok := m.consequences[c.New.Kind+".changed"]; ok {
				return c.New.Kind + ".changed"
			}
		}
	}
	return event
}

// guardChange returns the change to the user's guard that goes with every
// other.
func (m *Manager) guardChange(ctx context.Context, userID string) (Change, error) {
	now := m.Now()
	old, err := m.store.LoadCredential(ctx, guardKind, userID)
	if errors.Is(err, ErrNotFound) {
		return Change{New: &Credential{Kind: guardKind, Key: userID, UserID: userID, CreatedAt: now, UsedAt: now}}, nil
	} else if err != nil {
		return Change{}, err
	}
	next := old
	next.UsedAt = now
	return Change{Old: &old, New: &next}, nil
}

// meets makes a conflict of the error of a change whose guard another change
// has just created.
func (m *Manager) meets(ctx context.Context, guard Change, err error) error {
	if guard.Old == nil && errors.Is(err, ErrExists) {
		if _, loadErr := m.store.LoadCredential(ctx, guardKind, guard.New.Key); loadErr == nil {
			return fmt.Errorf("%w: the user's credentials", ErrConflict)
		}
	}
	return err
}

// keepsWayIn refuses changes that would leave the user without a first factor.
func (m *Manager) keepsWayIn(ctx context.Context, userID string, changes []Change) error {
	removes := slices.ContainsFunc(changes, func(c Change) bool {
		return c.New == nil && c.Old != nil && m.roles[c.Old.Kind] == FirstFactor
	})
	if !removes {
		return nil
	}
	type name struct{ kind, key string }
	ways := map[name]bool{}
	held, err := m.store.UserCredentials(ctx, userID)
	if err != nil {
		return err
	}
	for _, c := range held {
		if m.hasExpired(&c) {
			continue
		}
		ways[name{c.Kind, c.Key}] = true
	}
	for _, c := range changes {
		if c.Old != nil {
			delete(ways, name{c.Old.Kind, c.Old.Key})
		}
		if c.New != nil {
			ways[name{c.New.Kind, c.New.Key}] = true
		}
	}
	for w := range ways {
		if m.roles[w.kind] == FirstFactor {
			return nil
		}
	}
	return ErrLastCredential
}

// describeChanges names what was changed, for events: no keys, no data.
func describeChanges(changes []Change) string {
	s := ""
	for _, c := range changes {
		if c.Old != nil && c.Old == c.New {
			continue // it was to be there, and is as it was
		}
		verb, kind := "changed ", ""
		switch {
		case c.New == nil && c.Old != nil:
			verb, kind = "removed ", c.Old.Kind
		case c.Old == nil && c.New != nil:
			verb, kind = "added ", c.New.Kind
		case c.New != nil:
			kind = c.New.Kind
		}
		if s != "" {
			s += ", "
		}
		s += verb + kind
	}
	return s
}
