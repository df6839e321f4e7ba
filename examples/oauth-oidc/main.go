// Oauth-oidc is a site where people log in at their company's OpenID Connect issuer,
// and not otherwise. All that is needed for it is in corp.go.
//
//	go run ./examples/oauth-oidc -issuer https://login.corp.example -id site -secret … -domain corp.example
//
// The issuer has to know the redirect URI http://localhost:8080/auth/oauth/corp/callback.
// Without flags a stand-in plays the issuer.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func main() {
	issuer := flag.String("issuer", "", "the company's issuer; without it a stand-in")
	id := flag.String("id", "site", "what the issuer calls this site")
	secret := flag.String("secret", "secret", "the client secret")
	domain := flag.String("domain", "corp.example", "of the addresses that are let in")
	flag.Parse()
	local := *issuer == ""
	if local {
		corp := newStandIn()
		check(corp.Start("127.0.0.1:0"))
		*issuer = corp.URL
	}
	site, err := newSite("http://localhost:8080", Corp(*issuer, *id, *secret, local, *domain))
	check(err)
	fmt.Println("The site is at http://localhost:8080")
	log.Fatal(http.ListenAndServe("localhost:8080", site))
}

// newStandIn makes an issuer that believes everybody.
func newStandIn() *oauthtest.Server {
	return oauthtest.New(&oauthtest.Options{People: []oauthtest.Person{
		{Login: "ada", Name: "Ada Lovelace", Email: "ada@corp.example", EmailVerified: true},
		{Login: "bob", Name: "Bob", Email: "bob@corp.example", EmailVerified: false},
		{Login: "eve", Name: "Eve", Email: "eve@example.com", EmailVerified: true},
	}})
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
