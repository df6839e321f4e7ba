package redisstore_test

import (
	"fmt"
	"log"

	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

func Example() {
	sessions, err := redisstore.Open("redis://127.0.0.1:6379/0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sessions.Close()
	// sql, err := open.Open("postgres://…")
	// store := auth.Combine(sql, auth.Parts{Sessions: sessions, Tickets: sessions, Limiter: sessions})
	// m, err := auth.New(users, store, nil)

	fmt.Println(sessions.KeepsCredentials())
	// Output: redisstore: Redis keeps no credentials; keep them in SQL and put the two together with auth.Combine(sql, auth.Parts{Sessions: redis, Tickets: redis, Limiter: redis})
}
