package auth

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Parts are the parts of a [Store] that [Combine] takes from elsewhere. A part
// that is nil is base's.
type Parts struct {
	Sessions    SessionStore
	Credentials CredentialStore
	Tickets     TicketStore
	Limiter     Limiter
}

// Combine returns a store that has the given parts, and what they leave out from
// base:
//
//	auth.Combine(db, auth.Parts{Sessions: redis, Tickets: redis, Limiter: redis})
//
// base may be nil if all of Parts are given. A mistake in what was given, such
// as a nil pointer or a store that cannot keep credentials, is reported by [New].
// Verbs are handed on as they are, so each part keeps its own promises, and a
// part that fails is an outage of that part: without its sessions a site knows
// nobody and says so (503), without its credentials who is logged in stays so and
// nobody new can log in.
//
// What the composition can do is found through [As], which goes on with the part
// that keeps the credentials. So there is InTx if that part has it. What belongs to
// its transaction is what that part keeps, what other parts keep that are the same
// store or join the same transaction, and what the host itself writes there. What
// any other part is told in it is done at once, and not undone if the transaction
// is rolled back. The Manager uses InTx for creating a user with their credentials,
// and for changing these: sessions that are kept elsewhere are then ended
// before the change is committed, and again after it. If they cannot be, the change
// is not made; if the change fails, people may have been logged out for
// nothing. The suites of authtest ask about InTx only where all parts are one
// store.
//
// The composition is a [Sweeper] of all parts that are one, each once; a part that
// fails does not keep the others from being swept. It also has
//
//	Parts() Parts             // all four, for who wants to look at each
//	Uncached() SessionStore   // that of Sessions, see [SessionStore]; nil if there is none
func Combine(base Store, parts Parts) Store {
	c := &combined{base, parts.Sessions, parts.Credentials, parts.Tickets, parts.Limiter}
	if base == nil {
		return c
	}
	if c.SessionStore == nil {
		c.SessionStore = base
	}
	if c.CredentialStore == nil {
		c.CredentialStore = base
	}
	if c.TicketStore == nil {
		c.TicketStore = base
	}
	if c.Limiter == nil {
		c.Limiter = base
	}
	return c
}

type combined struct {
	base Store
	SessionStore
	CredentialStore
	TicketStore
	Limiter
}

func (c *combined) Unwrap() any { return c.CredentialStore }

func (c *combined) Parts() Parts {
	return Parts{c.SessionStore, c.CredentialStore, c.TicketStore, c.Limiter}
}

func (c *combined) Uncached() SessionStore { return uncached(c.SessionStore) }

func (c *combined) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for _, s := range c.sweepers() {
		swept, failed := s.Sweep(ctx, now, limit)
		n, err = n+swept, errors.Join(err, failed)
	}
	return n, err
}

func (c *combined) sweepers() (all []Sweeper) {
	for _, part := range [...]any{c.SessionStore, c.CredentialStore, c.TicketStore, c.Limiter} {
		all = addSweepers(all, part)
	}
	return all
}

// check returns everything that is wrong with the composition.
func (c *combined) check() (errs []error) {
	for _, part := range [...]struct {
		name  string
		store any
	}{
		{"Sessions", c.SessionStore}, {"Credentials", c.CredentialStore}, {"Tickets", c.TicketStore}, {"Limiter", c.Limiter},
	} {
		switch {
		case part.store == nil:
			errs = append(errs, fmt.Errorf("auth: Combine has no base and no Parts.%s: give it one of them", part.name))
		case isNil(part.store) && same(part.store, c.base):
			errs = append(errs, fmt.Errorf("auth: Combine would take Parts.%s from its base, which is a nil %T: give it a store", part.name, part.store))
		case isNil(part.store):
			errs = append(errs, fmt.Errorf("auth: Parts.%s of Combine is a nil %T: leave it out or give one", part.name, part.store))
		case part.name == "Credentials":
			errs = append(errs, checkStore(part.store)...)
		}
	}
	return errs
}

// checkStore returns everything that is wrong with a store that is to keep
// credentials, and is not nil.
func checkStore(v any) []error {
	for v != nil {
		switch s := v.(type) {
		case interface{ check() []error }:
			return s.check()
		case interface{ KeepsCredentials() error }:
			if err := s.KeepsCredentials(); err != nil {
				return []error{fmt.Errorf("auth: the store cannot keep credentials: %w", err)}
			}
			return nil
		case interface{ Unwrap() any }:
			v = s.Unwrap()
		default:
			return nil
		}
	}
	return nil
}

// addSweepers adds what sweeps v to all, unless it is there.
func addSweepers(all []Sweeper, v any) []Sweeper {
next:
	for _, s := range sweepersOf(v) {
		for _, other := range all {
			if same(s, other) {
				continue next
			}
		}
		all = append(all, s)
	}
	return all
}

// sweepersOf returns what sweeps v: of a composition each of its parts.
func sweepersOf(v any) []Sweeper {
	for v != nil {
		switch s := v.(type) {
		case interface{ sweepers() []Sweeper }:
			return s.sweepers()
		case Sweeper:
			return []Sweeper{s}
		case interface{ Unwrap() any }:
			v = s.Unwrap()
		default:
			return nil
		}
	}
	return nil
}

// same reports whether a and b are one thing, as far as anybody can say.
func same(a, b any) bool {
	return a != nil && b != nil && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// uncached returns the store behind the cache that v has, or nil if it has none.
func uncached(v any) (below SessionStore) {
	for {
		c, ok := As[interface{ Uncached() SessionStore }](v)
		if !ok {
			return below
		}
		s := c.Uncached()
		if isNil(s) {
			return below
		}
		v, below = s, s
	}
}
