package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

var errHost = errors.New("the host changed its mind")

// everyHost runs f as a subtest for each kind of database, with what makes a
// store and a table of the host's beside it.
func everyHost(t *testing.T, f func(t *testing.T, newHost func(t *testing.T, opts bunstore.Options) *bunstore.Store)) {
	host := func(t *testing.T, s *bunstore.Store) *bunstore.Store {
		t.Helper()
		raw(t, s, "CREATE TABLE {p}teams (name VARCHAR(100))")
		return s
	}
	t.Run("SQLite", func(t *testing.T) {
		f(t, func(t *testing.T, opts bunstore.Options) *bunstore.Store {
			return host(t, newStore(t, newFile(t), &opts))
		})
	})
	everyServer(t, func(t *testing.T, v server) {
		f(t, func(t *testing.T, opts bunstore.Options) *bunstore.Store { return host(t, v.store(t, "", opts)) })
	})
}

// register writes the host's own row, a user and two credentials.
func register(ctx context.Context, s *bunstore.Store) (id string, err error) {
	if _, err := s.DB(ctx).NewRaw(s.Named("INSERT INTO {p}teams (name) VALUES ('A')")).Exec(ctx); err != nil {
		return "", err
	}
	if id, err = s.Users().CreateUser(ctx, auth.Profile{Name: "Ada"}); err != nil {
		return "", err
	}
	if err := s.CreateSession(ctx, newSession(1, id)); err != nil {
		return "", err
	}
	return id, s.ChangeCredentials(ctx, create("email", "ada@example.com", id), create("account", id, id))
}

// kept says how much of what register wrote is there.
func kept(t *testing.T, s *bunstore.Store, id string) int {
	t.Helper()
	ctx := t.Context()
	var n int
	if err := s.DB(ctx).NewRaw(s.Named("SELECT count(*) FROM {p}teams")).Scan(ctx, &n); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(s.Users().LoadUser(ctx, id)),
		second(s.LoadSession(ctx, auth.SessionID{1, 1})),
		second(s.LoadCredential(ctx, "email", "ada@example.com")),
		second(s.LoadCredential(ctx, "account", id)),
	} {
		switch {
		case err == nil:
			n++
		case !errors.Is(err, auth.ErrNotFound):
			t.Fatal(err)
		}
	}
	return n
}

const all = 5

func TestInTx(t *testing.T) {
	everyHost(t, testInTx)
}

func testInTx(t *testing.T, newHost func(t *testing.T, opts bunstore.Options) *bunstore.Store) {
	for _, opts := range []bunstore.Options{{}, {NoPrepare: true}} {
		t.Run(fmt.Sprint("NoPrepare ", opts.NoPrepare), func(t *testing.T) {
			ctx := t.Context()
			t.Run("commit", func(t *testing.T) {
				s := newHost(t, opts)
				var id string
				err := s.InTx(ctx, func(ctx context.Context) (err error) {
					if id, err = register(ctx, s); err != nil {
						return err
					}
					if n := kept(t, s, id); n != 0 {
						t.Errorf("from outside, %d of %d are seen before the commit", n, all)
					}
					_, err = s.LoadCredential(ctx, "account", id)
					return err // seen from inside
				})
				if n := kept(t, s, id); err != nil || n != all {
					t.Errorf("got %v and %d of %d", err, n, all)
				}
			})
			t.Run("error", func(t *testing.T) {
				s := newHost(t, opts)
				var id string
				err := s.InTx(ctx, func(ctx context.Context) (err error) {
					if id, err = register(ctx, s); err != nil {
						return err
					}
					return errHost
				})
				if n := kept(t, s, id); err != errHost || n != 0 {
					t.Errorf("got %v and %d of %d, want the host's error and none", err, n, all)
				}
			})
			t.Run("panic", func(t *testing.T) {
				s := newHost(t, opts)
				var id string
				func() {
					defer func() { recover() }()
					_ = s.InTx(ctx, func(ctx context.Context) error {
						id, _ = register(ctx, s)
						panic("boom")
					})
				}()
				if n := kept(t, s, id); n != 0 {
					t.Errorf("%d of %d are left after a panic", n, all)
				}
				if err := s.CreateSession(ctx, newSession(9, "u")); err != nil {
					t.Errorf("after a panic: %v", err)
				}
			})
			t.Run("nested", func(t *testing.T) {
				s := newHost(t, opts)
				var id string
				err := s.InTx(ctx, func(ctx context.Context) (err error) {
					if id, err = register(ctx, s); err != nil {
						return err
					}
					// What fails inside leaves nothing behind, and the outer
					// goes on.
					err = s.InTx(ctx, func(ctx context.Context) error {
						if _, err := register(ctx, s); !errors.Is(err, auth.ErrExists) {
							t.Errorf("second registration: got %v, want ErrExists", err)
						}
						return errHost
					})
					if err != errHost {
						t.Errorf("inner InTx: got %v", err)
					}
					return s.InTx(ctx, func(ctx context.Context) error { return s.CreateSession(ctx, newSession(2, id)) })
				})
				if n := kept(t, s, id); err != nil || n != all {
					t.Errorf("got %v and %d, want %d", err, n, all)
				}
				if _, err := s.LoadSession(ctx, auth.SessionID{2, 1}); err != nil {
					t.Errorf("what the second inner one kept: %v", err)
				}
			})
			t.Run("changes of which one fails", func(t *testing.T) {
				s := newHost(t, opts)
				err := s.InTx(ctx, func(ctx context.Context) error {
					if err := s.ChangeCredentials(ctx, create("k", "2", "u")); err != nil {
						return err
					}
					err := s.ChangeCredentials(ctx, create("k", "1", "u"), create("k", "2", "u"), create("k", "3", "u"))
					if !errors.Is(err, auth.ErrExists) {
						t.Errorf("got %v, want ErrExists", err)
					}
					return nil // the host lives with it
				})
				list, _ := s.UserCredentials(ctx, "u")
				if err != nil || len(list) != 1 {
					t.Errorf("got %v and %d credentials, want one", err, len(list))
				}
			})
			t.Run("inner context ends", func(t *testing.T) {
				s := newHost(t, opts)
				err := s.InTx(ctx, func(ctx context.Context) error {
					short, cancel := context.WithCancel(ctx)
					err := s.InTx(short, func(ctx context.Context) error {
						if err := s.ChangeCredentials(ctx, create("k", "1", "u")); err != nil {
							return err
						}
						cancel()
						return s.ChangeCredentials(ctx, create("k", "2", "u"))
					})
					if !errors.Is(err, context.Canceled) {
						t.Errorf("inner: got %v, want Canceled", err)
					}
					return s.ChangeCredentials(ctx, create("k", "3", "u"))
				})
				list, _ := s.UserCredentials(ctx, "u")
				if err != nil || len(list) != 1 || list[0].Key != "3" {
					t.Errorf("got %v and %v, want only 3", err, list)
				}
			})
		})
	}
}

