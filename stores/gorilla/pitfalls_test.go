package gorillastore_test

import (
	"context"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/gatehouse-go/gatehouse/auth"
	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
)

const hostCart = "__Host-cart"

var quiet = slog.New(slog.DiscardHandler)

func save(t testing.TB, r *http.Request, w http.ResponseWriter, session *sessions.Session) {
	t.Helper()
	if err := session.Save(r, w); err != nil {
		t.Error(err)
	}
}

// What is saved is there in the next request, with flash messages, on every backend.
func TestRoundTrip(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, _ := newStore(t, backend, nil)
		b := newBrowser()
		b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			if !session.IsNew || session.Name() != "cart" || session.Store() != sessions.Store(s) || session.ID != "" {
				t.Errorf("a new session is %+v", session)
			}
			session.Values["apples"], session.Values[7] = 3, []string{"\x00", "ü"}
			session.AddFlash("hello")
			save(t, r, w, session)
			if session.ID == "" {
				t.Error("saved, and has no ID")
			}
		})
		b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			if session.IsNew || session.Values["apples"] != 3 || !slices.Equal(session.Values[7].([]string), []string{"\x00", "ü"}) {
				t.Errorf("came back as %v", session.Values)
			}
			if f := session.Flashes(); len(f) != 1 || f[0] != "hello" {
				t.Errorf("flashes %v", f)
			}
			save(t, r, w, session)
		})
		b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			if f := session.Flashes(); len(f) != 0 || session.Values["apples"] != 3 {
				t.Errorf("flashes came back: %v", session.Values)
			}
		})
	})
}

// New and Get never return nil, even with an error: the registry would panic.
func TestNewIsNeverNil(t *testing.T) {
	broken := &faulty{Backend: gorillastore.NewMemory()}
	s, _ := newStore(t, broken, nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	broken.set(func(string) error { return io.ErrUnexpectedEOF }, nil)
	for _, name := range []string{"cart", "", "a b", "a;b", "ü", strings.Repeat("x", 200), "__Host-cart", "__host-x"} {
		for i, get := range []func(*http.Request, string) (*sessions.Session, error){s.Get, s.New} {
			session, err := get(b.request(), name)
			if session == nil || session.Values == nil || session.Options == nil {
				t.Fatalf("%q, %d: %v, %v", name, i, session, err)
			}
			if valid := strings.HasPrefix(name, "__"); !valid && err == nil {
				t.Errorf("%q, %d: no error", name, i)
			}
		}
	}
}

// The registry gives the same session for the same request, and two stores with
// sessions of one name do not write each other's.
func TestRegistryCaches(t *testing.T) {
	backend := &faulty{Backend: gorillastore.NewMemory()}
	s, _ := newStore(t, backend, nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	backend.take()
	r := b.request()
	first, _ := s.Get(r, "cart")
	second, _ := s.Get(r, "cart")
	third, _ := s.New(r, "cart")
	if first != second || first == third {
		t.Error("Get is to return the same, New another")
	}
	if calls := backend.take(); !slices.Equal(calls, []string{"load", "load"}) {
		t.Errorf("calls %v", calls)
	}

	other, _ := newStore(t, gorillastore.NewMemory(), nil)
	session, err := other.Get(r, "cart")
	if !errors.Is(err, gorillastore.ErrNotLoaded) || len(session.Values) != 0 {
		t.Errorf("the session of another store: %v, %v", session.Values, err)
	}
	cookies := sessions.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))
	r = b.request()
	if _, err := cookies.Get(r, "cart"); err != nil {
		t.Fatal(err)
	}
	if session, err := s.Get(r, "cart"); session == nil || !errors.Is(err, gorillastore.ErrNotLoaded) {
		t.Errorf("the session of a CookieStore: %v", err)
	}
	if err := s.Save(r, httptest.NewRecorder(), sessions.NewSession(s, "cart")); !errors.Is(err, gorillastore.ErrNotLoaded) {
		t.Errorf("a session made by hand: %v", err)
	}
}

