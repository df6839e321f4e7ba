package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// inside returns the context that a handler sees in a request of v's, which has not
// come to an end.
func (v *visitor) inside(m *auth.Manager) (ctx context.Context) {
	v.s.t.Helper()
	w := httptest.NewRecorder()
	r := v.request("GET", "/live", "")
	r = r.WithContext(v.s.t.Context())
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
	}
	return ctx
}

// watch watches the login of v.
func (v *visitor) watch(every time.Duration) context.Context {
	v.s.t.Helper()
	ctx, stop := v.s.m.Watch(v.inside(v.s.m), every)
	v.s.t.Cleanup(stop)
	if err := context.Cause(ctx); err != nil {
		v.s.t.Fatalf("it has ended already: %v", err)
	}
	return ctx
}

// ended says how ctx ended: "live", a reason, or an error.
func ended(ctx context.Context) string {
	if ctx.Err() == nil {
		return "live"
	}
	err := context.Cause(ctx)
	var p *auth.Problem
	switch {
	case errors.Is(err, auth.ErrNoCredentials) && errors.As(err, &p):
		return p.Reason
	case errors.Is(err, auth.ErrBadCredentials) && errors.As(err, &p):
		return p.Code
	}
	return err.Error()
}

// What ends a session through the Manager ends what hangs on it before it returns,
// and nothing else.
func TestWatchEndsAtOnce(t *testing.T) {
	const never = 24 * time.Hour
	strict := func(o *auth.Options) {
		o.Binding = auth.Binding{Strict: true, To: []func(*http.Request, netip.Addr) string{
			func(r *http.Request, _ netip.Addr) string { return r.UserAgent() },
		}}
	}
	handle := func(s *site, ctx context.Context) string {
		id, err := s.m.IdentityFrom(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		return id.Session.Handle()
	}
	for _, tt := range []struct {
		name    string
		options func(*auth.Options)
		end     func(s *site, ada *visitor, inside context.Context) error
		others  string // what becomes of ada's other browser
	}{
		{name: "log-out", others: "live", end: func(_ *site, ada *visitor, _ context.Context) error {
			ada.post("/auth/logout", "")
			return nil
		}},
		{name: "revoked", others: "live", end: func(s *site, _ *visitor, inside context.Context) error {
			return s.m.RevokeSession(context.Background(), "ada", handle(s, inside))
		}},
		{name: "all revoked", others: "revoked", end: func(s *site, _ *visitor, _ context.Context) error {
			return s.m.RevokeUserSessions(context.Background(), "ada")
		}},
		{name: "all others revoked", others: "revoked", end: func(s *site, _ *visitor, _ context.Context) error {
			third := s.browser().logIn("ada")
			live := third.watch(never)
			third.post("/auth/sessions/revoke", "all=others")
			if got := ended(live); got != "live" {
				return errors.New("the one that revoked the others: " + got)
			}
			return nil
		}},
		{name: "credentials", others: "revoked", end: func(s *site, _ *visitor, _ context.Context) error {
			return s.m.ChangeCredentials(context.Background(), "ada",
				auth.Change{New: &auth.Credential{Kind: "key", Key: "k", UserID: "ada", CreatedAt: t0}})
		}},
		{name: "another login", others: "live", end: func(_ *site, ada *visitor, _ context.Context) error {
			ada.logIn("bob")
			return nil
		}},
		{name: "the same user anew", others: "live", end: func(_ *site, ada *visitor, _ context.Context) error {
			ada.logIn("ada")
			return nil
		}},
		{name: "strict binding", options: strict, others: "live", end: func(_ *site, ada *visitor, _ context.Context) error {
			ada.header.Set("User-Agent", "curl/8")
			if who := ada.who(); who != "nobody" {
				return errors.New("the binding let pass " + who)
			}
			return nil
		}},
		{name: "theft", others: "live", end: func(s *site, ada *visitor, _ context.Context) error {
			if res := ada.post("/auth/trust?user=ada&remember=1", ""); res.StatusCode != 303 {
				return errors.New(res.Status)
			}
			thief := s.browser()
			thief.cookies["__Host-remember"] = ada.cookies["__Host-remember"]
			delete(ada.cookies, "__Host-sid")
			live := ada.watch(never) // restored; the token is used up
			s.clock.Advance(2 * time.Minute)
			if who := thief.who(); who != "nobody" {
				return errors.New("the thief is " + who)
			}
			if got := ended(live); got != "revoked" {
				return errors.New("the remembered session is " + got)
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, tt.options)
			ada, other, bob := s.browser().logIn("ada"), s.browser().logIn("ada"), s.browser().logIn("bob")
			first, second, others, bobs := ada.watch(never), ada.watch(never), other.watch(never), bob.watch(never)
			if err := tt.end(s, ada, first); err != nil {
				t.Fatal(err)
			}
			if a, b := ended(first), ended(second); a != "revoked" || b != "revoked" {
				t.Errorf("it is %s and %s", a, b)
			}
			if got := ended(others); got != tt.others {
				t.Errorf("another session of the user is %s", got)
			}
			if got := ended(bobs); got != "live" {
				t.Errorf("another user's is %s", got)
			}
		})
	}
}

// passes lets time pass for timers and for the site.
func (s *site) passes(d time.Duration) {
	s.clock.Advance(d)
	time.Sleep(d)
	synctest.Wait()
}

// What time and other processes do is found at the next look, and looking leaves
// no trace.
func TestWatchLooks(t *testing.T) {
	const every = 10 * time.Second
	for _, tt := range []struct {
		name   string
		change func(s *site, ada *visitor)
		want   string
	}{
		{"nothing", func(*site, *visitor) {}, "live"},
		{"idle", func(s *site, _ *visitor) { s.clock.Advance(time.Hour) }, "expired"},
		{"end", func(s *site, _ *visitor) { s.clock.Advance(24 * time.Hour) }, "expired"},
		{"disabled", func(s *site, _ *visitor) { s.accounts.change("ada", func(a *account) { a.disabled = true }) }, "disabled"},
		{"changed", func(s *site, _ *visitor) { s.accounts.change("ada", func(a *account) { a.version = "2" }) }, "changed"},
		{"deleted", func(s *site, _ *visitor) {
			s.accounts.mu.Lock()
			defer s.accounts.mu.Unlock()
			delete(s.accounts.m, "ada")
		}, "revoked"},
		{"log-out in another process", func(s *site, ada *visitor) {
			there := newSiteOn(s.t, s.store.Store, nil)
			same := there.browser()
			same.cookies = ada.cookies
			if res := same.post("/auth/logout", ""); res.StatusCode != 303 {
				s.t.Error(res.Status)
			}
		}, "revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil)
				ada := s.browser().logIn("ada")
				ctx := ada.watch(every)
				s.passes(3 * every) // nothing has happened
				tt.change(s, ada)
				synctest.Wait()
				if got := ended(ctx); got != "live" {
					t.Errorf("before the next look it is %s", got)
				}
				s.passes(every)
				if got := ended(ctx); got != tt.want {
					t.Errorf("it is %s, want %s", got, tt.want)
				}
				if n := s.store.count("UpdateSession"); n != 0 {
					t.Errorf("%d sessions were touched", n)
				}
			})
		})
	}
}

