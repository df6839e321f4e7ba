package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const goodPassword = "correct horse battery"

// A compound is a site with every provider there is, and a second factor.
type compound struct {
	*site
	users *memory.Users
	adaID string
}

func newCompound(t *testing.T, factor *authtest.Factor, change func(*auth.Options)) *compound {
	t.Helper()
	return newCompoundOn(t, memory.New(nil), factor, change)
}

// newCompoundOn is newCompound on a store of the test's choice.
func newCompoundOn(t *testing.T, store auth.Store, factor *authtest.Factor, change func(*auth.Options)) *compound {
	t.Helper()
	c := &compound{users: memory.NewUsers()}
	pw := password.New(&password.Options{Hasher: password.Bcrypt{Cost: 4, InsecureFast: true}})
	var opts auth.Options
	c.site = newSiteOn(t, store, func(o *auth.Options) {
		o.Providers = []auth.Provider{pw, trust{}}
		if factor != nil {
			o.Providers = append(o.Providers, factor)
		}
		if change != nil {
			change(o)
		}
		opts = *o
		o.Providers = nil // a Provider is for one Manager
	})
	m, err := auth.New(c.users, c.store, &opts)
	if err != nil {
		t.Fatal(err)
	}
	c.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("/open", m.WithUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, ok := auth.UserFrom[*memory.User](r.Context()); ok {
			_, _ = w.Write([]byte(u.Email))
			return
		}
		_, _ = w.Write([]byte("nobody"))
	})))
	mux.Handle("/fresh", m.RequireFresh(10*time.Minute)(http.NotFoundHandler()))
	mux.HandleFunc("POST /own", func(w http.ResponseWriter, r *http.Request) {
		m.Finish(w, r, m.LogIn(w, r, c.adaID, auth.Proof{Method: "own"}), "")
	})
	c.h = m.Handler(mux)
	if c.adaID, err = pw.Register(context.Background(), auth.Profile{Email: "ada@example.com"}, goodPassword); err != nil {
		t.Fatal(err)
	}
	return c
}

// visitor is a program that posts forms.
func (c *compound) visitor() *visitor { return c.site.visitor("Accept", "application/json") }

// enrol makes ada owe the code.
func (c *compound) enrol() {
	c.t.Helper()
	code := authtest.CodeCredential(c.adaID)
	if err := c.m.ChangeCredentials(context.Background(), c.adaID, auth.Change{New: &code}); err != nil {
		c.t.Fatal(err)
	}
}

// paths are all the ways that lead to the gate.
var paths = []struct {
	name      string
	registers bool
	do        func(c *compound, v *visitor) *http.Response
}{
	{"password, form", false, func(_ *compound, v *visitor) *http.Response {
		return v.post("/auth/login", "email=ada@example.com&password="+strings.ReplaceAll(goodPassword, " ", "+"))
	}},
	{"password, JSON", false, func(_ *compound, v *visitor) *http.Response {
		v.header.Set("Content-Type", "application/json")
		defer v.header.Del("Content-Type")
		return v.post("/auth/login", `{"email":"ada@example.com","password":"`+goodPassword+`","remember":true}`)
	}},
	{"registration", true, func(_ *compound, v *visitor) *http.Response {
		return v.post("/auth/register", "email=bob@example.com&password="+strings.ReplaceAll(goodPassword, " ", "+"))
	}},
	{"another provider", false, func(c *compound, v *visitor) *http.Response { return v.post("/auth/trust?user="+c.adaID, "") }},
	{"the host itself", false, func(_ *compound, v *visitor) *http.Response { return v.post("/own", "") }},
}

