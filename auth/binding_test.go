package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/binding"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const (
	firefox140 = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	firefox141 = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
	chrome     = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)

type part = func(r *http.Request, addr netip.Addr) string

// bound makes sessions be bound to parts. All visitors come through one proxy.
func bound(strict bool, parts ...part) func(*auth.Options) {
	return func(o *auth.Options) {
		o.Binding = auth.Binding{To: parts, Strict: strict}
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	}
}

// at is the visitor at another client, with the same cookies; "" is missing.
func (v *visitor) at(userAgent, addr string) *visitor {
	v.header = http.Header{"Accept": {"application/json"}}
	if userAgent != "" {
		v.header.Set("User-Agent", userAgent)
	}
	if addr != "" {
		v.header.Set("X-Forwarded-For", addr)
	}
	return v
}

// expect requires what the visitor gets at /me and /fresh.
func (v *visitor) expect(when string, me, fresh int) {
	v.s.t.Helper()
	gotMe, gotFresh := v.get("/me").StatusCode, v.get("/fresh").StatusCode
	if gotMe != me || gotFresh != fresh {
		v.s.t.Errorf("%s: /me %d, /fresh %d; want %d, %d", when, gotMe, gotFresh, me, fresh)
	}
}

// told requires how often it was told that a binding changed.
func (s *site) told(when string, want int) {
	s.t.Helper()
	if got := len(s.named("binding.changed")); got != want {
		s.t.Errorf("%s: binding.changed was told %d times; want %d", when, got, want)
	}
}

func TestBindingNotice(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, bound(false, binding.UserAgent, binding.Network(24, 48)))
		v := s.visitor().at(firefox140, "198.51.100.7").logIn("ada")
		v.expect("where the session began", 200, 200)
		if b := s.sessions("ada")[0].Binding; b == "" || strings.Contains(b, "Firefox") || strings.Contains(b, "198.51") {
			t.Errorf("the store has %q", b)
		}

		v.at(chrome, "198.51.100.7")
		for range 3 {
			v.expect("at another device", 200, 401)
		}
		s.told("at another device", 1)
		if got := s.named("binding.changed")[0]; got.UserID != "ada" || got.Label != "Chrome on Windows" || got.Addr.String() != "198.51.100.7" {
			t.Errorf("the event is %+v", got)
		}
		v.at(chrome, "203.0.113.7").expect("in another network as well", 200, 401)
		v.at(firefox140, "198.51.100.7").expect("back again", 200, 401)
		s.told("back again", 1)
		if !s.sessions("ada")[0].Stale {
			t.Error("the session is not stale")
		}

		v.at(chrome, "203.0.113.7")
		if res := v.post("/auth/trust/confirm", ""); res.StatusCode != 200 {
			t.Fatalf("confirming: %s: %s", res.Status, body(res))
		}
		v.expect("confirmed from elsewhere", 200, 200)
		s.told("confirmed from elsewhere", 1)
		v.at(firefox140, "198.51.100.7").expect("where the session is no longer bound to", 200, 401)
		s.told("where the session is no longer bound to", 2)
		if n := len(s.sessions("ada")); n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestBindingInParallel(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, store auth.Store) {
				s := newSiteOn(t, store, bound(strict, binding.UserAgent))
				for round := range 5 {
					v := s.visitor().at(firefox140, "").logIn("ada")
					s.clock.Advance(2 * time.Minute) // so that it is touched as well
					v.at(chrome, "")
					path, want := "/fresh", 401
					if !strict && round%2 == 1 {
						path, want = "/me", 200
					}
					var wg sync.WaitGroup
					start := make(chan struct{})
					for range 8 {
						wg.Go(func() {
							<-start
							w := httptest.NewRecorder()
							s.h.ServeHTTP(w, v.request("GET", path, ""))
							if w.Code != want {
								t.Errorf("%s: %d; want %d", path, w.Code, want)
							}
						})
					}
					close(start)
					wg.Wait()
					s.told("eight requests at once", round+1)
					after := 200
					if strict {
						after = 401
					}
					v.expect("afterwards", after, 401)
				}
			})
		})
	}
}

func TestBindingStrict(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, bound(true, binding.UserAgent, binding.Network(24, 48)))
		v := s.visitor().at(firefox140, "198.51.100.7").logIn("ada")
		v.expect("where the session began", 200, 200)
		var p struct{ Reason string }
		if err := json.NewDecoder(v.at(firefox140, "203.0.113.7").get("/me").Body).Decode(&p); err != nil || p.Reason != "binding" {
			t.Errorf("the reason is %q, %v", p.Reason, err)
		}
		v.expect("in another network", 401, 401)
		v.at(firefox140, "198.51.100.7").expect("back again", 401, 401)
		s.told("back again", 1)
		if n := len(s.sessions("ada")); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		v.logIn("ada").expect("logged in anew", 200, 200)
		s.told("logged in anew", 1)
	})
}

