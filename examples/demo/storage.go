package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// openStore opens what -db names: where everything is kept, who can log in, and
// what is to be closed. No error repeats a password.
func openStore(ctx context.Context, dsn string) (auth.Store, people, func() error, error) {
	if dsn == "memory:" {
		return memory.New(nil), people{memory.NewUsers()}, func() error { return nil }, nil
	}
	db, err := open.Open(dsn)
	if err != nil {
		return nil, people{}, nil, fmt.Errorf("-db%s: %w", named(dsn), err)
	}
	if err := db.Migrate(ctx); err != nil {
		db.Close()
		return nil, people{}, nil, fmt.Errorf("-db%s: %w", named(dsn), err)
	}
	return db, people{db.Users()}, db.Close, nil
}

// named returns a data source for an error: a file, which is on this machine, but
// nothing that may hold a password.
func named(dsn string) string {
	if strings.HasPrefix(dsn, "file:") {
		return fmt.Sprintf(" %q", dsn)
	}
	return ""
}

// keepElsewhere returns the store with what lives for a while, which is sessions,
// tickets and counters, in the Redis that -sessions names. Who has an account, and how
// they prove it, stays where it is.
func keepElsewhere(store auth.Store, url, prefix string) (auth.Store, func() error, error) {
	if url == "" {
		return store, func() error { return nil }, nil
	}
	redis, err := redisstore.Open(url, &redisstore.Options{Prefix: prefix})
	if err != nil {
		return nil, nil, fmt.Errorf("-sessions: %w", err)
	}
	return auth.Combine(store, auth.Parts{Sessions: redis, Tickets: redis, Limiter: redis}), redis.Close, nil
}
