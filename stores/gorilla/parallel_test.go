package gorillastore_test

import (
	"context"
	"database/sql"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/sessions"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/gatehouse-go/gatehouse/auth"
	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
)

// A pending request has loaded its session and not saved it yet.
type pending struct {
	r       *http.Request
	w       *httptest.ResponseRecorder
	session *sessions.Session
}

func (b *browser) begin(t testing.TB, s *gorillastore.Store) pending {
	t.Helper()
	p := pending{r: b.request(), w: httptest.NewRecorder()}
	var err error
	if p.session, err = s.Get(p.r, "cart"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p pending) save() error { return p.session.Save(p.r, p.w) }

// Fifty requests load one session, change a key each, and then save, all at once: with
// every other gorilla store, the last one wins.
func TestParallelSavesLoseNothing(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, _ := newStore(t, backend, nil)
		b := newBrowser()
		b.put(t, s, "untouched", true)
		const n = 50
		var loaded, done sync.WaitGroup
		loaded.Add(n)
		for i := range n {
			done.Go(func() {
				p := b.begin(t, s)
				loaded.Done()
				loaded.Wait() // everybody has the same version
				p.session.Values[fmt.Sprint("item ", i)] = i
				p.session.AddFlash(i)
				if err := p.save(); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		v := b.values(t, s)
		if len(v) != n+2 || v["untouched"] != true {
			t.Errorf("%d of %d keys are left", len(v)-2, n)
		}
		flashes := map[any]bool{}
		for _, f := range v["_flash"].([]any) {
			flashes[f] = true
		}
		if len(flashes) != n {
			t.Errorf("%d of %d flashes are left", len(flashes), n)
		}
	})
}

// A host whose database is serializable: PostgreSQL undoes what meets, and it is tried
// again.
func TestSerializable(t *testing.T) {
	postgresDB(t) // or skip
	dsn := os.Getenv("GATEHOUSE_TEST_POSTGRES") + "&default_transaction_isolation=serializable"
	db := opened(t, "pgx", dsn, func(db *sql.DB) *bun.DB { return bun.NewDB(db, pgdialect.New()) })
	s, _ := newStore(t, newBun(t, db), nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	all := make([]pending, 20)
	for i := range all {
		all[i] = b.begin(t, s)
		all[i].session.Values[i] = i
	}
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			if err := p.save(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if v := b.values(t, s); len(v) != len(all)+1 {
		t.Errorf("%d of %d keys are left", len(v)-1, len(all))
	}
}

// One key at a time, in every order of two.
func TestMergeByKey(t *testing.T) {
	s, _ := newStore(t, gorillastore.NewMemory(), nil)
	type change func(values map[any]any)
	set := func(k string, v any) change { return func(values map[any]any) { values[k] = v } }
	del := func(k string) change { return func(values map[any]any) { delete(values, k) } }
	for _, tt := range []struct {
		name         string
		base         map[any]any
		first, later change
		want         map[any]any
	}{
		{"two keys", map[any]any{"a": 1, "b": 1}, set("a", 2), set("b", 2), map[any]any{"a": 2, "b": 2}},
		{"two new", map[any]any{"k": 1}, set("a", 2), set("b", 2), map[any]any{"k": 1, "a": 2, "b": 2}},
		{"delete and set", map[any]any{"a": 1, "b": 1}, del("a"), set("b", 2), map[any]any{"b": 2}},
		{"set and delete", map[any]any{"a": 1, "b": 1}, set("a", 2), del("b"), map[any]any{"a": 2}},
		{"delete both", map[any]any{"a": 1, "b": 1, "k": 1}, del("a"), del("b"), map[any]any{"k": 1}},
		{"the same key, the later wins", map[any]any{"a": 1, "b": 1}, set("a", 2), set("a", 3), map[any]any{"a": 3, "b": 1}},
		{"deleted, and set later", map[any]any{"a": 1, "b": 1}, del("a"), set("a", 3), map[any]any{"a": 3, "b": 1}},
		{"set, and deleted later", map[any]any{"a": 1, "b": 1}, set("a", 2), del("a"), map[any]any{"b": 1}},
		{"flashes added", map[any]any{"f": []any{"x"}}, set("f", []any{"x", "y"}), set("f", []any{"x", "z"}), map[any]any{"f": []any{"x", "y", "z"}}},
		{"flashes begun", map[any]any{"k": 1}, set("f", []any{"y"}), set("f", []any{"z"}), map[any]any{"k": 1, "f": []any{"y", "z"}}},
		{"flashes taken and added", map[any]any{"f": []any{"x"}, "k": 1}, del("f"), set("f", []any{"x", "z"}), map[any]any{"f": []any{"z"}, "k": 1}},
		{"flashes added and taken", map[any]any{"f": []any{"x"}, "k": 1}, set("f", []any{"x", "y"}), del("f"), map[any]any{"f": []any{"y"}, "k": 1}},
		{"flashes taken twice", map[any]any{"f": []any{"x"}, "k": 1}, del("f"), del("f"), map[any]any{"k": 1}},
		{"flashes taken, others added", map[any]any{"f": []any{"x"}}, set("f", []any{"x", "y"}), set("f", []any{"z"}), map[any]any{"f": []any{"y", "z"}}},
		{"a list became a word", map[any]any{"f": []any{"x"}}, set("f", "w"), set("f", []any{"x", "z"}), map[any]any{"f": []any{"x", "z"}}},
		{"the last key", map[any]any{"a": 1}, del("a"), set("b", 2), map[any]any{"b": 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser()
			p := b.begin(t, s)
			p.session.Values = tt.base
			if err := p.save(); err != nil {
				t.Fatal(err)
			}
			b.keep(p.w)
			one, two := b.begin(t, s), b.begin(t, s)
			held := two.session.Values
			tt.first(one.session.Values)
			tt.later(two.session.Values)
			if err := errors.Join(one.save(), two.save()); err != nil {
				t.Fatal(err)
			}
			if got := b.values(t, s); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("stored %v, want %v", got, tt.want)
			}
			if !reflect.DeepEqual(held, tt.want) {
				t.Errorf("the later request has %v, want %v", held, tt.want)
			}
			// What was merged is not taken for a change of ours afterwards.
			two.session.Values["more"] = 1
			if err := two.save(); err != nil {
				t.Fatal(err)
			}
			if got := b.values(t, s); len(got) != len(tt.want)+1 {
				t.Errorf("saved again: %v", got)
			}
		})
	}
}

// A login meets a Save: what the host has changed and not saved yet is still its own,
// and what others have saved is not taken for something that it undid.
func TestLoginMeetsSave(t *testing.T) {
	f := &faulty{Backend: gorillastore.NewMemory()}
	s, _ := newStore(t, f, nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	binding := s.Bind("cart")
	w := httptest.NewRecorder()
	other := b.begin(t, s)
	binding.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := s.Get(r, "cart")
		if err != nil {
			t.Fatal(err)
		}
		session.Values["unsaved"] = 1
		f.set(func(verb string) error {
			if verb == "update" {
				f.set(nil, nil)
				other.session.Values["other"], other.session.Values["k"] = 2, "w"
				return other.save()
			}
			return nil
		}, nil)
		binding.Event(r.Context(), auth.Event{Name: "login", UserID: "ada"})
		if v := b.values(t, s); len(v) != 0 { // the old token
			t.Errorf("was not renewed: %v", v)
		}
		save(t, r, w, session)
	})).ServeHTTP(w, b.request())
	b.keep(w)
	if v := b.values(t, s); !reflect.DeepEqual(v, map[any]any{"k": "w", "other": 2, "unsaved": 1}) {
		t.Errorf("%v", v)
	}
	if err := s.DeleteUser(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if v := b.values(t, s); len(v) != 0 {
		t.Errorf("is not the user's: %v", v)
	}
}

// A host decides for itself what becomes of a key that two have changed.
func TestMergeOption(t *testing.T) {
	gob.Register(map[string]int{})
	add := func(key, base, theirs, ours any) (any, error) {
		if key != "cart" {
			return gorillastore.MergeFlashes(key, base, theirs, ours)
		}
		was, _ := base.(map[string]int)
		is, _ := theirs.(map[string]int)
		sum := map[string]int{}
		for item, n := range is {
			sum[item] = n
		}
		mine, _ := ours.(map[string]int)
		for item, n := range mine {
			sum[item] += n - was[item]
		}
		return sum, nil
	}
	s, _ := newStore(t, gorillastore.NewMemory(), &gorillastore.Options{Merge: add})
	b := newBrowser()
	b.put(t, s, "cart", map[string]int{"apple": 1})
	const n = 20
	all := make([]pending, n)
	for i := range all {
		all[i] = b.begin(t, s)
	}
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			p.session.Values["cart"].(map[string]int)["apple"]++
			if err := p.save(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if v := b.values(t, s); v["cart"].(map[string]int)["apple"] != n+1 {
		t.Errorf("%v, want %d", v, n+1)
	}

	strict, _ := newStore(t, gorillastore.NewMemory(), &gorillastore.Options{
		Merge: func(_, _, _, _ any) (any, error) { return nil, auth.ErrConflict },
	})
	b = newBrowser()
	b.put(t, strict, "k", 0)
	one, two := b.begin(t, strict), b.begin(t, strict)
	one.session.Values["k"], two.session.Values["k"] = 1, 2
	two.session.Values["other"] = 2
	if err := one.save(); err != nil {
		t.Fatal(err)
	}
	if err := two.save(); !errors.Is(err, auth.ErrConflict) {
		t.Errorf("strict: %v", err)
	}
	if v := b.values(t, strict); v["k"] != 1 || len(v) != 1 {
		t.Errorf("strict: %v", v)
	}
}

// A Save does not bring back what was deleted meanwhile, however it was deleted, and
// sets no cookie (RC-01, RC-02).
func TestDeletedIsNeverBroughtBack(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		user := "ada"
		s, clock := newStore(t, backend, &gorillastore.Options{User: func(context.Context) (string, error) { return user, nil }})
		for how, end := range map[string]func(b *browser) error{
			"deleted": func(b *browser) error {
				p := b.copy().begin(t, s)
				return s.Delete(p.r, p.w, p.session)
			},
			"of the user": func(*browser) error { return s.DeleteUser(context.Background(), "ada") },
			"renewed": func(b *browser) error {
				p := b.copy().begin(t, s)
				return s.Renew(p.r, p.w, p.session)
			},
			"logged out": func(*browser) error { user = ""; return nil },
			"another":    func(*browser) error { user = "bob"; return nil },
		} {
			t.Run(how, func(t *testing.T) {
				user = "ada"
				b := newBrowser()
				b.put(t, s, "k", "v")
				clock.Advance(2 * time.Minute)
				p, q := b.begin(t, s), b.begin(t, s)
				if err := end(b); err != nil {
					t.Fatal(err)
				}
				p.session.Values["k"] = "late"
				p.session.Options.MaxAge = 60
				for range 2 {
					if err := p.save(); !errors.Is(err, gorillastore.ErrGone) {
						t.Errorf("Save: %v", err)
					}
				}
				if err := s.Renew(q.r, q.w, q.session); !errors.Is(err, gorillastore.ErrGone) {
					t.Errorf("Renew: %v", err)
				}
				if set := append(b.keep(p.w), b.keep(q.w)...); len(set) != 0 {
					t.Errorf("set %v", set)
				}
				if v := b.values(t, s); len(v) != 0 {
					t.Errorf("back: %v", v)
				}
			})
		}
	})
}

// As above, with the deletion between the compare and the swap, over and over.
func TestDeleteRacesWithSave(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, _ := newStore(t, backend, nil)
		for range 20 {
			b := newBrowser()
			b.put(t, s, "k", "v")
			var wg sync.WaitGroup
			deleter := b.begin(t, s)
			for i := range 5 {
				p := b.begin(t, s)
				wg.Go(func() {
					p.session.Values[i] = i
					if err := p.save(); err != nil && !errors.Is(err, gorillastore.ErrGone) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				if err := s.Delete(deleter.r, deleter.w, deleter.session); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			if v := b.values(t, s); len(v) != 0 {
				t.Fatalf("back: %v", v)
			}
		}
	})
}

// A renewal: another token, the old one is dead, the values are kept; one of many in
// parallel wins, and exactly one token is good.
func TestRenew(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, clock := newStore(t, backend, nil)
		b := newBrowser()
		b.put(t, s, "k", "v")
		old := b.copy()
		clock.Advance(time.Hour)
		set := b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			id := session.ID
			session.Values["more"] = 1
			if err := s.Renew(r, w, session); err != nil || session.ID != id {
				t.Error(err, session.ID)
			}
			session.Values["again"] = 2 // and it goes on
			save(t, r, w, session)
		})
		if len(set) != 1 || set[0].Value == old.cookies[hostCart] {
			t.Errorf("set %v", set)
		}
		if v := b.values(t, s); v["k"] != "v" || v["more"] != 1 || v["again"] != 2 {
			t.Errorf("renewed: %v", v)
		}
		if v := old.values(t, s); len(v) != 0 {
			t.Errorf("the old token still has %v", v)
		}
		for range 10 { // its lifetime of 30 days began with the renewal
			clock.Advance(3*24*time.Hour - time.Second)
			if v := b.values(t, s); len(v) == 0 {
				t.Fatal("ended too early")
			}
		}
		if isRedis(backend) {
			return // and the rest as everywhere
		}
		var won atomic.Int32
		all := make([]pending, 10)
		for i := range all {
			all[i] = b.begin(t, s)
		}
		var wg sync.WaitGroup
		for _, p := range all {
			wg.Go(func() {
				switch err := s.Renew(p.r, p.w, p.session); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, gorillastore.ErrGone) || len(p.w.Result().Cookies()) != 0:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d won", won.Load())
		}
	})
}

