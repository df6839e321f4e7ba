package open_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func ExampleOpen() {
	store, err := open.Open("file::memory:") // "file:app.db"
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	fmt.Println(store.Migrate(context.Background()))
	// Output: <nil>
}
