package bunstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func Example() {
	ctx := context.Background()
	store, err := open.Open("file::memory:") // "file:app.db"
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	// m, err := auth.New(store.Users(), store, nil)

	id, err := store.Users().CreateUser(ctx, auth.Profile{Name: "Ada"})
	if err != nil {
		log.Fatal(err)
	}
	u, err := store.Users().LoadUser(ctx, id)
	fmt.Println(u.AuthID() == id, err)
	// Output: true <nil>
}

// The host's own writes and those of the store are kept together or not at
// all.
func ExampleStore_InTx() {
	ctx := context.Background()
	store, err := open.Open("file::memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	if _, err := store.DB(ctx).NewRaw("CREATE TABLE teams (owner TEXT)").Exec(ctx); err != nil {
		log.Fatal(err)
	}

	err = store.InTx(ctx, func(ctx context.Context) error {
		id, err := store.Users().CreateUser(ctx, auth.Profile{Name: "Ada"})
		if err != nil {
			return err
		}
		if _, err := store.DB(ctx).NewRaw("INSERT INTO teams (owner) VALUES (?)", id).Exec(ctx); err != nil {
			return err
		}
		return fmt.Errorf("no more teams today")
	})
	fmt.Println(err)
	var n int
	err = store.DB(ctx).NewRaw("SELECT count(*) FROM teams").Scan(ctx, &n)
	fmt.Println(n, err)
	// Output:
	// no more teams today
	// 0 <nil>
}
