package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A Faults of which nothing was ordered is the store behind it, in each of its
// abilities.
func TestFaultsPass(t *testing.T) {
	authtest.TestStore(t, func(*testing.T) auth.Store { return authtest.NewFaults(newRef()) })

	type plain struct{ auth.Store }
	type sweeps struct {
		auth.Store
		auth.Sweeper
	}
	r := newRef()
	for _, test := range []struct {
		name       string
		store      auth.Store
		sweeps, tx bool
	}{
		{"neither", plain{r}, false, false},
		{"Sweep", sweeps{r, r}, true, false},
		{"InTx", struct {
			plain
			ableTx
		}{plain{r}, r}, false, true},
		{"both", r, true, true},
	} {
		f := authtest.NewFaults(test.store)
		s, ok := auth.As[auth.Sweeper](f)
		if ok != test.sweeps {
			t.Errorf("%s: a Sweeper is found: %v", test.name, ok)
		}
		tx, ok := auth.As[ableTx](f)
		if ok != test.tx {
			t.Errorf("%s: InTx is found: %v", test.name, ok)
		}
		f.On("Sweep", "InTx").Fail(errDown)
		if test.sweeps {
			if _, err := s.Sweep(t.Context(), time.Time{}, 1); !errors.Is(err, errDown) {
				t.Errorf("%s: Sweep is not among the verbs: %v", test.name, err)
			}
		}
		if test.tx {
			if err := tx.InTx(t.Context(), func(context.Context) error { return nil }); !errors.Is(err, errDown) {
				t.Errorf("%s: InTx is not among the verbs: %v", test.name, err)
			}
		}
		if test.name == "both" {
			if found, ok := auth.As[*ref](f); !ok || found != r {
				t.Error("the store behind it is not found")
			}
		}
	}
}

type ableTx interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
}

// everyVerb calls each verb once, on things that differ, and says whether it was
// done when that can be seen.
var everyVerb = []struct {
	name string
	call func(ctx context.Context, f *authtest.Faults) error
}{
	{"CreateSession", func(ctx context.Context, f *authtest.Faults) error {
		return f.CreateSession(ctx, &auth.Session{ID: auth.SessionID{1}, UserID: "u"})
	}},
	{"LoadSession", func(ctx context.Context, f *authtest.Faults) error {
		_, err := f.LoadSession(ctx, auth.SessionID{2})
		return err
	}},
	{"UpdateSession", func(ctx context.Context, f *authtest.Faults) error {
		return f.UpdateSession(ctx, &auth.Session{ID: auth.SessionID{2}, UserID: "u", Version: 1})
	}},
	{"DeleteSession", func(ctx context.Context, f *authtest.Faults) error {
		return f.DeleteSession(ctx, auth.SessionID{3})
	}},
	{"DeleteUserSessions", func(ctx context.Context, f *authtest.Faults) error { return f.DeleteUserSessions(ctx, "other") }},
	{"UserSessions", func(ctx context.Context, f *authtest.Faults) error { _, err := f.UserSessions(ctx, "u"); return err }},
	{"LoadCredential", func(ctx context.Context, f *authtest.Faults) error {
		_, err := f.LoadCredential(ctx, "k", "1")
		return err
	}},
	{"UserCredentials", func(ctx context.Context, f *authtest.Faults) error { _, err := f.UserCredentials(ctx, "u"); return err }},
	{"ChangeCredentials", func(ctx context.Context, f *authtest.Faults) error {
		return f.ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: "k", Key: "2", UserID: "u"}})
	}},
	{"PutTicket", func(ctx context.Context, f *authtest.Faults) error {
		return f.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "new"})
	}},
	{"LoadTicket", func(ctx context.Context, f *authtest.Faults) error { _, err := f.LoadTicket(ctx, "p", "1"); return err }},
	{"TakeTicket", func(ctx context.Context, f *authtest.Faults) error { _, err := f.TakeTicket(ctx, "p", "2"); return err }},
	{"DeleteUserTickets", func(ctx context.Context, f *authtest.Faults) error { return f.DeleteUserTickets(ctx, "u") }},
	{"Count", func(ctx context.Context, f *authtest.Faults) error {
		_, _, err := f.Count(ctx, "k", 0, time.Time{})
		return err
	}},
	{"Forget", func(ctx context.Context, f *authtest.Faults) error { return f.Forget(ctx, "k") }},
	{"Sweep", func(ctx context.Context, f *authtest.Faults) error {
		s, _ := auth.As[auth.Sweeper](f)
		_, err := s.Sweep(ctx, time.Time{}, 1)
		return err
	}},
	{"InTx", func(ctx context.Context, f *authtest.Faults) error {
		tx, _ := auth.As[ableTx](f)
		return tx.InTx(ctx, func(context.Context) error { return nil })
	}},
}

