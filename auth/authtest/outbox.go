package authtest

import (
	"context"
	"slices"
	"sync"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An Outbox keeps events. Its Record goes into [auth.Options.Events]. The zero
// value is empty; its methods are safe for concurrent use.
type Outbox struct {
	mu     sync.Mutex
	events []auth.Event
}

// Record keeps e.
func (o *Outbox) Record(_ context.Context, e auth.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
}

// Events returns what was recorded, oldest first.
func (o *Outbox) Events() []auth.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.events)
}

// Named returns the events of that name, oldest first.
func (o *Outbox) Named(name string) []auth.Event {
	return slices.DeleteFunc(o.Events(), func(e auth.Event) bool { return e.Name != name })
}

// Reset forgets what was recorded.
func (o *Outbox) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = nil
}
