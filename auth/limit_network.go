package auth

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"time"
)

// A bucket is a counter with its limit.
type bucket struct {
	key string
	Limit
}

// networkBuckets returns where the guesses from an address are counted.
func (m *Manager) networkBuckets(scope string, addr netip.Addr) []bucket {
	l, near := m.opts.Limits, network(addr)
	all := []bucket{
		{m.counterKey(scope, "network", near), l.Network},
		{m.counterKey(scope, "network, long", near), l.NetworkLong},
	}
	if far, ok := site(addr); ok {
		all = append(all, bucket{m.counterKey(scope, "site", far), l.Site})
	}
	return all
}

// For networks wrong guesses are to count, and whether a guess is wrong is known too
// late: many at once would all be free. So every guess counts, and a right one leaves a
// ticket behind, by which one more may come in the same window. They are numbered, so
// that one look tells whether there are enough. Where the window is less than half
// used up a right guess leaves none: that is what most logins are spared.

// A spending is one guess that was counted for a network.
type spending struct {
	bucket
	n     int64
	until time.Time
}

// rightAtMost is how many guesses a network has if they are right, in place of one.
const rightAtMost = 10

const rightPurpose = "attempts.right"

func (s spending) rightKey(i int64) string {
	return s.key + ":" + strconv.FormatInt(s.until.UnixMilli(), 36) + ":" + strconv.FormatInt(i, 36)
}

// over reports whether there were too many wrong guesses.
func (m *Manager) over(ctx context.Context, s spending) (bool, error) {
	if s.n <= s.Max || s.n > rightAtMost*s.Max {
		return s.n > s.Max, nil
	}
	_, err := m.store.LoadTicket(ctx, rightPurpose, s.rightKey(s.n-s.Max))
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}

// wasRight takes it back that a guess was counted.
func (m *Manager) wasRight(ctx context.Context, s spending, now time.Time) error {
	if 2*s.n <= s.Max {
		return nil
	}
	n, _, err := m.store.Count(ctx, s.rightKey(0), s.Per, now)
	if err != nil {
		return err
	}
	err = m.store.PutTicket(ctx, Ticket{Purpose: rightPurpose, Key: s.rightKey(n), CreatedAt: now, ExpiresAt: s.until})
	if errors.Is(err, ErrExists) { // the counter was forgotten meanwhile
		return nil
	}
	return err
}
