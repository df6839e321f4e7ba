package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestLoadSessionUser finds by one query what LoadSession and LoadUser find by two.
func TestLoadSessionUser(t *testing.T) {
	test := func(t *testing.T, s *bunstore.Store) {
		ctx, users := t.Context(), s.Users()
		var ids []string
		for i, p := range []auth.Profile{{Email: "Ada@example.com", Name: "Ada"}, {}} {
			id, err := users.CreateUser(ctx, p)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			if err := s.CreateSession(ctx, newSession(byte(i+1), id)); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string) {
			t.Helper()
			for i, userID := range ids {
				id := auth.SessionID{byte(i + 1), 1}
				want, err := s.LoadSession(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				wantUser, err := users.LoadUser(ctx, userID)
				if err != nil {
					t.Fatal(err)
				}
				got, u, err := users.LoadSessionUser(ctx, id)
				if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(u, wantUser) {
					t.Errorf("%s: got %+v, %+v, %v; want %+v, %+v", when, got, u, err, want, wantUser)
				}
			}
		}
		check("at first")
		if err := users.SetDisabled(ctx, ids[0], true); err != nil {
			t.Fatal(err)
		}
		check("with a user disabled")

		if _, _, err := users.LoadSessionUser(ctx, auth.SessionID{9}); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("no session: %v, want ErrNotFound", err)
		}
		if err := s.CreateSession(ctx, newSession(7, "not in the table")); err != nil {
			t.Fatal(err)
		}
		if got, u, err := users.LoadSessionUser(ctx, auth.SessionID{7, 1}); got == nil || got.UserID != "not in the table" || u != nil || err != nil {
			t.Errorf("no user: got %+v, %v, %v", got, u, err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, _, err := users.LoadSessionUser(ended, auth.SessionID{1, 1}); !errors.Is(err, context.Canceled) || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("ended context: %v", err)
		}
		// It sees what the transaction has done.
		err := s.InTx(ctx, func(ctx context.Context) error {
			if err := s.DeleteSession(ctx, auth.SessionID{1, 1}); err != nil {
				return err
			}
			if _, _, err := users.LoadSessionUser(ctx, auth.SessionID{1, 1}); !errors.Is(err, auth.ErrNotFound) {
				return fmt.Errorf("deleted in the transaction, and found: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	t.Run("SQLite", func(t *testing.T) { test(t, newStore(t, newFile(t), nil)) })
	everyServer(t, func(t *testing.T, v server) { test(t, v.store(t, "", bunstore.Options{})) })
}

func TestJoinsSessionsOf(t *testing.T) {
	s, other := newStore(t, newFile(t), nil), newStore(t, newFile(t), nil)
	none := newStore(t, newFile(t), &bunstore.Options{NoUsers: true})
	for _, test := range []struct {
		name     string
		users    *bunstore.Users
		sessions auth.SessionStore
		want     bool
	}{
		{"its own", s.Users(), s, true},
		{"another store", s.Users(), other, false},
		{"what is in front of its own", s.Users(), struct{ auth.Store }{s}, false},
		{"no table", none.Users(), none, false},
	} {
		if got := test.users.JoinsSessionsOf(test.sessions); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
}
