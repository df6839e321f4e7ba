package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// apart is a site whose credentials of kind "key", a first factor, and "badge",
// another, are in stores of their own.
type apart struct {
	*site
	rest, keys, badges *faults
	all                auth.CredentialStore
}

// badge is a provider that has credentials and no routes.
type badge struct{}

func (badge) Name() string                        { return "badge" }
func (badge) Kinds() []auth.Kind                  { return []auth.Kind{{Name: "badge", Role: auth.FirstFactor}} }
func (badge) Mount(*auth.Manager, auth.Mux) error { return nil }
func (a *apart) stores() []*faults                { return []*faults{a.rest, a.keys, a.badges} }
func (a *apart) heal()                            { a.rest.heal(); a.keys.heal(); a.badges.heal() }
func kindsOf(all []auth.Credential) (names []string) {
	for _, c := range all {
		names = append(names, c.Kind+" "+c.Key)
	}
	return names
}

// onApart runs a test with rest on memory and SQLite, and in a realm.
func onApart(t *testing.T, test func(t *testing.T, a *apart)) {
	for _, realm := range []string{"", "staff"} {
		for name, open := range map[string]func(t *testing.T) auth.Store{
			"memory": func(*testing.T) auth.Store { return memory.New(nil) },
			"SQLite": onSQLite,
		} {
			t.Run(strings.Trim(name+", "+realm, ", "), func(t *testing.T) {
				a := &apart{rest: newFaults(open(t)), keys: newFaults(memory.New(nil)), badges: newFaults(memory.New(nil))}
				a.all = auth.ByKind(a.rest, map[string]auth.CredentialStore{"key": a.keys, "badge": a.badges})
				a.site = newSiteOn(t, auth.Combine(a.rest, auth.Parts{Credentials: a.all}), func(o *auth.Options) {
					o.Realm = realm
					o.Providers = append(o.Providers, badge{})
				})
				test(t, a)
			})
		}
	}
}

// held returns what the user has, as the Manager sees it.
func (a *apart) held(userID string) []auth.Credential {
	a.t.Helper()
	all, err := a.m.Store().UserCredentials(a.t.Context(), userID)
	if err != nil {
		a.t.Fatal(err)
	}
	return all
}

func (a *apart) load(kind, key string) auth.Credential {
	a.t.Helper()
	c, err := a.m.Store().LoadCredential(a.t.Context(), kind, key)
	if err != nil {
		a.t.Fatalf("%s %s: %v", kind, key, err)
	}
	return c
}

func newKey(kind, key string) *auth.Credential {
	return &auth.Credential{Kind: kind, Key: key, UserID: "ada", Generation: 1, CreatedAt: t0, Label: "a " + kind, Data: []byte(key)}
}

