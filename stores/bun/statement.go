package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
)

// A statement is SQL that is prepared when it is first used.
type statement struct {
	sql      string
	prepared atomic.Pointer[sql.Stmt]
}

// statements are those of the hot path and those that carry Data. They go
// around Bun: its builder costs three times as much as such a statement, and
// writes values into the text.
type statements struct {
	createSession, loadSession, updateSession, hasSession, deleteSession statement

	userSessions, deleteUserSessions, userCredentials, userCredentialsOf, deleteUserTickets statement

	loadCredential, createCredential, replaceCredential, deleteCredential, credentialState statement

	putTicket, putInSlot, loadTicket, takeTicket, lockTicket, deleteTicket statement

	count, countAgain, gate, newGate, counter, becomeWriter statement

	loadUser, listUsers, createUser, updateUser, loadSessionUser statement

	grants, grant, revoke, deleteUserGrants, deleteRoleGrants, holders, holdersAfter statement

	roles, setRole, deleteRole, raiseRoles statement

	enqueue, isDue, claim, lockDue, lockDueWaiting, claimOne, postpone, hasEntry, done, deleteUserEntries statement

	appendRecord, recordAt, userRecords, userRecordsAfter, deleteUserRecords, deleteRealmRecords statement
}

const (
	sessionFields     = "user_id, actor, auth_version, proofs, binding, stale, label, addr, version, created_at, seen_at, ends_at, expires_at"
	sessionColumns    = "id, " + sessionFields
	credentialColumns = "kind, credential_key, user_id, data, label, version, generation, created_at, verified_at, used_at, expires_at"
	ticketColumns     = "purpose, ticket_key, user_id, slot, data, created_at, expires_at"
	userColumns       = "id, email, name, disabled, version"
)

