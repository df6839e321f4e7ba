package auth_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// dropsKeys makes an event of its own drop what the provider trust owns.
func dropsKeys(o *auth.Options) {
	o.Consequences = map[string]map[string]auth.Fate{"account.disowned": {"key": auth.DropAll}, "account.reclaimed": {"key": auth.DropOthers}}
}

// What is used while it is being dropped is dropped all the same.
func TestDropMeetsUse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, dropsKeys)
		s.addKey("ada", "1")
		s.addKey("ada", "2")
		uses := 0
		s.store.after["UserCredentials"] = func() { // it is known what there is to drop
			if uses++; uses > 3 {
				return
			}
			held, err := store.LoadCredential(t.Context(), "key", "1")
			if err != nil {
				t.Error(err)
			}
			next := held
			next.UsedAt = t0.Add(time.Duration(uses) * time.Second)
			if err := store.ChangeCredentials(t.Context(), auth.Change{Old: &held, New: &next}); err != nil {
				t.Error(err)
			}
		}
		if err := s.m.Apply(t.Context(), "ada", "account.disowned"); err != nil {
			t.Fatal(err)
		}
		if left, err := store.UserCredentials(t.Context(), "ada", "key"); err != nil || len(left) != 0 || uses < 4 {
			t.Errorf("left %v, %v, after %d uses", left, err, uses)
		}
	})
}

// Two changes at the same time do not both succeed, also if they drop, and begin anew for
// what is used.
func TestTwoAppliesMeet(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, dropsKeys)
		s.addKey("ada", "old")
		errs := meet(s, "UserCredentials", func(i int) error {
			return s.m.Apply(context.Background(), "ada", "account.reclaimed", auth.Change{New: &auth.Credential{Kind: "key", Key: []string{"a", "b"}[i], UserID: "ada"}})
		})
		if count(errs, auth.ErrConflict) != 1 || count(errs, nil) != 1 {
			t.Errorf("%v; want one conflict and one success", errs)
		}
		left, err := store.UserCredentials(t.Context(), "ada", "key")
		if err != nil || len(left) != 1 || left[0].Key == "old" {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// What a request under way makes between the change and the end of its session goes too,
// and what it has looked at before is not good for a change after it.
func TestDropFindsWhatWasMadeMeanwhile(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, dropsKeys)
		s.addKey("ada", "1")
		var once sync.Once
		s.store.after["UserCredentials"] = func() { // it is known what there is to drop
			once.Do(func() {
				if err := store.ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "key", Key: "thief's", UserID: "ada"}}); err != nil {
					t.Error(err)
				}
			})
		}
		mine := auth.Credential{Kind: "key", Key: "mine", UserID: "ada"}
		if err := s.m.Apply(t.Context(), "ada", "account.reclaimed", auth.Change{New: &mine}); err != nil {
			t.Fatal(err)
		}
		left, err := store.UserCredentials(t.Context(), "ada", "key")
		if err != nil || len(left) != 1 || left[0].Key != "mine" {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// A login that was decided by what is dropped meanwhile is none.
func TestLoginRacesWithDrop(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		for _, at := range []string{"CreateSession", "LoadCredential"} {
			s := newSiteOn(t, store, dropsKeys)
			s.addKey("ada", "adas")
			n := 0
			s.store.before[at] = func() {
				if n++; at == "LoadCredential" && n < 2 {
					return
				}
				s.store.before[at] = nil
				if err := s.m.Apply(context.Background(), "ada", "account.disowned"); err != nil {
					t.Error(err)
				}
			}
			thief := s.visitor()
			thief.post("/auth/trust?user=ada&key=adas&remember", "")
			s.store.before[at] = nil
			if got := thief.who(); got != "nobody" {
				t.Errorf("at %s the thief is %s", at, got)
			}
			sessions, _ := s.m.Sessions(t.Context(), "ada")
			held, err := store.UserCredentials(t.Context(), "ada", "remember", "key")
			if err != nil || len(sessions)+len(held) != 0 {
				t.Errorf("at %s there is left %v, %v, %v", at, sessions, held, err)
			}
		}
	})
}

// The client goes away once the change is made.
func TestClientGoneAfterTheChange(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		s.addKey("ada", "adas")
		ctx, cancel := context.WithCancel(context.Background())
		thief := s.visitor().logIn("ada")
		n := 0
		s.store.before["DeleteUserSessions"] = func() {
			if n++; n == 3 { // two before it, or in its transaction
				cancel()
			}
		}
		err := s.m.Apply(ctx, "ada", "password.reset")
		if got := thief.who(); got != "nobody" || err != nil || n < 3 {
			t.Errorf("after %d: %v, and the thief is %s", n, err, got)
		}
	})
}