// Everything that changes what a user can log in with does what it should, with
// kinds elsewhere: adding a way in, changing it, taking it away, and not the last.
func TestByKindFlows(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		ctx := t.Context()
		change := func(changes ...auth.Change) error {
			t.Helper()
			return a.m.ChangeCredentials(ctx, "ada", changes...)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(change(auth.Change{New: newKey("key", "1")}, auth.Change{New: newKey("email", "ada@example.com")}))
		if got, want := kindsOf(a.held("ada")), []string{"account ada", "email ada@example.com", "key 1"}; !slices.Equal(got, want) {
			t.Errorf("has %q, want %q", got, want)
		}
		if _, err := a.rest.Store.LoadCredential(ctx, inRealmOf(a.m, "key"), "1"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("the key is in rest: %v", err)
		}
		if _, err := a.keys.Store.LoadCredential(ctx, inRealmOf(a.m, "key"), "1"); err != nil {
			t.Errorf("the key is not where keys are: %v", err)
		}
		v, w := a.visitor(), a.visitor()
		v.post("/auth/trust?user=ada&key=1", "")
		w.post("/auth/trust?user=ada&key=1", "")
		if v.who() != "ada" || w.who() != "ada" {
			t.Fatal("a login by what is elsewhere failed")
		}

		// Changing it ends every session.
		is := a.load("key", "1")
		next := is
		next.Generation, next.Data = 2, []byte("new")
		must(change(auth.Change{Old: &is, New: &next}))
		if got := a.load("key", "1"); got.Generation != 2 || string(got.Data) != "new" || got.Version != 2 {
			t.Errorf("changed to %+v", got)
		}
		if v.who() != "nobody" || w.who() != "nobody" {
			t.Error("sessions outlive the change")
		}
		if err := change(auth.Change{Old: &is, New: &next}); !errors.Is(err, auth.ErrConflict) {
			t.Errorf("a change of what was seen before: %v", err)
		}

		// The last way in stays, wherever it is.
		is = a.load("key", "1")
		if err := change(auth.Change{Old: &is}); !errors.Is(err, auth.ErrLastCredential) {
			t.Errorf("taking the last away: %v", err)
		}
		must(change(auth.Change{New: newKey("badge", "b")}))
		if n, err := a.m.WaysIn(ctx, "ada"); n != 2 || err != nil {
			t.Errorf("%d ways in, %v", n, err)
		}
		must(change(auth.Change{Old: &is}))
		b := a.load("badge", "b")
		if err := change(auth.Change{Old: &b}); !errors.Is(err, auth.ErrLastCredential) {
			t.Errorf("taking the last away: %v", err)
		}
		// One for another, in two stores.
		must(change(auth.Change{Old: &b}, auth.Change{New: newKey("key", "2")}))
		if got, want := kindsOf(a.held("ada")), []string{"account ada", "email ada@example.com", "key 2"}; !slices.Equal(got, want) {
			t.Errorf("has %q, want %q", got, want)
		}
		if got, err := a.m.Store().UserCredentials(ctx, "ada", "key", "badge", "email"); err != nil || !slices.Equal(kindsOf(got), []string{"email ada@example.com", "key 2"}) {
			t.Errorf("of three kinds there are %q, %v", kindsOf(got), err)
		}
		for _, left := range a.stores()[1:] {
			left.failAll()
		}
		if got, err := a.m.Store().UserCredentials(ctx, "ada", "email"); err != nil || len(got) != 1 {
			t.Errorf("stores that have nothing to say were asked: %v", err)
		}
		if _, err := a.m.Store().UserCredentials(ctx, "ada"); !errors.Is(err, errDown) {
			t.Errorf("half of a user's credentials, for all: %v", err)
		}
	})
}

// Two changes at once, to kinds in different stores, cannot both succeed.
func TestByKindParallel(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		for round := range 20 {
			user := fmt.Sprint("u", round)
			a.accounts.change(user, func(acct *account) { acct.id = user })
			k, b := newKey("key", user), newKey("badge", user)
			k.UserID, b.UserID = user, user
			if err := a.m.ChangeCredentials(t.Context(), user, auth.Change{New: k}, auth.Change{New: b}); err != nil {
				t.Fatal(err)
			}
			kk, bb := a.load("key", user), a.load("badge", user)
			errs := make(chan error)
			for _, c := range []*auth.Credential{&kk, &bb} {
				go func() { errs <- a.m.ChangeCredentials(context.Background(), user, auth.Change{Old: c}) }()
			}
			<-errs
			<-errs
			if n, err := a.m.WaysIn(t.Context(), user); n < 1 || err != nil {
				t.Fatalf("%d ways in are left, %v", n, err)
			}
		}
	})
}

// Where there is no transaction: whoever changes something while another change is
// on its way sees nothing of it, or all.
func TestByKindInBetween(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		if _, ok := auth.As[*bunstore.Store](a.rest); ok {
			t.Skip("the second waits for the first")
		}
		ctx := t.Context()
		if err := a.m.ChangeCredentials(ctx, "ada", auth.Change{New: newKey("key", "1")}, auth.Change{New: newKey("badge", "1")}); err != nil {
			t.Fatal(err)
		}
		key, b := a.load("key", "1"), a.load("badge", "1")
		a.keys.before = func(verb string) {
			if verb == "ChangeCredentials" {
				a.keys.before = nil
				if err := a.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &b}); err != nil {
					t.Error(err)
				}
			}
		}
		if err := a.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &key}); !errors.Is(err, auth.ErrConflict) {
			t.Errorf("error %v", err)
		}
		if got, want := kindsOf(a.held("ada")), []string{"account ada", "key 1"}; !slices.Equal(got, want) {
			t.Errorf("there is %q, want %q", got, want)
		}
	})
}

