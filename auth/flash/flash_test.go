package flash_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/flash"
)

func TestCookie(t *testing.T) {
	for name, opts := range map[string]*flash.Options{
		"default":  nil,
		"realm":    {Realm: "admin"},
		"insecure": {Insecure: true, Realm: "admin"},
	} {
		t.Run(name, func(t *testing.T) {
			authtest.TestFlashes(t, func(*testing.T) auth.Flashes { return flash.NewCookie(opts) })
		})
	}
}

func request(cookies ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if len(cookies) > 0 {
		r.Header["Cookie"] = cookies
	}
	return r
}

func add(t *testing.T, c *flash.Cookie, w http.ResponseWriter, r *http.Request, list ...auth.Flash) {
	t.Helper()
	for _, f := range list {
		if err := c.Add(w, r, f); err != nil {
			t.Fatal(err)
		}
	}
}

func take(t *testing.T, c *flash.Cookie, w http.ResponseWriter, r *http.Request) []auth.Flash {
	t.Helper()
	list, err := c.Take(w, r)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What is set, and that it is deleted with the same attributes.
func TestSetCookie(t *testing.T) {
	for _, tt := range []struct {
		opts  *flash.Options
		name  string
		attrs string
	}{
		{nil, "__Host-flash", "; Path=/; Secure; HttpOnly; SameSite=Lax"},
		{&flash.Options{Realm: "admin-2"}, "__Host-flash-admin-2", "; Path=/; Secure; HttpOnly; SameSite=Lax"},
		{&flash.Options{Insecure: true}, "flash", "; Path=/; HttpOnly; SameSite=Lax"},
		{&flash.Options{Insecure: true, Realm: "a"}, "flash-a", "; Path=/; HttpOnly; SameSite=Lax"},
	} {
		c := flash.NewCookie(tt.opts)
		w := httptest.NewRecorder()
		add(t, c, w, request(), auth.Flash{ID: "not_fresh", Category: "info"}, auth.Flash{ID: "b"})
		want := tt.name + "=not_fresh:info~b:" + tt.attrs
		if got := w.Header()["Set-Cookie"]; len(got) != 1 || got[0] != want {
			t.Errorf("Add sets %q, want %q", got, want)
		}
		w = httptest.NewRecorder()
		if got := take(t, c, w, request(tt.name+"=a:")); len(got) != 1 || got[0].ID != "a" {
			t.Errorf("%s: Take: %+v", tt.name, got)
		}
		want = tt.name + "=" + tt.attrs + "; Max-Age=0"
		if got := w.Header()["Set-Cookie"]; len(got) != 1 || got[0] != want {
			t.Errorf("Take sets %q, want %q", got, want)
		}
	}
}

func TestRealms(t *testing.T) {
	site, admin := flash.NewCookie(nil), flash.NewCookie(&flash.Options{Realm: "admin"})
	r := request("__Host-flash=site:info; __Host-flash-admin=admin:info")
	w := httptest.NewRecorder()
	for want, c := range map[string]*flash.Cookie{"site": site, "admin": admin} {
		if got := take(t, c, w, r); len(got) != 1 || got[0].ID != want {
			t.Errorf("%s: Take: %+v", want, got)
		}
	}
	if got := w.Header()["Set-Cookie"]; len(got) != 2 {
		t.Errorf("two realms in one response set %q", got)
	}
}

// All the messages that there can be, each as long as it can be.
func TestSize(t *testing.T) {
	c := flash.NewCookie(&flash.Options{Realm: strings.Repeat("r", 32)})
	w, r := httptest.NewRecorder(), request()
	for i := range 100 {
		id := strings.Repeat("i", 62) + string([]byte{'a' + byte(i/26), 'a' + byte(i%26)})
		add(t, c, w, r, auth.Flash{ID: id, Category: strings.Repeat("c", 32)})
	}
	set := w.Header()["Set-Cookie"]
	if len(set) != 1 {
		t.Fatalf("sets %d cookies", len(set))
	}
	pair, _, _ := strings.Cut(set[0], ";")
	if len(pair) > 1024 {
		t.Errorf("the cookie has %d bytes", len(pair))
	}
	got := take(t, c, httptest.NewRecorder(), request(pair))
	if len(got) != 8 || !strings.HasSuffix(got[7].ID, "dv") || !strings.HasSuffix(got[0].ID, "do") {
		t.Errorf("kept are %+v, want the 8 newest", got)
	}
}

// What was not written here has no messages, and goes.
func TestForeign(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("a:b~", 8), "~")
	for name, cookies := range map[string][]string{
		"empty":           {"__Host-flash="},
		"no category":     {"__Host-flash=a"},
		"no ID":           {"__Host-flash=:info"},
		"free text":       {"__Host-flash=Your account is locked, call 555-1234:error"},
		"upper case":      {"__Host-flash=A:info"},
		"quoted":          {`__Host-flash="a:info"`},
		"not ASCII":       {"__Host-flash=ä:info"},
		"no UTF-8":        {"__Host-flash=\xff:info"},
		"NUL":             {"__Host-flash=a\x00:info"},
		"trailing":        {"__Host-flash=a:info~"},
		"space":           {"__Host-flash=a:info "},
		"three parts":     {"__Host-flash=a:info:x"},
		"long ID":         {"__Host-flash=" + strings.Repeat("a", 65) + ":info"},
		"the same twice":  {"__Host-flash=a:info~a:info"},
		"too many":        {"__Host-flash=a:1~a:2~a:3~a:4~a:5~a:6~a:7~a:8~a:9"},
		"many of one":     {"__Host-flash=" + long},
		"huge":            {"__Host-flash=" + strings.Repeat("a", 1<<20)},
		"twice":           {"__Host-flash=a:info; __Host-flash=b:info"},
		"in two lines":    {"__Host-flash=a:info", "__Host-flash=a:info"},
		"twice, and more": {"x=y; __Host-flash=a:info;__Host-flash="},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := flash.NewCookie(nil), httptest.NewRecorder()
			if got := take(t, c, w, request(cookies...)); len(got) != 0 {
				t.Errorf("Take: %+v", got)
			}
			if got := w.Header()["Set-Cookie"]; len(got) != 1 || !strings.HasPrefix(got[0], "__Host-flash=; ") {
				t.Errorf("Take sets %q", got)
			}
			w = httptest.NewRecorder()
			add(t, c, w, request(cookies...), auth.Flash{ID: "b", Category: "info"})
			if got := w.Header()["Set-Cookie"]; len(got) != 1 || !strings.HasPrefix(got[0], "__Host-flash=b:info; ") {
				t.Errorf("Add sets %q", got)
			}
		})
	}
}