// A session that is only watched ends at its idle timeout.
func TestWatchDoesNotKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		ctx := s.browser().logIn("ada").watch(time.Minute)
		s.passes(59 * time.Minute)
		if got := ended(ctx); got != "live" {
			t.Errorf("after 59 minutes it is %s", got)
		}
		s.passes(2 * time.Minute)
		if got := ended(ctx); got != "expired" {
			t.Errorf("after an hour it is %s", got)
		}
	})
}

func TestWatchHowOften(t *testing.T) {
	for _, tt := range []struct {
		every time.Duration
		atMin int // looks in two hours, without the first
		atMax int
	}{
		{0, 120, 138}, {-time.Hour, 120, 138}, {time.Nanosecond, 7200, 8300}, {10 * time.Minute, 12, 14},
	} {
		t.Run(tt.every.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(o *auth.Options) { o.IdleTimeout = 24 * time.Hour })
				ctx := s.browser().logIn("ada").watch(tt.every)
				before := s.store.count("LoadSession")
				s.passes(2 * time.Hour)
				if n := s.store.count("LoadSession") - before; n < tt.atMin || n > tt.atMax {
					t.Errorf("%d looks, want %d to %d", n, tt.atMin, tt.atMax)
				}
				if got := ended(ctx); got != "live" {
					t.Errorf("it is %s", got)
				}
			})
		})
	}
}

