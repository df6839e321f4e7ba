package auth_test

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// newMembers puts a Manager together for the examples.
func newMembers() *auth.Manager {
	users := auth.UserFunc(func(_ context.Context, id string) (*member, error) { return &member{id, "Ada"}, nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Authorizer: auth.AuthorizerFunc(func(context.Context, auth.Access) error { return nil }),
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	return m
}

// Everything needs a user, but for what is named.
func ExampleManager_Protect() {
	m := newMembers()
	mux := http.NewServeMux()
	m.Mount(mux)
	page := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Pattern) }
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /news/{id}", page)
	mux.HandleFunc("GET /orders", page)

	if _, err := m.Protect(mux, "/", "GET /news/{id}"); err != nil {
		fmt.Println(err)
	}
	protected, err := m.Protect(mux, "GET /{$}", "GET /news/{id}")
	if err != nil {
		fmt.Println(err)
		return
	}
	site := m.Handler(protected)
	for _, path := range []string{"/", "/news/7", "/orders", "/nowhere"} {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// auth: Protect: "/" is no pattern of the mux, which has "GET /{$}" there: write it as it was registered
	// / 200
	// /news/7 200
	// /orders 401
	// /nowhere 401
}

// A stream of events ends when the login does.
func ExampleManager_Watch() {
	m := newMembers()
	began := make(chan bool)
	stream := m.Handler(m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := m.Watch(r.Context(), time.Minute)
		defer stop()
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: hello\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			fmt.Println(err)
		}
		close(began)
		<-ctx.Done() // and whatever else happens
		fmt.Fprintf(w, "event: bye\ndata: %v\n\n", context.Cause(ctx))
	})))

	login := httptest.NewRecorder()
	if err := m.LogIn(login, httptest.NewRequest("GET", "/", nil), "1", auth.Proof{Method: "example"}); err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/events", nil)
	r.AddCookie(login.Result().Cookies()[0])
	w := httptest.NewRecorder()
	ended := make(chan bool)
	go func() {
		stream.ServeHTTP(w, r)
		close(ended)
	}()
	<-began
	if err := m.RevokeUserSessions(context.Background(), "1"); err != nil { // from wherever
		fmt.Println(err)
	}
	<-ended
	fmt.Print(w.Body)
	// Output:
	// data: hello
	//
	// event: bye
	// data: auth: unauthenticated: auth: no credentials: revoked
}

// A job does for a user what they may do themselves.
func ExampleManager_Identify() {
	m := newMembers()
	job := func(ctx context.Context) error { return m.Authorize(ctx, "report:write", nil) }

	id, err := m.Identify(context.Background(), "1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job(auth.WithIdentity(context.Background(), id)))
	// Output: <nil>
}

// Templates are parsed once. Each execution has a copy of its own, of which a pool
// keeps some: a copy is escaped when it is first executed, which costs more than
// the rest.
func ExampleManager_TemplateFuncs() {
	m := newMembers()
	parsed := template.Must(template.New("page").Funcs(m.TemplateFuncs(nil)).Parse(
		`{{if loggedIn}}Hello {{user.AuthID}}{{else}}Who are you?{{end}}` + "\n"))
	copies := sync.Pool{New: func() any { return template.Must(parsed.Clone()) }}

	site := m.Handler(m.WithUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := copies.Get().(*template.Template)
		defer copies.Put(page)
		var b bytes.Buffer
		if err := page.Funcs(m.TemplateFuncs(r)).Execute(&b, nil); err != nil {
			m.Refuse(w, r, err)
			return
		}
		fmt.Fprint(w, b.String())
	})))
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Print(w.Body)

	r := httptest.NewRequest("GET", "/", nil)
	w = httptest.NewRecorder()
	site.ServeHTTP(w, r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &member{id: "ada"}})))
	fmt.Print(w.Body)
	// Output:
	// Who are you?
	// Hello ada
}
