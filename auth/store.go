package auth

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Store keeps everything that Gatehouse keeps, in fifteen methods. It serves
// every provider, present and future. Package stores/memory and package
// stores/bun have whole stores, and [Combine] makes one of parts; authtest has a
// suite for each part.
//
// What holds for every store:
//
//   - Methods are safe for concurrent use.
//   - Strings compare byte for byte: case, trailing space, accents and Unicode
//     normal forms make a difference. They are UTF-8 without NUL, at most 255
//     bytes; keys (of all kinds, and user IDs) are not empty. Anything else is
//     refused with [ErrInvalid] where it would be written. Looking for it is
//     no more than not finding it.
//   - What goes in and comes out shares no memory, except a *Session, which
//     nobody changes.
//   - A store reads no clock and decides nothing: the caller sets the times,
//     and what has expired is returned until it is swept. A store may sweep a
//     little of what has long expired when it writes.
//   - A context that has ended is an outage and returned as such, never
//     [ErrNotFound]. So is every failure of what is below.
//   - Every verb is atomic.
//   - Times are cut off to milliseconds; they come back in UTC. The zero time
//     comes back as the zero time.
//
// Optional abilities, found through [As]: [Sweeper], and for a store that can
// put the host's own writes into its transaction
//
//	InTx(ctx context.Context, f func(ctx context.Context) error) error
//
// which commits if f returns nil, rolls back if it returns an error or panics,
// and joins the transaction that ctx is in. A verb that is refused in it has
// changed nothing and leaves it usable. A store with InTx may also have
//
//	InTransaction(ctx context.Context) bool
//
// which says whether verbs that are called with ctx are a part of a transaction,
// for those who must not keep what may never be committed: a cache. A store that
// cannot keep credentials has KeepsCredentials() error, which says why: [New] does
// not take it for them, see [Combine].
//
// A decorator has a method Unwrap() any.
type Store interface {
	SessionStore
	CredentialStore
	TicketStore
	Limiter
}

// A Limiter counts. See [Store] for what holds for every store.
type Limiter interface {
	// Count adds one to the counter and returns what it then is and when it
	// begins anew. The window begins with the first count at or after its end:
	// until is that count's now plus window. A window of 0 lasts until it is
	// forgotten, and until is the zero time. N callers in parallel get N
	// different numbers. A key that is no key, and a negative window, are
	// [ErrInvalid].
	Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error)

	// Forget removes the counters. A counter that is not there is not an error.
	Forget(ctx context.Context, keys ...string) error
}

// A Sweeper is a store that can be tidied. [Manager.Run] does it.
type Sweeper interface {
	// Sweep deletes at most limit things of each sort that had expired at now
	// and returns how many it deleted. What never expires stays. A limit of 0
	// deletes nothing.
	Sweep(ctx context.Context, now time.Time, limit int) (n int, err error)
}

// transactor is the ability of a store to run several verbs, and the host's
// own writes, in one transaction.
type transactor interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
}

// As finds an ability: it returns the first of v, v.Unwrap(), and so on, that
// is a T. Decorators do not hide what they wrap.
func As[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		u, ok := v.(interface{ Unwrap() any })
		if !ok {
			break
		}
		v = u.Unwrap()
	}
	var none T
	return none, false
}

const (
	maxText = 255
	maxData = 1<<16 - 1
)

func invalid(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }

// checkTexts refuses strings that not every backend keeps byte for byte.
func checkTexts(texts ...string) error {
	for _, s := range texts {
		if len(s) > maxText {
			return invalid("string longer than 255 bytes")
		}
		if strings.IndexByte(s, 0) >= 0 {
			return invalid("string with NUL")
		}
		if !utf8.ValidString(s) {
			return invalid("string is not UTF-8")
		}
	}
	return nil
}

// checkKeys is checkTexts for strings that identify something.
func checkKeys(keys ...string) error {
	for _, s := range keys {
		if s == "" {
			return invalid("empty key")
		}
	}
	return checkTexts(keys...)
}
