package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func decode(t *testing.T, res *http.Response, into any) {
	t.Helper()
	b := body(res)
	if err := json.Unmarshal([]byte(b), into); err != nil {
		t.Fatalf("%s: %q: %v", res.Status, b, err)
	}
}

// Nobody pays who does not use it.
func TestUntouched(t *testing.T) {
	s := newSite(t, nil)
	for _, method := range []string{"GET", "HEAD"} {
		r := httptest.NewRequest(method, "/page", nil)
		r.Header.Set("Cookie", "theme=dark; __Host-device=x; __Host-sidx=1; sid=2")
		r.Header.Set("X-Forwarded-For", "1.2.3.4")
		var got *http.Request
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })).ServeHTTP(w, r)
		if got != r {
			t.Errorf("%s: the request was changed on its way", method)
		}
		if len(w.Header()) != 0 {
			t.Errorf("%s: headers were set: %v", method, w.Header())
		}
	}
	if n := s.store.total(); n != 0 {
		t.Errorf("%d store calls", n)
	}
}

// It is found out who is asking only if somebody asks, and once.
func TestResolvedOnceIfAsked(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")
	before := s.store.total()
	s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
		ServeHTTP(httptest.NewRecorder(), ada.request("GET", "/x", ""))
	if n := s.store.total() - before; n != 0 {
		t.Errorf("nobody asked, and there were %d store calls", n)
	}
	s.m.Handler(s.m.WithUser(s.m.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		done := make(chan bool)
		for range 8 {
			go func() {
				defer func() { done <- true }()
				if a, ok := auth.UserFrom[*account](r.Context()); !ok || a.id != "ada" {
					t.Errorf("%v, %v", a, ok)
				}
			}()
		}
		for range 8 {
			<-done
		}
	})))).ServeHTTP(httptest.NewRecorder(), ada.request("GET", "/x", ""))
	if n := s.store.total() - before; n != 1 {
		t.Errorf("%d store calls for one request; want 1", n)
	}
}

func TestVary(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/me", "/open", "/guest", "/fresh", "/admin", "/auth/login", "/auth/session"} {
		if got := s.browser().get(path).Header.Get("Vary"); got != "Cookie" {
			t.Errorf("%s: Vary %q", path, got)
		}
	}
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		s.m.WithUser(s.m.WithUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).ServeHTTP(w, r)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := strings.Join(w.Header()["Vary"], ", "); got != "Accept-Encoding, Cookie" {
		t.Errorf("Vary %q", got)
	}
	// The slice that all responses share must not grow into one another.
	w2 := httptest.NewRecorder()
	s.h.ServeHTTP(w2, httptest.NewRequest("GET", "/me", nil))
	w2.Header().Add("Vary", "X-One")
	w3 := httptest.NewRecorder()
	s.h.ServeHTTP(w3, httptest.NewRequest("GET", "/me", nil))
	w3.Header().Add("Vary", "X-Two")
	if got := fmt.Sprint(w2.Header()["Vary"], w3.Header()["Vary"]); got != "[Cookie X-One] [Cookie X-Two]" {
		t.Errorf("two responses: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name     string
		header   []string
		method   string
		path     string
		status   int
		code     string
		location string
	}{
		{name: "browser", header: []string{"Accept", "text/html"}, path: "/me?a=b", status: 303, location: "/auth/login?next=%2Fme%3Fa%3Db"},
		{name: "browser by Sec-Fetch-Mode", header: []string{"Sec-Fetch-Mode", "navigate"}, path: "/me", status: 303, location: "/auth/login?next=%2Fme"},
		{name: "browser that posts", header: []string{"Accept", "text/html"}, method: "POST", path: "/me", status: 303, location: "/auth/login"},
		{name: "fetch", header: []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, path: "/me", status: 401, code: "unauthenticated"},
		{name: "program", path: "/me", status: 401, code: "unauthenticated"},
		{name: "program that wants anything", header: []string{"Accept", "*/*"}, path: "/me", status: 401, code: "unauthenticated"},
		{name: "JSON before HTML", header: []string{"Accept", "text/html;q=0.5, application/json"}, path: "/me", status: 401, code: "unauthenticated"},
		{name: "HTML before JSON", header: []string{"Accept", "application/json;q=0.1, text/html"}, path: "/me", status: 303, location: "/auth/login?next=%2Fme"},
		{name: "navigation that wants JSON", header: []string{"Accept", "application/json", "Sec-Fetch-Mode", "navigate"}, path: "/me", status: 401, code: "unauthenticated"},
		{name: "not allowed", path: "/admin", status: 401, code: "unauthenticated"},
		{name: "hostile path", header: []string{"Accept", "text/html"}, path: "/me//evil.com/../x", status: 303, location: "/auth/login"},
		{name: "wrong method", header: []string{"Accept", "application/json"}, method: "DELETE", path: "/auth/login", status: 405, code: "method_not_allowed"},
		{name: "panic", header: []string{"Accept", "application/json"}, method: "POST", path: "/auth/panic", status: 500, code: "internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			method := tt.method
			if method == "" {
				method = "GET"
			}
			h := s.h
			if tt.name == "hostile path" { // a mux would have cleaned it
				h = s.m.Handler(s.m.RequireUser(http.NotFoundHandler()))
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, s.visitor(tt.header...).request(method, tt.path, ""))
			res := w.Result()
			if res.StatusCode != tt.status {
				t.Fatalf("%s: %s", res.Status, body(res))
			}
			if got := res.Header.Get("Location"); got != tt.location {
				t.Errorf("Location %q; want %q", got, tt.location)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
			if (res.Header.Get("WWW-Authenticate") != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate %q", res.Header.Get("WWW-Authenticate"))
			}
			if tt.code == "" {
				return
			}
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type %q", got)
			}
			b := body(res)
			if strings.Contains(b, "secret") {
				t.Errorf("the client is told too much: %s", b)
			}
			var p struct {
				Code   string
				Status int
			}
			if err := json.Unmarshal([]byte(b), &p); err != nil || p.Code != tt.code || p.Status != tt.status {
				t.Errorf("%s; want code %q", b, tt.code)
			}
		})
	}
}

