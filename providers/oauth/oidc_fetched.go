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
	flight chan struct{} // closed when there is an answer; nil if nobody asks
	slow   bool          // somebody had no more time to wait for flight
	value  T
	have   bool
	at     time.Time // when value came
	fresh  time.Duration
	tried  time.Time // when it was last asked for
	err    error     // what came of that
}

const (
	// retryMissing is how long a failure is remembered while there is nothing.
	retryMissing = 10 * time.Second
	// retryStale is how long no more than one request is made while there is
	// something, be it old, or said by somebody not to be enough.
	retryStale = time.Minute
	// maxAsking is for clients without a timeout.
	maxAsking = time.Minute
)

// get returns what there is, and asks first if that is old. With renew it is not
// enough, and asked for again, if that was not done within retryStale.
func (c *fetched[T]) get(ctx context.Context, client *http.Client, now time.Time, renew bool) (T, error) {
	var none T
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.due(now, renew) {
		flight, first := c.flight, c.flight == nil
		if first {
			flight = c.ask(ctx, client, now)
		}
		c.mu.Unlock()
		select {
		case <-flight:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if ctx.Err() != nil {
			c.slow = c.slow || errors.Is(ctx.Err(), context.DeadlineExceeded) && c.flight == flight
			return none, outcome(ctx.Err())
		}
		if first {
			if renew && c.err != nil {
				return none, c.err
			}
			break
		}
	}
	if c.usable(now) {
		return c.value, nil
	}
	if c.err == nil {
		return none, errUnavailable
	}
	return none, c.err
}

// glance is get for what is as good without. It does not wait for an answer for which
// somebody has waited in vain already.
func (c *fetched[T]) glance(ctx context.Context, client *http.Client, now time.Time) (T, bool) {
	c.mu.Lock()
	slow := c.flight != nil && c.slow
	c.mu.Unlock()
	if slow {
		var none T
		return none, false
	}
	v, err := c.get(ctx, client, now, false)
	return v, err == nil
}

// ask begins to ask, and returns what is closed at the end. mu is locked. It is for
// everybody, and so it ends with nobody's request: else whoever comes first and goes
// away, or has little time, decides what the others get.
func (c *fetched[T]) ask(ctx context.Context, client *http.Client, now time.Time) chan struct{} {
	flight := make(chan struct{})
	c.flight, c.slow = flight, false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxAsking)
	go func(ctx context.Context) {
		var (
			value T
			fresh time.Duration
			err   = wrap(errBadAnswer, "asking for it panicked")
		)
		defer func() {
			cancel()
			_ = recover() // of what came from outside: it must not end the process
			c.mu.Lock()
			defer c.mu.Unlock()
			c.flight, c.err, c.tried = nil, err, now
			if err == nil {
				c.value, c.have, c.fresh, c.at = value, true, fresh, now
			}
			close(flight)
		}()
		value, fresh, err = c.fetch(ctx, lasting(client))
	}(ctx)
	return flight
}

// lasting returns client without the end of the flow that it was made for. Its
// timeout stays.
func lasting(client *http.Client) *http.Client {
	if client == nil {
		return nil
	}
	l, ok := client.Transport.(limited)
	if !ok {
		return client
	}
	l.ctx = context.WithoutCancel(l.ctx)
	c := *client
	c.Transport = l
	return &c
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