// Every provider, with and without a factor that is owed, on every path.
func TestEveryPathMeetsTheGate(t *testing.T) {
	for _, path := range paths {
		for _, factor := range []string{"none", "not owed", "owed by the user", "owed by all"} {
			t.Run(path.name+", factor "+factor, func(t *testing.T) {
				f := &authtest.Factor{Always: factor == "owed by all"}
				if factor == "none" {
					f = nil
				}
				c := newCompound(t, f, nil)
				if factor == "owed by the user" {
					if path.registers {
						t.Log("a user who has just been created has no factor yet")
						return
					}
					c.enrol()
				}
				v := c.visitor()
				res := path.do(c, v)
				email := "ada@example.com"
				if path.registers {
					email = "bob@example.com"
				}
				if !strings.HasPrefix(factor, "owed") {
					if got := v.who(); res.StatusCode/100 != 2 || got != email {
						t.Errorf("%s: %s", res.Status, got)
					}
					return
				}
				if got := code(res); res.StatusCode != 401 || got != "factor_owed" {
					t.Errorf("%s: %s", res.Status, got)
				}
				if v.cookies["__Host-sid"] != "" || v.cookies["__Host-login"] == "" {
					t.Errorf("cookies %v", v.cookies)
				}
				c.isNobody(v)

				if res := v.post("/auth/code", "code=123456"); res.StatusCode != 401 {
					t.Errorf("a wrong code: %s", res.Status)
				}
				c.isNobody(v)
				half := v.cookies["__Host-login"]
				if res := v.post("/auth/code", "code=000000"); res.StatusCode != 200 {
					t.Errorf("the right code: %s: %s", res.Status, body(res))
				}
				if got := v.who(); got != email {
					t.Errorf("with both factors: %s", got)
				}
				again := c.visitor()
				again.cookies["__Host-login"] = half
				if res := again.post("/auth/code", "code=000000"); res.StatusCode != 401 {
					t.Errorf("the same half-done login once more: %s", res.Status)
				}
				c.isNobody(again)
			})
		}
	}
}

// isNobody makes sure that what v holds opens nothing.
func (c *compound) isNobody(v *visitor) {
	c.t.Helper()
	if got := v.who(); got != "nobody" {
		c.t.Errorf("half a login is %s", got)
	}
	for _, path := range []string{"/auth/session", "/auth/sessions", "/auth/account", "/auth/password", "/auth/confirm", "/fresh"} {
		if res := v.get(path); res.StatusCode != 401 {
			c.t.Errorf("half a login opens %s: %s", path, res.Status)
		}
	}
	for path, body := range map[string]string{
		"/auth/password":        "current=" + goodPassword + "&password=" + goodPassword,
		"/auth/confirm":         "password=" + goodPassword,
		"/auth/sessions/revoke": "all=others",
		"/auth/trust/confirm":   "",
	} {
		if res := v.post(path, body); res.StatusCode != 401 {
			c.t.Errorf("half a login posts to %s: %s", path, res.Status)
		}
	}
	if left, err := c.m.Sessions(context.Background(), c.adaID); err != nil || len(left) != 0 {
		if v.cookies["__Host-login"] != "" && v.who() == "nobody" && len(left) == 1 {
			return // the session of whoever completed it
		}
		c.t.Errorf("sessions: %v, %v", left, err)
	}
}

// halfDone logs ada half in.
func (c *compound) halfDone() *visitor {
	c.t.Helper()
	v := c.visitor()
	if res := v.post("/auth/login", "email=ada@example.com&password="+goodPassword); code(res) != "factor_owed" {
		c.t.Fatal(res.Status)
	}
	return v
}

// A second factor alone is no login, whatever the provider forgot to ask.
func TestFactorAlone(t *testing.T) {
	c := newCompound(t, &authtest.Factor{}, nil)
	c.enrol()
	if res := c.visitor().post("/auth/code", "code=000000"); res.StatusCode != 401 {
		t.Errorf("a code without a login: %s", res.Status)
	}
	for _, p := range []auth.Proof{{Method: "code"}, {Method: "code", Kind: "code", Key: c.adaID, Generation: 1}, {Method: "x", Kind: "email", Key: "ada@example.com"}} {
		w := httptest.NewRecorder()
		c.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := c.m.LogIn(w, r, c.adaID, p); !errors.Is(err, auth.ErrBadCredentials) {
				t.Errorf("%+v alone: %v", p, err)
			}
		})).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%+v alone: %v", p, w.Result().Cookies())
		}
	}
}

