package auth_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// given runs f with the context that an authorizer is given, made of ctx.
func given(t *testing.T, ctx context.Context, timeout time.Duration, f func(ctx context.Context)) {
	t.Helper()
	m, _, _ := lean(t)
	o := &auth.Options{AuthorizerTimeout: timeout, Authorizer: auth.AuthorizerFunc(func(ctx context.Context, _ auth.Access) error {
		f(ctx)
		return auth.ErrForbidden
	})}
	m, err := auth.New(m.Users(), m.Store(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Decide(ctx, auth.Access{}); !errors.Is(err, auth.ErrNoCredentials) {
		t.Fatal(err)
	}
}

// closed reports whether c is closed now.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// The context that an authorizer is given keeps all of context.Context's contract.
func TestAuthorizerContext(t *testing.T) {
	live := func(t *testing.T, ctx context.Context) {
		t.Helper()
		if ctx.Err() != nil || context.Cause(ctx) != nil || closed(ctx.Done()) || ctx.Err() != nil || context.Cause(ctx) != nil {
			t.Errorf("ended: %v", ctx.Err())
		}
	}
	over := func(t *testing.T, ctx context.Context, want error) {
		t.Helper()
		for range 2 {
			if err := ctx.Err(); err != want {
				t.Errorf("Err is %v, want %v", err, want)
			}
			if !closed(ctx.Done()) {
				t.Error("Done is open")
			}
		}
	}
	t.Run("live", func(t *testing.T) {
		given(t, t.Context(), time.Hour, func(ctx context.Context) {
			live(t, ctx)
			if done := ctx.Done(); done != ctx.Done() {
				t.Error("Done is not always the same channel")
			}
			if at, ok := ctx.Deadline(); !ok || time.Until(at) > time.Hour || time.Until(at) < 59*time.Minute {
				t.Errorf("Deadline is %v, %v", at, ok)
			}
		})
	})
	t.Run("the deadline of who asks", func(t *testing.T) {
		for in, want := range map[time.Duration]bool{time.Minute: true, 2 * time.Hour: false} {
			asking, cancel := context.WithTimeout(t.Context(), in)
			defer cancel()
			theirs, _ := asking.Deadline()
			given(t, asking, time.Hour, func(ctx context.Context) {
				live(t, ctx)
				if at, ok := ctx.Deadline(); !ok || at.Equal(theirs) != want {
					t.Errorf("in %v: %v", in, time.Until(at))
				}
			})
		}
	})
	t.Run("values", func(t *testing.T) {
		given(t, context.WithValue(t.Context(), ctxKey{}, "v"), time.Hour, func(ctx context.Context) {
			if ctx.Value(ctxKey{}) != "v" || ctx.Value("other") != nil {
				t.Error("before Done")
			}
			ctx.Done()
			if ctx.Value(ctxKey{}) != "v" || ctx.Value("other") != nil {
				t.Error("after Done")
			}
		})
	})
	for _, waited := range []bool{false, true} {
		t.Run(map[bool]string{false: "without a wait", true: "after a wait"}[waited], func(t *testing.T) {
			asking, cancel := context.WithCancelCause(t.Context())
			given(t, asking, time.Hour, func(ctx context.Context) {
				if waited {
					live(t, ctx)
				}
				cancel(errDown)
				over(t, ctx, context.Canceled)
				if got := context.Cause(ctx); got != errDown {
					t.Errorf("the cause is %v", got)
				}
			})
			given(t, t.Context(), time.Millisecond, func(ctx context.Context) {
				at, _ := ctx.Deadline()
				if waited {
					<-ctx.Done()
				} else {
					time.Sleep(time.Until(at))
				}
				over(t, ctx, context.DeadlineExceeded)
				if got := context.Cause(ctx); got != context.DeadlineExceeded {
					t.Errorf("the cause is %v", got)
				}
				if time.Now().Before(at) {
					t.Error("too early")
				}
			})
			// How it has ended stays so, whatever happens to who asks.
			asking, cancel = context.WithCancelCause(t.Context())
			given(t, asking, time.Millisecond, func(ctx context.Context) {
				at, _ := ctx.Deadline()
				if waited {
					<-ctx.Done()
				} else {
					time.Sleep(time.Until(at))
				}
				if err := ctx.Err(); err != context.DeadlineExceeded {
					t.Errorf("%v", err)
				}
				cancel(errDown)
				over(t, ctx, context.DeadlineExceeded)
			})
			// Whoever keeps it learns that the decision is over.
			var kept context.Context
			given(t, t.Context(), time.Hour, func(ctx context.Context) {
				kept = ctx
				if waited {
					live(t, ctx)
				}
			})
			over(t, kept, context.Canceled)
		})
	}
	t.Run("children", func(t *testing.T) {
		given(t, t.Context(), time.Hour, func(ctx context.Context) {
			child, cancel := context.WithCancel(ctx)
			grandchild, stop := context.WithTimeout(child, time.Minute)
			defer stop()
			live(t, grandchild)
			cancel()
			over(t, child, context.Canceled)
			over(t, grandchild, context.Canceled)
			live(t, ctx)
		})
		given(t, t.Context(), time.Millisecond, func(ctx context.Context) {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			over(t, child, context.DeadlineExceeded)
			ran := make(chan struct{})
			context.AfterFunc(ctx, func() { close(ran) })
			<-ran
			live(t, context.WithoutCancel(ctx))
		})
	})
	t.Run("a context of the host's that is odd", func(t *testing.T) {
		for name, a := range map[string]auth.AuthorizerFunc{
			"not waited for": func(context.Context, auth.Access) error { return nil },
			"waited for":     func(ctx context.Context, _ auth.Access) error { ctx.Done(); return nil },
		} {
			m, err := auth.New(auth.UserFunc((&accounts{}).byID), &hooked{}, &auth.Options{Authorizer: a})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Decide(oddContext{t.Context()}, auth.Access{}); outcome(err) != "outage" {
				t.Errorf("%s: a yes for whom nobody waits: %v", name, err)
			}
		}
	})
}

// oddContext has ended, and its Done does not say so.
type oddContext struct{ context.Context }

func (oddContext) Err() error { return errDown }

// All at once, for the race detector.
func TestAuthorizerContextConcurrently(t *testing.T) {
	for range 50 {
		asking, cancel := context.WithCancel(t.Context())
		given(t, asking, time.Hour, func(ctx context.Context) {
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					switch i % 4 {
					case 0:
						<-ctx.Done()
					case 1:
						child, stop := context.WithCancel(ctx)
						defer stop()
						<-child.Done()
					case 2:
						for ctx.Err() == nil {
							runtime.Gosched()
						}
					case 3:
						ctx.Value(ctxKey{})
						cancel()
					}
					if ctx.Err() != context.Canceled || !closed(ctx.Done()) {
						t.Error("it has not ended")
					}
				})
			}
			all.Wait()
		})
	}
}

