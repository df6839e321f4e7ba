package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-go/gatehouse/bench"
)

// A kind is a sort of backend, and the gates for Gatehouse on it.
type kind struct {
	name, variable string
	open           func(dsn string, users int) (*bench.Backend, error)
	faster         map[string]float64 // than scs on a store of its own
}

var kinds = []kind{
	{"sqlite", "", nil, map[string]float64{"scs": 3, "scs, sliding expiry": 6}},
	{"postgres", "GATEHOUSE_TEST_POSTGRES", bench.Postgres, map[string]float64{"scs": 2.4, "scs, sliding expiry": 6}},
	{"mysql", "GATEHOUSE_TEST_MYSQL", bench.MySQL, nil},
	{"redis", "GATEHOUSE_TEST_REDIS", bench.Redis, map[string]float64{"scs": 3, "scs, sliding expiry": 6}},
}

// each calls f for each sort of backend that is asked for, with a function that
// opens one. What it opens is closed afterwards, and when the program is interrupted.
func (t *table) each(row string, f func(k kind, open func(users int) (*bench.Backend, error)) error) error {
	for _, k := range kinds {
		if !t.asked(k.name) {
			continue
		}
		dsn := os.Getenv(k.variable)
		if k.variable != "" && dsn == "" {
			fmt.Fprintf(os.Stderr, "table: row %s on %s is SKIPPED: set %s\n", row, k.name, k.variable)
			continue
		}
		var tidy tidy
		stop := tidy.whenInterrupted()
		err := f(k, func(users int) (b *bench.Backend, err error) {
			if k.open != nil {
				b, err = k.open(dsn, users)
			} else {
				var dir string
				if dir, err = os.MkdirTemp("", "gatehouse-bench"); err != nil {
					return nil, err
				}
				tidy.add(func() error { return os.RemoveAll(dir) })
				b, err = bench.SQLite(dir, users)
			}
			if err == nil {
				tidy.add(b.Close)
			}
			return b, err
		})
		stop()
		err = errors.Join(err, tidy.up())
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// A tidy has what is to be removed, the last first.
type tidy struct {
	mu   sync.Mutex
	todo []func() error
}

func (t *tidy) add(f func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.todo = append(t.todo, f)
}

func (t *tidy) up() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for i := len(t.todo) - 1; i >= 0; i-- {
		errs = append(errs, t.todo[i]())
	}
	t.todo = nil
	return errors.Join(errs...)
}

// whenInterrupted tidies up and ends the program if it is interrupted before stop
// is called.
func (t *tidy) whenInterrupted() (stop func()) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	done := context.AfterFunc(ctx, func() {
		_ = t.up() // what is measured at this moment fails, and nobody is there to be told
		os.Exit(130)
	})
	return func() {
		done()
		cancel()
	}
}

func (t *table) asked(backend string) bool { return slices.Contains(t.backends, backend) }

// stores prints row (f).
func (t *table) stores() error {
	if !t.wants("(f)") {
		return nil
	}
	return t.each("(f)", func(k kind, open func(int) (*bench.Backend, error)) error {
		b, err := open(bench.Users)
		if err != nil {
			return err
		}
		sites, mapped, err := b.Sites()
		if err != nil {
			return err
		}
		if sites != nil {
			if err := t.print(sites, 64, bench.StoreRows("(f) "+b.Name+", user there too", b.Server, sites, k.faster)); err != nil {
				return err
			}
		}
		ready, err := b.Ready()
		if err != nil {
			return err
		}
		if ready != nil {
			if err := t.print(ready, 64, bench.StoreRows("(f) "+b.Name+", ready-made users", b.Server, ready, k.faster)); err != nil {
				return err
			}
		}
		return t.print(mapped, 64, bench.StoreRows("(f) "+b.Name+", session alone", b.Server, mapped, k.faster))
	})
}

// hit prints what a hit in a cache costs.
func (t *table) hit() error {
	if !t.wants("(f)") {
		return nil
	}
	op, err := bench.CacheHit()
	if err != nil {
		return err
	}
	c := bench.Measure(t.rounds, t.slice, op)[0].Cost
	t.fact("(f) a cache in front of a store", fmt.Sprintf("a hit (%.0f allocations)", c.Allocs), short(c.CPU), "≤ 1 µs", c.CPU <= time.Microsecond)
	return nil
}

// growth prints row (k).
func (t *table) growth() error {
	if !t.wants("(k)") {
		return nil
	}
	return t.each("(k)", func(k kind, open func(int) (*bench.Backend, error)) error {
		few, err := open(bench.InTurn)
		if err != nil {
			return err
		}
		many, err := open(bench.InTurn)
		if err != nil {
			return err
		}
		g, err := bench.MeasureGrowth(few, many, t.sessions, t.rounds)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("(k) %d sessions on %s", g.Many, few.Name)
		for _, v := range g.Verbs {
			t.fact(name, fmt.Sprintf("%s (with %d: %s)", v.Verb, g.Few, short(v.Few)),
				fmt.Sprintf("%s, %.2fx", short(v.Many), v.Ratio), "≤ 2.5x", v.Ratio <= 2.5)
		}
		t.fact(name, "kept for each session", fmt.Sprintf("%.0f B", g.Bytes), "", true)
		return nil
	})
}