// A browser is led from one factor to the next, and then to where it wanted.
func TestBrowserIsLedToTheFactor(t *testing.T) {
	c := newCompound(t, &authtest.Factor{}, nil)
	c.enrol()
	v := c.browser()
	res := v.post("/auth/login", "email=ada@example.com&password="+goodPassword+"&next=/me&remember=1")
	if got := res.Header.Get("Location"); res.StatusCode != 303 || got != "/auth/code?next=%2Fme" {
		t.Fatalf("%s to %q", res.Status, got)
	}
	if res := v.get("/auth/code?next=%2Fme"); res.StatusCode != 200 {
		t.Errorf("the factor's page: %s", res.Status)
	}
	res = v.post("/auth/code", "code=000000&next=/me")
	if got := res.Header.Get("Location"); res.StatusCode != 303 || got != "/me" {
		t.Errorf("%s to %q", res.Status, got)
	}
	if !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n"), "Max-Age=2592000") {
		t.Errorf("what was asked for at the first step is forgotten: %q", res.Header["Set-Cookie"])
	}
	live, err := c.m.Sessions(context.Background(), c.adaID)
	if err != nil || len(live) != 1 || len(live[0].Proofs) != 3 || live[0].Proofs[2].Kind != "remember" || live[0].Proofs[0].Method != "password" || live[0].Proofs[1].Method != "code" {
		t.Errorf("%+v, %v", live, err)
	}
	if n := len(*c.events); n == 0 || len(c.named("login.owed")) != 1 || len(c.named("login")) != 1 {
		t.Errorf("events %+v", *c.events)
	}
}

func TestHalfDoneLoginsEnd(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(c *compound, v *visitor)
	}{
		{"after ten minutes", func(c *compound, _ *visitor) { c.clock.Advance(10 * time.Minute) }},
		{"when the user is disabled", func(c *compound, _ *visitor) { _ = c.users.SetDisabled(context.Background(), c.adaID, true) }},
		{"when all sessions are revoked", func(c *compound, _ *visitor) { _ = c.m.RevokeUserSessions(context.Background(), c.adaID) }},
		{"at log-out", func(_ *compound, v *visitor) {
			half := v.cookies["__Host-login"]
			v.post("/auth/logout", "")
			v.cookies["__Host-login"] = half
		}},
		{"when the password is changed", func(c *compound, _ *visitor) {
			old, err := c.store.LoadCredential(context.Background(), "password", c.adaID)
			if err != nil {
				c.t.Fatal(err)
			}
			next := old
			next.Generation++
			if err := c.m.ChangeCredentials(context.Background(), c.adaID, auth.Change{Old: &old, New: &next}); err != nil {
				c.t.Fatal(err)
			}
		}},
		{"when the password is changed behind its back", func(c *compound, _ *visitor) {
			old, _ := c.store.LoadCredential(context.Background(), "password", c.adaID)
			next := old
			next.Generation++
			if err := c.store.ChangeCredentials(context.Background(), auth.Change{Old: &old, New: &next}); err != nil {
				c.t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCompound(t, &authtest.Factor{}, nil)
			c.enrol()
			v := c.halfDone()
			tt.change(c, v)
			if res := v.post("/auth/code", "code=000000"); res.StatusCode != 401 {
				t.Errorf("%s", res.Status)
			}
			if got := v.who(); got != "nobody" {
				t.Errorf("%s", got)
			}
		})
	}
}

// Of many that complete one half-done login exactly one does.
func TestHalfDoneLoginIsCompletedOnce(t *testing.T) {
	onEveryStore(t, testHalfDoneLoginIsCompletedOnce)
}