// A cookie of a name that only begins or ends like ours is somebody else's.
func TestLikeNames(t *testing.T) {
	c := flash.NewCookie(nil)
	r := request("__Host-flashy=a:info; x__Host-flash=a:info; flash=a:info; __host-flash=a:info; __Host-flash", "__Host-flash-admin=a:info")
	w := httptest.NewRecorder()
	if got := take(t, c, w, r); len(got) != 0 || len(w.Header()) != 0 {
		t.Errorf("Take: %+v, header %v", got, w.Header())
	}
	w.Header().Add("Set-Cookie", "__Host-flashy=b")
	w.Header().Add("Set-Cookie", "__Host-flash")
	add(t, c, w, r, auth.Flash{ID: "a"})
	if got := w.Header()["Set-Cookie"]; len(got) != 3 {
		t.Errorf("Add leaves %q", got)
	}
}

// Most requests have no messages: they pay nothing.
func TestTakeOfNothing(t *testing.T) {
	c := flash.NewCookie(nil)
	r := request("a=b; __Host-sid=x; other=" + strings.Repeat("y", 100))
	w := httptest.NewRecorder()
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Take(w, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(w.Header()) != 0 {
		t.Errorf("header %v", w.Header())
	}
}

func TestOptions(t *testing.T) {
	for _, realm := range []string{"", "a", "admin-2", strings.Repeat("r", 32)} {
		if err := flash.NewCookie(&flash.Options{Realm: realm}).Validate(); err != nil {
			t.Errorf("realm %q: %v", realm, err)
		}
	}
	for _, realm := range []string{"A", "a b", "-", "a=b", "a;b", "a\n", strings.Repeat("r", 33)} {
		c := flash.NewCookie(&flash.Options{Realm: realm})
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), "Options.Realm") {
			t.Errorf("realm %q: Validate: %v", realm, err)
		}
		w := httptest.NewRecorder()
		if got := c.Add(w, request(), auth.Flash{ID: "a"}); !errors.Is(got, err) {
			t.Errorf("realm %q: Add: %v", realm, got)
		}
		if _, got := c.Take(w, request()); got != err {
			t.Errorf("realm %q: Take: %v", realm, got)
		}
		if len(w.Header()) != 0 {
			t.Errorf("realm %q: header %v", realm, w.Header())
		}
	}
}

// auth.New reports what is wrong with the cookie among all else.
func TestNewAsks(t *testing.T) {
	_, err := auth.New(nil, nil, &auth.Options{Flashes: flash.NewCookie(&flash.Options{Realm: "A"})})
	if err == nil || !strings.Contains(err.Error(), "Options.Flashes: flash: Options.Realm") {
		t.Errorf("auth.New: %v", err)
	}
}
