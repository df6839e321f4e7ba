package oauth

import (
	"context"
	"fmt"
	"time"
)

// run calls f, which is other people's code: it may panic, and it may not end. When
// ctx ends run does, and what f returns later is dropped.
func run[T any](ctx context.Context, patience time.Duration, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		r := result{err: fmt.Errorf("%w: the provider's code did not return", errBadAnswer)}
		defer func() {
			if v := recover(); v != nil {
				// Its value can be a part of the answer.
				r.err = fmt.Errorf("%w: the provider's code panics (%T)", errBadAnswer, v)
			}
			done <- r
		}()
		r.value, r.err = f()
	}()
	select {
	case r := <-done:
		if r.err != nil {
			var none T
			return none, r.err
		}
		return r.value, nil
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%w: %w", errUnavailable, context.Cause(ctx))
	}
}
