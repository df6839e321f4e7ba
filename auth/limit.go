package auth

import "time"

// Limits are how many guesses there are at what people log in with, and how fast they
// may come. They are counted before anything expensive is computed, and a guess that is
// refused is answered 429, is not compared, and counts for nothing but the network.
// The answer is the same for an account that does not exist.
//
// Guesses at an account are counted wherever they come from. The first, Free, need not
// wait. Each after them must come later than the one before, by Delay, then twice that, and so on;
// after the tenth by Backoff, doubling to BackoffMax. Nothing sleeps: what comes too
// early is refused, and makes nobody wait longer. When Cap have been wrong, and none
// right, there are no more: the event "account.locked" says so once, with the scope of the
// guesses as its Method, and [Manager.Unlock] ends it, which a reset of the password calls.
// A right answer forgets all that was counted for the account.
//
// A browser in which the user has logged in before has all these for itself, in place of
// the account's and the network's, so that nobody can lock the owner out. It is a
// random token in a cookie that was given to it for a right answer; an account has 30 of
// them at most, and each has a Cap of its own, which locks no account: when it is used up
// "login.limited" says so.
//
// For a network wrong guesses count, at whatever account. A right one is not a wrong
// one, but makes up for none.
type Limits struct {
	// Account is how many guesses an account has in how long, the free ones
	// included. Default 10 in 15 minutes.
	Account Limit
	// Free is how many guesses need not wait, since the last right one. At most
	// Account.Max. Default 5 of the default Account, and all of any other.
	Free int64
	// Delay is how long the first guess must wait that is not free; each after it must wait
	// twice as long as the one before. At least 100 milliseconds. Default 1 second.
	Delay time.Duration
	// Backoff is how long a guess must wait after Account.Max of them; each after it must
	// wait twice as long as the one before. Default 30 seconds.
	Backoff time.Duration
	// BackoffMax is how long a guess must wait at most. Default 1 hour.
	BackoffMax time.Duration
	// BackoffFor is for how long the waits go on growing, from the first guess that
	// had to wait; then they begin anew with Delay. Default 24 hours.
	BackoffFor time.Duration
	// Cap is how many guesses in a row may be wrong before there are no more. No time
	// ends that. At most 100 (NIST SP 800-63B-4, 3.2.2), which is the default.
	Cap int64

	// Network is how many wrong guesses an IPv4 address or IPv6 /64 has. Default 20 in
	// 1 minute.
	Network Limit
	// NetworkLong is the same over a longer time, and what a known browser may send in
	// it, right answers included. Default 100 in 1 hour.
	NetworkLong Limit
	// Site is how many wrong guesses an IPv6 /48 has: 65,536 networks, which one
	// customer may be given. Default 500 in 1 hour.
	Site Limit
}

// A Limit is how many in how long.
type Limit struct {
	Max int64
	Per time.Duration
}

func (l Limit) or(max int64, per time.Duration) Limit {
	if l == (Limit{}) {
		return Limit{max, per}
	}
	return l
}

func (l Limits) withDefaults() Limits {
	if l.Free == 0 {
		l.Free = 5
		if l.Account != (Limit{}) {
			l.Free = l.Account.Max
		}
	}
	l.Account = l.Account.or(10, 15*time.Minute)
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Delay, time.Second},
		{&l.Backoff, 30 * time.Second},
		{&l.BackoffMax, time.Hour},
		{&l.BackoffFor, 24 * time.Hour},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.Cap == 0 {
		l.Cap = 100
	}
	l.Network = l.Network.or(20, time.Minute)
	l.NetworkLong = l.NetworkLong.or(100, time.Hour)
	l.Site = l.Site.or(500, time.Hour)
	return l
}

// check tells bad of everything that is wrong with l.
func (l Limits) check(bad func(format string, args ...any)) {
	for _, c := range [...]struct {
		name string
		Limit
	}{{"Account", l.Account}, {"Network", l.Network}, {"NetworkLong", l.NetworkLong}, {"Site", l.Site}} {
		if c.Max < 1 || c.Per < time.Second {
			bad("Options.Limits.%s is %d in %v: give both Max (1 or more) and Per (a second or more)", c.name, c.Max, c.Per)
		}
	}
	if l.Free < 1 || l.Free > l.Account.Max {
		bad("Options.Limits.Free is %d: make it 1 or more, and at most Account.Max (%d)", l.Free, l.Account.Max)
	}
	if l.Delay < 100*time.Millisecond {
		bad("Options.Limits.Delay is %v: make it 100 milliseconds or more", l.Delay)
	}
	if l.Backoff < l.Delay {
		bad("Options.Limits.Backoff (%v) is shorter than Delay (%v)", l.Backoff, l.Delay)
	}
	if l.BackoffMax < l.Backoff {
		bad("Options.Limits.BackoffMax (%v) is shorter than Backoff (%v)", l.BackoffMax, l.Backoff)
	}
	if l.BackoffFor < l.BackoffMax {
		bad("Options.Limits.BackoffFor (%v) is shorter than BackoffMax (%v)", l.BackoffFor, l.BackoffMax)
	}
	if l.Cap < 1 || l.Cap > 100 {
		bad("Options.Limits.Cap is %d: make it 1 or more, and 100 at most", l.Cap)
	}
}

// wait is how long the next guess must wait after the kth that has waited, or, for 0,
// after the last free one.
func (l Limits) wait(k int64) time.Duration {
	first, doubled := l.Delay, k
	if over := l.Free + k - l.Account.Max; over >= 0 {
		first, doubled = l.Backoff, over
	}
	if doubled >= 32 || first > l.BackoffMax>>doubled {
		return l.BackoffMax
	}
	return first << doubled
}
