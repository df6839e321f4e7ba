package mail

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// Hold is [Courier.Post] for mail that a change asks for in its transaction, and that must
// not be made before all is done that belongs to the change: [auth.Manager.Apply] ends
// tickets once more after it has committed, and would end that of the mail with them. It is
// made when release is called, or, if the process dies before that, 5 minutes after Hold, as
// what a worker dies with. An e with a DueAt is invalid. release is called when the change
// has ended, however it did, and its error is an outage; of a transaction that was rolled
// back there is nothing to release. It may be called more than once, and concurrently.
func (c *Courier) Hold(ctx context.Context, e outbox.Entry) (release func(context.Context) error, err error) {
	if !e.DueAt.IsZero() {
		return nil, fmt.Errorf("mail: enqueueing %q: %w: held, and due at a time", e.Kind, auth.ErrInvalid)
	}
	e.DueAt = c.m.Now().Add(lease)
	e, err = c.enqueue(ctx, e)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		held := e
		held.Version, held.DueAt = 1, c.m.Now() // as it is until somebody claims it
		err := c.box.Postpone(ctx, held)
		switch {
		case errors.Is(err, auth.ErrNotFound), errors.Is(err, auth.ErrConflict): // rolled back; or claimed already
			return nil
		case err != nil:
			return fmt.Errorf("mail: releasing %q: %w", e.Kind, err)
		}
		c.lookNow()
		return nil
	}, nil
}
