// Quickstart is a site where people register, log in and see their own page.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/password"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func main() {
	db, err := open.Open("file:quickstart.db")
	check(err)
	check(db.Migrate(context.Background()))
	m, err := auth.New(db.Users(), db, &auth.Options{
		Providers:       []auth.Provider{password.New(nil)},
		Pages:           pages.New(nil),
		InsecureCookies: true, // plain HTTP on this machine; leave it out behind TLS
	})
	check(err)
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := auth.UserFrom[*bunstore.User](r.Context())
		fmt.Fprintf(w, "Hello %s! You are logged in.\n", user.Email)
	})))
	log.Fatal(http.ListenAndServe("localhost:8080", m.Handler(mux)))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
