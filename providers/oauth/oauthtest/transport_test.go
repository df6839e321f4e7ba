package oauthtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// The faults, in process and over a connection.
func TestFaults(t *testing.T) {
	for _, name := range []string{"in process", "over a connection"} {
		t.Run(name, func(t *testing.T) {
			idp := oauthtest.New(nil)
			defer idp.Close()
			client := &http.Client{Transport: idp, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			if name != "in process" {
				if err := idp.Start("127.0.0.1:0"); err != nil {
					t.Fatal(err)
				}
				own := &http.Transport{}
				defer own.CloseIdleConnections()
				client.Transport = own
			}
			ask := func(h oauthtest.Handler) (*http.Response, error) {
				idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.OIDCUserInfo: h}})
				return client.Get(idp.URL + "/userinfo")
			}

			resp, err := ask(oauthtest.Flood("access_token", 20<<20))
			if err != nil {
				t.Fatal(err)
			}
			h := &head{}
			n, err := io.Copy(h, resp.Body)
			if n != 20<<20 || err != nil || !strings.HasPrefix(h.String(), `{"access_token":"aaa`) {
				t.Errorf("a flood of %d bytes, %v", n, err)
			}
			resp.Body.Close()
			resp, err = ask(oauthtest.Flood("x", 20<<20))
			if err != nil {
				t.Fatal(err)
			}
			io.CopyN(io.Discard, resp.Body, 1000)
			resp.Body.Close() // and whoever writes goes home: seen below

			resp, err = ask(oauthtest.Cut("application/json", `{"sub":"ada",`))
			if err != nil {
				t.Fatal(err)
			}
			if raw, err := io.ReadAll(resp.Body); string(raw) != `{"sub":"ada",` || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut: %q, %v", raw, err)
			}
			resp.Body.Close()
			if resp, err := ask(oauthtest.Cut("", "")); err == nil {
				t.Errorf("hung up, and answered %s", resp.Status)
			}

			client.Timeout = 30 * time.Millisecond
			if resp, err := ask(oauthtest.Hang()); err == nil {
				t.Errorf("hung, and answered %s", resp.Status)
			}
			if resp, err := ask(oauthtest.Delay(time.Minute)); err == nil {
				t.Errorf("delayed, and answered %s", resp.Status)
			}
			client.Timeout = 0
			resp, err = ask(oauthtest.Delay(time.Nanosecond))
			if err != nil || resp.StatusCode != 401 {
				t.Fatalf("delayed: %v, %v", resp, err)
			}
			resp.Body.Close()

			resp, err = ask(oauthtest.RedirectTo(307, "//evil.example/\\x"))
			if err != nil || resp.StatusCode != 307 || resp.Header.Get("Location") != "//evil.example/\\x" {
				t.Fatalf("redirect: %v, %v", resp, err)
			}
			resp.Body.Close()
		})
	}
}

type head struct{ bytes.Buffer }

func (h *head) Write(b []byte) (int, error) {
	if h.Len() < 100 {
		h.Buffer.Write(b[:min(len(b), 100)])
	}
	return len(b), nil
}

// Only its own hosts are answered for, and what would have gone elsewhere is
// known.
func TestElsewhere(t *testing.T) {
	idp := oauthtest.New(nil)
	client := &http.Client{Transport: idp}
	for _, u := range []string{
		"https://evil.example/steal", "http://github.com/login/oauth/access_token", "https://github.com:8443/", "https://github.com.evil.example/",
		"https://xgithub.com/", "http://idp.example/token", "https://idp.example:444/token", "http://169.254.169.254/",
	} {
		r := request(t, "POST", u)
		r.Body = io.NopCloser(strings.NewReader("client_secret=s"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer token")
		if resp, err := client.Do(r); err == nil {
			t.Errorf("%s was answered: %s", u, resp.Status)
		}
		all := idp.Requests(oauthtest.Elsewhere)
		if len(all) == 0 {
			t.Fatalf("%s was not recorded", u)
		}
		got := all[len(all)-1]
		if got.URL != u || got.Header.Get("Authorization") != "Bearer token" || got.Form.Get("client_secret") != "s" || got.Method != "POST" {
			t.Errorf("recorded %+v", got)
		}
	}
	if resp, err := client.Get("https://github.com:443/nothing"); err != nil || resp.StatusCode != 404 {
		t.Errorf("github.com: %v, %v", resp, err)
	}

	// A client that follows a redirect is caught as well.
	idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.GitHubUser: oauthtest.RedirectTo(302, "https://evil.example/x")}})
	before := idp.Count(oauthtest.Elsewhere)
	if _, err := client.Get("https://api.github.com/user"); err == nil || idp.Count(oauthtest.Elsewhere) != before+1 {
		t.Errorf("error %v", err)
	}
}

