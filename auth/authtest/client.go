package authtest

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Origin is where [Client] finds the host, and what requests of [Request] are
// for.
const Origin = "https://example.com"

// Request returns a request, without body, that user makes: for tests of a
// handler that uses [auth.UserFrom] or is behind a guard. proofs say how they
// have proved who they are; without any, nothing counts as fresh. If user is
// nil, nobody makes it.
func Request(t testing.TB, method, target string, user auth.User, proofs ...auth.Proof) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	if user == nil {
		return r
	}
	return r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: user, Proofs: proofs}))
}

// LogIn logs the user in, through the gate that every login passes, and returns
// the session's cookie, to be added to requests:
//
//	r := httptest.NewRequest("GET", "/me", nil)
//	r.AddCookie(authtest.LogIn(t, m, "ada"))
//
// It ends the test if the gate refuses or a second factor is owed.
func LogIn(t testing.TB, m *auth.Manager, userID string) *http.Cookie {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Origin, nil)
	r.RemoteAddr = "127.0.0.1:1234" // as Options.InsecureCookies wants it
	w := httptest.NewRecorder()
	if err := m.LogIn(w, r, userID, auth.Proof{Method: "authtest", At: m.Now()}); err != nil {
		t.Fatalf("authtest: logging in %q: %v", userID, err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("authtest: logging in %q set %d cookies, want that of the session", userID, len(cookies))
	}
	return cookies[0]
}

// Client returns a browser in which the user is logged in, or nobody if userID
// is "": an HTTP client with cookies for a server that runs h, which should be
// what [auth.Manager.Handler] returned, until the test ends. Ask it for
// addresses that begin with [Origin]. It follows redirects, within the server.
func Client(t testing.TB, m *auth.Manager, h http.Handler, userID string) *http.Client {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	client := srv.Client() // finds example.com at srv
	client.Jar = jar
	client.Timeout = time.Minute
	if userID != "" {
		jar.SetCookies(&url.URL{Scheme: "https", Host: "example.com", Path: "/"}, []*http.Cookie{LogIn(t, m, userID)})
	}
	return client
}
