package authtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// keys is a request loader that is correct: "Authorization: Key ada-1" is ada.
type keys func(r *http.Request) (*auth.Identity, error)

func (f keys) LoadRequest(r *http.Request) (*auth.Identity, error) { return f(r) }

func (keys) Challenge() string { return `Key realm="authtest"` }

// badChallenge is keys with another challenge.
type badChallenge struct{ keys }

func (badChallenge) Challenge() string { return "Key\r\nSet-Cookie: x=y" }

// emptyChallenge is keys with an empty one for bad credentials.
type emptyChallenge struct{ keys }

func (emptyChallenge) ChallengeBad() string { return "" }

func loadKey(r *http.Request) (*auth.Identity, error) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Key ")
	switch {
	case !ok:
		return nil, auth.ErrNoCredentials
	case r.Context().Err() != nil:
		return nil, fmt.Errorf("keys: %w", r.Context().Err())
	case key != "ada-1":
		return nil, auth.ErrBadCredentials
	}
	return &auth.Identity{UserID: "ada"}, nil
}

func loaderSuite() suite {
	request := func(key string) func() *http.Request {
		return func() *http.Request {
			r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
			r.Header.Set("Authorization", "Key "+key)
			return r
		}
	}
	test := func(t *testing.T, l auth.RequestLoader) {
		authtest.TestRequestLoader(t, l, "ada", request("ada-1"), request("ada-2"))
	}
	s := suite{name: "RequestLoader", correct: func(t *testing.T) { test(t, keys(loadKey)) }}
	instead := func(from, to error) keys {
		return func(r *http.Request) (*auth.Identity, error) {
			id, err := loadKey(r)
			if errors.Is(err, from) {
				err = to
			}
			return id, err
		}
	}
	identity := func(f func(r *http.Request) *auth.Identity) keys {
		return func(r *http.Request) (*auth.Identity, error) {
			_, err := loadKey(r)
			if err != nil {
				return nil, err
			}
			return f(r), nil
		}
	}
	for _, b := range []struct {
		sentence string
		l        auth.RequestLoader
		want     []string
	}{
		{"ErrNoCredentials means that r carries nothing: bad", instead(auth.ErrNoCredentials, auth.ErrBadCredentials), []string{"Plain", "Concurrent"}},
		{"ErrNoCredentials means that r carries nothing: an outage", instead(auth.ErrNoCredentials, errDown), []string{"Plain", "Garbage"}},
		{"ErrBadCredentials that what it carries is wrong: missing", instead(auth.ErrBadCredentials, auth.ErrNoCredentials), []string{"Bad", "Concurrent"}},
		{"ErrBadCredentials that what it carries is wrong: right", instead(auth.ErrBadCredentials, nil), []string{"Bad"}},
		{"ErrBadCredentials that what it carries is wrong: two at once", instead(auth.ErrBadCredentials, errors.Join(auth.ErrBadCredentials, auth.ErrNoCredentials)), []string{"Bad"}},
		{"LoadRequest returns the identity that r proves: nil", identity(func(*http.Request) *auth.Identity { return nil }), []string{"Good", "Concurrent"}},
		{"LoadRequest returns the identity that r proves: of nobody", identity(func(*http.Request) *auth.Identity { return &auth.Identity{} }), []string{"Good"}},
		{"LoadRequest returns the identity that r proves: of another", identity(func(*http.Request) *auth.Identity { return &auth.Identity{UserID: "bob"} }), []string{"Good"}},
		{"Session is nil if the request itself carried the credential", identity(func(*http.Request) *auth.Identity {
			return &auth.Identity{UserID: "ada", Session: &auth.Session{}}
		}), []string{"Good"}},
		{"any other error is an outage: what cannot be read", keys(func(r *http.Request) (*auth.Identity, error) {
			if v := r.Header.Get("Authorization"); v != "" && !strings.Contains(v, " ") {
				return nil, errDown
			}
			return loadKey(r)
		}), []string{"Garbage"}},
		{"any other error is an outage: an ended context is missing", keys(func(r *http.Request) (*auth.Identity, error) {
			if r.Context().Err() != nil {
				return nil, auth.ErrNoCredentials
			}
			return loadKey(r)
		}), []string{"EndedContext"}},
		{"does not read the body", keys(func(r *http.Request) (*auth.Identity, error) {
			if r.Header.Get("Authorization") == "" {
				_, _ = io.ReadAll(r.Body)
			}
			return loadKey(r)
		}), []string{"Body"}},
		{"does not read the body: of a good request", identity(func(r *http.Request) *auth.Identity {
			_ = r.ParseForm()
			_, _ = io.ReadAll(r.Body)
			return &auth.Identity{UserID: "ada"}
		}), []string{"Body"}},
		{"sets no cookie", keys(func(r *http.Request) (*auth.Identity, error) {
			defer r.AddCookie(&http.Cookie{Name: "x", Value: "y"})
			return loadKey(r)
		}), []string{"ChangesNothing"}},
		{"Challenge is sent as WWW-Authenticate", badChallenge{loadKey}, []string{"Challenge"}},
		{"ChallengeBad is sent instead if the bad credential was its own", emptyChallenge{loadKey}, []string{"ChallengeBad"}},
		{"called concurrently for different requests", func() keys {
			var busy sync.Mutex
			return func(r *http.Request) (*auth.Identity, error) {
				if !busy.TryLock() {
					return nil, errDown
				}
				defer busy.Unlock()
				pause()
				return loadKey(r)
			}
		}(), []string{"Concurrent"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) { test(t, b.l) }, b.want})
	}
	return s
}
