package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// holdFor is longer than anything goes on that somebody holds mail for, unless the process
// dies.
const holdFor = 20 * time.Second

// Hold is [Courier.Post] for mail that a change asks for in its transaction, and that must
// not be made before all is done that belongs to the change: [auth.Manager.Apply] ends
// tickets once more after it has committed, and would end that of the mail with them. It is
// made when release is called, or, if the process dies before that, 20 seconds after Hold.
// An e with a DueAt is invalid. release may be called once the transaction has committed, and
// its error is an outage; that of a transaction which was rolled back has nothing to release.
func (c *Courier) Hold(ctx context.Context, e outbox.Entry) (release func(context.Context) error, err error) {
	if !e.DueAt.IsZero() {
		return nil, fmt.Errorf("mail: enqueueing %q: %w: held, and due at a time", e.Kind, auth.ErrInvalid)
	}
	e.DueAt = c.m.Now().Add(holdFor)
	e, err = c.enqueue(ctx, e)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		e.Version, e.DueAt = 1, c.m.Now() // as it is until somebody claims it
		err := c.box.Postpone(ctx, e)
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
