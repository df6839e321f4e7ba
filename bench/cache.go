package bench

import (
	"context"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// cached returns store with its sessions behind a cache. In a slice of time each
// session has its turn a few times only, as a site's would not within a second, so
// that they are remembered for a minute.
func cached(store auth.Store) (auth.Store, error) {
	c, err := cachestore.New(store, &cachestore.Options{TTL: time.Minute})
	if err != nil {
		return nil, err
	}
	return auth.Combine(store, auth.Parts{Sessions: c}), nil
}

// CacheHit is the Op of loading a session that the cache has. What is below is not
// asked, so it is of no importance.
func CacheHit() (Op, error) {
	ctx := context.Background()
	store := memory.New(nil)
	c, err := cachestore.New(store, &cachestore.Options{TTL: time.Minute})
	if err != nil {
		return Op{}, err
	}
	ids := make([]auth.SessionID, InTurn)
	for i := range ids {
		ids[i] = growthID(i)
		if err := store.CreateSession(ctx, growthSession(i)); err != nil {
			return Op{}, err
		}
	}
	return Op{Name: "cache hit", Run: func(n int) Cost {
		return timed(func() {
			for i := range n {
				if _, err := c.LoadSession(ctx, ids[i%InTurn]); err != nil {
					panic(err)
				}
			}
		})
	}}, nil
}
