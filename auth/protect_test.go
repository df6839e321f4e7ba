package auth_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The routes of a host. Those that begin with a "+" are public.
var routes = []string{
	"+GET /{$}", "+/static/", "/static/secret", "/static/{name}/secret", "GET /me", "+POST /me", "/me/", "+GET /news/{id}",
	"GET /news/{id}/edit", "/files/{path...}", "+GET /files/{path...}", "+/about", "DELETE /about", "+example.org/", "example.org/secret",
	"example.org/a/{x}/", "+GET /a%2Fb", "/a/b", "+/x/{y}/{$}", "/x/{y}/z", "CONNECT /tunnel", "+/open/{a}/{b...}", "/open/{a}/secret", "+HEAD /head", "GET /head", "/head/",
}

// hostMux returns a mux that writes down which handler ran, the patterns that are
// public, and what was written.
func hostMux(s *site) (mux *http.ServeMux, public []string, ran *[]string) {
	mux, ran = http.NewServeMux(), new([]string)
	s.m.Mount(mux)
	for _, route := range routes {
		pattern, open := strings.CutPrefix(route, "+")
		if open {
			public = append(public, pattern)
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			*ran = append(*ran, r.Pattern)
			fmt.Fprint(w, r.Pattern, r.PathValue("id"))
		})
	}
	return mux, public, ran
}

// hostileRequest makes a request, as a server reads it, out of what is good at
// getting past checks of paths.
func hostileRequest(random *rand.Rand) (*http.Request, error) {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	target := ""
	for range 1 + random.IntN(5) {
		target += pick("/", "/", "/", "/", "//", "%2f", "%2F", "%5c", "/./", "/../", "/%2e%2e/", "/..%2f", ";/", "?/", "/*/")
		target += pick("me", "secret", "static", "news", "7", "edit", "about", "files", "a", "b", "a%2Fb", "a%2fb", "x", "open",
			"", ".", "..", "%2e", "%2e%2e", "%6de", "ME", "tunnel", "head", "auth", "login", "session", "%00", "{id}", "{$}", "*", "é", "%c3%a9")
	}
	if random.IntN(8) == 0 {
		target = pick("", "http://example.com", "http://example.org", "//example.org", "*") + target
	}
	method := pick("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "get", "TRACE")
	host := pick("example.com", "example.org", "example.org:443", "EXAMPLE.ORG", "", "example.org.")
	return http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
}

func answer(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Whatever a request looks like: nobody gets to what is not public, all that is
// public is as it was, and a user sees the mux as it is.
func TestProtectLetsNobodyThrough(t *testing.T) {
	s := newSite(t, nil)
	mux, public, ran := hostMux(s)
	protected, err := s.m.Protect(mux, public...)
	if err != nil {
		t.Fatal(err)
	}
	h := s.m.Handler(protected)
	isPublic := map[string]bool{}
	for _, p := range public {
		isPublic[p] = true
	}
	ada := &account{id: "ada"}
	random := rand.New(rand.NewPCG(1, 2))
	n, passed, refused, redirected := 20000, 0, 0, 0
	if testing.Short() {
		n = 5000
	}
	for range n {
		r, err := hostileRequest(random)
		if err != nil {
			continue // no server hands it on
		}
		what := fmt.Sprintf("%s %s (%q)", r.Method, r.RequestURI, r.Host)
		*ran = nil
		bare := answer(s.m.Handler(mux), r)
		would := strings.Join(*ran, " ")
		*ran = nil
		nobody := answer(h, r)
		did := strings.Join(*ran, " ")
		*ran = nil
		user := answer(h, r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: ada})))
		if *ran = append(*ran, ""); (*ran)[0] != would || user.Code != bare.Code && bare.Code != 401 {
			t.Fatalf("%s: a user gets %d from %q, without Protect %d from %q", what, user.Code, (*ran)[0], bare.Code, would)
		}
		switch {
		case did != "" && !isPublic[did]:
			t.Fatalf("%s: nobody got to %q", what, did)
		case would != "" && isPublic[would]:
			if did != would || nobody.Code != 200 || nobody.Body.String() != bare.Body.String() {
				t.Fatalf("%s: %d and %q, although %q is public", what, nobody.Code, nobody.Body, would)
			}
			passed++
		case would != "", bare.Code == 404, bare.Code == 405 && bare.Header().Get("Content-Type") != "application/problem+json":
			if nobody.Code != 401 {
				t.Fatalf("%s: %d, without Protect %d", what, nobody.Code, bare.Code)
			}
			refused++
		case bare.Code == 307:
			redirected++
		}
	}
	if passed < n/100 || refused < n/100 || redirected < n/100 {
		t.Errorf("%d passed, %d were refused and %d redirected: the requests are not good", passed, refused, redirected)
	}
}

