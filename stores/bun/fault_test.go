package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// isOutage wants err to be an outage: none of the outcomes of a store.
func isOutage(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want an outage", what)
	}
	for _, outcome := range []error{auth.ErrNotFound, auth.ErrExists, auth.ErrConflict, auth.ErrInvalid} {
		if errors.Is(err, outcome) {
			t.Errorf("%s: got %v, want an outage", what, err)
		}
	}
}

// connectionID and kill are how a server calls a connection and ends it.
func (v server) connectionID(t *testing.T, conn interface {
	QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row
}) (id int) {
	t.Helper()
	q := "SELECT pg_backend_pid()"
	if v.name == "MySQL" {
		q = "SELECT CONNECTION_ID()"
	}
	must(t, conn.QueryRowContext(context.Background(), q).Scan(&id))
	return id
}

func (v server) kill(t *testing.T, by *bun.DB, id int) {
	t.Helper()
	q := "SELECT pg_terminate_backend(%d)"
	if v.name == "MySQL" {
		q = "KILL %d"
	}
	_, err := by.DB.ExecContext(context.Background(), fmt.Sprintf(q, id))
	must(t, err)
}

// TestConnectionsKilled ends every connection of the pool, as a restart of the
// server does. Each may fail one verb; then the store has recovered by itself.
func TestConnectionsKilled(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ctx := t.Context()
		const conns = 4
		s := v.store(t, fmt.Sprint("pool_max_conns=", conns), bunstore.Options{})
		must(t, s.CreateSession(ctx, newSession(9, "other")))
		for round := range 3 {
			var held []*sql.Conn
			var ids []int
			for range conns {
				conn, err := s.SQLDB().Conn(ctx)
				must(t, err)
				for conn.PingContext(ctx) != nil { // one that is left of the last round
					conn.Close()
					conn, err = s.SQLDB().Conn(ctx)
					must(t, err)
				}
				held, ids = append(held, conn), append(ids, v.connectionID(t, conn))
			}
			for _, conn := range held {
				must(t, conn.Close())
			}
			other := v.db(t, "")
			for _, id := range ids {
				v.kill(t, other, id)
			}
			failed := 0
			for i := range 3 * conns {
				var err error
				if i%2 == 0 {
					_, err = s.LoadSession(ctx, auth.SessionID{9, 1})
				} else {
					_, _, err = s.Count(ctx, "other", 0, day)
				}
				if err != nil {
					failed++
					isOutage(t, "after the connection was killed", err)
				}
			}
			if failed > conns {
				t.Errorf("round %d: %d verbs failed, want at most one for each connection", round, failed)
			}
		}
		for i := 0; i < conns; i++ { // may be left
			_, _ = s.LoadSession(ctx, auth.SessionID{9, 1})
		}
		everyVerb(t, s)
	})
}

// TestConnectionKilledInTx ends the connection of a transaction: nothing of it
// is kept, and the host is told even if it does not listen.
func TestConnectionKilledInTx(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ctx := t.Context()
		s := v.store(t, "", bunstore.Options{})
		err := s.InTx(ctx, func(ctx context.Context) error {
			must(t, s.ChangeCredentials(ctx, create("k", "1", "u")))
			v.kill(t, v.db(t, ""), v.connectionID(t, s.DB(ctx).(bun.Tx)))
			isOutage(t, "in the transaction", s.ChangeCredentials(ctx, create("k", "2", "u")))
			return nil
		})
		isOutage(t, "InTx", err)
		if list, err := s.UserCredentials(ctx, "u"); len(list) != 0 || err != nil {
			t.Errorf("left: %v, %v", list, err)
		}
		everyVerb(t, s)
	})
}

// TestContextEndsInTx ends the context in the middle of a transaction.
func TestContextEndsInTx(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.InTx(ctx, func(ctx context.Context) error {
			must(t, s.ChangeCredentials(ctx, create("k", "1", "u"), create("k", "2", "u")))
			cancel()
			return nil
		})
		isOutage(t, "InTx", err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want Canceled", err)
		}
		if list, err := s.UserCredentials(t.Context(), "u"); len(list) != 0 || err != nil {
			t.Errorf("left: %v, %v", list, err)
		}
		everyVerb(t, s)
	})
}