// newCounted returns a store that counts the calls that reach it.
func newCounted(t *testing.T) (*authtest.Faults, *authtest.Faults) {
	t.Helper()
	r := newRef()
	for _, err := range []error{
		r.CreateSession(t.Context(), &auth.Session{ID: auth.SessionID{2}, UserID: "u"}),
		r.CreateSession(t.Context(), &auth.Session{ID: auth.SessionID{3}, UserID: "u"}),
		r.ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "k", Key: "1", UserID: "u"}}),
		r.PutTicket(t.Context(), auth.Ticket{Purpose: "p", Key: "1"}),
		r.PutTicket(t.Context(), auth.Ticket{Purpose: "p", Key: "2"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	behind := authtest.NewFaults(r)
	return authtest.NewFaults(behind), behind
}

func TestFaultsEveryVerb(t *testing.T) {
	for _, verb := range everyVerb {
		t.Run(verb.name, func(t *testing.T) {
			for _, test := range []struct {
				name    string
				order   func(o authtest.Order) *authtest.Fault
				want    error
				reaches int
			}{
				{"nothing", nil, nil, 1},
				{"fail", func(o authtest.Order) *authtest.Fault { return o.Fail(errDown) }, errDown, 0},
				{"fail without saying with what", func(o authtest.Order) *authtest.Fault { return o.Fail(nil) }, authtest.ErrDown, 0},
				{"lose", func(o authtest.Order) *authtest.Fault { return o.Lose(errDown) }, errDown, 1},
				{"kill", func(o authtest.Order) *authtest.Fault { return o.Kill() }, authtest.ErrDown, 0},
				{"kill after", func(o authtest.Order) *authtest.Fault { return o.KillAfter() }, authtest.ErrDown, 1},
				{"before", func(o authtest.Order) *authtest.Fault {
					return o.Before(func(context.Context) error { return nil })
				}, nil, 1},
				{"meet alone", func(o authtest.Order) *authtest.Fault { return o.Meet(1) }, nil, 1},
				{"another verb", func(o authtest.Order) *authtest.Fault { return nil }, nil, 1},
			} {
				f, behind := newCounted(t)
				var fault *authtest.Fault
				if test.order != nil {
					fault = test.order(f.On(verb.name))
				}
				if test.name == "another verb" {
					f.On(slices.DeleteFunc([]string{"LoadSession", "Forget"}, func(s string) bool { return s == verb.name })...).Fail(errDown)
				}
				if err := verb.call(t.Context(), f); !errors.Is(err, test.want) {
					t.Errorf("%s: %v, want %v", test.name, err, test.want)
				}
				if got := behind.Called(verb.name); got != test.reaches {
					t.Errorf("%s: %d calls reached the store, want %d", test.name, got, test.reaches)
				}
				if fault != nil && fault.Hits() != 1 {
					t.Errorf("%s: it met %d calls, want 1", test.name, fault.Hits())
				}
				if got := f.Calls(); !slices.Equal(got, []string{verb.name}) {
					t.Errorf("%s: calls %q", test.name, got)
				}
			}
		})
	}
}

func TestFaultsOrders(t *testing.T) {
	ctx := t.Context()
	f := authtest.NewFaults(newRef())
	count := func() error { _, _, err := f.Count(ctx, "k", 0, time.Time{}); return err }
	failures := func(n int) (failed []int) {
		for i := range n {
			if err := count(); errors.Is(err, errDown) {
				failed = append(failed, i+1)
			} else if err != nil {
				t.Error(err)
			}
		}
		return failed
	}
	for _, test := range []struct {
		name  string
		order func() *authtest.Fault
		want  []int
	}{
		{"At", func() *authtest.Fault { return f.On("Count").At(2).Fail(errDown) }, []int{2}},
		{"From", func() *authtest.Fault { return f.On("Count", "Forget").From(3).Fail(errDown) }, []int{3, 4}},
		{"At of all", func() *authtest.Fault { return f.On().At(4).Lose(errDown) }, []int{4}},
	} {
		count() // before the order: not counted
		x := test.order()
		if got := failures(4); !slices.Equal(got, test.want) || x.Hits() != len(test.want) {
			t.Errorf("%s: calls %d failed, %d hits, want %d", test.name, got, x.Hits(), test.want)
		}
		x.Stop()
		if got := failures(4); got != nil {
			t.Errorf("%s: calls %d failed after Stop", test.name, got)
		}
	}

	// An error comes from the first that has one, and what is behind it is not done.
	late := 0
	f.On("Count").Before(func(context.Context) error { return nil })
	f.On("Count").Fail(errDown)
	f.On("Count").Before(func(context.Context) error { late++; return nil })
	if err := count(); !errors.Is(err, errDown) || late != 0 {
		t.Errorf("three orders for one call: %v, the last was done %d times", err, late)
	}
	f.Reset()
	if err := count(); err != nil || len(f.Calls()) != 1 {
		t.Errorf("after Reset: %v, calls %q", err, f.Calls())
	}

	defer func() {
		if p := recover(); p == nil {
			t.Error("On takes a verb that there is not")
		}
	}()
	f.On("LoadSesion")
}

// What is done in the middle of a call may use the store.
func TestFaultsBetween(t *testing.T) {
	ctx := t.Context()
	f := authtest.NewFaults(newRef())
	s := &auth.Session{ID: auth.SessionID{1}, UserID: "u"}
	if err := f.CreateSession(ctx, s); err != nil {
		t.Fatal(err)
	}
	f.On("UpdateSession").Before(func(ctx context.Context) error { return f.DeleteSession(ctx, s.ID) })
	touched := *s
	touched.Version = 1
	if err := f.UpdateSession(ctx, &touched); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("UpdateSession of what was deleted meanwhile: %v", err)
	}
	if err := f.CreateSession(ctx, s); err != nil {
		t.Fatal(err)
	}
	f.On("LoadSession").After(func(context.Context) error { return errDown })
	if s, err := f.LoadSession(ctx, s.ID); s != nil || !errors.Is(err, errDown) {
		t.Errorf("LoadSession whose reply is lost: %v, %v", s, err)
	}
}

