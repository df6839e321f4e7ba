package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// TestShort: it is said that a provider of one's own is short.
func TestShort(t *testing.T) {
	source, err := os.ReadFile("hearth.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte("\n")); n >= 30 {
		t.Errorf("hearth.go has %d lines, and less than 30 were promised", n)
	}
}

func TestLogIn(t *testing.T) {
	hearth := newStandIn()
	defer hearth.Close()
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + server.Listener.Addr().String()
	site, err := newSite(origin, Hearth(hearth.URL, "site", "secret", &oauth.ConnectorOptions{Name: "hearth", Insecure: hearth}))
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = site
	server.Start()
	defer server.Close()

	logIn := func(login string) (status int, page string) {
		t.Helper()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		stay := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := stay.PostForm(origin+"/auth/oauth/hearth", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		back, err := hearth.VisitAs(login, resp.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(http.MethodGet, back.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		resp, err = (&http.Client{Jar: jar}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for login, want := range map[string]string{
		"ada": `Hello Ada Lovelace, your address is "ada@example.com".`,
		"bob": `Hello Bob, your address is "".`, // he has not confirmed it
	} {
		for range 2 {
			if status, page := logIn(login); status != http.StatusOK || !strings.Contains(page, want) {
				t.Errorf("%s: %d %s", login, status, page)
			}
		}
	}
	// Without an ID nobody is anybody.
	hearth.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{
		oauthtest.OIDCUserInfo: oauthtest.ReplyJSON(http.StatusOK, map[string]any{"handle": "ada", "mail": "ada@example.com", "mail_confirmed": true}),
	}})
	if status, page := logIn("ada"); status != http.StatusBadGateway || strings.Contains(page, "Hello") {
		t.Errorf("without an ID: %d %s", status, page)
	}
}
