package apikey_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func Example() {
	keys := apikey.New(&apikey.Options{
		Prefix: "shop", // choose your own
		Scopes: []apikey.Scope{
			{Name: "orders:read", Description: "Read orders"},
			{Name: "orders:write", Description: "Change orders"},
		},
	})
	users := authtest.NewUsers("ada") // the host's own
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Providers: []auth.Provider{keys},
		Loaders:   []auth.RequestLoader{keys},
		Authorizer: auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
			if a.Identity == nil || !a.Identity.HasScope(a.Action) {
				return auth.ErrForbidden
			}
			return nil // or what the user may do
		}),
		Logger: slog.New(slog.DiscardHandler), // or the default
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	m.Mount(mux) // GET,POST /auth/keys …
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := m.IdentityFrom(r.Context()) // behind a guard
		fmt.Fprintf(w, "the orders of %s, for %s", id.UserID, id.Credential.Label)
	})
	mux.Handle("GET /orders", m.Require("orders:read")(orders))
	mux.Handle("POST /orders", m.Require("orders:write")(orders))
	site := m.Handler(mux)

	// What POST /auth/keys does for who is logged in:
	made, err := keys.Create(context.Background(), "ada", apikey.NewKey{Name: "the report", Scopes: []string{"orders:read"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(method string) {
		r := httptest.NewRequest(method, "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+made.Secret)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			fmt.Println(method, w.Code)
			return
		}
		fmt.Println(method, w.Body)
	}
	ask("GET")
	ask("POST")
	if err := keys.Revoke(context.Background(), "ada", made.ID); err != nil {
		fmt.Println(err)
		return
	}
	ask("GET")
	// Output:
	// GET the orders of ada, for the report
	// POST 403
	// GET 401
}
