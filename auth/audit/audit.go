// Package audit says how a store keeps what has happened to accounts: see [Store]. Package
// stores/memory and package stores/bun have one each, and authtest.TestAuditStore is its
// suite. [Sink] writes events into one; providers/account shows them to their user.
package audit

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Record is an event that is kept.
type Record struct {
	ID    string // unique among all realms; the store orders by At, then ID
	Realm string // of the Manager
	auth.Event
	ExpiresAt time.Time // zero: never
}

const maxText = 255

// Validate returns an error wrapping [auth.ErrInvalid] for a record that no store may
// keep: ID and Name are not empty, and there is an At. Stores call it before they write.
func (r *Record) Validate() error {
	for _, s := range []string{r.ID, r.Name} {
		if s == "" {
			return fmt.Errorf("%w: empty key", auth.ErrInvalid)
		}
	}
	for _, s := range []string{r.ID, r.Realm, r.Name, r.UserID, r.Actor, r.Method, r.Label, r.Reason} {
		if len(s) > maxText || strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return fmt.Errorf("%w: a text longer than %d bytes, with NUL, or not UTF-8", auth.ErrInvalid, maxText)
		}
	}
	if r.At.IsZero() {
		return fmt.Errorf("%w: no At", auth.ErrInvalid)
	}
	if r.Addr.Zone() != "" && len(r.Addr.String()) > maxText {
		return fmt.Errorf("%w: address longer than %d bytes", auth.ErrInvalid, maxText)
	}
	return nil
}

// A Store keeps records. What holds for every [auth.Store] holds for it: methods are safe
// for concurrent use, strings compare byte for byte, times are cut off to milliseconds and
// set by the caller, what has expired is returned until it is swept, and an ended context
// is an outage. Expired records are deleted by Sweep, which [auth.As] finds as
// [auth.Sweeper]. A store through which it finds InTx makes every method a part of the
// transaction of ctx.
//
// Of an event it keeps Name, At, UserID, Actor, Method, Addr, Label and Reason. A record
// is never changed. A store with little room may delete the oldest of a user's to keep a
// newer one, and says how many it keeps.
type Store interface {
	// Append keeps rec. [auth.ErrExists] if there is one with its ID; [auth.ErrInvalid].
	Append(ctx context.Context, rec Record) error

	// UserRecords returns at most limit records of the user in the realm, the newest
	// first, and of those at the same time the one with the highest ID; they are those
	// that come after the record with the ID after in this order; "" begins with
	// the newest. One that is not there any more, or is not the user's in the realm, begins
	// nowhere: there are none. Having none is not an error, and a limit of 0 or less
	// returns none. Those of userID "" are those of no known user.
	UserRecords(ctx context.Context, realm, userID, after string, limit int) ([]Record, error)

	// DeleteUser deletes all records of the user in the realm. Having none is not an
	// error; userID "" deletes nothing.
	DeleteUser(ctx context.Context, realm, userID string) error
}