// Missing, wrong, refused and broken are four things everywhere.
func TestTheOutcomesDiffer(t *testing.T) {
	loader := &keyLoader{}
	var verdict error
	s := newSite(t, func(o *auth.Options) {
		o.Loaders = []auth.RequestLoader{loader}
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return verdict })
	})
	statuses := func(v *visitor) string {
		out := ""
		for _, path := range []string{"/me", "/open", "/guest", "/fresh", "/admin", "/bare"} {
			res := v.get(path)
			out += fmt.Sprint(res.StatusCode)
			if res.StatusCode == 200 {
				out += body(res)
			}
			out += " "
		}
		return strings.TrimSpace(out)
	}
	nobody := s.visitor()
	ada := s.visitor().logIn("ada")
	key := s.visitor("X-Key", "bob")
	wrong := s.visitor("X-Key", "wrong")
	broken := s.visitor("X-Key", "broken")

	verdict = auth.ErrForbidden
	for _, tt := range []struct {
		name string
		v    *visitor
		want string
	}{
		{"nobody", nobody, "401 200nobody 200nobody 401 401 200nobody"},
		{"ada", ada, "200ada 200ada 409 200ada 403 200ada"},
		{"bob's key", key, "200bob 200bob 409 401 403 200bob"},
		{"a wrong key", wrong, "401 401 401 401 401 200nobody"},
		{"a key while keys are broken", broken, "503 503 503 503 503 200nobody"},
	} {
		if got := statuses(tt.v); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
	wrong.cookies = ada.cookies // a wrong explicit credential never falls back
	if got := statuses(wrong); got != "401 401 401 401 401 200nobody" {
		t.Errorf("a wrong key beside ada's session: %s", got)
	}
	key.cookies = ada.cookies
	if got := body(key.get("/me")); got != "bob" {
		t.Errorf("bob's key beside ada's session: %s", got)
	}
	s.accounts.change("bob", func(a *account) { a.disabled = true })
	if got := key.get("/me").StatusCode; got != 401 {
		t.Errorf("the key of a disabled user: %d", got)
	}

	s.store.fails("LoadSession", errDown)
	if got := statuses(ada); got != "503 503 503 503 503 200nobody" {
		t.Errorf("ada while the store is down: %s", got)
	}
	if len(ada.cookies) == 0 {
		t.Error("an outage deleted the cookie")
	}
	s.store.fails("LoadSession", nil)
	s.accounts.fails(errDown)
	if got := statuses(ada); got != "503 503 503 503 503 200nobody" {
		t.Errorf("ada while her users are down: %s", got)
	}
	s.accounts.fails(nil)

	for _, tt := range []struct {
		verdict error
		nobody  int
		ada     int
	}{
		{nil, 200, 200},
		{auth.ErrForbidden, 401, 403},
		{errDown, 503, 503},
		{context.DeadlineExceeded, 503, 503},
	} {
		verdict = tt.verdict
		if got := nobody.get("/admin").StatusCode; got != tt.nobody {
			t.Errorf("%v: nobody gets %d", tt.verdict, got)
		}
		if got := ada.get("/admin").StatusCode; got != tt.ada {
			t.Errorf("%v: ada gets %d", tt.verdict, got)
		}
	}
}

