package auth

import (
	"context"
	"time"
)

// unknownFor is how long counters are kept that would otherwise have no end, for
// accounts that do not exist: of those there are as many as anybody can think of.
const unknownFor = 30 * 24 * time.Hour

// The counters of the guesses at one account, or of one browser at it.
//
// The rule that a guess must not come too early has to be kept with counters only, which
// add one whenever they are looked at. So what is counted by a guess that may turn
// out to be refused decides nothing but whether it is one of the free; the others go
// through a gate, a counter that ends when the wait does, of which only number one
// may pass. The rest count guesses that have passed it.
type accountCounters struct {
	all    string // guesses since the last right one, refused ones too
	window string // guesses that count for Limits.Account
	gate   string // ends when the next may come
	turn   string // keeps others out while the gate is set for longer
	waited string // guesses after the free ones, since the last right one; the first is nobody's
	level  string // guesses that make the next wait longer
}

func (m *Manager) accountCounters(scope, what, name string) accountCounters {
	key := func(of string) string { return m.counterKey(scope, what+of, name) }
	return accountCounters{key(""), key(", window"), key(", gate"), key(", turn"), key(", waited"), key(", level")}
}

func (c accountCounters) keys() []string {
	return []string{c.all, c.window, c.gate, c.turn, c.waited, c.level}
}

// A verdict says whether a guess may be compared.
type verdict struct {
	wait   time.Duration // not 0: it may not, and is to come again then
	locked bool          // the first that is refused because of Limits.Cap
}

func refuse(until, now time.Time) verdict { return verdict{wait: max(until.Sub(now), time.Second)} }

// guessAt counts a guess. The counters that no time ends end after forever, if it is
// not 0.
func (m *Manager) guessAt(ctx context.Context, c accountCounters, forever time.Duration, now time.Time) (verdict, error) {
	l := m.opts.Limits
	n, _, err := m.count(ctx, c.all, forever, now)
	switch {
	case err != nil:
		return verdict{}, err
	case n > l.Free:
		return m.guessLate(ctx, c, forever, now)
	case n > l.Cap:
		return verdict{wait: l.BackoffMax, locked: n == l.Cap+1}, nil
	}
	inWindow, ends, err := m.count(ctx, c.window, l.Account.Per, now)
	if err != nil || n < l.Free {
		return verdict{}, err
	}
	// The last free one: the next must wait. It can be here before us, and then has
	// made itself the one that is nobody's.
	wait := l.wait(0)
	if inWindow >= l.Account.Max {
		wait = max(wait, ends.Sub(now))
	}
	if n, _, err = m.count(ctx, c.gate, wait, now); err == nil && n == 1 {
		_, _, err = m.count(ctx, c.waited, forever, now)
	}
	return verdict{}, err
}

// guessLate counts a guess that is not free.
func (m *Manager) guessLate(ctx context.Context, c accountCounters, forever time.Duration, now time.Time) (verdict, error) {
	l := m.opts.Limits
	for _, door := range [...]string{c.gate, c.turn} {
		n, until, err := m.count(ctx, door, l.Delay, now)
		if err != nil {
			return verdict{}, err
		}
		if n > 1 {
			return refuse(until, now), nil
		}
	}
	ctx, cancel := outlive(ctx) // or a client that goes now would leave the gate as good as open
	defer cancel()
	waited, _, err := m.count(ctx, c.waited, forever, now)
	if err != nil {
		return verdict{}, err
	}
	if waited == 1 { // the last free guess is being made at this moment
		return refuse(now.Add(l.Delay), now), nil
	}
	if guess := l.Free + waited - 1; guess > l.Cap {
		return verdict{wait: l.BackoffMax, locked: guess == l.Cap+1}, m.shut(ctx, c.gate, l.BackoffMax, now)
	}
	inWindow, ends, err := m.count(ctx, c.window, l.Account.Per, now)
	if err != nil {
		return verdict{}, err
	}
	if inWindow > l.Account.Max {
		return refuse(ends, now), m.shut(ctx, c.gate, ends.Sub(now), now)
	}
	level, _, err := m.count(ctx, c.level, l.BackoffFor, now)
	if err != nil {
		return verdict{}, err
	}
	wait := l.wait(level)
	if inWindow == l.Account.Max {
		wait = max(wait, ends.Sub(now))
	}
	return verdict{}, m.shut(ctx, c.gate, wait, now)
}

// shut sets the gate, which is shut for Limits.Delay, for wait. Whoever comes to it
// between the two calls shuts it for Delay again, and no more: its turn it is not. Of those who
// hammer at an account one may be there each time, so it is tried often, for which the turn
// leaves time.
func (m *Manager) shut(ctx context.Context, gate string, wait time.Duration, now time.Time) error {
	for range 30 {
		if wait <= m.opts.Limits.Delay {
			return nil
		}
		if err := m.store.Forget(ctx, gate); err != nil {
			return err
		}
		if n, _, err := m.count(ctx, gate, wait, now); err != nil || n == 1 {
			return err
		}
	}
	return nil
}
