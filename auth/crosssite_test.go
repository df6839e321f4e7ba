package auth_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// postbox is a provider whose POST /box/answer other sites may send to. It says what
// it sees, and tries all that could make it more than that.
type postbox struct {
	mounts, says []string
	m            *auth.Manager
}

func (*postbox) Name() string          { return "postbox" }
func (p *postbox) CrossSite() []string { return p.says }
func (p *postbox) Mount(m *auth.Manager, mux auth.Mux) error {
	p.m = m
	for _, pattern := range p.mounts {
		mux.Handle(pattern, http.HandlerFunc(p.see))
	}
	return nil
}

// sight is what a request looks like from inside.
type sight struct {
	Identity, User, Pending, LogIn, Reauthenticate, LogOut string
	Cookies                                                int
}

func (p *postbox) see(w http.ResponseWriter, r *http.Request) {
	text := func(err error) string {
		if err != nil {
			return err.Error()
		}
		return ""
	}
	var s sight
	_, err := p.m.IdentityFrom(r.Context())
	s.Identity = text(err)
	if u, ok := auth.UserFrom[*account](r.Context()); ok {
		s.User = u.id
	}
	_, _, err = p.m.Pending(r)
	s.Pending = text(err)
	proof := auth.Proof{Method: "postbox"}
	s.Reauthenticate = text(p.m.Reauthenticate(w, r, proof))
	s.LogIn = text(p.m.LogIn(w, r, "bob", proof, auth.Remember()))
	s.LogOut = text(p.m.LogOut(w, r))
	s.Cookies = len(r.Cookies())
	_ = json.NewEncoder(w).Encode(s) // httptest's recorder takes everything
}

func newPostbox() *postbox {
	return &postbox{mounts: []string{"POST /box/answer", "GET /box/answer", "POST /box/other", "POST /box/{at}/in"}, says: []string{"POST /box/answer"}}
}

// fromAnotherSite makes v's requests such as a form on another site sends.
func (v *visitor) fromAnotherSite() *visitor {
	v.header.Set("Sec-Fetch-Site", "cross-site")
	v.header.Set("Origin", "https://evil.example")
	return v
}

// A route that other sites may send to sees nobody and logs nobody in or out,
// whatever comes with the request and wherever it comes from.
func TestCrossSiteRouteIsNobodys(t *testing.T) {
	for name, change := range map[string]func(s *site, v *visitor){
		"nothing":    func(*site, *visitor) {},
		"session":    func(_ *site, v *visitor) { v.logIn("ada") },
		"remembered": func(_ *site, v *visitor) { v.post("/auth/trust?user=ada&remember", "") },
		"only that": func(_ *site, v *visitor) {
			v.post("/auth/trust?user=ada&remember", "")
			delete(v.cookies, "__Host-sid")
		},
		"half done":      func(_ *site, v *visitor) { v.cookies["__Host-login"] = strings.Repeat("A", 43) },
		"own credential": func(_ *site, v *visitor) { v.header.Set("X-Key", "ada") },
	} {
		for _, foreign := range []bool{true, false} {
			s := newSite(t, func(o *auth.Options) {
				o.Providers = append(o.Providers, newPostbox())
				o.Loaders = []auth.RequestLoader{&keyLoader{}}
			})
			v := s.browser()
			change(s, v)
			cookies := len(v.cookies)
			before := s.store.total()
			if foreign {
				v.fromAnotherSite()
			}
			res := v.post("/auth/box/answer", "code=x")
			var got sight
			decode(t, res, &got)
			if res.StatusCode != 200 || got.User != "" || got.Cookies != 0 || got.Identity != auth.ErrNoCredentials.Error() || got.Pending != auth.ErrNoCredentials.Error() ||
				got.Reauthenticate == "" || !strings.Contains(got.LogIn, "CrossSite") || got.LogOut != "" {
				t.Errorf("%s, foreign %v: %s %+v", name, foreign, res.Status, got)
			}
			if n := s.store.total() - before; n != 0 || len(res.Cookies()) != 0 || len(s.named("login")) > 1 || len(s.named("logout")) != 0 {
				t.Errorf("%s, foreign %v: %d calls of the store, sets %v, events %v", name, foreign, n, res.Cookies(), *s.events)
			}
			v.header.Set("Sec-Fetch-Site", "same-origin")
			v.header.Del("Origin")
			v.header.Del("X-Key")
			if want := map[bool]string{true: "ada", false: "nobody"}[cookies > 0 && name != "half done"]; v.who() != want {
				t.Errorf("%s, foreign %v: afterwards %s is logged in, want %s", name, foreign, v.who(), want)
			}
		}
	}
}

