package authtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Recorder is a store in front of another that writes down which verbs were
// called, makes calls fail, and lines callers up. Make one with [NewRecorder].
// Its methods are safe for concurrent use.
//
// Abilities such as InTx are those of the store behind it and are not recorded;
// verbs in a transaction are.
type Recorder struct {
	store auth.Store

	mu     sync.Mutex
	calls  []string
	faults []fault
	meets  map[string]*meeting
}

// A fault makes calls fail.
type fault struct {
	verb     string // "": any
	from, to int    // which calls of the verb, counted from now; to is exclusive, 0: no end
	seen     int
	err      error
}

// A meeting is where callers of a verb wait for one another.
type meeting struct {
	missing int
	open    chan struct{}
}

// NewRecorder returns a Recorder in front of store.
func NewRecorder(store auth.Store) *Recorder {
	return &Recorder{store: store, meets: map[string]*meeting{}}
}

// Unwrap returns the store behind it.
func (rec *Recorder) Unwrap() any { return rec.store }

// Calls returns the verbs that were called, oldest first, such as
// "LoadSession". Calls that were made to fail are among them.
func (rec *Recorder) Calls() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.calls)
}

// Called returns how often the verb was called.
func (rec *Recorder) Called(verb string) (n int) {
	for _, call := range rec.Calls() {
		if call == verb {
			n++
		}
	}
	return n
}

// Reset forgets what was called, and takes back every Fail and Meet.
func (rec *Recorder) Reset() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.calls, rec.faults = nil, nil
	for verb, m := range rec.meets {
		close(m.open)
		delete(rec.meets, verb)
	}
}

// FailAt makes the n-th call from now, counted from 1, fail with err before it
// reaches the store.
func (rec *Recorder) FailAt(n int, err error) { rec.fail(fault{from: n, to: n + 1, err: err}) }

// FailFrom makes the n-th call from now, counted from 1, and all later ones fail
// with err: what a crash leaves.
func (rec *Recorder) FailFrom(n int, err error) { rec.fail(fault{from: n, err: err}) }

// FailVerb makes every call of the verb fail with err.
func (rec *Recorder) FailVerb(verb string, err error) { rec.fail(fault{verb: verb, from: 1, err: err}) }

func (rec *Recorder) fail(f fault) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.faults = append(rec.faults, f)
}

// Meet makes callers of the verb wait until n of them are there, before any of
// them reaches the store. Later callers do not wait. A caller whose context ends
// gets its error.
func (rec *Recorder) Meet(verb string, n int) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if old := rec.meets[verb]; old != nil {
		close(old.open)
	}
	rec.meets[verb] = &meeting{missing: n, open: make(chan struct{})}
}

// call is called before every call of a verb. Its error is the call's.
func (rec *Recorder) call(ctx context.Context, verb string) error {
	rec.mu.Lock()
	rec.calls = append(rec.calls, verb)
	var err error
	for i := range rec.faults {
		f := &rec.faults[i]
		if f.verb != "" && f.verb != verb {
			continue
		}
		f.seen++
		if err == nil && f.seen >= f.from && (f.to == 0 || f.seen < f.to) {
			err = f.err
		}
	}
	m := rec.meets[verb]
	if m != nil {
		if m.missing--; m.missing <= 0 {
			close(m.open)
			delete(rec.meets, verb)
		}
	}
	rec.mu.Unlock()
	if err != nil || m == nil {
		return err
	}
	select {
	case <-m.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CreateSession records the call and passes it on, as do all other verbs.
func (rec *Recorder) CreateSession(ctx context.Context, s *auth.Session) error {
	if err := rec.call(ctx, "CreateSession"); err != nil {
		return err
	}
	return rec.store.CreateSession(ctx, s)
}

// LoadSession records the call and passes it on.
func (rec *Recorder) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	if err := rec.call(ctx, "LoadSession"); err != nil {
		return nil, err
	}
	return rec.store.LoadSession(ctx, id)
}

// UpdateSession records the call and passes it on.
func (rec *Recorder) UpdateSession(ctx context.Context, s *auth.Session) error {
	if err := rec.call(ctx, "UpdateSession"); err != nil {
		return err
	}
	return rec.store.UpdateSession(ctx, s)
}

// DeleteSession records the call and passes it on.
func (rec *Recorder) DeleteSession(ctx context.Context, id auth.SessionID) error {
	if err := rec.call(ctx, "DeleteSession"); err != nil {
		return err
	}
	return rec.store.DeleteSession(ctx, id)
}

// DeleteUserSessions records the call and passes it on.
func (rec *Recorder) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	if err := rec.call(ctx, "DeleteUserSessions"); err != nil {
		return err
	}
	return rec.store.DeleteUserSessions(ctx, userID, except...)
}

// UserSessions records the call and passes it on.
func (rec *Recorder) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	if err := rec.call(ctx, "UserSessions"); err != nil {
		return nil, err
	}
	return rec.store.UserSessions(ctx, userID)
}

// LoadCredential records the call and passes it on.
func (rec *Recorder) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	if err := rec.call(ctx, "LoadCredential"); err != nil {
		return auth.Credential{}, err
	}
	return rec.store.LoadCredential(ctx, kind, key)
}

// UserCredentials records the call and passes it on.
func (rec *Recorder) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	if err := rec.call(ctx, "UserCredentials"); err != nil {
		return nil, err
	}
	return rec.store.UserCredentials(ctx, userID, kinds...)
}

// ChangeCredentials records the call and passes it on.
func (rec *Recorder) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if err := rec.call(ctx, "ChangeCredentials"); err != nil {
		return err
	}
	return rec.store.ChangeCredentials(ctx, changes...)
}

// PutTicket records the call and passes it on.
func (rec *Recorder) PutTicket(ctx context.Context, t auth.Ticket) error {
	if err := rec.call(ctx, "PutTicket"); err != nil {
		return err
	}
	return rec.store.PutTicket(ctx, t)
}

// LoadTicket records the call and passes it on.
func (rec *Recorder) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := rec.call(ctx, "LoadTicket"); err != nil {
		return auth.Ticket{}, err
	}
	return rec.store.LoadTicket(ctx, purpose, key)
}

// TakeTicket records the call and passes it on.
func (rec *Recorder) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := rec.call(ctx, "TakeTicket"); err != nil {
		return auth.Ticket{}, err
	}
	return rec.store.TakeTicket(ctx, purpose, key)
}

// DeleteUserTickets records the call and passes it on.
func (rec *Recorder) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	if err := rec.call(ctx, "DeleteUserTickets"); err != nil {
		return err
	}
	return rec.store.DeleteUserTickets(ctx, userID, purposes...)
}

// Count records the call and passes it on.
func (rec *Recorder) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	if err := rec.call(ctx, "Count"); err != nil {
		return 0, time.Time{}, err
	}
	return rec.store.Count(ctx, key, window, now)
}

// Forget records the call and passes it on.
func (rec *Recorder) Forget(ctx context.Context, keys ...string) error {
	if err := rec.call(ctx, "Forget"); err != nil {
		return err
	}
	return rec.store.Forget(ctx, keys...)
}
