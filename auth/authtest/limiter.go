package authtest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestLimiter tests every rule of [auth.Limiter], and those of [auth.Store]
// that hold for it. It calls open once for each subtest; open returns a limiter
// that has counted nothing.
func TestLimiter(t *testing.T, open func(t *testing.T) auth.Limiter) {
	run := func(name string, f func(t *testing.T, s auth.Limiter)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("Count", limiterCount)
	run("Until", limiterUntil)
	run("WindowEnds", limiterWindowEnds)
	run("WindowIsOfTheFirst", limiterWindowIsOfTheFirst)
	run("WindowZero", limiterWindowZero)
	run("ClockGoesBack", limiterClockGoesBack)
	run("Times", limiterTimes)
	run("KeysByteForByte", limiterKeys)
	run("Invalid", limiterInvalid)
	run("AtOnce", limiterAtOnce)
	run("AtOnceAtTheEnd", limiterAtOnceAtTheEnd)
	run("Forget", limiterForget)
	run("ForgetNone", limiterForgetNone)
	run("EndedContext", limiterEnded)
	run("Concurrent", limiterConcurrent)
}

// checkCount counts once and requires the answer.
func checkCount(t *testing.T, s auth.Limiter, key string, window time.Duration, now time.Time, n int64, until time.Time, rule string) {
	t.Helper()
	gotN, gotUntil, err := s.Count(t.Context(), key, window, now)
	if err != nil {
		t.Errorf("Count(%+q): %v\n\trule: %s", key, err, rule)
		return
	}
	if gotN != n {
		t.Errorf("Count(%+q, %v) at %v is %d, want %d\n\trule: %s", key, window, now, gotN, n, rule)
	}
	if want := kept(until); !gotUntil.Equal(want) {
		t.Errorf("Count(%+q, %v) at %v lasts until %v, want %v\n\trule: %s", key, window, now, gotUntil, want, rule)
	}
	if gotUntil.Location() != time.UTC {
		t.Errorf("Count: until is in %v, want UTC\n\trule: times come back in UTC", gotUntil.Location())
	}
}

func limiterCount(t *testing.T, s auth.Limiter) {
	const rule = "Count adds one to the counter and returns what it then is"
	for i := range int64(20) {
		checkCount(t, s, "k", time.Minute, t0().Add(time.Duration(i)*time.Second), i+1, t0().Add(time.Minute), rule)
		checkCount(t, s, "other", time.Hour, t0(), i+1, t0().Add(time.Hour), rule)
	}
}

func limiterUntil(t *testing.T, s auth.Limiter) {
	const rule = "until is the first count's now plus window, for every count of the window"
	for i, window := range []time.Duration{time.Millisecond, time.Second, 15 * time.Minute, 24 * time.Hour, 1000 * 24 * time.Hour} {
		key := fmt.Sprint(i)
		checkCount(t, s, key, window, t0(), 1, t0().Add(window), rule)
		checkCount(t, s, key, window, t0(), 2, t0().Add(window), rule)
		checkCount(t, s, key, window, t0().Add(window-time.Millisecond), 3, t0().Add(window), rule)
	}
}

func limiterWindowEnds(t *testing.T, s auth.Limiter) {
	const rule = "the window begins with the first count at or after its end"
	at := t0()
	checkCount(t, s, "k", time.Minute, at, 1, at.Add(time.Minute), rule)
	checkCount(t, s, "k", time.Minute, at.Add(time.Minute-time.Millisecond), 2, at.Add(time.Minute), rule)
	at = at.Add(time.Minute) // at its end
	checkCount(t, s, "k", time.Minute, at, 1, at.Add(time.Minute), rule)
	checkCount(t, s, "k", time.Minute, at.Add(time.Second), 2, at.Add(time.Minute), rule)
	at = at.Add(time.Hour + 7*time.Second) // long after it: no grid
	checkCount(t, s, "k", time.Minute, at, 1, at.Add(time.Minute), rule)
	at = at.Add(time.Minute + time.Millisecond)
	checkCount(t, s, "k", time.Minute, at, 1, at.Add(time.Minute), rule)
}

func limiterWindowIsOfTheFirst(t *testing.T, s auth.Limiter) {
	const rule = "until is the now plus window of the count that the window began with"
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), rule)
	checkCount(t, s, "k", time.Hour, t0().Add(time.Second), 2, t0().Add(time.Minute), rule)
	checkCount(t, s, "k", time.Second, t0().Add(59*time.Second), 3, t0().Add(time.Minute), rule)
	checkCount(t, s, "k", time.Hour, t0().Add(time.Minute), 1, t0().Add(time.Minute+time.Hour), rule)
	checkCount(t, s, "k", time.Minute, t0().Add(3*time.Minute), 2, t0().Add(time.Minute+time.Hour), rule)
}

