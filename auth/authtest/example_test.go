package authtest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A host with users, a clock and an outbox of its tests' own.
func Example() {
	clock := authtest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	var outbox authtest.Outbox
	users := authtest.NewUsers("ada")
	m, err := auth.New(users, memory.New(nil), &auth.Options{Now: clock.Now, Events: []func(context.Context, auth.Event){outbox.Record}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /enter", func(w http.ResponseWriter, r *http.Request) {
		m.Finish(w, r, m.LogIn(w, r, "ada", auth.Proof{Method: "door"}), "")
	})
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	h := m.Handler(mux)

	entered := httptest.NewRecorder()
	h.ServeHTTP(entered, httptest.NewRequest("POST", "/enter", nil))
	visit := func() int {
		r := httptest.NewRequest("GET", "/me", nil)
		r.AddCookie(entered.Result().Cookies()[0])
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	fmt.Println("now:", visit())
	clock.Advance(2 * time.Hour)
	fmt.Println("two hours later:", visit())
	fmt.Println("logins:", len(outbox.Named("login")))
	// Output:
	// now: 200
	// two hours later: 401
	// logins: 1
}

// A store that somebody has written is tested with one call.
func ExampleTestStore() {
	var t *testing.T // the test's own
	authtest.TestStore(t, func(t *testing.T) auth.Store {
		return memory.New(nil) // yours; empty each time
	})
}

// An authorizer is tested with questions whose answer is known.
func ExampleTestAuthorizer() {
	var t *testing.T // the test's own
	editors := auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
		if a.Action == "posts:edit" && a.Identity != nil && a.Identity.UserID == "ada" {
			return ctx.Err()
		}
		return auth.ErrForbidden
	})
	ada, bob := &auth.Identity{UserID: "ada"}, &auth.Identity{UserID: "bob"}
	authtest.TestAuthorizer(t, editors,
		[]auth.Access{{Identity: ada, Action: "posts:edit"}},
		[]auth.Access{{Identity: bob, Action: "posts:edit"}})
}

// A policy is tested with a table: who may do what to which object, as on the site.
func ExamplePolicy() {
	var t *testing.T // the test's own
	owners := auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
		o, _ := a.Describe()
		fresh, err := a.Fresh(ctx, time.Hour)
		switch {
		case a.Action != "posts:edit" || a.Identity == nil || a.Identity.UserID != o.Owner:
			return &auth.Denial{Policy: "owner", Reason: "it is somebody else's"}
		case err == nil && !fresh:
			return &auth.Denial{Policy: "owner", Reason: "the proof is old", MaxAge: time.Hour}
		}
		return cmp.Or(err, ctx.Err())
	})
	ada, bob := authtest.User{ID: "ada"}, authtest.User{ID: "bob"}
	post := auth.Object{Type: "post", ID: "17", Owner: "ada"}
	authtest.Policy(t, owners, []authtest.PolicyRow{
		{Identity: authtest.Identity(t, ada, authtest.Fresh()), Action: "posts:edit", Object: post, Want: authtest.Allowed},
		{Identity: authtest.Identity(t, ada), Action: "posts:edit", Object: post, Want: authtest.NeedsProof},
		{Identity: authtest.Identity(t, bob, authtest.Fresh()), Action: "posts:edit", Object: post, Want: authtest.Denied},
		{Identity: authtest.Identity(t, ada, authtest.Fresh(), authtest.Scopes("posts:read")), Action: "posts:edit", Object: post, Want: authtest.Denied},
		{Action: "posts:edit", Object: post, Want: authtest.NeedsLogin},
	})
}

// A test of a handler behind a guard needs no login.
func ExampleRequest() {
	var t *testing.T // the test's own
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[authtest.User](r.Context())
		fmt.Fprintln(w, "Hello,", u.ID)
	})
	w := httptest.NewRecorder()
	hello.ServeHTTP(w, authtest.Request(t, "GET", "/", authtest.User{ID: "ada"}))
}

// A request may be more than just a user's: here it is fresh, or a key's that may
// only read.
func ExampleRequest_options() {
	var t *testing.T // the test's own
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	settings := m.RequireFresh(time.Hour)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	try := func(opts ...authtest.Option) {
		w := httptest.NewRecorder()
		settings.ServeHTTP(w, authtest.Request(t, "GET", "/settings", authtest.User{ID: "ada"}, opts...))
		fmt.Println(w.Code)
	}
	try()
	try(authtest.Fresh())
	try(authtest.Scopes("read"))
}

// A test of a whole host has a browser in which somebody is logged in.
func ExampleClient() {
	var t *testing.T         // the test's own
	var m *auth.Manager      // the host's
	var handler http.Handler // m.Handler(mux)
	client := authtest.Client(t, m, handler, "ada")
	res, err := client.Get(authtest.Origin + "/me")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("ada gets %s", res.Status)
	}
}

// Somebody comes back to a browser that is remembered, from a telephone, and has
// to confirm who they are before they see the settings.
func ExampleClient_restored() {
	var t *testing.T         // the test's own
	var m *auth.Manager      // the host's
	var handler http.Handler // m.Handler(mux)
	client := authtest.Client(t, m, handler, "ada",
		authtest.Restored(),
		authtest.From("203.0.113.7"),
		authtest.Header("Accept", "text/html"),
		authtest.Header("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Mobile Safari/604.1"))
	res, err := client.Get(authtest.Origin + "/settings")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if at := res.Request.URL.Path; at != "/auth/confirm" {
		t.Errorf("ada is sent to %s", at)
	}
}

// A Recorder shows what a login does, and what it does when the store is down: the
// session may have been kept nevertheless, and is deleted.
func ExampleRecorder() {
	rec := authtest.NewRecorder(memory.New(nil))
	m, err := auth.New(authtest.NewUsers("ada"), rec, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	enter := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Finish(w, r, m.LogIn(w, r, "ada", auth.Proof{Method: "door"}), "")
	}))
	for range 2 {
		w := httptest.NewRecorder()
		enter.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
		fmt.Println(w.Code, rec.Calls(), len(w.Result().Cookies()))
		rec.Reset()
		rec.FailVerb("CreateSession", errors.New("the disk is full"))
	}
	// Output:
	// 200 [CreateSession] 1
	// 503 [CreateSession DeleteSession] 0
}
