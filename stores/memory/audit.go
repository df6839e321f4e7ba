package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

const (
	// mostRecords is how many records an [Audit] keeps.
	mostRecords = 1_000_000
	// mostOfUser is how many of them may be one user's.
	mostOfUser = 200
)

// An Audit is an [audit.Store] in memory, and an [auth.Sweeper]. Make one with
// [NewAudit]; its methods are safe for concurrent use. What is in it is lost with the
// process.
//
// It keeps 200 records of each user in a realm. To keep another, it deletes what had
// expired when that happened, or else the oldest of those whose name most of the 200 have:
// who guesses at a password drives out other guesses, and not the login that came before.
// Of all users it keeps 1,000,000, about 500 bytes each. Append fails with [ErrFull] if
// there is no room and nothing has expired.
type Audit struct {
	mu     sync.Mutex
	byID   map[string]*record
	byUser map[userInRealm][]*record // oldest first
	queue  queue[*record]
}

// A record is an [audit.Record] as it is kept.
type record struct {
	audit.Record
	at int32 // in the queue
}

func (r *record) place() *int32  { return &r.at }
func (r *record) expires() int64 { return expiry(r.ExpiresAt) }

type userInRealm struct{ realm, userID string }

var (
	_ audit.Store  = (*Audit)(nil)
	_ auth.Sweeper = (*Audit)(nil)
)

// NewAudit returns an empty store of records.
func NewAudit() *Audit {
	return &Audit{byID: map[string]*record{}, byUser: map[userInRealm][]*record{}}
}

// Append implements [audit.Store]. It fails with [ErrFull] at the bound.
func (a *Audit) Append(ctx context.Context, rec audit.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := rec.Validate(); err != nil {
		return err
	}
	e := &rec.Event
	r := &record{Record: audit.Record{ID: rec.ID, Realm: rec.Realm, ExpiresAt: millis(rec.ExpiresAt), Event: auth.Event{
		Name: e.Name, At: millis(e.At), UserID: e.UserID, Actor: e.Actor,
		Method: e.Method, Addr: e.Addr, Label: e.Label, Reason: e.Reason,
	}}}
	u := userInRealm{rec.Realm, rec.UserID}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID[rec.ID] != nil {
		return auth.ErrExists
	}
	if len(a.byUser[u]) >= mostOfUser {
		a.makeRoom(u, latest(r.At))
	}
	if len(a.byID) >= mostRecords && a.sweep(latest(r.At), perWrite) == 0 {
		return fmt.Errorf("%w: no room for more than %d records", ErrFull, mostRecords)
	}
	a.byID[rec.ID] = r
	a.queue.push(r)
	list := a.byUser[u]
	at, _ := slices.BinarySearchFunc(list, r, compareRecords)
	a.byUser[u] = slices.Insert(list, at, r)
	return nil
}

func compareRecords(x, y *record) int {
	if c := x.At.Compare(y.At); c != 0 {
		return c
	}
	return strings.Compare(x.ID, y.ID)
}

// makeRoom deletes a record of the user.
func (a *Audit) makeRoom(u userInRealm, now int64) {
	list := a.byUser[u]
	if i := slices.IndexFunc(list, func(r *record) bool { return r.expires() <= now }); i >= 0 {
		a.drop(list[i])
		return
	}
	named := map[string]int{}
	most := 0
	for _, r := range list {
		named[r.Name]++
		most = max(most, named[r.Name])
	}
	a.drop(list[slices.IndexFunc(list, func(r *record) bool { return named[r.Name] == most })])
}

func (a *Audit) drop(r *record) {
	u := userInRealm{r.Realm, r.UserID}
	list := a.byUser[u]
	at, _ := slices.BinarySearchFunc(list, r, compareRecords)
	if list = slices.Delete(list, at, at+1); len(list) > 0 {
		a.byUser[u] = list
	} else {
		delete(a.byUser, u)
	}
	a.forget(r)
}

// forget is drop but for the user's list.
func (a *Audit) forget(r *record) {
	delete(a.byID, r.ID)
	a.queue.remove(r)
}

// UserRecords implements [audit.Store].
func (a *Audit) UserRecords(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.byUser[userInRealm{realm, userID}]
	if after != "" {
		r := a.byID[after]
		if r == nil || r.Realm != realm || r.UserID != userID {
			return nil, nil
		}
		at, _ := slices.BinarySearchFunc(list, r, compareRecords)
		list = list[:at]
	}
	var found []audit.Record
	for _, r := range slices.Backward(list) {
		if len(found) >= limit {
			break
		}
		found = append(found, r.Record)
	}
	return found, nil
}

// DeleteUser implements [audit.Store].
func (a *Audit) DeleteUser(ctx context.Context, realm, userID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if userID == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	u := userInRealm{realm, userID}
	for _, r := range a.byUser[u] {
		a.forget(r)
	}
	delete(a.byUser, u)
	return nil
}

// Sweep implements [auth.Sweeper].
func (a *Audit) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for n < limit {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		a.mu.Lock()
		step := a.sweep(now.UnixMilli(), min(perStep, limit-n))
		a.mu.Unlock()
		if n += step; step == 0 {
			break
		}
	}
	return n, ctx.Err()
}

// sweep deletes at most limit records that had expired at now.
func (a *Audit) sweep(now int64, limit int) (n int) {
	for ; n < limit; n++ {
		budget := 2 // records live as long as they did when they were queued
		r, ok := a.queue.expired(now, &budget)
		if !ok {
			break
		}
		a.drop(r)
	}
	return n
}