// What cannot be made as a whole is not made, whichever call of whichever store
// fails, before it is done or after; and if nobody can take it back, the error says
// so and is none of those that mean that nothing was done.
func TestByKindAllOrNone(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		ctx := t.Context()
		if err := a.m.ChangeCredentials(ctx, "ada", auth.Change{New: newKey("key", "1")}, auth.Change{New: newKey("badge", "1")}, auth.Change{New: newKey("email", "a@example.com")}); err != nil {
			t.Fatal(err)
		}
		state := func() []auth.Credential {
			t.Helper()
			a.heal()
			all := a.held("ada")
			for i := range all {
				all[i].Version = 0 // what was taken back has another
			}
			return all
		}
		before := state()
		for at := range 40 {
			for _, after := range []bool{false, true} {
				for i, part := range a.stores() {
					key, b, e := a.load("key", "1"), a.load("badge", "1"), a.load("email", "a@example.com")
					other := key
					other.Data, other.Generation = []byte("other"), 9
					a.heal()
					part.failAt(at+1, after)
					err := a.m.Store().ChangeCredentials(ctx,
						auth.Change{Old: &e}, auth.Change{New: newKey("email", "b@example.com")},
						auth.Change{Old: &key, New: &other}, auth.Change{New: newKey("key", "2")},
						auth.Change{Old: &b}, auth.Change{New: newKey("badge", "2")})
					called := len(part.heal())
					switch {
					case err == nil && called > at:
						t.Fatalf("call %d of store %d failed, and the change is made", at+1, i)
					case err != nil && !errors.Is(err, errDown):
						t.Fatalf("call %d of store %d: %v", at+1, i, err)
					case err != nil:
						if strings.Contains(err.Error(), "by half") {
							t.Fatalf("call %d of store %d: %v", at+1, i, err)
						}
						if got := state(); !reflect.DeepEqual(got, before) {
							t.Fatalf("call %d of store %d failed (after it was done: %v), and there is left\n%q of\n%q", at+1, i, after, kindsOf(got), kindsOf(before))
						}
						continue
					}
					// It was made; again from the beginning.
					k1, k2, b2, e2 := a.load("key", "1"), a.load("key", "2"), a.load("badge", "2"), a.load("email", "b@example.com")
					if string(k1.Data) != "other" {
						t.Fatal("half of it was made")
					}
					back := *newKey("key", "1")
					if err := a.m.Store().ChangeCredentials(ctx, auth.Change{Old: &k1, New: &back}, auth.Change{Old: &k2}, auth.Change{Old: &b2},
						auth.Change{Old: &e2}, auth.Change{New: newKey("badge", "1")}, auth.Change{New: newKey("email", "a@example.com")}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// Every refusal of one store is that of the whole, and leaves nothing.
func TestByKindRefusals(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		ctx := t.Context()
		if err := a.m.Store().ChangeCredentials(ctx, auth.Change{New: newKey("key", "1")}, auth.Change{New: newKey("email", "a@example.com")}); err != nil {
			t.Fatal(err)
		}
		key, mail := a.load("key", "1"), a.load("email", "a@example.com")
		old := key
		old.Version = 7
		bobs := key
		bobs.UserID = "bob"
		long := newKey("key", "2")
		long.Label = strings.Repeat("x", 256)
		before := a.held("ada")
		for name, tt := range map[string]struct {
			changes []auth.Change
			want    error
		}{
			"exists elsewhere":      {[]auth.Change{{Old: &mail}, {New: newKey("badge", "b")}, {New: newKey("key", "1")}}, auth.ErrExists},
			"exists in rest":        {[]auth.Change{{New: newKey("key", "2")}, {New: newKey("email", "a@example.com")}}, auth.ErrExists},
			"not found":             {[]auth.Change{{Old: &mail}, {Old: newKey("key", "3")}}, auth.ErrNotFound},
			"conflict":              {[]auth.Change{{Old: &mail}, {New: newKey("badge", "b")}, {Old: &old, New: &key}}, auth.ErrConflict},
			"somebody else's":       {[]auth.Change{{Old: &mail}, {New: newKey("badge", "b")}, {Old: &key, New: &bobs}}, auth.ErrInvalid},
			"malformed":             {[]auth.Change{{Old: &mail}, {New: long}}, auth.ErrInvalid},
			"nothing":               {[]auth.Change{{Old: &mail}, {New: newKey("key", "2")}, {}}, auth.ErrInvalid},
			"twice":                 {[]auth.Change{{Old: &mail}, {New: newKey("key", "2")}, {New: newKey("key", "2")}}, auth.ErrInvalid},
			"from store to store":   {[]auth.Change{{Old: &key, New: newKey("badge", "1")}}, auth.ErrInvalid},
			"from store to store 2": {[]auth.Change{{Old: &mail}, {Old: &key, New: newKey("badge", "1")}}, auth.ErrInvalid},
		} {
			t.Run(name, func(t *testing.T) {
				a.heal()
				if err := a.m.Store().ChangeCredentials(ctx, tt.changes...); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				for i, part := range a.stores() {
					if tt.want == auth.ErrInvalid && name != "somebody else's" && name != "from store to store" && slices.Contains(part.heal(), "ChangeCredentials") {
						t.Errorf("store %d was asked to make what is malformed", i)
					}
				}
				after := a.held("ada")
				for i := range after {
					after[i].Version = min(after[i].Version, 1)
				}
				if !reflect.DeepEqual(after, before) {
					t.Errorf("there is left %q of %q", kindsOf(after), kindsOf(before))
				}
			})
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := a.m.Store().ChangeCredentials(ended, auth.Change{Old: &mail}, auth.Change{Old: &key}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
		if err := a.m.Store().ChangeCredentials(ctx); err != nil {
			t.Errorf("no changes: %v", err)
		}
	})
}

// What a store has of a kind that is not its own, such as from before it moved, is
// not seen.
func TestByKindLeftovers(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		ctx := t.Context()
		for store, c := range map[*faults]*auth.Credential{a.rest: newKey("key", "1"), a.keys: newKey("email", "1"), a.badges: newKey("key", "2")} {
			c.Kind, c.UserID = inRealmOf(a.m, c.Kind), inRealmOf(a.m, c.UserID)
			if err := store.Store.ChangeCredentials(ctx, auth.Change{New: c}); err != nil {
				t.Fatal(err)
			}
		}
		if got := kindsOf(a.held("ada")); len(got) != 0 {
			t.Errorf("there is %q", got)
		}
		if got, err := a.m.Store().UserCredentials(ctx, "ada", "key", "email", "badge"); len(got) != 0 || err != nil {
			t.Errorf("there is %q, %v", kindsOf(got), err)
		}
		for _, kind := range []string{"key", "email"} {
			if _, err := a.m.Store().LoadCredential(ctx, kind, "1"); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("there is a %s: %v", kind, err)
			}
		}
	})
}

// Of two changes the second stops at the guard, and nothing is left of it; where
// there are transactions, before another store has heard of it.
func TestByKindGuardDecides(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		ctx := t.Context()
		if err := a.m.ChangeCredentials(ctx, "ada", auth.Change{New: newKey("key", "1")}); err != nil {
			t.Fatal(err)
		}
		guard := a.load("account", "ada")
		stale := guard
		stale.Version = 7
		a.heal()
		err := a.m.Store().ChangeCredentials(ctx, auth.Change{New: newKey("badge", "1")}, auth.Change{New: newKey("key", "2")}, auth.Change{Old: &stale, New: &guard})
		if !errors.Is(err, auth.ErrConflict) {
			t.Errorf("error %v", err)
		}
		_, first := auth.As[*bunstore.Store](a.rest)
		if calls := append(a.keys.heal(), a.badges.heal()...); first && len(calls) != 0 {
			t.Errorf("others were asked to %q", calls)
		}
		if got, want := kindsOf(a.held("ada")), []string{"account ada", "key 1"}; !slices.Equal(got, want) {
			t.Errorf("there is %q, want %q", got, want)
		}
	})
}