// TestDeadlockOfTheHost has two transactions of the host wait for one another.
// The database gives up one of them: of that nothing is kept, even if the host
// goes on as if nothing had happened, and the other is whole.
func TestDeadlockOfTheHost(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		for _, own := range []bool{false, true} {
			ctx := t.Context()
			s := v.store(t, "", bunstore.Options{})
			must(t, s.ChangeCredentials(ctx, create("k", "a", "x"), create("k", "b", "x")))
			raise := func(ctx context.Context, key string) error {
				c, err := s.LoadCredential(ctx, "k", key)
				if err != nil {
					return err
				}
				return s.ChangeCredentials(ctx, auth.Change{Old: &c, New: &c})
			}
			inTx := s.InTx
			if own { // begun by the host
				inTx = func(ctx context.Context, f func(ctx context.Context) error) error {
					return s.DB(ctx).RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return f(s.WithTx(ctx, tx)) })
				}
			}
			var met sync.WaitGroup
			met.Add(2)
			errs := make([]error, 2)
			var wg sync.WaitGroup
			for i, keys := range [][]string{{"a", "b"}, {"b", "a"}} {
				wg.Go(func() {
					errs[i] = inTx(ctx, func(ctx context.Context) error {
						err := errors.Join(s.ChangeCredentials(ctx, create("of", fmt.Sprint(i), "u")), raise(ctx, keys[0]))
						met.Done()
						met.Wait()
						if err != nil {
							return err
						}
						if err := raise(ctx, keys[1]); err != nil {
							isOutage(t, "the victim", err)
							_, _ = s.LoadCredential(ctx, "k", "a")
							_ = s.ChangeCredentials(ctx, create("after", fmt.Sprint(i), "u"))
						}
						return nil
					})
				})
			}
			wg.Wait()
			var victims []int
			for i, err := range errs {
				if err != nil {
					isOutage(t, "the victim's transaction", err)
					victims = append(victims, i)
				}
			}
			list, err := s.UserCredentials(ctx, "u")
			must(t, err)
			if len(victims) != 1 || len(list) != 1 || list[0].Key != fmt.Sprint(1-victims[0]) {
				t.Errorf("own %t: errors %v, and left are %v", own, errs, list)
			}
			for _, key := range []string{"a", "b"} {
				if c, err := s.LoadCredential(ctx, "k", key); c.Version != 2 || err != nil {
					t.Errorf("own %t: %s has version %d, %v, want 2", own, key, c.Version, err)
				}
			}
		}
	})
}

// countAtOnce has transactions count one key at once, of which every third is rolled back,
// and fails if another is given up because of that.
func countAtOnce(t *testing.T, s *bunstore.Store, key string) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			err := s.InTx(t.Context(), func(ctx context.Context) error {
				if err := third(s.Count(ctx, key, 0, day)); err != nil || i%3 != 0 {
					return err
				}
				return errHost
			})
			if err != nil && !errors.Is(err, errHost) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, _, err := s.Count(t.Context(), key, 0, day); n != 9 || err != nil {
		t.Errorf("counted %d, %v, want 9", n, err)
	}
}

// TestCountersEmptied empties the table of counters, as an operator may who wants nobody
// to wait. Once a transaction that counts has committed, no other is given up because of one
// that began to count and is rolled back.
func TestCountersEmptied(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ctx := t.Context()
		s := v.store(t, "", bunstore.Options{})
		must(t, third(s.Count(ctx, "k", 0, day)), second(s.SQLDB().ExecContext(ctx, s.Named("DELETE FROM {p}counters"))))
		must(t, s.InTx(ctx, func(ctx context.Context) error { return third(s.Count(ctx, "k", 0, day)) }))
		for i := range 30 {
			countAtOnce(t, s, fmt.Sprint("k", i))
		}
	})
}

