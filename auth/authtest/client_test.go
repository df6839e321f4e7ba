package authtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// seen is what a host knows of who is asking.
type seen struct {
	UserID     string
	Fresh      bool
	Remembered bool
	Stale      bool
	Methods    []string
	Addr       netip.Addr // of the session's login
	Label      string     // likewise
	Here       string     // the request's own address
	Language   string
}

// mirror is a host that tells whoever asks what it knows of them.
func mirror(t *testing.T, change func(o *auth.Options)) (*auth.Manager, http.Handler, *authtest.Outbox, *ref) {
	t.Helper()
	var box authtest.Outbox
	store := newRef()
	o := &auth.Options{Logger: slog.New(slog.DiscardHandler), Events: []func(context.Context, auth.Event){box.Record}}
	if change != nil {
		change(o)
	}
	m, err := auth.New(authtest.NewUsers("ada", "bob"), store, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, m.Handler(m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := m.IdentityFrom(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		s := seen{UserID: id.UserID, Fresh: id.Fresh(m.Now(), time.Minute), Remembered: id.Remembered(),
			Stale: id.Session.Stale, Addr: id.Session.Addr, Label: id.Session.Label, Here: m.ClientAddr(r).String(),
			Language: r.Header.Get("Accept-Language")}
		for _, p := range id.Proofs {
			s.Methods = append(s.Methods, p.Method)
		}
		if err := json.NewEncoder(w).Encode(s); err != nil {
			t.Error(err)
		}
	}))), &box, store
}

// look asks the mirror.
func look(t *testing.T, client *http.Client, header ...string) (s seen, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", authtest.Origin+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
			t.Fatal(err)
		}
	}
	return s, res.StatusCode
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// everything is what a Manager can be bound to, and more.
func everything() []func(r *http.Request, addr netip.Addr) string {
	return []func(r *http.Request, addr netip.Addr) string{
		func(_ *http.Request, addr netip.Addr) string { return addr.String() },
		func(r *http.Request, _ netip.Addr) string { return r.UserAgent() },
		func(r *http.Request, _ netip.Addr) string { return r.Header.Get("Accept-Language") },
	}
}

// Every kind of client, at every kind of Manager, all of them at once: each is
// what was asked for, and stays so.
func TestClientOptions(t *testing.T) {
	old := auth.Proof{Method: "pin", At: time.Now().Add(-time.Hour)}
	clients := []struct {
		name string
		opts []authtest.Option
		want seen
	}{
		{"as it is", nil, seen{Fresh: true, Methods: []string{"authtest"}}},
		{"fresh", []authtest.Option{authtest.Fresh()}, seen{Fresh: true, Methods: []string{"authtest"}}},
		{"not fresh", []authtest.Option{authtest.NotFresh()}, seen{Methods: []string{"authtest"}}},
		{"an old proof", []authtest.Option{authtest.Proofs(old)}, seen{Methods: []string{"pin"}}},
		{"two proofs", []authtest.Option{authtest.Proofs(old, auth.Proof{Method: "knock"})}, seen{Fresh: true, Methods: []string{"pin", "knock"}}},
		{"remembered, with the login's session", []authtest.Option{authtest.Remember()},
			seen{Fresh: true, Remembered: true, Methods: []string{"authtest", "remember"}}},
		{"remembered, not fresh", []authtest.Option{authtest.NotFresh(), authtest.Remember()}, seen{Remembered: true, Methods: []string{"authtest", "remember"}}},
		{"restored", []authtest.Option{authtest.Restored()}, seen{Remembered: true, Methods: []string{"remember"}}},
		{"restored, whatever was proved", []authtest.Option{authtest.Restored(), authtest.Fresh()}, seen{Remembered: true, Methods: []string{"remember"}}},
	}
	for binding, b := range map[string]auth.Binding{"off": {}, "notice": {To: everything()}, "strict": {To: everything(), Strict: true}} {
		for cookies, change := range map[string]func(o *auth.Options){
			"secure":   func(*auth.Options) {},
			"insecure": func(o *auth.Options) { o.InsecureCookies = true },
			"realm":    func(o *auth.Options) { o.Realm = "staff" },
			"insecure realm": func(o *auth.Options) {
				o.Realm, o.InsecureCookies = "staff", true
			},
		} {
			t.Run(binding+", "+cookies, func(t *testing.T) {
				m, h, box, _ := mirror(t, func(o *auth.Options) {
					o.Binding = b
					change(o)
				})
				t.Run("all", func(t *testing.T) {
					for i, test := range clients {
						t.Run(test.name, func(t *testing.T) {
							t.Parallel()
							test.want.UserID = []string{"ada", "bob"}[i%2]
							test.want.Label, test.want.Language = "Firefox on Linux", "en"
							opts := append([]authtest.Option{authtest.Header("user-agent", firefox), authtest.Header("Accept-Language", "en")}, test.opts...)
							test.want.Here = "127.0.0.1"
							if !strings.Contains(cookies, "insecure") {
								test.want.Here = fmt.Sprintf("203.0.113.%d", i)
								opts = append(opts, authtest.From(test.want.Here))
							}
							test.want.Addr = netip.MustParseAddr(test.want.Here)
							client := authtest.Client(t, m, h, test.want.UserID, opts...)
							for range 3 {
								if got, status := look(t, client); fmt.Sprint(got) != fmt.Sprint(test.want) {
									t.Errorf("%d %+v, want %+v", status, got, test.want)
								}
							}
						})
					}
				})
				if bad := box.Named("binding.changed"); len(bad) > 0 {
					t.Errorf("the binding has changed: %+v", bad)
				}
				if again, want := len(box.Named("remembered")), 2; again != want {
					t.Errorf("%d browsers were restored, want %d", again, want)
				}
			})
		}
	}
}

