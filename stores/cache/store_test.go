package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var errDown = errors.New("the database is down")

// spy is what the cache asks: it counts loads, and may hold them up or fail.
type spy struct {
	auth.Store
	mu     sync.Mutex
	loads  int
	fail   error
	before func(ctx context.Context) // of a load
	after  func()                    // a load has its answer, which is not given yet
}

func newSpy() *spy { return &spy{Store: memory.New(nil)} }

func (s *spy) Unwrap() any { return s.Store }

func (s *spy) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *spy) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	s.mu.Lock()
	s.loads++
	fail, before, after := s.fail, s.before, s.after
	s.mu.Unlock()
	if before != nil {
		before(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if fail != nil {
		return nil, fail
	}
	v, err := s.Store.LoadSession(ctx, id)
	if after != nil {
		after()
	}
	return v, err
}

// asked returns how many loads there were since it was called last.
func (s *spy) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.loads
	s.loads = 0
	return n
}

func id(n int) (id auth.SessionID) {
	// As digests are: the first byte says nothing of the others.
	id[0], id[1], id[2], id[3] = byte(n*37), byte(n), byte(n>>8), byte(n>>16)
	id[31] = 1
	return id
}

func session(n int, user string) *auth.Session {
	return &auth.Session{ID: id(n), UserID: user, Version: 1, CreatedAt: t0, SeenAt: t0, EndsAt: t0.Add(time.Hour), ExpiresAt: t0.Add(time.Hour)}
}

// set is a cache with two sessions of ada's and one of bob's, all remembered.
func set(t *testing.T, opts *cachestore.Options) (*cachestore.Store, *spy, *authtest.Clock) {
	t.Helper()
	below, clock := newSpy(), authtest.NewClock(t0)
	if opts == nil {
		opts = &cachestore.Options{}
	}
	opts.Now = clock.Now
	c := newCache(t, below, opts)
	for n, user := range []string{"ada", "ada", "bob"} {
		if err := c.CreateSession(t.Context(), session(n, user)); err != nil {
			t.Fatal(err)
		}
		load(t, c, n, nil)
	}
	below.asked()
	return c, below, clock
}

func load(t *testing.T, c auth.SessionStore, n int, want error) *auth.Session {
	t.Helper()
	s, err := c.LoadSession(t.Context(), id(n))
	if !errors.Is(err, want) {
		t.Errorf("session %d: error %v, want %v", n, err, want)
	}
	return s
}

func TestOptions(t *testing.T) {
	db := memory.New(nil)
	var none *memory.Store
	cached := newCache(t, db, nil)
	for name, tt := range map[string]struct {
		sessions auth.SessionStore
		opts     *cachestore.Options
		want     []string
	}{
		"defaults":       {db, nil, nil},
		"all":            {db, &cachestore.Options{TTL: time.Minute, Sessions: 1, Now: time.Now}, nil},
		"no store":       {nil, nil, []string{"SessionStore"}},
		"nil store":      {none, nil, []string{"SessionStore"}},
		"too long":       {db, &cachestore.Options{TTL: time.Minute + 1}, []string{"Options.TTL"}},
		"too short":      {db, &cachestore.Options{TTL: 1}, []string{"Options.TTL"}},
		"too many":       {db, &cachestore.Options{Sessions: 1e6 + 1}, []string{"Options.Sessions"}},
		"of a cache":     {cached, nil, []string{"has a cache already"}},
		"of a cache, in": {auth.Combine(db, auth.Parts{Sessions: cached}), nil, []string{"has a cache already"}},
		"of none, in":    {auth.Combine(db, auth.Parts{}), nil, nil},
		"everything":     {none, &cachestore.Options{TTL: -1, Sessions: -1}, []string{"SessionStore", "Options.TTL", "Options.Sessions"}},
	} {
		_, err := cachestore.New(tt.sessions, tt.opts)
		if (err == nil) != (len(tt.want) == 0) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
		for _, want := range tt.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: nothing about %s in %v", name, want, err)
			}
		}
	}
}

