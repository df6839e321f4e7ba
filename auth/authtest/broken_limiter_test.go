package authtest_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

type countFunc = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error)

// onCount bends Count around the correct one.
func onCount(f func(b *bent, count countFunc) countFunc) func(b *bent) {
	return func(b *bent) { b.count = f(b, b.ref.Count) }
}

// onKey changes keys.
func onKey(f func(key string) string) func(b *bent) {
	return func(b *bent) {
		b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
			return b.ref.Count(ctx, f(key), window, now)
		}
	}
}

// onUntil changes until.
func onUntil(f func(until time.Time) time.Time) func(b *bent) {
	return onCount(func(_ *bent, count countFunc) countFunc {
		return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
			n, until, err := count(ctx, key, window, now)
			return n, f(until), err
		}
	})
}

// onCounter changes the counter before it is counted.
func onCounter(f func(c counter, window time.Duration, now time.Time) counter) func(b *bent) {
	return onCount(func(b *bent, count countFunc) countFunc {
		return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
			b.mu.Lock()
			if c, ok := b.counters[key]; ok && ctx.Err() == nil {
				b.counters[key] = f(c, window, now)
			}
			b.mu.Unlock()
			return count(ctx, key, window, now)
		}
	})
}

func limiterBends() []bend {
	bends := []bend{
		{"Count adds one: and returns what it was", onCount(func(_ *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				n, until, err := count(ctx, key, window, now)
				return n - 1, until, err
			}
		}), []string{"Count", "AtOnce"}},
		{"Count adds one: up to ten", onCount(func(_ *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				n, until, err := count(ctx, key, window, now)
				return min(n, 10), until, err
			}
		}), []string{"Count", "AtOnce"}},
		{"and when it begins anew: slides", onCounter(func(c counter, window time.Duration, now time.Time) counter {
			if window > 0 && now.Before(c.until) {
				c.until = ms(now.Add(window))
			}
			return c
		}), []string{"Count", "Until", "WindowEnds", "WindowIsOfTheFirst"}},
		{"until is that count's now plus window: on a grid", onCount(func(b *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				n, until, err := count(ctx, key, window, now)
				if err == nil && n == 1 && window > 0 {
					until = until.Truncate(window)
					b.mu.Lock()
					b.counters[key] = counter{1, until}
					b.mu.Unlock()
				}
				return n, until, err
			}
		}), []string{"Until", "WindowEnds"}},
		{"at or after its end: only after", func(b *bent) {
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				b.mu.Lock()
				if c, ok := b.counters[key]; ok && now.Equal(c.until) {
					c.n++
					b.counters[key] = c
					b.mu.Unlock()
					return c.n, c.until, nil
				}
				b.mu.Unlock()
				return b.ref.Count(ctx, key, window, now)
			}
		}, []string{"WindowEnds", "AtOnceAtTheEnd"}},
		{"the window begins with the first count after its end: never", onCounter(func(c counter, _ time.Duration, now time.Time) counter {
			if !c.until.IsZero() && !now.Before(c.until) {
				c.until = now.Add(time.Minute)
			}
			return c
		}), []string{"WindowEnds"}},
		{"until is that count's now plus window: the last count's window", func(b *bent) {
			first := map[string]time.Time{}
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				n, until, err := b.ref.Count(ctx, key, window, now)
				b.mu.Lock()
				defer b.mu.Unlock()
				if n == 1 {
					first[key] = now
				}
				if err == nil && window > 0 {
					until = ms(first[key].Add(window))
				}
				return n, until, err
			}
		}, []string{"WindowIsOfTheFirst"}},
		{"a window of 0 lasts until it is forgotten: begins anew", onCount(func(_ *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				if window == 0 {
					window = 24 * time.Hour
				}
				return count(ctx, key, window, now)
			}
		}), []string{"WindowZero"}},
		{"a window of 0 lasts until it is forgotten: one of less than a millisecond, too", onCount(func(_ *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				return count(ctx, key, window.Truncate(time.Millisecond), now)
			}
		}), []string{"WindowZero"}},
		{"a negative window is ErrInvalid: no window", onCount(func(_ *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				return count(ctx, key, max(window, 0), now)
			}
		}), []string{"Invalid"}},
		{"a window of 0: until is the zero time", onUntil(func(until time.Time) time.Time {
			if until.IsZero() {
				return time.Unix(0, 0).UTC()
			}
			return until
		}), []string{"WindowZero"}},
		{"the window begins at its end, not before", onCounter(func(c counter, window time.Duration, now time.Time) counter {
			if window > 0 && now.Before(c.until.Add(-window)) {
				return counter{}
			}
			return c
		}), []string{"ClockGoesBack"}},
		{"times are kept in milliseconds", onUntil(func(until time.Time) time.Time { return until.Truncate(time.Second) }), []string{"Times", "Until"}},
		{"times come back in UTC", onUntil(func(until time.Time) time.Time { return until.In(time.FixedZone("", 60)) }), []string{"Times"}},
		{"keys compare byte for byte: any case", onKey(strings.ToLower), []string{"KeysByteForByte"}},
		{"keys compare byte for byte: trimmed", onKey(func(k string) string {
			if s := strings.TrimRight(k, " "); s != "" {
				return s
			}
			return k
		}), []string{"KeysByteForByte"}},
		{"keys longer than 255 bytes are ErrInvalid: cut off", onKey(func(k string) string {
			if len(k) > 255 {
				return strings.ToValidUTF8(k[:255], "")
			}
			return k
		}), []string{"Invalid"}},
		{"keys longer than 255 bytes are ErrInvalid: hashed", onKey(func(k string) string {
			if len(k) > 255 {
				return "hash"
			}
			return k
		}), []string{"Invalid"}},
		{"keys are not empty", onKey(func(k string) string {
			if k == "" {
				return "empty"
			}
			return k
		}), []string{"Invalid"}},
		{"N callers get N different numbers: reads, then writes", onCount(func(b *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				b.mu.Lock()
				c := b.counters[key]
				b.mu.Unlock()
				if c.n == 0 || !now.Before(c.until) || ctx.Err() != nil || checkKey(key) != nil {
					return count(ctx, key, window, now)
				}
				pause()
				b.mu.Lock()
				defer b.mu.Unlock()
				c.n++
				b.counters[key] = c
				return c.n, c.until, nil
			}
		}), []string{"AtOnce"}},
		{"N callers get N different numbers: each begins the window", onCount(func(b *bent, count countFunc) countFunc {
			return func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				b.mu.Lock()
				c := b.counters[key]
				b.mu.Unlock()
				if c.n > 0 && !c.until.IsZero() && !now.Before(c.until) && ctx.Err() == nil {
					pause()
					_ = b.ref.Forget(ctx, key)
				}
				return count(ctx, key, window, now)
			}
		}), []string{"AtOnceAtTheEnd"}},
		{"Forget removes the counters: only the first", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error { return b.ref.Forget(ctx, keys[:min(1, len(keys))]...) }
		}, []string{"Forget", "ForgetNone"}},
		{"Forget removes the counters: but not the window", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, key := range keys {
					if c, ok := b.counters[key]; ok && ctx.Err() == nil {
						b.counters[key] = counter{0, c.until}
					}
				}
				return ctx.Err()
			}
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				b.mu.Lock()
				c, ok := b.counters[key]
				b.mu.Unlock()
				n, until, err := b.ref.Count(ctx, key, window, now)
				if ok && c.n == 0 && err == nil {
					until = c.until
				}
				return n, until, err
			}
		}, []string{"Forget"}},
		{"Forget removes the counters: those that begin with it", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, prefix := range keys {
					maps.DeleteFunc(b.counters, func(key string, _ counter) bool { return prefix != "" && strings.HasPrefix(key, prefix) })
				}
				return ctx.Err()
			}
		}, []string{"Forget"}},
		{"Forget removes the counters: all if none is given", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error {
				if len(keys) == 0 {
					b.mu.Lock()
					clear(b.counters)
					b.mu.Unlock()
				}
				return b.ref.Forget(ctx, keys...)
			}
		}, []string{"Forget"}},
		{"a counter that is not there is not an error", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if b.snapshot().counters[key].n == 0 && ctx.Err() == nil {
						return auth.ErrNotFound
					}
				}
				return b.ref.Forget(ctx, keys...)
			}
		}, []string{"ForgetNone", "Forget"}},
		{"looking for odd strings is no more than not finding them", func(b *bent) {
			b.forget = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if err := checkKey(key); err != nil {
						return err
					}
				}
				return b.ref.Forget(ctx, keys...)
			}
		}, []string{"ForgetNone"}},
		{"methods are safe for concurrent use: refuses while busy", func(b *bent) {
			var busy sync.Mutex
			b.count = func(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
				if !busy.TryLock() {
					return 0, time.Time{}, errDown
				}
				defer busy.Unlock()
				pause()
				return b.ref.Count(ctx, key, window, now)
			}
		}, []string{"Concurrent", "AtOnce"}},
	}
	for _, verb := range []string{"Count", "Forget"} {
		bends = append(bends,
			bend{"a context that has ended is an outage: " + verb + " goes on", ignoreContext(verb), []string{"EndedContext"}},
			bend{"a context that has ended is never ErrNotFound: " + verb, hideContext(verb), []string{"EndedContext"}})
	}
	return bends
}