// A store that is down before it can take back what it has done makes a change by
// half, as does somebody who has changed it meanwhile. Who made the change hears of
// that, and of nothing that means that all is as it was.
func TestByKindHalf(t *testing.T) {
	onApart(t, func(t *testing.T, a *apart) {
		ctx := t.Context()
		if err := a.m.Store().ChangeCredentials(ctx, auth.Change{New: newKey("key", "there")}); err != nil {
			t.Fatal(err)
		}
		for name, meanwhile := range map[string]func(){
			"down": func() { a.badges.failAll() },
			"changed": func() {
				all, err := a.badges.Store.UserCredentials(ctx, inRealmOf(a.m, "ada"))
				if err != nil || len(all) != 1 {
					t.Fatal(all, err)
				}
				next := all[0]
				next.Label = "somebody else's"
				if err := a.badges.Store.ChangeCredentials(ctx, auth.Change{Old: &all[0], New: &next}); err != nil {
					t.Fatal(err)
				}
			},
		} {
			// Badges come before keys.
			a.keys.before = func(verb string) {
				if verb == "ChangeCredentials" {
					meanwhile()
				}
			}
			err := a.m.Store().ChangeCredentials(ctx, auth.Change{New: newKey("email", name)}, auth.Change{New: newKey("badge", name)}, auth.Change{New: newKey("key", "there")})
			if err == nil || !strings.Contains(err.Error(), "by half") || errors.Is(err, auth.ErrExists) || errors.Is(err, auth.ErrConflict) {
				t.Errorf("%s: error %v", name, err)
			}
			a.keys.before = nil
			a.heal()
			if got, want := kindsOf(a.held("ada")), []string{"badge " + name, "key there"}; !slices.Equal(got, want) {
				t.Errorf("%s: there is %q, want %q", name, got, want)
			}
			b := a.load("badge", name)
			if err := a.m.Store().ChangeCredentials(ctx, auth.Change{Old: &b}); err != nil {
				t.Error(err)
			}
		}
	})
}

