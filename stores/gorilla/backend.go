package gorillastore

import (
	"context"
	"encoding/base64"
	"time"
)

// An ID is the name of a [Record]. It is random and no secret: whoever knows it
// cannot use the session.
type ID [16]byte

// String returns the ID as it stands in gorilla's Session.ID, in base64url.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// A Record is what a [Backend] keeps of a session.
type Record struct {
	ID        ID
	Digest    [32]byte  // of the secret in the cookie, and the session's name
	UserID    string    // whose it is, "" for anybody's; 255 bytes at most
	Data      []byte    // the values, as the codec encoded them; never empty
	Version   int64     // for compare-and-swap
	SeenAt    time.Time // when it was last used, to a minute
	RenewedAt time.Time // when it last got another Digest; zero: never
	EndsAt    time.Time // the absolute end
	ExpiresAt time.Time // the earlier of idle and absolute end
}

// A Backend keeps records. What holds for every store of Gatehouse (see
// [auth.Store]) holds for it:
//
//   - Methods are safe for concurrent use, and each is atomic.
//   - What goes in and comes out shares no memory.
//   - It reads no clock and decides nothing: what has expired is returned until it
//     is swept. A backend may forget a record some time after its ExpiresAt.
//   - Times are cut off to milliseconds and come back in UTC, the zero time as the
//     zero time. User IDs compare byte for byte.
//   - A context that has ended is an outage and returned as such. So is every
//     failure of what is below: it wraps none of the errors named here.
//
// One that has a method Validate() error is asked by [New].
//
// [auth.Store]: https://pkg.go.dev/github.com/gatehouse-go/gatehouse/auth#Store
type Backend interface {
	// Load returns the record. auth.ErrNotFound.
	Load(ctx context.Context, id ID) (*Record, error)

	// Create stores r with Version 1, whatever r.Version is. An ID that is taken is
	// an error, and leaves what is stored alone.
	Create(ctx context.Context, r *Record) error

	// Update replaces the stored record by r if its Version is r.Version, and raises
	// that by one. auth.ErrConflict if it is another. auth.ErrNotFound if there is
	// none: an update never brings one back.
	Update(ctx context.Context, r *Record) error

	// Delete deletes the record. Of any number of callers exactly one gets nil, the
	// others auth.ErrNotFound.
	Delete(ctx context.Context, id ID) error

	// DeleteUser deletes the records of the user but for those in except. Having none
	// is not an error. A record that was given the UserID by a Create or an Update
	// that was finished before the call began is never left over.
	DeleteUser(ctx context.Context, userID string, except ...ID) error

	// Sweep deletes at most limit records whose ExpiresAt is not after now, and
	// returns how many it deleted. A backend that forgets by itself returns 0.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
}
