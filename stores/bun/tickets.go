package bunstore

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
)

// PutTicket implements [auth.TicketStore].
func (s *Store) PutTicket(ctx context.Context, t auth.Ticket) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "put ticket", err)
	}
	if err := t.Validate(); err != nil {
		return err
	}
	b := &s.backend
	purpose, key, user := b.text(t.Purpose), b.text(t.Key), b.text(t.UserID)
	data, created, expires := blob(t.Data), millis(t.CreatedAt), millis(t.ExpiresAt)
	var n int64
	var err error
	if t.Slot == "" {
		n, err = s.exec(ctx, &s.sql.putTicket, purpose, key, user, data, created, expires)
	} else {
		n, err = s.exec(ctx, &s.sql.putInSlot, purpose, key, user, b.text(t.Slot), data, created, expires, purpose, key)
	}
	switch {
	case err != nil:
		return outage(ctx, "put ticket", err)
	case n == 0:
		return auth.ErrExists
	}
	return nil
}

// LoadTicket implements [auth.TicketStore].
func (s *Store) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return auth.Ticket{}, outage(ctx, "load ticket", err)
	}
	if !storable(purpose) || !storable(key) {
		return auth.Ticket{}, auth.ErrNotFound
	}
	rows, err := s.query(ctx, &s.sql.loadTicket, s.backend.text(purpose), s.backend.text(key))
	if err != nil {
		return auth.Ticket{}, outage(ctx, "load ticket", err)
	}
	return ticketOf(ctx, "load ticket", rows)
}

// TakeTicket implements [auth.TicketStore].
func (s *Store) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return auth.Ticket{}, outage(ctx, "take ticket", err)
	}
	if !storable(purpose) || !storable(key) {
		return auth.Ticket{}, auth.ErrNotFound
	}
	if err := s.lock(ctx); err != nil {
		return auth.Ticket{}, outage(ctx, "take ticket", err)
	}
	defer s.unlock(ctx)
	rows, err := s.query(ctx, &s.sql.takeTicket, s.backend.text(purpose), s.backend.text(key))
	if err != nil {
		return auth.Ticket{}, outage(ctx, "take ticket", err)
	}
	return ticketOf(ctx, "take ticket", rows)
}

// ticketOf reads ticketColumns to the end.
func ticketOf(ctx context.Context, what string, rows *sql.Rows) (auth.Ticket, error) {
	var t auth.Ticket
	var slot sql.NullString
	found, err := oneChanged(rows, &t.Purpose, &t.Key, &t.UserID, &slot, &t.Data,
		(*timeColumn)(&t.CreatedAt), (*timeColumn)(&t.ExpiresAt))
	switch {
	case err != nil:
		return auth.Ticket{}, outage(ctx, what, err)
	case !found:
		return auth.Ticket{}, auth.ErrNotFound
	}
	t.Slot = slot.String
	return t, nil
}

// DeleteUserTickets implements [auth.TicketStore].
func (s *Store) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete tickets of user", err)
	}
	if !storable(userID) {
		return nil // those of nobody are not those of a user
	}
	q := s.DB(ctx).NewDelete().Table(s.prefix+"tickets").Where("user_id = ?", s.backend.text(userID))
	if len(purposes) > 0 {
		if purposes = storables(purposes); len(purposes) == 0 {
			return nil
		}
		q = q.Where("purpose IN (?)", bun.List(s.backend.texts(purposes)))
	}
	if _, err := s.execDelete(ctx, q); err != nil {
		return outage(ctx, "delete tickets of user", err)
	}
	return nil
}