// TestCountForgotten counts what was forgotten a moment before, while somebody's long
// transaction keeps the database from cleaning up: MySQL locks what is there no more, too.
func TestCountForgotten(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ctx := t.Context()
		s := v.store(t, "", bunstore.Options{})
		long, err := v.db(t, "").BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		must(t, err, long.NewRaw(s.Named("SELECT count(*) FROM {p}counters")).Scan(ctx, new(int)))
		defer func() { _ = long.Rollback() }()
		for i := range 30 {
			key := fmt.Sprint("k", i)
			must(t, third(s.Count(ctx, key, 0, day)), s.Forget(ctx, key))
			countAtOnce(t, s, key)
		}
	})
}

// TestManyChangesAtOnce has callers change overlapping sets of credentials,
// sessions, tickets and users, in whatever order. None is told of an outage,
// and every set is whole.
func TestManyChangesAtOnce(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		const callers, rounds, keys = 12, 15, 5
		var users []string
		for range 3 {
			id, err := s.Users().CreateUser(ctx, auth.Profile{})
			must(t, err)
			users = append(users, id)
		}
		refused := func(err error) bool {
			return errors.Is(err, auth.ErrExists) || errors.Is(err, auth.ErrConflict) || errors.Is(err, auth.ErrNotFound)
		}
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 1))
				for round := range rounds {
					user := users[r.IntN(len(users))]
					order := r.Perm(keys)[:3]
					var changes []auth.Change
					for _, k := range order {
						key := fmt.Sprint(k)
						c, err := s.LoadCredential(ctx, "k", key)
						switch {
						case errors.Is(err, auth.ErrNotFound):
							changes = append(changes, create("k", key, "u"))
						case err != nil:
							t.Errorf("LoadCredential: %v", err)
						case r.IntN(3) == 0:
							changes = append(changes, auth.Change{Old: &c})
						default:
							changes = append(changes, auth.Change{Old: &c, New: &c})
						}
					}
					ss := newSession(byte(round+1), user)
					ss.ID[2] = byte(i)
					for what, err := range map[string]error{
						"ChangeCredentials":  s.ChangeCredentials(ctx, changes...),
						"CreateSession":      s.CreateSession(ctx, ss),
						"DeleteUserSessions": s.DeleteUserSessions(ctx, user, ss.ID),
						"PutTicket":          s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: fmt.Sprint(r.IntN(20)), UserID: user, Slot: fmt.Sprint(r.IntN(3)), ExpiresAt: day}),
						"TakeTicket":         second(s.TakeTicket(ctx, "p", fmt.Sprint(r.IntN(20)))),
						"DeleteUserTickets":  s.DeleteUserTickets(ctx, user, "p"),
						"Count":              third(s.Count(ctx, user, time.Minute, day)),
						"Forget":             s.Forget(ctx, user, users[0]),
						"Sweep":              second(s.Sweep(ctx, day.Add(time.Hour), 3)),
						"DeleteUser":         s.Users().DeleteUser(ctx, fmt.Sprint("gone", i)),
					} {
						if err != nil && !refused(err) {
							t.Errorf("%s: %v", what, err)
						}
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestFiftyForOne has fifty callers at once want what one may have.
func TestFiftyForOne(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		const n = 50
		atOnce := func(f func(i int) error) (ok int) {
			var start, wg sync.WaitGroup
			start.Add(1)
			errs := make([]error, n)
			for i := range n {
				wg.Go(func() {
					start.Wait()
					errs[i] = f(i)
				})
			}
			start.Done()
			wg.Wait()
			for _, err := range errs {
				switch {
				case err == nil:
					ok++
				case !errors.Is(err, auth.ErrExists) && !errors.Is(err, auth.ErrNotFound) && !errors.Is(err, auth.ErrConflict):
					t.Error(err)
				}
			}
			return ok
		}
		one := func(what string, got int) {
			t.Helper()
			if got != 1 {
				t.Errorf("%s: %d of %d got it", what, got, n)
			}
		}
		one("CreateSession", atOnce(func(int) error { return s.CreateSession(ctx, newSession(1, "u")) }))
		ss, err := s.LoadSession(ctx, auth.SessionID{1, 1})
		must(t, err)
		one("UpdateSession", atOnce(func(int) error { return s.UpdateSession(ctx, ss) }))
		one("DeleteSession", atOnce(func(int) error { return s.DeleteSession(ctx, ss.ID) }))
		one("create", atOnce(func(i int) error {
			return s.ChangeCredentials(ctx, create("k", "1", fmt.Sprint(i)), create("k", "2", fmt.Sprint(i)))
		}))
		c, err := s.LoadCredential(ctx, "k", "1")
		must(t, err)
		one("replace", atOnce(func(int) error { return s.ChangeCredentials(ctx, auth.Change{Old: &c, New: &c}) }))
		one("PutTicket", atOnce(func(int) error { return s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "k"}) }))
		one("TakeTicket", atOnce(func(int) error { return second(s.TakeTicket(ctx, "p", "k")) }))

		if got := atOnce(func(i int) error {
			return s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: fmt.Sprint(i), Slot: "s", UserID: "u"})
		}); got != n {
			t.Errorf("slot: %d of %d were put", got, n)
		}
		left := 0
		for i := range n {
			if _, err := s.LoadTicket(ctx, "p", fmt.Sprint(i)); err == nil {
				left++
			}
		}
		one("slot", left)

		// One key in many slots: who comes later is told that it is taken.
		one("key", atOnce(func(i int) error {
			return s.PutTicket(ctx, auth.Ticket{Purpose: "q", Key: "k", Slot: fmt.Sprint(i)})
		}))

		var mu sync.Mutex
		var numbers []int64
		atOnce(func(int) error {
			k, until, err := s.Count(ctx, "k", time.Minute, day)
			mu.Lock()
			defer mu.Unlock()
			numbers = append(numbers, k)
			if !until.Equal(day.Add(time.Minute)) {
				t.Errorf("until %v", until)
			}
			return err
		})
		slices.Sort(numbers)
		for i, k := range numbers {
			if k != int64(i+1) {
				t.Fatalf("numbers %v", numbers)
			}
		}
	})
}

