package authtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var _ password.Hasher = (*authtest.Hasher)(nil)

func TestUsers(t *testing.T) {
	authtest.TestUserLoader(t, authtest.NewUsers("Ada-1"), "Ada-1")

	users := authtest.NewUsers("ada")
	users.Change("ada", func(u *authtest.User) { u.Disabled, u.Version = true, "2" })
	users.Change("nobody", func(*authtest.User) { t.Error("Change was called for a user that there is not") })
	u, err := users.LoadUser(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	if ada := u.(authtest.User); ada.IsActive() || ada.AuthVersion() != "2" {
		t.Errorf("after Change: %+v", ada)
	}
	users.Fail(errDown)
	if _, err := users.LoadUser(t.Context(), "ada"); !errors.Is(err, errDown) {
		t.Errorf("LoadUser after Fail: %v", err)
	}
	if _, err := users.CreateUser(t.Context(), auth.Profile{}); !errors.Is(err, errDown) {
		t.Errorf("CreateUser after Fail: %v", err)
	}
	users.Fail(nil)
	id, err := users.CreateUser(t.Context(), auth.Profile{Name: "Bob"})
	if err != nil || id != "user-1" || users.Len() != 2 {
		t.Errorf("CreateUser: %q, %v, %d users", id, err, users.Len())
	}
	if err := users.DeleteUser(t.Context(), id); err != nil || users.Len() != 1 {
		t.Errorf("DeleteUser: %v, %d users", err, users.Len())
	}
}

func TestClock(t *testing.T) {
	clock := authtest.NewClock(time.Unix(0, 0))
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { clock.Advance(time.Second); clock.Now() })
	}
	wg.Wait()
	if got := clock.Now(); !got.Equal(time.Unix(10, 0)) {
		t.Errorf("Now is %v, want ten seconds later", got)
	}
}

func TestHasher(t *testing.T) {
	h := &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}
	hash, err := h.Hash([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash([]byte("secret"))
	if err != nil || hash == again {
		t.Errorf("two hashes of one password are equal: %q, error %v", hash, err)
	}
	for _, test := range []struct {
		name, hash, password string
		want                 error
	}{
		{"right", hash, "secret", nil},
		{"wrong", hash, "Secret", password.ErrMismatch},
		{"longer", hash, "secret ", password.ErrMismatch},
		{"empty", hash, "", password.ErrMismatch},
		{"other format", "$2b$10$x", "secret", password.ErrUnknownHash},
		{"no hash", "", "secret", password.ErrUnknownHash},
		{"cut short", "$authtest$", "secret", password.ErrUnknownHash},
	} {
		if err := h.Verify(test.hash, []byte(test.password)); !errors.Is(err, test.want) {
			t.Errorf("%s: Verify: %v, want %v", test.name, err, test.want)
		}
	}
	if !h.Current(hash) || h.Current("$2b$10$x") {
		t.Error("Current does not know its own hashes from others")
	}
}

// The provider that most hosts have passes its suite, with the cheap hasher.
func TestPassword(t *testing.T) {
	hasher := &authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}
	authtest.TestProvider(t, authtest.ProviderTest{
		New: func(t *testing.T) auth.Provider { return password.New(&password.Options{Hasher: hasher}) },
		Store: func(t *testing.T) auth.Store {
			return memory.New(nil)
		},
		Path: "/login",
		Prepare: func(t *testing.T, m *auth.Manager) string {
			id, err := m.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"}, func(id string) []auth.Credential {
				hash, err := hasher.Hash([]byte("correct horse battery"))
				if err != nil {
					t.Fatal(err)
				}
				return []auth.Credential{{Kind: "password", Key: id, Data: []byte(hash), Generation: 1}}
			})
			if err != nil {
				t.Fatal(err)
			}
			return id
		},
		Right:   map[string]string{"email": "ada@example.com", "password": "correct horse battery"},
		Wrong:   map[string]string{"email": "ada@example.com", "password": "correct horse bakery"},
		Unknown: map[string]string{"email": "bob@example.com", "password": "correct horse bakery"},
	})
}