// Each session has options of its own.
func TestOptionsAreCopied(t *testing.T) {
	s, _ := newStore(t, gorillastore.NewMemory(), &gorillastore.Options{MaxAge: 60})
	one, _ := s.New(newBrowser().request(), "cart")
	one.Options.MaxAge, one.Options.Path = -1, "/elsewhere"
	two, _ := s.New(newBrowser().request(), "cart")
	want := sessions.Options{Path: "/", MaxAge: 60, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if *two.Options != want {
		t.Errorf("options %+v, want %+v", *two.Options, want)
	}
}

// Every cookie that is not one of a live session of that name is a new session, without
// an error, and its token is never adopted.
func TestForgedCookies(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, clock := newStore(t, backend, nil)
		b := newBrowser()
		b.put(t, s, "k", "v")
		good := b.cookies[hostCart]
		if len(good) != 64 {
			t.Fatalf("cookie %q", good)
		}
		flip := func(i int) string {
			c := []byte(good)
			if c[i]++; c[i] > 'y' || c[i] == 'Z'+1 || c[i] == '9'+1 {
				c[i] = 'A'
			}
			return string(c)
		}
		for what, value := range map[string]string{
			"empty": "", "short": good[:63], "long": good + "A", "padded": good + "==", "another ID": flip(0), "another secret": flip(40), "other alphabet": "+" + good[1:],
			"huge": strings.Repeat("A", 1<<16), "not ours": "MTQ0|abc", "zeros": strings.Repeat("A", 64),
		} {
			x := newBrowser()
			x.cookies[hostCart] = value
			x.copy().visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
				if err := s.Delete(r, w, session); err != nil { // which is nobody else's
					t.Errorf("%s: Delete: %v", what, err)
				}
			})
			x.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
				if !session.IsNew || len(session.Values) != 0 || session.ID != "" {
					t.Errorf("%s: %+v", what, session)
				}
				session.Values["k"] = "mine"
				save(t, r, w, session)
			})
			if now := x.cookies[hostCart]; now == value || len(now) != 64 || now[:22] == good[:22] || len(value) == 64 && now[:22] == value[:22] {
				t.Errorf("%s: adopted, %q", what, now)
			}
		}
		twice := b.request()
		twice.AddCookie(&http.Cookie{Name: hostCart, Value: good})
		if session, err := s.New(twice, "cart"); err != nil || !session.IsNew {
			t.Errorf("twice: %v, %v", session, err)
		}
		// A token of one session in the place of another.
		other := b.request()
		other.AddCookie(&http.Cookie{Name: "__Host-flash", Value: good})
		if session, err := s.New(other, "flash"); err != nil || !session.IsNew {
			t.Errorf("of another name: %v, %v", session, err)
		}
		if v := b.values(t, s); v["k"] != "v" {
			t.Errorf("the owner has %v", v)
		}
		clock.Advance(7*24*time.Hour - time.Millisecond)
		if v := b.copy().values(t, s); v["k"] != "v" { // which notes its use
			t.Errorf("too early: %v", v)
		}
		clock.Advance(7 * 24 * time.Hour)
		if v := b.values(t, s); len(v) != 0 {
			t.Errorf("expired: %v", v)
		}
		if n := s.States(); n == 0 {
			t.Error("no states")
		}
	})
}

// A backend that is down is an error and not a new session; who ignores that loses
// nothing.
func TestOutageIsNotANewSession(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		f := &faulty{Backend: backend}
		s, _ := newStore(t, f, nil)
		b := newBrowser()
		b.put(t, s, "k", "v")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, what := range []string{"fails", "ended context"} {
			r := b.request()
			if what == "fails" {
				f.set(func(string) error { return io.ErrUnexpectedEOF }, nil)
			} else {
				r = r.WithContext(ended)
			}
			session, err := s.Get(r, "cart")
			if err == nil || errors.Is(err, auth.ErrNotFound) || errors.Is(err, gorillastore.ErrGone) {
				t.Errorf("%s: Get: %v", what, err)
			}
			if session.IsNew {
				t.Errorf("%s: a new session", what)
			}
			f.set(nil, nil) // it is up again
			w := httptest.NewRecorder()
			session.Values["k"] = "overwritten"
			for _, save := range []func(*http.Request, http.ResponseWriter, *sessions.Session) error{s.Save, s.Renew} {
				if err := save(r, w, session); err == nil {
					t.Errorf("%s: was saved", what)
				}
			}
			if set := b.keep(w); len(set) != 0 {
				t.Errorf("%s: set %v", what, set)
			}
			if v := b.values(t, s); v["k"] != "v" {
				t.Errorf("%s: lost: %v", what, v)
			}
		}
		// A Save that fails says so, and sets no cookie.
		f.set(func(verb string) error {
			if verb != "load" {
				return io.ErrUnexpectedEOF
			}
			return nil
		}, nil)
		for _, x := range []*browser{b, newBrowser()} {
			set := x.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
				session.Values["k"] = "new"
				if err := session.Save(r, w); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("Save: %v", err)
				}
			})
			if len(set) != 0 {
				t.Errorf("set %v", set)
			}
		}
	})
}

