package auth_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Times belong to a machine and are measured in bench/. What is allocated is
// the same everywhere, and most of what a request costs: so it is tested here.

// blank is a ResponseWriter that costs nothing.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header       { return b.header }
func (*blank) Write(p []byte) (int, error) { return len(p), nil }
func (*blank) WriteHeader(int)             {}

// allocated returns how many allocations and bytes one f takes, in the long
// run. The least of a few attempts counts: others may be allocating too.
func allocated(f func()) (allocs, bytes float64) {
	const runs, attempts = 1000, 5
	allocs, bytes = 1e9, 1e9
	f()
	for range attempts {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			f()
		}
		runtime.ReadMemStats(&after)
		allocs = min(allocs, float64(after.Mallocs-before.Mallocs)/runs)
		bytes = min(bytes, float64(after.TotalAlloc-before.TotalAlloc)/runs)
	}
	return allocs, bytes
}

// lean is a composition whose own parts allocate nothing.
func lean(t *testing.T) (*auth.Manager, *spy, *account) {
	t.Helper()
	ada := &account{id: "ada"}
	store := &spy{Store: memory.New(nil), calls: map[string]int{}}
	m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (*account, error) {
		if id != ada.id {
			return nil, auth.ErrNotFound
		}
		return ada, nil
	}), store, &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m, store, ada
}

// begin logs ada in and returns the value of the session cookie.
func begin(t *testing.T, m *auth.Manager) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.LogIn(w, r, "ada", auth.Proof{Method: "test"}); err != nil {
			t.Fatal(err)
		}
	})).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	return w.Result().Cookies()[0].Value
}

func TestAllocationsOfARequest(t *testing.T) {
	m, store, ada := lean(t)
	var known, passed bool
	ask := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := auth.UserFrom[*account](r.Context())
		known, passed = ok && u == ada, true
	})
	require, with, pass := m.Handler(m.RequireUser(ask)), m.Handler(m.WithUser(ask)), m.Handler(ask)
	good := begin(t, m)
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", 32)))

	for _, test := range []struct {
		name    string
		handler http.Handler
		cookie  string
		known   bool
		allocs  float64
		bytes   float64
		calls   int // of the session store, for each request
	}{
		{"a user", require, "__Host-sid=" + good, true, 3, 512, 1},
		{"a user on a page for all", with, "__Host-sid=" + good, true, 3, 512, 1},
		{"forged", with, "__Host-sid=" + forged, false, 3, 512, 1},
		{"malformed: short", with, "__Host-sid=" + good[1:], false, 3, 512, 0},
		{"malformed: long", with, "__Host-sid=" + good + "A", false, 3, 512, 0},
		{"malformed: alphabet", with, "__Host-sid=" + good[:42] + "!", false, 3, 512, 0},
		{"malformed: padded bits", with, "__Host-sid=" + good[:42] + "B", false, 3, 512, 0},
		{"empty", with, "__Host-sid=", false, 3, 512, 0},
		{"untouched", pass, "", false, 0, 0, 0},
		{"untouched behind a guard", with, "", false, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/account", nil)
			r.Header.Set("Cookie", strings.Trim("_ga=GA1.2.3; "+test.cookie+"; theme=dark", "; "))
			w := &blank{http.Header{}}
			one := func() {
				clear(w.header)
				known, passed = false, false
				test.handler.ServeHTTP(w, r)
			}
			before := store.total()
			one()
			if calls := store.total() - before; calls != test.calls {
				t.Errorf("%d calls of the store, want %d", calls, test.calls)
			}
			if !passed || known != test.known {
				t.Errorf("passed %v, known %v; want known %v", passed, known, test.known)
			}
			allocs, bytes := allocated(one)
			if allocs > test.allocs || bytes > test.bytes {
				t.Errorf("%v allocations and %v bytes, want at most %v and %v", allocs, bytes, test.allocs, test.bytes)
			}
		})
	}
}

