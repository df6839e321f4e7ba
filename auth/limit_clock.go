package auth

import (
	"context"
	"time"
)

// clockAhead is how much later than it can a counter may end. The clocks of several
// processes differ by less.
const clockAhead = time.Hour

// count is the store's Count, but for a counter that was begun by a clock which was far
// ahead: it would go on until that time has come, and lock people out for so long. It
// begins anew.
func (m *Manager) count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error) {
	n, until, err = m.store.Count(ctx, key, window, now)
	l := m.opts.Limits
	longest := max(window, l.BackoffMax, l.Account.Per) // a gate may be shut for any of them
	if err != nil || until.IsZero() || until.Sub(now)-clockAhead <= longest {
		return n, until, err
	}
	if err := m.store.Forget(ctx, key); err != nil {
		return 0, time.Time{}, err
	}
	return m.store.Count(ctx, key, window, now)
}