func FuzzProtect(f *testing.F) {
	for _, seed := range []string{
		"GET /static/../me HTTP/1.1\r\nHost: a\r\n\r\n", "GET /static/%2e%2e/me HTTP/1.1\r\nHost: a\r\n\r\n", "GET //me HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT /static/../me HTTP/1.1\r\nHost: example.org\r\n\r\n", "GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://example.org/secret HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Skip()
		}
		s := newSite(t, nil)
		mux, public, ran := hostMux(s)
		protected, err := s.m.Protect(mux, public...)
		if err != nil {
			t.Fatal(err)
		}
		answer(s.m.Handler(protected), r)
		for _, pattern := range *ran {
			if !strings.Contains(" "+strings.Join(routes, " +")+" ", "+"+pattern) {
				t.Errorf("nobody got to %q", pattern)
			}
		}
	})
}

// Every pattern that a mux takes can be named, and nothing else.
func TestProtectNames(t *testing.T) {
	s := newSite(t, nil)
	mux, _, _ := hostMux(s)
	var all []string
	for _, route := range routes {
		all = append(all, strings.TrimPrefix(route, "+"))
	}
	if _, err := s.m.Protect(mux, all...); err != nil {
		t.Error(err)
	}
	if _, err := s.m.Protect(mux, "GET /auth/login", "/auth/login"); err != nil {
		t.Error(err)
	}
	wrong := map[string]string{ // and what is there
		"/me": "GET /me", "GET  /me": "GET /me", "GET /news/{number}": "GET /news/{id}", "GET /static/": "/static/", "PUT /me": "/me/",
		"/nowhere": "", "": "", "GET": "", " ": "", "static": "", "/files/{p...}": "GET /files/{path...}", "{": "", "GET /{": "", "/%zz": "",
		"example.org/secret/": "example.org/", "other.example/secret": "", "GET /about": "/about", "\x00": "", "/a%2fb": "GET /a%2Fb",
	}
	names := []string{"GET /me"}
	for name := range wrong {
		names = append(names, name)
	}
	h, err := s.m.Protect(mux, names...)
	if h != nil || err == nil {
		t.Fatalf("%v, %v", h, err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(wrong) {
		t.Errorf("%d lines, want %d:\n%v", len(lines), len(wrong), err)
	}
	for name, there := range wrong {
		want := fmt.Sprintf("%q is no pattern of the mux: ", name)
		if there != "" {
			want = fmt.Sprintf("%q is no pattern of the mux, which has %q there", name, there)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in\n%v", want, err)
		}
	}
	if _, err := s.m.Protect(nil); err == nil {
		t.Error("no mux is no error")
	}
}

// Patterns that others stand before can be named as well.
func TestProtectNamesBehindOthers(t *testing.T) {
	s := newSite(t, nil)
	mux := http.NewServeMux()
	names := []string{"/", "/{$}", "/{a}", "GET /{a}", "/a/", "/a/{$}", "/a/{x}", "/e/", "/e/{x}/", "GET /c/", "POST /c/{x...}", "PUT /b/{x}", "/b/{x}",
		"/d/{x...}", "/d/{y}", "/d/{y}/{z}", "GET h/", "h/", "POST h/{x}", "PUT /p", "POST /p", "GET /p"}
	for _, name := range names {
		mux.Handle(name, http.NotFoundHandler())
	}
	if _, err := s.m.Protect(mux, names...); err != nil {
		t.Error(err)
	}
}

func TestProtectRefusesWhatIsNotThere(t *testing.T) {
	s := newSite(t, nil)
	mux, public, _ := hostMux(s)
	protected, err := s.m.Protect(mux, public...)
	if err != nil {
		t.Fatal(err)
	}
	s.h = s.m.Handler(protected)
	for _, tt := range []struct {
		method, path  string
		nobody, known int
	}{
		{"GET", "/nowhere", 401, 404},
		{"PUT", "/news/7", 401, 405}, // of a public route, but no route itself
		{"GET", "/me", 401, 200},
		{"HEAD", "/me", 401, 200},
		{"POST", "/me", 200, 200},
		{"OPTIONS", "/news/7", 401, 405}, // no preflight
		{"OPTIONS", "/about", 200, 200},
		{"DELETE", "/about", 401, 200},
		{"GET", "/x/1", 307, 307}, // to a public one
		{"GET", "/head/", 401, 200},
		{"GET", "//me", 401, 307},
		{"GET", "/auth/session", 401, 200},
		{"GET", "/auth/login", 200, 200},
		{"DELETE", "/auth/login", 405, 405},
		{"GET", "/auth/nowhere", 401, 404},
	} {
		if got := s.visitor().do(tt.method, tt.path, "").StatusCode; got != tt.nobody {
			t.Errorf("%s %s: nobody gets %d, want %d", tt.method, tt.path, got, tt.nobody)
		}
		if got := s.visitor().logIn("ada").do(tt.method, tt.path, "").StatusCode; got != tt.known {
			t.Errorf("%s %s: a user gets %d, want %d", tt.method, tt.path, got, tt.known)
		}
	}
	res := s.browser().get("/nowhere")
	if got := res.Header.Get("Location"); res.StatusCode != 303 || got != "/auth/login?next=%2Fnowhere" {
		t.Errorf("a browser: %s to %q", res.Status, got)
	}
	if got := s.browser().get("/me").Header.Get("Vary"); got != "Cookie" {
		t.Errorf("Vary %q", got)
	}
	if h := s.browser().get("/about").Header; h.Get("Vary") != "" || h.Get("Cache-Control") != "" {
		t.Errorf("a public route has %v", h)
	}
	s.store.fails("LoadSession", nil)
	ada := s.browser().logIn("ada")
	s.store.fails("LoadSession", errDown)
	if got := ada.get("/me").StatusCode; got != 503 {
		t.Errorf("an outage is %d", got)
	}
	if got := ada.get("/about").StatusCode; got != 200 {
		t.Errorf("an outage, for a public route, is %d", got)
	}
}

// A route added later is not public, and one of Gatehouse's that was wrapped
// must be named.
func TestProtectKnowsOnlyWhatItWasTold(t *testing.T) {
	s := newSite(t, nil)
	mux := http.NewServeMux()
	s.m.Mount(wrapping{mux})
	protected, err := s.m.Protect(mux, "POST /auth/trust")
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("GET /later", http.NotFoundHandler())
	s.h = s.m.Handler(protected)
	if got := s.browser().get("/later").StatusCode; got != 303 {
		t.Errorf("added later: %d", got)
	}
	// The login page cannot be reached; there must be no loop.
	if got := s.browser().get("/auth/login").StatusCode; got != 401 {
		t.Errorf("a wrapped route: %d", got)
	}
	if got := s.visitor().logIn("ada").get("/later").StatusCode; got != 404 {
		t.Errorf("a user: %d", got)
	}

	// A host may have routes of its own below the prefix, which are not ours.
	mux = http.NewServeMux()
	mux.Handle("GET /auth/login", http.NotFoundHandler())
	if protected, err = s.m.Protect(mux); err != nil {
		t.Fatal(err)
	}
	s.h = s.m.Handler(protected)
	if got := s.visitor().get("/auth/login").StatusCode; got != 401 {
		t.Errorf("the host's own route: %d", got)
	}
}

type wrapping struct{ mux *http.ServeMux }

func (w wrapping) Handle(pattern string, h http.Handler) {
	w.mux.HandleFunc(pattern, h.ServeHTTP)
}

// Protect needs Handler around it, and says so.
func TestProtectWithoutHandler(t *testing.T) {
	s := newSite(t, nil)
	mux, public, ran := hostMux(s)
	protected, err := s.m.Protect(mux, public...)
	if err != nil {
		t.Fatal(err)
	}
	r := s.visitor().logIn("ada").request("GET", "/me", "")
	if w := answer(protected, r); w.Code != 500 || len(*ran) != 0 {
		t.Errorf("%d, and %v ran", w.Code, *ran)
	}
	if w := answer(protected, httptest.NewRequest("GET", "/me", nil)); w.Code != 401 || len(*ran) != 0 {
		t.Errorf("nobody: %d, and %v ran", w.Code, *ran)
	}
}

// Of two Managers on one mux each guards what is its own.
func TestProtectTwoManagers(t *testing.T) {
	s := newSite(t, nil)
	admin := newSite(t, func(o *auth.Options) { o.Realm, o.Prefix = "admin", "/admin/auth" })
	mux, public, _ := hostMux(s)
	admin.m.Mount(mux)
	mux.Handle("GET /admin/panel", admin.m.RequireUser(http.NotFoundHandler()))
	protected, err := s.m.Protect(mux, append(public, "GET /admin/panel")...)
	if err != nil {
		t.Fatal(err)
	}
	s.h = s.m.Handler(admin.m.Handler(protected))
	for path, want := range map[string]int{"/me": 401, "/admin/panel": 401, "/admin/auth/login": 200, "/admin/auth/account": 401, "/auth/login": 200} {
		if got := s.visitor().get(path).StatusCode; got != want {
			t.Errorf("nobody at %s: %d, want %d", path, got, want)
		}
	}
	v := s.visitor()
	v.post("/admin/auth/trust?user=ada", "")
	for path, want := range map[string]int{"/me": 401, "/admin/panel": 404, "/admin/auth/account": 200, "/auth/account": 401} {
		if got := v.get(path).StatusCode; got != want {
			t.Errorf("an administrator at %s: %d, want %d", path, got, want)
		}
	}
}

// cors is a CORS middleware as hosts have them: it answers preflights for one
// origin, and hands on everything else.
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") == "https://app.example" {
			w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
			if r.Method == "OPTIONS" && r.Header.Get("Access-Control-Request-Method") != "" {
				w.Header().Set("Access-Control-Allow-Methods", "GET, DELETE")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// No guard runs a handler for a CORS preflight, none says yes to it, and a
// middleware outside can.
func TestPreflight(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return nil })
	})
	ran := false
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ran = true; w.WriteHeader(http.StatusTeapot) })
	mux := http.NewServeMux()
	mux.Handle("/secret", h)
	mux.Handle("DELETE /thing", h)
	mux.Handle("/public", h)
	protected, err := s.m.Protect(mux, "/public")
	if err != nil {
		t.Fatal(err)
	}
	guards := map[string]http.Handler{
		"Protect": protected, "RequireUser": s.m.RequireUser(h), "RequireGuest": s.m.RequireGuest(h),
		"RequireFresh": s.m.RequireFresh(0)(h), "Require": s.m.Require("x")(h), "WithUser": s.m.WithUser(h),
		"LoginAt": s.m.LoginAt(func(*http.Request) string { return "/in" })(s.m.RequireUser(h)),
	}
	request := func(path string, header ...string) *http.Request {
		return s.visitor(header...).request("OPTIONS", path, "")
	}
	preflight := []string{"Origin", "https://app.example", "Access-Control-Request-Method", "DELETE", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "cross-site"}
	for name, guard := range guards {
		for _, path := range []string{"/secret", "/thing", "/nowhere"} {
			ran = false
			w := answer(s.m.Handler(guard), request(path, preflight...))
			if w.Code != 204 || ran || w.Header().Get("Access-Control-Allow-Origin") != "" || w.Body.Len() != 0 {
				t.Errorf("%s %s: %d %v, ran %v", name, path, w.Code, w.Header(), ran)
			}
			w = answer(cors(s.m.Handler(guard)), request(path, preflight...))
			if w.Code != 204 || ran || w.Header().Get("Access-Control-Allow-Methods") != "GET, DELETE" {
				t.Errorf("%s %s, CORS outside: %d %v, ran %v", name, path, w.Code, w.Header(), ran)
			}
		}
	}
	// A public route has its own preflights.
	if w := answer(s.m.Handler(protected), request("/public", preflight...)); w.Code != http.StatusTeapot || !ran {
		t.Errorf("public: %d, ran %v", w.Code, ran)
	}
	// OPTIONS alone is a method like any other.
	for _, header := range [][]string{nil, preflight[:2], preflight[2:4]} {
		ran = false
		if w := answer(s.m.Handler(protected), request("/secret", header...)); w.Code != 401 || ran {
			t.Errorf("OPTIONS with %v: %d, ran %v", header, w.Code, ran)
		}
	}
	ada := s.visitor().logIn("ada")
	if w := answer(s.m.Handler(protected), ada.request("OPTIONS", "/secret", "")); w.Code != http.StatusTeapot || !ran {
		t.Errorf("OPTIONS of a user: %d, ran %v", w.Code, ran)
	}
	// And no other method is a preflight, whatever comes with it.
	ran = false
	if w := answer(s.m.Handler(protected), s.visitor(preflight[:4]...).request("GET", "/secret", "")); w.Code != 401 || ran {
		t.Errorf("GET that looks like a preflight: %d, ran %v", w.Code, ran)
	}
	// What may be done after the preflight is still for the guard to say.
	r := s.visitor("Origin", "https://app.example").request("GET", "/secret", "")
	if w := answer(cors(s.m.Handler(protected)), r); w.Code != 401 || w.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("after the preflight: %d %v", w.Code, w.Header())
	}
}

