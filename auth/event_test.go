package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// guesses is a provider whose answers are always wrong: POST /guess.
type guesses struct{}

func (guesses) Name() string { return "guesses" }

func (guesses) Mount(m *auth.Manager, mux auth.Mux) error {
	mux.Handle("POST /guess", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := m.Attempt(r, "guess", "ada", "ada"); err != nil {
			m.Refuse(w, r, err)
			return
		}
		m.Emit(r, auth.Event{Name: "login.failed", Method: "guesses", UserID: "ada", Reason: "wrong"})
		m.Refuse(w, r, auth.ErrBadCredentials)
	}))
	return nil
}

// told is what a test looks at of an event.
func told(e auth.Event) string {
	s := e.Name
	for _, part := range []string{e.UserID, e.Method, e.Reason} {
		if part != "" {
			s += " " + part
		}
	}
	return s
}

// One life, from nobody to nobody: what is told, of whom, and in which order.
func TestEventsOfALife(t *testing.T) {
	var s *site
	s = newSite(t, func(o *auth.Options) {
		o.Providers = append(o.Providers, guesses{}, &authtest.Factor{})
		o.Binding = byAgent(false)
		o.Limits.Account = auth.Limit{Max: 1, Per: time.Minute}
		o.Loaders = []auth.RequestLoader{loaderFunc(func(r *http.Request) (*auth.Identity, error) {
			switch r.Header.Get("X-Key") {
			case "":
				return nil, auth.ErrNoCredentials
			case "right":
				return &auth.Identity{UserID: "ada"}, nil
			}
			return nil, auth.ErrBadCredentials
		})}
		o.Events = append(o.Events, func(ctx context.Context, e auth.Event) {
			if !e.At.Equal(s.clock.Now()) || e.Addr.String() != "192.0.2.1" || e.Label == "" {
				t.Errorf("event without its time, address or device: %+v", e)
			}
			_, _ = s.m.IdentityFrom(ctx) // whatever is going on, a sink may ask
		})
	})
	v, other, program := s.browser(), s.browser(), s.visitor("X-Key", "right", "User-Agent", "curl/8")
	firefox := v.header.Get("User-Agent")
	stolen := ""
	for _, step := range []struct {
		what string
		do   func() *http.Response
		want []string
	}{
		{"nobody asks for a page", func() *http.Response { return v.get("/me") }, []string{"unauthenticated none"}},
		{"a page open to all", func() *http.Response { return v.get("/open") }, nil},
		{"a wrong guess", func() *http.Response { return v.post("/auth/guess", "") }, []string{"login.failed ada guesses wrong"}},
		{"one too many", func() *http.Response { return v.post("/auth/guess", "") }, []string{"login.limited ada guess"}},
		{"a user who is not there", func() *http.Response { return v.post("/auth/trust?user=eve", "") },
			[]string{"login.refused eve trust auth: bad credentials: there is no such user"}},
		{"a login", func() *http.Response { return v.post("/auth/trust?user=ada&remember", "") }, []string{"login ada trust"}},
		{"a page of theirs", func() *http.Response { return v.get("/fresh") }, nil},
		{"without the session", func() *http.Response {
			stolen = v.cookies["__Host-remember"]
			delete(v.cookies, "__Host-sid")
			return v.get("/me")
		}, []string{"remembered ada remember"}},
		{"a remembered login is not fresh", func() *http.Response { return v.get("/fresh") }, []string{"not_fresh ada"}},
		{"confirmed", func() *http.Response { return v.post("/auth/trust/confirm", "") }, []string{"reauthenticated ada trust"}},
		{"and then fresh", func() *http.Response { return v.get("/fresh") }, nil},
		{"a program with a key", func() *http.Response { return program.get("/me") }, []string{"loaded ada"}},
		{"is never fresh", func() *http.Response { return program.get("/fresh") }, []string{"loaded ada", "not_fresh ada"}},
		{"a program with a wrong key", func() *http.Response {
			program.header.Set("X-Key", "wrong")
			return program.get("/me")
		}, []string{"unauthenticated bad_credentials"}},
		{"from elsewhere", func() *http.Response {
			v.header.Set("User-Agent", "other")
			return v.get("/me")
		}, []string{"binding.changed ada the login is no longer fresh"}},
		{"from there again", func() *http.Response { return v.get("/me") }, nil},
		{"and where it must be fresh", func() *http.Response { return v.get("/fresh") }, []string{"not_fresh ada"}},
		{"confirmed from there", func() *http.Response { return v.post("/auth/trust/confirm", "") }, []string{"reauthenticated ada trust"}},
		{"what the authorizer forbids", func() *http.Response { return v.get("/admin") }, []string{"forbidden ada there is no Options.Authorizer"}},
		{"a login elsewhere", func() *http.Response { return other.post("/auth/trust?user=ada", "") }, []string{"login ada trust"}},
		{"ended from here", func() *http.Response { return v.post("/auth/sessions/revoke", "all=others") }, []string{"sessions.revoked ada all others"}},
		{"and refused there", func() *http.Response { return other.get("/me") }, []string{"unauthenticated revoked"}},
		{"a token used twice", func() *http.Response {
			s.clock.Advance(2 * time.Minute)
			other.cookies = map[string]string{"__Host-remember": stolen}
			return other.get("/me")
		}, []string{"remember.reused ada remember the token of a remembered browser (Firefox on Linux) was used twice; what hangs on it was ended",
			"unauthenticated reused"}},
		{"takes all with it", func() *http.Response { return v.get("/me") }, []string{"unauthenticated reused"}},
		{"a login again", func() *http.Response {
			v.header.Set("User-Agent", firefox)
			return v.post("/auth/trust?user=ada", "")
		}, []string{"login ada trust"}},
		{"somebody else in the same browser", func() *http.Response { return v.post("/auth/trust?user=bob", "") },
			[]string{"logout ada somebody else logged in", "user.switched bob was logged in as ada", "login bob trust"}},
		{"a factor is added", func() *http.Response {
			c := authtest.CodeCredential("bob")
			s.change(v, "bob", auth.Change{New: &c})
			return v.get("/open")
		}, []string{"credential.changed bob added code", "credential.added bob added code"}},
		{"and owed elsewhere", func() *http.Response { return other.post("/auth/trust?user=bob", "") }, []string{"login.owed bob trust"}},
		{"a log-out", func() *http.Response { return v.post("/auth/logout", "") }, []string{"logout bob"}},
		{"nobody again", func() *http.Response { return v.get("/me") }, []string{"unauthenticated none"}},
		{"a log-out of nobody", func() *http.Response { return v.post("/auth/logout", "") }, nil},
	} {
		*s.events = nil
		res := step.do()
		var got []string
		for _, e := range *s.events {
			got = append(got, told(e))
		}
		if !slices.Equal(got, step.want) {
			t.Fatalf("%s (%s): told\n\t%q\nwant\n\t%q", step.what, res.Status, got, step.want)
		}
	}
}

