package memory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestUsers(t *testing.T) {
	users := memory.NewUsers()
	ctx := t.Context()
	id, err := users.CreateUser(ctx, auth.Profile{Email: "Ada@example.com", Username: "ada", Name: "Ada"})
	must(t, err)
	load := func() *memory.User {
		t.Helper()
		u, err := users.LoadUser(ctx, id)
		must(t, err)
		return u.(*memory.User)
	}
	before := load()
	if want := (memory.User{ID: id, Email: "Ada@example.com", Name: "Ada"}); *before != want || len(id) != 36 {
		t.Errorf("LoadUser = %+v, want %+v", *before, want)
	}
	if before.AuthID() != id || !before.IsActive() || before.AuthVersion() != "" {
		t.Errorf("AuthID %q, IsActive %v, AuthVersion %q", before.AuthID(), before.IsActive(), before.AuthVersion())
	}
	must(t, users.SetDisabled(ctx, id, true))
	must(t, users.SetVersion(ctx, id, "2"))
	if u := load(); u.IsActive() || u.AuthVersion() != "2" || u.Email != before.Email {
		t.Errorf("after SetDisabled and SetVersion: %+v", u)
	}
	if before.Disabled || before.Version != "" {
		t.Errorf("what was loaded before has changed: %+v", before)
	}
	must(t, users.SetDisabled(ctx, id, false))
	if !load().IsActive() {
		t.Error("not active after SetDisabled(false)")
	}
	must(t, users.DeleteUser(ctx, id))
	again, err := users.CreateUser(ctx, auth.Profile{Email: "Ada@example.com"})
	if must(t, err); again == id {
		t.Error("an id came twice")
	}
}

// verbs are all methods of users, for the user with this id.
func verbs(users *memory.Users) map[string]func(ctx context.Context, id string) error {
	return map[string]func(ctx context.Context, id string) error{
		"LoadUser": func(ctx context.Context, id string) error {
			u, err := users.LoadUser(ctx, id)
			if err != nil && u != nil {
				return fmt.Errorf("a user beside the error %v", err)
			}
			return err
		},
		"SetDisabled": func(ctx context.Context, id string) error { return users.SetDisabled(ctx, id, true) },
		"SetVersion":  func(ctx context.Context, id string) error { return users.SetVersion(ctx, id, "2") },
		"DeleteUser":  users.DeleteUser,
	}
}

func TestUsersNotFound(t *testing.T) {
	users := memory.NewUsers()
	gone, err := users.CreateUser(t.Context(), auth.Profile{})
	must(t, err)
	must(t, users.DeleteUser(t.Context(), gone))
	for name, call := range verbs(users) {
		for _, id := range []string{gone, "", "no UUID", "\xff\x00"} {
			if err := call(t.Context(), id); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("%s(%q): %v, want %v", name, id, err, auth.ErrNotFound)
			}
		}
	}
}

func TestUsersEndedContext(t *testing.T) {
	users := memory.NewUsers()
	id, err := users.CreateUser(t.Context(), auth.Profile{})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range verbs(users) {
		for _, id := range []string{id, "nobody"} {
			if err := call(ctx, id); err != context.Canceled {
				t.Errorf("%s: %v, want %v", name, err, context.Canceled)
			}
		}
	}
	if id, err := users.CreateUser(ctx, auth.Profile{}); id != "" || err != context.Canceled {
		t.Errorf("CreateUser = %q, %v, want %v", id, err, context.Canceled)
	}
	u, err := users.LoadUser(t.Context(), id)
	if must(t, err); *u.(*memory.User) != (memory.User{ID: id}) {
		t.Errorf("a call with an ended context changed %+v", u)
	}
}

func TestUsersAtOnce(t *testing.T) {
	users := memory.NewUsers()
	ctx := t.Context()
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 50 {
				id, err := users.CreateUser(ctx, auth.Profile{Name: "Ada"})
				check(t, err)
				check(t, users.SetVersion(ctx, id, "2"))
				u, err := users.LoadUser(ctx, id)
				if err != nil || u.AuthID() != id {
					t.Errorf("LoadUser(%s) = %v, %v", id, u, err)
				}
				check(t, users.DeleteUser(ctx, id))
			}
		})
	}
	work.Wait()
}
