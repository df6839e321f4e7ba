package gorillastore_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A shop is a host with Gatehouse for logins and gorilla for carts and flash messages.
type shop struct {
	t       testing.TB
	m       *auth.Manager
	store   *gorillastore.Store
	backend *faulty
	clock   *authtest.Clock
	srv     *httptest.Server
	meet    func() // between load and save of /add, if it is not nil
	log     strings.Builder
}

// how says which of the two ways to follow logins the shop goes.
type how struct {
	bind, user bool
	atLogOut   func(map[any]any)
}

func (h how) String() string { return fmt.Sprintf("bind=%t,user=%t", h.bind, h.user) }

func newShop(t testing.TB, backend gorillastore.Backend, h how) *shop {
	t.Helper()
	sh := &shop{t: t, backend: &faulty{Backend: backend}, clock: authtest.NewClock(day)}
	o := gorillastore.Options{Now: sh.clock.Now, AtLogOut: h.atLogOut, Logger: slog.New(slog.NewTextHandler(&sh.log, nil))}
	if h.user {
		o.User = func(ctx context.Context) (string, error) { return gorillastore.UserID(sh.m.IdentityFrom(ctx)) }
	}
	var err error
	if sh.store, err = gorillastore.New(sh.backend, &o); err != nil {
		t.Fatal(err)
	}
	ao := auth.Options{Now: sh.clock.Now, Logger: quiet}
	binding := sh.store.Bind("cart")
	if h.bind {
		ao.Events = append(ao.Events, binding.Event)
	}
	if sh.m, err = auth.New(authtest.NewUsers("ada", "bob"), memory.New(nil), &ao); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add", sh.add)
	mux.HandleFunc("GET /cart", sh.cart)
	mux.HandleFunc("POST /in", func(w http.ResponseWriter, r *http.Request) {
		sh.check(w, sh.m.LogIn(w, r, r.FormValue("user"), auth.Proof{Method: "test"}))
		if text := r.FormValue("flash"); text != "" { // visible in the same request
			session, err := sh.store.Get(r, "cart")
			session.AddFlash(text)
			sh.check(w, err)
			sh.check(w, session.Save(r, w))
		}
	})
	mux.HandleFunc("POST /out", func(w http.ResponseWriter, r *http.Request) {
		session, err := sh.store.Get(r, "cart")
		sh.check(w, err)
		sh.check(w, sh.m.LogOut(w, r))
		if text := r.FormValue("flash"); text != "" {
			session.AddFlash(text)
			sh.check(w, session.Save(r, w))
		}
	})
	mux.HandleFunc("POST /everywhere", func(w http.ResponseWriter, r *http.Request) {
		id, err := sh.m.IdentityFrom(r.Context())
		sh.check(w, err)
		if r.FormValue("but") != "" {
			sh.check(w, sh.m.RevokeUserSessions(r.Context(), id.UserID, id.Session.ID))
			return
		}
		sh.check(w, sh.m.RevokeUserSessions(r.Context(), id.UserID))
	})
	handler := sh.m.Handler(mux)
	if h.bind {
		handler = binding.Handler(handler)
	}
	sh.srv = httptest.NewTLSServer(handler)
	t.Cleanup(sh.srv.Close)
	return sh
}

