package bunstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

func TestUsers(t *testing.T) {
	ctx := t.Context()
	s := newStore(t, newFile(t), nil)
	users := s.Users()
	id, err := users.CreateUser(ctx, auth.Profile{Email: "Ada@Example.com", Username: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	load := func() *bunstore.User {
		t.Helper()
		u, err := users.LoadUser(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return u.(*bunstore.User)
	}
	if got, want := *load(), (bunstore.User{ID: id, Email: "Ada@Example.com", Name: "ada", Version: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if u := load(); u.AuthID() != id || !u.IsActive() || u.AuthVersion() != "1" {
		t.Errorf("got %q, %t, %q", u.AuthID(), u.IsActive(), u.AuthVersion())
	}
	if err := users.SetDisabled(ctx, id, true); err != nil {
		t.Fatal(err)
	}
	if u := load(); u.IsActive() || u.AuthVersion() != "2" {
		t.Errorf("disabled: got %+v", u)
	}
	if err := users.SetDisabled(ctx, id, false); err != nil {
		t.Fatal(err)
	}
	if u := load(); !u.IsActive() || u.AuthVersion() != "2" {
		t.Errorf("enabled: got %+v", u)
	}
	for _, other := range []string{"", "nobody", id + " ", strings.ToUpper(id), id + "\x00", string([]byte{0xff}), strings.Repeat("x", 256)} {
		for name, err := range map[string]error{
			"LoadUser":    second(users.LoadUser(ctx, other)),
			"SetDisabled": users.SetDisabled(ctx, other, true),
			"DeleteUser":  users.DeleteUser(ctx, other),
		} {
			if !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("%s(%q): got %v, want ErrNotFound", name, other, err)
			}
		}
	}
	for _, p := range []auth.Profile{{Name: "a\x00b"}, {Email: strings.Repeat("e", 256)}, {Username: "\xff"}} {
		if _, err := users.CreateUser(ctx, p); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("CreateUser(%q): got %v, want ErrInvalid", p, err)
		}
	}
}

func TestDeleteUser(t *testing.T) {
	ctx := t.Context()
	s := newStore(t, newFile(t), nil)
	id, err := s.Users().CreateUser(ctx, auth.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	for i, user := range []string{id, "other"} {
		if err := errors.Join(
			s.CreateSession(ctx, newSession(byte(i)+1, user)),
			s.ChangeCredentials(ctx, create("k", user, user)),
			s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: user, UserID: user}),
		); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Users().DeleteUser(ctx, id); err != nil {
		t.Fatal(err)
	}
	for i, user := range []string{id, "other"} {
		for name, err := range map[string]error{
			"session":    second(s.LoadSession(ctx, auth.SessionID{byte(i) + 1, 1})),
			"credential": second(s.LoadCredential(ctx, "k", user)),
			"ticket":     second(s.LoadTicket(ctx, "p", user)),
		} {
			if gone := errors.Is(err, auth.ErrNotFound); gone != (user == id) {
				t.Errorf("%s of %s: %v", name, user, err)
			}
		}
	}
}
