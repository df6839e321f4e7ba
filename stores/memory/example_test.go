package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A Manager does all of this; here is what it sees.
func Example() {
	ctx := context.Background()
	users, store := memory.NewUsers(), memory.New(nil) // for auth.New

	id, err := users.CreateUser(ctx, auth.Profile{Email: "ada@example.com", Name: "Ada"})
	if err != nil {
		panic(err)
	}
	now := time.Now()
	login := &auth.Session{
		ID: auth.SessionID{1}, UserID: id, Label: "Firefox on Linux",
		CreatedAt: now, SeenAt: now, EndsAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(time.Hour),
	}
	if err := store.CreateSession(ctx, login); err != nil {
		panic(err)
	}
	s, err := store.LoadSession(ctx, login.ID)
	if err != nil {
		panic(err)
	}
	u, err := users.LoadUser(ctx, s.UserID)
	if err != nil {
		panic(err)
	}
	fmt.Println(u.(*memory.User).Name, "from", s.Label)

	err = store.DeleteUserSessions(ctx, id)
	_, gone := store.LoadSession(ctx, login.ID)
	fmt.Println(err, errors.Is(gone, auth.ErrNotFound))
	// Output:
	// Ada from Firefox on Linux
	// <nil> true
}

func ExampleNew() {
	ctx := context.Background()
	store := memory.New(&memory.Options{Counters: 2})
	now := time.Now()
	for _, key := range []string{"ada", "bob", "carol", "ada"} {
		n, _, err := store.Count(ctx, key, time.Minute, now)
		fmt.Println(key, n, errors.Is(err, memory.ErrFull))
	}
	// Output:
	// ada 1 false
	// bob 1 false
	// carol 0 true
	// ada 2 false
}
