package oauth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// A fetched is something of an identity provider's that is asked for when it is
// first needed, and again when it is old. It is safe for concurrent use: of those
// who need it at once, one asks and the others wait.
type fetched[T any] struct {
	// fetch asks for it, and returns how long it can be used without asking again.
	fetch func(ctx context.Context, client *http.Client) (T, time.Duration, error)
	// keep is how long it can be used when there is no newer one to be had.
	keep time.Duration

	mu     sync.Mutex
	flight chan struct{} // closed when the one who asks is done; or nil
	value  T
	have   bool
	at     time.Time // when value came
	fresh  time.Duration
	tried  time.Time // when it was last asked for, by somebody who waited for the answer
	err    error     // what came of that
}

const (
	// retryMissing is how long a failure is remembered while there is nothing.
	retryMissing = 10 * time.Second
	// retryStale is how long no more than one request is made while there is
	// something, be it old, or said by somebody not to be enough.
	retryStale = time.Minute
)

// get returns what there is, and asks first if that is old. With renew it is not
// enough, and asked for again, if that was not done within retryStale.
func (c *fetched[T]) get(ctx context.Context, client *http.Client, now time.Time, renew bool) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.due(now, renew) {
		if c.flight == nil {
			c.ask(ctx, client, now)
			if renew && c.err != nil {
				var none T
				return none, c.err
			}
			break
		}
		flight := c.flight
		c.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if ctx.Err() != nil {
			var none T
			return none, outcome(ctx.Err())
		}
	}
	if c.usable(now) {
		return c.value, nil
	}
	var none T
	if c.err == nil {
		return none, errUnavailable
	}
	return none, c.err
}

// ask asks. mu is locked before and after, and not meanwhile.
func (c *fetched[T]) ask(ctx context.Context, client *http.Client, now time.Time) {
	flight := make(chan struct{})
	c.flight, c.err = flight, errUnavailable
	defer func() { // also after a panic, lest the others wait for ever
		c.flight = nil
		close(flight)
	}()
	value, fresh, err := func() (T, time.Duration, error) {
		c.mu.Unlock()
		defer c.mu.Lock()
		return c.fetch(ctx, client)
	}()
	c.err = err
	if err == nil {
		c.value, c.have, c.fresh, c.at = value, true, fresh, now
	}
	// A browser that went away says nothing of the identity provider, unless there is
	// something and whoever asks for more has to wait anyhow.
	if c.usable(now) || !errors.Is(ctx.Err(), context.Canceled) {
		c.tried = now
	}
}

// usable reports whether what there is can be used without asking, or when nobody
// answers.
func (c *fetched[T]) usable(now time.Time) bool {
	return c.have && since(now, c.at) <= max(c.keep, c.fresh)
}

// due reports whether it is to be asked for.
func (c *fetched[T]) due(now time.Time, renew bool) bool {
	if !c.usable(now) {
		return c.tried.IsZero() || since(now, c.tried) >= retryMissing
	}
	if since(now, c.at) < c.fresh && !renew {
		return false
	}
	return since(now, c.tried) >= retryStale
}

// peek returns what there is, however old.
func (c *fetched[T]) peek() (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.have
}

// since returns how far apart two times are. Requests in parallel do not come in the
// order of their times, and a clock can be set back.
func since(now, then time.Time) time.Duration { return now.Sub(then).Abs() }
