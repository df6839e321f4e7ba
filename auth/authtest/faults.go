package authtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ErrDown is what calls fail with that were made to fail without saying with
// what, and all calls after a kill. It is an outage.
var ErrDown = errors.New("authtest: the store is down")

// Faults is a store in front of another that does what stores on a network do,
// when a test says so: it fails, is slow, does what it was asked for and loses
// the reply, dies; and it lines callers up, so that what reads, thinks and then
// writes fails every time and not once in a thousand. Make one with [NewFaults].
// Its methods are safe for concurrent use.
//
//	f := authtest.NewFaults(store)
//	f.On("CreateSession").At(2).Lose(nil)   // the second session is there, and nobody knows
//	f.On().From(5).Fail(err)                // from the fifth call on, whichever it is
//	f.On("LoadCredential").MeetAfter(50)    // fifty have read before one of them writes
//	f.On().At(3).Kill()                     // the process dies before the third call
//
// A verb is the name of a method: the fifteen of [auth.Store], "Sweep", and
// "InTx". These two are there if the store behind it has them, found through
// [auth.As]; the verbs in a transaction are calls of their own, and one that was
// begun before a kill is not committed after it.
//
// A fault meets the calls that are made after it was ordered. If several meet a
// call, each does its part, in the order in which they were ordered, until one
// fails it.
type Faults struct {
	store auth.Store

	mu     sync.Mutex
	calls  []string
	faults []*Fault
	dead   bool
}

// NewFaults returns a Faults in front of store in which nothing fails yet.
func NewFaults(store auth.Store) *Faults { return &Faults{store: store} }

// Calls returns the verbs that were called, oldest first, such as
// "LoadSession". Calls that were made to fail are among them.
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Called returns how often the verb was called.
func (f *Faults) Called(verb string) (n int) {
	for _, call := range f.Calls() {
		if call == verb {
			n++
		}
	}
	return n
}

// Kill makes everything from now on fail with [ErrDown], and what is under way
// too, although the store may have done it: the process is dead. What was
// written stays written; a new Faults in front of the same store is the process
// that is started next.
func (f *Faults) Kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
}

// Reset forgets what was called, takes every fault back, and lets callers go who
// wait for others. After a kill the store can be reached again.
func (f *Faults) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.faults {
		x.letGo()
	}
	f.calls, f.faults, f.dead = nil, nil, false
}

var verbs = []string{
	"CreateSession", "LoadSession", "UpdateSession", "DeleteSession", "DeleteUserSessions", "UserSessions",
	"LoadCredential", "UserCredentials", "ChangeCredentials",
	"PutTicket", "LoadTicket", "TakeTicket", "DeleteUserTickets",
	"Count", "Forget",
	"Sweep", "InTx",
}

// On says to which verbs something is to happen; none means all. It panics if
// there is no such verb, since a fault that meets nothing tests nothing.
func (f *Faults) On(names ...string) Order {
	for _, name := range names {
		if !slices.Contains(verbs, name) {
			panic(fmt.Sprintf("authtest: no store has a verb %q", name))
		}
	}
	return Order{f: f, verbs: names, from: 1}
}

// An Order says to which calls of a [Faults] something is to happen: to all calls
// of some verbs, unless [Order.At] or [Order.From] picks some of them. Nothing
// happens before one of the other methods says what.
type Order struct {
	f        *Faults
	verbs    []string
	from, to int // to is exclusive; 0: no end
}

// At picks the k-th call, counted from 1.
func (o Order) At(k int) Order { o.from, o.to = k, k+1; return o }

// From picks the k-th call, counted from 1, and all later ones.
func (o Order) From(k int) Order { o.from, o.to = k, 0; return o }

// Before has do called before the call reaches the store. If it returns an error,
// the call fails with it and does not reach the store. do may use the Faults.
func (o Order) Before(do func(ctx context.Context) error) *Fault {
	return o.order(&Fault{before: do})
}

// After has do called when the store has answered, before the caller gets the
// answer. If it returns an error, that is all the caller gets. do may use the
// Faults.
func (o Order) After(do func(ctx context.Context) error) *Fault {
	return o.order(&Fault{after: do})
}

// Fail makes the calls fail with err, [ErrDown] if it is nil, before they reach
// the store.
func (o Order) Fail(err error) *Fault {
	return o.Before(func(context.Context) error { return orDown(err) })
}

// Lose makes the calls fail with err, [ErrDown] if it is nil, after the store has
// done what it was asked for: the reply is lost.
func (o Order) Lose(err error) *Fault {
	return o.After(func(context.Context) error { return orDown(err) })
}

