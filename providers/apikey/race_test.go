package apikey_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
)

// However many make keys at once, the user has no more than they can have, and no
// fewer.
func TestParallelCreate(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		const limit, callers = 5, 20
		s := newSiteOn(t, store, &apikey.Options{PerUser: limit})
		s.create("ada", apikey.NewKey{Lifetime: time.Second}) // to be tidied up by all of them
		s.clock.Advance(time.Minute)
		s.store.Meet("UserCredentials", callers)
		var made atomic.Int64
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				_, err := s.keys.Create(t.Context(), "ada", apikey.NewKey{Name: fmt.Sprint("key ", i)})
				switch code := codeOf(err); code {
				case "":
					made.Add(1)
				case "too_many_keys":
				default:
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		if n := len(s.list("ada")); made.Load() != limit || n != limit {
			t.Errorf("%d were told that they have a key, and there are %d, want %d", made.Load(), n, limit)
		}
	})
}

// A key that is revoked while requests are using it stays revoked: none that began
// after is let in, and that it was used brings it back at no moment.
func TestRevokeRacesWithUse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		for round := range 20 {
			s.clock.Advance(time.Hour) // so that the first of them writes
			made := s.create("ada", apikey.NewKey{})
			var revoked atomic.Bool
			var wg sync.WaitGroup
			start := make(chan struct{})
			for range 8 {
				wg.Go(func() {
					<-start
					for range 5 {
						before := revoked.Load()
						_, err := s.load(made.Secret)
						switch {
						case err == nil && before:
							t.Errorf("round %d: let in after it was revoked", round)
						case err != nil && !errors.Is(err, auth.ErrBadCredentials):
							t.Errorf("round %d: %v", round, err)
						}
					}
				})
			}
			wg.Go(func() {
				<-start
				if err := s.keys.Revoke(t.Context(), "ada", made.ID); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				revoked.Store(true)
			})
			close(start)
			wg.Wait()
			if _, err := s.load(made.Secret); !errors.Is(err, auth.ErrBadCredentials) {
				t.Errorf("round %d: afterwards: %v", round, err)
			}
		}
		if keys := s.list("ada"); len(keys) != 0 {
			t.Errorf("%d keys have come back", len(keys))
		}
	})
}

// A request that has read the key, and writes that it was used once the key is
// revoked, is refused and writes nothing.
func TestUseWritesAfterRevoke(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		made := s.create("ada", apikey.NewKey{})
		s.store.Reset()
		s.store.Meet("ChangeCredentials", 2) // the request waits for the other, whose change then comes first
		answer := make(chan error)
		go func() {
			_, err := s.load(made.Secret)
			answer <- err
		}()
		for s.store.Called("ChangeCredentials") == 0 {
			time.Sleep(time.Millisecond)
		}
		c, err := store.LoadCredential(t.Context(), "apikey", made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.ChangeCredentials(t.Context(), auth.Change{Old: &c}); err != nil {
			t.Fatal(err)
		}
		s.store.Reset() // lets the request go on
		if err := <-answer; !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("%v", err)
		}
		if _, err := store.LoadCredential(t.Context(), "apikey", made.ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("the key is back: %v", err)
		}
	})
}

// Of many requests at once, one writes that the key was used, and all are let in.
func TestParallelUse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		made := s.create("ada", apikey.NewKey{})
		const n = 20
		s.store.Meet("LoadCredential", n)
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if _, err := s.load(made.Secret); err != nil {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		c, err := store.LoadCredential(t.Context(), "apikey", made.ID)
		if err != nil || c.Version != 2 || !c.UsedAt.Equal(s.clock.Now()) {
			t.Errorf("version %d, used at %v, %v; want one write", c.Version, c.UsedAt, err)
		}
	})
}

// Whoever renames or revokes a key gets their turn, though requests write that it
// is used.
func TestManageMeetsUse(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	s.store.FailAt(2, auth.ErrConflict)
	if err := s.keys.Rename(t.Context(), "ada", made.ID, "renamed"); err != nil {
		t.Error(err)
	}
	if s.list("ada")[0].Name != "renamed" {
		t.Error("not renamed")
	}
	s.store.FailAt(2, auth.ErrConflict)
	if err := s.keys.Revoke(t.Context(), "ada", made.ID); err != nil {
		t.Error(err)
	}
	for n, err := range []error{auth.ErrConflict, auth.ErrExists, auth.ErrNotFound} {
		s.store.FailAt(2, err)
		s.create("ada", apikey.NewKey{})
		if got := len(s.list("ada")); got != n+1 {
			t.Errorf("%d keys after meeting %v", got, err)
		}
	}
}
