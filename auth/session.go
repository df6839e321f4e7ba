package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"time"
)

// A SessionID is the digest of a session's token over realm, epoch and
// purpose. It is passed by value; a store never sees the token and cannot be
// given it by mistake.
type SessionID [32]byte

// A Proof says how a user proved who they are, when, and by which credential.
// A session ends with the credential that it rests on.
type Proof struct {
	Method string    // the provider's name: "password"
	At     time.Time // when it was proved
	// The credential that was used: its kind, key and generation at the time.
	// Kind "" means that no credential can be looked up again.
	Kind, Key  string
	Generation int64
}

// A Session is one login. What a store has been given or has returned is never
// changed by anybody; a change is a copy with the change in it. That is the
// one kind of memory that stores and callers share.
//
// Strings are at most 255 bytes. Times are kept in milliseconds, UTC.
type Session struct {
	ID          SessionID
	UserID      string
	Actor       string // the user who acts as UserID, or ""
	AuthVersion string // the user's when the session began
	Proofs      []Proof
	Binding     string // what the session is bound to, or ""
	Stale       bool   // the binding changed: no proof counts as fresh
	Label       string // the device, for people: "Firefox on Linux"
	Addr        netip.Addr
	Version     int64
	CreatedAt   time.Time
	SeenAt      time.Time // coarse: written at most once per min(1 minute, idle timeout / 10)
	EndsAt      time.Time // the absolute end
	ExpiresAt   time.Time // the earlier of idle and absolute end
}

// Handle returns a public name for the session, for lists and for revoking. It
// is neither the token nor the ID and cannot be turned into either.
func (s *Session) Handle() string {
	sum := sha256.Sum256(append([]byte("gatehouse session handle\x00"), s.ID[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Validate returns an error wrapping [ErrInvalid] for a session that no store
// may keep. Stores call it before they create.
func (s *Session) Validate() error {
	if s.ID == (SessionID{}) {
		return invalid("session without ID")
	}
	if err := checkKeys(s.UserID); err != nil {
		return err
	}
	for _, p := range s.Proofs {
		if err := checkTexts(p.Method, p.Kind, p.Key); err != nil {
			return err
		}
	}
	return checkTexts(s.Actor, s.AuthVersion, s.Binding, s.Label)
}

// A SessionStore keeps sessions. See [Store] for what holds for every store.
//
// A decorator that answers LoadSession with what it knew a moment ago, such as
// package stores/cache, has the ability
//
//	Uncached() SessionStore
//
// which returns the store that it stands in front of. The Manager asks that one
// wherever a moment is too long: whether a proof is fresh, whether a login still
// holds before something outlives it. It tells the decorator of every write.
type SessionStore interface {
	// CreateSession stores s with Version 1, whatever s.Version is.
	// [ErrExists] if the ID is taken.
	CreateSession(ctx context.Context, s *Session) error

	// LoadSession returns the session. [ErrNotFound]. Whether it has expired
	// is for the caller to say.
	LoadSession(ctx context.Context, id SessionID) (*Session, error)

	// UpdateSession changes SeenAt, ExpiresAt and Stale of the stored session
	// to those of s, and nothing else, if the stored Version is s.Version, and
	// raises it by one. [ErrConflict] if it is another. [ErrNotFound] if there
	// is no such session: an update never brings one back.
	UpdateSession(ctx context.Context, s *Session) error

	// DeleteSession deletes the session. Of any number of callers exactly one
	// gets nil, the others [ErrNotFound].
	DeleteSession(ctx context.Context, id SessionID) error

	// DeleteUserSessions deletes the user's sessions but for those in except.
	// Having none is not an error. A session whose creation was finished
	// before the call began is never left over.
	DeleteUserSessions(ctx context.Context, userID string, except ...SessionID) error

	// UserSessions returns the user's sessions, the newest CreatedAt first,
	// expired ones included. Having none is not an error.
	UserSessions(ctx context.Context, userID string) ([]*Session, error)
}