// To be logged out although the store is down: the cookie goes, and the error says
// that the record did not.
func TestDeletingDuringAnOutage(t *testing.T) {
	f := &faulty{Backend: gorillastore.NewMemory()}
	s, _ := newStore(t, f, nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	before := b.copy()
	f.set(func(string) error { return io.ErrUnexpectedEOF }, nil)
	r, w := b.request(), httptest.NewRecorder()
	session, _ := s.Get(r, "cart")
	session.Options.MaxAge = -1
	if err := session.Save(r, w); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Save: %v", err)
	}
	b.keep(w)
	f.set(nil, nil)
	if len(b.cookies) != 0 || before.values(t, s)["k"] != "v" {
		t.Error("cookie or record")
	}
	// It was down for Get, and is up for Save.
	b = before.copy()
	f.set(func(string) error { return io.ErrUnexpectedEOF }, nil)
	r = b.request()
	session, _ = s.Get(r, "cart")
	f.set(nil, nil)
	session.Options.MaxAge = -1
	save(t, r, w, session)
	if v := before.values(t, s); len(v) != 0 {
		t.Errorf("still there: %v", v)
	}
}

// MaxAge 0 is a cookie that ends with the browser, and deletes nothing; negative
// deletes; positive is for the browser alone.
func TestMaxAge(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, _ := newStore(t, backend, nil)
		b := newBrowser()
		set := b.put(t, s, "k", "v")
		if len(set) != 1 || set[0].MaxAge != 0 || !set[0].Expires.IsZero() {
			t.Fatalf("by default: %v", set)
		}
		for range 2 {
			b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
				session.Options.MaxAge = 0
				save(t, r, w, session)
			})
			if v := b.values(t, s); v["k"] != "v" {
				t.Fatalf("MaxAge 0 lost the session: %v", v)
			}
		}
		set = b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			session.Options.MaxAge = 3600 // and no value has changed
			save(t, r, w, session)
		})
		if len(set) != 1 || set[0].MaxAge != 3600 {
			t.Errorf("3600: %v", set)
		}
		set = b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			session.Options = nil // nothing of the host's own
			session.Values["k"] = "w"
			save(t, r, w, session)
		})
		if len(set) != 0 {
			t.Errorf("no options: %v", set)
		}
		old := b.copy()
		set = b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
			// As is often written, which leaves Secure and SameSite behind.
			session.Options = &sessions.Options{MaxAge: -1}
			save(t, r, w, session)
			save(t, r, w, session)
			if len(session.Values) != 0 || session.ID != "" {
				t.Errorf("left: %+v", session)
			}
		})
		if len(set) != 1 || set[0].MaxAge >= 0 || set[0].Value != "" {
			t.Errorf("deleting set %v", set)
		}
		if v := old.values(t, s); len(v) != 0 {
			t.Errorf("the record is still there: %v", v)
		}
	})
	s, clock := newStore(t, gorillastore.NewMemory(), &gorillastore.Options{MaxAge: 3600})
	b := newBrowser()
	if set := b.put(t, s, "k", "v"); set[0].MaxAge != 3600 {
		t.Errorf("of the store: %v", set)
	}
	if set := b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) { save(t, r, w, session) }); len(set) != 0 {
		t.Errorf("at once: %v", set)
	}
	clock.Advance(2 * time.Minute)
	if set := b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) { save(t, r, w, session) }); len(set) != 1 || set[0].MaxAge != 3600 {
		t.Errorf("used later: %v", set)
	}
}

