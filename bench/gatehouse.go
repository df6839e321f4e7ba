package bench

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// newGatehouse returns Gatehouse with its sessions in memory.
func newGatehouse(users map[string]*User) (*Site, error) {
	return gatehouse("Gatehouse", memory.New(nil), inMap(users))
}

func gatehouse(name string, store auth.Store, byID userLookup) (*Site, error) {
	return gatehouseOf(name, store, auth.UserFunc(byID), func(u auth.User) (*User, bool) {
		own, ok := u.(*User)
		return own, ok
	})
}

// gatehouseOf is gatehouse for any users, whom as makes those of the page of.
func gatehouseOf(name string, store auth.Store, users auth.UserLoader, as func(auth.User) (*User, bool)) (*Site, error) {
	m, err := auth.New(users, store, &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	known := page(func(ctx context.Context) (*User, bool) {
		u, ok := auth.UserFrom[auth.User](ctx)
		if !ok {
			return nil, false
		}
		return as(u)
	})
	return &Site{
		Name: name, Cookie: "__Host-sid",
		Private: m.Handler(m.RequireUser(known)),
		// Whoever is open to all asks IdentityFrom, which tells nobody from an outage.
		Public: m.Handler(page(func(ctx context.Context) (*User, bool) {
			id, err := m.IdentityFrom(ctx)
			if err != nil {
				return nil, false
			}
			return as(id.User)
		})),
		Plain: m.Handler(http.HandlerFunc(plain)),
		Enter: func(r *http.Request) (inner *http.Request) {
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inner = r })).ServeHTTP(NewSink(), r)
			return inner
		},
		LogIn: func(w http.ResponseWriter, r *http.Request, userID string) error {
			return m.LogIn(w, r, userID, auth.Proof{Method: "bench"})
		},
		LogOut: m.LogOut,
	}, nil
}