// Through a real server, which has its own ideas of CONNECT and OPTIONS *.
func TestProtectServed(t *testing.T) {
	s := newSite(t, nil)
	mux, public, _ := hostMux(s)
	protected, err := s.m.Protect(mux, public...)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.m.Handler(protected))
	defer srv.Close()
	for raw, want := range map[string]int{
		"GET /me HTTP/1.1\r\nHost: a":                       401,
		"GET /static/../me HTTP/1.1\r\nHost: a":             401,
		"GET /static/x HTTP/1.1\r\nHost: a":                 200,
		"CONNECT /static/../me HTTP/1.1\r\nHost: a":         200, // which the mux takes for something static
		"CONNECT /static/secret HTTP/1.1\r\nHost: a":        401,
		"CONNECT /tunnel HTTP/1.1\r\nHost: a":               401,
		"CONNECT example.org:443 HTTP/1.1\r\nHost: a":       401,
		"OPTIONS * HTTP/1.1\r\nHost: a":                     200, // the server's own answer
		"GET * HTTP/1.1\r\nHost: a":                         401,
		"GET http://example.org/secret HTTP/1.1\r\nHost: a": 401,
		"GET http://example.org/other HTTP/1.1\r\nHost: a":  200,
	} {
		conn := dial(t, srv)
		if _, err := io.WriteString(conn, raw+"\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if res.StatusCode != want {
			t.Errorf("%q: %s, want %d", raw, res.Status, want)
		}
		res.Body.Close()
		conn.Close()
	}
}