func (sh *shop) check(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

func (sh *shop) add(w http.ResponseWriter, r *http.Request) {
	session, err := sh.store.Get(r, "cart")
	if err != nil {
		sh.check(w, err)
		return
	}
	if sh.meet != nil {
		sh.meet()
	}
	item := "item " + r.FormValue("item")
	n, _ := session.Values[item].(int)
	session.Values[item] = n + 1
	session.AddFlash("added " + r.FormValue("item"))
	if err := session.Save(r, w); err != nil {
		sh.check(w, err)
		return
	}
	http.Redirect(w, r, "/cart", http.StatusSeeOther)
}

// cart shows what is in the cart, and the flash messages.
func (sh *shop) cart(w http.ResponseWriter, r *http.Request) {
	session, err := sh.store.Get(r, "cart")
	if err != nil {
		sh.check(w, err)
		return
	}
	flashes := session.Flashes()
	if len(flashes) > 0 {
		if err := session.Save(r, w); err != nil {
			sh.check(w, err)
			return
		}
	}
	for k, v := range session.Values {
		flashes = append(flashes, fmt.Sprint(k, " ", v))
	}
	var lines []string
	for _, f := range flashes {
		lines = append(lines, f.(string))
	}
	slices.Sort(lines)
	fmt.Fprint(w, strings.Join(lines, ", "))
}

// A customer is a browser in the shop.
type customer struct {
	sh *shop
	*http.Client
	jar *cookiejar.Jar
}

func (sh *shop) customer() *customer {
	jar, err := cookiejar.New(nil)
	if err != nil {
		sh.t.Fatal(err)
	}
	return &customer{sh, &http.Client{Transport: sh.srv.Client().Transport, Jar: jar, Timeout: time.Minute}, jar}
}

// cookieOnly returns a customer with the same cookies of gorilla, and none of Gatehouse.
func (c *customer) cookieOnly() *customer {
	d := c.sh.customer()
	u, _ := url.Parse(c.sh.srv.URL)
	for _, k := range c.jar.Cookies(u) {
		if k.Name == hostCart {
			k.Path, k.Secure = "/", true
			d.jar.SetCookies(u, []*http.Cookie{k})
		}
	}
	return d
}

func (c *customer) cookie() string {
	u, _ := url.Parse(c.sh.srv.URL)
	for _, k := range c.jar.Cookies(u) {
		if k.Name == hostCart {
			return k.Value
		}
	}
	return ""
}

func (c *customer) do(method, path string, form ...string) string {
	c.sh.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r, err := http.NewRequest(method, c.sh.srv.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		c.sh.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.Do(r)
	if err != nil {
		c.sh.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.sh.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Sprintf("%d %s", res.StatusCode, strings.TrimSpace(string(body)))
	}
	return string(body)
}

func (c *customer) expect(want string, method, path string, form ...string) {
	c.sh.t.Helper()
	if got := c.do(method, path, form...); got != want {
		c.sh.t.Errorf("%s %s: %q, want %q", method, path, got, want)
	}
}

// The whole of it, on every backend: a flash survives a redirect, a cart a login and
// no log-out; two adds in parallel are both there.
func TestShop(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		for _, h := range []how{{bind: true}, {user: true}, {bind: true, user: true}} {
			t.Run(h.String(), func(t *testing.T) {
				sh := newShop(t, backend, h)
				c := sh.customer()
				c.expect("added apple, item apple 1", "POST", "/add", "item", "apple") // by the redirect
				c.expect("item apple 1", "GET", "/cart")

				var met sync.WaitGroup
				met.Add(2)
				sh.meet = func() { met.Done(); met.Wait() }
				var done sync.WaitGroup
				for _, item := range []string{"plum", "pear"} {
					done.Go(func() { c.do("POST", "/add", "item", item) })
				}
				done.Wait()
				sh.meet = nil
				c.do("GET", "/cart")
				c.expect("item apple 1, item pear 1, item plum 1", "GET", "/cart")

				stolen := c.cookieOnly() // known to somebody before the login
				c.expect("", "POST", "/in", "user", "ada")
				c.expect("item apple 1, item pear 1, item plum 1", "GET", "/cart")
				c.expect("added fig, item apple 1, item fig 1, item pear 1, item plum 1", "POST", "/add", "item", "fig")
				stolen.expect("", "GET", "/cart")

				mine := c.cookieOnly()
				c.expect("", "POST", "/out")
				c.expect("", "GET", "/cart")
				if h.bind {
					mine.expect("", "GET", "/cart") // the record is gone
					if c.cookie() != "" {
						t.Error("the cookie is still there")
					}
				} else if h.user {
					mine.expect("", "GET", "/cart") // it is not shown
				}
				c.expect("added kiwi, item kiwi 1", "POST", "/add", "item", "kiwi")
				c.expect("", "POST", "/in", "user", "bob")
				c.expect("item kiwi 1", "GET", "/cart")
			})
		}
	})
}

// A login renews within the same request, and what the host does with the session
// afterwards in that request is not lost, nor is the cart.
func TestLoginInTheSameRequest(t *testing.T) {
	for _, h := range []how{{bind: true}, {user: true}, {bind: true, user: true}} {
		t.Run(h.String(), func(t *testing.T) {
			sh := newShop(t, gorillastore.NewMemory(), h)
			c := sh.customer()
			c.do("POST", "/add", "item", "apple")
			c.do("GET", "/cart")
			before := c.cookieOnly()
			c.expect("", "POST", "/in", "user", "ada", "flash", "welcome")
			if c.cookie() == before.cookie() {
				t.Error("was not renewed")
			}
			before.expect("", "GET", "/cart")
			c.expect("item apple 1, welcome", "GET", "/cart")
			// Again, which changes nothing but the token.
			c.expect("", "POST", "/in", "user", "ada", "flash", "again")
			c.expect("again, item apple 1", "GET", "/cart")
		})
	}
}

