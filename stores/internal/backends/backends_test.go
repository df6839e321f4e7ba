package backends_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
)

// Every backend is empty at first, has two instances that see the same, and shows
// what is in it.
func TestEach(t *testing.T) {
	n := 0
	backends.Each(t, func(t *testing.T, b *backends.Backend) {
		n++
		one, two := b.Open(t), b.Open(t)
		if one.Store == two.Store && b.Name != "memory" {
			t.Error("two instances are one")
		}
		ctx := t.Context()
		id, err := one.Users.CreateUser(ctx, auth.Profile{Email: "ada@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := two.Users.LoadUser(ctx, id); err != nil {
			t.Errorf("the user that the other instance has created: %v", err)
		}
		now := time.Now()
		s := &auth.Session{ID: auth.SessionID{1, 2, 3}, UserID: id, Label: "the label of a session", CreatedAt: now, SeenAt: now, EndsAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}
		if _, err := two.Store.LoadSession(ctx, s.ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("LoadSession in an empty store: %v", err)
		}
		err = errors.Join(
			one.Store.CreateSession(ctx, s),
			one.Store.ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: "kind", Key: "the key of a credential", UserID: id, Data: []byte("the data of a credential"), CreatedAt: now}}),
			one.Store.PutTicket(ctx, auth.Ticket{Purpose: "purpose", Key: "the key of a ticket", UserID: id, Data: []byte("the data of a ticket"), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}),
		)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := one.Store.Count(ctx, "the key of a counter", time.Hour, now); err != nil {
			t.Fatal(err)
		}
		if _, err := two.Store.LoadSession(ctx, s.ID); err != nil {
			t.Errorf("the session that the other instance has created: %v", err)
		}
		if n, _, err := two.Store.Count(ctx, "the key of a counter", time.Hour, now); err != nil || n != 2 {
			t.Errorf("the counter of both instances is %d, %v, want 2", n, err)
		}
		dump := b.Dump(t)
		for _, text := range []string{"the label of a session", "the key of a credential", "the data of a credential", "the data of a ticket"} {
			if !bytes.Contains(dump, []byte(text)) {
				t.Errorf("%q is not in the dump", text)
			}
		}
		if b.Name != "memory" && !bytes.Contains(dump, []byte(id)) {
			t.Error("the user is not in the dump")
		}
	})
	if n != 5 {
		t.Errorf("%d backends, want 5", n)
	}
}

func ExampleBackend_Open() {
	t, ctx := &testing.T{}, context.Background() // the test's own
	b := backends.Memory(t)
	here, there := b.Open(t), b.Open(t)
	ticket := auth.Ticket{Purpose: "invitation", Key: "k"}
	fmt.Println(here.Store.PutTicket(ctx, ticket))
	_, err := there.Store.LoadTicket(ctx, "invitation", "k")
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}
