package authtest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ref is a store that is correct and as simple as can be: one lock and four
// maps. The broken stores are made of it.
type ref struct {
	mu sync.Mutex
	state
}

type state struct {
	sessions    map[auth.SessionID]*auth.Session
	credentials map[[2]string]auth.Credential
	tickets     map[[2]string]auth.Ticket
	counters    map[string]counter
}

type counter struct {
	n     int64
	until time.Time
}

func newRef() *ref {
	return &ref{state: state{
		sessions:    map[auth.SessionID]*auth.Session{},
		credentials: map[[2]string]auth.Credential{},
		tickets:     map[[2]string]auth.Ticket{},
		counters:    map[string]counter{},
	}}
}

// copy returns a copy of what is stored; the caller has r locked.
func (r *ref) copy() state {
	return state{maps.Clone(r.sessions), maps.Clone(r.credentials), maps.Clone(r.tickets), maps.Clone(r.counters)}
}

// snapshot is copy for callers that have not.
func (r *ref) snapshot() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copy()
}

type inTx struct{}

// lock locks r unless ctx is in a transaction, which has it locked.
func (r *ref) lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ref: %w", err)
	}
	if ctx.Value(inTx{}) == r {
		return func() {}, nil
	}
	r.mu.Lock()
	return r.mu.Unlock, nil
}

func (r *ref) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if ctx.Value(inTx{}) == r {
		return f(ctx)
	}
	before, done := r.copy(), false
	defer func() {
		if !done {
			r.state = before
		}
	}()
	err = f(context.WithValue(ctx, inTx{}, r))
	done = err == nil
	return err
}

func (r *ref) InTransaction(ctx context.Context) bool { return ctx.Value(inTx{}) == r }

func ms(t time.Time) time.Time { return t.Truncate(time.Millisecond).UTC() }

func keepSession(s *auth.Session, version int64) *auth.Session {
	c := *s
	c.Version = version
	c.CreatedAt, c.SeenAt, c.EndsAt, c.ExpiresAt = ms(s.CreatedAt), ms(s.SeenAt), ms(s.EndsAt), ms(s.ExpiresAt)
	c.Proofs = slices.Clone(s.Proofs)
	for i := range c.Proofs {
		c.Proofs[i].At = ms(c.Proofs[i].At)
	}
	return &c
}

func (r *ref) CreateSession(ctx context.Context, s *auth.Session) error {
	if err := s.Validate(); err != nil {
		return err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if r.sessions[s.ID] != nil {
		return auth.ErrExists
	}
	r.sessions[s.ID] = keepSession(s, 1)
	return nil
}

func (r *ref) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s := r.sessions[id]; s != nil {
		return s, nil
	}
	return nil, auth.ErrNotFound
}

func (r *ref) UpdateSession(ctx context.Context, s *auth.Session) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old := r.sessions[s.ID]
	if old == nil {
		return auth.ErrNotFound
	}
	if old.Version != s.Version {
		return auth.ErrConflict
	}
	c := *old
	c.SeenAt, c.ExpiresAt, c.Stale, c.Version = ms(s.SeenAt), ms(s.ExpiresAt), s.Stale, s.Version+1
	r.sessions[s.ID] = &c
	return nil
}

func (r *ref) DeleteSession(ctx context.Context, id auth.SessionID) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if r.sessions[id] == nil {
		return auth.ErrNotFound
	}
	delete(r.sessions, id)
	return nil
}

func (r *ref) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	maps.DeleteFunc(r.sessions, func(id auth.SessionID, s *auth.Session) bool {
		return s.UserID == userID && !slices.Contains(except, id)
	})
	return nil
}

func (r *ref) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []*auth.Session
	for _, s := range r.sessions {
		if s.UserID == userID {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *auth.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list, nil
}

func data(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return slices.Clone(b)
}

func keepCredential(c *auth.Credential, version int64) auth.Credential {
	d := *c
	d.Version, d.Data = version, data(c.Data)
	d.CreatedAt, d.VerifiedAt, d.UsedAt, d.ExpiresAt = ms(c.CreatedAt), ms(c.VerifiedAt), ms(c.UsedAt), ms(c.ExpiresAt)
	return d
}

func (r *ref) LoadCredential(ctx context.Context, kind, key string) (auth.Credential, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return auth.Credential{}, err
	}
	defer unlock()
	c, ok := r.credentials[[2]string{kind, key}]
	if !ok {
		return auth.Credential{}, auth.ErrNotFound
	}
	return keepCredential(&c, c.Version), nil
}

func (r *ref) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]auth.Credential, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []auth.Credential
	for _, c := range r.credentials {
		if c.UserID == userID && (len(kinds) == 0 || slices.Contains(kinds, c.Kind)) {
			list = append(list, keepCredential(&c, c.Version))
		}
	}
	slices.SortFunc(list, func(a, b auth.Credential) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
	})
	return list, nil
}

// name returns what a change is about. It is ErrInvalid if it is malformed.
func name(c auth.Change) (n [2]string, err error) {
	if c.New != nil {
		if err := c.New.Validate(); err != nil {
			return n, err
		}
		n = [2]string{c.New.Kind, c.New.Key}
	}
	if c.Old != nil {
		old := [2]string{c.Old.Kind, c.Old.Key}
		if c.New != nil && n != old {
			return n, auth.ErrInvalid
		}
		return old, nil
	}
	if c.New == nil {
		return n, auth.ErrInvalid
	}
	return n, nil
}

