package gorillastore_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/gorilla/sessions"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A shop with its carts in SQLite. Only the first lines are not gorilla's.
func Example() {
	sqldb, err := sql.Open("sqlite", "file::memory:")
	check(err)
	defer sqldb.Close()
	sqldb.SetMaxOpenConns(1) // for :memory: only, where each connection is a database
	table := gorillastore.NewBun(bun.NewDB(sqldb, sqlitedialect.New()), nil)
	check(table.Migrate(context.Background()))
	store, err := gorillastore.New(table, nil)
	check(err)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /add", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "cart")
		if err != nil { // an outage
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		n, _ := session.Values["apples"].(int)
		session.Values["apples"] = n + 1
		session.AddFlash("An apple was added.")
		if err := sessions.Save(r, w); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "cart")
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		for _, text := range session.Flashes() {
			fmt.Println(text)
		}
		fmt.Println("apples:", session.Values["apples"])
		if err := sessions.Save(r, w); err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	})

	site := httptest.NewTLSServer(mux)
	defer site.Close()
	browser := site.Client()
	browser.Jar, err = cookiejar.New(nil)
	check(err)
	for range 2 {
		_, err := browser.Post(site.URL+"/add", "", nil) // and follows the redirect
		check(err)
	}
	// Output:
	// An apple was added.
	// apples: 1
	// An apple was added.
	// apples: 2
}

// Beside Gatehouse: carts follow logins, and are shown to their user only.
func ExampleStore_Bind() {
	var m *auth.Manager
	store, err := gorillastore.New(gorillastore.NewMemory(), &gorillastore.Options{
		User: func(ctx context.Context) (string, error) { return gorillastore.UserID(m.IdentityFrom(ctx)) },
	})
	check(err)
	binding := store.Bind("cart")
	m, err = auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Logger: quiet,
		Events: []func(context.Context, auth.Event){binding.Event},
	})
	check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "cart")
		check(err)
		switch r.URL.Path {
		case "/add":
			session.Values["apples"] = 1
			check(session.Save(r, w))
		case "/in":
			check(m.LogIn(w, r, "ada", auth.Proof{Method: "example"}))
		case "/out":
			check(m.LogOut(w, r))
		}
		fmt.Println(r.URL.Path, "apples:", session.Values["apples"])
	})
	site := httptest.NewTLSServer(binding.Handler(m.Handler(mux)))
	defer site.Close()
	browser := site.Client()
	browser.Jar, err = cookiejar.New(nil)
	check(err)
	for _, path := range []string{"/add", "/in", "/", "/out", "/"} {
		_, err := browser.Post(site.URL+path, "", nil)
		check(err)
	}
	// Output:
	// /add apples: 1
	// /in apples: 1
	// / apples: 1
	// /out apples: <nil>
	// / apples: <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
