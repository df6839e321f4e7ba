package password

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Table makes the host's own users table, with its column of hashes, the place
// where passwords are kept. People log in with whatever LookUp understands.
// Hashes may be of any format that [Options] read, such as PHP's $2y$; at the
// next login each is replaced by one of [Options.Hasher], so the column must
// hold 255 characters.
//
// There is no route for registering, since the host has its own.
//
// All functions are needed and are called concurrently.
type Table struct {
	// LookUp returns the user who logs in under that name, and the hash of
	// their password, "" if they have none. The name is what was typed, without
	// spaces around it, at most 255 bytes without control characters; LookUp
	// decides what is the same name. The error wraps [auth.ErrNotFound] if
	// there is no such user; any other is an outage.
	LookUp func(ctx context.Context, login string) (userID, hash string, err error)

	// Name returns a name by which LookUp finds the user with that ID: who is
	// logged in confirms and changes their password without naming themselves.
	// The error wraps [auth.ErrNotFound] if there is no such user, or none with a
	// name; any other is an outage.
	Name func(ctx context.Context, userID string) (login string, err error)

	// Save replaces the user's hash, if it still is oldHash, in one statement:
	//
	//	UPDATE users SET hash = $newHash WHERE id = $userID AND hash = $oldHash
	//
	// It returns an error that wraps [auth.ErrConflict] if no row was changed.
	// newHash is "" if the password is taken away.
	//
	// If the table is in the store's own database, the functions use what the
	// store says for their ctx, such as bunstore.Store.DB: where writers wait
	// for one another, anything else might wait for the store, which waits for
	// it.
	Save func(ctx context.Context, userID, oldHash, newHash string) error
}

// WrapCredentials presents the host's table to the core as the store of
// passwords and of the names that people log in with. It returns inner if there
// is no [Table].
func (p *Provider) WrapCredentials(inner auth.CredentialStore) auth.CredentialStore {
	if p.opts.Table == nil {
		return inner
	}
	return &tableStore{p.opts.Table, inner}
}

// tableStore keeps passwords in a Table and all else in inner. The key of a
// password is the name by which LookUp finds it.
type tableStore struct {
	table *Table
	inner auth.CredentialStore
}

func (s *tableStore) Unwrap() any { return s.inner }

func (s *tableStore) LoadCredential(ctx context.Context, kindOf, key string) (auth.Credential, error) {
	switch kindOf {
	case kind, "email", "username":
	default:
		return s.inner.LoadCredential(ctx, kindOf, key)
	}
	c, err := s.load(ctx, key)
	if err != nil {
		return auth.Credential{}, err
	}
	if kindOf != kind {
		return auth.Credential{Kind: kindOf, Key: key, UserID: c.UserID, Version: 1}, nil
	}
	if len(c.Data) == 0 {
		return auth.Credential{}, auth.ErrNotFound
	}
	return c, nil
}

// load returns the password of that name, without Data if there is none.
func (s *tableStore) load(ctx context.Context, login string) (auth.Credential, error) {
	if err := ctx.Err(); err != nil {
		return auth.Credential{}, err
	}
	if _, err := plain(login); err != nil {
		return auth.Credential{}, auth.ErrNotFound
	}
	userID, hash, err := s.table.LookUp(ctx, login)
	if err != nil {
		return auth.Credential{}, err
	}
	if userID == "" {
		return auth.Credential{}, auth.ErrNotFound
	}
	n := digest(hash)
	return auth.Credential{Kind: kind, Key: login, UserID: userID, Data: []byte(hash), Version: n, Generation: n}, nil
}

// UserCredentials returns what inner has and, if it is asked for passwords by their kind,
// that of the Table: what ends a user's passwords must find it.
func (s *tableStore) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	held, err := s.inner.UserCredentials(ctx, userID, kinds...)
	if err != nil || !slices.Contains(kinds, kind) {
		return held, err
	}
	held = slices.DeleteFunc(held, func(c auth.Credential) bool { return c.Kind == kind }) // from before, and good for nothing
	login, err := s.table.Name(ctx, userID)
	var c auth.Credential
	if err == nil {
		c, err = s.load(ctx, login)
	}
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return held, nil
	case err != nil:
		return nil, err
	case c.UserID == userID && len(c.Data) > 0:
		held = append(held, c)
	}
	return held, nil
}

// ChangeCredentials makes the changes of inner first: among them is the guard
// by which two changes in parallel meet, and what they end must end even if the
// password then is not changed. A Table can change one password at a time.
func (s *tableStore) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	var mine *auth.Change
	var rest []auth.Change
	for _, c := range changes {
		switch {
		case c.Old != nil && c.Old.Kind != kind, c.Old == nil && (c.New == nil || c.New.Kind != kind):
			rest = append(rest, c)
		case mine != nil:
			return fmt.Errorf("%w: two passwords in one change", auth.ErrInvalid)
		default:
			mine = &c
		}
	}
	if mine == nil {
		return s.inner.ChangeCredentials(ctx, rest...)
	}
	userID, oldHash, newHash, err := s.prepare(ctx, *mine)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		if err := s.inner.ChangeCredentials(ctx, rest...); err != nil {
			return err
		}
	}
	return s.table.Save(ctx, userID, oldHash, newHash)
}

// prepare returns what Save is to be called with.
func (s *tableStore) prepare(ctx context.Context, c auth.Change) (userID, oldHash, newHash string, err error) {
	key := c.New
	if key == nil {
		key = c.Old
	} else {
		if err := c.New.Validate(); err != nil {
			return "", "", "", err
		}
		newHash = string(c.New.Data)
	}
	is, err := s.load(ctx, key.Key)
	if err != nil {
		return "", "", "", err
	}
	oldHash = string(is.Data)
	switch {
	case c.New != nil && c.New.UserID != is.UserID,
		c.Old != nil && c.New != nil && (c.Old.Kind != c.New.Kind || c.Old.Key != c.New.Key):
		err = fmt.Errorf("%w: the password of somebody else", auth.ErrInvalid)
	case c.Old == nil && oldHash != "":
		err = auth.ErrExists
	case c.Old != nil && oldHash == "":
		err = auth.ErrNotFound
	case c.Old != nil && c.Old.Version != is.Version:
		err = auth.ErrConflict
	}
	return is.UserID, oldHash, newHash, err
}

// digest makes a version of a hash: 63 bits, never 0, so that a proof by the
// old password is known as such. Two hashes of one salt never differ by chance.
func digest(hash string) int64 {
	sum := sha256.Sum256([]byte(hash))
	return int64(binary.BigEndian.Uint64(sum[:])>>1 | 1)
}
