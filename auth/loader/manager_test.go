package loader_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/loader"
)

func TestAnExplicitCredentialBeatsAllElse(t *testing.T) {
	onEveryKind(t, func(t *testing.T, k kind) {
		s := newSite(t, k.new(nil))
		session, remember := s.logIn()
		for _, tt := range []struct {
			name   string
			change []func(r *http.Request)
			path   string
			status int
			want   string
		}{
			{"nobody", nil, "/me", 401, ""},
			{"nobody, for all", nil, "/open", 200, "nobody"},
			{"a session", []func(r *http.Request){with(session)}, "/me", 200, "ada"},
			{"a key", []func(r *http.Request){k.with("bobs-key")}, "/me", 200, "bobread"},
			{"a key and a session", []func(r *http.Request){k.with("bobs-key"), with(session, remember)}, "/me", 200, "bobread"},
			{"a key and a remembered browser", []func(r *http.Request){k.with("bobs-key"), with(remember)}, "/me", 200, "bobread"},
			{"a bad key and a session", []func(r *http.Request){k.with("revoked"), with(session, remember)}, "/me", 401, ""},
			{"a bad key and a session, for all", []func(r *http.Request){k.with("revoked"), with(session, remember)}, "/open", 401, ""},
			{"a bad key and a remembered browser", []func(r *http.Request){k.with("revoked"), with(remember)}, "/me", 401, ""},
			{"an empty key and a session", []func(r *http.Request){k.with(""), with(session, remember)}, "/me", 401, ""},
			{"a key that the host does not find and a session", []func(r *http.Request){k.with("missing-key"), with(session)}, "/me", 401, ""},
			{"a key of which the host says that it is none", []func(r *http.Request){k.with("none"), with(session, remember)}, "/me", 401, ""},
			{"a key of nobody", []func(r *http.Request){k.with("nobodys-key"), with(session)}, "/me", 401, ""},
			{"a key during an outage", []func(r *http.Request){k.with("broken"), with(session, remember)}, "/me", 503, ""},
			{"a key that cannot be fresh", []func(r *http.Request){k.with("bobs-key")}, "/fresh", 401, ""},
			{"a key that cannot be fresh by a session", []func(r *http.Request){k.with("bobs-key"), with(session)}, "/fresh", 401, ""},
			{"a fresh session", []func(r *http.Request){with(session)}, "/fresh", 200, "ada"},
		} {
			res, text := s.do("GET", tt.path, tt.change...)
			if res.StatusCode != tt.status || tt.status == 200 && text != tt.want {
				t.Errorf("%s: %s: %s; want %d %s", tt.name, res.Status, text, tt.status, tt.want)
			}
			if set := res.Header["Set-Cookie"]; len(set) > 0 {
				t.Errorf("%s: sets %q", tt.name, set)
			}
		}
		// What was not needed has not been used up.
		if n := s.named("remembered"); n != 0 {
			t.Errorf("a browser was restored %d times", n)
		}
		s.clock.Advance(3 * time.Hour) // after the session, and after any overlap
		if res, text := s.do("GET", "/me", with(session, remember)); text != "ada" {
			t.Errorf("the remembered browser afterwards: %s: %s", res.Status, text)
		}
		if s.named("remembered") != 1 || s.named("remember.reused") != 0 {
			t.Errorf("restored %d times, told of reuse %d times", s.named("remembered"), s.named("remember.reused"))
		}
	})
}

func TestDisabledUsers(t *testing.T) {
	onEveryKind(t, func(t *testing.T, k kind) {
		s := newSite(t, k.new(nil))
		session, _ := s.logIn()
		s.users.Change("bob", func(u *authtest.User) { u.Disabled = true })
		res, text := s.do("GET", "/me", k.with("bobs-key"), with(session))
		if res.StatusCode != 401 {
			t.Errorf("the key of a disabled user: %s: %s", res.Status, text)
		}
	})
}