// A remembered browser that moves gets a session that is bound to where it is, and
// lives on there.
func TestBindingStrictRemembers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, bound(true, binding.UserAgent, binding.Network(24, 48)))
		v := s.visitor().at(firefox140, "198.51.100.7")
		if res := v.post("/auth/trust?user=ada&remember", ""); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		v.expect("where the session began", 200, 200)
		for i, addr := range []string{"203.0.113.7", "198.51.100.7"} {
			before := s.sessions("ada")[0].ID
			v.at(firefox140, addr)
			for range 20 {
				s.clock.Advance(2 * time.Minute)
				v.expect("after moving to "+addr, 200, 401)
			}
			s.told("after moving to "+addr, i+1)
			if n := len(s.named("remembered")); n != i+1 {
				t.Errorf("restored %d times after moving to %s", n, addr)
			}
			if all := s.sessions("ada"); len(all) != 1 || all[0].ID == before || all[0].Binding == "" || all[0].Stale {
				t.Errorf("after moving to %s the sessions are %+v", addr, all)
			}
		}
		if n := len(s.named("remember.reused")); n != 0 {
			t.Errorf("told %d times that a token was used twice", n)
		}
		if res := v.post("/auth/trust/confirm", ""); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
		v.expect("confirmed", 200, 200)
	})
}

// A remembered browser's session stays with a notice, and its token is not used up.
func TestBindingNoticeRemembers(t *testing.T) {
	s := newSite(t, bound(false, binding.UserAgent))
	v := s.visitor().at(firefox140, "")
	v.post("/auth/trust?user=ada&remember", "")
	v.at(chrome, "").expect("at another device", 200, 401)
	if n := len(s.named("remembered")); n != 0 {
		t.Errorf("restored %d times", n)
	}
	s.clock.Advance(2 * time.Hour) // the session has ended
	v.expect("restored there", 200, 401)
	s.told("restored there", 1)
	if n := len(s.named("remembered")); n != 1 || s.sessions("ada")[0].Stale {
		t.Errorf("restored %d times: %+v", n, s.sessions("ada")[0])
	}
}

func TestBindingMissingIsNoChange(t *testing.T) {
	both := []part{binding.UserAgent, binding.Network(24, 0)} // nothing of IPv6
	for _, tt := range []struct {
		name                   string
		beganAgent, beganAddr  string
		laterAgent, laterAddr  string
		same                   bool
		thenAgent, thenAddress string // and a third time
		thenSame               bool
	}{
		{"nothing at first", "", "2001:db8::1", chrome, "198.51.100.7", true, firefox140, "203.0.113.7", true},
		{"nothing later", firefox140, "198.51.100.7", "", "2001:db8::1", true, firefox140, "198.51.100.7", true},
		{"unknown device later", firefox140, "198.51.100.7", "Thing/1", "198.51.100.7", true, firefox140, "198.51.100.8", true},
		{"no device at first", "", "198.51.100.7", chrome, "198.51.100.7", true, firefox140, "198.51.100.7", true},
		{"no device at first, network changed", "", "198.51.100.7", chrome, "203.0.113.7", false, "", "198.51.100.7", false},
		{"no device later, network changed", firefox140, "198.51.100.7", "", "203.0.113.7", false, firefox140, "198.51.100.7", false},
		{"no network at first, device changed", firefox140, "2001:db8::1", chrome, "198.51.100.7", false, firefox140, "2001:db8::1", false},
		{"no network later, device changed", firefox140, "198.51.100.7", chrome, "2001:db8::1", false, firefox140, "198.51.100.7", false},
		{"gone and then changed", firefox140, "198.51.100.7", "", "198.51.100.7", true, chrome, "198.51.100.7", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				s := newSite(t, bound(strict, both...))
				v := s.visitor().at(tt.beganAgent, tt.beganAddr).logIn("ada")
				expect := func(when string, same bool) {
					switch {
					case same:
						v.expect(when, 200, 200)
						s.told(when, 0)
					case strict:
						v.expect(when, 401, 401)
						s.told(when, 1)
					default:
						v.expect(when, 200, 401)
						s.told(when, 1)
					}
				}
				v.at(tt.laterAgent, tt.laterAddr)
				expect("later", tt.same)
				v.at(tt.thenAgent, tt.thenAddress)
				expect("then", tt.thenSame)
			}
		})
	}
}

