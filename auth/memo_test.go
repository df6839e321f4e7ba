package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/perrequest"
)

// What is kept for a request is kept whether or not anybody has asked who is asking,
// not beyond the request, and not for somebody else who logs in during it.
func TestKeptPerRequest(t *testing.T) {
	s := newSite(t, nil)
	ada, nobody := s.visitor().logIn("ada"), s.visitor("Authorization", "x")
	revoked := s.visitor().logIn("ada")
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	ada.logIn("ada")
	memos := map[*perrequest.Memo]bool{}
	for name, v := range map[string]*visitor{"ada": ada, "nobody": nobody, "revoked": revoked} {
		for range 2 {
			v.within("/", func(r *http.Request) {
				first := perrequest.From(r.Context())
				before, _ := s.m.IdentityFrom(r.Context())
				inner, cancel := context.WithCancel(context.WithValue(r.Context(), ctxKey{}, 1))
				defer cancel()
				if first == nil || perrequest.From(inner) != first || memos[first] {
					t.Errorf("%s: it is not one for the request", name)
				}
				memos[first] = true
				first.Store("k", "v")
				if got, ok := perrequest.From(inner).Load("k"); got != "v" || !ok {
					t.Errorf("%s: kept is %v", name, got)
				}
				after, _ := s.m.IdentityFrom(inner)
				if name == "ada" != (after != nil) || after != before {
					t.Errorf("%s: who is asking is %v", name, after)
				}
			})
		}
	}
	// Of a decision, too.
	s = newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(ctx context.Context, _ auth.Access) error {
			m := perrequest.From(ctx)
			if _, ok := m.Load("k"); ok {
				return nil
			}
			m.Store("k", 1)
			return auth.ErrForbidden
		})
	})
	v := s.visitor().logIn("ada")
	for range 2 {
		if got := v.authorize("x", nil); outcome(got) != "forbidden" {
			t.Errorf("the first of a request: %v", got)
		}
	}
	if errs := v.all("x", 1, 2); outcome(errs[0]) != "forbidden" || outcome(errs[1]) != "yes" {
		t.Errorf("two of a request: %v", errs)
	}
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i, change := range []func() error{
			func() error { return nil },
			func() error { return s.m.LogIn(w, r, "bob", auth.Proof{Method: "host"}) },
			func() error { return s.m.LogOut(w, r) },
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if got := s.m.Authorize(r.Context(), "x", nil); outcome(got) == "yes" {
				t.Errorf("%d: what was kept for another is still there", i)
			}
			if got := s.m.Authorize(r.Context(), "x", nil); got != nil {
				t.Errorf("%d: what was kept is gone: %v", i, got)
			}
		}
	})).ServeHTTP(httptest.NewRecorder(), v.request("POST", "/", ""))

	// Where there is no request there is nothing to keep it in.
	for _, ctx := range []context.Context{t.Context(), auth.WithIdentity(t.Context(), &auth.Identity{User: &account{id: "ada"}})} {
		if m := perrequest.From(ctx); m != nil {
			t.Errorf("%v is kept without a request", m)
		}
		perrequest.From(ctx).Store("k", "v")
		if _, ok := perrequest.From(ctx).Load("k"); ok {
			t.Error("something is kept nowhere")
		}
	}
}

func TestKeptConcurrently(t *testing.T) {
	s := newSite(t, nil)
	for range 20 {
		s.visitor().logIn("ada").within("/", func(r *http.Request) {
			var all sync.WaitGroup
			memos := make([]*perrequest.Memo, 8)
			for i := range memos {
				all.Go(func() {
					if i%2 == 0 {
						if _, err := s.m.IdentityFrom(r.Context()); err != nil {
							t.Error(err)
						}
					}
					memos[i] = perrequest.From(r.Context())
				})
			}
			all.Wait()
			for _, m := range memos {
				if m == nil || m != memos[0] {
					t.Errorf("%p and %p of one request", m, memos[0])
				}
			}
		})
	}
}