// The server ends a session, whatever the cookie's MaxAge: when it is not used, and in
// any case.
func TestServerEndsSessions(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, clock := newStore(t, backend, &gorillastore.Options{MaxAge: 1 << 30, IdleTimeout: time.Hour, Lifetime: 3 * time.Hour})
		b := newBrowser()
		b.put(t, s, "k", "v")
		for range 3 { // reading is using
			clock.Advance(55 * time.Minute)
			if v := b.values(t, s); v["k"] != "v" {
				t.Fatalf("used, and ended at %v", clock.Now())
			}
		}
		clock.Advance(15*time.Minute - time.Millisecond)
		if v := b.values(t, s); v["k"] != "v" {
			t.Error("ended too early")
		}
		clock.Advance(time.Millisecond)
		if v := b.values(t, s); len(v) != 0 {
			t.Error("no absolute end")
		}
		b.put(t, s, "k", "v")
		clock.Advance(time.Hour)
		if v := b.values(t, s); len(v) != 0 {
			t.Error("no idle end")
		}
		if n, err := s.Sweep(t.Context(), clock.Now(), 10); err != nil || n == 0 && !isRedis(backend) {
			t.Errorf("swept %d, %v", n, err)
		}
	})
}

func isRedis(b gorillastore.Backend) bool { _, ok := b.(*gorillastore.Redis); return ok }

// Cookies have the same attributes when set and when deleted, whatever the host puts
// into the session's options.
func TestCookieAttributes(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts gorillastore.Options
		want string // without name, value and age
		as   string
	}{
		{"default", gorillastore.Options{}, "; Path=/; HttpOnly; Secure; SameSite=Lax", "__Host-cart"},
		{"strict", gorillastore.Options{SameSite: http.SameSiteStrictMode}, "; Path=/; HttpOnly; Secure; SameSite=Strict", "__Host-cart"},
		{"domain", gorillastore.Options{Domain: "example.com"}, "; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax", "__Secure-cart"},
		{"path", gorillastore.Options{Path: "/shop"}, "; Path=/shop; HttpOnly; Secure; SameSite=Lax", "__Secure-cart"},
		{"framed", gorillastore.Options{SameSite: http.SameSiteNoneMode, Partitioned: true}, "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", "__Host-cart"},
		{"insecure", gorillastore.Options{InsecureCookies: true}, "; Path=/; HttpOnly; SameSite=Lax", "cart"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newStore(t, gorillastore.NewMemory(), &tt.opts)
			r, w := newBrowser().request(), httptest.NewRecorder()
			r.RemoteAddr = "[::1]:1234"
			w.Header().Add("Set-Cookie", "cartoon=1")
			session, err := s.Get(r, "cart")
			if err != nil {
				t.Fatal(err)
			}
			session.Options = &sessions.Options{Path: "/other", Domain: "other.example"}
			session.Values["k"] = "v"
			save(t, r, w, session)
			value := w.Result().Cookies()[1].Value
			session.Options.MaxAge = 60
			save(t, r, w, session)
			if got, want := w.Header()["Set-Cookie"], []string{"cartoon=1", tt.as + "=" + value + strings.Replace(tt.want, "; HttpOnly", "; Max-Age=60; HttpOnly", 1)}; !slices.Equal(got, want) {
				t.Errorf("set    %q\nwant %q", got, want)
			}
			session.Options.MaxAge = -1
			save(t, r, w, session)
			if got, want := w.Header()["Set-Cookie"], []string{"cartoon=1", tt.as + "=" + strings.Replace(tt.want, "; HttpOnly", "; Max-Age=0; HttpOnly", 1)}; !slices.Equal(got, want) {
				t.Errorf("deleted %q\nwant  %q", got, want)
			}
		})
	}
	s, _ := newStore(t, gorillastore.NewMemory(), &gorillastore.Options{InsecureCookies: true})
	newBrowser().visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values["k"] = "v"
		if err := session.Save(r, w); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("plain HTTP from %s: %v", r.RemoteAddr, err)
		}
	})
	for _, name := range []string{"__Host-x", "__secure-x"} {
		if _, err := s.New(newBrowser().request(), name); err == nil {
			t.Errorf("%s over plain HTTP", name)
		}
	}
}