// TestLockWaitTimeout has a row locked for longer than MySQL waits.
func TestLockWaitTimeout(t *testing.T) {
	v := servers[1]
	ctx := t.Context()
	s := v.store(t, "innodb_lock_wait_timeout=1", bunstore.Options{})
	must(t, s.CreateSession(ctx, newSession(1, "u")))
	ss, err := s.LoadSession(ctx, auth.SessionID{1, 1})
	must(t, err)
	locked, done := make(chan bool), make(chan error)
	go func() {
		done <- s.InTx(ctx, func(ctx context.Context) error {
			err := s.UpdateSession(ctx, ss)
			close(locked)
			time.Sleep(1500 * time.Millisecond)
			return errors.Join(err, errHost)
		})
	}()
	<-locked
	must(t, s.UpdateSession(ctx, ss)) // again, after a second
	if err := <-done; !errors.Is(err, errHost) {
		t.Error(err)
	}
}

// TestBusy has a host whose SQLite does not wait, and another writer.
func TestBusy(t *testing.T) {
	ctx := t.Context()
	dsn := newFile(t) + "&_pragma=busy_timeout(0)"
	s, other := newStore(t, dsn, nil), newStore(t, dsn, nil)
	for name, verb := range map[string]func() error{
		"statement":   func() error { return s.CreateSession(ctx, newSession(1, "u")) },
		"returning":   func() error { return third(s.Count(ctx, "k", 0, day)) },
		"builder":     func() error { return s.DeleteUserSessions(ctx, "u") },
		"transaction": func() error { return s.ChangeCredentials(ctx, create("k", "1", "u"), create("k", "2", "u")) },
		"InTx": func() error {
			return s.InTx(ctx, func(ctx context.Context) error { return s.CreateSession(ctx, newSession(2, "u")) })
		},
		"Migrate": func() error { return s.Migrate(ctx) },
	} {
		locked, done := make(chan bool), make(chan error)
		go func() {
			done <- other.InTx(ctx, func(context.Context) error {
				close(locked)
				time.Sleep(30 * time.Millisecond)
				return nil
			})
		}()
		<-locked
		if err := verb(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		must(t, <-done)
	}
}

// TestInTxSeesCommitted has another commit in the middle of a transaction.
func TestInTxSeesCommitted(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		outside := t.Context()
		s := v.store(t, "", bunstore.Options{})
		must(t, s.ChangeCredentials(outside, create("k", "1", "u")))
		must(t, s.InTx(outside, func(ctx context.Context) error {
			c, err := s.LoadCredential(ctx, "k", "1")
			must(t, err, s.ChangeCredentials(outside, auth.Change{Old: &c, New: &c}))
			if err := s.ChangeCredentials(ctx, auth.Change{Old: &c, New: &c}); !errors.Is(err, auth.ErrConflict) {
				t.Errorf("got %v, want ErrConflict", err)
			}
			c, err = s.LoadCredential(ctx, "k", "1")
			if c.Version != 2 || err != nil {
				t.Errorf("got version %d, %v, want what was committed", c.Version, err)
			}
			return s.ChangeCredentials(ctx, auth.Change{Old: &c, New: &c})
		}))
	})
}

