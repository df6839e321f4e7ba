package bench

import (
	"context"
	"net/http"
	"time"
)

// keptFloor returns a site that finds its sessions with k by hand, and then
// their users.
func keptFloor(k keeper, byID userLookup) *Site {
	return handFloor("floor", func(ctx context.Context, id [32]byte) (*User, error) {
		userID, expires, err := k.find(ctx, id)
		if err != nil {
			return nil, err
		}
		if time.Now().UnixMilli() >= expires {
			return nil, errNobody
		}
		return byID(ctx, userID)
	})
}

// handFloor returns a site that finds the users of sessions with find, and serves
// nothing but Private and Public.
func handFloor(name string, find func(ctx context.Context, id [32]byte) (*User, error)) *Site {
	known := page(func(ctx context.Context) (*User, bool) {
		c, ok := ctx.(*floorContext)
		if !ok {
			return nil, false
		}
		return c.user, true
	})
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := floorScan(r)
		if len(token) == 43 {
			if u, err := find(r.Context(), floorID(token)); err == nil {
				r = r.WithContext(&floorContext{r.Context(), u})
			}
		}
		known.ServeHTTP(w, r)
	})
	return &Site{Name: name, Cookie: floorCookie, Private: serve, Public: serve}
}
