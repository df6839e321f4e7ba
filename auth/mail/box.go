package mail

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// A Box is a [Mailer] that sends nothing and keeps what it was given, the last 200, in
// memory: for development and for tests. The zero value is empty.
type Box struct {
	mu   sync.Mutex
	kept []Message // oldest first
}

const maxKept = 200

// Send implements [Mailer].
func (b *Box) Send(ctx context.Context, m *Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	kept := *m
	kept.Data = maps.Clone(m.Data)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, kept)
	if n := len(b.kept) - maxKept; n > 0 {
		b.kept = slices.Delete(b.kept, 0, n)
	}
	return nil
}

// Messages returns what was sent, newest first. It is the caller's, but for Data, which
// nobody changes.
func (b *Box) Messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.kept)
	slices.Reverse(all)
	return all
}