// What is stored does not open a session, and the cookie has nothing of it.
func TestSecretsAtRest(t *testing.T) {
	f := &recording{Memory: gorillastore.NewMemory()}
	s, _ := newStore(t, f, nil)
	b := newBrowser()
	b.put(t, s, "k", "a value of some length")
	rec := f.last
	if c := b.cookies[hostCart]; strings.Contains(c, "value") || strings.Contains(c, string(rec.Digest[:])) {
		t.Errorf("cookie %q", c)
	}
	b.visit(t, s, func(_ http.ResponseWriter, _ *http.Request, session *sessions.Session) {
		if session.ID != rec.ID.String() {
			t.Errorf("ID %q, stored %q", session.ID, rec.ID)
		}
	})
	x := newBrowser() // somebody who has read the table
	x.cookies[hostCart] = base64.RawURLEncoding.EncodeToString(append(rec.ID[:], rec.Digest[:]...))
	if v := x.values(t, s); len(v) != 0 {
		t.Error("what is stored opens the session")
	}
}

type recording struct {
	*gorillastore.Memory
	last gorillastore.Record
}

func (r *recording) Create(ctx context.Context, rec *gorillastore.Record) error {
	r.last = *rec
	return r.Memory.Create(ctx, rec)
}

// The cap is ours, and what was stored before is still stored.
func TestTooLarge(t *testing.T) {
	onAll(t, func(t *testing.T, backend gorillastore.Backend) {
		s, _ := newStore(t, backend, nil)
		b := newBrowser()
		b.put(t, s, "k", strings.Repeat("x", 65_000)) // gorilla's end at 4096
		big := strings.Repeat("x", 64<<10)
		for _, x := range []*browser{b, newBrowser()} {
			set := x.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
				session.Values["k"] = big
				if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrTooLarge) {
					t.Errorf("Save: %v", err)
				}
			})
			if len(set) != 0 {
				t.Errorf("set %v", set)
			}
		}
		if v := b.values(t, s); len(v["k"].(string)) != 65_000 {
			t.Error("what was stored is lost")
		}
		large, _ := newStore(t, backend, &gorillastore.Options{MaxSize: 5 << 20})
		b.put(t, large, "k", strings.Repeat("y", 3<<20))
		if v := b.values(t, s); len(v["k"].(string)) != 3<<20 { // one with a smaller cap still reads it
			t.Error("3 MiB did not come back")
		}
	})
}

type unregistered struct{ N int }

type registered struct{ N int }

// A value that cannot be encoded, and a stored one that cannot be decoded, are errors
// that say so, and destroy nothing.
func TestCodec(t *testing.T) {
	gob.RegisterName("gorillastore_test.registered", registered{})
	backend := gorillastore.NewMemory()
	s, _ := newStore(t, backend, nil)
	b := newBrowser()
	b.put(t, s, "k", registered{7})
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		if session.Values["k"] != (registered{7}) {
			t.Errorf("came back as %#v", session.Values["k"])
		}
		session.Values["x"] = unregistered{}
		if err := session.Save(r, w); err == nil || !strings.Contains(err.Error(), "unregistered") || !strings.Contains(err.Error(), `"cart"`) {
			t.Errorf("Save: %v", err)
		}
	})
	// A deployment that has forgotten the type.
	old, _ := newStore(t, backend, &gorillastore.Options{Codec: forgetful{}})
	r, w := b.request(), httptest.NewRecorder()
	session, err := old.Get(r, "cart")
	if !errors.Is(err, gorillastore.ErrDecode) || session.IsNew || len(session.Values) != 0 {
		t.Errorf("Get: %v, %+v", err, session)
	}
	session.Values["k"] = "overwritten"
	if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrDecode) {
		t.Errorf("Save: %v", err)
	}
	if set := b.keep(w); len(set) != 0 || b.values(t, s)["k"] != (registered{7}) {
		t.Error("what is stored was destroyed")
	}
	session.Options.MaxAge = -1
	save(t, r, w, session)
	if backend.Len() != 0 {
		t.Error("cannot be deleted either")
	}
}

type forgetful struct{ gorillastore.Gob }

func (forgetful) Decode([]byte) (map[any]any, error) {
	return nil, errors.New("gob: name not registered for interface")
}

