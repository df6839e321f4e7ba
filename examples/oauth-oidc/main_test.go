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
)

// TestShort: it is said that an issuer is a few lines.
func TestShort(t *testing.T) {
	source, err := os.ReadFile("corp.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(source, []byte("\n")); n >= 30 {
		t.Errorf("corp.go has %d lines, and less than 30 were promised", n)
	}
}

func TestLogIn(t *testing.T) {
	corp := newStandIn()
	if err := corp.Start(""); err != nil {
		t.Fatal(err)
	}
	defer corp.Close()
	server := httptest.NewUnstartedServer(nil)
	origin := "http://" + server.Listener.Addr().String()
	site, err := newSite(origin, Corp(corp.URL, "site", "secret", true, "corp.example"))
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
		resp, err := stay.PostForm(origin+"/auth/oauth/corp", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		back, err := corp.VisitAs(login, resp.Header.Get("Location"))
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
	for range 2 {
		if status, page := logIn("ada"); status != http.StatusOK || !strings.Contains(page, `Hello Ada Lovelace, your address is "ada@corp.example".`) {
			t.Errorf("%d %s", status, page)
		}
	}
	for _, login := range []string{"bob", "eve"} { // an address that is not verified, and one of another domain
		if status, page := logIn(login); status != http.StatusForbidden || strings.Contains(page, "Hello") {
			t.Errorf("%s: %d %s", login, status, page)
		}
	}
}
