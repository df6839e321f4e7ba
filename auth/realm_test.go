package auth_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What one realm keeps comes out as it went in, and is nothing to another, nor
// to who looks at the store without any.
func TestRealmStore(t *testing.T) {
	ctx := context.Background()
	store := memory.New(nil)
	a := auth.InRealm(store, "a")
	others := map[string]auth.Store{"b": auth.InRealm(store, "b"), "none": auth.InRealm(store, "")}

	session := &auth.Session{ID: auth.SessionID{1}, UserID: "1", Version: 1, CreatedAt: t0, SeenAt: t0, EndsAt: t0.Add(time.Hour), ExpiresAt: t0.Add(time.Hour)}
	credential := auth.Credential{Kind: "email", Key: "ada@example.com", UserID: "1", Version: 1, Generation: 3, CreatedAt: t0}
	ticket := auth.Ticket{Purpose: "login", Key: "k", UserID: "1", Slot: "s", CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
	put := func(s auth.Store, id auth.SessionID) {
		t.Helper()
		sess := *session
		sess.ID = id
		for _, err := range []error{
			s.CreateSession(ctx, &sess), s.ChangeCredentials(ctx, auth.Change{New: &credential}), s.PutTicket(ctx, ticket),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if n, _, err := s.Count(ctx, "c", time.Hour, t0); n != 1 || err != nil {
			t.Errorf("counter at %d, %v", n, err)
		}
	}
	there := func(s auth.Store, id auth.SessionID) {
		t.Helper()
		want := *session
		want.ID = id
		got, err := s.LoadSession(ctx, id)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("session %+v, %v", got, err)
		}
		if all, err := s.UserSessions(ctx, "1"); err != nil || len(all) != 1 || !reflect.DeepEqual(*all[0], want) {
			t.Errorf("sessions %+v, %v", all, err)
		}
		if c, err := s.LoadCredential(ctx, "email", "ada@example.com"); err != nil || !reflect.DeepEqual(c, credential) {
			t.Errorf("credential %+v, %v", c, err)
		}
		for _, kinds := range [][]string{nil, {"email"}} {
			if all, err := s.UserCredentials(ctx, "1", kinds...); err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], credential) {
				t.Errorf("credentials %+v, %v", all, err)
			}
		}
		if got, err := s.LoadTicket(ctx, "login", "k"); err != nil || !reflect.DeepEqual(got, ticket) {
			t.Errorf("ticket %+v, %v", got, err)
		}
	}

	put(a, auth.SessionID{1})
	there(a, auth.SessionID{1})
	id := byte(1)
	for name, other := range others {
		if all, err := other.UserSessions(ctx, "1"); err != nil || len(all) != 0 {
			t.Errorf("%s sees sessions %+v, %v", name, all, err)
		}
		if _, err := other.LoadCredential(ctx, "email", "ada@example.com"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s sees the credential: %v", name, err)
		}
		if _, err := other.TakeTicket(ctx, "login", "k"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s takes the ticket: %v", name, err)
		}
		id++
		put(other, auth.SessionID{id}) // there is room for the same names
		there(other, auth.SessionID{id})
		for _, err := range []error{
			other.DeleteUserSessions(ctx, "1"), other.DeleteUserTickets(ctx, "1"), other.Forget(ctx, "c"),
			other.ChangeCredentials(ctx, auth.Change{Old: &credential}),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		there(a, auth.SessionID{1})
	}

	seen := *session
	seen.SeenAt = t0.Add(time.Minute)
	if err := a.UpdateSession(ctx, &seen); err != nil {
		t.Error(err)
	}
	if got, err := a.TakeTicket(ctx, "login", "k"); err != nil || !reflect.DeepEqual(got, ticket) {
		t.Errorf("ticket %+v, %v", got, err)
	}
	if n, _, err := a.Count(ctx, "c", time.Hour, t0); n != 2 || err != nil {
		t.Errorf("counter at %d, %v", n, err)
	}
	if _, ok := auth.As[auth.Sweeper](a); !ok {
		t.Error("a realm hides what the store can do")
	}
}

// A login in a realm is like any other.
func TestLoginInRealm(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Realm = "staff" })
	v := s.visitor().logIn("ada")
	if got := v.who(); got != "ada" {
		t.Error(got)
	}
	s.clock.Advance(2 * time.Minute)
	if got := v.who(); got != "ada" { // a touch was due
		t.Error(got)
	}
	if live, err := s.m.Sessions(context.Background(), "ada"); err != nil || len(live) != 1 || live[0].UserID != "ada" {
		t.Errorf("%+v, %v", live, err)
	}
	v.post("/auth/logout", "")
	if got := v.who(); got != "nobody" {
		t.Error(got)
	}
}