func TestCrossOrigin(t *testing.T) {
	onEveryKind(t, func(t *testing.T, k kind) {
		s := newSite(t, k.new(nil))
		session, _ := s.logIn()
		right, wrong := 200, 401
		if k.ambient {
			right, wrong = 403, 403
		}
		for _, tt := range []struct {
			name   string
			change []func(r *http.Request)
			want   int
		}{
			{"a key", []func(r *http.Request){k.with("bobs-key")}, right},
			{"a key and a session", []func(r *http.Request){k.with("bobs-key"), with(session)}, right},
			{"a session", []func(r *http.Request){with(session)}, 403},
			{"a bad key and a session", []func(r *http.Request){k.with("revoked"), with(session)}, wrong},
		} {
			res, text := s.do("POST", "/me", append(tt.change, fromElsewhere)...)
			if res.StatusCode != tt.want || res.StatusCode == 200 && text != "bobread" {
				t.Errorf("%s from another site: %s: %s; want %d", tt.name, res.Status, text, tt.want)
			}
		}
		if res, _ := s.do("POST", "/auth/logout", k.with("bobs-key"), with(session), fromElsewhere); res.StatusCode != 403 {
			t.Errorf("logging out from another site, with a key: %s", res.Status)
		}
		if res, text := s.do("POST", "/me", k.with("bobs-key")); res.StatusCode != 200 {
			t.Errorf("a program's request: %s: %s", res.Status, text)
		}
	})
}

func TestChallenges(t *testing.T) {
	var all []auth.RequestLoader
	for _, k := range kinds {
		all = append(all, k.new(nil))
	}
	s := newSite(t, all...)
	if res, _ := s.do("GET", "/me"); !slices.Equal(res.Header["Www-Authenticate"], []string{bearerChallenge, basicChallenge}) {
		t.Errorf("nobody is told %q", res.Header["Www-Authenticate"])
	}
	onEveryKind(t, func(t *testing.T, k kind) {
		one := newSite(t, k.new(nil))
		none, bad := k.challenge, k.bad
		if none == "" {
			none, bad = cookieChallenge, cookieChallenge
		}
		if res, _ := one.do("GET", "/me"); res.StatusCode != 401 || !slices.Equal(res.Header["Www-Authenticate"], []string{none}) {
			t.Errorf("nobody is told %s, %q; want %q", res.Status, res.Header["Www-Authenticate"], none)
		}
		if res, _ := one.do("GET", "/me", k.with("revoked")); res.StatusCode != 401 || !slices.Equal(res.Header["Www-Authenticate"], []string{bad}) {
			t.Errorf("a bad key is told %s, %q; want %q", res.Status, res.Header["Www-Authenticate"], bad)
		}
		// Beside the others only its own challenge says that it was bad.
		want := []string{bearerChallenge, basicChallenge}
		if k.name == "Bearer" {
			want[0] = k.bad
		}
		if res, _ := s.do("GET", "/me", k.with("revoked")); !slices.Equal(res.Header["Www-Authenticate"], want) {
			t.Errorf("beside the others a bad key is told %q; want %q", res.Header["Www-Authenticate"], want)
		}
	})
}

func TestRealm(t *testing.T) {
	opts := &loader.Options{Realm: "Ada's site, <1>"}
	s := newSite(t, loader.Bearer(verify, opts), loader.Basic(verifyPassword, opts))
	res, _ := s.do("GET", "/me")
	if got, want := strings.Join(res.Header["Www-Authenticate"], "; "), `Bearer realm="Ada's site, <1>"; Basic realm="Ada's site, <1>", charset="UTF-8"`; got != want {
		t.Errorf("challenges %s; want %s", got, want)
	}
}

// In either order, each finds its own.
func TestSideBySide(t *testing.T) {
	loaders := []auth.RequestLoader{loader.Bearer(verify, nil), loader.Basic(verifyPassword, nil), loader.Header("X-API-Key", verify, nil)}
	for range 2 {
		s := newSite(t, loaders...)
		for _, k := range kinds[:3] {
			if res, text := s.do("GET", "/me", k.with("bobs-key")); text != "bobread" {
				t.Errorf("%s: %s: %s", k.name, res.Status, text)
			}
		}
		both := func(r *http.Request) {
			r.Header["Authorization"] = []string{"Bearer bobs-key", "Basic Ym9iOmJvYnMta2V5"}
		}
		if res, text := s.do("GET", "/me", both); res.StatusCode != 401 {
			t.Errorf("two schemes at once: %s: %s", res.Status, text)
		}
		slices.Reverse(loaders)
	}
	// A scheme that nobody looks for is nobody's business.
	s := newSite(t, loaders...)
	session, _ := s.logIn()
	digest := func(r *http.Request) { r.Header.Set("Authorization", `Digest username="bob"`) }
	if _, text := s.do("GET", "/me", digest, with(session)); text != "ada" {
		t.Errorf("with another scheme ada is %s", text)
	}
}