// host is what the tests of the helpers log in to.
func host(t *testing.T, store auth.Store, change func(o *auth.Options)) (*auth.Manager, http.Handler, *authtest.Users) {
	t.Helper()
	users := authtest.NewUsers("ada", "bob")
	o := &auth.Options{Providers: []auth.Provider{&pins{}}, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(o)
	}
	m, err := auth.New(users, store, o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("/me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[authtest.User](r.Context())
		fmt.Fprint(w, u.ID)
	})))
	mux.Handle("/fresh", m.RequireFresh(time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fresh") })))
	return m, m.Handler(mux), users
}

func get(t *testing.T, client *http.Client, path string) (status int, body string) {
	t.Helper()
	res, err := client.Get(authtest.Origin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestLoggedInClient(t *testing.T) {
	for _, insecure := range []bool{false, true} {
		m, h, users := host(t, newRef(), func(o *auth.Options) { o.InsecureCookies = insecure })
		ada, nobody := authtest.Client(t, m, h, "ada"), authtest.Client(t, m, h, "")
		if status, body := get(t, ada, "/me"); status != 200 || body != "ada" {
			t.Errorf("insecure %v: ada gets %d %q", insecure, status, body)
		}
		if status, _ := get(t, ada, "/fresh"); status != 200 {
			t.Errorf("insecure %v: a login is not fresh: %d", insecure, status)
		}
		if status, _ := get(t, nobody, "/me"); status != 401 {
			t.Errorf("insecure %v: nobody gets %d, want 401", insecure, status)
		}
		users.Change("ada", func(u *authtest.User) { u.Disabled = true })
		if status, _ := get(t, ada, "/me"); status != 401 {
			t.Errorf("insecure %v: ada, disabled, gets %d, want 401", insecure, status)
		}
	}
}

func TestLogInCookie(t *testing.T) {
	m, h, _ := host(t, newRef(), nil)
	r := httptest.NewRequest("GET", "/me", nil)
	r.AddCookie(authtest.LogIn(t, m, "bob"))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.String() != "bob" {
		t.Errorf("with the cookie: %d %q", w.Code, w.Body)
	}
}

// failing is a test that notes that it was ended.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	panic(f)
}

func TestLogInRefused(t *testing.T) {
	for name, change := range map[string]func(o *auth.Options){
		"unknown": nil,
		"owes":    func(o *auth.Options) { o.Providers = append(o.Providers, &authtest.Factor{Always: true}) },
	} {
		m, _, _ := host(t, newRef(), change)
		f := &failing{TB: t}
		func() {
			defer func() { _ = recover() }()
			authtest.LogIn(f, m, map[string]string{"unknown": "carol", "owes": "ada"}[name])
		}()
		if f.message == "" {
			t.Errorf("%s: LogIn did not end the test", name)
		}
	}
}

func TestRequest(t *testing.T) {
	m, _, _ := host(t, newRef(), nil)
	for _, test := range []struct {
		name   string
		r      *http.Request
		guard  func(http.Handler) http.Handler
		status int
	}{
		{"a user", authtest.Request(t, "GET", "/", user("ada")), m.RequireUser, 200},
		{"nobody", authtest.Request(t, "GET", "/", nil), m.RequireUser, 401},
		{"not fresh", authtest.Request(t, "GET", "/", user("ada")), m.RequireFresh(time.Minute), 401},
		{"fresh", authtest.Request(t, "GET", "/", user("ada"), authtest.Fresh()), m.RequireFresh(time.Minute), 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if u, ok := auth.UserFrom[user](r.Context()); !ok || u != "ada" {
					t.Errorf("UserFrom is %q, %v", u, ok)
				}
			})).ServeHTTP(w, test.r)
			if w.Code != test.status {
				t.Errorf("status is %d, want %d", w.Code, test.status)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	before := time.Now()
	id := authtest.Identity(t, user("ada"), authtest.Proofs(auth.Proof{Method: "password"}, auth.Proof{Method: "code", At: before.Add(-time.Hour)}), authtest.Scopes("read"))
	if id.UserID != "ada" || id.User != auth.User(user("ada")) || id.Session != nil || len(id.Proofs) != 2 || id.Proofs[0].At.Before(before) || !id.HasScope("read") || id.HasScope("write") {
		t.Errorf("%+v", id)
	}
	if id := authtest.Identity(t, user("ada")); id.Fresh(time.Now(), 1<<62) || id.Scopes != nil || id.Remembered() {
		t.Errorf("without options: %+v", id)
	}
	if !authtest.Identity(t, user("ada"), authtest.Fresh()).Fresh(time.Now(), time.Minute) {
		t.Error("Fresh is not fresh")
	}
	if id := authtest.Identity(t, user("ada"), authtest.Fresh(), authtest.Restored()); id.Fresh(time.Now(), time.Minute) || !id.Remembered() {
		t.Errorf("restored: %+v", id)
	}
	for name, opt := range map[string]authtest.Option{"Header": authtest.Header("Accept", "x"), "From": authtest.From("192.0.2.1")} {
		f := &failing{TB: t}
		func() {
			defer func() { _ = recover() }()
			authtest.Identity(f, user("ada"), opt)
		}()
		if f.message == "" {
			t.Errorf("%s did not end the test", name)
		}
	}
}

func TestOutbox(t *testing.T) {
	var box authtest.Outbox
	m, _, _ := host(t, newRef(), func(o *auth.Options) { o.Events = []func(context.Context, auth.Event){box.Record} })
	authtest.LogIn(t, m, "ada")
	if all := box.Events(); len(all) != 1 || all[0].Name != "login" || all[0].UserID != "ada" {
		t.Errorf("events: %+v, want one login", all)
	}
	if len(box.Named("login")) != 1 || len(box.Named("logout")) != 0 {
		t.Errorf("Named: %+v", box.Named("login"))
	}
	box.Events()[0].Name = "changed"
	if box.Events()[0].Name != "login" {
		t.Error("Events shares its memory")
	}
	box.Reset()
	if len(box.Events()) != 0 {
		t.Error("events after Reset")
	}
}

// A Recorder hides nothing of the store behind it.
func TestRecorderPasses(t *testing.T) {
	authtest.TestStore(t, func(*testing.T) auth.Store { return authtest.NewRecorder(newRef()) })
}

func TestRecorder(t *testing.T) {
	ctx := t.Context()
	rec := authtest.NewRecorder(newRef())
	count := func() error { _, _, err := rec.Count(ctx, "k", 0, time.Time{}); return err }
	if err := errors.Join(count(), rec.Forget(ctx, "k"), count()); err != nil {
		t.Fatal(err)
	}
	if got := rec.Calls(); !slices.Equal(got, []string{"Count", "Forget", "Count"}) || rec.Called("Count") != 2 {
		t.Errorf("Calls: %q", got)
	}
	_, _ = rec.UserSessions(ctx, "u")
	if got := rec.Called("UserSessions"); got != 1 {
		t.Errorf("Called is %d, want 1", got)
	}

	rec.Reset()
	if len(rec.Calls()) != 0 {
		t.Error("calls after Reset")
	}
	rec.FailAt(2, errDown)
	if a, b, c := count(), count(), count(); a != nil || !errors.Is(b, errDown) || c != nil {
		t.Errorf("FailAt(2): %v, %v, %v", a, b, c)
	}
	rec.Reset()
	rec.FailFrom(2, errDown)
	if a, b, c := count(), count(), rec.Forget(ctx); a != nil || !errors.Is(b, errDown) || !errors.Is(c, errDown) {
		t.Errorf("FailFrom(2): %v, %v, %v", a, b, c)
	}
	rec.Reset()
	rec.FailVerb("Forget", errDown)
	if a, b, c := rec.Forget(ctx), count(), rec.Forget(ctx); !errors.Is(a, errDown) || b != nil || !errors.Is(c, errDown) {
		t.Errorf("FailVerb: %v, %v, %v", a, b, c)
	}
	rec.Reset()
	if err := rec.Forget(ctx); err != nil {
		t.Errorf("after Reset: %v", err)
	}
	if n, _, err := rec.Count(ctx, "k", 0, time.Time{}); err != nil || n != 6 {
		t.Errorf("Count is %d, error %v, want 6: calls that fail do not reach the store", n, err)
	}
}

// With a meeting, what loads and then takes without looking loses every time.
func TestRecorderMeet(t *testing.T) {
	ctx := t.Context()
	rec := authtest.NewRecorder(newRef())
	ticket := auth.Ticket{Purpose: "p", Key: "k"}
	if err := rec.PutTicket(ctx, ticket); err != nil {
		t.Fatal(err)
	}
	const n = 20
	rec.Meet("TakeTicket", n)
	var mu sync.Mutex
	loaded, taken := 0, 0
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			_, lerr := rec.LoadTicket(ctx, "p", "k")
			_, terr := rec.TakeTicket(ctx, "p", "k")
			mu.Lock()
			defer mu.Unlock()
			if lerr == nil {
				loaded++
			}
			if terr == nil {
				taken++
			}
		})
	}
	wg.Wait()
	if loaded != n || taken != 1 {
		t.Errorf("%d loaded, %d took, want %d and 1", loaded, taken, n)
	}
	if _, err := rec.TakeTicket(ctx, "p", "k"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("a later caller: %v", err)
	}

	rec.Meet("Forget", 2)
	late, cancel := context.WithCancel(ctx)
	cancel()
	if err := rec.Forget(late); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller alone whose context has ended: %v", err)
	}
	done := make(chan error)
	rec.Meet("Forget", 2)
	go func() { done <- rec.Forget(ctx) }()
	for rec.Called("Forget") < 2 {
		time.Sleep(time.Millisecond)
	}
	rec.Reset()
	if err := <-done; err != nil {
		t.Errorf("a caller alone after Reset: %v", err)
	}
}

