package oauth

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// maxHung is how many calls of a connector's may hang before no more are made. Those
// that come by the client end with it; what bypasses it has no timeout, and costs a
// goroutine and a connection for ever.
const maxHung = 100

// run calls f, which is other people's code: it may panic, and it may not end. When
// ctx ends run does, and what f returns later is dropped. hung counts the connector's
// calls that were left like that and have not ended.
func run[T any](ctx context.Context, hung *atomic.Int64, patience time.Duration, f func() (T, error)) (T, error) {
	var none T
	if hung.Load() >= maxHung {
		return none, fmt.Errorf("%w: %d calls of the provider's code hang", errUnavailable, maxHung)
	}
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan result, 1)
	var over atomic.Bool // for f or for us, whichever is first
	go func() {
		r := result{err: fmt.Errorf("%w: the provider's code did not return", errBadAnswer)}
		defer func() {
			if v := recover(); v != nil {
				// Its value can be a part of the answer.
				r.err = fmt.Errorf("%w: the provider's code panics (%T)", errBadAnswer, v)
			}
			done <- r
			if !over.CompareAndSwap(false, true) {
				hung.Add(-1)
			}
		}()
		r.value, r.err = f()
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return none, r.err
		}
		return r.value, nil
	case <-ctx.Done():
		hung.Add(1)
		if !over.CompareAndSwap(false, true) {
			hung.Add(-1)
		}
		return none, fmt.Errorf("%w: %w", errUnavailable, context.Cause(ctx))
	}
}
