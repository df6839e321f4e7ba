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
	var put bool
	var err error
	switch {
	case t.Slot == "":
		put, err = s.insert(ctx, &s.sql.putTicket, purpose, key, user, data, created, expires)
	case b.mysql:
		put, err = s.insert(ctx, &s.sql.putInSlot, purpose, key, user, b.text(t.Slot), data, created, expires)
	default:
		for range maxTries {
			put, err = s.insert(ctx, &s.sql.putInSlot, purpose, key, user, b.text(t.Slot), data, created, expires, purpose, key)
			if _, in := s.tx(ctx); in || !postgresTaken(err) {
				break
			}
			// The key came into another slot at the same moment; now it is seen.
		}
	}
	switch {
	case err != nil:
		return outage(ctx, "put ticket", err)
	case !put:
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
	if s.backend.mysql {
		return s.takeLocked(ctx, purpose, key)
	}
	var t auth.Ticket
	err := s.write(ctx, func() error {
		rows, err := s.query(ctx, &s.sql.takeTicket, s.backend.text(purpose), s.backend.text(key))
		if err != nil {
			return outage(ctx, "take ticket", err)
		}
		t, err = ticketOf(ctx, "take ticket", rows)
		return err
	})
	return t, err
}

// takeLocked is TakeTicket where a DELETE does not return what it deletes.
func (s *Store) takeLocked(ctx context.Context, purpose, key string) (t auth.Ticket, err error) {
	p, k := s.backend.text(purpose), s.backend.text(key)
	err = s.atomically(ctx, func(ctx context.Context) error {
		err := s.write(ctx, func() error {
			rows, err := s.query(ctx, &s.sql.lockTicket, p, k)
			if err != nil {
				return outage(ctx, "take ticket", err)
			}
			t, err = ticketOf(ctx, "take ticket", rows)
			return err
		})
		if err != nil {
			return err
		}
		n, err := s.exec(ctx, &s.sql.deleteTicket, p, k)
		switch {
		case err != nil:
			return outage(ctx, "take ticket", err)
		case n == 0:
			return auth.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return auth.Ticket{}, err
	}
	return t, nil
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
	var err error
	if len(purposes) == 0 {
		_, err = s.exec(ctx, &s.sql.deleteUserTickets, s.backend.text(userID))
	} else if purposes = storables(purposes); len(purposes) > 0 {
		_, err = s.build(ctx, s.DB(ctx).NewDelete().Table(s.prefix+"tickets").
			Where("user_id = ?", s.backend.textLiteral(userID)).Where("purpose IN (?)", bun.List(s.backend.textLiterals(purposes))))
	}
	if err != nil {
		return outage(ctx, "delete tickets of user", err)
	}
	return nil
}