// Two failures in a row are borne, three are not, and never taken for a log-out.
func TestWatchDuringAnOutage(t *testing.T) {
	const every = 10 * time.Second
	for name, fail := range map[string]func(s *site, err error){
		"store": func(s *site, err error) { s.store.fails("LoadSession", err) },
		"users": func(s *site, err error) { s.accounts.fails(err) },
		"hangs": func(s *site, err error) {
			s.store.mu.Lock()
			defer s.store.mu.Unlock()
			s.store.before["LoadSession"] = nil
			if err != nil {
				s.store.fail["LoadSession"] = context.DeadlineExceeded
				s.store.before["LoadSession"] = func() { time.Sleep(5 * time.Second) }
			} else {
				delete(s.store.fail, "LoadSession")
			}
		},
		"panic": func(s *site, err error) {
			s.store.mu.Lock()
			defer s.store.mu.Unlock()
			s.store.before["LoadSession"] = nil
			if err != nil {
				s.store.before["LoadSession"] = func() { panic("the driver") }
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil)
				ctx := s.browser().logIn("ada").watch(every)
				fail(s, errDown)
				s.passes(2*every + 5*time.Second)
				fail(s, nil)
				s.passes(every + 5*time.Second)
				fail(s, errDown)
				s.passes(2 * every)
				if got := ended(ctx); got != "live" {
					t.Errorf("after two failures it is %s", got)
				}
				s.passes(every + 15*time.Second)
				err := context.Cause(ctx)
				var p *auth.Problem
				if !errors.As(err, &p) || p.Status != 503 || errors.Is(err, auth.ErrNoCredentials) || errors.Is(err, auth.ErrBadCredentials) {
					t.Errorf("after three failures: %v", err)
				}
			})
		})
	}
}

// A look has an end, whatever the store does.
func TestWatchLookTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: memory.New(nil)}
		s := newSiteOn(t, store, nil)
		ctx := s.browser().logIn("ada").watch(time.Minute)
		store.set(hooks{load: func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		s.passes(4 * time.Minute)
		if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := &changing{user: "ada"}
		s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{l} })
		ctx := s.visitor("X-Changing", "secret").watch(time.Minute)
		l.mu.Lock()
		l.hangs = true
		l.mu.Unlock()
		s.passes(4 * time.Minute)
		if err := context.Cause(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, auth.ErrNoCredentials) {
			t.Errorf("a loader: it ended with %v", err)
		}
	})
}

// hooked is a store that can be told what else to do.
type hooked struct {
	auth.Store
	mu    sync.Mutex
	hooks hooks
}

type hooks struct {
	loading func()                          // before a session is loaded
	load    func(ctx context.Context) error // after one was loaded
	deleted func()                          // after one was deleted
	created func(sess *auth.Session)        // after one was created
}

// set tells it, while others use it.
func (h *hooked) set(hooks hooks) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = hooks
}

func (h *hooked) told() hooks {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hooks
}

func (h *hooked) Unwrap() any { return h.Store }

func (h *hooked) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	if loading := h.told().loading; loading != nil {
		loading()
	}
	sess, err := h.Store.LoadSession(ctx, id)
	if load := h.told().load; load != nil {
		if err := load(ctx); err != nil {
			return nil, err
		}
	}
	return sess, err
}

func (h *hooked) CreateSession(ctx context.Context, sess *auth.Session) error {
	err := h.Store.CreateSession(ctx, sess)
	if created := h.told().created; created != nil {
		created(sess)
	}
	return err
}

func (h *hooked) DeleteSession(ctx context.Context, id auth.SessionID) error {
	err := h.Store.DeleteSession(ctx, id)
	if deleted := h.told().deleted; deleted != nil {
		deleted()
	}
	return err
}

// A failure of the first look counts, and is borne like any other.
func TestWatchBeginsDuringAnOutage(t *testing.T) {
	const every = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, nil)
		inside := s.browser().logIn("ada").inside(s.m)
		if _, err := s.m.IdentityFrom(inside); err != nil {
			t.Fatal(err)
		}
		s.store.fails("LoadSession", errDown)
		ctx, stop := s.m.Watch(inside, every)
		defer stop()
		s.passes(every)
		if got := ended(ctx); got != "live" {
			t.Errorf("after two failures it is %s", got)
		}
		s.passes(every)
		if err := context.Cause(ctx); !errors.Is(err, errDown) {
			t.Errorf("after three failures: %v", err)
		}
	})
}

