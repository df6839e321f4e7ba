package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// able is a provider with every ability, of which each test says what it does.
type able struct {
	name    string
	run     func(ctx context.Context) error
	record  func(ctx context.Context, e auth.Event, changes []auth.Change) error
	observe func(ctx context.Context, e auth.Event)
	admit   func(ctx context.Context, u auth.User, proofs []auth.Proof) error
}

func (a *able) Name() string                        { return a.name }
func (a *able) Mount(*auth.Manager, auth.Mux) error { return nil }

func (a *able) Run(ctx context.Context) error {
	if a.run == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return a.run(ctx)
}

func (a *able) Record(ctx context.Context, e auth.Event, changes []auth.Change) error {
	if a.record == nil {
		return nil
	}
	return a.record(ctx, e, changes)
}

func (a *able) Observe(ctx context.Context, e auth.Event) {
	if a.observe != nil {
		a.observe(ctx, e)
	}
}

func (a *able) Admit(ctx context.Context, u auth.User, proofs []auth.Proof) error {
	if a.admit == nil {
		return nil
	}
	return a.admit(ctx, u, proofs)
}

// Work in the background begins, is begun again when it fails, panics or returns, later
// each time, and ends with its context, and Run with it: nothing is left behind.
func TestRunKeepsRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left behind
		var begun []time.Duration
		var ended atomic.Bool
		start := time.Now()
		worker := &able{name: "worker", run: func(ctx context.Context) error {
			begun = append(begun, time.Since(start))
			switch len(begun) {
			case 1:
				return errDown
			case 2:
				panic("secret detail")
			case 3:
				return nil
			case 4:
				time.Sleep(2 * time.Minute)
				return errDown
			}
			<-ctx.Done()
			time.Sleep(time.Second) // finishing what it had begun
			ended.Store(true)
			return context.Cause(ctx)
		}}
		var log strings.Builder
		m, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{
			Providers: []auth.Provider{worker, &able{name: "other"}},
			Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		time.Sleep(time.Hour)
		stopped := errors.New("stopped")
		cancel(stopped)
		if err := <-done; !errors.Is(err, stopped) || !ended.Load() {
			t.Errorf("Run returned %v, the worker had ended: %v", err, ended.Load())
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 7*time.Second + 2*time.Minute + time.Second}
		if !slices.Equal(begun, want) {
			t.Errorf("begun after %v, want %v", begun, want)
		}
		for _, part := range []string{errDown.Error(), "panic: ", "returned before its context ended"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("nothing of %q in\n%s", part, log.String())
			}
		}
		if strings.Contains(log.String(), "context canceled") || strings.Contains(log.String(), "stopped") {
			t.Errorf("the end is logged as a failure:\n%s", log.String())
		}
	})
}

// What fails for ever is begun again once a minute at most.
func TestRunBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		m, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{
			Providers: []auth.Provider{&able{name: "worker", run: func(context.Context) error { n++; return errDown }}},
			Logger:    slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Second/2)
		defer cancel()
		if err := m.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if n != 65 { // 0, 1, 3, 7, 15, 31, 63, and then each minute to 3543+
			t.Errorf("begun %d times in an hour", n)
		}
	})
}

