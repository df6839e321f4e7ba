// Oauth-custom is a site where people log in at a server that speaks OAuth 2.0 and
// that Gatehouse has never heard of: Hearth, which there is none of. All that is
// needed for it is in hearth.go.
//
//	go run ./examples/oauth-custom
//
// A stand-in plays Hearth, so that there is something to log in at.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func main() {
	hearth := newStandIn()
	check(hearth.Start("127.0.0.1:0"))
	site, err := newSite("http://localhost:8080", Hearth(hearth.URL, "site", "secret", &oauth.ConnectorOptions{
		Name: "hearth", Title: "Hearth", Scopes: []string{"self"},
		InsecureHTTP: true, // it is on this machine; leave it out
	}))
	check(err)
	fmt.Println("The site is at http://localhost:8080")
	log.Fatal(http.ListenAndServe("localhost:8080", site))
}

// newSite puts a site together that has one way in, and a page behind it.
func newSite(origin string, connector *oauth.Connector) (http.Handler, error) {
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{
		Providers:       []auth.Provider{oauth.New(origin, nil, connector)},
		Pages:           pages.New(nil),
		InsecureCookies: true, // plain HTTP on this machine; leave it out behind TLS
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := auth.UserFrom[*memory.User](r.Context())
		fmt.Fprintf(w, "Hello %s, your address is %q.\n", user.Name, user.Email)
	})))
	return m.Handler(mux), nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