// What a part of the host's own does not see, with a rule or without one.
func TestBindingOwnParts(t *testing.T) {
	for _, rule := range []string{"", "cell\n"} {
		cell := func(r *http.Request, _ netip.Addr) string { return rule + r.Header.Get("X-Cell") }
		s := newSite(t, bound(true, cell, cell))
		v := s.visitor("X-Cell", "1").logIn("ada")
		v.expect("seen", 200, 200)
		v.header.Del("X-Cell")
		v.expect("not seen", 200, 200)
		v.header.Set("X-Cell", "2")
		v.expect("changed", 401, 401)
		v.header.Del("X-Cell")
		v.logIn("ada")
		if b := s.sessions("ada")[0].Binding; b != "" {
			t.Errorf("bound to nothing it is %q", b)
		}
		v.header.Set("X-Cell", "2")
		v.expect("not seen at first", 200, 200)
	}
}

func TestBindingOfTheSameClient(t *testing.T) {
	s := newSite(t, bound(true, binding.UserAgent, binding.Network(24, 48)))
	v := s.visitor().at(firefox140, "198.51.100.7").logIn("ada")
	v.at(firefox141, "198.51.100.7").expect("the browser has updated itself", 200, 200)
	v.at(firefox140, "198.51.100.250").expect("elsewhere in the network", 200, 200)
	v.at(firefox140, "::ffff:198.51.100.9").expect("an IPv4 address in IPv6", 200, 200)
	v.at(firefox140, "198.51.100.9, 192.0.2.1").expect("through a second proxy", 200, 200)
	v.at(firefox140, "203.0.113.1, 198.51.100.9").expect("with what a client may have written itself", 200, 200)
	s.told("all of it", 0)
	v.at(firefox140, "198.51.101.7").expect("in the next network", 401, 401)
	s.told("in the next network", 1)

	v = s.visitor().at(firefox140, "2001:db8:1::7").logIn("ada")
	v.at(firefox140, "2001:db8:1:ffff::7").expect("elsewhere in the IPv6 network", 200, 200)
	v.at(firefox140, "198.51.100.7").expect("over IPv4", 401, 401)

	// Nobody is believed whom the host has not named.
	s = newSite(t, func(o *auth.Options) { bound(true, binding.Network(24, 48))(o); o.TrustedProxies = nil })
	v = s.visitor().at(firefox140, "198.51.100.7").logIn("ada")
	v.at(firefox140, "203.0.113.7").expect("with another header of the client's own", 200, 200)
}

// Sessions that began under another policy are not bound by today's, and those
// under the same are.
func TestBindingPolicyChanges(t *testing.T) {
	agent, net24, net16 := part(binding.UserAgent), part(binding.Network(24, 48)), part(binding.Network(16, 48))
	own := part(func(r *http.Request, _ netip.Addr) string { return r.Header.Get("X-Forwarded-For") })
	for _, tt := range []struct {
		name          string
		before, after func(*auth.Options)
		me, fresh     int // at another device, in another network
	}{
		{"nothing to nothing", bound(false), bound(false), 200, 200},
		{"nothing to device", bound(false), bound(false, agent), 200, 200},
		{"nothing to strict", bound(false), bound(true, agent, net24), 200, 200},
		{"device to nothing", bound(false, agent), bound(false), 200, 200},
		{"one more", bound(false, agent), bound(false, agent, net24), 200, 200},
		{"one fewer", bound(false, agent, net24), bound(false, agent), 200, 200},
		{"another", bound(false, agent), bound(false, net24), 200, 200},
		{"other bits", bound(true, net24), bound(true, net16), 200, 200},
		{"another order", bound(true, agent, net24), bound(true, net24, agent), 200, 200},
		{"one of two is another", bound(false, agent, net24), bound(false, agent, net16), 200, 401},
		{"a rule in the place of none", bound(true, own), bound(true, net24), 200, 200},
		{"the same", bound(false, agent, net24), bound(false, agent, net24), 200, 401},
		{"the same of the host's own", bound(false, own), bound(false, own), 200, 401},
		{"the same, strict", bound(true, agent), bound(true, agent), 401, 401},
		{"from notice to strict", bound(false, agent), bound(true, agent), 401, 401},
		{"from strict to notice", bound(true, agent), bound(false, agent), 200, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := memory.New(nil)
			before := newSiteOn(t, store, tt.before).visitor().at(firefox140, "198.51.100.7").logIn("ada")
			s := newSiteOn(t, store, tt.after)
			v := s.visitor()
			v.cookies = before.cookies
			v.at(firefox140, "198.51.100.7").expect("where it was", 200, 200)
			s.told("where it was", 0)
			v.at(chrome, "203.0.113.7").expect("elsewhere", tt.me, tt.fresh)
			want := 0
			if tt.fresh != 200 {
				want = 1
			}
			s.told("elsewhere", want)
		})
	}

	// What was noticed is not forgotten, and a session that is stale is ended by a
	// policy that has become strict.
	store := memory.New(nil)
	before := newSiteOn(t, store, bound(false, agent)).visitor().at(firefox140, "").logIn("ada")
	before.at(chrome, "").expect("noticed", 200, 401)
	s := newSiteOn(t, store, bound(false))
	v := s.visitor()
	v.cookies = before.cookies
	v.at(firefox140, "").expect("with no binding any more", 200, 401)
	s = newSiteOn(t, store, bound(true, agent))
	v.s = s
	v.expect("strict, where it began", 200, 401)
	v.at(chrome, "").expect("strict, elsewhere", 401, 401)
	s.told("strict, elsewhere", 1)
}