// TestHostsSnapshot joins a transaction of the host's that sees what was there
// when it began (REPEATABLE READ, MySQL's default): what a verb says is of what
// it met, not of what was.
func TestHostsSnapshot(t *testing.T) {
	v := servers[1]
	outside := t.Context()
	s := v.store(t, "", bunstore.Options{})
	must(t, s.ChangeCredentials(outside, create("k", "changed", "u"), create("k", "gone", "u")),
		s.CreateSession(outside, newSession(1, "u")), s.CreateSession(outside, newSession(2, "u")),
		s.PutTicket(outside, auth.Ticket{Purpose: "p", Key: "gone"}), s.PutTicket(outside, auth.Ticket{Purpose: "p", Key: "again", Data: []byte("old")}))
	must(t, s.DB(outside).RunInTx(outside, nil, func(ctx context.Context, tx bun.Tx) error {
		ctx = s.WithTx(ctx, tx)
		changed, err := s.LoadCredential(ctx, "k", "changed")
		must(t, err)
		gone, err := s.LoadCredential(ctx, "k", "gone")
		must(t, err)
		one, err := s.LoadSession(ctx, auth.SessionID{1, 1})
		must(t, err)
		two, err := s.LoadSession(ctx, auth.SessionID{2, 1})
		must(t, err)
		must(t, s.ChangeCredentials(outside, auth.Change{Old: &changed, New: &changed}, auth.Change{Old: &gone}),
			s.UpdateSession(outside, one), s.DeleteSession(outside, two.ID), second(s.TakeTicket(outside, "p", "gone")),
			second(s.TakeTicket(outside, "p", "again")), s.PutTicket(outside, auth.Ticket{Purpose: "p", Key: "again", Data: []byte("new")}))
		if tk, err := s.TakeTicket(ctx, "p", "again"); string(tk.Data) != "new" || err != nil {
			t.Errorf("took %q, %v, want what was there", tk.Data, err)
		}
		for _, c := range []struct {
			what      string
			err, want error
		}{
			{"replace what has changed", s.ChangeCredentials(ctx, auth.Change{Old: &changed, New: &changed}), auth.ErrConflict},
			{"delete what has changed", s.ChangeCredentials(ctx, auth.Change{Old: &changed}), auth.ErrConflict},
			{"replace what is gone", s.ChangeCredentials(ctx, auth.Change{Old: &gone, New: &gone}), auth.ErrNotFound},
			{"delete what is gone", s.ChangeCredentials(ctx, auth.Change{Old: &gone}), auth.ErrNotFound},
			{"update what has changed", s.UpdateSession(ctx, one), auth.ErrConflict},
			{"update what is gone", s.UpdateSession(ctx, two), auth.ErrNotFound},
			{"delete what is gone", s.DeleteSession(ctx, two.ID), auth.ErrNotFound},
			{"take what is gone", second(s.TakeTicket(ctx, "p", "gone")), auth.ErrNotFound},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: got %v, want %v", c.what, c.err, c.want)
			}
		}
		return nil
	}))
}

// TestErrorsSayNoPassword looks at what is said when a server cannot be reached.
func TestErrorsSayNoPassword(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		s := v.store(t, "", bunstore.Options{})
		must(t, s.SQLDB().Close())
		for _, f := range s.Check(t.Context(), time.Now()) {
			if strings.Contains(f.Detail, "gatehouse@") || strings.Contains(f.Detail, "://") {
				t.Errorf("%+v", f)
			}
		}
	})
}
