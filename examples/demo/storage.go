package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	"github.com/gatehouse-go/gatehouse/contrib/rbac/bunrbac"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// kept is where everything is kept: what Gatehouse needs, and what the demo itself has
// beside it.
type kept struct {
	store  auth.Store
	users  people
	posts  posts
	roles  assignments
	outbox outbox.Store // mail that waits
	audit  audit.Store  // what has happened to accounts
	close  func() error
}

// openStore opens what -db names. No error repeats a password.
func openStore(ctx context.Context, dsn string) (kept, error) {
	if dsn == "memory:" {
		roles, err := rbac.NewMemory()
		users, posts := &memoryUsers{Users: memory.NewUsers()}, new(memoryPosts)
		return kept{memory.New(nil), people{users, posts, roles}, posts, roles, memory.NewOutbox(), memory.NewAudit(), func() error { return nil }}, err
	}
	db, err := open.Open(dsn)
	if err != nil {
		return kept{}, fmt.Errorf("-db%s: %w", named(dsn), err)
	}
	k, err := keptIn(ctx, db)
	if err != nil {
		db.Close()
		return kept{}, fmt.Errorf("-db%s: %w", named(dsn), err)
	}
	return k, nil
}

// keptIn makes the tables that are not there yet.
func keptIn(ctx context.Context, db *bunstore.Store) (kept, error) {
	if err := db.Migrate(ctx); err != nil {
		return kept{}, err
	}
	posts, err := newSQLPosts(ctx, db)
	roles := bunrbac.New(db)
	return kept{db, people{db.Users(), posts, roles}, posts, roles, db.Outbox(), db.Audit(), db.Close}, err
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
