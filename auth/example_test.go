package auth_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A member is a user of the host's own making.
type member struct{ id, name string }

func (m *member) AuthID() string { return m.id }

// A host with users of its own puts a Manager together, wraps its mux and
// guards a page.
func ExampleNew() {
	members := map[string]*member{"1": {"1", "Ada"}}
	byID := func(_ context.Context, id string) (*member, error) {
		if m, ok := members[id]; ok {
			return m, nil
		}
		return nil, auth.ErrNotFound
	}

	m, err := auth.New(auth.UserFunc(byID), memory.New(nil), &auth.Options{
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := auth.UserFrom[*member](r.Context())
		fmt.Fprintf(w, "Hello %s", who.name)
	})))
	// Nearly every host leaves this to a provider, such as package password.
	mux.HandleFunc("POST /ada", func(w http.ResponseWriter, r *http.Request) {
		err := m.LogIn(w, r, "1", auth.Proof{Method: "example"})
		m.Finish(w, r, err, "/me")
	})
	site := m.Handler(mux)

	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest("GET", "/me", nil))
	fmt.Println(w.Code)

	w = httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest("POST", "/ada", nil))
	cookie := w.Result().Cookies()[0]

	r := httptest.NewRequest("GET", "/me", nil)
	r.AddCookie(cookie)
	w = httptest.NewRecorder()
	site.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 401
	// 200 Hello Ada
}

// An authorizer may be one function. Nil is the only yes.
func ExampleManager_Require() {
	users := auth.UserFunc(func(_ context.Context, id string) (*member, error) { return &member{id: id}, nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Authorizer: auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
			if a.Identity != nil && a.Identity.UserID == "admin" {
				return nil
			}
			return auth.ErrForbidden
		}),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := m.Require("admin:view")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "the admin page")
	}))
	for _, id := range []string{"ada", "admin"} {
		r := httptest.NewRequest("GET", "/admin", nil)
		r = r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &member{id: id}}))
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		fmt.Println(id, w.Code)
	}
	// Output:
	// ada 403
	// admin 200
}

// The object is found first, and the handler gets it when the authorizer has agreed.
// What is somebody else's is not there.
func ExampleManager_RequireHidden() {
	users := auth.UserFunc(func(_ context.Context, id string) (*member, error) { return &member{id: id}, nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Authorizer: auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
			if o, ok := a.Describe(); ok && a.Identity != nil && a.Identity.UserID == o.Owner {
				return nil
			}
			return &auth.Denial{Policy: "owner", Reason: "it is somebody else's"}
		}),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	drafts := map[string]auth.Object{"17": {Type: "draft", ID: "17", Owner: "ada"}}
	find := func(r *http.Request) (any, error) {
		d, ok := drafts[r.PathValue("id")]
		if !ok {
			return nil, auth.ErrNotFound
		}
		return d, nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /drafts/{id}", m.RequireHidden("drafts:read", find)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, _ := auth.ObjectFrom[auth.Object](r.Context())
		fmt.Fprint(w, d)
	})))
	for _, who := range []string{"ada", "bob"} {
		for _, id := range []string{"17", "18"} {
			r := httptest.NewRequest("GET", "/drafts/"+id, nil)
			r = r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &member{id: who}}))
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			fmt.Println(who, id, w.Code)
		}
	}
	// Output:
	// ada 17 200
	// ada 18 404
	// bob 17 404
	// bob 18 404
}

// Decorators do not hide what they wrap.
func ExampleAs() {
	type decorated struct{ auth.Store }
	_, bare := auth.As[auth.Sweeper](decorated{memory.New(nil)})
	_, unwrapped := auth.As[auth.Sweeper](unwrapper{memory.New(nil)})
	fmt.Println(bare, unwrapped)
	// Output: false true
}

type unwrapper struct{ auth.Store }

func (u unwrapper) Unwrap() any { return u.Store }

// Sessions, tickets and counters in one store, credentials in another. Of a Redis
// and a database it is the same line.
func ExampleCombine() {
	ctx := context.Background()
	db, redis := memory.New(nil), memory.New(nil)
	store := auth.Combine(db, auth.Parts{Sessions: redis, Tickets: redis, Limiter: redis}) // for auth.New

	if err := store.CreateSession(ctx, &auth.Session{ID: auth.SessionID{1}, UserID: "ada"}); err != nil {
		panic(err)
	}
	_, here := redis.LoadSession(ctx, auth.SessionID{1})
	_, there := db.LoadSession(ctx, auth.SessionID{1})
	fmt.Println(here, there)
	// Output: <nil> auth: not found
}

// API keys in a database of their own.
func ExampleByKind() {
	ctx := context.Background()
	db, keys := memory.New(nil), memory.New(nil)
	store := auth.Combine(db, auth.Parts{
		Credentials: auth.ByKind(db, map[string]auth.CredentialStore{"apikey": keys}),
	}) // for auth.New

	err := store.ChangeCredentials(ctx,
		auth.Change{New: &auth.Credential{Kind: "email", Key: "ada@example.com", UserID: "ada"}},
		auth.Change{New: &auth.Credential{Kind: "apikey", Key: "1", UserID: "ada"}})
	if err != nil {
		panic(err)
	}
	all, err := store.UserCredentials(ctx, "ada")
	if err != nil {
		panic(err)
	}
	for _, c := range all {
		_, err := keys.LoadCredential(ctx, c.Kind, c.Key)
		fmt.Println(c.Kind, err == nil)
	}
	// Output:
	// apikey true
	// email false
}
