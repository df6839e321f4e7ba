package binding_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/binding"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A login moves to another network: it stays, and is fresh no longer.
func Example() {
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Binding: auth.Binding{
			To: []func(*http.Request, netip.Addr) string{binding.UserAgent, binding.Network(24, 48)},
		},
		Logger: slog.New(slog.DiscardHandler), // or the default, which tells of it
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		m.Finish(w, r, m.LogIn(w, r, "ada", auth.Proof{Method: "example"}), "")
	})
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /me", m.RequireUser(page))
	mux.Handle("GET /settings", m.RequireFresh(time.Hour)(page))
	site := m.Handler(mux)

	var cookies []*http.Cookie
	visit := func(from, method, path string) {
		r := httptest.NewRequest(method, path, nil)
		r.RemoteAddr = from + ":1234"
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		cookies = append(cookies, w.Result().Cookies()...)
		fmt.Println(from, path, w.Code)
	}
	visit("192.0.2.7", "POST", "/login")
	visit("192.0.2.7", "GET", "/settings")
	visit("192.0.2.99", "GET", "/settings")
	visit("198.51.100.7", "GET", "/me")
	visit("198.51.100.7", "GET", "/settings")
	// Output:
	// 192.0.2.7 /login 200
	// 192.0.2.7 /settings 200
	// 192.0.2.99 /settings 200
	// 198.51.100.7 /me 200
	// 198.51.100.7 /settings 401
}