// A request that was under way with the old cookie does not take the new one away, as
// long as there can be one; afterwards it is a stranger's.
func TestRenewedMeanwhile(t *testing.T) {
	s, clock := newStore(t, gorillastore.NewMemory(), nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	old := b.copy()
	p := b.begin(t, s)
	if err := s.Renew(p.r, p.w, p.session); err != nil {
		t.Fatal(err)
	}
	clock.Advance(59 * time.Second)
	set := old.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		if len(session.Values) != 0 || !session.IsNew {
			t.Errorf("has %v", session.Values)
		}
		save(t, r, w, session) // nothing
		session.Values["k"] = "new"
		if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrGone) {
			t.Errorf("Save: %v", err)
		}
	})
	if len(set) != 0 {
		t.Errorf("set %v", set)
	}
	clock.Advance(time.Second)
	if set := old.put(t, s, "k", "new"); len(set) != 1 {
		t.Errorf("after a minute: %v", set)
	}
	b.keep(p.w)
	if v := b.values(t, s); v["k"] != "v" {
		t.Errorf("the owner has %v", v)
	}
}

// An answer that is lost after the commit: of a renewal the browser gets the token
// nevertheless, of a deletion nothing is left, of a new session nothing is given out.
func TestAnswerLostAfterCommit(t *testing.T) {
	f := &faulty{Backend: gorillastore.NewMemory()}
	s, _ := newStore(t, f, nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	lost := func(verb string) func(string) error {
		return func(v string) error {
			if v == verb {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
	}
	f.set(nil, lost("update"))
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		if err := s.Renew(r, w, session); err != nil {
			t.Error(err)
		}
	})
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values["n"] = 1
		if err := session.Save(r, w); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Save: %v", err)
		}
		f.set(nil, nil)
		save(t, r, w, session) // again
	})
	if v := b.values(t, s); v["k"] != "v" || v["n"] != 1 {
		t.Errorf("lost: %v", v)
	}
	f.set(lost("update"), nil) // not committed
	if set := b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		if err := s.Renew(r, w, session); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Renew: %v", err)
		}
	}); len(set) != 0 {
		t.Errorf("set %v", set)
	}
	f.set(nil, lost("create"))
	if set := newBrowser().visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values["k"] = "v"
		if err := session.Save(r, w); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Save: %v", err)
		}
	}); len(set) != 0 {
		t.Errorf("set %v", set)
	}
}

