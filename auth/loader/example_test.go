package loader_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/loader"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A host that keeps digests of tokens, here in a map, and whose API takes them in
// two places.
func Example() {
	owners := map[[32]byte]string{sha256.Sum256([]byte("mF_9.B5f-4.1JqM")): "ada"}
	verify := func(_ context.Context, token string) (*auth.Identity, error) {
		owner, ok := owners[sha256.Sum256([]byte(token))]
		if !ok {
			return nil, auth.ErrBadCredentials
		}
		return &auth.Identity{UserID: owner, Scopes: []string{"read"}}, nil
	}

	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Loaders: []auth.RequestLoader{
			loader.Bearer(verify, &loader.Options{Realm: "Meadow"}),
			loader.Header("X-API-Key", verify, nil),
		},
		Logger: slog.New(slog.DiscardHandler), // or the default
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	api := m.Handler(m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := m.IdentityFrom(r.Context())
		if err != nil {
			m.Refuse(w, r, err)
			return
		}
		fmt.Fprint(w, id.UserID, " may read: ", id.HasScope("read"), ", write: ", id.HasScope("write"))
	})))

	for _, header := range [][2]string{
		{"Accept", "*/*"},
		{"Authorization", "Bearer mF_9.B5f-4.1JqM"},
		{"X-API-Key", "mF_9.B5f-4.1JqM"},
		{"Authorization", "Bearer stolen"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(header[0], header[1])
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code == http.StatusUnauthorized {
			fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
		} else {
			fmt.Println(w.Code, w.Body)
		}
	}
	// Output:
	// 401 Bearer realm="Meadow"
	// 200 ada may read: true, write: false
	// 200 ada may read: true, write: false
	// 401 Bearer realm="Meadow", error="invalid_token"
}