func TestFaultsDelay(t *testing.T) {
	f := authtest.NewFaults(newRef())
	f.On("Forget").Delay(20 * time.Millisecond)
	began := time.Now()
	if err := f.Forget(t.Context(), "k"); err != nil || time.Since(began) < 20*time.Millisecond {
		t.Errorf("Forget took %v, %v", time.Since(began), err)
	}
	f.On("Forget").Delay(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := f.Forget(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Forget of a caller who has no time: %v", err)
	}
}

// After a kill nothing comes through, nothing that was under way is answered, and
// no transaction is committed; what was written is there for the next process.
func TestFaultsKill(t *testing.T) {
	ctx := t.Context()
	r := newRef()
	there := func(key string) bool {
		_, err := r.LoadTicket(ctx, "p", key)
		return err == nil
	}
	put := func(ctx context.Context, s auth.Store, key string) error {
		return s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: key})
	}

	f := authtest.NewFaults(r)
	f.On("PutTicket").At(2).KillAfter()
	errs := []error{put(ctx, f, "1"), put(ctx, f, "2"), put(ctx, f, "3"), f.Forget(ctx, "k")}
	if errs[0] != nil || errs[1] != authtest.ErrDown || errs[2] != authtest.ErrDown || errs[3] != authtest.ErrDown {
		t.Errorf("the errors are %v", errs)
	}
	if !there("1") || !there("2") || there("3") {
		t.Errorf("there are tickets 1, 2, 3: %v, %v, %v; want the first two", there("1"), there("2"), there("3"))
	}

	f = authtest.NewFaults(r)
	tx, _ := auth.As[ableTx](f)
	err := tx.InTx(ctx, func(ctx context.Context) error {
		if err := put(ctx, f, "4"); err != nil {
			return err
		}
		f.Kill()
		return nil // as if it had not noticed
	})
	if !errors.Is(err, authtest.ErrDown) || there("4") {
		t.Errorf("a transaction in which it was killed: %v, its ticket is there: %v", err, there("4"))
	}

	f = authtest.NewFaults(r)
	f.On("PutTicket").After(func(context.Context) error { f.Kill(); return nil })
	if err := put(ctx, f, "5"); !errors.Is(err, authtest.ErrDown) || !there("5") {
		t.Errorf("a call under way: %v", err)
	}
	f.Reset()
	if err := put(ctx, f, "6"); err != nil {
		t.Errorf("after Reset: %v", err)
	}

	for name, order := range map[string]func(o authtest.Order) *authtest.Fault{
		"Lose":      func(o authtest.Order) *authtest.Fault { return o.Lose(nil) },
		"KillAfter": authtest.Order.KillAfter,
	} {
		f = authtest.NewFaults(r)
		order(f.On("InTx"))
		tx, _ = auth.As[ableTx](f)
		err = tx.InTx(ctx, func(ctx context.Context) error { return put(ctx, f, name) })
		if !errors.Is(err, authtest.ErrDown) || !there(name) {
			t.Errorf("%s: the reply to a commit: %v, its ticket is there: %v", name, err, there(name))
		}
	}
}

