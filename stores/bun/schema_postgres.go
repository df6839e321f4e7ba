package bunstore

// postgresSchema is the schema for PostgreSQL. What is text elsewhere is
// BYTEA: it compares by bytes whatever the database's encoding and collation.
func postgresSchema(prefix string) []Migration {
	return expand(prefix, []Migration{
		{Name: "20261122000001", Comment: "store", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}sessions (
	id BYTEA NOT NULL PRIMARY KEY,
	user_id BYTEA NOT NULL,
	actor BYTEA NOT NULL,
	auth_version BYTEA NOT NULL,
	proofs BYTEA NOT NULL,
	binding BYTEA NOT NULL,
	stale BIGINT NOT NULL,
	label BYTEA NOT NULL,
	addr BYTEA NOT NULL,
	version BIGINT NOT NULL,
	created_at BIGINT,
	seen_at BIGINT,
	ends_at BIGINT,
	expires_at BIGINT
)`,
			`CREATE INDEX IF NOT EXISTS {p}sessions_user ON {p}sessions (user_id)`,
			`CREATE INDEX IF NOT EXISTS {p}sessions_expiry ON {p}sessions (expires_at) WHERE expires_at IS NOT NULL`,

			`CREATE TABLE IF NOT EXISTS {p}credentials (
	kind BYTEA NOT NULL,
	credential_key BYTEA NOT NULL,
	user_id BYTEA NOT NULL,
	data BYTEA,
	label BYTEA NOT NULL,
	version BIGINT NOT NULL,
	generation BIGINT NOT NULL,
	created_at BIGINT,
	verified_at BIGINT,
	used_at BIGINT,
	expires_at BIGINT,
	PRIMARY KEY (kind, credential_key)
)`,
			`CREATE INDEX IF NOT EXISTS {p}credentials_user ON {p}credentials (user_id, kind)`,
			`CREATE INDEX IF NOT EXISTS {p}credentials_expiry ON {p}credentials (expires_at) WHERE expires_at IS NOT NULL`,

			`CREATE TABLE IF NOT EXISTS {p}tickets (
	purpose BYTEA NOT NULL,
	ticket_key BYTEA NOT NULL,
	user_id BYTEA NOT NULL,
	slot BYTEA,
	data BYTEA,
	created_at BIGINT,
	expires_at BIGINT,
	PRIMARY KEY (purpose, ticket_key)
)`,
			`CREATE UNIQUE INDEX IF NOT EXISTS {p}tickets_slot ON {p}tickets (purpose, slot)`,
			`CREATE INDEX IF NOT EXISTS {p}tickets_user ON {p}tickets (user_id, purpose)`,
			`CREATE INDEX IF NOT EXISTS {p}tickets_expiry ON {p}tickets (expires_at) WHERE expires_at IS NOT NULL`,

			`CREATE TABLE IF NOT EXISTS {p}counters (
	counter_key BYTEA NOT NULL PRIMARY KEY,
	n BIGINT NOT NULL,
	expires_at BIGINT
)`,
			`CREATE INDEX IF NOT EXISTS {p}counters_expiry ON {p}counters (expires_at) WHERE expires_at IS NOT NULL`,
		}, Down: dropStore},
		{Name: "20261122000002", Comment: usersComment, SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}users (
	id BYTEA NOT NULL PRIMARY KEY,
	email BYTEA NOT NULL,
	name BYTEA NOT NULL,
	disabled BIGINT NOT NULL,
	version BIGINT NOT NULL
)`,
		}, Down: dropUsers},
		{Name: "20261129000001", Comment: "roles", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}roles (
	name BYTEA NOT NULL PRIMARY KEY,
	permissions BYTEA NOT NULL,
	inherits BYTEA NOT NULL
)`,

			`CREATE TABLE IF NOT EXISTS {p}role_version (
	id BIGINT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL
)`,

			`CREATE TABLE IF NOT EXISTS {p}role_grants (
	user_id BYTEA NOT NULL,
	role BYTEA NOT NULL,
	tenant BYTEA NOT NULL,
	object BYTEA NOT NULL,
	PRIMARY KEY (user_id, role, tenant, object)
)`,
			`CREATE INDEX IF NOT EXISTS {p}role_grants_role ON {p}role_grants (role, user_id, tenant, object)`,
		}, Down: dropRoles},
		{Name: "20261129000002", Comment: "accounts", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}outbox (
	id BYTEA NOT NULL PRIMARY KEY,
	realm BYTEA NOT NULL,
	kind BYTEA NOT NULL,
	recipient BYTEA NOT NULL,
	user_id BYTEA NOT NULL,
	language BYTEA NOT NULL,
	data BYTEA,
	created_at BIGINT,
	due_at BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	version BIGINT NOT NULL
)`,
			`CREATE INDEX IF NOT EXISTS {p}outbox_due ON {p}outbox (realm, due_at, id)`,
			`CREATE INDEX IF NOT EXISTS {p}outbox_user ON {p}outbox (user_id, realm)`,

			`CREATE TABLE IF NOT EXISTS {p}audit (
	id BYTEA NOT NULL PRIMARY KEY,
	realm BYTEA NOT NULL,
	user_id BYTEA NOT NULL,
	name BYTEA NOT NULL,
	actor BYTEA NOT NULL,
	method BYTEA NOT NULL,
	addr BYTEA NOT NULL,
	label BYTEA NOT NULL,
	reason BYTEA NOT NULL,
	happened_at BIGINT NOT NULL,
	expires_at BIGINT
)`,
			`CREATE INDEX IF NOT EXISTS {p}audit_user ON {p}audit (user_id, realm, happened_at, id)`,
			`CREATE INDEX IF NOT EXISTS {p}audit_expiry ON {p}audit (expires_at) WHERE expires_at IS NOT NULL`,
		}, Down: dropAccounts},
	})
}
