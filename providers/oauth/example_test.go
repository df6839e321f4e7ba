package oauth_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A site with GitHub, and with an identity provider for development in GitHub's
// place: without Insecure it is the real one.
func Example() {
	idp := oauthtest.New(nil)
	defer idp.Close()

	var site http.Handler
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { site.ServeHTTP(w, r) }))
	defer server.Close()

	github := oauth.GitHub("client-id", "client-secret", &oauth.ConnectorOptions{Insecure: idp})
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{
		Providers: []auth.Provider{oauth.New(server.URL, nil, github)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[*memory.User](r.Context())
		fmt.Printf("%s, %s\n", u.Name, u.Email)
	})))
	site = m.Handler(mux)

	// A browser: it presses the button, is asked there, and comes back.
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)
	browser.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		if next.URL.Host == "idp.example" { // where the imitation is
			return http.ErrUseLastResponse
		}
		return nil
	}
	res, err := browser.PostForm(server.URL+"/auth/oauth/github", url.Values{"next": {"/"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	res.Body.Close()
	back, err := idp.VisitAs("ada", res.Header.Get("Location"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if res, err = browser.Get(back.URL); err != nil {
		fmt.Println(err)
		return
	}
	res.Body.Close()
	if res, err = browser.Get(server.URL + "/"); err == nil {
		res.Body.Close()
	}
	// Output: Ada Lovelace, ada@example.com
}