// A session is asked for once in a TTL, counted from before it was asked for.
func TestTTL(t *testing.T) {
	for _, tt := range []struct{ ttl, is time.Duration }{{0, time.Second}, {time.Minute, time.Minute}} {
		c, below, clock := set(t, &cachestore.Options{TTL: tt.ttl})
		first := load(t, c, 0, nil)
		clock.Advance(tt.is - 1)
		if again := load(t, c, 0, nil); again != first || below.asked() != 0 {
			t.Errorf("TTL %v: within it the store was asked", tt.ttl)
		}
		clock.Advance(1)
		if load(t, c, 0, nil); below.asked() != 1 {
			t.Errorf("TTL %v: after it the store was not asked", tt.ttl)
		}
		// The answer takes its time; what it says is as old as the question.
		below.set(func() { below.after = func() { clock.Advance(tt.is / 2) } })
		load(t, c, 1, nil)
		below.set(func() { below.after = nil })
		below.asked()
		clock.Advance(tt.is / 2)
		if load(t, c, 1, nil); below.asked() != 1 {
			t.Errorf("TTL %v: counted from when the store had answered", tt.ttl)
		}
		// A clock that is set back makes nothing live longer.
		clock.Advance(-time.Hour)
		if load(t, c, 1, nil); below.asked() != 1 {
			t.Errorf("TTL %v: with a clock that was set back the store was not asked", tt.ttl)
		}
	}
}

// What has ended through the cache is dead at once, as is what has been changed.
func TestWritesAreSeenAtOnce(t *testing.T) {
	ctx := context.Background()
	c, below, _ := set(t, nil)
	if err := c.DeleteSession(ctx, id(0)); err != nil {
		t.Fatal(err)
	}
	load(t, c, 0, auth.ErrNotFound)
	if err := c.CreateSession(ctx, session(3, "ada")); err != nil {
		t.Fatal(err)
	}
	load(t, c, 3, nil)
	below.asked()
	if err := c.DeleteUserSessions(ctx, "ada", id(3)); err != nil {
		t.Fatal(err)
	}
	load(t, c, 1, auth.ErrNotFound)
	below.asked()
	load(t, c, 2, nil)
	load(t, c, 3, nil)
	if n := below.asked(); n != 0 {
		t.Errorf("others were forgotten as well: asked %d times", n)
	}
	stale := *load(t, c, 2, nil)
	stale.Stale = true
	if err := c.UpdateSession(ctx, &stale); err != nil {
		t.Fatal(err)
	}
	if s := load(t, c, 2, nil); !s.Stale || s.Version != 2 {
		t.Errorf("after an update %+v", s)
	}
	if all, err := c.UserSessions(ctx, "bob"); err != nil || len(all) != 1 || !all[0].Stale {
		t.Errorf("%+v, %v", all, err)
	}
}

// What another process does is seen after a TTL, and a write that meets it makes
// the cache ask again at once.
func TestOtherProcess(t *testing.T) {
	ctx := context.Background()
	c, below, clock := set(t, nil)
	other := newCache(t, below.Store, &cachestore.Options{Now: clock.Now})

	seen := *load(t, other, 0, nil)
	seen.SeenAt = t0.Add(time.Minute)
	if err := other.UpdateSession(ctx, &seen); err != nil {
		t.Fatal(err)
	}
	old := *load(t, c, 0, nil)
	if old.Version != 1 {
		t.Fatal("this is no cache")
	}
	if err := c.UpdateSession(ctx, &old); !errors.Is(err, auth.ErrConflict) {
		t.Errorf("an update of what is old: %v", err)
	}
	if s := load(t, c, 0, nil); s.Version != 2 || !s.SeenAt.Equal(seen.SeenAt) {
		t.Errorf("after a conflict %+v", s)
	}

	for n := range 2 {
		load(t, c, n, nil)
	}
	if err := other.DeleteUserSessions(ctx, "ada"); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second - 1)
	load(t, c, 0, nil)
	if err := c.UpdateSession(ctx, load(t, c, 0, nil)); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("an update of what has ended: %v", err)
	}
	load(t, c, 0, auth.ErrNotFound)
	load(t, c, 1, nil)
	clock.Advance(1)
	load(t, c, 1, auth.ErrNotFound)
}