// change changes credentials in a request of v's.
func (s *site) change(v *visitor, userID string, changes ...auth.Change) {
	s.t.Helper()
	h := s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := s.m.ChangeCredentials(r.Context(), userID, changes...); err != nil {
			s.t.Errorf("changing credentials: %v", err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), v.request("GET", "/", ""))
}

// Every sink has been told of an event before the next event, and before whoever
// caused it goes on.
func TestEventsInOrder(t *testing.T) {
	var heard []string
	sink := func(name string) func(context.Context, auth.Event) {
		return func(_ context.Context, e auth.Event) { heard = append(heard, name+" "+e.Name) }
	}
	s := newSite(t, func(o *auth.Options) {
		o.Events = []func(context.Context, auth.Event){sink("one"), sink("two"), sink("three")}
	})
	v := s.browser().logIn("ada")
	heard = nil
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, "bob", auth.Proof{Method: "host"}); err != nil {
			t.Error(err)
		}
		heard = append(heard, "the handler goes on")
		if err := s.m.LogOut(w, r); err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), v.request("POST", "/", ""))
	var want []string
	for _, e := range []string{"logout", "user.switched", "login", "", "logout"} {
		if e == "" {
			want = append(want, "the handler goes on")
			continue
		}
		want = append(want, "one "+e, "two "+e, "three "+e)
	}
	if !slices.Equal(heard, want) {
		t.Errorf("heard\n\t%q\nwant\n\t%q", heard, want)
	}
}

// A sink that panics hinders neither the next one nor the request, and does not go
// unnoticed.
func TestEventsAreIsolated(t *testing.T) {
	var first, last []string
	s := newSite(t, func(o *auth.Options) {
		o.Events = []func(context.Context, auth.Event){
			func(_ context.Context, e auth.Event) { first = append(first, e.Name); panic("no outbox") },
			func(_ context.Context, e auth.Event) { panic(fmt.Errorf("%s: %w", e.Name, errDown)) },
			func(_ context.Context, e auth.Event) { last = append(last, e.Name) },
			func(_ context.Context, e auth.Event) {
				e.Name = "changed" // its own copy
				var sinks []func()
				sinks[len(e.Name)]()
			},
		}
	})
	v := s.browser().logIn("ada")
	if got := v.who(); got != "ada" {
		t.Errorf("after a login that no sink could be told of: %s", got)
	}
	if res := v.post("/auth/logout", ""); res.StatusCode != http.StatusSeeOther || v.who() != "nobody" {
		t.Errorf("log-out: %s", res.Status)
	}
	if want := []string{"login", "logout"}; !slices.Equal(first, want) || !slices.Equal(last, want) {
		t.Errorf("the first sink heard %q, the third %q, want %q", first, last, want)
	}
	if got := strings.Count(s.log.String(), "telling of an event failed"); got != 6 {
		t.Errorf("%d panics are in the log, want 6: %s", got, s.log)
	}
}