// Providers observe every event, one after the other, before the host is told; one that
// panics hinders nobody.
func TestObserve(t *testing.T) {
	var heard []string
	s := newSite(t, func(o *auth.Options) {
		o.Providers = append(o.Providers,
			&able{name: "a", observe: func(_ context.Context, e auth.Event) { heard = append(heard, "a "+e.Name); panic("secret detail") }},
			&able{name: "b", observe: func(_ context.Context, e auth.Event) { heard = append(heard, "b "+e.Name) }})
		o.Events = append(o.Events, func(_ context.Context, e auth.Event) { heard = append(heard, "host "+e.Name) })
	})
	v := s.visitor().logIn("ada")
	v.post("/auth/logout", "")
	if want := []string{"a login", "b login", "host login", "a logout", "b logout", "host logout"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

// Admit is asked before the host, with copies, and what it says is said: a refusal, a
// problem, an outage. A panic is an outage. Nobody asks it of a login that proves nothing.
func TestAdmit(t *testing.T) {
	for name, tt := range map[string]struct {
		admit  func() error
		status int
	}{
		"yes":     {func() error { return nil }, 200},
		"no":      {func() error { return auth.ErrBadCredentials }, 401},
		"problem": {func() error { return &auth.Problem{Status: 403, Code: "account_closed"} }, 403},
		"outage":  {func() error { return errDown }, 503},
		"panic":   {func() error { panic("secret detail") }, 503},
	} {
		var asked []string
		s := newSite(t, func(o *auth.Options) {
			o.Providers = append(o.Providers, &able{name: "a", admit: func(_ context.Context, u auth.User, proofs []auth.Proof) error {
				asked = append(asked, "a "+u.AuthID()+" "+proofs[0].Method)
				proofs[0].Method = "forged"
				return tt.admit()
			}})
			o.BeforeLogIn = func(_ context.Context, _ auth.User, proofs []auth.Proof) error {
				asked = append(asked, "host "+proofs[0].Method)
				return nil
			}
		})
		v := s.visitor()
		if res := v.post("/auth/trust?user=ada", ""); res.StatusCode != tt.status || strings.Contains(body(res), "secret") {
			t.Errorf("%s: %s", name, res.Status)
		}
		if _, in := v.cookies["__Host-sid"]; in != (tt.status == 200) {
			t.Errorf("%s: logged in is %v", name, in)
		}
		want := []string{"a ada trust"}
		if tt.status == 200 {
			want = append(want, "host trust", "a ada trust") // and again, once there is a session
		}
		if !slices.Equal(asked, want) {
			t.Errorf("%s: asked %q, want %q", name, asked, want)
		}
	}
}

// kept is a provider that notes in the store what it is told of, in the transaction.
func keeping(store func() auth.Store, fail *error) *able {
	return &able{name: "keeping", record: func(ctx context.Context, e auth.Event, changes []auth.Change) error {
		if *fail != nil {
			if *fail == errPanics {
				panic("secret detail")
			}
			return *fail
		}
		return store().PutTicket(ctx, auth.Ticket{Purpose: "noted", Key: e.Name, CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)})
	}}
}

var errPanics = errors.New("panics")

func noted(t *testing.T, store auth.Store, name string) bool {
	t.Helper()
	_, err := store.LoadTicket(t.Context(), "noted", name)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

type transactor interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
}

// What is recorded is kept with the change or not at all, where there are transactions;
// where there are none, the change is made, ends what it ends, and says that not
// everybody was told.
func TestRecord(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		var fail error
		s := newSiteOn(t, store, func(o *auth.Options) {
			o.Providers = append(o.Providers, keeping(func() auth.Store { return store }, &fail))
		})
		tx, transactional := auth.As[transactor](store)
		key := s.addKey("ada", "adas")
		if !noted(t, store, "credential.added") {
			t.Error("an added credential was not recorded")
		}
		for _, fault := range []error{errDown, auth.ErrConflict, errPanics} {
			ada := s.visitor().logIn("ada")
			before := s.key("adas")
			next := before
			next.Generation++
			fail = fault
			err := s.m.Apply(t.Context(), "ada", "password.reset", auth.Change{Old: &before, New: &next})
			fail = nil
			if err == nil || errors.Is(err, auth.ErrConflict) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v: the error is %v", fault, err)
			}
			after := s.key("adas")
			if made := after.Generation != before.Generation; made == transactional {
				t.Errorf("%v: the change was made: %v", fault, made)
			}
			if got, want := ada.who(), map[bool]string{true: "ada", false: "nobody"}[transactional]; got != want {
				t.Errorf("%v: who was logged in is %s, want %s", fault, got, want)
			}
			if n := len(s.named("password.reset")); (n > 0) == transactional {
				t.Errorf("%v: told %d times", fault, n)
			}
			if noted(t, store, "password.reset") {
				t.Errorf("%v: it was noted", fault)
			}
		}
		if !transactional {
			return
		}
		// A transaction of the host's takes everything back.
		err := tx.InTx(t.Context(), func(ctx context.Context) error {
			if err := s.m.Apply(ctx, "ada", "email.verified"); err != nil {
				t.Error(err)
			}
			return errDown
		})
		if !errors.Is(err, errDown) || noted(t, store, "email.verified") {
			t.Errorf("rolled back (%v), it was noted: %v", err, noted(t, store, "email.verified"))
		}
		_ = key
	})
}

// A record sees what was dropped, and who did it from where.
func TestRecordSeesAll(t *testing.T) {
	var e auth.Event
	var changes []auth.Change
	s := newSite(t, func(o *auth.Options) {
		o.Providers = append(o.Providers, &able{name: "a", record: func(_ context.Context, is auth.Event, all []auth.Change) error {
			e, changes = is, all
			return nil
		}})
		o.Consequences = map[string]map[string]auth.Fate{"account.closed": {"key": auth.DropAll}}
	})
	s.addKey("ada", "1")
	s.addKey("ada", "2")
	v := s.browser().logIn("ada")
	s.inRequest(v, func(_ http.ResponseWriter, r *http.Request) {
		if err := s.m.Apply(r.Context(), "ada", "account.closed"); err != nil {
			t.Error(err)
		}
	})
	if e.Name != "account.closed" || e.UserID != "ada" || !e.At.Equal(t0) || e.Addr.String() != "192.0.2.1" || e.Label != "Firefox on Linux" || e.Reason != "removed key, removed key" {
		t.Errorf("the event is %+v", e)
	}
	if len(changes) != 2 || changes[0].New != nil || changes[0].Old.Key != "1" || changes[1].Old.Key != "2" {
		t.Errorf("the changes are %+v", changes)
	}
}