// Delay makes the calls wait for d before they reach the store. A caller whose
// context ends gets its error.
func (o Order) Delay(d time.Duration) *Fault {
	return o.Before(func(ctx context.Context) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Kill is [Faults.Kill] before the first of the calls reaches the store.
func (o Order) Kill() *Fault {
	return o.Before(func(context.Context) error { o.f.Kill(); return ErrDown })
}

// KillAfter is [Faults.Kill] after the store has done the first of the calls.
func (o Order) KillAfter() *Fault {
	return o.After(func(context.Context) error { o.f.Kill(); return ErrDown })
}

// patience is for how long one waits for others. It ends a test whose callers
// never come with an error that says so.
const patience = 15 * time.Second

// Meet makes callers wait until n of them are there, before any of them reaches
// the store. Later callers do not wait. A caller whose context ends gets its
// error; one who has waited for 15 seconds gets an error as well.
func (o Order) Meet(n int) *Fault {
	x := &Fault{missing: n, met: make(chan struct{})}
	x.before = x.wait
	return o.order(x)
}

// MeetAfter is [Order.Meet] between the store's answer and the caller: n callers
// have been answered before one of them can go on. Whoever reads and then writes
// what follows from it has read what all the others have read.
func (o Order) MeetAfter(n int) *Fault {
	x := &Fault{missing: n, met: make(chan struct{})}
	x.after = x.wait
	return o.order(x)
}

func orDown(err error) error {
	if err == nil {
		return ErrDown
	}
	return err
}

func (o Order) order(x *Fault) *Fault {
	x.of = o
	o.f.mu.Lock()
	defer o.f.mu.Unlock()
	o.f.faults = append(o.f.faults, x)
	return x
}

// A Fault is what was ordered of a [Faults]. Its methods are safe for concurrent
// use.
type Fault struct {
	of            Order
	before, after func(ctx context.Context) error

	// Under the lock of the Faults.
	seen, hits int
	missing    int           // of a meeting
	met        chan struct{} // closed when nobody is missing; nil if it is no meeting
}

// Hits returns how many calls it has met. A test that has met nothing has shown
// nothing.
func (x *Fault) Hits() int {
	x.of.f.mu.Lock()
	defer x.of.f.mu.Unlock()
	return x.hits
}

// Stop takes it back, and lets callers go who wait for others.
func (x *Fault) Stop() {
	f := x.of.f
	f.mu.Lock()
	defer f.mu.Unlock()
	x.letGo()
	f.faults = slices.DeleteFunc(f.faults, func(other *Fault) bool { return other == x })
}

// letGo is called under the lock.
func (x *Fault) letGo() {
	if x.met != nil && x.missing > 0 {
		x.missing = 0
		close(x.met)
	}
}

func (x *Fault) wait(ctx context.Context) error {
	f := x.of.f
	f.mu.Lock()
	if x.missing > 0 {
		if x.missing--; x.missing == 0 {
			close(x.met)
		}
	}
	f.mu.Unlock()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-x.met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("authtest: nobody else came to %q within %v", x.of.verbs, patience)
	}
}

// meets is called under the lock, once for every call.
func (x *Fault) meets(verb string) bool {
	if len(x.of.verbs) > 0 && !slices.Contains(x.of.verbs, verb) {
		return false
	}
	x.seen++
	if x.seen < x.of.from || x.of.to != 0 && x.seen >= x.of.to {
		return false
	}
	x.hits++
	return true
}

// arrive is called once for every call and returns what happens to it.
func (f *Faults) arrive(verb string) []*Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, verb)
	if f.dead {
		return nil
	}
	var met []*Fault
	for _, x := range f.faults {
		if x.meets(verb) {
			met = append(met, x)
		}
	}
	return met
}

func (f *Faults) alive() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return ErrDown
	}
	return nil
}

// pass makes a call, with all that happens to it. An error of a fault leaves no
// answer.
func pass[T any](ctx context.Context, f *Faults, verb string, call func() (T, error)) (T, error) {
	var none T
	met := f.arrive(verb)
	for _, x := range met {
		if x.before == nil {
			continue
		}
		if err := x.before(ctx); err != nil {
			return none, err
		}
	}
	if err := f.alive(); err != nil {
		return none, err
	}
	answer, err := call()
	for _, x := range met {
		if x.after == nil {
			continue
		}
		if err := x.after(ctx); err != nil {
			return none, err
		}
	}
	if err := f.alive(); err != nil {
		return none, err
	}
	return answer, err
}

// passErr is pass for a call that answers with an error only.
func passErr(ctx context.Context, f *Faults, verb string, call func() error) error {
	_, err := pass(ctx, f, verb, func() (struct{}, error) { return struct{}{}, call() })
	return err
}