// TestWithTx joins a transaction that the host has begun.
func TestWithTx(t *testing.T) {
	everyHost(t, testWithTx)
}

func testWithTx(t *testing.T, newHost func(t *testing.T, opts bunstore.Options) *bunstore.Store) {
	for _, commit := range []bool{true, false} {
		s := newHost(t, bunstore.Options{})
		ctx := t.Context()
		var id string
		err := s.DB(ctx).RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) (err error) {
			ctx = s.WithTx(ctx, tx)
			if s.DB(ctx) != bun.IDB(tx) {
				t.Error("DB is not the transaction")
			}
			if id, err = register(ctx, s); err == nil && !commit {
				err = errHost
			}
			return err
		})
		want := 0
		if commit {
			want = all
		} else if err == errHost {
			err = nil
		}
		if n := kept(t, s, id); n != want || err != nil {
			t.Errorf("commit %t: %d of %d are there, %v", commit, n, all, err)
		}
	}
}

// TestTxOfAnotherDatabase has the context of one store's transaction given to
// a store in another database.
func TestTxOfAnotherDatabase(t *testing.T) {
	ctx := t.Context()
	a, b := newStore(t, newFile(t), nil), newStore(t, newFile(t), nil)
	_ = a.InTx(ctx, func(ctx context.Context) error {
		if err := b.CreateSession(ctx, newSession(1, "u")); err != nil {
			t.Error(err)
		}
		return errHost
	})
	if _, err := b.LoadSession(ctx, auth.SessionID{1, 1}); err != nil {
		t.Errorf("the other store: %v", err)
	}
}

// TestReadThenWrite has transactions that read first, which in SQLite cannot
// write later unless they began as writers, on a database that the host opened
// and another process writes too.
func TestReadThenWrite(t *testing.T) {
	ctx := t.Context()
	dsn := newFile(t) + "&_txlock=deferred"
	stores := []*bunstore.Store{newStore(t, dsn, nil), newStore(t, dsn, nil)}
	s := stores[0]
	var wg sync.WaitGroup
	for i := range 8 {
		s := stores[i%2]
		wg.Go(func() {
			for range 10 {
				err := s.InTx(ctx, func(ctx context.Context) error {
					c, err := s.LoadCredential(ctx, "n", "n")
					switch {
					case errors.Is(err, auth.ErrNotFound):
						return s.ChangeCredentials(ctx, create("n", "n", "u"))
					case err != nil:
						return err
					}
					return s.ChangeCredentials(ctx, auth.Change{Old: &c, New: &c})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if c, err := s.LoadCredential(ctx, "n", "n"); c.Version != 80 || err != nil {
		t.Errorf("got version %d, %v, want 80", c.Version, err)
	}
}

// TestWaitingWriterLeaves has a verb wait for a transaction until its context
// ends.
func TestWaitingWriterLeaves(t *testing.T) {
	ctx := t.Context()
	s := newStore(t, newFile(t), nil)
	err := s.InTx(ctx, func(inner context.Context) error {
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		if err := s.CreateSession(short, newSession(1, "u")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		_, err := s.LoadSession(ctx, auth.SessionID{1}) // readers do not wait
		if !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("LoadSession: %v", err)
		}
		return s.CreateSession(inner, newSession(1, "u"))
	})
	if err != nil {
		t.Error(err)
	}
}