// takeBadly is what a store must not do: it looks, and then takes.
func takeBadly(ctx context.Context, s auth.Store, key string) error {
	if _, err := s.LoadTicket(ctx, "p", key); err != nil {
		return err
	}
	_, _ = s.TakeTicket(ctx, "p", key)
	return nil
}

// What reads and then writes is caught each time, whichever side of the store the
// callers are lined up on.
func TestFaultsMeet(t *testing.T) {
	const n = 50
	for name, order := range map[string]func(f *authtest.Faults) *authtest.Fault{
		"before the write": func(f *authtest.Faults) *authtest.Fault { return f.On("TakeTicket").Meet(n) },
		"after the read":   func(f *authtest.Faults) *authtest.Fault { return f.On("LoadTicket").MeetAfter(n) },
	} {
		f := authtest.NewFaults(newRef())
		if err := f.PutTicket(t.Context(), auth.Ticket{Purpose: "p", Key: "k"}); err != nil {
			t.Fatal(err)
		}
		x := order(f)
		var took atomic.Int64
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if takeBadly(t.Context(), f, "k") == nil {
					took.Add(1)
				}
			})
		}
		wg.Wait()
		if took.Load() != n || x.Hits() != n {
			t.Errorf("%s: %d of %d took the ticket, %d hits", name, took.Load(), n, x.Hits())
		}
		if err := takeBadly(t.Context(), f, "k"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s: a later caller: %v", name, err)
		}
	}
}

// Nobody waits for who does not come.
func TestFaultsMeetNobody(t *testing.T) {
	f := authtest.NewFaults(newRef())
	f.On("Forget").MeetAfter(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Forget(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller whose context has ended: %v", err)
	}
	for name, letGo := range map[string]func(x *authtest.Fault){
		"Stop":  func(x *authtest.Fault) { x.Stop() },
		"Reset": func(*authtest.Fault) { f.Reset() },
	} {
		f.Reset()
		x := f.On("Forget").Meet(2)
		done := make(chan error)
		go func() { done <- f.Forget(t.Context()) }()
		for x.Hits() == 0 {
			time.Sleep(time.Millisecond)
		}
		letGo(x)
		if err := <-done; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleFaults() {
	ctx := context.Background()
	store := authtest.NewFaults(memory.New(nil))
	lost := store.On("PutTicket").Lose(nil)

	invitation := auth.Ticket{Purpose: "invitation", Key: "k"}
	fmt.Println(store.PutTicket(ctx, invitation))
	lost.Stop()

	// Whoever tries again must see that it was done already.
	err := store.PutTicket(ctx, invitation)
	fmt.Println(errors.Is(err, auth.ErrExists), store.Calls())
	// Output:
	// authtest: the store is down
	// true [PutTicket PutTicket]
}

// A process that dies between any two writes.
func ExampleOrder_Kill() {
	ctx := context.Background()
	for k := 1; ; k++ {
		store := memory.New(nil)
		process := authtest.NewFaults(store)
		killed := process.On().At(k).Kill()
		move := func() {
			if ticket, err := process.TakeTicket(ctx, "from", "k"); err == nil {
				ticket.Purpose = "to"
				_ = process.PutTicket(ctx, ticket)
			}
		}
		_ = store.PutTicket(ctx, auth.Ticket{Purpose: "from", Key: "k"})
		move()
		if killed.Hits() == 0 {
			break // there is no k-th call
		}
		_, from := store.LoadTicket(ctx, "from", "k")
		_, to := store.LoadTicket(ctx, "to", "k")
		fmt.Println("killed before call", k, "lost:", from != nil && to != nil)
	}
	// Output:
	// killed before call 1 lost: false
	// killed before call 2 lost: true
}