// inRequest runs f in a request of v's.
func (s *site) inRequest(v *visitor, f http.HandlerFunc) {
	s.t.Helper()
	inner := s.h
	s.h = s.m.Handler(f)
	v.post("/", "")
	s.h = inner
}

// A browser becomes known with the login that begins in it, once, and by no half-done
// login, whoever is logged in there; of two at once neither is passed over.
func TestKnowBrowser(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, func(o *auth.Options) { o.Providers = append(o.Providers, owedBy("bob")) })
		know := func(v *visitor, logIn string) {
			s.inRequest(v, func(w http.ResponseWriter, r *http.Request) {
				if logIn != "" {
					_ = s.m.LogIn(w, r, logIn, auth.Proof{Method: "trust"})
				}
				s.m.KnowBrowser(w, r)
			})
		}
		v := s.browser()
		know(v, "")
		know(v, "bob") // owes a factor
		if n := len(s.named("device.added")); n != 0 || v.cookies["__Host-device"] != "" {
			t.Errorf("of nobody's browser %d times", n)
		}
		know(v, "ada")
		know(v, "bob") // half done, while ada is logged in
		know(v, "")    // nobody logs in now
		know(v, "ada") // again
		got := s.named("device.added")
		if len(got) != 1 || got[0].UserID != "ada" || got[0].Label != "Firefox on Linux" || !got[0].Addr.IsValid() {
			t.Errorf("told: %+v", got)
		}
		for range 29 {
			know(s.browser(), "ada")
		}
		*s.events = nil
		var both sync.WaitGroup
		for range 2 { // each makes room in place of the oldest, which is the same
			both.Go(func() {
				v := s.browser()
				w := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust"})
					s.m.KnowBrowser(w, r)
				}))
				w.ServeHTTP(discard{}, v.request("POST", "/", ""))
			})
		}
		both.Wait()
		held, err := store.UserCredentials(t.Context(), "ada", "device")
		if err != nil || len(held) > 30 || len(s.named("device.added")) != 2 {
			t.Errorf("%d known, %v; told %d times", len(held), err, len(s.named("device.added")))
		}
	})
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// owedBy is a factor that one user owes.
type owedBy string

func (owedBy) Name() string                        { return "owed" }
func (owedBy) Mount(*auth.Manager, auth.Mux) error { return nil }
func (o owedBy) Owed(_ context.Context, u auth.User, _ []auth.Proof) (bool, error) {
	return u.AuthID() == string(o), nil
}

// A proof that an address is somebody's counts from a provider that logs people in, and
// from no other; and only as long as the address is theirs.
func TestProofOfAnAddress(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, func(o *auth.Options) {
			o.Providers = append(o.Providers, named{name: "link", kind: "link"}, &able{name: "sender"})
		})
		address := auth.Credential{Kind: "email", Key: "ada@example.com", UserID: "ada", Generation: 3, CreatedAt: t0}
		if err := store.ChangeCredentials(t.Context(), auth.Change{New: &address}); err != nil {
			t.Fatal(err)
		}
		logIn := func(method string, generation int64) (err error) {
			s.inRequest(s.visitor(), func(w http.ResponseWriter, r *http.Request) {
				err = s.m.LogIn(w, r, "ada", auth.Proof{Method: method, Kind: "email", Key: "ada@example.com", Generation: generation})
			})
			return err
		}
		for method, good := range map[string]bool{"link": true, "sender": false, "code": false, "": false} {
			if err := logIn(method, 3); (err == nil) != good || err != nil && !errors.Is(err, auth.ErrBadCredentials) {
				t.Errorf("proved by %q: %v", method, err)
			}
		}
		if err := logIn("link", 2); !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("an earlier proof: %v", err)
		}
		// The address changes, and is kept for its old owner, between the gate's looks.
		s.store.before["CreateSession"] = func() {
			s.store.before["CreateSession"] = nil
			held, err := store.LoadCredential(t.Context(), "email", "ada@example.com")
			if err != nil {
				t.Error(err)
			}
			if err := s.m.Apply(t.Context(), "ada", "email.changed", auth.Change{Old: &held}); err != nil {
				t.Error(err)
			}
			reserved := auth.Credential{Kind: "email", Key: "ada@example.com", UserID: "reserved\x1fada", Generation: 3, CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
			if err := store.ChangeCredentials(t.Context(), auth.Change{New: &reserved}); err != nil {
				t.Error(err)
			}
		}
		if err := logIn("link", 3); !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("an address that was changed meanwhile: %v", err)
		}
		if left, _ := s.m.Sessions(t.Context(), "ada"); len(left) != 0 {
			t.Errorf("%d sessions", len(left))
		}
	})
}
