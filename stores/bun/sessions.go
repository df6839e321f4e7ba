package bunstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
)

// CreateSession implements [auth.SessionStore].
func (s *Store) CreateSession(ctx context.Context, ss *auth.Session) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "create session", err)
	}
	if err := ss.Validate(); err != nil {
		return err
	}
	addr := addrText(ss.Addr)
	if !storableText(addr) { // it may have a zone of any length
		return fmt.Errorf("%w: address of a session", auth.ErrInvalid)
	}
	b := &s.backend
	created, err := s.insert(ctx, &s.sql.createSession, ss.ID[:], b.text(ss.UserID), b.text(ss.Actor), b.text(ss.AuthVersion),
		encodeProofs(ss.Proofs), b.text(ss.Binding), flag(ss.Stale), b.text(ss.Label), b.text(addr),
		millis(ss.CreatedAt), millis(ss.SeenAt), millis(ss.EndsAt), millis(ss.ExpiresAt))
	switch {
	case err != nil:
		return outage(ctx, "create session", err)
	case !created:
		return auth.ErrExists
	}
	return nil
}

// LoadSession implements [auth.SessionStore].
func (s *Store) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, "load session", err)
	}
	rows, err := s.query(ctx, &s.sql.loadSession, id[:])
	if err != nil {
		return nil, outage(ctx, "load session", err)
	}
	ss := &auth.Session{ID: id}
	found, err := one(rows, sessionDest(ss)...)
	switch {
	case err != nil:
		return nil, outage(ctx, "load session", err)
	case !found:
		return nil, auth.ErrNotFound
	}
	return ss, nil
}

// sessionDest is where sessionFields are scanned to.
func sessionDest(ss *auth.Session) []any {
	return []any{
		&ss.UserID, &ss.Actor, &ss.AuthVersion,
		(*proofsColumn)(&ss.Proofs), &ss.Binding, (*flagColumn)(&ss.Stale), &ss.Label,
		(*addrColumn)(&ss.Addr), (*intColumn)(&ss.Version),
		(*timeColumn)(&ss.CreatedAt), (*timeColumn)(&ss.SeenAt), (*timeColumn)(&ss.EndsAt), (*timeColumn)(&ss.ExpiresAt),
	}
}

// UpdateSession implements [auth.SessionStore].
func (s *Store) UpdateSession(ctx context.Context, ss *auth.Session) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "update session", err)
	}
	n, err := s.exec(ctx, &s.sql.updateSession, millis(ss.SeenAt), millis(ss.ExpiresAt), flag(ss.Stale), ss.ID[:], ss.Version)
	if err != nil {
		return outage(ctx, "update session", err)
	}
	if n != 0 {
		return nil
	}
	rows, err := s.query(ctx, &s.sql.hasSession, ss.ID[:])
	if err != nil {
		return outage(ctx, "update session", err)
	}
	var version intColumn
	found, err := one(rows, &version)
	switch {
	case err != nil:
		return outage(ctx, "update session", err)
	case !found:
		return auth.ErrNotFound
	}
	return auth.ErrConflict
}

// DeleteSession implements [auth.SessionStore].
func (s *Store) DeleteSession(ctx context.Context, id auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete session", err)
	}
	n, err := s.exec(ctx, &s.sql.deleteSession, id[:])
	switch {
	case err != nil:
		return outage(ctx, "delete session", err)
	case n == 0:
		return auth.ErrNotFound
	}
	return nil
}

// DeleteUserSessions implements [auth.SessionStore].
func (s *Store) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete sessions of user", err)
	}
	if !storable(userID) {
		return nil
	}
	var err error
	if len(except) == 0 {
		_, err = s.exec(ctx, &s.sql.deleteUserSessions, s.backend.text(userID))
	} else {
		ids := make([]any, len(except))
		for i := range except {
			ids[i] = s.backend.literal(except[i][:])
		}
		_, err = s.build(ctx, s.DB(ctx).NewDelete().Table(s.prefix+"sessions").
			Where("user_id = ?", s.backend.textLiteral(userID)).Where("id NOT IN (?)", bun.List(ids)))
	}
	if err != nil {
		return outage(ctx, "delete sessions of user", err)
	}
	return nil
}

// UserSessions implements [auth.SessionStore].
func (s *Store) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, "sessions of user", err)
	}
	if !storable(userID) {
		return nil, nil
	}
	rows, err := s.query(ctx, &s.sql.userSessions, s.backend.text(userID))
	if err != nil {
		return nil, outage(ctx, "sessions of user", err)
	}
	var list []*auth.Session
	err = each(rows, func(rows *sql.Rows) error {
		ss := new(auth.Session)
		list = append(list, ss)
		return rows.Scan(append([]any{(*idColumn)(&ss.ID)}, sessionDest(ss)...)...)
	})
	if err != nil {
		return nil, outage(ctx, "sessions of user", err)
	}
	// A user has few: sorting here spares every login an entry in an index.
	slices.SortStableFunc(list, func(a, b *auth.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list, nil
}

// each calls f for every row and closes rows.
func each(rows *sql.Rows, f func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// build runs a query of Bun's builder and returns the number of rows it
// affected.
func (s *Store) build(ctx context.Context, q interface {
	Exec(ctx context.Context, dest ...any) (sql.Result, error)
}) (n int64, err error) {
	err = s.write(ctx, func() error {
		res, err := q.Exec(ctx)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}
