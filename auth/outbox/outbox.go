// Package outbox says how a store keeps what has to be done later, above all mail that
// was asked for: see [Store]. Package stores/memory and package stores/bun have one each,
// and authtest.TestOutboxStore is its suite. Package auth/mail works it off.
//
// Whoever asks enqueues an [Entry] and is done. A worker claims what is due, for as long
// as it may take, does it, and says so. If it dies meanwhile, the entry is due again when
// that time is over: nothing is lost, and what was done without its having been said is
// done again. What fails is postponed.
package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An Entry is something that was asked for and has not been done. It says what, and for
// which address, and never holds a token, nor the answer to whether anybody has an
// account: that is found out when it is done.
type Entry struct {
	ID       string // unique among all realms; that of the message, at every attempt
	Realm    string // of the Manager
	Kind     string // what to do: "account.reset"
	To       string // for which address, canonical; may be ""
	UserID   string // for which user, if that was known to who asked; may be ""
	Language string // a BCP 47 tag, or ""
	Data     []byte // what else; at most 65,535 bytes; a store returns nil for none

	CreatedAt time.Time
	DueAt     time.Time // not before; while somebody has claimed it, until when
	Attempts  int       // how often it was claimed
	Version   int64     // for compare-and-swap; the store counts it
}

// Validate returns an error wrapping [auth.ErrInvalid] for an entry that no store may
// keep. Stores call it before they write.
func (e *Entry) Validate() error {
	for _, s := range []string{e.ID, e.Kind} {
		if s == "" {
			return fmt.Errorf("%w: empty key", auth.ErrInvalid)
		}
	}
	for _, s := range []string{e.ID, e.Realm, e.Kind, e.To, e.UserID, e.Language} {
		if len(s) > 255 || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return fmt.Errorf("%w: a text longer than 255 bytes, with NUL, or not UTF-8", auth.ErrInvalid)
		}
	}
	return e.ValidatePostponed()
}

// ValidatePostponed is Validate for what Postpone keeps of e.
func (e *Entry) ValidatePostponed() error {
	if len(e.Data) > 1<<16-1 {
		return fmt.Errorf("%w: data too long", auth.ErrInvalid)
	}
	if e.DueAt.IsZero() {
		return fmt.Errorf("%w: no DueAt", auth.ErrInvalid)
	}
	return nil
}

// A Store keeps entries until they are done. What holds for every [auth.Store] holds for
// it: methods are safe for concurrent use, strings compare byte for byte, memory is not
// shared, times are cut off to milliseconds and set by the caller, and an ended context is
// an outage. It never loses an entry to make room: if it is full, Enqueue fails, which is
// an outage. A store through which [auth.As] finds InTx makes every method a part of the
// transaction of ctx, so that an entry is kept with what it is about or not at all.
type Store interface {
	// Enqueue keeps e, with Version 1 and Attempts 0, whatever e says. [auth.ErrExists] if
	// there is an entry with its ID, claimed or not; [auth.ErrInvalid].
	Enqueue(ctx context.Context, e Entry) error

	// Claim returns at most limit entries of the realm with DueAt at or before now, those
	// that have been due the longest and in this order; of those that have been due alike,
	// in the order of their IDs. It makes each due at until, with one more attempt and the
	// next Version, and returns it so: whoever has claimed it has until then to be done
	// with it. Of any number of callers exactly one gets an entry, and none fails because
	// of another; it may get fewer than there are then. A limit of 0 or less claims
	// nothing. [auth.ErrInvalid] if until is the zero time.
	Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]Entry, error)

	// Postpone makes an entry due at e.DueAt, before or after it was, and keeps e.Data in
	// place of its Data; the rest of e but ID and Version is not looked at. It is the entry
	// of who has claimed it, or, with Version 1, of who has enqueued it. The entry has the next Version
	// then, so that nobody who had it can change it any more. [auth.ErrConflict], and
	// nothing is changed, if its Version is another than e.Version: it was claimed anew, or
	// postponed. [auth.ErrNotFound] if it is not there: it is done. [auth.ErrInvalid] for
	// Data that is too long, and no DueAt.
	Postpone(ctx context.Context, e Entry) error

	// Done removes a claimed entry, whose ID is free then; it looks at ID and Version only.
	// The errors are those of Postpone, but for [auth.ErrInvalid].
	Done(ctx context.Context, e Entry) error

	// DeleteUser removes all entries of the realm that are for the user, claimed or not.
	// Having none is not an error; userID "" removes nothing.
	DeleteUser(ctx context.Context, realm, userID string) error
}