// The client goes away in the middle: what is to be deleted is deleted.
func TestClientGoesAway(t *testing.T) {
	s, _ := newStore(t, gorillastore.NewMemory(), nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	p := b.begin(t, s)
	ctx, cancel := context.WithCancel(p.r.Context())
	cancel()
	p.session.Options.MaxAge = -1
	if err := s.Save(p.r.WithContext(ctx), p.w, p.session); err != nil {
		t.Error(err)
	}
	if v := b.values(t, s); len(v) != 0 {
		t.Error("still there")
	}
}

// What is deleted and then given values again in the same request begins anew, with
// nothing of what it was.
func TestBeginsAnewAfterDelete(t *testing.T) {
	backend := gorillastore.NewMemory()
	s, _ := newStore(t, backend, nil)
	b := newBrowser()
	b.put(t, s, "secret", "v")
	old := b.cookies[hostCart]
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		if err := s.Delete(r, w, session); err != nil {
			t.Error(err)
		}
		session.AddFlash("bye")
		save(t, r, w, session)
	})
	v := b.values(t, s)
	if now := b.cookies[hostCart]; now[:22] == old[:22] || len(v) != 1 || !slices.Equal(v["_flash"].([]any), []any{"bye"}) || backend.Len() != 1 {
		t.Errorf("%v, %d stored", v, backend.Len())
	}
}