func TestAuthURL(t *testing.T) {
	idp := oauthtest.New(&oauthtest.Options{URL: "http://localhost:9/idp"})
	for in, want := range map[string]string{
		"https://github.com/login/oauth/authorize?a=b#c": "http://localhost:9/idp/github.com/login/oauth/authorize?a=b#c",
		"https://accounts.google.com/":                   "http://localhost:9/idp/accounts.google.com/",
		"https://api.twitter.com":                        "http://localhost:9/idp/api.twitter.com",
		"https://github.com?a":                           "http://localhost:9/idp/github.com?a",
		"http://github.com/login":                        "http://github.com/login",
		"https://github.com.evil.example/login":          "https://github.com.evil.example/login",
		"https://github.com@evil.example/login":          "https://github.com@evil.example/login",
		"http://localhost:9/idp/authorize?x":             "http://localhost:9/idp/authorize?x",
		"":                                               "",
	} {
		if got := idp.AuthURL(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func TestRecord(t *testing.T) {
	c := start(t, oauthtest.Options{})
	verifier := strings.Repeat("v", 43)
	code := c.visit(url.Values{"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}).Get("code")
	_, tok := c.exchange(code, url.Values{"code_verifier": {verifier}})
	got := c.idp.Requests(oauthtest.OIDCToken)
	if len(got) != 1 || got[0].Form.Get("code_verifier") != verifier || got[0].Method != "POST" || got[0].URL != c.token || !got[0].Time.Equal(c.clock.now()) || !bytes.Contains(got[0].Body, []byte(verifier)) {
		t.Errorf("recorded %+v", got)
	}
	gh := c.at(oauthtest.GitHub)
	gh.get(gh.user+"?x=y", "t")
	if got := c.idp.Requests(oauthtest.GitHubUser); len(got) != 1 || got[0].URL != "https://api.github.com/user?x=y" || got[0].Header.Get("Authorization") != "Bearer t" {
		t.Errorf("recorded %+v", got)
	}
	if a, b, n := len(c.idp.Requests()), c.idp.Count(), c.idp.Count(oauthtest.OIDCToken, oauthtest.GitHubUser); a != 3 || b != 3 || n != 2 {
		t.Errorf("%d requests, %d counted, %d of two endpoints", a, b, n)
	}
	c.idp.Forget()
	if len(c.idp.Requests()) != 0 || c.idp.Count() != 0 {
		t.Error("it does not forget")
	}
	issued := strings.Join(c.idp.Issued(), "\n")
	for _, s := range []any{code, tok["access_token"], tok["refresh_token"], tok["id_token"]} {
		if !strings.Contains(issued, text(s)) {
			t.Errorf("%v is not among what was issued", s)
		}
	}
}

// A client that goes away takes with it what the server had begun for it.
func TestNothingIsLeft(t *testing.T) {
	idp := oauthtest.New(nil)
	before := runtime.NumGoroutine()
	client := &http.Client{Transport: idp}
	for i := range 50 {
		h := []oauthtest.Handler{oauthtest.Hang(), oauthtest.Flood("x", 1<<30), oauthtest.Cut("text/plain", "x"), func(http.ResponseWriter, *http.Request) bool { panic("oops") }}[i%4]
		idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.OIDCUserInfo: h}})
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		r := request(t, "GET", idp.URL+"/userinfo").WithContext(ctx)
		if resp, err := client.Do(r); err == nil {
			if i%8 < 4 {
				resp.Body.Close()
			} else {
				<-ctx.Done() // and the body is never closed
			}
		} else if i%4 == 3 && !strings.Contains(err.Error(), "oops") {
			t.Errorf("error %v of a handler that panicked", err)
		}
		cancel()
	}
	// Closing the body is enough, without any deadline.
	stopped := make(chan struct{})
	idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.OIDCUserInfo: func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusOK)
		<-r.Context().Done()
		close(stopped)
		return true
	}}})
	resp, err := client.Get(idp.URL + "/userinfo")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-stopped

	idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.OIDCUserInfo: oauthtest.Hang()}})
	done := make(chan error)
	go func() {
		_, err := client.Get(idp.URL + "/userinfo")
		done <- err
	}()
	for idp.Count(oauthtest.OIDCUserInfo) < 52 {
		runtime.Gosched()
	}
	idp.Close()
	if err := <-done; err == nil {
		t.Error("answered by a server that was closed")
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// Many browsers at once, while people and the script change.
func TestConcurrency(t *testing.T) {
	c := start(t, oauthtest.Options{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			login := person()
			if err := c.idp.AddPerson(oauthtest.Person{Login: login, Email: login + "@example.com"}); err != nil {
				t.Error(err)
				return
			}
			c := c.at([]oauthtest.Service{oauthtest.OIDC, oauthtest.Google, oauthtest.GitHub}[i%3])
			for range 20 {
				back, err := c.idp.VisitAs(login, c.authURL(nil))
				if err != nil {
					t.Error(err)
					return
				}
				status, tok := c.exchange(back.Values().Get("code"), nil)
				if status != 200 {
					t.Errorf("answered %d %v", status, tok)
					return
				}
				if id, ok := tok["id_token"]; ok {
					if got := claims(t, id)["email"]; got != login+"@example.com" {
						t.Errorf("%s got the ID token of %v", login, got)
					}
				}
				c.idp.SetScript(oauthtest.Script{})
				c.idp.People()
				c.idp.Requests(oauthtest.Elsewhere)
			}
			c.idp.RemovePerson(login)
		})
	}
	wg.Wait()
	if n := len(c.idp.People()); n != 3 {
		t.Errorf("%d people are left", n)
	}

	// Of many who redeem the same code, one at most gets something.
	code := c.visit(nil).Get("code")
	var mu sync.Mutex
	n := 0
	for range 20 {
		wg.Go(func() {
			if status, _ := c.exchange(code, nil); status == 200 {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if n > 1 {
		t.Errorf("%d redeemed the same code", n)
	}
}