// Whoever tries to log somebody in there is told that something is broken, and not
// that the user is.
func TestCrossSiteLogInFailsClosed(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, &eager{}) })
	if res := s.browser().fromAnotherSite().post("/auth/eager", ""); res.StatusCode < 500 || len(res.Cookies()) != 0 {
		t.Errorf("%s, sets %v", res.Status, res.Cookies())
	}
}

type eager struct{}

func (*eager) Name() string        { return "eager" }
func (*eager) CrossSite() []string { return []string{"POST /eager"} }
func (*eager) Mount(m *auth.Manager, mux auth.Mux) error {
	mux.Handle("POST /eager", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Finish(w, r, m.LogIn(w, r, "ada", auth.Proof{Method: "eager"}), "")
	}))
	return nil
}

// The exemption is for one method and one path, to the byte.
func TestCrossSiteIsExact(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, newPostbox()) })
	mux := http.NewServeMux()
	s.m.Mount(mux)
	reached := false
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { reached = true })
	s.h = s.m.Handler(mux)
	for _, tt := range []struct{ method, path string }{
		{"POST", "/box/answer"}, // without the prefix: the host's own
		{"POST", "/auth/box/answer/"},
		{"POST", "/auth/box/answer/more"},
		{"POST", "/auth/box//answer"},
		{"POST", "//auth/box/answer"},
		{"POST", "/auth/./box/answer"},
		{"POST", "/auth/x/../box/answer"},
		{"POST", "/auth/box%2Fanswer"},
		{"POST", "/auth%2Fbox/answer"},
		{"POST", "/auth/box/%61nswer"},
		{"POST", "/auth/box/answer%00"},
		{"POST", "/auth/box/answer;x"},
		{"POST", "/auth/Box/answer"},
		{"POST", "/auth/box/Answer"},
		{"POST", "/AUTH/box/answer"},
		{"POST", "/authbox/answer"},
		{"POST", "/elsewhere/auth/box/answer"},
		{"POST", "/auth/box/other"},
		{"POST", "/auth/box/answer/in"},
		{"PUT", "/auth/box/answer"},
		{"PATCH", "/auth/box/answer"},
		{"DELETE", "/auth/box/answer"},
		{"post", "/auth/box/answer"},
	} {
		reached = false
		res := s.visitor().fromAnotherSite().do(tt.method, tt.path, "")
		if got := code(res); res.StatusCode != 403 || got != "cross_origin" || reached {
			t.Errorf("%s %s: %s %s", tt.method, tt.path, res.Status, got)
		}
	}
	// A query is no part of the path. A GET is as it was: who is logged in is seen.
	if res := s.browser().fromAnotherSite().post("/auth/box/answer?x=%2F", ""); res.StatusCode != 200 {
		t.Errorf("with a query: %s", res.Status)
	}
	v := s.browser().logIn("ada")
	var got sight
	if decode(t, v.get("/auth/box/answer"), &got); got.User != "ada" || got.Cookies != 1 {
		t.Errorf("a GET sees %+v", got)
	}
}

// A request under test for somebody, and a Handler in a Handler, change nothing.
func TestCrossSiteWrapped(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, newPostbox()) })
	inner := s.m.Handler(s.h)
	s.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &account{id: "ada"}})))
	})
	var got sight
	if decode(t, s.browser().fromAnotherSite().post("/auth/box/answer", ""), &got); got.User != "" || got.Identity == "" {
		t.Errorf("sees %+v", got)
	}
}

// New says what cannot be sent from elsewhere.
func TestCrossSiteIsChecked(t *testing.T) {
	users := auth.UserFunc((&accounts{}).byID)
	_, err := auth.New(users, memory.New(nil), &auth.Options{Providers: []auth.Provider{
		trust{},
		&postbox{
			mounts: []string{"POST /box/{at}", "GET /box/get", "POST /box/a%2Fb", "POST /box/fine", "PUT /box/put"},
			says: []string{"POST /box/{at}", "GET /box/get", "POST /box/a%2Fb", "POST /box/fine", "PUT /box/put", "POST /trust", "POST /logout", "POST /auth/box/fine",
				"POST /box/fine/", "post /box/fine", "/box/fine", "POST  /box/fine", ""},
		},
	}})
	if err == nil {
		t.Fatal("New was content")
	}
	for _, part := range []string{`"POST /box/{at}" has a wildcard`, `"GET /box/get" is no POST`, `"POST /box/a%2Fb" has characters`, `"PUT /box/put" is no POST`,
		`"POST /trust" is not mounted by this`, `"POST /logout" is not`, `"POST /auth/box/fine" is not`, `"POST /box/fine/" is not`, `"post /box/fine" is no POST`,
		`"/box/fine" is no`, `"POST  /box/fine" has`, `"" is no`, `provider "postbox"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing about %s in:\n%v", part, err)
		}
	}
	if strings.Contains(err.Error(), `"POST /box/fine" `) {
		t.Errorf("what is right is reported:\n%v", err)
	}
}
