package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// guest is a host's value for nobody.
type guest struct{ name string }

func (guest) AuthID() string { return "guest" }

// greet says whom UserFrom finds.
func greet(r *http.Request) string {
	if a, ok := auth.UserFrom[*account](r.Context()); ok {
		return "user " + a.id
	} else if a != nil {
		return "not logged in, but " + a.id
	}
	g, ok := auth.UserFrom[guest](r.Context())
	return fmt.Sprint("guest ", g.name, " ", ok)
}

// The host's value for nobody is made for each request, and beside a false.
func TestNobody(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.Nobody = func(r *http.Request) auth.User { return guest{r.Header.Get("Accept-Language")} }
	})
	mux := http.NewServeMux()
	s.m.Mount(mux)
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, greet(r)) })
	mux.Handle("/bare", hello)
	mux.Handle("/with", s.m.WithUser(hello))
	mux.Handle("/guest", s.m.RequireGuest(hello))
	mux.Handle("/me", s.m.RequireUser(hello))
	s.h = s.m.Handler(mux)

	for _, path := range []string{"/bare", "/with", "/guest"} {
		for _, language := range []string{"de", "fr"} {
			if got := body(s.visitor("Accept-Language", language).get(path)); got != "guest "+language+" false" {
				t.Errorf("%s in %s: %s", path, language, got)
			}
		}
	}
	// He is not somebody, for a guard, nor for whoever asks for the identity.
	if got := s.visitor().get("/me").StatusCode; got != 401 {
		t.Errorf("a guard: %d", got)
	}
	s.visitor().within("/", func(r *http.Request) {
		if id, err := s.m.IdentityFrom(r.Context()); id != nil || err != auth.ErrNoCredentials {
			t.Errorf("%v, %v", id, err)
		}
	})

	ada := s.browser().logIn("ada")
	if got := body(ada.get("/with")); got != "user ada" {
		t.Error(got)
	}
	// After a log-out in the same request, and for a session that has ended.
	ada.within("/", func(r *http.Request) {
		if err := s.m.LogOut(httptest.NewRecorder(), r); err != nil {
			t.Error(err)
		}
		if got := greet(r); got != "guest  false" {
			t.Errorf("after the log-out: %s", got)
		}
	})
	ada.header.Set("Accept-Language", "it")
	if got := body(ada.get("/with")); got != "guest it false" {
		t.Errorf("with a dead session: %s", got)
	}
}

// A host may have several types of users, and one for nobody among them.
func TestNobodyOfAnyType(t *testing.T) {
	for _, tt := range []struct {
		name   string
		nobody auth.User
		want   string
	}{
		{"another type", guest{"Eve"}, "guest Eve false"},
		{"the same type", &account{id: "anonymous"}, "not logged in, but anonymous"},
		{"none", nil, "guest  false"},
		{"nil", (*account)(nil), "guest  false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *auth.Options) { o.Nobody = func(*http.Request) auth.User { return tt.nobody } })
			s.visitor().within("/", func(r *http.Request) {
				if got := greet(r); got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
				u, ok := auth.UserFrom[auth.User](r.Context())
				if ok || u != tt.nobody {
					t.Errorf("as any user: %v, %v", u, ok)
				}
			})
		})
	}
}

// Whoever could not be found out is not nobody, and neither is a wrong key.
func TestNobodyIsNoOutage(t *testing.T) {
	asked := 0
	s := newSite(t, func(o *auth.Options) {
		o.Loaders = []auth.RequestLoader{&keyLoader{}}
		o.Nobody = func(*http.Request) auth.User { asked++; return guest{"Eve"} }
	})
	ada := s.browser().logIn("ada")
	asked = 0
	s.store.fails("LoadSession", errDown)
	for name, v := range map[string]*visitor{"outage": ada, "wrong key": s.visitor("X-Key", "wrong"), "broken key": s.visitor("X-Key", "broken")} {
		v.within("/", func(r *http.Request) {
			if got := greet(r); got != "guest  false" {
				t.Errorf("%s: %s", name, got)
			}
		})
	}
	if asked != 0 {
		t.Errorf("the host was asked %d times", asked)
	}
	s.visitor().within("/", func(r *http.Request) { greet(r) })
	if asked != 2 {
		t.Errorf("the host was asked %d times, want each time", asked)
	}
}

// Only a host that has a value for nobody gives up requests that are handed on
// untouched; and even then nothing is looked up, or said about caching.
func TestNobodyAndTheFastPath(t *testing.T) {
	for _, with := range []bool{false, true} {
		s := newSite(t, func(o *auth.Options) {
			if with {
				o.Nobody = func(*http.Request) auth.User { return guest{} }
			}
		})
		r := httptest.NewRequest("GET", "/page", nil)
		w := httptest.NewRecorder()
		touched := false
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) { touched = got != r })).ServeHTTP(w, r)
		if touched != with || len(w.Header()) != 0 || s.store.total() != 0 {
			t.Errorf("with %v: touched %v, headers %v, %d calls of the store", with, touched, w.Header(), s.store.total())
		}
	}
}

// Of several Managers the nearest one's value counts, as its users do.
func TestNobodyOfTheNearest(t *testing.T) {
	value := func(name string) func(*auth.Options) {
		return func(o *auth.Options) {
			o.Realm = name
			o.Nobody = func(*http.Request) auth.User { return guest{name} }
		}
	}
	a, b := newSite(t, value("a")), newSite(t, value("b"))
	var got string
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = greet(r) })
	for want, h := range map[string]http.Handler{
		"guest a false": b.m.Handler(a.m.Handler(h)),
		"guest b false": b.m.Handler(a.m.Handler(b.m.WithUser(h))),
	} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
