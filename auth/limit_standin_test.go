package auth_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// newSplitSite is a site whose limiter is a part of its own.
func newSplitSite(t *testing.T, change func(*auth.Options)) (*site, *authtest.Faults) {
	limiter := authtest.NewFaults(memory.New(nil))
	return newSiteOn(t, auth.Combine(memory.New(nil), auth.Parts{Limiter: limiter}), change), limiter
}

// While the limiter is down people log in, and guesses are counted more strictly; it is
// told of once a minute, and counts again when it is up.
func TestStandIn(t *testing.T) {
	var mu sync.Mutex
	down := 0
	s, limiter := newSplitSite(t, func(o *auth.Options) {
		o.Realm = "x"
		o.Events = append(o.Events, func(_ context.Context, e auth.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Name == "limiter.down" {
				down++
			}
		})
	})
	x := limiter.On("Count", "Forget").Fail(errors.New("down"))
	made := 0
	for range 60 {
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
			made++
		}
	}
	if made != 2 {
		t.Errorf("%d guesses at an account were made; want 2", made)
	}
	if hits := x.Hits(); hits != 1 {
		t.Errorf("a limiter that is down was asked %d times in a moment", hits)
	}
	for i := range 60 {
		v := s.visitor()
		r := v.request("POST", "/", "")
		r.RemoteAddr = "198.51.100.7:1"
		if _, err := s.m.Attempt(r, "password", fmt.Sprint("email:", i), s.m.Nobody()); err == nil {
			made++
		}
	}
	if made != 2+5 {
		t.Errorf("%d guesses of a network were made; want 5", made-2)
	}
	// A right answer forgets what was counted for its account.
	for i := range 4 {
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = fmt.Sprintf("198.51.101.%d:1", i)
		a, err := s.m.Attempt(r, "password", "user:bob", "bob")
		if err != nil {
			t.Fatalf("login %d while the limiter is down: %v", i, err)
		}
		a.Succeeded(nil, r, "bob")
	}
	if down != 1 || strings.Count(s.log.String(), "counting attempts") != 1 {
		t.Errorf("told %d times\n%s", down, s.log)
	}
	for range 12 {
		s.clock.Advance(6 * time.Second)
		s.guess(s.visitor(), "user:ada", "ada")
	}
	if down != 2 {
		t.Errorf("told %d times in 72 seconds; want 2", down)
	}
	x.Stop()
	s.clock.Advance(6 * time.Second)
	made = 0
	for range 60 {
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = fmt.Sprintf("198.51.102.%d:1", made)
		if _, err := s.m.Attempt(r, "password", "user:ada", "ada"); err == nil {
			made++
		}
	}
	if made != 5 {
		t.Errorf("when the limiter is up: %d; want 5", made)
	}
}

// A tabled provider keeps credentials in a table of the host's, and is told of each change.
type tabled struct {
	named
	change func(ctx context.Context)
}

type table struct {
	auth.CredentialStore
	change func(ctx context.Context)
}

func (p tabled) WrapCredentials(inner auth.CredentialStore) auth.CredentialStore {
	return table{inner, p.change}
}

func (t table) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	t.change(ctx)
	return t.CredentialStore.ChangeCredentials(ctx, changes...)
}

// What the host keeps is written outside of the store's transaction, for which it might wait
// for ever, also where the limiter is a part of its own.
func TestStandInAndTable(t *testing.T) {
	for _, split := range []bool{false, true} {
		db := onSQLite(t).(*bunstore.Store)
		store := auth.Store(db)
		if split {
			store = auth.Combine(db, auth.Parts{Limiter: memory.New(nil)})
		}
		changes := 0
		s := newSiteOn(t, store, func(o *auth.Options) {
			o.Providers = append(o.Providers, tabled{named{name: "table"}, func(ctx context.Context) {
				changes++
				if db.DB(ctx) != db.DB(t.Context()) {
					t.Errorf("limiter elsewhere: %v: the host's table is written within a transaction of the store's", split)
				}
			}})
		})
		s.addKey("ada", "new")
		if changes == 0 {
			t.Error("nothing was changed")
		}
	}
}

// A client that has gone is no outage of the limiter, and what no store would count is
// not counted.
func TestStandInIsForOutages(t *testing.T) {
	s, limiter := newSplitSite(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	limiter.On("Count").At(1).Before(func(context.Context) error { cancel(); return context.Canceled })
	r := s.visitor().request("POST", "/", "").WithContext(ctx)
	if _, err := s.m.Attempt(r, "password", "user:ada", "ada"); !errors.Is(err, context.Canceled) {
		t.Errorf("the client has gone: %v", err)
	}
	for range 5 {
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait != 0 {
			t.Error("the stand-in counts, and the limiter is up")
		}
	}
	if _, _, err := s.m.Store().Count(t.Context(), "", time.Second, t0); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
	if _, _, err := s.m.Store().Count(t.Context(), "x", -1, t0); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("no window: %v", err)
	}
	if strings.Contains(s.log.String(), "stand-in") {
		t.Error(s.log)
	}
}

// A store whose limiter is not a part of its own is down with it.
func TestNoStandInForAWholeStore(t *testing.T) {
	whole := authtest.NewFaults(memory.New(nil))
	for name, store := range map[string]auth.Store{"alone": whole, "combined": auth.Combine(whole, auth.Parts{Sessions: memory.New(nil)})} {
		s := newSiteOn(t, store, nil)
		x := whole.On("Count").Fail(errDown)
		if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "password", "user:ada", "ada"); !errors.Is(err, errDown) {
			t.Errorf("%s: %v", name, err)
		}
		x.Stop()
	}
}

// However many names are made up, the stand-in does not grow without end, and forgets
// nothing for them.
func TestStandInIsBounded(t *testing.T) {
	s, limiter := newSplitSite(t, nil)
	limiter.On("Count").Fail(errors.New("down"))
	store, ctx := s.m.Store(), t.Context()
	count := func(key string, window time.Duration) int64 {
		n, _, err := store.Count(ctx, key, window, s.m.Now())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	count("hot", time.Hour)
	hot := count("hot", time.Hour)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const many = 300_000
	last := int64(0)
	for i := range many {
		last = count(fmt.Sprintf("attempts:%043d", i), time.Hour)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("%d counters take %d MiB", many, grown>>20)
	}
	if last < 1000 {
		t.Errorf("what comes when it is full begins at %d", last)
	}
	if n := count("hot", time.Hour); n <= hot {
		t.Errorf("a counter was %d, and after many others %d", hot, n)
	}
	s.clock.Advance(time.Hour)
	if n := count("fresh", time.Hour); n != 1 {
		t.Errorf("an hour later it is full still: %d", n)
	}
	runtime.KeepAlive(s)
}