func limiterWindowZero(t *testing.T, s auth.Limiter) {
	const rule = "a window of 0 lasts until it is forgotten, and until is the zero time"
	for i := range int64(5) {
		checkCount(t, s, "k", 0, t0().Add(time.Duration(i)*1e5*time.Hour), i+1, time.Time{}, rule)
	}
	checkCount(t, s, "k", 0, time.Time{}, 6, time.Time{}, rule)
	must(t, "Forget", s.Forget(t.Context(), "k"))
	checkCount(t, s, "k", 0, t1(), 1, time.Time{}, rule)

	const short = "a window that is not 0 ends, however short it is"
	for i := range 2 {
		n, until, err := s.Count(t.Context(), "short", time.Nanosecond, t0().Add(time.Duration(i)*time.Second))
		must(t, "Count", err)
		if n != 1 || until.IsZero() {
			t.Errorf("Count with a window of a nanosecond, a second after another, is %d until %v, want 1 and an end\n\trule: %s", n, until, short)
		}
	}
}

func limiterClockGoesBack(t *testing.T, s auth.Limiter) {
	const rule = "a window begins anew at its end and not before, whatever the caller's clock says"
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), rule)
	checkCount(t, s, "k", time.Minute, t0().Add(-time.Hour), 2, t0().Add(time.Minute), rule)
	checkCount(t, s, "k", time.Minute, t0().Add(time.Second), 3, t0().Add(time.Minute), rule)
}

func limiterTimes(t *testing.T, s auth.Limiter) {
	const rule = "times are kept in milliseconds, UTC"
	for i, at := range instants() {
		if at.t.IsZero() || at.t.Year() == 9999 {
			continue // until would be the time that means never, or in a year of five digits
		}
		key := fmt.Sprint(i)
		checkCount(t, s, key, time.Minute, at.t, 1, at.t.Add(time.Minute), at.name+": "+rule)
		checkCount(t, s, key, time.Minute, at.t, 2, at.t.Add(time.Minute), at.name+": "+rule)
		checkCount(t, s, key, time.Minute, at.t.Add(time.Minute), 1, at.t.Add(2*time.Minute), at.name+": "+rule)
	}
}

func limiterKeys(t *testing.T, s auth.Limiter) {
	const rule = "keys compare byte for byte"
	for i, text := range texts() {
		for n := range int64(i%3 + 1) {
			checkCount(t, s, text.s, time.Minute, t0(), n+1, t0().Add(time.Minute), rule)
		}
	}
	for i, text := range texts() {
		checkCount(t, s, text.s, time.Minute, t0(), int64(i%3+2), t0().Add(time.Minute), rule)
	}
}

func limiterInvalid(t *testing.T, s auth.Limiter) {
	const rule = "keys longer than 255 bytes, and what else a store cannot keep as it is, are ErrInvalid"
	for _, text := range badKeys() {
		for _, window := range []time.Duration{0, time.Minute} {
			_, _, err := s.Count(t.Context(), text.s, window, t0())
			checkErr(t, "Count of "+text.name, err, auth.ErrInvalid, rule)
		}
	}
	for _, window := range []time.Duration{-1, -time.Hour} {
		_, _, err := s.Count(t.Context(), "k", window, t0())
		checkErr(t, fmt.Sprint("Count with a window of ", window), err, auth.ErrInvalid, "a negative window is ErrInvalid")
	}
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), "what is refused is not counted")
	// Nothing was cut off and counted.
	checkCount(t, s, texts()[0].s, time.Minute, t0(), 1, t0().Add(time.Minute), rule)
	for _, text := range texts() {
		if len(text.s) == 255 {
			checkCount(t, s, text.s, time.Minute, t0(), 1, t0().Add(time.Minute), rule)
		}
	}
}

