package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// at returns a page that is always the same.
func at(page string) func(*http.Request) string {
	return func(*http.Request) string { return page }
}

// sentTo returns where a browser that gets target from h is sent.
func (s *site) sentTo(h http.Handler, method, target string) string {
	s.t.Helper()
	w := answer(s.m.Handler(h), s.browser().request(method, target, ""))
	if w.Code != 303 {
		return http.StatusText(w.Code)
	}
	return w.Header().Get("Location")
}

var empty = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// A group sends to its own login page; groups inside inherit it, have another, or
// leave it to those outside.
func TestLoginAtNested(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.LoginPage = func(r *http.Request) string { return r.URL.Query().Get("host") }
	})
	page := s.m.RequireUser(empty)
	for _, tt := range []struct {
		name string
		h    http.Handler
		want string
	}{
		{"no group", page, "/auth/login"},
		{"a group", s.m.LoginAt(at("/a"))(page), "/a"},
		{"inherited", s.m.LoginAt(at("/a"))(s.m.RequireUser(s.m.WithUser(page))), "/a"},
		{"another", s.m.LoginAt(at("/a"))(s.m.LoginAt(at("/b"))(page)), "/b"},
		{"left to the outer", s.m.LoginAt(at("/a"))(s.m.LoginAt(at(""))(s.m.LoginAt(at(""))(page))), "/a"},
		{"left to the host", s.m.LoginAt(at(""))(page), "/auth/login"},
		{"of another Manager", newSite(t, nil).m.LoginAt(at("/a"))(page), "/auth/login"},
		{"outside of Handler", s.m.LoginAt(at("/a"))(s.m.Handler(page)), "/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := s.sentTo(tt.h, "GET", "/x"), tt.want+"?next=%2Fx"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	if got := s.sentTo(s.m.LoginAt(at(""))(page), "GET", "/x?host=/h"); got != "/h?next=%2Fx%3Fhost%3D%2Fh" {
		t.Errorf("left to the host, who has one: %s", got)
	}
	// Groups side by side do not meet.
	mux := http.NewServeMux()
	for _, name := range []string{"/a/", "/b/"} {
		mux.Handle(name, s.m.LoginAt(at(name+"login"))(page))
	}
	mux.Handle("/", page)
	for path, want := range map[string]string{"/a/x": "/a/login?next=%2Fa%2Fx", "/b/x": "/b/login?next=%2Fb%2Fx", "/c": "/auth/login?next=%2Fc"} {
		if got := s.sentTo(mux, "GET", path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// The page may depend on the request: on the tenant, the language, or what was
// found on the way.
func TestLoginPagePerRequest(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.LoginPage = func(r *http.Request) string {
			tenant, _, _ := strings.Cut(r.Host, ".")
			if tenant == "plain" {
				return ""
			}
			language := r.Header.Get("Accept-Language")
			return "/" + tenant + "/login?lang=" + url.QueryEscape(language)
		}
	})
	h := s.m.Handler(s.m.RequireUser(empty))
	for host, want := range map[string]string{
		"acme.example":  "/acme/login?lang=de&next=%2Fx",
		"other.example": "/other/login?lang=de&next=%2Fx",
		"plain.example": "/auth/login?next=%2Fx",
	} {
		r := s.browser().request("GET", "/x", "")
		r.Host = host
		r.Header.Set("Accept-Language", "de")
		if got := answer(h, r).Header().Get("Location"); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	// What a mux has found in the path is there.
	mux := http.NewServeMux()
	group := s.m.LoginAt(func(r *http.Request) string { return "/" + url.PathEscape(r.PathValue("lang")) + "/login" })
	mux.Handle("/{lang}/page", group(s.m.RequireUser(empty)))
	if got := s.sentTo(mux, "GET", "/fr/page"); got != "/fr/login?next=%2Ffr%2Fpage" {
		t.Errorf("%s", got)
	}
}

func TestLoginPageAndNext(t *testing.T) {
	page := ""
	s := newSite(t, func(o *auth.Options) { o.LoginPage = func(*http.Request) string { return page } })
	guarded := s.m.RequireUser(empty)
	for _, tt := range []struct{ page, method, target, want string }{
		// The way back is added to what is there.
		{"/in", "GET", "/x?a=1&b=%2F", "/in?next=%2Fx%3Fa%3D1%26b%3D%252F"},
		{"/in", "HEAD", "/x", "/in?next=%2Fx"},
		{"/in", "POST", "/x?a=1", "/in"}, // asking again would do harm
		{"/in", "DELETE", "/x", "/in"},
		{"/in?lang=de", "GET", "/x", "/in?lang=de&next=%2Fx"},
		{"/in?", "GET", "/x", "/in?next=%2Fx"},
		{"/in?a=b&", "GET", "/x", "/in?a=b&next=%2Fx"},
		{"/in#form", "GET", "/x", "/in?next=%2Fx#form"},
		{"/in?lang=de#form?", "GET", "/x", "/in?lang=de&next=%2Fx#form?"},
		{"/in?next=/dashboard", "GET", "/x", "/in?next=/dashboard"}, // the page has its own
		{"/in?nextpage=1", "GET", "/x", "/in?nextpage=1&next=%2Fx"},
		{"/in", "GET", "//evil.example/x", "/in"},
		{"/in", "GET", "/%2f/evil.example", "/in"},
		{"/in", "GET", "/x/..//evil.example", "/in"},

		// A page elsewhere learns nothing of what was asked for.
		{"https://login.example/in", "GET", "/x?token=secret", "https://login.example/in"},
		{"https://login.example/in?client=7#top", "GET", "/x?token=secret", "https://login.example/in?client=7#top"},
		{"http://login.example", "GET", "/x?token=secret", "http://login.example"},

		// What is neither is not followed: it may be made from what the client sent.
		{"//evil.example/login", "GET", "/x", "/auth/login?next=%2Fx"},
		{"/\\evil.example", "GET", "/x", "/auth/login?next=%2Fx"},
		{"javascript:alert(1)", "GET", "/x", "/auth/login?next=%2Fx"},
		{"https:evil", "GET", "/x", "/auth/login?next=%2Fx"},
		{"login", "GET", "/x", "/auth/login?next=%2Fx"},
		{"/in\r\nSet-Cookie: a=b", "GET", "/x", "/auth/login?next=%2Fx"},
		{"https://login.example/\r\nSet-Cookie: a=b", "GET", "/x", "/auth/login?next=%2Fx"},

		// A page that is itself guarded is no loop.
		{"/in", "GET", "/in", "Unauthorized"},
		{"/in", "GET", "/in?next=/x", "Unauthorized"},
		{"/in", "GET", "/in/", "Unauthorized"},
		{"/in?lang=de", "GET", "/in", "Unauthorized"},
		{"/in", "POST", "/in", "Unauthorized"},
		{"https://example.com/in", "GET", "/in", "Unauthorized"},
		{"https://login.example/in", "GET", "/in", "https://login.example/in"},
		{"/", "GET", "/", "Unauthorized"},
	} {
		page = tt.page
		if got := s.sentTo(guarded, tt.method, tt.target); got != tt.want {
			t.Errorf("%s %s to %q: %s, want %s", tt.method, tt.target, tt.page, got, tt.want)
		}
	}
	if !strings.Contains(s.log.String(), "evil.example") {
		t.Error("the host is not told of a page that was not followed")
	}
}

// One comes back to what the browser asked for, and not to what a middleware has made
// of it.
func TestNextIsWhatTheBrowserAskedFor(t *testing.T) {
	s := newSite(t, nil)
	guarded := s.m.RequireUser(empty)
	for name, h := range map[string]http.Handler{
		"inside":  s.m.Handler(http.StripPrefix("/app", guarded)),
		"outside": http.StripPrefix("/app", s.m.Handler(guarded)),
	} {
		w := answer(h, s.browser().request("GET", "/app/x?a=b", ""))
		if got := w.Header().Get("Location"); got != "/auth/login?next=%2Fapp%2Fx%3Fa%3Db" {
			t.Errorf("%s: %d %s", name, w.Code, got)
		}
	}
	// A proxy's absolute form, and a request that no server has made.
	r := s.browser().request("GET", "http://example.com/x", "")
	r.RequestURI = "http://example.com/x"
	if got := answer(s.m.Handler(guarded), r).Header().Get("Location"); got != "/auth/login?next=%2Fx" {
		t.Errorf("absolute form: %s", got)
	}
	r.RequestURI = ""
	if got := answer(s.m.Handler(guarded), r).Header().Get("Location"); got != "/auth/login?next=%2Fx" {
		t.Errorf("no form: %s", got)
	}
}

// Without pages a program is told, whatever the login page is; without a login page
// a browser gets the error.
func TestLoginPageOfOthers(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.LoginPage = at("/in") })
	if w := answer(s.m.Handler(s.m.RequireUser(empty)), s.visitor().request("GET", "/x", "")); w.Code != 401 || w.Header().Get("Location") != "" {
		t.Errorf("a program: %d %v", w.Code, w.Header())
	}
	// What is refused for another reason is not sent there.
	s.browser().logIn("ada")
	for path, want := range map[string]int{"/admin": 403, "/guest": 303, "/fresh": 200} {
		if got := s.browser().logIn("ada").get(path); got.StatusCode != want || got.Header.Get("Location") == "/in" {
			t.Errorf("%s: %s %s", path, got.Status, got.Header.Get("Location"))
		}
	}
}