// Nobody's session costs nothing; one that is only read is not written but once a
// minute; one that is saved unchanged neither.
func TestNothingIsWrittenForNothing(t *testing.T) {
	f := &faulty{Backend: gorillastore.NewMemory()}
	s, clock := newStore(t, f, nil)
	b := newBrowser()
	expect := func(what string, want ...string) {
		t.Helper()
		if got := f.take(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	saveIt := func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		save(t, r, w, session)
		if err := s.Renew(r, w, session); err != nil && session.IsNew {
			t.Error(err)
		}
	}
	if set := b.visit(t, s, saveIt); len(set) != 0 {
		t.Errorf("an empty session set %v", set)
	}
	expect("an empty session")
	type deep struct{ M map[string][]int }
	gob.RegisterName("gorillastore_test.deep", deep{})
	gob.Register(time.Time{})
	gob.Register(map[string]int{})
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values["t"], session.Values["m"] = time.Now(), map[string]int{"a": 1, "b": 2, "c": 3, "d": 4}
		session.Values["d"], session.Values["e"] = &deep{M: map[string][]int{"x": {1}, "y": nil}}, []string{}
		save(t, r, w, session)
		f.take()
		for range 5 {
			save(t, r, w, session) // what gob makes of them is not a change
		}
		expect("again in the same request")
	})
	for range 20 {
		if set := b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) { save(t, r, w, session) }); len(set) != 0 {
			t.Fatalf("unchanged set %v", set)
		}
		expect("unchanged", "load")
	}
	clock.Advance(59 * time.Second)
	b.values(t, s)
	expect("within the minute", "load")
	clock.Advance(time.Second)
	b.values(t, s)
	expect("after a minute", "load", "update")
	b.values(t, s)
	expect("and not again", "load")
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values["d"].(deep).M["x"][0]++ // in place
		save(t, r, w, session)
	})
	expect("changed in place", "load", "update")
	if v := b.values(t, s); v["d"].(deep).M["x"][0] != 2 {
		t.Errorf("a change in place is lost: %v", v)
	}
	// To be noted is not worth a failure.
	clock.Advance(time.Minute)
	f.set(func(verb string) error {
		if verb == "update" {
			return io.ErrUnexpectedEOF
		}
		return nil
	}, nil)
	s2, _ := newStore(t, f, &gorillastore.Options{Logger: quiet, Now: clock.Now})
	if v := b.values(t, s2); len(v) == 0 {
		t.Error("a touch that fails lost the session")
	}
}

// A Save whose cookie comes too late: detected where the writer tells, before anything
// is stored; and a session that the browser has is saved nevertheless.
func TestSaveAfterTheHeader(t *testing.T) {
	backend := gorillastore.NewMemory()
	s, _ := newStore(t, backend, nil)
	b := newBrowser()
	r := b.request()
	w := &wrapped{&telling{ResponseRecorder: httptest.NewRecorder()}}
	session, err := s.Get(r, "cart")
	if err != nil {
		t.Fatal(err)
	}
	session.Values["k"] = "v"
	if _, err := io.WriteString(w, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrHeaderSent) || backend.Len() != 0 {
		t.Errorf("a new session: %v, %d stored", err, backend.Len())
	}

	b.put(t, s, "k", "v")
	old := b.cookies[hostCart]
	r = b.request()
	session, err = s.Get(r, "cart")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(r, w, session); !errors.Is(err, gorillastore.ErrHeaderSent) || b.values(t, s)["k"] != "v" {
		t.Errorf("Renew: %v", err)
	}
	session.Values["k"] = "late"
	if err := session.Save(r, w); err != nil || b.values(t, s)["k"] != "late" {
		t.Errorf("an existing session: %v", err)
	}
	session.Options.MaxAge = -1
	if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrHeaderSent) || backend.Len() != 0 || b.cookies[hostCart] != old {
		t.Errorf("to be deleted: %v, %d stored", err, backend.Len())
	}
}

// A writer as routers have it, and one around it.
type telling struct {
	*httptest.ResponseRecorder
	written bool
}

func (t *telling) Write(p []byte) (int, error) { t.written = true; return t.ResponseRecorder.Write(p) }
func (t *telling) Written() bool               { return t.written }

type wrapped struct{ http.ResponseWriter }