func TestAllocationsOfLoginAndLogout(t *testing.T) {
	m, _, _ := lean(t)
	const runs = 1000
	inside := func(cookie string) (inner *http.Request) {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = "192.0.2.7:51413"
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		if cookie != "" {
			r.Header.Set("Cookie", "__Host-sid="+cookie)
		}
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inner = r })).ServeHTTP(httptest.NewRecorder(), r)
		return inner
	}
	// Neither can be done twice with one request, so each gets its own.
	measure := func(rs []*http.Request, f func(w http.ResponseWriter, r *http.Request) error) (allocs float64, cookies []string) {
		w := &blank{http.Header{}}
		cookies = make([]string, len(rs))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i, r := range rs {
			clear(w.header)
			if err := f(w, r); err != nil {
				t.Fatal(err)
			}
			cookies[i] = w.header["Set-Cookie"][0]
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs-before.Mallocs) / runs, cookies
	}

	in, out := 1e9, 1e9
	for range 5 { // the least counts: others may be allocating too
		fresh, old := make([]*http.Request, runs), make([]*http.Request, runs)
		for i := range fresh {
			fresh[i] = inside("")
		}
		allocs, cookies := measure(fresh, func(w http.ResponseWriter, r *http.Request) error {
			return m.LogIn(w, r, "ada", auth.Proof{Method: "test"})
		})
		in = min(in, allocs)
		for i := range old {
			pair, _, _ := strings.Cut(cookies[i], ";")
			old[i] = inside(strings.TrimPrefix(pair, "__Host-sid="))
		}
		allocs, _ = measure(old, m.LogOut)
		out = min(out, allocs)
	}
	// A growing map of the store is a part of one.
	t.Logf("a login takes %.2f allocations and a log-out %.2f", in, out)
	if in > 8.5 || out > 4.5 {
		t.Errorf("a login takes %.2f allocations and a log-out %.2f, want at most 8 and 4", in, out)
	}
	if left, err := m.Sessions(context.Background(), "ada"); err != nil || len(left) != 0 {
		t.Errorf("%d sessions are left, %v", len(left), err)
	}
}

// A decision costs what its authorizer costs, and one allocation: the context.
func TestAllocationsOfADecision(t *testing.T) {
	m, store, _ := lean(t)
	denial := &auth.Denial{Policy: "p", Reason: "r"}
	for _, tt := range []struct {
		name   string
		say    func(ctx context.Context, a auth.Access) error
		allocs float64
		bytes  float64
	}{
		{"yes", func(context.Context, auth.Access) error { return nil }, 1, 64},
		{"yes, after a look at the context", func(ctx context.Context, _ auth.Access) error { return ctx.Err() }, 1, 64},
		{"yes, of a fresh proof", func(ctx context.Context, a auth.Access) error { _, err := a.Fresh(ctx, 1<<62); return err }, 1, 64},
		{"no", func(context.Context, auth.Access) error { return auth.ErrForbidden }, 1, 64},
		{"a denial", func(context.Context, auth.Access) error { return denial }, 1, 64},
	} {
		decide, err := auth.New(m.Users(), store, &auth.Options{Logger: slog.New(slog.DiscardHandler), Authorizer: auth.AuthorizerFunc(tt.say)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "__Host-sid="+begin(t, decide))
		var object any = &post{id: "1"}
		decide.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			allocs, bytes := allocated(func() { _ = decide.Authorize(r.Context(), "edit", object) })
			if allocs > tt.allocs || bytes > tt.bytes {
				t.Errorf("%s: %v allocations and %v bytes, want at most %v and %v", tt.name, allocs, bytes, tt.allocs, tt.bytes)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

func BenchmarkAuthorize(b *testing.B) {
	for name, say := range map[string]func(ctx context.Context, a auth.Access) error{
		"yes":  func(context.Context, auth.Access) error { return nil },
		"look": func(ctx context.Context, _ auth.Access) error { return ctx.Err() },
		"no":   func(context.Context, auth.Access) error { return auth.ErrForbidden },
	} {
		b.Run(name, func(b *testing.B) {
			m, err := auth.New(auth.UserFunc((&accounts{}).byID), &hooked{}, &auth.Options{Logger: slog.New(slog.DiscardHandler), Authorizer: auth.AuthorizerFunc(say)})
			if err != nil {
				b.Fatal(err)
			}
			ctx := auth.WithIdentity(b.Context(), &auth.Identity{User: &account{id: "ada"}})
			b.ReportAllocs()
			for b.Loop() {
				_ = m.Authorize(ctx, "edit", nil)
			}
		})
	}
}