func TestNext(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Home = "/home" })
	query := func(next string) *http.Request {
		return httptest.NewRequest("GET", "/?next="+url.QueryEscape(next), nil)
	}
	form := func(next string) *http.Request {
		r := s.visitor().request("POST", "/", "next="+url.QueryEscape(next))
		if err := r.ParseForm(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	for next, want := range map[string]string{
		"/x?a=b#c":                      "/x?a=b#c",
		"/":                             "/",
		"":                              "/home",
		"x":                             "/home",
		"//evil.example":                "/home",
		"/\\evil.example":               "/home",
		"\\\\evil.example":              "/home",
		"/%2fevil.example":              "/home",
		"/%5cevil.example":              "/home",
		"/./%2fevil.example":            "/home",
		"/..//evil.example":             "/home",
		"https://evil.example":          "/home",
		"https:/evil.example":           "/home",
		"javascript:alert(1)":           "/home",
		"/x\r\nLocation: //e":           "/home",
		"\t/x":                          "/home",
		"/\t/evil.example":              "/home",
		"/é":                            "/home",
		"/" + strings.Repeat("x", 3000): "/home",
		"/auth/login":                   "/home", // steps of a login would go round in circles
		"/auth/login/":                  "/home",
		"/x/../auth/logout":             "/home",
		"/auth/confirm?next=/":          "/home",
		"/auth":                         "/home",
		"/auth/account":                 "/auth/account",
		"/auth/sessions":                "/auth/sessions",
		"/authors":                      "/authors",
	} {
		for name, r := range map[string]*http.Request{"query": query(next), "form": form(next)} {
			if got := s.m.Next(r); got != want {
				t.Errorf("%s %q: %q, want %q", name, next, got, want)
			}
		}
	}
	// The query comes first; a form counts if it has been read.
	r := s.visitor().request("POST", "/?next=/query", "next=/form")
	if got := s.m.Next(r); got != "/query" {
		t.Errorf("both: %s", got)
	}
	r = s.visitor().request("POST", "/", "next=/form")
	if got := s.m.Next(r); got != "/home" {
		t.Errorf("a form that was not read: %s", got)
	}
	if r = httptest.NewRequest("GET", "/?next=%zz&next=/x", nil); s.m.Next(r) == "" {
		t.Error("a query that is broken leads nowhere")
	}
	// Two of them: one is not ours, but both are only paths here.
	if got := s.m.Next(httptest.NewRequest("GET", "/?next=//evil&next=/x", nil)); got != "/home" {
		t.Errorf("two: %s", got)
	}
}
