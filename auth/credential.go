package auth

import (
	"context"
	"time"
)

// A Credential is a way to prove who one is, or to be found: a password hash,
// an OAuth account, an e-mail address, a TOTP secret, a passkey, an API key, a
// remembered browser.
type Credential struct {
	// Kind and Key together are unique: ("email", "ada@example.com"),
	// ("oauth:github", "583231"). Key is canonical, or a digest if it is secret.
	Kind, Key string
	UserID    string
	// Data is the provider's own versioned encoding, at most 65,535 bytes;
	// secrets in it are hashed or sealed. A store returns nil for none.
	Data    []byte
	Label   string // for people
	Version int64  // for compare-and-swap; the store counts it
	// Generation is raised when what the credential proves changes: a new
	// password. A better hash of the same password, a counter or UsedAt do
	// not raise it.
	Generation int64
	CreatedAt  time.Time
	VerifiedAt time.Time // zero: claimed, not proved
	UsedAt     time.Time
	ExpiresAt  time.Time // zero: never
}

// Validate returns an error wrapping [ErrInvalid] for a credential that no
// store may keep. Stores call it before they write.
func (c *Credential) Validate() error {
	if err := checkKeys(c.Kind, c.Key, c.UserID); err != nil {
		return err
	}
	if len(c.Data) > maxData {
		return invalid("credential data too long")
	}
	return checkTexts(c.Label)
}

// A Change creates a credential (Old is nil), deletes one (New is nil) or
// replaces one. Old names the credential by Kind and Key and says by Version
// which state of it the caller has seen; its other fields are not looked at.
// New of a replacement has the same Kind, Key and UserID as what is stored.
type Change struct{ Old, New *Credential }

// A CredentialStore keeps credentials. See [Store] for what holds for every
// store.
type CredentialStore interface {
	// LoadCredential returns the credential. [ErrNotFound]. Whether it has
	// expired is for the caller to say.
	LoadCredential(ctx context.Context, kind, key string) (Credential, error)

	// UserCredentials returns the user's credentials of the given kinds, or of
	// all kinds if none is given, in byte order of Kind, then Key. Having none
	// is not an error.
	UserCredentials(ctx context.Context, userID string, kinds ...string) ([]Credential, error)

	// ChangeCredentials makes all changes or none. A created credential gets
	// Version 1; a replaced one gets one more than Old.Version. [ErrExists] if
	// a credential to create is there; [ErrNotFound] if one to replace or
	// delete is not; [ErrConflict] if its Version is another than
	// Old.Version; [ErrInvalid] if a change is malformed or two of them name
	// the same credential. No changes are none, without error. Two callers that
	// change the same credentials, in whatever order, do not lock one another
	// out: one of them gets ErrConflict.
	ChangeCredentials(ctx context.Context, changes ...Change) error
}
