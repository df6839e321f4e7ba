package memory

import (
	"container/heap"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// mostEntries is how many entries an [Outbox] keeps.
const mostEntries = 100_000

// An Outbox is an [outbox.Store] in memory: what waits in it is lost with the process.
// Make one with [NewOutbox]; its methods are safe for concurrent use.
//
// It keeps at most 100,000 entries, about 500 bytes each, and their Data. At the bound
// Enqueue fails with [ErrFull], and so does what would have had to be told by mail; what
// waits is never thrown out.
type Outbox struct {
	mu     sync.Mutex
	byID   map[string]*entry
	realms map[string]*dueHeap
}

// An entry is an [outbox.Entry] as it is kept.
type entry struct {
	outbox.Entry
	at int // in the heap of its realm
}

// copied returns the entry without memory in common with what is kept.
func (e *entry) copied() outbox.Entry {
	c := e.Entry
	c.Data = cloneData(e.Data)
	return c
}

var _ outbox.Store = (*Outbox)(nil)

// NewOutbox returns an empty outbox.
func NewOutbox() *Outbox {
	return &Outbox{byID: map[string]*entry{}, realms: map[string]*dueHeap{}}
}

// Enqueue implements [outbox.Store]. It fails with [ErrFull] at the bound.
func (o *Outbox) Enqueue(ctx context.Context, e outbox.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.Validate(); err != nil {
		return err
	}
	k := &entry{Entry: e}
	k.Version, k.Attempts, k.Data = 1, 0, cloneData(e.Data)
	k.CreatedAt, k.DueAt = millis(e.CreatedAt), millis(e.DueAt)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byID[e.ID] != nil {
		return auth.ErrExists
	}
	if len(o.byID) >= mostEntries {
		return fmt.Errorf("%w: no room for more than %d entries", ErrFull, mostEntries)
	}
	o.byID[e.ID] = k
	h := o.realms[e.Realm]
	if h == nil {
		h = new(dueHeap)
		o.realms[e.Realm] = h
	}
	heap.Push(h, k)
	return nil
}

// Claim implements [outbox.Store].
func (o *Outbox) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if until.IsZero() {
		return nil, fmt.Errorf("%w: claim until no time", auth.ErrInvalid)
	}
	until = millis(until)
	o.mu.Lock()
	defer o.mu.Unlock()
	h := o.realms[realm]
	if h == nil {
		return nil, nil
	}
	var claimed []*entry
	for len(claimed) < limit && len(*h) > 0 && !(*h)[0].DueAt.After(now) {
		claimed = append(claimed, heap.Pop(h).(*entry))
	}
	var list []outbox.Entry
	for _, e := range claimed {
		e.DueAt = until
		e.Attempts++
		e.Version++
		heap.Push(h, e)
		list = append(list, e.copied())
	}
	return list, nil
}

// held returns the entry that e is, as long as nobody has changed it since.
func (o *Outbox) held(e outbox.Entry) (*entry, error) {
	switch k := o.byID[e.ID]; {
	case k == nil:
		return nil, auth.ErrNotFound
	case k.Version != e.Version:
		return nil, auth.ErrConflict
	default:
		return k, nil
	}
}

// Postpone implements [outbox.Store].
func (o *Outbox) Postpone(ctx context.Context, e outbox.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.ValidatePostponed(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.held(e)
	if err != nil {
		return err
	}
	k.DueAt, k.Data = millis(e.DueAt), cloneData(e.Data)
	k.Version++
	heap.Fix(o.realms[k.Realm], k.at)
	return nil
}

// Done implements [outbox.Store].
func (o *Outbox) Done(ctx context.Context, e outbox.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.held(e)
	if err != nil {
		return err
	}
	o.drop(k)
	return nil
}

// DeleteUser implements [outbox.Store]. It looks at all entries.
func (o *Outbox) DeleteUser(ctx context.Context, realm, userID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if userID == "" {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range o.byID {
		if k.Realm == realm && k.UserID == userID {
			o.drop(k)
		}
	}
	return nil
}

func (o *Outbox) drop(k *entry) {
	delete(o.byID, k.ID)
	h := o.realms[k.Realm]
	heap.Remove(h, k.at)
	if len(*h) == 0 {
		delete(o.realms, k.Realm)
	}
}

// A dueHeap has entries by when they are due.
type dueHeap []*entry

var _ heap.Interface = (*dueHeap)(nil)

// Len implements [heap.Interface].
func (h dueHeap) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h dueHeap) Less(i, j int) bool {
	if c := h[i].DueAt.Compare(h[j].DueAt); c != 0 {
		return c < 0
	}
	return strings.Compare(h[i].ID, h[j].ID) < 0
}

// Swap implements [heap.Interface].
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements [heap.Interface].
func (h *dueHeap) Push(x any) {
	e := x.(*entry)
	e.at = len(*h)
	*h = append(*h, e)
}

// Pop implements [heap.Interface].
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
