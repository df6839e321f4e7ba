package authtest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// callers is how many call at once where exactly one may succeed.
const callers = 50

// checkErr requires that err wraps want and no other outcome; rule
// is the sentence of the contract that is broken otherwise.
func checkErr(t *testing.T, call string, err, want error, rule string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v\n\trule: %s", call, err, want, rule)
		return
	}
	for _, other := range outcomes() {
		if err != nil && other != want && errors.Is(err, other) {
			t.Errorf("%s: error %q wraps both %q and %q\n\trule: outcomes are never mistaken for one another", call, err, want, other)
		}
	}
}

// checkOutage requires an error that wraps no outcome.
func checkOutage(t *testing.T, call string, err error, rule string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error\n\trule: %s", call, rule)
	}
	for _, other := range outcomes() {
		if errors.Is(err, other) {
			t.Errorf("%s: error %q wraps %q\n\trule: %s", call, err, other, rule)
		}
	}
}

func outcomes() []error {
	return []error{
		auth.ErrNotFound, auth.ErrExists, auth.ErrConflict, auth.ErrInvalid,
		auth.ErrNoCredentials, auth.ErrBadCredentials, auth.ErrForbidden,
	}
}

// must stops the test: what follows would say nothing.
func must(t *testing.T, call string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
}

// atOnce calls f(0) to f(n-1) in goroutines that all start at the same moment,
// and returns what each of them returned.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			runtime.Gosched() // so that the first to run does not finish before the others begin
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// checkOne requires that exactly one of errs is nil and that the others wrap
// lose.
func checkOne(t *testing.T, call string, errs []error, lose error, rule string) {
	t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, lose):
			t.Errorf("%d callers of %s: error is %v, want %v\n\trule: %s", len(errs), call, err, lose, rule)
			return
		}
	}
	if won != 1 {
		t.Errorf("%d callers of %s: %d succeeded, want 1\n\trule: %s", len(errs), call, won, rule)
	}
}

// checkTime requires that got is sent as a store keeps it.
func checkTime(t *testing.T, what string, got, sent time.Time) {
	t.Helper()
	want := kept(sent)
	switch {
	case !got.Equal(want):
		t.Errorf("%s is %v, want %v\n\trule: times are kept in milliseconds (the rest is cut off); the zero time comes back as the zero time", what, got, want)
	case got.Location() != time.UTC:
		t.Errorf("%s is in %v, want UTC\n\trule: times come back in UTC", what, got.Location())
	}
}

// checkText requires that got is sent, byte for byte.
func checkText(t *testing.T, what, got, sent string) {
	t.Helper()
	if got != sent {
		t.Errorf("%s is %+q, want %+q\n\trule: strings come back byte for byte", what, got, sent)
	}
}

// checkData requires that got is sent, or nil if sent is empty.
func checkData(t *testing.T, what string, got, sent []byte) {
	t.Helper()
	switch {
	case string(got) != string(sent):
		t.Errorf("%s is %d bytes %.40q, want %d bytes %.40q\n\trule: data come back byte for byte", what, len(got), got, len(sent), sent)
	case len(sent) == 0 && got != nil:
		t.Errorf("%s is empty, want nil\n\trule: a store returns nil for no data", what)
	}
}

func kept(t time.Time) time.Time { return t.Truncate(time.Millisecond).UTC() }

// ended are contexts that have ended, each in its way.
func ended(t *testing.T) map[string]context.Context {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return map[string]context.Context{"canceled": canceled, "deadline exceeded": late}
}

const endedRule = "a context that has ended is an outage and returned as such, never as an answer, and nothing is changed"