// inRealmOf returns what the store below knows a user as.
func inRealmOf(m *auth.Manager, name string) string {
	if m.Realm() == "" {
		return name
	}
	return "\x1e" + m.Realm() + "\x1f" + name
}

// Somebody else's credential is never taken back, although it has the version that
// ours would have had.
func TestByKindTakesBackItsOwn(t *testing.T) {
	rest, keys := memory.New(nil), newFaults(memory.New(nil))
	s := auth.ByKind(rest, map[string]auth.CredentialStore{"key": keys})
	bobs := newKey("key", "1")
	bobs.UserID = "bob"
	keys.failAt(1, false)
	keys.before = func(verb string) {
		if keys.before = nil; verb != "ChangeCredentials" {
			t.Errorf("the first call is %s", verb)
		}
		if err := keys.Store.ChangeCredentials(t.Context(), auth.Change{New: bobs}); err != nil {
			t.Error(err)
		}
	}
	err := s.ChangeCredentials(t.Context(), auth.Change{New: newKey("email", "a@example.com")}, auth.Change{New: newKey("key", "1")})
	if !errors.Is(err, errDown) {
		t.Errorf("error %v", err)
	}
	if c, err := keys.Store.LoadCredential(t.Context(), "key", "1"); err != nil || c.UserID != "bob" {
		t.Errorf("bob has lost his key: %+v, %v", c, err)
	}
	if _, err := rest.LoadCredential(t.Context(), "email", "a@example.com"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("ada's address is left: %v", err)
	}
}