// What has expired is in nobody's way, whoever's it was; what has not is.
func TestExpiredIsFree(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		for _, realm := range []string{"", "shop"} {
			users, clock := memory.NewUsers(), authtest.NewClock(t0)
			kept := auth.InRealm(store, realm)
			m, err := auth.New(users, store, &auth.Options{Realm: realm, Now: clock.Now, Providers: []auth.Provider{trust{}}})
			if err != nil {
				t.Fatal(err)
			}
			reserve := func(key string) {
				t.Helper()
				if err := kept.ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "email", Key: key, UserID: "reserved\x1fx", CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}}); err != nil {
					t.Fatal(err)
				}
			}
			create := func(email string) error {
				_, err := m.CreateUser(t.Context(), auth.Profile{Email: email}, nil)
				return err
			}
			id, err := m.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			reserve("old@example.com")
			reserve("new@example.com")
			change := func() error {
				return m.Apply(t.Context(), id, "email.changed", auth.Change{New: &auth.Credential{Kind: "email", Key: "new@example.com", UserID: id, CreatedAt: t0}})
			}
			if err := create("old@example.com"); !errors.Is(err, auth.ErrExists) {
				t.Errorf("creating with a reserved address: %v", err)
			}
			if err := change(); !errors.Is(err, auth.ErrExists) {
				t.Errorf("changing to a reserved address: %v", err)
			}
			clock.Advance(time.Hour)
			if err := create("old@example.com"); err != nil {
				t.Errorf("creating with an address that was reserved: %v", err)
			}
			if err := change(); err != nil {
				t.Errorf("changing to an address that was reserved: %v", err)
			}
			if err := create("new@example.com"); !errors.Is(err, auth.ErrExists) {
				t.Errorf("creating with the address that somebody has: %v", err)
			}
			held, err := kept.LoadCredential(t.Context(), "email", "new@example.com")
			if err != nil || held.UserID != id || !held.ExpiresAt.IsZero() {
				t.Errorf("%+v, %v", held, err)
			}
		}
	})
}

// What cannot be created leaves what has expired, where there are transactions.
func TestExpiredStaysIfNothingIsMade(t *testing.T) {
	store := onSQLite(t)
	s := newSiteOn(t, store, nil)
	s.addKey("bob", "bobs")
	old := auth.Credential{Kind: "key", Key: "old", UserID: "bob", CreatedAt: t0, ExpiresAt: t0}
	if err := store.ChangeCredentials(t.Context(), auth.Change{New: &old}); err != nil {
		t.Fatal(err)
	}
	err := s.m.ChangeCredentials(t.Context(), "ada",
		auth.Change{New: &auth.Credential{Kind: "key", Key: "old", UserID: "ada"}}, auth.Change{New: &auth.Credential{Kind: "key", Key: "bobs", UserID: "ada"}})
	if !errors.Is(err, auth.ErrExists) {
		t.Error(err)
	}
	if held, err := store.LoadCredential(t.Context(), "key", "old"); err != nil || held.UserID != "bob" {
		t.Errorf("%+v, %v", held, err)
	}
}

// Credentials that are kept by kind, and sessions elsewhere, follow the table as well, in
// a realm too.
func TestConsequencesInParts(t *testing.T) {
	onEveryStore(t, func(t *testing.T, rest auth.Store) {
		keys, sessions := memory.New(nil), memory.New(nil)
		store := auth.Combine(rest, auth.Parts{
			Credentials: auth.ByKind(rest, map[string]auth.CredentialStore{"key": keys}),
			Sessions:    sessions, Tickets: sessions,
		})
		s := newSiteOn(t, store, func(o *auth.Options) { dropsKeys(o); o.Realm = "shop" })
		in := auth.InRealm(store, "shop")
		for _, c := range []auth.Credential{{Kind: "key", Key: "1", UserID: "ada"}, {Kind: "email", Key: "ada@example.com", UserID: "ada"}, {Kind: "key", Key: "2", UserID: "bob"}} {
			if err := in.ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
				t.Fatal(err)
			}
		}
		ada, bob := s.visitor().logIn("ada"), s.visitor().logIn("bob")
		if err := s.m.Apply(t.Context(), "ada", "account.disowned"); err != nil {
			t.Fatal(err)
		}
		if got := ada.who() + bob.who(); got != "nobodybob" {
			t.Errorf("ada and bob are %s", got)
		}
		for key, left := range map[[2]string]bool{{"key", "1"}: false, {"email", "ada@example.com"}: true, {"key", "2"}: true} {
			if _, err := in.LoadCredential(t.Context(), key[0], key[1]); (err == nil) != left {
				t.Errorf("%v: %v", key, err)
			}
		}
	})
}