// keyLoader knows X-Key.
type keyLoader struct{ ambient bool }

func (l *keyLoader) Ambient() bool     { return l.ambient }
func (l *keyLoader) Challenge() string { return `Key realm="test"` }

func (l *keyLoader) LoadRequest(r *http.Request) (*auth.Identity, error) {
	switch key := r.Header.Get("X-Key"); key {
	case "":
		return nil, auth.ErrNoCredentials
	case "wrong":
		return nil, fmt.Errorf("key: %w", auth.ErrBadCredentials)
	case "broken":
		return nil, errDown
	case "panic":
		panic("loader")
	case "nil":
		return nil, nil
	default:
		return &auth.Identity{UserID: key}, nil
	}
}

func TestAuthorizerFailsClosed(t *testing.T) {
	s := newSite(t, nil) // none at all
	if got := s.visitor().logIn("ada").get("/admin").StatusCode; got != 403 {
		t.Errorf("without an authorizer: %d", got)
	}
	s = newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { panic("policy") })
	})
	if got := s.visitor().logIn("ada").get("/admin").StatusCode; got != 503 {
		t.Errorf("an authorizer that panics: %d", got)
	}
	s = newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} })
	for _, key := range []string{"panic", "nil"} {
		if got := s.visitor("X-Key", key).get("/me").StatusCode; got != 503 {
			t.Errorf("a loader with %q: %d", key, got)
		}
	}
	if got := s.visitor("X-Key", "nobody we know").get("/me").StatusCode; got != 401 {
		t.Errorf("a loader that names nobody: %d", got)
	}
}

func TestCrossOrigin(t *testing.T) {
	evil := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	for _, ambient := range []bool{false, true} {
		s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{ambient: ambient}} })
		for _, header := range [][]string{evil, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
			v := s.visitor(header...)
			v.cookies = s.visitor().logIn("ada").cookies
			for _, path := range []string{"/me", "/auth/logout", "/auth/trust?user=bob", "/nowhere"} {
				if res := v.post(path, ""); res.StatusCode != 403 {
					t.Errorf("%v to %s: %s", header, path, res.Status)
				}
			}
			v.header = http.Header{}
			if got := v.who(); got != "ada" {
				t.Errorf("after %v ada is %s", header, got)
			}
		}
		want := 200
		if ambient {
			want = 403
		}
		if got := s.visitor(append(evil, "X-Key", "bob")...).post("/me", "").StatusCode; got != want {
			t.Errorf("with a key that is ambient (%v): %d; want %d", ambient, got, want)
		}
	}
	// Exempt from the check means: not by the session.
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} })
	v := s.visitor(append(evil, "X-Key", "wrong")...)
	v.cookies = s.visitor().logIn("ada").cookies
	if got := v.post("/me", "").StatusCode; got != 401 {
		t.Errorf("a wrong key from another site: %d", got)
	}
	v.post("/auth/logout", "")
	v.header = http.Header{}
	if got := v.who(); got != "ada" {
		t.Errorf("a wrong key from another site logged ada out: %s", got)
	}
}