func (q *statements) init(prefix string, b backend) {
	set := func(st *statement, sql string) {
		st.sql = b.rebind(strings.ReplaceAll(sql, "{p}", prefix))
	}
	set(&q.createSession, `INSERT INTO {p}sessions (`+sessionColumns+`)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
	set(&q.loadSession, `SELECT `+sessionFields+` FROM {p}sessions WHERE id = ?`)
	set(&q.updateSession, `UPDATE {p}sessions SET seen_at = ?, expires_at = ?, stale = ?, version = version + 1 WHERE id = ? AND version = ?`)
	set(&q.hasSession, `SELECT version FROM {p}sessions WHERE id = ?`)
	set(&q.deleteSession, `DELETE FROM {p}sessions WHERE id = ?`)

	// What is found by its user, and those that a login asks for: written with
	// values in the text, each user's would be another statement to prepare for
	// drivers that keep all of them.
	set(&q.userSessions, `SELECT `+sessionColumns+` FROM {p}sessions WHERE user_id = ?`)
	set(&q.deleteUserSessions, `DELETE FROM {p}sessions WHERE user_id = ?`)
	set(&q.userCredentials, `SELECT `+credentialColumns+` FROM {p}credentials WHERE user_id = ?`)
	set(&q.userCredentialsOf, `SELECT `+credentialColumns+` FROM {p}credentials WHERE user_id = ? AND kind IN (?`+strings.Repeat(", ?", someKinds-1)+`)`)
	set(&q.deleteUserTickets, `DELETE FROM {p}tickets WHERE user_id = ?`)

	set(&q.loadCredential, `SELECT `+credentialColumns+` FROM {p}credentials WHERE kind = ? AND credential_key = ?`)
	set(&q.createCredential, `INSERT INTO {p}credentials (`+credentialColumns+`)
VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT (kind, credential_key) DO NOTHING`)
	set(&q.replaceCredential, `UPDATE {p}credentials SET data = ?, label = ?, version = version + 1, generation = ?,
created_at = ?, verified_at = ?, used_at = ?, expires_at = ? WHERE kind = ? AND credential_key = ? AND user_id = ? AND version = ?`)
	set(&q.deleteCredential, `DELETE FROM {p}credentials WHERE kind = ? AND credential_key = ? AND version = ?`)
	set(&q.credentialState, `SELECT version, user_id FROM {p}credentials WHERE kind = ? AND credential_key = ?`)

	set(&q.loadTicket, `SELECT `+ticketColumns+` FROM {p}tickets WHERE purpose = ? AND ticket_key = ?`)
	set(&q.takeTicket, `DELETE FROM {p}tickets WHERE purpose = ? AND ticket_key = ? RETURNING `+ticketColumns)
	set(&q.putTicket, `INSERT INTO {p}tickets (`+ticketColumns+`)
VALUES (?, ?, ?, NULL, ?, ?, ?) ON CONFLICT (purpose, ticket_key) DO NOTHING`)
	// One statement replaces the ticket in the slot, so that of any number of
	// puts one is left. A ticket with the same key is left alone, wherever it
	// is. (On PostgreSQL, two that put one key into two slots at the same
	// moment are told apart by the primary key: in a transaction of the host
	// that is an outage, not ErrExists. Keys are digests of random numbers.)
	set(&q.putInSlot, `INSERT INTO {p}tickets (`+ticketColumns+`)
SELECT `+b.ticketValues()+`
WHERE NOT EXISTS (SELECT 1 FROM {p}tickets WHERE purpose = ? AND ticket_key = ?)
ON CONFLICT (purpose, slot) DO UPDATE SET ticket_key = excluded.ticket_key, user_id = excluded.user_id,
data = excluded.data, created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE {p}tickets.ticket_key <> excluded.ticket_key`)

	set(&q.count, `INSERT INTO {p}counters (counter_key, n, expires_at) VALUES (?, 1, ?)
ON CONFLICT (counter_key) DO UPDATE SET
n = CASE WHEN {p}counters.expires_at <= ? THEN 1 ELSE {p}counters.n + 1 END,
expires_at = CASE WHEN {p}counters.expires_at <= ? THEN excluded.expires_at ELSE {p}counters.expires_at END
RETURNING n, expires_at`)
	set(&q.becomeWriter, `DELETE FROM {p}counters WHERE counter_key = ''`)

	set(&q.loadUser, `SELECT `+userColumns+` FROM {p}users WHERE id = ?`)
	set(&q.listUsers, `SELECT `+userColumns+` FROM {p}users WHERE id > ? ORDER BY id LIMIT ?`)
	set(&q.createUser, `INSERT INTO {p}users (`+userColumns+`) VALUES (?, ?, ?, 0, 1)`)

	set(&q.updateUser, `UPDATE {p}users SET email = COALESCE(?, email), name = COALESCE(?, name) WHERE id = ?`)

	from := `{p}sessions s LEFT JOIN {p}users u ON u.id = s.user_id WHERE s.id = ?`
	if b.oneWriter {
		// SQLite would plan a plain join anew at each execution, once it has
		// statistics. MariaDB would make a table of this.
		from = `(SELECT ` + sessionFields + ` FROM {p}sessions WHERE id = ? LIMIT 1) s LEFT JOIN {p}users u ON u.id = s.user_id`
	}
	set(&q.loadSessionUser, `SELECT s.`+strings.ReplaceAll(sessionFields, ", ", ", s.")+`, u.email, u.name, u.disabled, u.version FROM `+from)

	q.initRoles(set)
	q.initOutbox(set, b)
	q.initAudit(set)
	if b.mysql {
		q.takeTicket.sql = ""
		q.initMySQL(set)
	}
}

// all returns the statements that the backend has.
func (q *statements) all() []*statement {
	return slices.DeleteFunc([]*statement{
		&q.createSession, &q.loadSession, &q.updateSession, &q.hasSession, &q.deleteSession,
		&q.userSessions, &q.deleteUserSessions, &q.userCredentials, &q.userCredentialsOf, &q.deleteUserTickets,
		&q.loadCredential, &q.createCredential, &q.replaceCredential, &q.deleteCredential, &q.credentialState,
		&q.putTicket, &q.putInSlot, &q.loadTicket, &q.takeTicket, &q.lockTicket, &q.deleteTicket,
		&q.count, &q.countAgain, &q.gate, &q.newGate, &q.counter, &q.becomeWriter,
		&q.loadUser, &q.listUsers, &q.createUser, &q.updateUser, &q.loadSessionUser,
		&q.grants, &q.grant, &q.revoke, &q.deleteUserGrants, &q.deleteRoleGrants, &q.holders, &q.holdersAfter,
		&q.roles, &q.setRole, &q.deleteRole, &q.raiseRoles,
		&q.enqueue, &q.isDue, &q.claim, &q.lockDue, &q.lockDueWaiting, &q.claimOne, &q.postpone, &q.hasEntry, &q.done, &q.deleteUserEntries,
		&q.appendRecord, &q.recordAt, &q.userRecords, &q.userRecordsAfter, &q.deleteUserRecords, &q.deleteRealmRecords,
	}, func(st *statement) bool { return st.sql == "" })
}

var errClosed = errors.New("store is closed")

// prepare returns st prepared. Several callers may prepare it at once; one of
// them keeps it. That needs no lock that a waiting caller could not leave when
// its context ends.
func (s *Store) prepare(ctx context.Context, st *statement) (*sql.Stmt, error) {
	if p := st.prepared.Load(); p != nil {
		return p, nil
	}
	if s.closed.Load() {
		return nil, errClosed
	}
	p, err := s.db.DB.PrepareContext(ctx, st.sql)
	if err != nil {
		return nil, err
	}
	if !st.prepared.CompareAndSwap(nil, p) {
		_ = p.Close()
		return s.prepare(ctx, st)
	}
	if s.closed.Load() { // Close may have been too early to see it
		if st.prepared.CompareAndSwap(p, nil) {
			_ = p.Close()
		}
		return nil, errClosed
	}
	return p, nil
}

// prepareForTx prepares what is mostly run inside of transactions, where
// nothing can be prepared for longer than the transaction.
func (s *Store) prepareForTx(ctx context.Context) error {
	if s.noPrepare {
		return nil
	}
	q := &s.sql
	sts := [...]*statement{&q.createCredential, &q.replaceCredential, &q.deleteCredential,
		&q.becomeWriter, &q.lockTicket, &q.deleteTicket, &q.count, &q.countAgain, &q.gate, &q.newGate, &q.counter, &q.createUser}
	for _, st := range sts {
		switch {
		case st.sql == "", st == &q.createUser && s.noUsers, st == &q.becomeWriter && !s.backend.oneWriter:
			continue
		}
		if _, err := s.prepare(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// query runs st, in the transaction that ctx is in. There it prepares nothing:
// that would need a second connection, which the pool may not have.
func (s *Store) query(ctx context.Context, st *statement, args ...any) (*sql.Rows, error) {
	if tx, ok := s.tx(ctx); ok {
		if p := st.prepared.Load(); p != nil {
			return tx.StmtContext(ctx, p).QueryContext(ctx, args...)
		}
		return tx.Tx.QueryContext(ctx, st.sql, args...)
	}
	if s.noPrepare {
		return s.db.DB.QueryContext(ctx, st.sql, args...)
	}
	p, err := s.prepare(ctx, st)
	if err != nil {
		return nil, err
	}
	return p.QueryContext(ctx, args...)
}

// exec runs st as query does and returns the number of rows it affected.
func (s *Store) exec(ctx context.Context, st *statement, args ...any) (n int64, err error) {
	err = s.write(ctx, func() error {
		res, err := s.execute(ctx, st, args)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// insert runs st, which inserts a row unless there is one, and reports whether
// it did.
func (s *Store) insert(ctx context.Context, st *statement, args ...any) (created bool, err error) {
	err = s.write(ctx, func() error {
		res, err := s.execute(ctx, st, args)
		if err != nil {
			return err
		}
		if s.backend.mysql {
			found, err := res.LastInsertId()
			created = found == 0
			return err
		}
		n, err := res.RowsAffected()
		created = n != 0
		return err
	})
	return created, err
}

func (s *Store) execute(ctx context.Context, st *statement, args []any) (sql.Result, error) {
	if tx, ok := s.tx(ctx); ok {
		if p := st.prepared.Load(); p != nil {
			return tx.StmtContext(ctx, p).ExecContext(ctx, args...)
		}
		return tx.Tx.ExecContext(ctx, st.sql, args...)
	}
	if s.noPrepare {
		return s.db.DB.ExecContext(ctx, st.sql, args...)
	}
	p, err := s.prepare(ctx, st)
	if err != nil {
		return nil, err
	}
	return p.ExecContext(ctx, args...)
}

// one scans the only row of rows, if there is one.
func one(rows *sql.Rows, dest ...any) (found bool, err error) {
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	if err := rows.Scan(dest...); err != nil {
		return false, err
	}
	return true, rows.Close()
}

// oneChanged is one for a statement that writes. It reads to the end: only
// then has the database said that it kept what the statement did.
func oneChanged(rows *sql.Rows, dest ...any) (found bool, err error) {
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
		found = true
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	return found, rows.Close()
}
