package auth

import (
	"context"
	"time"
)

// A Ticket is good once: a half-done login, a reset link, an OAuth
// transaction. Its Key is a digest of what the visitor holds.
type Ticket struct {
	Purpose, Key string
	UserID       string // may be ""
	// Slot, if not "", makes it the only ticket of this purpose and slot:
	// putting another replaces it.
	Slot                 string
	Data                 []byte // at most 65,535 bytes; a store returns nil for none
	CreatedAt, ExpiresAt time.Time
}

// Validate returns an error wrapping [ErrInvalid] for a ticket that no store
// may keep. Stores call it before they write.
func (t *Ticket) Validate() error {
	if err := checkKeys(t.Purpose, t.Key); err != nil {
		return err
	}
	if len(t.Data) > maxData {
		return invalid("ticket data too long")
	}
	return checkTexts(t.UserID, t.Slot)
}

// A TicketStore keeps tickets. See [Store] for what holds for every store.
type TicketStore interface {
	// PutTicket stores t. [ErrExists] if a ticket of this purpose and key is
	// there. If t.Slot is not "", a ticket of the same purpose and slot is
	// replaced in the same step; of any number of callers with one slot the
	// ticket of exactly one is left. A ticket that is refused frees no slot.
	PutTicket(ctx context.Context, t Ticket) error

	// LoadTicket returns the ticket and leaves it, to show a page or to check
	// an answer. It decides nothing. [ErrNotFound].
	LoadTicket(ctx context.Context, purpose, key string) (Ticket, error)

	// TakeTicket returns the ticket and removes it. Of any number of callers
	// exactly one gets it, the others [ErrNotFound]. Whether it has expired is
	// for the caller to say.
	TakeTicket(ctx context.Context, purpose, key string) (Ticket, error)

	// DeleteUserTickets deletes the user's tickets of the given purposes, or
	// all of them if none is given. Having none is not an error. Tickets
	// without user are nobody's: userID "" deletes nothing.
	DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error
}
