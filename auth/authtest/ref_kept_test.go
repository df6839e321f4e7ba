package authtest_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// one is a lock, unless ctx is in a transaction, which has it; and a transaction of maps
// that are only ever copied.
type one[V any] struct {
	mu sync.Mutex
	m  map[string]V
}

type inOne struct{}

func (o *one[V]) lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ref: %w", err)
	}
	if ctx.Value(inOne{}) == o {
		return func() {}, nil
	}
	o.mu.Lock()
	return o.mu.Unlock, nil
}

// alone is lock for those who do not care whether ctx has ended.
func (o *one[V]) alone(ctx context.Context) (unlock func()) {
	unlock, _ = o.lock(context.WithoutCancel(ctx))
	return unlock
}

func (o *one[V]) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before := maps.Clone(o.m)
	err = f(context.WithValue(ctx, inOne{}, o))
	if err != nil {
		o.m = before
	}
	return err
}

// refBox is an outbox that is correct and as simple as can be.
type refBox struct{ one[outbox.Entry] }

func newRefBox() *refBox { return &refBox{one[outbox.Entry]{m: map[string]outbox.Entry{}}} }

func (r *refBox) Enqueue(ctx context.Context, e outbox.Entry) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.Validate(); err != nil {
		return err
	}
	if _, ok := r.m[e.ID]; ok {
		return auth.ErrExists
	}
	e.Data, e.CreatedAt, e.DueAt, e.Attempts, e.Version = data(e.Data), ms(e.CreatedAt), ms(e.DueAt), 0, 1
	r.m[e.ID] = e
	return nil
}

// due returns what is, in order.
func (r *refBox) due(realm string, now time.Time) (list []outbox.Entry) {
	for _, e := range r.m {
		if e.Realm == realm && !e.DueAt.After(now) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b outbox.Entry) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), strings.Compare(a.ID, b.ID))
	})
	return list
}

func (r *refBox) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if until.IsZero() {
		return nil, auth.ErrInvalid
	}
	list := r.due(realm, now)
	list = list[:max(min(limit, len(list)), 0)]
	for i := range list {
		e := &list[i]
		e.DueAt, e.Attempts, e.Version = ms(until), e.Attempts+1, e.Version+1
		r.m[e.ID] = *e
		e.Data = data(e.Data)
	}
	return list, nil
}

func (r *refBox) held(e outbox.Entry) (outbox.Entry, error) {
	k, ok := r.m[e.ID]
	switch {
	case !ok:
		return k, auth.ErrNotFound
	case k.Version != e.Version:
		return k, auth.ErrConflict
	}
	return k, nil
}

func (r *refBox) Postpone(ctx context.Context, e outbox.Entry) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.ValidatePostponed(); err != nil {
		return err
	}
	k, err := r.held(e)
	if err == nil {
		k.DueAt, k.Data, k.Version = ms(e.DueAt), data(e.Data), k.Version+1
		r.m[k.ID] = k
	}
	return err
}

func (r *refBox) Done(ctx context.Context, e outbox.Entry) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := r.held(e); err != nil {
		return err
	}
	delete(r.m, e.ID)
	return nil
}

func (r *refBox) DeleteUser(ctx context.Context, realm, userID string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	maps.DeleteFunc(r.m, func(_ string, e outbox.Entry) bool { return userID != "" && e.Realm == realm && e.UserID == userID })
	return nil
}

// bentBox is the correct outbox with some of its verbs replaced.
type bentBox struct {
	*refBox
	enqueue  func(ctx context.Context, e outbox.Entry) error
	claim    func(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error)
	postpone func(ctx context.Context, e outbox.Entry) error
	done     func(ctx context.Context, e outbox.Entry) error
	delete   func(ctx context.Context, realm, userID string) error
}

func newBentBox(bend func(b *bentBox)) *bentBox {
	r := newRefBox()
	b := &bentBox{r, r.Enqueue, r.Claim, r.Postpone, r.Done, r.DeleteUser}
	bend(b)
	return b
}

func (b *bentBox) Enqueue(ctx context.Context, e outbox.Entry) error { return b.enqueue(ctx, e) }
func (b *bentBox) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	return b.claim(ctx, realm, now, until, limit)
}
func (b *bentBox) Postpone(ctx context.Context, e outbox.Entry) error { return b.postpone(ctx, e) }
func (b *bentBox) Done(ctx context.Context, e outbox.Entry) error     { return b.done(ctx, e) }
func (b *bentBox) DeleteUser(ctx context.Context, realm, userID string) error {
	return b.delete(ctx, realm, userID)
}

// refLog is an audit log that is correct and as simple as can be.
type refLog struct{ one[audit.Record] }

func newRefLog() *refLog { return &refLog{one[audit.Record]{m: map[string]audit.Record{}}} }

func (r *refLog) Append(ctx context.Context, rec audit.Record) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := rec.Validate(); err != nil {
		return err
	}
	if _, ok := r.m[rec.ID]; ok {
		return auth.ErrExists
	}
	rec.At, rec.ExpiresAt = ms(rec.At), ms(rec.ExpiresAt)
	rec.Action, rec.Object, rec.Policy, rec.Took = "", "", "", 0
	r.m[rec.ID] = rec
	return nil
}

func (r *refLog) UserRecords(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []audit.Record
	for _, rec := range r.m {
		if rec.Realm == realm && rec.UserID == userID {
			list = append(list, rec)
		}
	}
	slices.SortFunc(list, func(a, b audit.Record) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
	})
	if after != "" {
		i := slices.IndexFunc(list, func(rec audit.Record) bool { return rec.ID == after })
		if i < 0 {
			return nil, nil
		}
		list = list[i+1:]
	}
	return list[:max(min(limit, len(list)), 0)], nil
}

func (r *refLog) DeleteUser(ctx context.Context, realm, userID string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	maps.DeleteFunc(r.m, func(_ string, rec audit.Record) bool {
		return userID != "" && rec.Realm == realm && rec.UserID == userID
	})
	return nil
}

func (r *refLog) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	maps.DeleteFunc(r.m, func(_ string, rec audit.Record) bool {
		gone := n < limit && !rec.ExpiresAt.IsZero() && !rec.ExpiresAt.After(now)
		if gone {
			n++
		}
		return gone
	})
	return n, nil
}

// bentLog is the correct audit log with some of its verbs replaced.
type bentLog struct {
	*refLog
	append func(ctx context.Context, rec audit.Record) error
	list   func(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error)
	delete func(ctx context.Context, realm, userID string) error
	sweep  func(ctx context.Context, now time.Time, limit int) (int, error)
}

func newBentLog(bend func(b *bentLog)) *bentLog {
	r := newRefLog()
	b := &bentLog{r, r.Append, r.UserRecords, r.DeleteUser, r.Sweep}
	bend(b)
	return b
}

func (b *bentLog) Append(ctx context.Context, rec audit.Record) error { return b.append(ctx, rec) }
func (b *bentLog) UserRecords(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
	return b.list(ctx, realm, userID, after, limit)
}
func (b *bentLog) DeleteUser(ctx context.Context, realm, userID string) error {
	return b.delete(ctx, realm, userID)
}
func (b *bentLog) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return b.sweep(ctx, now, limit)
}
