package load

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// Password is everybody's.
const Password = "two processes are one site"

// NewSite returns a site, whose page GET /me is for users and says which one is
// asking, and its provider, by which users are registered. Its hashes are of the
// cheapest sort there is: a site that people use must not do that. Guesses are
// counted as on any site, and logins wait for their turn, but all the users come
// from one address, so none are too many.
func NewSite(store auth.Store, users auth.UserLoader) (http.Handler, *password.Provider, error) {
	quiet := slog.New(slog.DiscardHandler)
	p := password.New(&password.Options{Hasher: password.Bcrypt{Cost: 4, InsecureFast: true}, Queue: 4096, Logger: quiet})
	many := auth.Limit{Max: 1 << 40, Per: time.Hour}
	m, err := auth.New(users, store, &auth.Options{
		Providers: []auth.Provider{p},
		Limits:    auth.Limits{Account: many, Network: many, NetworkLong: many},
		Logger:    quiet,
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := m.IdentityFrom(r.Context())
		if err != nil {
			m.Refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"user_id": id.UserID})
	})))
	return m.Handler(mux), p, nil
}
