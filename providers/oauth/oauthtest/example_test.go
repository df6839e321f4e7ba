package oauthtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// A login with GitHub, from the side of the application. Nothing of it leaves
// the process.
func Example() {
	idp := oauthtest.New(&oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", Secret: "s3cret", RedirectURIs: []string{"https://app.example/callback"}}},
		People:  []oauthtest.Person{{Login: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true}},
	})
	defer idp.Close()
	client := &http.Client{Transport: idp} // for the application

	// The browser of Ada goes to GitHub, and comes back.
	back, err := idp.VisitAs("ada", "https://github.com/login/oauth/authorize?client_id=app&state=xyz&scope=user:email")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.PostForm("https://github.com/login/oauth/access_token", url.Values{
		"client_id": {"app"}, "client_secret": {"s3cret"}, "code": {back.Values().Get("code")},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.Status, back.Values().Get("state"))

	// What GitHub says of her can be anything.
	idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{
		oauthtest.GitHubUser: oauthtest.ReplyJSON(http.StatusOK, map[string]any{"id": 1, "login": "ada", "name": nil}),
	}})
	resp, err = client.Get("https://api.github.com/user")
	if err != nil {
		fmt.Println(err)
		return
	}
	var user map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&user); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(user)
	fmt.Println(idp.Count(oauthtest.GitHubUser), "request for the profile")
	// Output:
	// 200 OK xyz
	// map[id:1 login:ada name:<nil>]
	// 1 request for the profile
}