func testHalfDoneLoginIsCompletedOnce(t *testing.T, store auth.Store) {
	c := newCompoundOn(t, store, &authtest.Factor{}, func(o *auth.Options) {
		o.Limits.Account = auth.Limit{Max: 1000, Per: time.Minute}
		o.Limits.Network = auth.Limit{Max: 1000, Per: time.Minute}
	})
	c.enrol()
	v := c.halfDone()
	const n = 8
	var looked, wg sync.WaitGroup
	looked.Add(n)
	c.store.before["TakeTicket"] = func() { looked.Done(); looked.Wait() } // all have seen it by now
	var mu sync.Mutex
	done := 0
	for range n {
		wg.Go(func() {
			w := httptest.NewRecorder()
			c.h.ServeHTTP(w, v.request("POST", "/auth/code", "code=000000"))
			if w.Code == 200 {
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	live, err := c.m.Sessions(context.Background(), c.adaID)
	if done != 1 || err != nil || len(live) != 1 {
		t.Errorf("%d were answered 200; sessions %v, %v", done, live, err)
	}
}

// What one user has half done is of no use to another, or to oneself begun anew.
func TestHalfDoneLoginsDoNotMix(t *testing.T) {
	c := newCompound(t, &authtest.Factor{}, nil)
	bob, err := c.m.CreateUser(context.Background(), auth.Profile{Email: "bob@example.com"}, func(id string) []auth.Credential {
		return []auth.Credential{authtest.CodeCredential(id)}
	})
	if err != nil {
		t.Fatal(err)
	}
	c.enrol()
	byWord := c.visitor() // half done with a proof that no credential stands behind
	byWord.post("/own", "")
	v := c.halfDone()
	for _, half := range []*visitor{v, byWord} {
		w := httptest.NewRecorder()
		c.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := c.m.LogIn(w, r, bob, auth.Proof{Method: "code", Kind: "code", Key: bob, Generation: 1})
			if !errors.Is(err, auth.ErrBadCredentials) {
				t.Errorf("bob's code on top of ada's login: %v", err)
			}
		})).ServeHTTP(w, half.request("POST", "/", ""))
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("cookies %v", w.Result().Cookies())
		}
	}
	// The first factor twice is not two factors.
	if res := v.post("/auth/login", "email=ada@example.com&password="+goodPassword); code(res) != "factor_owed" {
		t.Errorf("the password twice: %s", res.Status)
	}
	c.isNobody(v)
}

// A session from before the factor was enrolled cannot be renewed without it.
func TestFactorEnrolledLater(t *testing.T) {
	c := newCompound(t, &authtest.Factor{}, nil)
	v := c.visitor()
	v.post("/auth/login", "email=ada@example.com&password="+goodPassword)
	enrolled := authtest.CodeCredential(c.adaID)
	if err := c.store.ChangeCredentials(context.Background(), auth.Change{New: &enrolled}); err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(11 * time.Minute)
	if res := v.post("/auth/confirm", "password="+goodPassword); code(res) != "factor_owed" {
		t.Errorf("%s", res.Status)
	}
	if res := v.get("/fresh"); res.StatusCode != 401 {
		t.Errorf("fresh without the factor: %s", res.Status)
	}
}

// The account page shows how one logs in, and nothing that one logs in with.
func TestAccountPage(t *testing.T) {
	c := newCompound(t, &authtest.Factor{}, nil)
	v := c.visitor()
	v.post("/auth/login", "email=ada@example.com&password="+goodPassword)
	c.enrol() // ends all sessions
	v.post("/auth/login", "email=ada@example.com&password="+goodPassword)
	v.post("/auth/code", "code=000000")
	var account struct {
		UserID string `json:"user_id"`
		Ways   []struct{ Kind, Key, Label string }
	}
	decode(t, v.get("/auth/account"), &account)
	if len(account.Ways) != 3 || account.Ways[1].Kind != "email" || account.Ways[1].Key != "ada@example.com" || account.Ways[2].Key != "" {
		t.Errorf("%+v", account)
	}
	v.header.Set("Accept", "text/html")
	var page auth.Page
	shown := body(v.get("/auth/account"))
	if err := json.Unmarshal([]byte(strings.Replace(shown, `"Identity":`, `"-":`, 1)), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Ways) != 3 {
		t.Errorf("%+v", page.Ways)
	}
	for _, w := range page.Ways {
		if w.Data != nil {
			t.Errorf("a page was given the data of %s", w.Kind)
		}
	}
}
