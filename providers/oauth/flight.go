package oauth

import (
	"context"
	"errors"
	"sync"
)

// flights make one of what several callers want done for a link at the same time.
type flights struct {
	mu    sync.Mutex
	under map[linkName]*flight
}

type flight struct {
	done   chan struct{} // closed when the rest is there
	result tokens
	err    error
}

// join returns what do returns, for whichever caller it is run. It is run to its
// end, without regard to who still waits: ctx ends the waiting only.
func (f *flights) join(ctx context.Context, n linkName, do func(ctx context.Context) (tokens, error)) (tokens, error) {
	f.mu.Lock()
	run := f.under[n]
	if run == nil {
		run = &flight{done: make(chan struct{}), err: errors.New("oauth: refreshing tokens panicked")}
		if f.under == nil {
			f.under = map[linkName]*flight{}
		}
		f.under[n] = run
		go func(ctx context.Context) {
			defer close(run.done)
			defer func() {
				_ = recover() // of the host's code, such as its store: it must not end the process
				f.mu.Lock()
				delete(f.under, n)
				f.mu.Unlock()
			}()
			run.result, run.err = do(ctx)
		}(context.WithoutCancel(ctx))
	}
	f.mu.Unlock()
	select {
	case <-run.done:
		return run.result, run.err
	case <-ctx.Done():
		return tokens{}, ctx.Err()
	}
}