// What has expired by what is remembered may have been given more time.
func TestExpired(t *testing.T) {
	c, below, clock := set(t, &cachestore.Options{TTL: time.Minute})
	clock.Advance(time.Hour - time.Second)
	load(t, c, 0, nil)
	more := *load(t, c, 0, nil)
	more.ExpiresAt = t0.Add(2 * time.Hour)
	if err := below.UpdateSession(t.Context(), &more); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	if s := load(t, c, 0, nil); !s.ExpiresAt.Equal(more.ExpiresAt) {
		t.Errorf("expires at %v", s.ExpiresAt)
	}
}

// Neither a failure nor that there is nothing is remembered.
func TestNothingIsRememberedOfNothing(t *testing.T) {
	c, below, _ := set(t, nil)
	load(t, c, 7, auth.ErrNotFound)
	if err := below.Store.CreateSession(t.Context(), session(7, "ada")); err != nil { // by another process
		t.Fatal(err)
	}
	load(t, c, 7, nil)
	below.set(func() { below.fail = errDown })
	load(t, c, 7, nil)
	if err := c.DeleteSession(t.Context(), id(7)); err != nil {
		t.Fatal(err)
	}
	load(t, c, 7, errDown)
	below.set(func() { below.fail = nil })
	load(t, c, 7, auth.ErrNotFound)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.LoadSession(ended, id(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// failing does what it is told and then says that it has not.
type failing struct{ auth.Store }

func (f failing) DeleteSession(ctx context.Context, id auth.SessionID) error {
	return errors.Join(f.Store.DeleteSession(ctx, id), errDown)
}

func (f failing) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	return errors.Join(f.Store.DeleteUserSessions(ctx, userID, except...), errDown)
}

func (f failing) UpdateSession(ctx context.Context, s *auth.Session) error {
	return errors.Join(f.Store.UpdateSession(ctx, s), errDown)
}

// A write whose answer was lost may have been done.
func TestLostAnswers(t *testing.T) {
	ctx := context.Background()
	for name, write := range map[string]func(c auth.SessionStore) error{
		"DeleteSession":      func(c auth.SessionStore) error { return c.DeleteSession(ctx, id(0)) },
		"DeleteUserSessions": func(c auth.SessionStore) error { return c.DeleteUserSessions(ctx, "ada") },
		"UpdateSession": func(c auth.SessionStore) error {
			s := session(0, "ada")
			s.Stale = true
			return c.UpdateSession(ctx, s)
		},
	} {
		below := memory.New(nil)
		clock := authtest.NewClock(t0)
		c := newCache(t, failing{below}, &cachestore.Options{Now: clock.Now})
		if err := c.CreateSession(ctx, session(0, "ada")); err != nil {
			t.Fatal(err)
		}
		load(t, c, 0, nil)
		if err := write(c); !errors.Is(err, errDown) {
			t.Errorf("%s: error %v", name, err)
		}
		if s, err := c.LoadSession(ctx, id(0)); err == nil && !s.Stale {
			t.Errorf("%s: there still is what was before", name)
		}
	}
}

// An answer that was on its way while the session ended is not remembered, nor is
// it given to anybody who asks after that.
func TestEndWhileAsking(t *testing.T) {
	for name, end := range map[string]func(c auth.SessionStore) error{
		"DeleteSession":      func(c auth.SessionStore) error { return c.DeleteSession(context.Background(), id(5)) },
		"DeleteUserSessions": func(c auth.SessionStore) error { return c.DeleteUserSessions(context.Background(), "ada") },
		"UpdateSession": func(c auth.SessionStore) error {
			s := session(5, "ada")
			s.Stale = true
			return c.UpdateSession(context.Background(), s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := context.Background()
				below := newSpy()
				c := newCache(t, below, &cachestore.Options{Now: func() time.Time { return t0 }})
				if err := c.CreateSession(ctx, session(5, "ada")); err != nil {
					t.Fatal(err)
				}
				arrived, goOn := make(chan struct{}), make(chan struct{})
				below.after = func() {
					arrived <- struct{}{}
					<-goOn
				}
				before := make(chan error, 2)
				ask := func() {
					_, err := c.LoadSession(ctx, id(5))
					before <- err
				}
				go ask()
				<-arrived // it has the answer
				go ask()
				synctest.Wait() // and somebody waits for it
				if err := end(c); err != nil {
					t.Fatal(err)
				}
				below.set(func() { below.after = nil })
				check := func(when string) {
					t.Helper()
					s, err := c.LoadSession(ctx, id(5))
					if name == "UpdateSession" && (err != nil || !s.Stale) || name != "UpdateSession" && !errors.Is(err, auth.ErrNotFound) {
						t.Errorf("%s: %+v, %v", when, s, err)
					}
				}
				check("while the old answer is on its way")
				close(goOn)
				for range 2 {
					if err := <-before; err != nil { // they had asked before it ended
						t.Error(err)
					}
				}
				check("once it has arrived")
				if n := below.asked(); n < 2 || n > 3 {
					t.Errorf("the store was asked %d times", n)
				}
			})
		})
	}
}

