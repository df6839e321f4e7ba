package cachestore

import (
	"errors"
	"fmt"
	"time"
)

// Options of a [Store]. The zero value is good.
type Options struct {
	// TTL is for how long a session is used that was read: the longest time for
	// which one that was ended in another process lives on in this one. From a
	// millisecond to a minute. Default 1 second.
	TTL time.Duration
	// Sessions is how many are remembered at most, 1,000,000 at most. Who has more
	// users in one TTL asks the store for some more often, and nothing else.
	// Default 10,000.
	Sessions int
	// Now is the clock; give it the one that [auth.Options] have. Default
	// [time.Now].
	Now func() time.Time
}

const (
	shortest    = time.Millisecond
	longest     = time.Minute
	maxSessions = 1_000_000
)

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.TTL == 0 {
		c.TTL = time.Second
	}
	if c.Sessions == 0 {
		c.Sessions = 10_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// check returns everything that is wrong with o.
func (o *Options) check() error {
	var errs []error
	if o.TTL < shortest || o.TTL > longest {
		errs = append(errs, fmt.Errorf("cachestore: Options.TTL is %v: make it %v or more, and %v at most", o.TTL, shortest, longest))
	}
	if o.Sessions < 1 || o.Sessions > maxSessions {
		errs = append(errs, fmt.Errorf("cachestore: Options.Sessions is %d: make it 1 or more, and %d at most", o.Sessions, maxSessions))
	}
	return errors.Join(errs...)
}