// The session that was loaded before a log-out in the same request does not bring it
// back; with a Binding it begins anew.
func TestLogOutInTheSameRequest(t *testing.T) {
	for _, h := range []how{{bind: true}, {bind: true, user: true}} {
		sh := newShop(t, gorillastore.NewMemory(), h)
		c := sh.customer()
		c.do("POST", "/in", "user", "ada")
		c.do("POST", "/add", "item", "apple")
		c.expect("", "POST", "/out", "flash", "bye")
		c.expect("bye", "GET", "/cart")
		c.expect("", "GET", "/cart")
	}
	sh := newShop(t, gorillastore.NewMemory(), how{user: true})
	c := sh.customer()
	c.do("POST", "/in", "user", "ada")
	c.do("POST", "/add", "item", "apple")
	if got := c.do("POST", "/out", "flash", "bye"); !strings.Contains(got, gorillastore.ErrGone.Error()) {
		t.Errorf("saved after the log-out: %q", got)
	}
	c.expect("", "GET", "/cart")
	// The same user finds it again, if nothing has taken its place.
	c.expect("", "POST", "/in", "user", "ada")
	c.expect("item apple 1", "GET", "/cart")
	c.expect("", "POST", "/in", "user", "bob") // in whose place nobody has logged out
	c.expect("", "GET", "/cart")
}

// Somebody else logs in where somebody is logged in, or was until it expired: nothing
// is carried over.
func TestAnotherUserLogsIn(t *testing.T) {
	for _, h := range []how{{bind: true}, {user: true}, {bind: true, user: true}} {
		for _, expired := range []bool{false, true} {
			t.Run(fmt.Sprint(h, expired), func(t *testing.T) {
				memory := gorillastore.NewMemory()
				sh := newShop(t, memory, h)
				c := sh.customer()
				c.do("POST", "/in", "user", "ada")
				c.do("POST", "/add", "item", "secret")
				c.do("GET", "/cart")
				c.expect("", "POST", "/in", "user", "ada") // with a cart: it is hers from now on, at the latest
				if expired {
					sh.clock.Advance(25 * time.Hour)
				}
				c.expect("", "POST", "/in", "user", "bob", "flash", "welcome")
				c.expect("welcome", "GET", "/cart")
				if want := 1; h.bind && memory.Len() != want {
					t.Errorf("%d records, want %d", memory.Len(), want)
				}
			})
		}
	}
}

// A login that has expired hides the cart with Options.User, until the user is back.
func TestExpiredLogin(t *testing.T) {
	sh := newShop(t, gorillastore.NewMemory(), how{bind: true, user: true})
	c := sh.customer()
	c.do("POST", "/in", "user", "ada")
	c.do("POST", "/add", "item", "apple")
	sh.clock.Advance(25 * time.Hour)
	c.expect("", "GET", "/cart")
	c.expect("", "POST", "/in", "user", "ada")
	c.expect("item apple 1", "GET", "/cart")
}

// To log out everywhere deletes the user's sessions on all devices, and nobody else's.
func TestLogOutEverywhere(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		sh := newShop(t, backend, how{bind: true, user: true})
		shopper := func(user, item string) *customer {
			c := sh.customer()
			if user != "" {
				c.do("POST", "/in", "user", user)
			}
			c.do("POST", "/add", "item", item)
			c.do("GET", "/cart")
			return c
		}
		phone, laptop, bob, nobody := shopper("ada", "a"), shopper("ada", "b"), shopper("bob", "c"), shopper("", "d")
		phone.expect("", "POST", "/everywhere", "but", "this")
		phone.expect("item a 1", "GET", "/cart")
		laptop.do("POST", "/in", "user", "ada")
		laptop.expect("", "GET", "/cart")
		phone.expect("", "POST", "/everywhere")
		phone.do("POST", "/in", "user", "ada")
		phone.expect("", "GET", "/cart")
		bob.expect("item c 1", "GET", "/cart")
		nobody.expect("item d 1", "GET", "/cart")
		// And without a Binding, by hand.
		bob.do("POST", "/add", "item", "c")
		if err := sh.store.DeleteUser(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		bob.expect("", "GET", "/cart")
	})
}