// goroutines counts those that there are, once no more are going, or there are no more
// than enough: on a busy machine the last take their time.
func goroutines(enough int) (n int) {
	n = runtime.NumGoroutine()
	for until := time.Now().Add(2 * time.Second); n > enough && time.Now().Before(until); {
		runtime.Gosched()
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

// forget is what a careless authorizer does with a context.
func forget(context.Context, context.CancelFunc) {}

// No decision has a goroutine of its own, whatever is done with its context.
func TestNoGoroutinePerDecision(t *testing.T) {
	for name, say := range map[string]func(ctx context.Context, a auth.Access) error{
		"answers":    says(nil),
		"looks":      func(ctx context.Context, _ auth.Access) error { return ctx.Err() },
		"could wait": func(ctx context.Context, _ auth.Access) error { ctx.Done(); return nil },
		"with a timeout": func(ctx context.Context, _ auth.Access) error {
			forget(context.WithTimeout(ctx, time.Minute))
			return nil
		},
		"with a cancel": func(ctx context.Context, _ auth.Access) error { forget(context.WithCancel(ctx)); return nil },
		"with a function": func(ctx context.Context, _ auth.Access) error {
			defer context.AfterFunc(ctx, func() {})()
			return auth.ErrForbidden
		},
		"panics": func(ctx context.Context, _ auth.Access) error { ctx.Done(); panic("x") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(o *auth.Options) { o.Authorizer = auth.AuthorizerFunc(say); o.Events = nil })
			ada := s.visitor().logIn("ada")
			const decisions = 2000
			before, most := runtime.NumGoroutine(), 0
			ctx, cancel := context.WithCancel(t.Context()) // of who asks, which goes on
			err := ada.asks(func(inner context.Context) error {
				for i := range decisions {
					_ = s.m.Decide(ctx, auth.Access{Action: "x"})
					_ = s.m.Authorize(inner, "x", nil)
					if i%100 == 0 {
						most = max(most, runtime.NumGoroutine())
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, runtime.NumGoroutine())
			if most > before+20 {
				t.Errorf("%d goroutines while deciding, %d before", most, before)
			}
			if after := goroutines(before + 2); after > before+2 {
				t.Errorf("%d goroutines after %d decisions, %d before", after, decisions, before)
			}
			cancel()
		})
	}
	// Those that wait at the same time wait in their own, and leave nothing.
	s := newSite(t, func(o *auth.Options) {
		o.AuthorizerTimeout = 20 * time.Millisecond
		o.Authorizer = auth.AuthorizerFunc(func(ctx context.Context, _ auth.Access) error { <-ctx.Done(); return ctx.Err() })
	})
	before := runtime.NumGoroutine()
	const callers = 1000
	var all, waiting sync.WaitGroup
	waiting.Add(callers)
	hold := make(chan struct{})
	for range callers {
		all.Go(func() {
			waiting.Done()
			<-hold
			if err := s.m.Decide(t.Context(), auth.Access{}); outcome(err) != "outage" {
				t.Errorf("%v", err)
			}
		})
	}
	waiting.Wait()
	close(hold)
	if most := runtime.NumGoroutine(); most > before+callers+20 {
		t.Errorf("%d goroutines for %d callers, %d before", most, callers, before)
	}
	all.Wait()
	if after := goroutines(before + 2); after > before+2 {
		t.Errorf("%d goroutines are left, %d before", after, before)
	}
}
