package bunstore

// initMySQL sets the statements that MySQL and MariaDB need of their own.
//
// How many rows an INSERT … ON DUPLICATE KEY UPDATE affected depends on how
// the connection was opened (clientFoundRows), which is the host's. So those
// that find a row there say so by LAST_INSERT_ID, whose value comes with the
// number of rows; nothing else sets it, as no column is AUTO_INCREMENT.
// INSERT IGNORE would tell too, and cut off what is too long.
//
// Assignments are made from left to right, and those on the right see what is
// already changed.
func (q *statements) initMySQL(set func(*statement, string)) {
	set(&q.createSession, `INSERT INTO {p}sessions (`+sessionColumns+`)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE version = LAST_INSERT_ID(version)`)
	set(&q.createCredential, `INSERT INTO {p}credentials (`+credentialColumns+`)
VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE version = LAST_INSERT_ID(version)`)

	set(&q.putTicket, `INSERT INTO {p}tickets (`+ticketColumns+`) VALUES (?, ?, ?, NULL, ?, ?, ?)
ON DUPLICATE KEY UPDATE user_id = IF(LAST_INSERT_ID(LENGTH(ticket_key)) > 0, user_id, user_id)`)
	// A row with the same key is left alone. InnoDB finds it before it finds the
	// one in the slot; if it did not, the new key of that one would not be
	// unique, and nothing would be changed.
	set(&q.putInSlot, `INSERT INTO {p}tickets (`+ticketColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE
user_id = IF(ticket_key = VALUES(ticket_key) AND LAST_INSERT_ID(LENGTH(ticket_key)) > 0, user_id, VALUES(user_id)),
data = IF(ticket_key = VALUES(ticket_key), data, VALUES(data)),
created_at = IF(ticket_key = VALUES(ticket_key), created_at, VALUES(created_at)),
expires_at = IF(ticket_key = VALUES(ticket_key), expires_at, VALUES(expires_at)),
ticket_key = VALUES(ticket_key)`)
	set(&q.lockTicket, `SELECT `+ticketColumns+` FROM {p}tickets WHERE purpose = ? AND ticket_key = ? FOR UPDATE`)
	set(&q.deleteTicket, `DELETE FROM {p}tickets WHERE purpose = ? AND ticket_key = ?`)

	set(&q.count, `INSERT INTO {p}counters (counter_key, n, expires_at) VALUES (?, 1, ?)
ON DUPLICATE KEY UPDATE
n = IF(expires_at <= ?, 1, n + 1),
expires_at = IF(expires_at <= ?, VALUES(expires_at), expires_at)`)
	set(&q.countAgain, `UPDATE {p}counters SET n = IF(expires_at <= ?, 1, n + 1), expires_at = IF(expires_at <= ?, ?, expires_at) WHERE counter_key = ?`)
	set(&q.gate, `SELECT n FROM {p}counters WHERE counter_key = '' FOR UPDATE`)
	set(&q.newGate, `INSERT INTO {p}counters (counter_key, n) VALUES ('', 0) ON DUPLICATE KEY UPDATE n = 0`)
	set(&q.counter, `SELECT n, expires_at FROM {p}counters WHERE counter_key = ?`)

	set(&q.grant, `INSERT INTO {p}role_grants (`+grantColumns+`) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE user_id = user_id`)
	set(&q.setRole, `INSERT INTO {p}roles (`+roleColumns+`) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE permissions = VALUES(permissions), inherits = VALUES(inherits)`)
	set(&q.raiseRoles, `INSERT INTO {p}role_version (id, version) VALUES (1, ?)
ON DUPLICATE KEY UPDATE version = GREATEST(version + ?, VALUES(version))`)

	set(&q.enqueue, `INSERT INTO {p}outbox (`+entryColumns+`)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1) ON DUPLICATE KEY UPDATE version = LAST_INSERT_ID(version)`)
	set(&q.appendRecord, `INSERT INTO {p}audit (`+recordColumns+`)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE realm = IF(LAST_INSERT_ID(LENGTH(id)) > 0, realm, realm)`)

	// Not what the transaction saw first, but what the statement met.
	set(&q.hasSession, `SELECT version FROM {p}sessions WHERE id = ? LOCK IN SHARE MODE`)
	set(&q.credentialState, `SELECT version, user_id FROM {p}credentials WHERE kind = ? AND credential_key = ? LOCK IN SHARE MODE`)
	set(&q.hasEntry, `SELECT version FROM {p}outbox WHERE id = ? LOCK IN SHARE MODE`)
}
