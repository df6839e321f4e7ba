package authtest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestRequestLoader tests every rule of [auth.RequestLoader]. good returns a new
// request that carries what proves the user with that ID, each time it is
// called; bad one that carries something of the same sort that is wrong.
func TestRequestLoader(t *testing.T, l auth.RequestLoader, userID string, good, bad func() *http.Request) {
	plain := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, Origin+"/?q=x&page=", strings.NewReader("token=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", "authtest")
		r.AddCookie(&http.Cookie{Name: "other", Value: "x"})
		return r
	}
	load := func(r *http.Request) error {
		id, err := l.LoadRequest(r)
		switch {
		case err != nil:
			return err
		case id == nil:
			return errors.New("neither an identity nor an error")
		case id.UserID == "" && id.User == nil:
			return errors.New("an identity of nobody")
		case id.UserID != "" && id.UserID != userID, id.User != nil && id.User.AuthID() != userID:
			return fmt.Errorf("an identity of another user, %q", id.UserID)
		case id.Session != nil:
			return errors.New("an identity with a Session, which is for cookies")
		}
		return nil
	}
	kinds := []struct {
		name string
		make func() *http.Request
		want error
		rule string
	}{
		{"Plain", plain, auth.ErrNoCredentials, "ErrNoCredentials means that the request carries nothing that this loader understands"},
		{"Good", good, nil, "LoadRequest returns the identity that the request proves"},
		{"Bad", bad, auth.ErrBadCredentials, "ErrBadCredentials means that what the request carries is wrong"},
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { checkErr(t, "LoadRequest", load(k.make()), k.want, k.rule) })
	}
	t.Run("Garbage", func(t *testing.T) {
		const rule = "what a client sends is missing or wrong, never an outage"
		for _, value := range []string{"", " ", "Basic", "Basic ", "Basic !!!", "Basic Og==", "Bearer", "Bearer ", "Bearer \xff", "bearer x y", "Digest x", strings.Repeat("x", 10_000)} {
			r := plain()
			r.Header["Authorization"] = []string{value}
			if err := load(r); !errors.Is(err, auth.ErrNoCredentials) && !errors.Is(err, auth.ErrBadCredentials) {
				t.Errorf("LoadRequest with Authorization %.40q: %v\n\trule: %s", value, err, rule)
			}
		}
	})
	t.Run("EndedContext", func(t *testing.T) {
		const rule = "a context that has ended is an outage: neither missing nor wrong"
		for name, ctx := range ended(t) {
			err := load(good().WithContext(ctx))
			for _, not := range outcomes() {
				if errors.Is(err, not) {
					t.Errorf("LoadRequest of a good request with a context that is %s: %v\n\trule: %s", name, err, rule)
				}
			}
		}
	})
	t.Run("Body", func(t *testing.T) {
		const rule = "LoadRequest does not read the body"
		for _, k := range kinds {
			r, body := k.make(), &untouched{}
			r.Body = body
			_ = load(r)
			if body.touched {
				t.Errorf("%s: the body was read or closed\n\trule: %s", k.name, rule)
			}
		}
	})
	t.Run("ChangesNothing", func(t *testing.T) {
		const rule = "LoadRequest reads the request; it sets no cookie and changes nothing"
		for _, k := range kinds {
			r := k.make()
			before := r.Header.Clone()
			_ = load(r)
			if !maps.EqualFunc(before, r.Header, slices.Equal) {
				t.Errorf("%s: the header was %v, is %v\n\trule: %s", k.name, before, r.Header, rule)
			}
		}
	})
	challenge := func(name, value string) {
		t.Run(name, func(t *testing.T) {
			if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s is %q\n\trule: it is the value of a WWW-Authenticate header", name, value)
			}
		})
	}
	if c, ok := l.(interface{ Challenge() string }); ok {
		challenge("Challenge", c.Challenge())
	}
	if c, ok := l.(interface{ ChallengeBad() string }); ok {
		challenge("ChallengeBad", c.ChallengeBad())
	}
	t.Run("Concurrent", func(t *testing.T) {
		errs := atOnce(callers, func(i int) error {
			k := kinds[i%len(kinds)]
			if err := load(k.make()); !errors.Is(err, k.want) {
				return fmt.Errorf("%s: error is %v, want %v", k.name, err, k.want)
			}
			return nil
		})
		for _, err := range errs {
			if err != nil {
				t.Errorf("LoadRequest: %v\n\trule: it is called concurrently for different requests", err)
			}
		}
	})
}

// untouched is a body that tells whether anybody has touched it.
type untouched struct{ touched bool }

func (b *untouched) Read([]byte) (int, error) { b.touched = true; return 0, io.EOF }

func (b *untouched) Close() error { b.touched = true; return nil }
