package authtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Origin is where [Client] finds the host, and what the login of [LogIn] is for.
const Origin = "https://example.com"

// Request returns a request, without body, that user makes: for tests of a
// handler that uses [auth.UserFrom] or is behind a guard. If user is nil, nobody
// makes it. Nothing counts as fresh, unless [Fresh] or [Proofs] say otherwise.
// [Remember], [Restored] and [Scopes] say more of the identity, [Header] and
// [From] of the request.
func Request(t testing.TB, method, target string, user auth.User, opts ...Option) *http.Request {
	t.Helper()
	o := collect(t, opts)
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	o.dress(r)
	if user == nil {
		o.saysNothingOfAUser(t)
		return r
	}
	return r.WithContext(auth.WithIdentity(r.Context(), o.identity(user)))
}

// LogIn logs the user in, through the gate that every login passes, and returns
// the session's cookie, to be added to requests:
//
//	r := httptest.NewRequest("GET", "/me", nil)
//	r.AddCookie(authtest.LogIn(t, m, "ada"))
//
// The login comes from where such a request comes from, and without a User-Agent;
// with [auth.Options.InsecureCookies] it comes from 127.0.0.1. If the requests
// will look different, and [auth.Options.Binding] sees it, say so with [From] and
// [Header]. A browser that is remembered has more than one cookie: see [Client].
//
// It ends the test if the gate refuses, or a second factor is owed that [Proofs]
// does not give.
func LogIn(t testing.TB, m *auth.Manager, userID string, opts ...Option) *http.Cookie {
	t.Helper()
	o := collect(t, opts)
	o.hasNoScopes(t)
	if o.remember {
		t.Fatalf("authtest: %s gives a browser more than one cookie: use Client", o.ofUser)
	}
	held := cookies{}
	visit := func(from string, s step) (err error) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, Origin, nil)
		r.RemoteAddr = from
		o.dress(r)
		for _, c := range held {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { err = s(w, r) })).ServeHTTP(w, r)
		held.take(w.Result())
		return err
	}
	o.logIn(t, m, userID, func(s step) error {
		err := visit("192.0.2.1:1234", s)
		if err != nil && strings.Contains(err.Error(), "InsecureCookies") { // before anything was done
			err = visit("127.0.0.1:1234", s)
		}
		return err
	})
	session := held.endWithBrowser(true)
	if len(session) != 1 {
		t.Fatalf("authtest: logging in %q set %d cookies that end with the browser, want that of the session", userID, len(session))
	}
	return session[0]
}

// Client returns a browser in which the user is logged in, or nobody if userID
// is "": an HTTP client with cookies for a server that runs h, which should be
// what [auth.Manager.Handler] returned, until the test ends. Ask it for
// addresses that begin with [Origin]. It follows redirects, within the server.
//
// Without options the login is fresh and the browser not remembered: see
// [NotFresh], [Proofs], [Remember], [Restored]. The login is a request of this
// client to this server, with the headers and from the address of those that
// follow, see [Header] and [From]: what [auth.Options.Binding] looks at is the
// same, strict or not. It passes m.Handler and the gate, with the host's
// BeforeLogIn and Events; nothing is put into the store on another way. Only what
// h does outside of m.Handler, such as rewriting RemoteAddr, it does not see.
//
// It ends the test if the gate refuses, or a second factor is owed that Proofs
// does not give.
//
// Each client has a server of its own, and shares nothing with others but m and h:
// there may be as many as a test likes, also in parallel tests. A client is safe
// for concurrent use. Its server ends with t, and does not wait for answers that
// nobody reads to the end.
func Client(t testing.TB, m *auth.Manager, h http.Handler, userID string, opts ...Option) *http.Client {
	t.Helper()
	o := collect(t, opts)
	o.hasNoScopes(t)
	b := openBrowser(t, m, h, o)
	if userID == "" {
		o.saysNothingOfAUser(t)
		return b.client
	}
	o.logIn(t, m, userID, b.visit)
	if !o.restored {
		return b.client
	}
	b.reopen()
	err := b.visit(func(_ http.ResponseWriter, r *http.Request) error {
		id, err := m.IdentityFrom(r.Context())
		if err == nil && (id.UserID != userID || !id.Remembered()) {
			err = fmt.Errorf("the request is that of %q, for what it carries besides", id.UserID)
		}
		return err
	})
	if err != nil {
		t.Fatalf("authtest: coming back as %q, who is remembered: %v", userID, err)
	}
	return b.client
}