func TestHandlerForgotten(t *testing.T) {
	s := newSite(t, nil)
	ada := s.visitor().logIn("ada")
	mux := http.NewServeMux()
	s.m.Mount(mux)
	mux.Handle("/me", s.m.RequireUser(http.NotFoundHandler()))
	for _, path := range []string{"/me", "/auth/session"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, ada.request("GET", path, ""))
		if w.Code != 500 {
			t.Errorf("%s: %d; want 500", path, w.Code)
		}
	}
	if !strings.Contains(s.log.String(), "Manager.Handler") {
		t.Error("the log does not say what to do")
	}
	w := httptest.NewRecorder()
	if err := s.m.LogIn(w, httptest.NewRequest("POST", "/", nil), "ada", auth.Proof{Method: "x"}); err == nil || len(w.Header()) != 0 {
		t.Errorf("a login without Handler: %v, %v", err, w.Header())
	}
}

// Two Managers in one process do not meet.
func TestTwoRealms(t *testing.T) {
	users := &accounts{m: map[string]account{"ada": {id: "ada"}}}
	admins := &accounts{m: map[string]account{"root": {id: "root"}}}
	store := memory.New(nil)
	build := func(a *accounts, realm, prefix string) *auth.Manager {
		m, err := auth.New(auth.UserFunc(a.byID), store, &auth.Options{
			Realm: realm, Prefix: prefix, Providers: []auth.Provider{trust{}}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	site, admin := build(users, "", "/auth"), build(admins, "admin", "/admin/auth")
	mux := http.NewServeMux()
	site.Mount(mux)
	admin.Mount(mux)
	name := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := auth.UserFrom[*account](r.Context())
		fmt.Fprint(w, a.id)
	})
	mux.Handle("/me", site.RequireUser(name))
	mux.Handle("/admin/me", admin.RequireUser(name))
	s := &jar{h: site.Handler(admin.Handler(mux))}
	if got := s.do(t, "POST", "/auth/trust?user=ada"); got.StatusCode != 200 {
		t.Fatal(got.Status)
	}
	if got := s.do(t, "GET", "/admin/me").StatusCode; got != 401 {
		t.Errorf("a user as admin: %d", got)
	}
	if got := s.do(t, "POST", "/admin/auth/trust?user=root"); got.StatusCode != 200 {
		t.Fatal(got.Status)
	}
	if got := body(s.do(t, "GET", "/me")) + body(s.do(t, "GET", "/admin/me")); got != "adaroot" {
		t.Errorf("got %s", got)
	}
	s.do(t, "POST", "/admin/auth/logout")
	if got := body(s.do(t, "GET", "/me")); got != "ada" {
		t.Errorf("after the admin's log-out the user is %s", got)
	}
}

type jar struct {
	h       http.Handler
	cookies []*http.Cookie
}

func (s *jar) do(t *testing.T, method, target string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for _, c := range s.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	s.cookies = append(s.cookies, w.Result().Cookies()...)
	return w.Result()
}

func TestWithIdentity(t *testing.T) {
	s := newSite(t, nil)
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &account{id: "eve"}}))
	w := httptest.NewRecorder()
	s.m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, _ := auth.UserFrom[*account](r.Context())
		fmt.Fprint(w, a.id)
	})).ServeHTTP(w, r)
	if got := w.Body.String(); got != "eve" {
		t.Errorf("%d %s", w.Code, got)
	}
	if err := s.m.LogOut(httptest.NewRecorder(), r); err != nil {
		t.Error(err)
	}
	if _, ok := auth.UserFrom[auth.User](context.Background()); ok {
		t.Error("there is somebody in an empty context")
	}
	if _, err := s.m.IdentityFrom(context.Background()); !errors.Is(err, auth.ErrNoCredentials) {
		t.Error(err)
	}
}

