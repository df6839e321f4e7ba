package oauth_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// patient is for logins that share a busy machine.
func patient(o *oauth.ConnectorOptions) { o.Timeout = 0 }

// A hundred people log in at once, by all connectors of one Provider: nobody becomes somebody else, and the tokens that are kept of
// everybody are their own.
func TestNobodyBecomesSomebodyElse(t *testing.T) {
	const people = 100
	o := observe(t, nil, false, patient)
	connectors := []string{"github", "google", "oidc", "apple"}
	for i := range people {
		p := oauthtest.Person{Login: fmt.Sprintf("person%d", i), Name: fmt.Sprintf("Person %d", i), Subject: fmt.Sprint(5000 + i)}
		if err := o.idp.AddPerson(p); err != nil {
			t.Fatal(err)
		}
	}
	service := map[string]oauthtest.Service{"github": oauthtest.GitHub, "google": oauthtest.Google, "oidc": oauthtest.OIDC, "apple": oauthtest.Apple}
	ids := make([]string, people)
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			login, connector := fmt.Sprintf("person%d", i), connectors[i%len(connectors)]
			v := o.visitor()
			back, err := o.idp.VisitAs(login, v.start(connector))
			if err != nil {
				t.Error(err)
				return
			}
			rec := v.back(back)
			id, _, _ := strings.Cut(v.who(), " ")
			if id == "" {
				t.Errorf("%s at %s: %d\n%s", login, connector, rec.Code, rec.Body)
				return
			}
			ids[i] = id
			p, _ := o.idp.Person(login)
			want := p.SubjectAt(service[connector])
			links, err := o.store.UserCredentials(t.Context(), id, "oauth:"+connector)
			if err != nil || len(links) != 1 || links[0].Key != want {
				t.Errorf("%s at %s is %s, with links %v, %v; want %s", login, connector, id, links, err, want)
			}
			source, err := o.p.TokenSource(t.Context(), id, connector, &oauth.TokenOptions{Subject: want})
			if err != nil {
				t.Errorf("%s at %s: %v", login, connector, err)
				return
			}
			token, err := source.Token()
			if err != nil || token.RefreshToken != "" {
				t.Errorf("%s at %s: %v", login, connector, err)
				return
			}
			if connector == "oidc" {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.idp.URL+"/userinfo", nil)
				if err != nil {
					t.Error(err)
					return
				}
				token.SetAuthHeader(req)
				body := o.ask(req)
				if !strings.Contains(body, fmt.Sprintf("%q", want)) {
					t.Errorf("the token of %s is of %s", login, body)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for i, id := range ids {
		if before, ok := seen[id]; ok {
			t.Errorf("person %d and person %d are %s", before, i, id)
		}
		seen[id] = i
	}
	if n := o.users.Len(); n != people {
		t.Errorf("%d users", n)
	}
	o.checkLeaks()
}

// OA-05: of twenty callbacks of one transaction at once one makes a session, by one
// token request; and the identity provider sees no second use of the code, which would
// end the grant (RFC 6749, section 4.1.2).
func TestOA05ParallelCallbacks(t *testing.T) {
	const callers = 20
	oauth.OnEveryStore(t, func(t *testing.T, store auth.Store) {
		o := observe(t, store, false, patient)
		for connector, token := range map[string]oauthtest.Endpoint{"github": oauthtest.GitHubToken, "google": oauthtest.GoogleToken,
			"apple": oauthtest.AppleToken, "oidc": oauthtest.OIDCToken} {
			if err := o.idp.AddPerson(oauthtest.Person{Login: "of-" + connector}); err != nil {
				t.Fatal(err)
			}
			o.events.Reset()
			v := o.visitor()
			back, err := o.idp.VisitAs("of-"+connector, v.start(connector))
			if err != nil {
				t.Fatal(err)
			}
			tabs := make([]*visitor, callers)
			var wg sync.WaitGroup
			for i := range tabs {
				tabs[i] = o.visitor()
				for name, c := range v.cookies {
					tabs[i].cookies[name] = c
				}
				wg.Go(func() { tabs[i].back(back) })
			}
			wg.Wait()
			in := 0
			for _, tab := range tabs {
				if tab.who() != "" {
					in++
				}
			}
			if n := o.idp.Count(token); in != 1 || n != 1 || len(o.events.Named("login")) != 1 {
				t.Errorf("%s: %d are logged in, by %d token requests and %d sessions", connector, in, n, len(o.events.Named("login")))
			}
		}
	})
}

// OA-40: a hundred first logins of the same new person at once make one user with one
// link, and all of them are logged in.
func TestOA40ParallelFirstLogins(t *testing.T) {
	const browsers = 100
	oauth.OnEveryStore(t, func(t *testing.T, store auth.Store) {
		o := observe(t, store, false, patient)
		var wg sync.WaitGroup
		ids := make([]string, browsers)
		for i := range browsers {
			wg.Go(func() {
				v := o.visitor()
				back, err := o.idp.VisitAs("ada", v.start("github"))
				if err != nil {
					t.Error(err)
					return
				}
				rec := v.back(back)
				if ids[i] = v.who(); ids[i] == "" {
					t.Errorf("browser %d: %d\n%s", i, rec.Code, rec.Body)
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("%q and %q", id, ids[0])
			}
		}
		id, _, _ := strings.Cut(ids[0], " ")
		links, err := o.store.UserCredentials(t.Context(), id, "oauth:github")
		if err != nil || len(links) != 1 {
			t.Errorf("%d links, %v", len(links), err)
		}
		p, _ := o.idp.Person("ada")
		if len(links) == 1 && links[0].Key != p.SubjectAt(oauthtest.GitHub) {
			t.Errorf("linked: %s", links[0].Key)
		}
		// The loser of a race leaves nobody behind, but for a store with transactions,
		// with which a host's own table would have rolled back.
		if _, memory := store.(*memory.Store); memory && o.users.Len() != 1 {
			t.Errorf("%d users", o.users.Len())
		}
		if n := len(o.events.Named("registered")); n != 1 {
			t.Errorf("%d registered", n)
		}
	})
}