// What cannot be watched is over before it begins.
func TestWatchNobody(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} })
	check := func(name string, ctx context.Context, sentinel error, status int) {
		t.Helper()
		watched, stop := s.m.Watch(ctx, 0)
		defer stop()
		err := context.Cause(watched)
		var p *auth.Problem
		if !errors.Is(err, sentinel) || !errors.As(err, &p) || p.Status != status {
			t.Errorf("%s: %v", name, err)
		}
		if n, _, _ := s.m.Watching(); n != 0 {
			t.Errorf("%s: %d watches", name, n)
		}
	}
	check("no request", t.Context(), auth.ErrNoCredentials, 401)
	check("nobody", s.visitor().inside(s.m), auth.ErrNoCredentials, 401)
	check("wrong key", s.visitor("X-Key", "wrong").inside(s.m), auth.ErrBadCredentials, 401)
	check("outage", s.visitor("X-Key", "broken").inside(s.m), errDown, 503)
	gone := s.browser().logIn("ada")
	inside := gone.inside(s.m)
	gone.post("/auth/logout", "")
	check("logged out before anybody asked", inside, auth.ErrNoCredentials, 401)
}

// Whoever logs out after it was known who asks, and before it is watched, is
// out; and so is whoever does so while Watch begins.
func TestWatchBegins(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")
	inside := ada.inside(s.m)
	if _, err := s.m.IdentityFrom(inside); err != nil {
		t.Fatal(err)
	}
	ada.post("/auth/logout", "")
	ctx, stop := s.m.Watch(inside, 24*time.Hour)
	defer stop()
	if got := ended(ctx); got != "revoked" {
		t.Errorf("logged out before: %s", got)
	}

	store := &hooked{Store: memory.New(nil)}
	s = newSiteOn(t, store, nil)
	inside = s.browser().logIn("ada").inside(s.m)
	if _, err := s.m.IdentityFrom(inside); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	store.set(hooks{load: func(context.Context) error {
		once.Do(func() { // the look has seen the session, and it is ended now
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				t.Error(err)
			}
		})
		return nil
	}})
	ctx, stop = s.m.Watch(inside, 24*time.Hour)
	defer stop()
	if got := ended(ctx); got != "revoked" {
		t.Errorf("logged out meanwhile: %s", got)
	}
}

// A loader is asked again, with what the request carried.
func TestWatchRequestLoader(t *testing.T) {
	const every = 10 * time.Second
	for _, tt := range []struct {
		name   string
		change func(s *site, l *changing)
		soon   bool // seen at once
		want   string
	}{
		{"nothing", func(*site, *changing) {}, false, "live"},
		{"sessions revoked", func(s *site, _ *changing) {
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				s.t.Error(err)
			}
		}, false, "live"},
		{"key revoked", func(_ *site, l *changing) { l.set("", auth.ErrBadCredentials) }, false, "bad_credentials"},
		{"key revoked, credentials changed", func(s *site, l *changing) {
			l.set("", auth.ErrBadCredentials)
			if err := s.m.ChangeCredentials(context.Background(), "ada",
				auth.Change{New: &auth.Credential{Kind: "key", Key: "k", UserID: "ada", CreatedAt: t0}}); err != nil {
				s.t.Error(err)
			}
		}, true, "bad_credentials"},
		{"not a key any more", func(_ *site, l *changing) { l.set("", auth.ErrNoCredentials) }, false, "revoked"},
		{"another user's", func(_ *site, l *changing) { l.set("bob", nil) }, false, "bad_credentials"},
		{"disabled", func(s *site, _ *changing) { s.accounts.change("ada", func(a *account) { a.disabled = true }) }, false, "bad_credentials"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &changing{user: "ada"}
				s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}, l} })
				r := s.visitor("X-Changing", "secret").request("GET", "/live", "")
				r, done := r.WithContext(t.Context()), func() {}
				var ctx context.Context
				s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					ctx, done = s.m.Watch(r.Context(), every)
					r.Header.Del("X-Changing") // before the request goes on elsewhere
				})).ServeHTTP(httptest.NewRecorder(), r)
				defer done()
				loaded := len(s.named("loaded"))
				s.passes(3 * every)
				tt.change(s, l)
				synctest.Wait()
				if got := ended(ctx); got != "live" && !tt.soon || got == "live" && tt.soon {
					t.Errorf("before the next look it is %s", got)
				}
				s.passes(every)
				if got := ended(ctx); got != tt.want {
					t.Errorf("it is %s, want %s", got, tt.want)
				}
				if n := len(s.named("loaded")) - loaded; n != 0 {
					t.Errorf("looking told of %d requests", n)
				}
				if l.body.Load() {
					t.Error("a look could read the body")
				}
			})
		})
	}
}

