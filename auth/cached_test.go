package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// cachedSite is a site that remembers sessions for ten seconds, and another
// process of the same site that does not, on the same store.
type cachedSite struct {
	*site
	below *faults // counts what the cache, or who goes around it, asks
	other *site
}

func newCachedSite(t *testing.T, change func(*auth.Options)) *cachedSite {
	t.Helper()
	c := &cachedSite{below: newFaults(memory.New(nil))}
	clock := authtest.NewClock(t0)
	cache, err := cachestore.New(c.below, &cachestore.Options{TTL: 10 * time.Second, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	both := func(o *auth.Options) {
		if change != nil {
			change(o)
		}
		o.Now = clock.Now
	}
	c.site = newSiteOn(t, auth.Combine(c.below, auth.Parts{Sessions: cache}), both)
	c.other = newSiteOn(t, c.below.Store, both)
	c.other.accounts = c.site.accounts
	c.site.clock, c.other.clock = clock, clock
	return c
}

// onCached runs a test on a site with a cache, and on one in a realm.
func onCached(t *testing.T, test func(t *testing.T, c *cachedSite)) {
	for _, realm := range []string{"", "staff"} {
		t.Run(realm, func(t *testing.T) {
			test(t, newCachedSite(t, func(o *auth.Options) {
				o.Realm = realm
				o.Binding = auth.Binding{To: []func(*http.Request, netip.Addr) string{byHeader}}
			}))
		})
	}
}

// loads returns how often the store was asked for a session since the last time.
func (c *cachedSite) loads() (n int) {
	for _, verb := range c.below.heal() {
		if verb == "LoadSession" {
			n++
		}
	}
	return n
}

// in runs f as a handler for v.
func (c *cachedSite) in(v *visitor, f func(w http.ResponseWriter, r *http.Request)) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.m.Handler(http.HandlerFunc(f)).ServeHTTP(w, v.request("POST", "/", ""))
	return w
}

// A request costs no read, and one where a moment is too long.
func TestCachedReads(t *testing.T) {
	onCached(t, func(t *testing.T, c *cachedSite) {
		v := c.visitor().logIn("ada")
		v.who()
		if n := c.loads(); n != 1 {
			t.Errorf("the first request asked %d times", n)
		}
		for target, want := range map[string]int{"/open": 0, "/me": 0, "/bare": 0, "/admin": 0, "/fresh": 1} {
			v.get(target)
			if n := c.loads(); n != want {
				t.Errorf("%s asked %d times, want %d", target, n, want)
			}
		}
		for what, f := range map[string]func(r *http.Request) error{
			"Recheck": func(r *http.Request) error { return c.m.Recheck(r.Context()) },
			"Fresh":   func(r *http.Request) error { return c.m.Fresh(r.Context(), time.Hour) },
			"Watch": func(r *http.Request) error {
				ctx, stop := c.m.Watch(r.Context(), 0)
				defer stop()
				return ctx.Err()
			},
		} {
			c.in(v, func(_ http.ResponseWriter, r *http.Request) {
				if err := f(r); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
			if n := c.loads(); n != 1 {
				t.Errorf("%s asked %d times", what, n)
			}
		}
		// What cannot be fresh anyway needs no look.
		c.clock.Advance(11 * time.Minute)
		v.who()
		v.who()
		c.loads()
		if res := v.get("/fresh"); res.StatusCode != 401 || c.loads() != 0 {
			t.Errorf("not fresh: %s", res.Status)
		}
	})
}

// Without a cache nothing is read twice.
func TestUncachedReads(t *testing.T) {
	s := newSiteOn(t, auth.Combine(memory.New(nil), auth.Parts{Sessions: memory.New(nil)}), nil)
	v := s.visitor().logIn("ada")
	before := s.store.count("LoadSession")
	if res := v.get("/fresh"); res.StatusCode != 200 || s.store.count("LoadSession") != before+1 {
		t.Errorf("%s; asked %d times", res.Status, s.store.count("LoadSession")-before)
	}
}

// Whatever ends a session here ends it at once.
func TestCachedEndsAtOnce(t *testing.T) {
	onCached(t, func(t *testing.T, c *cachedSite) {
		ctx := context.Background()
		key := auth.Credential{Kind: "key", Key: "1", UserID: "ada", Generation: 1, CreatedAt: t0}
		if err := c.m.Store().ChangeCredentials(ctx, auth.Change{New: &key}); err != nil {
			t.Fatal(err)
		}
		for name, end := range map[string]func(v *visitor) error{
			"log-out": func(v *visitor) error { v.post("/auth/logout", ""); return nil },
			"log-out of a copy": func(v *visitor) error {
				copied := *v
				copied.cookies = map[string]string{}
				for k, val := range v.cookies {
					copied.cookies[k] = val
				}
				copied.post("/auth/logout", "")
				return nil
			},
			"RevokeSession": func(*visitor) error {
				all, err := c.m.Sessions(ctx, "ada")
				if err != nil || len(all) != 1 {
					return errors.Join(err, errors.New("not one session"))
				}
				return c.m.RevokeSession(ctx, "ada", all[0].Handle())
			},
			"RevokeUserSessions": func(*visitor) error { return c.m.RevokeUserSessions(ctx, "ada") },
			"ChangeCredentials": func(*visitor) error {
				is, err := c.m.Store().LoadCredential(ctx, "key", "1")
				if err != nil {
					return err
				}
				next := is
				next.Generation++
				return c.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &is, New: &next})
			},
		} {
			v := c.visitor().logIn("ada")
			if got := v.who(); got != "ada" {
				t.Fatalf("%s: %s is logged in", name, got)
			}
			if err := end(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if got := v.who(); got != "nobody" {
				t.Errorf("%s: %s is still logged in", name, got)
			}
		}
		v := c.visitor().logIn("ada")
		v.who()
		c.accounts.change("ada", func(a *account) { a.disabled = true })
		if got := v.who(); got != "nobody" {
			t.Errorf("%s is disabled and logged in", got)
		}
	})
}

// What another process has ended lives on for a moment, but nothing comes of it
// that outlives the moment.
func TestCachedEndedElsewhere(t *testing.T) {
	onCached(t, func(t *testing.T, c *cachedSite) {
		v := c.visitor().logIn("ada")
		if got := v.who(); got != "ada" {
			t.Fatal(got)
		}
		if err := c.other.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		c.clock.Advance(10*time.Second - 1)
		if got := v.who(); got != "ada" {
			t.Errorf("this is no cache: %s", got)
		}
		if res := v.get("/fresh"); res.StatusCode != 401 {
			t.Errorf("what has ended is fresh: %s", res.Status)
		} else if reason := reasonIn(res); reason != "revoked" {
			t.Errorf("the reason is %q", reason)
		}
		newKey := auth.Credential{Kind: "key", Key: "2", UserID: "ada", CreatedAt: t0}
		for what, f := range map[string]func(w http.ResponseWriter, r *http.Request) error{
			"Recheck": func(_ http.ResponseWriter, r *http.Request) error { return c.m.Recheck(r.Context()) },
			"Fresh":   func(_ http.ResponseWriter, r *http.Request) error { return c.m.Fresh(r.Context(), time.Hour) },
			"ChangeCredentials": func(_ http.ResponseWriter, r *http.Request) error {
				return c.m.ChangeCredentials(r.Context(), "ada", auth.Change{New: &newKey})
			},
			"Watch": func(_ http.ResponseWriter, r *http.Request) error {
				ctx, stop := c.m.Watch(r.Context(), 0)
				defer stop()
				return context.Cause(ctx)
			},
		} {
			c.in(v, func(w http.ResponseWriter, r *http.Request) {
				if id, err := c.m.IdentityFrom(r.Context()); err != nil || id.UserID != "ada" {
					t.Fatalf("this is no cache: %v", err)
				}
				if err := f(w, r); !errors.Is(err, auth.ErrNoCredentials) {
					t.Errorf("%s: %v", what, err)
				}
			})
		}
		if _, err := c.m.Store().LoadCredential(t.Context(), "key", "2"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("a credential was added: %v", err)
		}
		w := c.in(v, func(w http.ResponseWriter, r *http.Request) {
			if err := c.m.Reauthenticate(w, r, auth.Proof{Method: "trust"}); !errors.Is(err, auth.ErrNoCredentials) {
				t.Errorf("Reauthenticate: %v", err)
			}
		})
		if len(w.Result().Cookies()) != 0 {
			t.Error("a session was given out")
		}
		c.clock.Advance(1)
		if got := v.who(); got != "nobody" {
			t.Errorf("after the TTL %s is logged in", got)
		}
	})
}

// A binding that changed at another process is known where it counts.
func TestCachedStaleElsewhere(t *testing.T) {
	onCached(t, func(t *testing.T, c *cachedSite) {
		v := c.visitor("X-Bound", "a").logIn("ada")
		v.who()
		thief := *v
		thief.s, thief.header = c.other, http.Header{"X-Bound": {"b"}}
		if got := thief.who(); got != "ada" {
			t.Fatal(got)
		}
		if len(c.other.named("binding.changed")) != 1 {
			t.Fatal("the other process has not noticed")
		}
		res := v.get("/fresh")
		if res.StatusCode != 401 || reasonIn(res) != "not_fresh" {
			t.Errorf("a stale session is fresh: %s", res.Status)
		}
		// And here, of the version that is remembered: what is stale stays so.
		c2 := newCachedSite(t, func(o *auth.Options) {
			o.Binding = auth.Binding{To: []func(*http.Request, netip.Addr) string{byHeader}}
		})
		v = c2.visitor("X-Bound", "a").logIn("ada")
		v.who()
		c2.clock.Advance(5 * time.Second)
		o := *v
		o.s = c2.other
		c2.clock.Advance(2 * time.Minute)
		v.who()
		c2.clock.Advance(2 * time.Minute)
		if got := o.who(); got != "ada" { // touched elsewhere: the version here is old
			t.Fatal(got)
		}
		v.header.Set("X-Bound", "b")
		if got := v.who(); got != "ada" {
			t.Errorf("who is logged in is %s", got)
		}
		if res := v.get("/fresh"); res.StatusCode != 401 {
			t.Errorf("with another binding: %s", res.Status)
		}
	})
}

// While the store is down who was here a moment ago is known; where it counts there
// is an outage, and the site recovers by itself.
func TestCachedOutage(t *testing.T) {
	onCached(t, func(t *testing.T, c *cachedSite) {
		v := c.visitor().logIn("ada")
		v.who()
		c.below.failAll()
		if got := v.who(); got != "ada" {
			t.Errorf("who was here a moment ago is %s", got)
		}
		if res := v.get("/fresh"); res.StatusCode != 503 {
			t.Errorf("fresh while the store is down: %s", res.Status)
		}
		c.clock.Advance(10 * time.Second)
		if res := v.get("/me"); res.StatusCode != 503 || len(res.Cookies()) != 0 {
			t.Errorf("after the TTL: %s", res.Status)
		}
		c.below.heal()
		if got := v.who(); got != "ada" {
			t.Errorf("afterwards %s is logged in", got)
		}
	})
}

// Tests of the host's that say who is asking have no session in any store.
func TestCachedWithIdentity(t *testing.T) {
	c := newCachedSite(t, nil)
	h := c.m.Handler(c.m.RequireFresh(time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	proofs := []auth.Proof{{Method: "x", At: c.m.Now()}}
	id := &auth.Identity{User: &account{id: "ada"}, Proofs: proofs, Session: &auth.Session{ID: auth.SessionID{1}, UserID: "ada", Proofs: proofs}}
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(auth.WithIdentity(r.Context(), id)))
	if w.Code != 204 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// From memory a request allocates what it does on a store in memory.
func TestCachedAllocations(t *testing.T) {
	ada := &account{id: "ada"}
	below := newFaults(memory.New(nil))
	cache, err := cachestore.New(below, &cachestore.Options{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	m, err := auth.New(auth.UserFunc(func(context.Context, string) (*account, error) { return ada, nil }),
		auth.Combine(below, auth.Parts{Sessions: cache}), &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "__Host-sid="+begin(t, m))
	w := &blank{http.Header{}}
	h := m.Handler(m.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	one := func() { clear(w.header); h.ServeHTTP(w, r) }
	one()
	below.heal()
	allocs, bytes := allocated(one)
	if allocs > 3 || bytes > 512 {
		t.Errorf("%v allocations and %v bytes, want at most 3 and 512", allocs, bytes)
	}
	if calls := below.heal(); len(calls) != 0 {
		t.Errorf("the store was asked to %q", calls)
	}
}

// byHeader binds a session to a header.
func byHeader(r *http.Request, _ netip.Addr) string { return r.Header.Get("X-Bound") }

func reasonIn(res *http.Response) string {
	var p struct{ Reason string }
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		return err.Error()
	}
	return p.Reason
}