// What was written elsewhere in a transaction goes with it: also if the caller
// gives up, if it panics, or if the database cannot commit.
func TestByKindInTx(t *testing.T) {
	db := onSQLite(t).(*bunstore.Store)
	keys := newFaults(memory.New(nil))
	s := auth.ByKind(db, map[string]auth.CredentialStore{"key": keys})
	tx, ok := auth.As[interface {
		InTx(ctx context.Context, f func(ctx context.Context) error) error
	}](s)
	if !ok {
		t.Fatal("there is no InTx")
	}
	ctx := t.Context()
	changed := newKey("key", "0")
	changed.Label = "another"
	before := func(t *testing.T, s auth.CredentialStore) *auth.Credential {
		t.Helper()
		c, err := s.LoadCredential(ctx, "key", "0")
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	write := func(ctx context.Context) {
		t.Helper()
		for _, changes := range [][]auth.Change{
			{{New: newKey("email", "a@example.com")}, {New: newKey("key", "1")}},
			{{New: newKey("key", "2")}},
			{{Old: before(t, s), New: changed}},
			{{New: newKey("email", "b@example.com")}},
			{{Old: &auth.Credential{Kind: "key", Key: "2", Version: 1}, New: newKey("key", "2")}},
		} {
			if err := s.ChangeCredentials(ctx, changes...); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := func() []string {
		t.Helper()
		held, err := s.UserCredentials(ctx, "ada")
		if err != nil {
			t.Fatal(err)
		}
		return kindsOf(held)
	}
	errNo := errors.New("no")
	there := newKey("key", "0") // and is as it was, whatever becomes of the transaction
	if err := s.ChangeCredentials(ctx, auth.Change{New: there}); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"refused": func() error { return tx.InTx(ctx, func(ctx context.Context) error { write(ctx); return errNo }) },
		"inner kept, outer refused": func() error {
			return tx.InTx(ctx, func(ctx context.Context) error {
				if err := tx.InTx(ctx, func(ctx context.Context) error { write(ctx); return nil }); err != nil {
					return err
				}
				return errNo
			})
		},
		"panic": func() (err error) {
			defer func() {
				if recover() != nil {
					err = errNo
				}
			}()
			return tx.InTx(ctx, func(ctx context.Context) error { write(ctx); panic("oh") })
		},
		"cannot commit": func() error {
			ended, cancel := context.WithCancel(ctx)
			err := tx.InTx(ended, func(ctx context.Context) error { write(ctx); cancel(); return nil })
			if errors.Is(err, context.Canceled) {
				return errNo
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(); !errors.Is(err, errNo) {
				t.Errorf("error %v", err)
			}
			if got := all(); !slices.Equal(got, []string{"key 0"}) {
				t.Errorf("there is left %q", got)
			}
			if c, err := s.LoadCredential(ctx, "key", "0"); err != nil || c.Label != there.Label {
				t.Errorf("what was there is %+v, %v", c, err)
			}
		})
	}
	err := tx.InTx(ctx, func(ctx context.Context) error {
		write(ctx)
		return errors.Join(nil, ignore(tx.InTx(ctx, func(ctx context.Context) error {
			if err := s.ChangeCredentials(ctx, auth.Change{New: newKey("key", "3")}); err != nil {
				return err
			}
			return errNo
		}), errNo))
	})
	if want := []string{"email a@example.com", "email b@example.com", "key 0", "key 1", "key 2"}; err != nil || !slices.Equal(all(), want) {
		t.Errorf("%v; there is %q, want %q", err, all(), want)
	}
}

// ignore makes nothing of err if it is what was expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// A registration whose credential cannot be kept elsewhere leaves nothing: no user,
// no address.
func TestByKindRegistration(t *testing.T) {
	db := onSQLite(t).(*bunstore.Store)
	keys := newFaults(memory.New(nil))
	m, err := auth.New(db.Users(), auth.Combine(db, auth.Parts{Credentials: auth.ByKind(db, map[string]auth.CredentialStore{"key": keys})}),
		&auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	register := func() (string, error) {
		return m.CreateUser(ctx, auth.Profile{Email: "ada@example.com"}, func(string) []auth.Credential {
			return []auth.Credential{{Kind: "key", Key: "1", Generation: 1}}
		})
	}
	for _, after := range []bool{false, true} {
		keys.failAt(1, after)
		if _, err := register(); !errors.Is(err, errDown) {
			t.Fatal(err)
		}
		keys.heal()
		if n, err := db.DB(ctx).NewSelect().Table("gatehouse_users").Count(ctx); n != 0 || err != nil {
			t.Errorf("%d users are left, %v", n, err)
		}
		for _, name := range [][2]string{{"email", "ada@example.com"}, {"key", "1"}} {
			if _, err := m.Store().LoadCredential(ctx, name[0], name[1]); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("%s is left: %v", name, err)
			}
		}
	}
	id, err := register()
	if err != nil {
		t.Fatal(err)
	}
	if held, err := m.Store().UserCredentials(ctx, id); err != nil || len(held) != 3 {
		t.Errorf("has %q, %v", kindsOf(held), err)
	}
	if _, err := register(); !errors.Is(err, auth.ErrExists) {
		t.Errorf("twice: %v", err)
	}
}
