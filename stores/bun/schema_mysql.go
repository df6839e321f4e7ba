package bunstore

// mysqlSchema is the schema for MySQL and MariaDB. What is text elsewhere is
// VARBINARY: it compares by bytes, where text has a collation that may ignore
// case, accents and trailing space. Indexes are made with their table, since
// MySQL has no CREATE INDEX IF NOT EXISTS, and each statement is committed by
// itself: whoever was interrupted begins again from the first.
//
// Tables are clustered by their keys. Those of sessions are random, so that
// new ones go to pages all over the table: it should fit into
// innodb_buffer_pool_size. In return a look-up is one search, not two.
func mysqlSchema(prefix string) []Migration {
	return expand(prefix, []Migration{
		{Name: "20261122000001", Comment: "store", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}sessions (
	id BINARY(32) NOT NULL PRIMARY KEY,
	user_id VARBINARY(255) NOT NULL,
	actor VARBINARY(255) NOT NULL,
	auth_version VARBINARY(255) NOT NULL,
	proofs MEDIUMBLOB NOT NULL,
	binding VARBINARY(255) NOT NULL,
	stale BIGINT NOT NULL,
	label VARBINARY(255) NOT NULL,
	addr VARBINARY(255) NOT NULL,
	version BIGINT NOT NULL,
	created_at BIGINT,
	seen_at BIGINT,
	ends_at BIGINT,
	expires_at BIGINT,
	KEY {p}sessions_user (user_id),
	KEY {p}sessions_expiry (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,

			`CREATE TABLE IF NOT EXISTS {p}credentials (
	kind VARBINARY(255) NOT NULL,
	credential_key VARBINARY(255) NOT NULL,
	user_id VARBINARY(255) NOT NULL,
	data MEDIUMBLOB,
	label VARBINARY(255) NOT NULL,
	version BIGINT NOT NULL,
	generation BIGINT NOT NULL,
	created_at BIGINT,
	verified_at BIGINT,
	used_at BIGINT,
	expires_at BIGINT,
	PRIMARY KEY (kind, credential_key),
	KEY {p}credentials_user (user_id, kind),
	KEY {p}credentials_expiry (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,

			`CREATE TABLE IF NOT EXISTS {p}tickets (
	purpose VARBINARY(255) NOT NULL,
	ticket_key VARBINARY(255) NOT NULL,
	user_id VARBINARY(255) NOT NULL,
	slot VARBINARY(255),
	data MEDIUMBLOB,
	created_at BIGINT,
	expires_at BIGINT,
	PRIMARY KEY (purpose, ticket_key),
	UNIQUE KEY {p}tickets_slot (purpose, slot),
	KEY {p}tickets_user (user_id, purpose),
	KEY {p}tickets_expiry (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,

			`CREATE TABLE IF NOT EXISTS {p}counters (
	counter_key VARBINARY(255) NOT NULL PRIMARY KEY,
	n BIGINT NOT NULL,
	expires_at BIGINT,
	KEY {p}counters_expiry (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
			// The gate of countInTx.
			`INSERT IGNORE INTO {p}counters (counter_key, n) VALUES ('', 0)`,
		}, Down: dropStore},
		{Name: "20261122000002", Comment: usersComment, SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}users (
	id VARBINARY(255) NOT NULL PRIMARY KEY,
	email VARBINARY(255) NOT NULL,
	name VARBINARY(255) NOT NULL,
	disabled BIGINT NOT NULL,
	version BIGINT NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
		}, Down: dropUsers},
		{Name: "20261129000001", Comment: "roles", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}roles (
	name VARBINARY(255) NOT NULL PRIMARY KEY,
	permissions MEDIUMBLOB NOT NULL,
	inherits MEDIUMBLOB NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,

			`CREATE TABLE IF NOT EXISTS {p}role_version (
	id BIGINT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,

			`CREATE TABLE IF NOT EXISTS {p}role_grants (
	user_id VARBINARY(255) NOT NULL,
	role VARBINARY(255) NOT NULL,
	tenant VARBINARY(255) NOT NULL,
	object VARBINARY(255) NOT NULL,
	PRIMARY KEY (user_id, role, tenant, object),
	KEY {p}role_grants_role (role, user_id, tenant, object)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
		}, Down: dropRoles},
		{Name: "20261129000002", Comment: "accounts", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}outbox (
	id VARBINARY(255) NOT NULL PRIMARY KEY,
	realm VARBINARY(255) NOT NULL,
	kind VARBINARY(255) NOT NULL,
	recipient VARBINARY(255) NOT NULL,
	user_id VARBINARY(255) NOT NULL,
	language VARBINARY(255) NOT NULL,
	data MEDIUMBLOB,
	created_at BIGINT,
	due_at BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	version BIGINT NOT NULL,
	KEY {p}outbox_due (realm, due_at, id),
	KEY {p}outbox_user (user_id, realm)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,

			`CREATE TABLE IF NOT EXISTS {p}audit (
	id VARBINARY(255) NOT NULL PRIMARY KEY,
	realm VARBINARY(255) NOT NULL,
	user_id VARBINARY(255) NOT NULL,
	name VARBINARY(255) NOT NULL,
	actor VARBINARY(255) NOT NULL,
	method VARBINARY(255) NOT NULL,
	addr VARBINARY(255) NOT NULL,
	label VARBINARY(255) NOT NULL,
	reason VARBINARY(255) NOT NULL,
	happened_at BIGINT NOT NULL,
	expires_at BIGINT,
	KEY {p}audit_user (user_id, realm, happened_at, id),
	KEY {p}audit_expiry (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC`,
		}, Down: dropAccounts},
	})
}
