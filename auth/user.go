package auth

import "context"

// A User is whatever the host calls a user. The core asks for an identifier
// and nothing else.
//
// Two optional methods are found by type assertion:
//
//	IsActive() bool       // false: no login, and out on the next request by every path
//	AuthVersion() string  // when it changes, everything the user holds is dead
type User interface {
	// AuthID returns an identifier that is unique, never reused and never
	// empty: at most 255 bytes of UTF-8 without NUL.
	AuthID() string
}

// A UserLoader finds the host's users. Most hosts make one with [UserFunc].
//
// LoadUser is called for every authenticated request, concurrently.
//
// A loader may have more methods. Each is demanded by [New] for the provider
// that needs it, or else that provider's route does not exist; but for UpdateUser, without
// which an address that the host keeps as well stays as it was. They are found through
// Unwrap, see [As]:
//
//	CreateUser(ctx context.Context, p Profile) (id string, err error) // registration
//	UpdateUser(ctx context.Context, id string, p Profile) error       // a changed address; what p leaves empty stays as it is
//	SuspendUser(ctx context.Context, id string, suspended bool) error // no login, and out on the next request, until it is taken back
//	DeleteUser(ctx context.Context, id string) error                  // an account that is closed; done again it may be ErrNotFound
//
// They join the transaction of ctx if they can. The last three return [ErrNotFound] for a
// user that is not there.
//
// A loader whose users are in the same database as the sessions can find both by one
// query, which a request then costs. These two are not found through Unwrap, and not
// used in a realm:
//
//	// LoadSessionUser is LoadSession of the store and LoadUser of its user. The user
//	// is nil if there is none; ErrNotFound says that there is no session.
//	LoadSessionUser(ctx context.Context, id SessionID) (*Session, User, error)
//	// JoinsSessionsOf reports whether LoadSessionUser finds what s has, and no other.
//	JoinsSessionsOf(s SessionStore) bool
type UserLoader interface {
	// LoadUser returns the user with the given id. If there is none, and that
	// includes ids that this loader could never have issued, the error wraps
	// [ErrNotFound]; any other error is taken as an outage and answered 503.
	LoadUser(ctx context.Context, id string) (User, error)
}

// UserFunc makes a [UserLoader] from a function that returns the host's own
// type of user.
func UserFunc[U User](load func(ctx context.Context, id string) (U, error)) UserLoader {
	return userFunc[U](load)
}

type userFunc[U User] func(ctx context.Context, id string) (U, error)

func (f userFunc[U]) LoadUser(ctx context.Context, id string) (User, error) {
	u, err := f(ctx, id)
	if err != nil {
		return nil, err // not u: a nil *T in a User would not be nil
	}
	return u, nil
}

// A Profile is what a provider knows of a user that is about to be created.
// Every field may be empty. Email is as the user wrote it, trimmed; what
// identifies the user is the credential of kind "email", not this.
type Profile struct {
	Email    string
	Username string
	Name     string
}

// creator is the ability of a [UserLoader] that registration needs.
type creator interface {
	CreateUser(ctx context.Context, p Profile) (id string, err error)
}

// isActive reports whether u may log in and stay logged in.
func isActive(u User) bool {
	a, ok := u.(interface{ IsActive() bool })
	return !ok || a.IsActive()
}

// authVersion returns the version of everything u holds, "" if u has none.
func authVersion(u User) string {
	if v, ok := u.(interface{ AuthVersion() string }); ok {
		return v.AuthVersion()
	}
	return ""
}
