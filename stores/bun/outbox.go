package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// Outbox returns what has to be done, above all mail. Its table comes with
// [Store.Migrate]; every method joins the transaction that its context is in, and a
// claim in one that is rolled back was none.
func (s *Store) Outbox() outbox.Store { return entries{s} }

type entries struct{ s *Store }

// Unwrap has InTx found.
func (es entries) Unwrap() any { return es.s }

// Enqueue implements [outbox.Store].
func (es entries) Enqueue(ctx context.Context, e outbox.Entry) error {
	const what = "enqueue"
	s, b := es.s, &es.s.backend
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if err := e.Validate(); err != nil {
		return err
	}
	created, err := s.insert(ctx, &s.sql.enqueue, b.text(e.ID), b.text(e.Realm), b.text(e.Kind), b.text(e.To),
		b.text(e.UserID), b.text(e.Language), blob(e.Data), millis(e.CreatedAt), e.DueAt.UnixMilli())
	switch {
	case err != nil:
		return outage(ctx, what, err)
	case !created:
		return auth.ErrExists
	}
	return nil
}

// Claim implements [outbox.Store].
func (es entries) Claim(ctx context.Context, realm string, now, until time.Time, limit int) (list []outbox.Entry, err error) {
	const what = "claim"
	s := es.s
	switch err := ctx.Err(); {
	case err != nil:
		return nil, outage(ctx, what, err)
	case until.IsZero():
		return nil, fmt.Errorf("%w: claim until no time", auth.ErrInvalid)
	case limit <= 0 || !storableText(realm):
		return nil, nil
	}
	limit = min(limit, math.MaxInt32)
	if s.backend.dollars {
		list, err = es.claim(ctx, realm, now, until, limit)
	} else {
		list, err = es.claimLocked(ctx, realm, now, until, limit)
	}
	if err != nil {
		return nil, outage(ctx, what, err)
	}
	return list, nil
}

// claim claims by one statement.
func (es entries) claim(ctx context.Context, realm string, now, until time.Time, limit int) (list []outbox.Entry, err error) {
	s := es.s
	var due map[string]int64
	err = s.write(ctx, func() error {
		list, due = nil, map[string]int64{}
		rows, err := s.query(ctx, &s.sql.claim, s.backend.text(realm), now.UnixMilli(), limit, until.UnixMilli())
		if err != nil {
			return err
		}
		return each(rows, func(rows *sql.Rows) error {
			var e outbox.Entry
			var at intColumn
			if err := rows.Scan(append(entryDest(&e), &at)...); err != nil {
				return err
			}
			list, due[e.ID] = append(list, e), int64(at)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b outbox.Entry) int {
		return cmp.Or(cmp.Compare(due[a.ID], due[b.ID]), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

// claimLocked is claim where a statement that writes does not return what it wrote over:
// they are locked and read, and then written. What has nothing to claim, as mostly, waits
// for nobody.
func (es entries) claimLocked(ctx context.Context, realm string, now, until time.Time, limit int) (list []outbox.Entry, err error) {
	s := es.s
	r, at := s.backend.text(realm), now.UnixMilli()
	rows, err := s.query(ctx, &s.sql.isDue, r, at)
	if err != nil {
		return nil, err
	}
	var unused intColumn
	if found, err := one(rows, &unused); err != nil || !found {
		return nil, err
	}
	err = s.atomically(ctx, func(ctx context.Context) error {
		list, err = es.lockDue(ctx, r, at, limit)
		if err != nil {
			return err
		}
		for i := range list {
			e := &list[i]
			n, err := s.exec(ctx, &s.sql.claimOne, until.UnixMilli(), s.backend.text(e.ID), e.Version)
			if err != nil {
				return err
			}
			if n == 0 {
				return errors.New("an entry that was locked has changed")
			}
			e.DueAt = time.UnixMilli(until.UnixMilli()).UTC()
			e.Attempts++
			e.Version++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// lockDue reads what is due, for nobody else to claim.
func (es entries) lockDue(ctx context.Context, realm any, now int64, limit int) (list []outbox.Entry, err error) {
	s := es.s
	err = s.write(ctx, func() error {
		list = nil
		st := &s.sql.lockDue
		if s.backend.mysql && s.lockWaits.Load() {
			st = &s.sql.lockDueWaiting
		}
		rows, err := s.query(ctx, st, realm, now, limit)
		if s.backend.mysql && mysqlSyntax(err) { // MariaDB before 10.6 has no SKIP LOCKED
			s.lockWaits.Store(true)
			rows, err = s.query(ctx, &s.sql.lockDueWaiting, realm, now, limit)
		}
		if err != nil {
			return err
		}
		return each(rows, func(rows *sql.Rows) error {
			var e outbox.Entry
			err := rows.Scan(entryDest(&e)...)
			list = append(list, e)
			return err
		})
	})
	return list, err
}

// entryDest is where entryColumns are scanned to.
func entryDest(e *outbox.Entry) []any {
	return []any{&e.ID, &e.Realm, &e.Kind, &e.To, &e.UserID, &e.Language, &e.Data,
		(*timeColumn)(&e.CreatedAt), (*timeColumn)(&e.DueAt), (*countColumn)(&e.Attempts), (*intColumn)(&e.Version)}
}

// Postpone implements [outbox.Store].
func (es entries) Postpone(ctx context.Context, e outbox.Entry) error {
	const what = "postpone"
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if err := e.ValidatePostponed(); err != nil {
		return err
	}
	return es.change(ctx, what, e, &es.s.sql.postpone, e.DueAt.UnixMilli(), blob(e.Data))
}

// Done implements [outbox.Store].
func (es entries) Done(ctx context.Context, e outbox.Entry) error {
	const what = "done"
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	return es.change(ctx, what, e, &es.s.sql.done)
}

// change runs st with args, the ID and the Version of e, or says why it met no row.
func (es entries) change(ctx context.Context, what string, e outbox.Entry, st *statement, args ...any) error {
	s := es.s
	if !storable(e.ID) {
		return auth.ErrNotFound
	}
	id := s.backend.text(e.ID)
	n, err := s.exec(ctx, st, append(args, id, e.Version)...)
	switch {
	case err != nil:
		return outage(ctx, what, err)
	case n != 0:
		return nil
	}
	rows, err := s.query(ctx, &s.sql.hasEntry, id)
	if err != nil {
		return outage(ctx, what, err)
	}
	var version intColumn
	found, err := one(rows, &version)
	switch {
	case err != nil:
		return outage(ctx, what, err)
	case !found:
		return auth.ErrNotFound
	}
	return auth.ErrConflict
}

// DeleteUser implements [outbox.Store].
func (es entries) DeleteUser(ctx context.Context, realm, userID string) error {
	const what = "delete entries of user"
	s := es.s
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if !storable(userID) || !storableText(realm) {
		return nil
	}
	if _, err := s.exec(ctx, &s.sql.deleteUserEntries, s.backend.text(userID), s.backend.text(realm)); err != nil {
		return outage(ctx, what, err)
	}
	return nil
}