// Many goroutines, many browsers, one store: for the race detector.
func TestManyAtOnce(t *testing.T) {
	s, clock := newStore(t, gorillastore.NewMemory(), nil)
	shared := newBrowser()
	shared.put(t, s, "k", 0)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			mine := newBrowser()
			for n := range 50 {
				mine.put(t, s, "n", n)
				p := shared.begin(t, s)
				p.session.Values[i] = n
				if err := p.save(); err != nil {
					t.Error(err)
				}
				if n%10 == 0 {
					clock.Advance(time.Minute)
					if _, err := s.Sweep(t.Context(), clock.Now(), 10); err != nil {
						t.Error(err)
					}
				}
				if v := mine.values(t, s); v["n"] != n {
					t.Errorf("%v, want %d", v, n)
				}
			}
		})
	}
	wg.Wait()
	v := shared.values(t, s)
	for i := range 16 {
		if v[i] != 49 {
			t.Errorf("key %d is %v", i, v[i])
		}
	}
}

// Sweeping meets saving: nothing live is deleted, and no database gives up (RC-09).
func TestSweepMeetsSaves(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, clock := newStore(t, backend, &gorillastore.Options{IdleTimeout: time.Hour})
		live := newBrowser()
		live.put(t, s, "n", 0)
		for range 40 {
			newBrowser().put(t, s, "k", "v")
		}
		clock.Advance(50 * time.Minute)
		live.values(t, s)
		clock.Advance(30 * time.Minute)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					if _, err := s.Sweep(t.Context(), clock.Now(), 3); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for n := range 10 {
					newBrowser().put(t, s, "k", "v")
					live.put(t, s, fmt.Sprint("n", n), n)
				}
			})
		}
		wg.Wait()
		if v := live.values(t, s); len(v) != 11 {
			t.Errorf("%v", v)
		}
	})
}

// Run sweeps until it is told to stop.
func TestRun(t *testing.T) {
	backend := gorillastore.NewMemory()
	s, clock := newStore(t, backend, nil)
	for range 2500 {
		newBrowser().put(t, s, "k", "v")
	}
	clock.Advance(8 * 24 * time.Hour)
	newBrowser().put(t, s, "k", "v")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for backend.Len() > 1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || backend.Len() != 1 {
		t.Errorf("%v, %d left", err, backend.Len())
	}
}