// changing is a loader whose mind can be changed.
type changing struct {
	mu    sync.Mutex
	user  string
	err   error
	hangs bool
	asked bool
	body  atomic.Bool // whether there was one when it was asked again
}

func (l *changing) set(user string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.user, l.err = user, err
}

func (l *changing) LoadRequest(r *http.Request) (*auth.Identity, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Header.Get("X-Changing") != "secret" {
		return nil, auth.ErrNoCredentials
	}
	if l.asked && r.Body != http.NoBody {
		l.body.Store(true)
	}
	l.asked = true
	if l.hangs {
		<-r.Context().Done()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &auth.Identity{UserID: l.user}, l.err
}

// The server ends a request's context when the handler has gone. Whoever takes the
// connection along is not taken for an outage then.
func TestWatchOutlivesTheRequest(t *testing.T) {
	const every = 10 * time.Second
	for _, header := range []string{"X-Changing", "X-None"} {
		t.Run(header, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&changing{user: "ada"}} })
				ada := s.browser().logIn("ada")
				ada.header.Set(header, "secret")
				request, handlerGone := context.WithCancel(t.Context())
				var with, without context.Context
				var stops [2]context.CancelFunc
				s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					with, stops[0] = s.m.Watch(r.Context(), every)
					without, stops[1] = s.m.Watch(context.WithoutCancel(r.Context()), every)
				})).ServeHTTP(httptest.NewRecorder(), ada.request("GET", "/live", "").WithContext(request))
				defer stops[0]()
				defer stops[1]()
				s.passes(every)
				handlerGone()
				s.passes(5 * every)
				if err := context.Cause(with); err != context.Canceled {
					t.Errorf("with the request it ended with %v", err)
				}
				if got := ended(without); got != "live" {
					t.Errorf("without the request it is %s", got)
				}
				s.accounts.change("ada", func(a *account) { a.disabled = true })
				s.passes(every)
				if got := ended(without); got == "live" {
					t.Error("a disabled user goes on")
				}
			})
		})
	}
}

// A confirmation renews the session, and what hangs on it goes on in this process;
// in another it ends.
func TestWatchReauthenticate(t *testing.T) {
	const every = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: memory.New(nil)}
		s := newSiteOn(t, store, nil)
		there := newSiteOn(t, store, nil)
		ada := s.browser().logIn("ada")
		same := there.browser()
		same.cookies["__Host-sid"] = ada.cookies["__Host-sid"]
		here, elsewhere := ada.watch(every), same.watch(every)
		store.set(hooks{deleted: func() { s.passes(2 * every) }}) // somebody looks just now
		if res := ada.post("/auth/trust/confirm", ""); res.StatusCode != 303 {
			t.Fatal(res.Status, body(res))
		}
		store.set(hooks{})
		s.passes(2 * every)
		if a, b := ended(here), ended(elsewhere); a != "live" || b != "revoked" {
			t.Errorf("here it is %s, elsewhere %s", a, b)
		}
		if all, sessions, users := s.m.Watching(); all != 1 || sessions != 1 || users != 1 {
			t.Errorf("%d watches by %d sessions and %d users", all, sessions, users)
		}
		ada.post("/auth/logout", "")
		if got := ended(here); got != "revoked" {
			t.Errorf("after the log-out it is %s", got)
		}
	})
}

// Whoever looks for the old session while it is renewed looks for the new one then.
func TestWatchRenewedDuringALook(t *testing.T) {
	const every = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: memory.New(nil)}
		s := newSiteOn(t, store, nil)
		ada := s.browser().logIn("ada")
		ctx := ada.watch(every)
		var renewed atomic.Bool
		store.set(hooks{loading: func() { // the look knows the old session's ID
			if renewed.Swap(true) {
				return
			}
			if res := ada.post("/auth/trust/confirm", ""); res.StatusCode != 303 {
				t.Error(res.Status)
			}
		}})
		s.passes(3 * every)
		if got := ended(ctx); got != "live" {
			t.Errorf("it is %s", got)
		}
		if len(s.named("reauthenticated")) != 1 {
			t.Error("nothing was renewed")
		}
	})
}