// A middleware behind Handler that rewrites the address, as many do, changes
// nothing about what the session is bound to.
func TestBindingIsToTheRequestAsItCame(t *testing.T) {
	s := newSite(t, bound(true, binding.Network(24, 48)))
	inner := s.h
	mux := http.NewServeMux()
	s.m.Mount(mux)
	mux.Handle("/", inner)
	s.h = s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/auth/") {
			r.RemoteAddr = "203.0.113.9:1"
		}
		mux.ServeHTTP(w, r)
	}))
	v := s.visitor().at(firefox140, "198.51.100.7").logIn("ada")
	v.expect("after a login", 200, 200)
	v.post("/auth/trust/confirm", "")
	v.expect("after a confirmation", 200, 200)
	s.told("from one address", 0)
}

// While what was noticed cannot be written down, it is an outage: neither fresh nor
// forgotten, and told once it is written.
func TestBindingOutage(t *testing.T) {
	for _, tt := range []struct {
		strict    bool
		verb      string
		me, fresh int
	}{
		{false, "UpdateSession", 200, 401},
		{true, "DeleteSession", 401, 401},
	} {
		s := newSite(t, bound(tt.strict, binding.UserAgent))
		v := s.visitor().at(firefox140, "").logIn("ada").at(chrome, "")
		s.store.fails(tt.verb, errDown)
		v.expect("while "+tt.verb+" fails", 503, 503)
		s.told("while "+tt.verb+" fails", 0)
		s.store.fails(tt.verb, nil)
		v.expect("afterwards", tt.me, tt.fresh)
		s.told("afterwards", 1)
	}
}

func TestBindingMeetsOthers(t *testing.T) {
	// Somebody who writes to the session all the time.
	s := newSite(t, bound(false, binding.UserAgent))
	v := s.visitor().at(firefox140, "").logIn("ada").at(chrome, "")
	s.store.before["UpdateSession"] = func() {
		again := *s.sessions("ada")[0]
		if err := s.store.Store.UpdateSession(context.Background(), &again); err != nil {
			t.Error(err)
		}
	}
	v.expect("while others write", 200, 401)
	s.told("while others write", 0)
	times := 0
	s.store.before["UpdateSession"] = func() { // and only once
		if times++; times == 1 {
			again := *s.sessions("ada")[0]
			if err := s.store.Store.UpdateSession(context.Background(), &again); err != nil {
				t.Error(err)
			}
		}
	}
	v.expect("after another has written", 200, 401)
	s.told("after another has written", 1)

	// Somebody who ends it.
	s = newSite(t, bound(false, binding.UserAgent))
	v = s.visitor().at(firefox140, "").logIn("ada").at(chrome, "")
	s.store.before["UpdateSession"] = func() {
		if err := s.store.Store.DeleteSession(context.Background(), s.sessions("ada")[0].ID); err != nil {
			t.Error(err)
		}
	}
	res := v.get("/me")
	var p struct{ Reason string }
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != 401 || p.Reason != "revoked" {
		t.Errorf("a session that was ended meanwhile: %s, %q, %v", res.Status, p.Reason, err)
	}
	s.told("a session that was ended meanwhile", 0)
}

func TestBindingOptions(t *testing.T) {
	parts := make([]part, 9)
	for i := range 8 {
		parts[i] = func(*http.Request, netip.Addr) string { return fmt.Sprintf("rule %d\nvalue %d", i, i) }
	}
	_, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{Binding: auth.Binding{To: parts}})
	for _, want := range []string{"Options.Binding.To has 9", "Options.Binding.To[8] is nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %s in %v", want, err)
		}
	}
	_, err = auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{Binding: auth.Binding{Strict: true}})
	if err == nil || !strings.Contains(err.Error(), "Options.Binding.Strict") {
		t.Errorf("strict about nothing: %v", err)
	}
	onEveryStore(t, func(t *testing.T, store auth.Store) { // eight fit into what stores keep
		s := newSiteOn(t, store, bound(true, parts[:8]...))

		s.visitor().logIn("ada").expect("bound to eight things", 200, 200)
	})
}