// Who asks once a session has begun finds it, whoever has asked before.
func TestBeginWhileAsking(t *testing.T) {
	below := newSpy()
	c := newCache(t, below, &cachestore.Options{Now: func() time.Time { return t0 }})
	arrived, goOn := make(chan struct{}), make(chan struct{})
	below.after = func() {
		arrived <- struct{}{}
		<-goOn
	}
	early := make(chan error)
	go func() {
		_, err := c.LoadSession(context.Background(), id(0))
		early <- err
	}()
	<-arrived
	below.set(func() { below.after = nil })
	if err := c.CreateSession(t.Context(), session(0, "ada")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := c.LoadSession(ctx, id(0)); err != nil {
		t.Error(err)
	}
	close(goOn)
	if err := <-early; !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("who had asked before: %v", err)
	}
	load(t, c, 0, nil)
}

// Of many that want a session at once one asks. If it gives up, or panics, the
// others are not the worse for it.
func TestOneAsks(t *testing.T) {
	const n = 20
	for name, tt := range map[string]struct {
		before func(cancel func()) func(ctx context.Context) // of the first load
		loads  int
		first  string
	}{
		"and is answered": {func(func()) func(context.Context) { return nil }, 1, ""},
		"and gives up": {func(cancel func()) func(context.Context) {
			return func(context.Context) { cancel() }
		}, 2, context.Canceled.Error()},
		"and panics": {func(func()) func(context.Context) {
			return func(context.Context) { panic("oh") }
		}, 2, "oh"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				below := newSpy()
				c := newCache(t, below, &cachestore.Options{Now: func() time.Time { return t0 }})
				if err := c.CreateSession(context.Background(), session(0, "ada")); err != nil {
					t.Fatal(err)
				}
				goOn := make(chan struct{})
				firstCtx, cancel := context.WithCancel(context.Background())
				defer cancel()
				once := tt.before(cancel)
				var first sync.Once
				below.before = func(ctx context.Context) {
					<-goOn
					first.Do(func() {
						if once != nil {
							once(ctx)
						}
					})
				}
				firstErr := make(chan any, 1)
				go func() {
					var err any
					defer func() {
						if p := recover(); p != nil {
							err = p
						}
						firstErr <- err
					}()
					if _, e := c.LoadSession(firstCtx, id(0)); e != nil {
						err = e
					}
				}()
				synctest.Wait()
				errs := make(chan error, n)
				for range n {
					go func() {
						s, err := c.LoadSession(context.Background(), id(0))
						if err == nil && s.UserID != "ada" {
							err = errors.New("another session")
						}
						errs <- err
					}()
				}
				gone, leave := context.WithCancel(context.Background())
				left := make(chan error)
				go func() {
					_, err := c.LoadSession(gone, id(0))
					left <- err
				}()
				synctest.Wait()
				leave() // who waits may go
				if err := <-left; !errors.Is(err, context.Canceled) {
					t.Errorf("who left was told %v", err)
				}
				close(goOn)
				got := ""
				if err := <-firstErr; err != nil {
					got = fmt.Sprint(err)
				}
				if got != tt.first {
					t.Errorf("the first was told %q, want %q", got, tt.first)
				}
				for range n {
					if err := <-errs; err != nil {
						t.Error(err)
					}
				}
				if got := below.asked(); got != tt.loads {
					t.Errorf("the store was asked %d times, want %d", got, tt.loads)
				}
			})
		})
	}
}

