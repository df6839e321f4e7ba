package bunstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

// Audit returns what has happened to accounts. Its table comes with [Store.Migrate], and
// [Store.Sweep] deletes what has expired; every method joins the transaction that its
// context is in.
func (s *Store) Audit() audit.Store { return records{s} }

type records struct{ s *Store }

// Unwrap has InTx and Sweep found.
func (rs records) Unwrap() any { return rs.s }

// Append implements [audit.Store].
func (rs records) Append(ctx context.Context, r audit.Record) error {
	const what = "append record"
	s, b := rs.s, &rs.s.backend
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	created, err := s.insert(ctx, &s.sql.appendRecord, b.text(r.ID), b.text(r.Realm), b.text(r.UserID), b.text(r.Name), b.text(r.Actor),
		b.text(r.Method), b.text(addrText(r.Addr)), b.text(r.Label), b.text(r.Reason), r.At.UnixMilli(), millis(r.ExpiresAt))
	switch {
	case err != nil:
		return outage(ctx, what, err)
	case !created:
		return auth.ErrExists
	}
	return nil
}

// UserRecords implements [audit.Store].
func (rs records) UserRecords(ctx context.Context, realm, userID, after string, limit int) ([]audit.Record, error) {
	const what = "records of user"
	s, b := rs.s, &rs.s.backend
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, what, err)
	}
	if limit <= 0 || !storableText(realm) || !storableText(userID) || !storableText(after) {
		return nil, nil
	}
	st, args := &s.sql.userRecords, []any{b.text(userID), b.text(realm)}
	if after != "" {
		rows, err := s.query(ctx, &s.sql.recordAt, b.text(after), b.text(realm), b.text(userID))
		if err != nil {
			return nil, outage(ctx, what, err)
		}
		var at intColumn
		found, err := one(rows, &at)
		switch {
		case err != nil:
			return nil, outage(ctx, what, err)
		case !found:
			return nil, nil
		}
		st, args = &s.sql.userRecordsAfter, append(args, int64(at), int64(at), b.text(after))
	}
	rows, err := s.query(ctx, st, append(args, min(limit, math.MaxInt32))...)
	if err != nil {
		return nil, outage(ctx, what, err)
	}
	var list []audit.Record
	err = each(rows, func(rows *sql.Rows) error {
		var r audit.Record
		err := rows.Scan(&r.ID, &r.Realm, &r.UserID, &r.Name, &r.Actor, &r.Method, (*addrColumn)(&r.Addr),
			&r.Label, &r.Reason, (*timeColumn)(&r.At), (*timeColumn)(&r.ExpiresAt))
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, outage(ctx, what, err)
	}
	return list, nil
}

// DeleteUser implements [audit.Store].
func (rs records) DeleteUser(ctx context.Context, realm, userID string) error {
	const what = "delete records of user"
	s := rs.s
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !storable(userID) || !storableText(realm) {
		return nil
	}
	if _, err := s.exec(ctx, &s.sql.deleteRealmRecords, s.backend.text(userID), s.backend.text(realm)); err != nil {
		return outage(ctx, what, err)
	}
	return nil
}