// A renewal that fails leaves things as they were.
func TestWatchReauthenticateFails(t *testing.T) {
	const never = 24 * time.Hour
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")
	ctx := ada.watch(never)
	s.store.fails("DeleteSession", errDown)
	if res := ada.post("/auth/trust/confirm", ""); res.StatusCode != 503 {
		t.Fatal(res.Status)
	}
	s.store.fails("DeleteSession", nil)
	if got := ended(ctx); got != "live" || ada.who() != "ada" {
		t.Fatalf("it is %s, and %s asks", got, ada.who())
	}
	ada.post("/auth/logout", "")
	if got := ended(ctx); got != "revoked" {
		t.Errorf("after the log-out it is %s", got)
	}
}

// Whoever ends the new session before what hangs on the old one has moved to it
// ends that as well, at once.
func TestWatchRevokedWhileRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: memory.New(nil)}
		s := newSiteOn(t, store, nil)
		ada := s.browser().logIn("ada")
		ctx := ada.watch(24 * time.Hour)
		store.set(hooks{created: func(sess *auth.Session) {
			if err := s.m.RevokeSession(context.Background(), "ada", sess.Handle()); err != nil {
				t.Error(err)
			}
		}})
		ada.post("/auth/trust/confirm", "")
		synctest.Wait()
		if got := ended(ctx); got != "revoked" {
			t.Errorf("it is %s", got)
		}
	})
}

// Managers do not meet, whatever they share.
func TestWatchRealms(t *testing.T) {
	const never = 24 * time.Hour
	store := memory.New(nil)
	a := newSiteOn(t, store, func(o *auth.Options) { o.Realm = "a" })
	b := newSiteOn(t, store, func(o *auth.Options) { o.Realm = "b" })
	plain := newSiteOn(t, store, nil)
	ofA, ofB, ofNone := a.browser().logIn("ada").watch(never), b.browser().logIn("ada"), plain.browser().logIn("ada").watch(never)
	inB := ofB.inside(b.m)
	watchedB, stop := b.m.Watch(inB, never)
	defer stop()
	for name, m := range map[string]*auth.Manager{"a": a.m, "none": plain.m} {
		ctx, stop := m.Watch(inB, never)
		defer stop()
		if got := ended(ctx); got != "none" {
			t.Errorf("a user of b is %s in %s", got, name)
		}
	}
	if err := a.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if x, y, z := ended(ofA), ended(watchedB), ended(ofNone); x != "revoked" || y != "live" || z != "live" {
		t.Errorf("%s, %s, %s", x, y, z)
	}
	ofB.post("/auth/logout", "")
	if got := ended(watchedB); got != "revoked" {
		t.Errorf("after the log-out it is %s", got)
	}
}

