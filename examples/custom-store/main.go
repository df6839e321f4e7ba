// Custom-store is a site on a store of its own, which is in store.go; docs/writing-a-store.md goes through it.
//
//	go run ./examples/custom-store
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/examples/internal/indexed"
	"github.com/gatehouse-go/gatehouse/examples/internal/people"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

func main() {
	db, err := indexed.Open("custom-store.db", nil)
	if err != nil {
		log.Fatal(err)
	}
	s := store{db}
	m, err := auth.New(people.Users{DB: db}, s, &auth.Options{
		Providers:       []auth.Provider{password.New(nil)},
		Pages:           pages.New(nil),
		InsecureCookies: true, // plain HTTP on this machine; leave it out behind TLS
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[people.User](r.Context())
		fmt.Fprintf(w, "Hello %s!\n", u.Email)
	})))
	log.Fatal(http.ListenAndServe("localhost:8080", m.Handler(mux)))
}