// The bindings of TestClientOptions see what they should: the same cookies from
// elsewhere are not the same client.
func TestClientElsewhere(t *testing.T) {
	for binding, want := range map[bool]string{false: "200 true", true: "401 false"} {
		m, h, _, _ := mirror(t, func(o *auth.Options) { o.Binding = auth.Binding{To: everything(), Strict: binding} })
		client := authtest.Client(t, m, h, "ada", authtest.Header("User-Agent", firefox))
		if got, status := look(t, client, "User-Agent", "curl/8"); fmt.Sprint(status, " ", got.Stale) != want {
			t.Errorf("strict %v, from elsewhere: %d, stale %v, want %s", binding, status, got.Stale, want)
		}
	}
}

// An address may also be one that a proxy tells, if the host trusts it.
func TestClientBehindProxy(t *testing.T) {
	for trusted, want := range map[string]string{"127.0.0.0/8": "198.51.100.7", "10.0.0.0/8": "127.0.0.1"} {
		m, h, box, _ := mirror(t, func(o *auth.Options) {
			o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(trusted)}
			o.Binding = auth.Binding{To: everything(), Strict: true}
		})
		client := authtest.Client(t, m, h, "ada", authtest.Header("X-Forwarded-For", "198.51.100.7"))
		if got, _ := look(t, client); got.Here != want || got.Addr.String() != want {
			t.Errorf("trusted %s: the request is from %s, the login from %s, want %s", trusted, got.Here, got.Addr, want)
		}
		if e := box.Named("login"); len(e) != 1 || e[0].Addr.String() != want {
			t.Errorf("trusted %s: events %+v", trusted, e)
		}
	}
}

// A restored browser goes on being remembered: it is restored again, and a
// confirmation makes it fresh.
func TestClientRestored(t *testing.T) {
	clock := authtest.NewClock(time.Now())
	m, _, box, store := mirror(t, func(o *auth.Options) { o.Now = clock.Now })
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.Reauthenticate(w, r, auth.Proof{Method: "pin"}); err != nil {
			t.Error(err)
		}
		id, err := m.IdentityFrom(r.Context())
		fmt.Fprint(w, err == nil && id.Fresh(m.Now(), time.Minute) && id.Remembered())
	}))
	client := authtest.Client(t, m, h, "ada", authtest.Restored())
	if sessions, err := m.Sessions(t.Context(), "ada"); err != nil || len(sessions) != 2 {
		t.Errorf("%d sessions, error %v, want that of the login and the one that was restored", len(sessions), err)
	}
	for range 2 {
		if _, body := get(t, client, "/"); body != "true" {
			t.Errorf("confirmed, it is fresh and remembered: %s", body)
		}
		clock.Advance(25 * time.Hour) // the session has ended
	}
	families := 0
	for key := range store.snapshot().credentials {
		if key[0] == "remember" {
			families++
		}
	}
	if n := len(box.Named("remembered")); n != 2 || families != 1 {
		t.Errorf("restored %d times from %d families, want 2 and 1", n, families)
	}
	if n := len(box.Named("remember.reused")); n != 0 {
		t.Error("a token was used twice")
	}
}

