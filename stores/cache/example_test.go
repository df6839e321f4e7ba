package cachestore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// far is a store that says when it is asked for a session.
type far struct{ auth.Store }

func (f far) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	fmt.Println("asked")
	return f.Store.LoadSession(ctx, id)
}

// The store would be one of package bunstore, across a network.
func Example() {
	ctx := context.Background()
	db := far{memory.New(nil)}
	sessions, err := cachestore.New(db, &cachestore.Options{TTL: 2 * time.Second})
	if err != nil {
		panic(err)
	}
	store := auth.Combine(db, auth.Parts{Sessions: sessions}) // for auth.New

	now := time.Now()
	login := &auth.Session{ID: auth.SessionID{1}, UserID: "ada", CreatedAt: now, EndsAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}
	if err := store.CreateSession(ctx, login); err != nil {
		panic(err)
	}
	for range 3 {
		s, err := store.LoadSession(ctx, login.ID)
		fmt.Println(s.UserID, err)
	}
	if err := store.DeleteSession(ctx, login.ID); err != nil {
		panic(err)
	}
	_, err = store.LoadSession(ctx, login.ID)
	fmt.Println(err)
	// Output:
	// asked
	// ada <nil>
	// ada <nil>
	// ada <nil>
	// asked
	// auth: not found
}