// What a log-out leaves is the host's choice.
func TestAtLogOut(t *testing.T) {
	keepApples := func(values map[any]any) {
		maps.DeleteFunc(values, func(k, _ any) bool { return k != "item apple" })
	}
	for _, h := range []how{{bind: true, atLogOut: keepApples}, {bind: true, user: true, atLogOut: keepApples}} {
		memory := gorillastore.NewMemory()
		sh := newShop(t, memory, h)
		c := sh.customer()
		c.do("POST", "/in", "user", "ada")
		c.do("POST", "/add", "item", "apple")
		c.do("POST", "/add", "item", "secret")
		before := c.cookieOnly()
		c.expect("", "POST", "/out", "flash", "bye")
		before.expect("", "GET", "/cart")
		c.expect("bye, item apple 1", "GET", "/cart")
		if err := sh.store.DeleteUser(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		c.expect("item apple 1", "GET", "/cart") // it is nobody's now
		if memory.Len() != 1 {
			t.Errorf("%d records", memory.Len())
		}
		// Nothing left is no session.
		d := sh.customer()
		d.do("POST", "/in", "user", "bob")
		d.do("POST", "/add", "item", "secret")
		d.do("GET", "/cart")
		d.expect("", "POST", "/out")
		if memory.Len() != 1 || d.cookie() != "" {
			t.Errorf("%d records, cookie %q", memory.Len(), d.cookie())
		}
	}
}

// The store is down when somebody logs in or out: Gatehouse does what it does, and it
// is logged. With Options.User the next Save makes up for it.
func TestBindDuringAnOutage(t *testing.T) {
	memory := gorillastore.NewMemory()
	sh := newShop(t, memory, how{bind: true, user: true})
	c := sh.customer()
	c.do("POST", "/add", "item", "apple")
	before := c.cookieOnly()
	fail := func(string) error { return io.ErrUnexpectedEOF }
	sh.backend.set(fail, nil)
	c.expect("", "POST", "/in", "user", "ada")
	if c.cookie() != before.cookie() || !strings.Contains(sh.log.String(), io.ErrUnexpectedEOF.Error()) {
		t.Errorf("log: %s", sh.log.String())
	}
	if got := c.do("GET", "/cart"); !strings.HasPrefix(got, "503") {
		t.Errorf("during the outage: %q", got)
	}
	sh.backend.set(nil, nil)
	c.expect("added pear, item apple 1, item pear 1", "POST", "/add", "item", "pear")
	if before.expect("", "GET", "/cart"); c.cookie() == before.cookie() {
		t.Error("was not renewed")
	}
	mine := c.cookieOnly()
	sh.log.Reset()
	sh.backend.set(func(verb string) error {
		if verb == "delete" {
			return io.ErrUnexpectedEOF
		}
		return nil
	}, nil)
	c.expect("", "POST", "/out")
	if c.cookie() != "" || memory.Len() != 1 || !strings.Contains(sh.log.String(), io.ErrUnexpectedEOF.Error()) {
		t.Errorf("cookie %q, log: %s", c.cookie(), sh.log.String())
	}
	mine.expect("", "GET", "/cart") // not shown to nobody
}

// A visitor without the cookie is handed on as they came.
func TestBindingCostsNothing(t *testing.T) {
	s, _ := newStore(t, gorillastore.NewMemory(), nil)
	var got *http.Request
	h := s.Bind("cart").Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	r, w := newBrowser().request(), httptest.NewRecorder()
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n > 0 || got != r {
		t.Errorf("%v allocations, the same request: %t", n, got == r)
	}
}

// Who is asking cannot be found out: an outage, not a new session.
func TestUserOutage(t *testing.T) {
	var failed error
	s, _ := newStore(t, gorillastore.NewMemory(), &gorillastore.Options{User: func(context.Context) (string, error) { return "ada", failed }})
	b := newBrowser()
	b.put(t, s, "k", "v")
	failed = io.ErrUnexpectedEOF
	r, w := b.request(), httptest.NewRecorder()
	session, err := s.Get(r, "cart")
	if err == nil || session.IsNew || session.Save(r, w) == nil {
		t.Errorf("Get: %v", err)
	}
	session, err = s.Get(newBrowser().request(), "cart")
	session.Values["k"] = "v"
	if err != nil || session.Save(r, w) == nil || len(w.Header()) > 0 {
		t.Errorf("a new one: %v", err)
	}
	for _, tt := range []struct {
		id   *auth.Identity
		err  error
		want string
		fail bool
	}{
		{&auth.Identity{UserID: "ada"}, nil, "ada", false},
		{nil, fmt.Errorf("x: %w", auth.ErrNoCredentials), "", false},
		{nil, fmt.Errorf("x: %w", auth.ErrBadCredentials), "", false},
		{nil, io.ErrUnexpectedEOF, "", true},
	} {
		if got, err := gorillastore.UserID(tt.id, tt.err); got != tt.want || (err != nil) != tt.fail {
			t.Errorf("UserID(%v, %v) = %q, %v", tt.id, tt.err, got, err)
		}
	}
}