// What hangs on nobody's login lives as long as its user.
func TestWatchWithIdentity(t *testing.T) {
	const every = 10 * time.Second
	for _, tt := range []struct {
		name   string
		change func(s *site)
		want   string
	}{
		{"revoked", func(s *site) {
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				s.t.Error(err)
			}
		}, "live"},
		{"disabled", func(s *site) { s.accounts.change("ada", func(a *account) { a.disabled = true }) }, "disabled"},
		{"changed", func(s *site) { s.accounts.change("ada", func(a *account) { a.version = "2" }) }, "changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, nil)
				s.accounts.change("ada", func(a *account) { a.version = "1" })
				id, err := s.m.Identify(t.Context(), "ada")
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := s.m.Watch(auth.WithIdentity(t.Context(), id), every)
				defer stop()
				s.passes(3 * every)
				tt.change(s)
				s.passes(every)
				if got := ended(ctx); got != tt.want {
					t.Errorf("it is %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// A watch is one goroutine, which ends with the context, with stop and with the
// login, and leaves nothing behind.
func TestWatchLeavesNothing(t *testing.T) {
	const n = 50
	for _, how := range []string{"context", "stop", "log-out"} {
		t.Run(how, func(t *testing.T) {
			s := newSite(t, nil)
			ada := s.browser().logIn("ada")
			inside, end := context.WithCancel(ada.inside(s.m))
			defer end()
			before := runtime.NumGoroutine()
			var stops []context.CancelFunc
			for range n {
				_, stop := s.m.Watch(inside, 0)
				stops = append(stops, stop)
			}
			if got := runtime.NumGoroutine() - before; got > n {
				t.Errorf("%d goroutines for %d watches", got, n)
			}
			if all, sessions, users := s.m.Watching(); all != n || sessions != 1 || users != 1 {
				t.Errorf("%d watches by %d sessions and %d users", all, sessions, users)
			}
			switch how {
			case "context":
				end()
			case "stop":
				for _, stop := range stops {
					stop()
					stop() // again does no harm
				}
			default:
				ada.post("/auth/logout", "")
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				all, sessions, users := s.m.Watching()
				if all+sessions+users == 0 && runtime.NumGoroutine() <= before {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("left over: %d watches by %d sessions and %d users, %d goroutines", all, sessions, users, runtime.NumGoroutine()-before)
				}
			}
			for _, stop := range stops {
				stop()
			}
		})
	}
}

// Many begin to watch while many log out, confirm and are revoked: whatever comes
// first, nothing goes on without its session.
func TestWatchManyAtOnce(t *testing.T) {
	const users, watchers = 8, 16
	s := newSite(t, func(o *auth.Options) { o.Limits.Network = auth.Limit{Max: 1000, Per: time.Minute} })
	s.accounts.mu.Lock()
	for i := range users {
		id := fmt.Sprint("user", i)
		s.accounts.m[id] = account{id: id}
	}
	s.accounts.mu.Unlock()
	var all sync.WaitGroup
	for i := range users {
		id := fmt.Sprint("user", i)
		v := s.browser().logIn(id)
		live := make(chan context.Context, watchers)
		inside := make([]context.Context, watchers)
		for j := range watchers {
			inside[j] = v.inside(s.m)
		}
		var begun sync.WaitGroup
		for _, inside := range inside {
			begun.Go(func() {
				if _, err := s.m.IdentityFrom(inside); err != nil {
					t.Error(err) // nobody has logged out yet
				}
			})
		}
		begun.Wait()
		for _, inside := range inside {
			all.Go(func() {
				ctx, stop := s.m.Watch(inside, 24*time.Hour)
				t.Cleanup(stop)
				live <- ctx
			})
		}
		all.Go(func() {
			switch i % 3 {
			case 0:
				v.post("/auth/logout", "")
			case 1:
				if err := s.m.RevokeUserSessions(context.Background(), id); err != nil {
					t.Error(err)
				}
			default:
				v.post("/auth/trust/confirm", "")
				v.post("/auth/logout", "")
			}
			for range watchers {
				select {
				case ctx := <-live:
					select {
					case <-ctx.Done():
					case <-time.After(10 * time.Second):
						t.Errorf("%s: it goes on", id)
					}
				case <-time.After(10 * time.Second):
					t.Errorf("%s: Watch does not return", id)
				}
			}
		})
	}
	all.Wait()
}

func TestIdentify(t *testing.T) {
	s := newSite(t, nil)
	id, err := s.m.Identify(t.Context(), "ada")
	if err != nil || id.UserID != "ada" || id.User.AuthID() != "ada" || id.Session != nil || len(id.Proofs) != 0 || id.Scopes != nil {
		t.Errorf("%+v, %v", id, err)
	}
	if id.Fresh(t0, 24*time.Hour) {
		t.Error("it is fresh")
	}
	for _, unknown := range []string{"eve", ""} {
		if id, err := s.m.Identify(t.Context(), unknown); id != nil || !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%q: %v, %v", unknown, id, err)
		}
	}
	s.accounts.change("ada", func(a *account) { a.disabled = true })
	if id, err := s.m.Identify(t.Context(), "ada"); id != nil || !errors.Is(err, auth.ErrBadCredentials) {
		t.Errorf("disabled: %v, %v", id, err)
	}
	s.accounts.fails(errDown)
	if id, err := s.m.Identify(t.Context(), "ada"); id != nil || !errors.Is(err, errDown) || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("outage: %v, %v", id, err)
	}
	if n := len(*s.events); n != 0 {
		t.Errorf("%d events", n)
	}
}