// A function that returns a nil pointer with its error is no user.
func TestUserFunc(t *testing.T) {
	u, err := auth.UserFunc(func(context.Context, string) (*account, error) { return nil, auth.ErrNotFound }).LoadUser(context.Background(), "x")
	if u != nil || !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("%v, %v", u, err)
	}
	liar := auth.UserFunc(func(context.Context, string) (*account, error) { return &account{id: "root"}, nil })
	m, err := auth.New(liar, memory.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/", nil)
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.LogIn(w, r, "ada", auth.Proof{Method: "x"}); err == nil || errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("a loader that returns somebody else: %v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// Who makes which decision goes into the log, and nobody's secret.
func TestLog(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser().logIn("ada")
	v.post("/auth/trust?user=eve%0aforged", "")
	v.post("/auth/logout", "")
	log := s.log.String()
	for _, part := range []string{"event=login ", "user=ada", "method=trust", "addr=192.0.2.1", `device="Firefox on Linux"`,
		"level=WARN", "event=login.refused", "no such user", `user="eve\nforged"`, "event=logout"} {
		if !strings.Contains(log, part) {
			t.Errorf("nothing of %s in\n%s", part, log)
		}
	}
}

// other is one more provider with something on the login page.
type other struct{}

func (other) Name() string                        { return "other" }
func (other) Kinds() []auth.Kind                  { return nil }
func (other) Mount(*auth.Manager, auth.Mux) error { return nil }
func (other) PageForms(*http.Request, string) []auth.Form {
	return []auth.Form{{Name: "other", Action: "/other"}}
}

// A provider that shows the login page again, with what was typed into its own
// form, does not make the others vanish.
func TestLoginPageIsComplete(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Providers = []auth.Provider{other{}, trust{}} })
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.m.Answer(w, r, &auth.Page{Name: "login", Forms: []auth.Form{
			{Name: "trust", Action: "/trust", Fields: []auth.Field{{Name: "user", Value: "ada"}}},
		}}, auth.ErrBadCredentials)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, s.browser().request("POST", "/", ""))
	var p auth.Page
	decode(t, w.Result(), &p)
	if w.Code != 401 || p.Problem.Code != "bad_credentials" || len(p.Forms) != 2 || p.Forms[0].Name != "other" || p.Forms[1].Fields[0].Value != "ada" {
		t.Errorf("%d %+v", w.Code, p)
	}
}

func TestRefusalsAreReplaceable(t *testing.T) {
	answer := func(status int) func(http.ResponseWriter, *http.Request, *auth.Problem) bool {
		return func(w http.ResponseWriter, r *http.Request, p *auth.Problem) bool {
			if r.Header.Get("X-Default") != "" {
				return false
			}
			w.Header().Set("X-Reason", p.MessageID())
			w.WriteHeader(status)
			return true
		}
	}
	s := newSite(t, func(o *auth.Options) {
		o.Unauthenticated, o.NeedsRefresh, o.Forbidden, o.Failed = answer(471), answer(472), answer(473), answer(474)
	})
	ada := s.visitor().logIn("ada")
	s.clock.Advance(30 * time.Minute)
	for _, tt := range []struct {
		who            *visitor
		method, path   string
		fail           error // of the store
		status, normal int
		message        string
	}{
		{s.visitor(), "GET", "/me", nil, 471, 401, "unauthenticated"},
		{ada, "GET", "/fresh", nil, 472, 401, "not_fresh"},
		{ada, "GET", "/admin", nil, 473, 403, "forbidden"},
		{ada, "GET", "/me", errDown, 474, 503, "unavailable"},
		{ada, "DELETE", "/auth/login", nil, 474, 405, "method_not_allowed"},
	} {
		s.store.fails("LoadSession", tt.fail)
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, tt.who.request(tt.method, tt.path, ""))
		if got := w.Header().Get("X-Reason"); w.Code != tt.status || got != tt.message {
			t.Errorf("%s %s: %d, %q; want %d, %q", tt.method, tt.path, w.Code, got, tt.status, tt.message)
		}
		r := tt.who.request(tt.method, tt.path, "")
		r.Header.Set("X-Default", "please")
		w = httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if w.Code != tt.normal {
			t.Errorf("%s %s, left to the default: %d, want %d", tt.method, tt.path, w.Code, tt.normal)
		}
	}
}