// There are never more than were asked for, and what goes is what was read first.
func TestBound(t *testing.T) {
	for _, max := range []int{1, 2, 100, 1000, 10_000} {
		c, below, clock := set(t, &cachestore.Options{Sessions: max})
		const n = 20_000
		for i := range n {
			if i < 3 {
				continue
			}
			if err := below.CreateSession(t.Context(), session(i, "u")); err != nil {
				t.Fatal(err)
			}
			load(t, c, i, nil)
			clock.Advance(time.Microsecond)
		}
		below.asked()
		if got := c.Len(); got > max || got < max*9/10 {
			t.Errorf("of at most %d there are %d", max, got)
		}
		load(t, c, n-1, nil)
		if below.asked() != 0 {
			t.Errorf("at most %d: the last was forgotten", max)
		}
		load(t, c, 3, nil)
		if below.asked() != 1 {
			t.Errorf("at most %d: the first is remembered", max)
		}
	}
	// What is of no use any more makes room by itself.
	c, below, clock := set(t, &cachestore.Options{Sessions: 10_000})
	for i := range 1000 {
		if i < 3 {
			continue
		}
		if err := below.CreateSession(t.Context(), session(i, "u")); err != nil {
			t.Fatal(err)
		}
		load(t, c, i, nil)
		clock.Advance(100 * time.Millisecond)
	}
	if got := c.Len(); got > 200 { // each of 64 shards keeps what it has until it is given something
		t.Errorf("there are %d, ten of which are of use", got)
	}
}

// In a transaction nothing is from memory, and nothing of it is remembered.
func TestTransaction(t *testing.T) {
	db, clock := onSQLite(t), authtest.NewClock(t0)
	c := newCache(t, db, &cachestore.Options{Now: clock.Now})
	ctx := t.Context()
	if err := c.CreateSession(ctx, session(0, "ada")); err != nil {
		t.Fatal(err)
	}
	load(t, c, 0, nil)
	errNo := errors.New("no")
	err := db.InTx(ctx, func(ctx context.Context) error {
		if err := db.DeleteSession(ctx, id(0)); err != nil { // not through the cache
			return err
		}
		if _, err := c.LoadSession(ctx, id(0)); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("from memory: %v", err)
		}
		if err := db.CreateSession(ctx, session(1, "ada")); err != nil {
			return err
		}
		if _, err := c.LoadSession(ctx, id(1)); err != nil {
			t.Errorf("what was written in it: %v", err)
		}
		return errNo
	})
	if !errors.Is(err, errNo) {
		t.Fatal(err)
	}
	load(t, c, 1, auth.ErrNotFound)
	load(t, c, 0, nil)
}
