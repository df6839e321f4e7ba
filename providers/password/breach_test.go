package password_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/password"
)

func TestRangeChecker(t *testing.T) {
	sum := sha1.Sum([]byte(goodPassword))
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	say := func(lines ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Join(lines, "\r\n")) }
	}
	other := strings.Repeat("A", 35) + ":3"
	for _, tt := range []struct {
		name     string
		answer   func(w http.ResponseWriter, r *http.Request)
		breached bool
		fails    bool
	}{
		{"known", say(other, digest[5:]+":42", other), true, false},
		{"known, lower case", say(strings.ToLower(digest[5:]) + ":1"), true, false},
		{"unknown", say(other, other), false, false},
		{"padding", say(other, digest[5:]+":0"), false, false},
		{"empty", say(), false, false},
		{"page", say("<html>Blocked</html>"), false, true},
		{"short lines", say(digest[5:20] + ":1"), false, true},
		{"error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, digest[5:]+":1", 500) }, false, true},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 200000 {
				fmt.Fprintln(w, other)
			}
		}, false, true},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, true},
		{"slow body", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := make(chan string, 10)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- r.URL.Path
				if r.Header.Get("Add-Padding") != "true" || r.ContentLength > 0 || r.URL.RawQuery != "" || len(r.Cookies()) > 0 {
					t.Errorf("request %v %v", r.URL, r.Header)
				}
				tt.answer(w, r)
			}))
			defer srv.Close()
			c := &password.RangeChecker{URL: srv.URL + "/range/", Client: srv.Client(), Timeout: 200 * time.Millisecond}
			breached, err := c.Breached(t.Context(), goodPassword)
			if breached != tt.breached || (err != nil) != tt.fails {
				t.Errorf("%v, %v", breached, err)
			}
			if path := <-asked; len(asked) != 0 || path != "/range/"+digest[:5] {
				t.Errorf("asked for %q, and %d times more", path, len(asked))
			}
			if err != nil && strings.Contains(err.Error(), digest[5:12]) {
				t.Errorf("the error tells the digest: %v", err)
			}
		})
	}
}

type checker func() (bool, error)

func (c checker) Breached(context.Context, string) (bool, error) { return c() }

func TestBreached(t *testing.T) {
	outage := errors.New("service down")
	for _, tt := range []struct {
		name     string
		breached bool
		err      error
		strict   bool
		want     string
		status   int
	}{
		{"known", true, nil, false, "password_breached", 422},
		{"unknown", false, nil, true, "", 200},
		{"outage", false, outage, false, "", 200},
		{"outage, strict", false, outage, true, "unavailable", 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask := func() (bool, error) { return false, nil }
			s := newSite(t, &password.Options{Breached: checker(func() (bool, error) { return ask() }), BreachedStrict: tt.strict})
			s.register("ada@example.com", goodPassword)
			c := s.client()
			c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
			ask = func() (bool, error) { return tt.breached, tt.err }
			if r := c.json("/password", fields{"current": goodPassword, "password": newPassword}); r.Code != tt.status || r.code() != tt.want {
				t.Errorf("%d %s", r.Code, r.text)
			}
			if logged := strings.Contains(s.log.String(), "service down"); logged != (tt.err != nil) {
				t.Errorf("logged: %v", logged)
			}
			// Nobody is asked at a login.
			ask = func() (bool, error) { t.Error("asked"); return true, nil }
			s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword})
		})
	}
}
