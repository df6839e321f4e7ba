package bunstore

const (
	entryColumns  = "id, realm, kind, recipient, user_id, language, data, created_at, due_at, attempts, version"
	recordColumns = "id, realm, user_id, name, actor, method, addr, label, reason, happened_at, expires_at"
)

// initOutbox sets the statements about what has to be done.
func (q *statements) initOutbox(set func(*statement, string), b backend) {
	set(&q.enqueue, `INSERT INTO {p}outbox (`+entryColumns+`)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1) ON CONFLICT (id) DO NOTHING`)
	set(&q.postpone, `UPDATE {p}outbox SET due_at = ?, data = ?, version = version + 1 WHERE id = ? AND version = ?`)
	set(&q.done, `DELETE FROM {p}outbox WHERE id = ? AND version = ?`)
	set(&q.hasEntry, `SELECT version FROM {p}outbox WHERE id = ?`)
	set(&q.deleteUserEntries, `DELETE FROM {p}outbox WHERE user_id = ? AND realm = ?`)

	const due = ` FROM {p}outbox WHERE realm = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?`
	if b.dollars {
		// The rows are found once, and locked; those that others are claiming are passed
		// over, and so is one that was changed since the statement began. In what
		// order they have been due is not in the rows any more.
		set(&q.claim, `WITH due AS MATERIALIZED (SELECT ctid AS place, id, due_at`+due+` FOR UPDATE SKIP LOCKED)
UPDATE {p}outbox SET due_at = ?, attempts = attempts + 1, version = version + 1
WHERE ctid = ANY (ARRAY(SELECT place FROM due))
RETURNING `+entryColumns+`, (SELECT due.due_at FROM due WHERE due.id = {p}outbox.id)`)
		return
	}
	set(&q.isDue, `SELECT 1 FROM {p}outbox WHERE realm = ? AND due_at <= ? LIMIT 1`)
	set(&q.lockDue, `SELECT `+entryColumns+due)
	set(&q.claimOne, `UPDATE {p}outbox SET due_at = ?, attempts = attempts + 1, version = version + 1 WHERE id = ? AND version = ?`)
	if b.mysql {
		q.lockDueWaiting.sql = q.lockDue.sql + " FOR UPDATE"
		q.lockDue.sql = q.lockDueWaiting.sql + " SKIP LOCKED"
	}
}

// initAudit sets the statements about what has happened.
func (q *statements) initAudit(set func(*statement, string)) {
	set(&q.appendRecord, `INSERT INTO {p}audit (`+recordColumns+`)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
	set(&q.recordAt, `SELECT happened_at FROM {p}audit WHERE id = ? AND realm = ? AND user_id = ?`)

	const of = `SELECT ` + recordColumns + ` FROM {p}audit WHERE user_id = ? AND realm = ?`
	const newest = ` ORDER BY happened_at DESC, id DESC LIMIT ?`
	set(&q.userRecords, of+newest)
	// That it is earlier is said twice: MySQL seeks by it, and not by a comparison of rows.
	set(&q.userRecordsAfter, of+` AND happened_at <= ? AND (happened_at, id) < (?, ?)`+newest)

	set(&q.deleteUserRecords, `DELETE FROM {p}audit WHERE user_id = ?`)
	set(&q.deleteRealmRecords, `DELETE FROM {p}audit WHERE user_id = ? AND realm = ?`)
}
