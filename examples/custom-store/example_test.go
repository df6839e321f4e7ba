package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/examples/internal/indexed"
	"github.com/gatehouse-go/gatehouse/examples/internal/people"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// A site on the store: who has registered is known after a restart, and still logged in.
func Example() {
	folder, err := os.MkdirTemp("", "custom-store")
	check(err)
	defer os.RemoveAll(folder)
	jar, err := cookiejar.New(nil)
	check(err)
	browser := &http.Client{Jar: jar}

	db, site := start(filepath.Join(folder, "site.db"))
	server := httptest.NewServer(site)
	resp, err := browser.PostForm(server.URL+"/auth/register", url.Values{"email": {"ada@example.com"}, "password": {"correct horse battery staple"}})
	check(err)
	check(resp.Body.Close())
	fmt.Print(get(browser, server.URL))
	check(db.Close())

	db, site = start(filepath.Join(folder, "site.db"))
	defer db.Close()
	server.Config.Handler = site // at the same address
	fmt.Print(get(browser, server.URL))
	server.Close()
	// Output:
	// Hello ada@example.com!
	// Hello ada@example.com!
}

func start(file string) (*indexed.DB, http.Handler) {
	db, err := indexed.Open(file, nil)
	check(err)
	m, err := auth.New(people.Users{DB: db}, store{db}, &auth.Options{
		Providers: []auth.Provider{password.New(nil)}, InsecureCookies: true,
	})
	check(err)
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[people.User](r.Context())
		fmt.Fprintf(w, "Hello %s!\n", u.Email)
	})))
	return db, m.Handler(mux)
}

func get(browser *http.Client, address string) string {
	resp, err := browser.Get(address)
	check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(err)
	return string(body)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