// visit posts fields as JSON with cookies, and adds those it gets.
func visit(t *testing.T, h http.Handler, cookies map[string]string, path string, fields map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", authtest.Origin+path, strings.NewReader(string(b)))
	r.Header.Set("Content-Type", "application/json")
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		cookies[c.Name] = c.Value
	}
	return w
}

func TestFactor(t *testing.T) {
	authtest.TestProvider(t, authtest.ProviderTest{
		New:   func(*testing.T) auth.Provider { return &authtest.Factor{} },
		Store: func(*testing.T) auth.Store { return newRef() },
	})

	// Ada has the factor, bob has not.
	open := func(t *testing.T, change func(o *auth.Options)) (http.Handler, *auth.Manager) {
		store := newRef()
		m, h, _ := host(t, store, func(o *auth.Options) {
			o.Providers = append(o.Providers, &authtest.Factor{})
			if change != nil {
				change(o)
			}
		})
		code := authtest.CodeCredential("ada")
		err := store.ChangeCredentials(t.Context(), auth.Change{New: &code},
			auth.Change{New: &auth.Credential{Kind: "pin", Key: "ada", UserID: "ada", Data: []byte("1")}},
			auth.Change{New: &auth.Credential{Kind: "pin", Key: "bob", UserID: "bob", Data: []byte("2")}})
		if err != nil {
			t.Fatal(err)
		}
		return h, m
	}
	right := map[string]string{"code": authtest.Code}

	t.Run("not owed", func(t *testing.T) {
		h, _ := open(t, nil)
		cookies := map[string]string{}
		if w := visit(t, h, cookies, "/auth/pin", map[string]string{"user": "bob", "pin": "2"}); w.Code != 200 || cookies["__Host-sid"] == "" {
			t.Errorf("bob: %d %s", w.Code, w.Body)
		}
	})
	t.Run("owed", func(t *testing.T) {
		h, m := open(t, nil)
		cookies := map[string]string{}
		if w := visit(t, h, cookies, "/auth/pin", map[string]string{"user": "ada", "pin": "1"}); w.Code != 401 || cookies["__Host-sid"] != "" {
			t.Fatalf("ada: %d %s", w.Code, w.Body)
		}
		for _, fields := range []map[string]string{{"code": "000001"}, {"code": "00000"}, {"code": ""}, {}} {
			if w := visit(t, h, cookies, "/auth/code", fields); w.Code < 400 || w.Code >= 500 || cookies["__Host-sid"] != "" {
				t.Errorf("code %q: %d %s", fields, w.Code, w.Body)
			}
		}
		before := cookies["__Host-login"]
		if w := visit(t, h, cookies, "/auth/code", right); w.Code != 200 || cookies["__Host-sid"] == "" {
			t.Fatalf("the right code: %d %s", w.Code, w.Body)
		}
		list, err := m.Store().UserSessions(t.Context(), "ada")
		if err != nil || len(list) != 1 || len(list[0].Proofs) != 2 || list[0].Proofs[1].Kind != "code" {
			t.Errorf("sessions: %+v, error %v", list, err)
		}
		if w := visit(t, h, map[string]string{"__Host-login": before}, "/auth/code", right); w.Code != 401 {
			t.Errorf("the half-done login again: %d %s", w.Code, w.Body)
		}
	})
	t.Run("without a login", func(t *testing.T) {
		h, _ := open(t, nil)
		cookies := map[string]string{}
		if w := visit(t, h, cookies, "/auth/code", right); w.Code != 401 || len(cookies) != 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/auth/code", nil))
		if w.Code != 401 {
			t.Errorf("the page: %d %s", w.Code, w.Body)
		}
	})
	t.Run("limited", func(t *testing.T) {
		h, _ := open(t, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 2, Per: time.Minute} })
		cookies := map[string]string{}
		visit(t, h, cookies, "/auth/pin", map[string]string{"user": "ada", "pin": "1"})
		for range 2 {
			visit(t, h, cookies, "/auth/code", map[string]string{"code": "000001"})
		}
		if w := visit(t, h, cookies, "/auth/code", right); w.Code != 429 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("page and form", func(t *testing.T) {
		h, _ := open(t, nil)
		cookies := map[string]string{}
		visit(t, h, cookies, "/auth/pin", map[string]string{"user": "ada", "pin": "1"})
		r := httptest.NewRequest("GET", "/auth/code", nil)
		r.AddCookie(&http.Cookie{Name: "__Host-login", Value: cookies["__Host-login"]})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"/auth/code"`) {
			t.Errorf("the page: %d %s", w.Code, w.Body)
		}
		for contentType, want := range map[string]int{"text/plain": 415, "application/x-www-form-urlencoded": 200} {
			r = httptest.NewRequest("POST", "/auth/code", strings.NewReader(url.Values{"code": {authtest.Code}}.Encode()))
			r.Header.Set("Content-Type", contentType)
			r.AddCookie(&http.Cookie{Name: "__Host-login", Value: cookies["__Host-login"]})
			w = httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s: %d, want %d: %s", contentType, w.Code, want, w.Body)
			}
		}
	})
	t.Run("removed meanwhile", func(t *testing.T) {
		h, m := open(t, nil)
		cookies := map[string]string{}
		visit(t, h, cookies, "/auth/pin", map[string]string{"user": "ada", "pin": "1"})
		c, err := m.Store().LoadCredential(t.Context(), "code", "ada")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c}); err != nil {
			t.Fatal(err)
		}
		if w := visit(t, h, cookies, "/auth/code", right); w.Code != 401 || cookies["__Host-sid"] != "" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