// countAtOnce counts in parallel and requires the numbers 1 to callers.
func countAtOnce(t *testing.T, s auth.Limiter, key string, window time.Duration, now, until time.Time, rule string) {
	t.Helper()
	numbers := make([]int64, callers)
	untils := make([]time.Time, callers)
	errs := atOnce(callers, func(i int) (err error) {
		numbers[i], untils[i], err = s.Count(t.Context(), key, window, now)
		return err
	})
	for i, err := range errs {
		if err != nil {
			t.Errorf("Count: %v\n\trule: %s", err, rule)
			return
		}
		if !untils[i].Equal(until) {
			t.Errorf("Count: until is %v, want %v\n\trule: %s", untils[i], until, rule)
			return
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != int64(i+1) {
			t.Errorf("%d callers of Count got the numbers %d, want 1 to %d\n\trule: %s", callers, numbers, callers, rule)
			return
		}
	}
}

func limiterAtOnce(t *testing.T, s auth.Limiter) {
	const rule = "N callers in parallel get N different numbers"
	countAtOnce(t, s, "k", time.Minute, t0(), t0().Add(time.Minute), rule)
	countAtOnce(t, s, "forever", 0, t0(), time.Time{}, rule)
	checkCount(t, s, "k", time.Minute, t0(), callers+1, t0().Add(time.Minute), rule)
}

func limiterAtOnceAtTheEnd(t *testing.T, s auth.Limiter) {
	const rule = "N callers in parallel get N different numbers, also when a window begins"
	at := t0()
	for range 3 {
		countAtOnce(t, s, "k", time.Minute, at, at.Add(time.Minute), rule)
		at = at.Add(time.Minute)
	}
}

func limiterForget(t *testing.T, s auth.Limiter) {
	const rule = "Forget removes these counters and no others"
	for _, key := range lookalikes() {
		checkCount(t, s, key, time.Minute, t0(), 1, t0().Add(time.Minute), rule)
	}
	must(t, "Forget", s.Forget(t.Context(), "u", "none", "%", "u"))
	for _, key := range lookalikes() {
		if key == "u" || key == "%" {
			at := t0().Add(time.Second) // its window begins anew, too
			checkCount(t, s, key, time.Minute, at, 1, at.Add(time.Minute), rule)
		} else {
			checkCount(t, s, key, time.Minute, t0(), 2, t0().Add(time.Minute), rule)
		}
	}
	must(t, "Forget of nothing", s.Forget(t.Context()))
	checkCount(t, s, "U", time.Minute, t0(), 3, t0().Add(time.Minute), rule)
}

func limiterForgetNone(t *testing.T, s auth.Limiter) {
	const rule = "a counter that is not there is not an error, and looking for odd strings is no more than not finding them"
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), rule)
	for _, text := range append(badKeys(), texts()...) {
		if err := s.Forget(t.Context(), text.s); err != nil {
			t.Errorf("Forget of %s: %v\n\trule: %s", text.name, err, rule)
		}
	}
	if err := s.Forget(t.Context(), "", "none", "a\x00b", "k"); err != nil {
		t.Errorf("Forget: %v\n\trule: %s", err, rule)
	}
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), "Forget removes all the counters that are there, whatever the others are")
}

func limiterEnded(t *testing.T, s auth.Limiter) {
	n := int64(0)
	count := func() {
		n++
		checkCount(t, s, "k", time.Minute, t0(), n, t0().Add(time.Minute), endedRule)
	}
	count()
	for name, ctx := range ended(t) {
		for call, f := range map[string]func(ctx context.Context, key string) error{
			"Count": func(ctx context.Context, key string) error {
				_, _, err := s.Count(ctx, key, time.Minute, t0())
				return err
			},
			"Forget": func(ctx context.Context, key string) error { return s.Forget(ctx, key) },
		} {
			checkOutage(t, call+" with a context that is "+name, f(ctx, "k"), endedRule)
			checkOutage(t, call+" of a new key with a context that is "+name, f(ctx, "new"), endedRule)
			count()
		}
	}
	checkCount(t, s, "new", time.Minute, t0(), 1, t0().Add(time.Minute), endedRule)
}

// limiterConcurrent is for the race detector: every verb beside every other.
func limiterConcurrent(t *testing.T, s auth.Limiter) {
	const rule = "methods are safe for concurrent use, and none fails because of another"
	errs := atOnce(16, func(i int) error {
		for j := range 8 {
			key := fmt.Sprint((i + j) % 3)
			n, _, err := s.Count(t.Context(), key, time.Minute, t0())
			if err != nil {
				return fmt.Errorf("Count: %w", err)
			}
			if n < 1 || n > 16*8 {
				return fmt.Errorf("Count is %d", n)
			}
			if i%4 == 0 {
				if err := s.Forget(t.Context(), key, "none"); err != nil {
					return fmt.Errorf("Forget: %w", err)
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
		}
	}
}