// names requires that all changes are well formed and of different
// credentials.
func names(changes []auth.Change) error {
	seen := map[[2]string]bool{}
	for _, c := range changes {
		n, err := name(c)
		if err != nil {
			return err
		}
		if seen[n] {
			return auth.ErrInvalid
		}
		seen[n] = true
	}
	return nil
}

func (r *ref) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if err := names(changes); err != nil {
		return err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, c := range changes {
		if err := r.possible(c); err != nil {
			return err
		}
	}
	for _, c := range changes {
		r.apply(c)
	}
	return nil
}

// possible says why a well-formed change cannot be made.
func (r *ref) possible(c auth.Change) error {
	n, _ := name(c)
	there, ok := r.credentials[n]
	switch {
	case c.Old == nil && ok:
		return auth.ErrExists
	case c.Old == nil:
		return nil
	case !ok:
		return auth.ErrNotFound
	case there.Version != c.Old.Version:
		return auth.ErrConflict
	case c.New != nil && c.New.UserID != there.UserID:
		return auth.ErrInvalid
	}
	return nil
}

// apply makes a change.
func (r *ref) apply(c auth.Change) {
	n, _ := name(c)
	switch {
	case c.New == nil:
		delete(r.credentials, n)
	case c.Old == nil:
		r.credentials[n] = keepCredential(c.New, 1)
	default:
		r.credentials[n] = keepCredential(c.New, c.Old.Version+1)
	}
}

func keepTicket(t auth.Ticket) auth.Ticket {
	t.Data = data(t.Data)
	t.CreatedAt, t.ExpiresAt = ms(t.CreatedAt), ms(t.ExpiresAt)
	return t
}

func (r *ref) PutTicket(ctx context.Context, t auth.Ticket) error {
	if err := t.Validate(); err != nil {
		return err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	n := [2]string{t.Purpose, t.Key}
	if _, ok := r.tickets[n]; ok {
		return auth.ErrExists
	}
	if t.Slot != "" {
		maps.DeleteFunc(r.tickets, func(_ [2]string, o auth.Ticket) bool { return o.Purpose == t.Purpose && o.Slot == t.Slot })
	}
	r.tickets[n] = keepTicket(t)
	return nil
}

func (r *ref) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return auth.Ticket{}, err
	}
	defer unlock()
	if t, ok := r.tickets[[2]string{purpose, key}]; ok {
		return keepTicket(t), nil
	}
	return auth.Ticket{}, auth.ErrNotFound
}

func (r *ref) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return auth.Ticket{}, err
	}
	defer unlock()
	n := [2]string{purpose, key}
	t, ok := r.tickets[n]
	if !ok {
		return auth.Ticket{}, auth.ErrNotFound
	}
	delete(r.tickets, n)
	return t, nil
}

func (r *ref) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	maps.DeleteFunc(r.tickets, func(_ [2]string, t auth.Ticket) bool {
		return userID != "" && t.UserID == userID && (len(purposes) == 0 || slices.Contains(purposes, t.Purpose))
	})
	return nil
}

// checkKey is the rule for keys, borrowed from a ticket's.
func checkKey(key string) error {
	t := auth.Ticket{Purpose: "limit", Key: key}
	return t.Validate()
}

func (r *ref) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	if err := checkKey(key); err != nil {
		return 0, time.Time{}, err
	}
	if window < 0 {
		return 0, time.Time{}, fmt.Errorf("%w: negative window", auth.ErrInvalid)
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return 0, time.Time{}, err
	}
	defer unlock()
	c := r.counters[key]
	if c.n == 0 || !c.until.IsZero() && !now.Before(c.until) {
		c = counter{}
		if window != 0 {
			c.until = ms(now.Add(window))
		}
	}
	c.n++
	r.counters[key] = c
	return c.n, c.until, nil
}

func (r *ref) Forget(ctx context.Context, keys ...string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, key := range keys {
		delete(r.counters, key)
	}
	return nil
}

func (r *ref) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	return sweep(r.sessions, limit, func(s *auth.Session) bool { return s.ExpiresAt.Before(now) }) +
		sweep(r.credentials, limit, func(c auth.Credential) bool { return !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(now) }) +
		sweep(r.tickets, limit, func(t auth.Ticket) bool { return t.ExpiresAt.Before(now) }) +
		sweep(r.counters, limit, func(c counter) bool { return !c.until.IsZero() && c.until.Before(now) }), nil
}

func sweep[K comparable, V any](m map[K]V, limit int, expired func(v V) bool) (n int) {
	for k, v := range m {
		if n < limit && expired(v) {
			delete(m, k)
			n++
		}
	}
	return n
}

// user is a user of the broken loaders and of the tests of the helpers.
type user string

func (u user) AuthID() string { return string(u) }

// refUsers is a loader that is correct.
type refUsers struct {
	mu sync.Mutex
	n  int
	m  map[string]bool
}

func newRefUsers() *refUsers { return &refUsers{m: map[string]bool{"User-1": true}} }

func (r *refUsers) LoadUser(ctx context.Context, id string) (auth.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.m[id] {
		return nil, fmt.Errorf("users: %w", auth.ErrNotFound)
	}
	return user(id), nil
}

func (r *refUsers) CreateUser(ctx context.Context, _ auth.Profile) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	id := fmt.Sprint("new-", r.n)
	r.m[id] = true
	return id, nil
}

// errDown is an outage.
var errDown = errors.New("down")