func (w *wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A request that was cloned before the first Get has a registry of its own. Both
// sessions can be saved, by either request, and nothing is lost.
func TestRegistryOfACloneIsAnother(t *testing.T) {
	s, _ := newStore(t, gorillastore.NewMemory(), nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	r, w := b.request(), httptest.NewRecorder()
	type key struct{}
	clone := r.WithContext(context.WithValue(r.Context(), key{}, 1))
	one, err1 := s.Get(r, "cart")
	two, err2 := s.Get(clone, "cart")
	if err := errors.Join(err1, err2); err != nil || one == two {
		t.Fatal("the trap is not there any more", err)
	}
	later := r.WithContext(context.WithValue(r.Context(), key{}, 2))
	if three, _ := s.Get(later, "cart"); three != one {
		t.Error("a clone that was made later has the same")
	}
	one.Values["outer"], two.Values["inner"] = 1, 2
	if err := errors.Join(s.Save(clone, w, one), s.Save(r, w, two)); err != nil { // each with the other's
		t.Error(err)
	}
	if v := b.values(t, s); v["outer"] != 1 || v["inner"] != 2 || v["k"] != "v" {
		t.Errorf("lost: %v", v)
	}
	if err := sessions.Save(r, w); err != nil {
		t.Error(err)
	}
}

// What hosts do to Session.Values to empty it does not take away what the store knows.
func TestClearedValues(t *testing.T) {
	backend := gorillastore.NewMemory()
	s, _ := newStore(t, backend, nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		clear(session.Values)
		save(t, r, w, session)
	})
	if v := b.values(t, s); len(v) != 0 || backend.Len() != 1 {
		t.Errorf("cleared: %v, %d stored", v, backend.Len())
	}
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values = map[any]any{"n": 1}
		save(t, r, w, session)
	})
	b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		if session.Values["n"] != 1 {
			t.Errorf("a map of the host's: %v", session.Values)
		}
		session.Values = nil
		save(t, r, w, session)
	})
	if v := b.values(t, s); len(v) != 0 || backend.Len() != 1 {
		t.Errorf("nil: %v, %d stored", v, backend.Len())
	}
}

// The store forgets a session that the host has forgotten.
func TestStatesGo(t *testing.T) {
	s, _ := newStore(t, gorillastore.NewMemory(), nil)
	b := newBrowser()
	b.put(t, s, "k", "v")
	for range 1000 {
		b.values(t, s)
	}
	for range 100 {
		if runtime.GC(); s.States() < 10 {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d states are kept", s.States())
}

// The move from gorilla's own store, as docs/gorilla.md shows it.
func TestMove(t *testing.T) {
	old := sessions.NewCookieStore(securecookie.GenerateRandomKey(32))
	s, _ := newStore(t, gorillastore.NewMemory(), nil)
	b := newBrowser()
	r, w := b.request(), httptest.NewRecorder()
	before, err := old.Get(r, "cart")
	if err != nil {
		t.Fatal(err)
	}
	before.Values["apples"] = 3
	save(t, r, w, before)
	b.keep(w)

	r, w = b.request(), httptest.NewRecorder()
	session, err := moved(s, old, r, w)
	if err != nil {
		t.Fatal(err)
	}
	b.keep(w)
	if session.Values["apples"] != 3 || slices.Collect(maps.Keys(b.cookies))[0] != hostCart || len(b.cookies) != 1 {
		t.Errorf("%v, cookies %v", session.Values, b.cookies)
	}
	session, err = moved(s, old, b.request(), w)
	if err != nil || session.Values["apples"] != 3 {
		t.Errorf("afterwards: %v, %v", session.Values, err)
	}
}

// moved returns the session "cart" of the new store, with what the old one had.
func moved(s *gorillastore.Store, old *sessions.CookieStore, r *http.Request, w http.ResponseWriter) (*sessions.Session, error) {
	session, err := s.Get(r, "cart")
	if err != nil || !session.IsNew {
		return session, err
	}
	before, err := old.New(r, "cart") // New: the registry knows one session of a name
	if err != nil || before.IsNew {
		return session, nil // what cannot be read is no longer ours
	}
	for k, v := range before.Values {
		session.Values[k] = v
	}
	if err := session.Save(r, w); err != nil {
		return session, err
	}
	http.SetCookie(w, &http.Cookie{Name: "cart", Path: "/", MaxAge: -1}) // with the Path and Domain it had
	return session, nil
}