func TestClientFactor(t *testing.T) {
	for _, owed := range []bool{true, false} {
		m, h, box, _ := mirror(t, func(o *auth.Options) { o.Providers = []auth.Provider{&authtest.Factor{Always: owed}} })
		both := authtest.Proofs(auth.Proof{Method: "pin"}, auth.Proof{Method: "code"})
		client := authtest.Client(t, m, h, "ada", both, authtest.Remember())
		if got, _ := look(t, client); !slices.Contains(got.Methods, "pin") || !slices.Contains(got.Methods, "code") || !got.Remembered {
			t.Errorf("owed %v: the client is %+v", owed, got)
		}
		if n := len(box.Named("login.owed")); n != map[bool]int{true: 1}[owed] {
			t.Errorf("owed %v: told %d times", owed, n)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(authtest.LogIn(t, m, "bob", both))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"Methods":["pin","code"]`) {
			t.Errorf("owed %v: with the cookie: %d %s", owed, w.Code, w.Body)
		}
	}
}

// fails returns what f ends its test with.
func fails(t *testing.T, f func(t testing.TB)) string {
	ended := &failing{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(ended) {
				panic(p)
			}
		}()
		f(ended)
	}()
	return ended.message
}

// named loads the user whom a header names.
type named struct{}

func (named) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if id := r.Header.Get("X-Key"); id != "" {
		return &auth.Identity{UserID: id}, nil
	}
	return nil, auth.ErrNoCredentials
}

// What cannot be logged in ends the test, and says why.
func TestClientRefused(t *testing.T) {
	hook := func(refuse func(proofs []auth.Proof) bool) func(o *auth.Options) {
		return func(o *auth.Options) {
			o.BeforeLogIn = func(_ context.Context, _ auth.User, proofs []auth.Proof) error {
				if refuse(proofs) {
					return &auth.Problem{Status: 403, Code: "closed_today"}
				}
				return nil
			}
		}
	}
	always := func(o *auth.Options) { o.Providers = []auth.Provider{&authtest.Factor{Always: true}} }
	both := authtest.Proofs(auth.Proof{Method: "pin"}, auth.Proof{Method: "code"})
	for _, test := range []struct {
		name   string
		change func(o *auth.Options)
		user   string
		opts   []authtest.Option
		want   string
		logIn  string // with LogIn, if that differs
	}{
		{"unknown user", nil, "carol", nil, `logging in "carol": auth: bad credentials: there is no such user`, ""},
		{"hook", hook(func([]auth.Proof) bool { return true }), "ada", nil, "closed_today", ""},
		{"hook, once restored", hook(func(p []auth.Proof) bool { return p[0].Kind == "remember" }), "ada", []authtest.Option{authtest.Restored()},
			`coming back as "ada"`, "Restored gives a browser more than one cookie: use Client"},
		{"factor", always, "ada", nil, "a second factor is owed (code): give Proofs one by it", ""},
		{"factor, once restored", always, "ada", []authtest.Option{both, authtest.Restored()}, "no credentials: owed", "use Client"},
		{"factor, given alone", always, "ada", []authtest.Option{authtest.Proofs(auth.Proof{Method: "code"})}, "a second factor alone is no login", ""},
		{"old proof on top", nil, "ada", []authtest.Option{authtest.Proofs(auth.Proof{Method: "a"}, auth.Proof{Method: "b", At: time.Now().Add(-time.Hour)})}, "just now", ""},
		{"plain HTTP from elsewhere", func(o *auth.Options) { o.InsecureCookies = true }, "ada", []authtest.Option{authtest.From("203.0.113.1")}, "loopback interface only", ""},
		{"cookie", nil, "ada", []authtest.Option{authtest.Header("cookie", "a=b")}, "Header is not for Cookie", ""},
		{"host", nil, "ada", []authtest.Option{authtest.Header("Host", "a.example")}, "Header is not for Host", ""},
		{"address", nil, "ada", []authtest.Option{authtest.From("203.0.113.1:80")}, "From: ", ""},
		{"key, once restored", func(o *auth.Options) { o.Loaders = []auth.RequestLoader{named{}} }, "ada",
			[]authtest.Option{authtest.Restored(), authtest.Header("X-Key", "ada")}, `that of "ada", for what it carries besides`, "use Client"},
		{"scopes", nil, "ada", []authtest.Option{authtest.Scopes("read")}, "a session has none", ""},
		{"nobody, remembered", nil, "", []authtest.Option{authtest.Remember()}, "Remember says something of a user", "use Client"},
		{"nobody, not fresh", nil, "", []authtest.Option{authtest.NotFresh()}, "NotFresh says something of a user", "no such user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, h, _, _ := mirror(t, test.change)
			if got := fails(t, func(t testing.TB) { authtest.Client(t, m, h, test.user, test.opts...) }); !strings.Contains(got, test.want) {
				t.Errorf("Client ends the test with %q, want %q", got, test.want)
			}
			want := test.want
			if test.logIn != "" {
				want = test.logIn
			}
			if got := fails(t, func(t testing.TB) { authtest.LogIn(t, m, test.user, test.opts...) }); !strings.Contains(got, want) {
				t.Errorf("LogIn ends the test with %q, want %q", got, want)
			}
		})
	}
	for want, opt := range map[string]authtest.Option{
		"Scopes says something of a user": authtest.Scopes("read"),
		"Header is not for Cookie":        authtest.Header("Cookie", "a=b"),
	} {
		if got := fails(t, func(t testing.TB) { authtest.Request(t, "GET", "/", nil, opt) }); !strings.Contains(got, want) {
			t.Errorf("Request ends the test with %q, want %q", got, want)
		}
	}
	m, h, _, _ := mirror(t, nil)
	if got := fails(t, func(t testing.TB) { authtest.Client(t, m, h, "ada", authtest.Restored()) }); got != "" {
		t.Errorf("nothing is wrong, and the test ended with %q", got)
	}
}

// A cookie of LogIn is good for requests of package httptest, whatever the
// sessions are bound to.
func TestLogInBound(t *testing.T) {
	for _, insecure := range []bool{false, true} {
		m, h, box, _ := mirror(t, func(o *auth.Options) {
			o.InsecureCookies = insecure
			o.Binding = auth.Binding{To: everything(), Strict: true}
		})
		visit := func(c *http.Cookie, change func(r *http.Request)) int {
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(c)
			if insecure {
				r.RemoteAddr = "127.0.0.1:1"
			}
			if change != nil {
				change(r)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		if code := visit(authtest.LogIn(t, m, "ada"), nil); code != 200 {
			t.Errorf("insecure %v: %d", insecure, code)
		}
		if n := len(box.Named("login")); n != 1 {
			t.Errorf("insecure %v: %d logins", insecure, n)
		}
		curl := func(r *http.Request) { r.Header.Set("User-Agent", "curl/8") }
		if code := visit(authtest.LogIn(t, m, "ada", authtest.Header("User-Agent", "curl/8")), curl); code != 200 {
			t.Errorf("insecure %v: with the same User-Agent: %d", insecure, code)
		}
		if code := visit(authtest.LogIn(t, m, "ada", authtest.Header("User-Agent", firefox)), curl); code != 401 {
			t.Errorf("insecure %v: with another User-Agent: %d, want 401", insecure, code)
		}
		from := authtest.From("::1")
		if code := visit(authtest.LogIn(t, m, "ada", from), func(r *http.Request) { r.RemoteAddr = "[::1]:80" }); code != 200 {
			t.Errorf("insecure %v: from ::1: %d", insecure, code)
		}
		if code := visit(authtest.LogIn(t, m, "ada", from), nil); code != 401 {
			t.Errorf("insecure %v: from elsewhere: %d, want 401", insecure, code)
		}
	}
}

func TestRequestOptions(t *testing.T) {
	hourAgo := auth.Proof{Method: "pin", At: time.Now().Add(-time.Hour)}
	for _, test := range []struct {
		name       string
		opts       []authtest.Option
		fresh      bool // within a minute
		lately     bool // within two hours
		remembered bool
		read       bool // has the scope
	}{
		{"as it is", nil, false, false, false, true},
		{"fresh", []authtest.Option{authtest.Fresh()}, true, true, false, true},
		{"not fresh", []authtest.Option{authtest.Fresh(), authtest.NotFresh()}, false, false, false, true},
		{"an old proof", []authtest.Option{authtest.Proofs(hourAgo)}, false, true, false, true},
		{"a proof without a time", []authtest.Option{authtest.Proofs(hourAgo, auth.Proof{Method: "knock"})}, true, true, false, true},
		{"remembered", []authtest.Option{authtest.Remember()}, false, false, true, true},
		{"remembered and fresh", []authtest.Option{authtest.Remember(), authtest.Fresh()}, true, true, true, true},
		{"restored", []authtest.Option{authtest.Fresh(), authtest.Restored()}, false, false, true, true},
		{"limited to it", []authtest.Option{authtest.Scopes("write", "read")}, false, false, false, true},
		{"limited", []authtest.Option{authtest.Scopes("write")}, false, false, false, false},
		{"limited to nothing", []authtest.Option{authtest.Scopes()}, false, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, _, _, _ := mirror(t, nil)
			opts := append(test.opts, authtest.Header("accept", "text/html"), authtest.From("203.0.113.9"))
			r := authtest.Request(t, "PUT", "/things?x=1", user("ada"), opts...)
			id, err := m.IdentityFrom(r.Context())
			if err != nil || id.UserID != "ada" {
				t.Fatalf("identity %+v, error %v", id, err)
			}
			if id.Fresh(time.Now(), time.Minute) != test.fresh || id.Fresh(time.Now(), 2*time.Hour) != test.lately ||
				id.Remembered() != test.remembered || id.HasScope("read") != test.read {
				t.Errorf("identity %+v", id)
			}
			if r.Method != "PUT" || r.URL.RequestURI() != "/things?x=1" || r.Header.Get("Accept") != "text/html" || m.ClientAddr(r).String() != "203.0.113.9" {
				t.Errorf("request %+v", r)
			}
		})
	}
	r := authtest.Request(t, "GET", "/", nil, authtest.Header("Accept", "text/html"))
	m, _, _, _ := mirror(t, nil)
	if _, err := m.IdentityFrom(r.Context()); err == nil || r.Header.Get("Accept") != "text/html" {
		t.Errorf("nobody: %v, %v", err, r.Header)
	}
}

// Headers are for the host, whom nobody else need know; and connections are closed
// by the usual method.
func TestClientHeader(t *testing.T) {
	m, h, _, _ := mirror(t, nil)
	client := authtest.Client(t, m, h, "ada", authtest.Header("Accept-Language", "cy"))
	if got, _ := look(t, client); got.Language != "cy" {
		t.Errorf("the host is told %q", got.Language)
	}
	if got, _ := look(t, client, "Accept-Language", "eo"); got.Language != "eo" {
		t.Errorf("the host is told %q, and the request says eo", got.Language)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Accept-Language"))
	}))
	defer other.Close()
	res, err := client.Get(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || len(b) > 0 {
		t.Errorf("another server is told %q, error %v", b, err)
	}

	for _, close := range []bool{false, true} {
		look(t, client)
		if close {
			client.CloseIdleConnections()
		}
		reused := false
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
		r, err := http.NewRequestWithContext(ctx, "GET", authtest.Origin, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if reused == close {
			t.Errorf("idle connections closed %v, a connection used again %v", close, reused)
		}
	}
}

// When a test ends, nothing of its clients goes on, even if they are still being
// answered.
func TestClientEnds(t *testing.T) {
	m, _, _, _ := mirror(t, nil)
	running := func() string {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			t.Fatal(err)
		}
		var mine []string
		for g := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(g, `"test":"`+t.Name()+`"`) && !strings.Contains(g, "writeGoroutine") {
				mine = append(mine, g)
			}
		}
		return strings.Join(mine, "\n\n")
	}
	var unread []io.Closer
	seen := ""
	// Whatever is started in there, by whomever, has the label.
	pprof.Do(t.Context(), pprof.Labels("test", t.Name()), func(context.Context) {
		t.Run("clients", func(t *testing.T) {
			streaming := make(chan struct{}, 1)
			h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintln(w, "on and on")
				_ = http.NewResponseController(w).Flush()
				streaming <- struct{}{}
				<-r.Context().Done()
			}))
			for _, opts := range [][]authtest.Option{nil, {authtest.Restored()}, {authtest.Header("Accept", "*/*")}} {
				client := authtest.Client(t, m, h, "ada", opts...)
				res, err := client.Get(authtest.Origin + "/events")
				if err != nil {
					t.Fatal(err)
				}
				unread = append(unread, res.Body)
				<-streaming
			}
			seen = running()
		})
	})
	for _, body := range unread { // the test's own affair
		body.Close()
	}
	if strings.Count(seen, "net/http.(*conn).serve+") == 0 || strings.Count(seen, "net/http.(*persistConn).readLoop+") == 0 {
		t.Fatalf("neither server nor client was seen: the test sees nothing: %s", seen)
	}
	deadline := time.Now().Add(10 * time.Second)
	left := running()
	for left != "" && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
		left = running()
	}
	if left != "" {
		t.Errorf("goroutines go on:\n%s", left)
	}
}
