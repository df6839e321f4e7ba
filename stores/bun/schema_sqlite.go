package bunstore

import "strings"

// sqliteSchema is the schema for SQLite. Its tables are clustered by their
// keys, so that a look-up is one search. TEXT compares by bytes.
//
// Migrations are only ever added. Each statement does nothing if it has been
// done, so that a host's own tool may repeat one that was interrupted.
func sqliteSchema(prefix string) []Migration {
	return expand(prefix, []Migration{
		{Name: "20261122000001", Comment: "store", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}sessions (
	id BLOB NOT NULL PRIMARY KEY,
	user_id TEXT NOT NULL,
	actor TEXT NOT NULL,
	auth_version TEXT NOT NULL,
	proofs BLOB NOT NULL,
	binding TEXT NOT NULL,
	stale INTEGER NOT NULL,
	label TEXT NOT NULL,
	addr TEXT NOT NULL,
	version INTEGER NOT NULL,
	created_at INTEGER,
	seen_at INTEGER,
	ends_at INTEGER,
	expires_at INTEGER
) STRICT, WITHOUT ROWID`,
			`CREATE INDEX IF NOT EXISTS {p}sessions_user ON {p}sessions (user_id)`,
			`CREATE INDEX IF NOT EXISTS {p}sessions_expiry ON {p}sessions (expires_at) WHERE expires_at IS NOT NULL`,

			`CREATE TABLE IF NOT EXISTS {p}credentials (
	kind TEXT NOT NULL,
	credential_key TEXT NOT NULL,
	user_id TEXT NOT NULL,
	data BLOB,
	label TEXT NOT NULL,
	version INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	created_at INTEGER,
	verified_at INTEGER,
	used_at INTEGER,
	expires_at INTEGER,
	PRIMARY KEY (kind, credential_key)
) STRICT, WITHOUT ROWID`,
			`CREATE INDEX IF NOT EXISTS {p}credentials_user ON {p}credentials (user_id, kind)`,
			`CREATE INDEX IF NOT EXISTS {p}credentials_expiry ON {p}credentials (expires_at) WHERE expires_at IS NOT NULL`,

			`CREATE TABLE IF NOT EXISTS {p}tickets (
	purpose TEXT NOT NULL,
	ticket_key TEXT NOT NULL,
	user_id TEXT NOT NULL,
	slot TEXT,
	data BLOB,
	created_at INTEGER,
	expires_at INTEGER,
	PRIMARY KEY (purpose, ticket_key)
) STRICT, WITHOUT ROWID`,
			`CREATE UNIQUE INDEX IF NOT EXISTS {p}tickets_slot ON {p}tickets (purpose, slot)`,
			`CREATE INDEX IF NOT EXISTS {p}tickets_user ON {p}tickets (user_id, purpose)`,
			`CREATE INDEX IF NOT EXISTS {p}tickets_expiry ON {p}tickets (expires_at) WHERE expires_at IS NOT NULL`,

			`CREATE TABLE IF NOT EXISTS {p}counters (
	counter_key TEXT NOT NULL PRIMARY KEY,
	n INTEGER NOT NULL,
	expires_at INTEGER
) STRICT, WITHOUT ROWID`,
			`CREATE INDEX IF NOT EXISTS {p}counters_expiry ON {p}counters (expires_at) WHERE expires_at IS NOT NULL`,
		}, Down: dropStore},
		{Name: "20261122000002", Comment: usersComment, SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}users (
	id TEXT NOT NULL PRIMARY KEY,
	email TEXT NOT NULL,
	name TEXT NOT NULL,
	disabled INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT, WITHOUT ROWID`,
		}, Down: dropUsers},
		{Name: "20261129000001", Comment: "roles", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}roles (
	name TEXT NOT NULL PRIMARY KEY,
	permissions TEXT NOT NULL,
	inherits TEXT NOT NULL
) STRICT, WITHOUT ROWID`,

			`CREATE TABLE IF NOT EXISTS {p}role_version (
	id INTEGER NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL
) STRICT`,

			`CREATE TABLE IF NOT EXISTS {p}role_grants (
	user_id TEXT NOT NULL,
	role TEXT NOT NULL,
	tenant TEXT NOT NULL,
	object TEXT NOT NULL,
	PRIMARY KEY (user_id, role, tenant, object)
) STRICT, WITHOUT ROWID`,
			`CREATE INDEX IF NOT EXISTS {p}role_grants_role ON {p}role_grants (role, user_id, tenant, object)`,
		}, Down: dropRoles},
		{Name: "20261129000002", Comment: "accounts", SQL: []string{
			`CREATE TABLE IF NOT EXISTS {p}outbox (
	id TEXT NOT NULL PRIMARY KEY,
	realm TEXT NOT NULL,
	kind TEXT NOT NULL,
	recipient TEXT NOT NULL,
	user_id TEXT NOT NULL,
	language TEXT NOT NULL,
	data BLOB,
	created_at INTEGER,
	due_at INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT, WITHOUT ROWID`,
			`CREATE INDEX IF NOT EXISTS {p}outbox_due ON {p}outbox (realm, due_at, id)`,
			`CREATE INDEX IF NOT EXISTS {p}outbox_user ON {p}outbox (user_id, realm)`,

			`CREATE TABLE IF NOT EXISTS {p}audit (
	id TEXT NOT NULL PRIMARY KEY,
	realm TEXT NOT NULL,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	actor TEXT NOT NULL,
	method TEXT NOT NULL,
	addr TEXT NOT NULL,
	label TEXT NOT NULL,
	reason TEXT NOT NULL,
	happened_at INTEGER NOT NULL,
	expires_at INTEGER
) STRICT, WITHOUT ROWID`,
			`CREATE INDEX IF NOT EXISTS {p}audit_user ON {p}audit (user_id, realm, happened_at, id)`,
			`CREATE INDEX IF NOT EXISTS {p}audit_expiry ON {p}audit (expires_at) WHERE expires_at IS NOT NULL`,
		}, Down: dropAccounts},
	})
}

// usersComment marks the migrations of the users table, see Options.NoUsers.
const usersComment = "users"

// What undoes the first migrations is the same everywhere: indexes go with
// their tables.
var (
	dropStore = []string{
		`DROP TABLE IF EXISTS {p}counters`,
		`DROP TABLE IF EXISTS {p}tickets`,
		`DROP TABLE IF EXISTS {p}credentials`,
		`DROP TABLE IF EXISTS {p}sessions`,
	}
	dropUsers = []string{`DROP TABLE IF EXISTS {p}users`}
	dropRoles = []string{
		`DROP TABLE IF EXISTS {p}role_grants`,
		`DROP TABLE IF EXISTS {p}role_version`,
		`DROP TABLE IF EXISTS {p}roles`,
	}
	dropAccounts = []string{
		`DROP TABLE IF EXISTS {p}audit`,
		`DROP TABLE IF EXISTS {p}outbox`,
	}
)

// expand returns ms with the prefix where {p} is.
func expand(prefix string, ms []Migration) []Migration {
	all := func(list []string) []string {
		out := make([]string, len(list))
		for i, q := range list {
			out[i] = strings.ReplaceAll(q, "{p}", prefix)
		}
		return out
	}
	for i, m := range ms {
		ms[i].SQL, ms[i].Down = all(m.SQL), all(m.Down)
	}
	return ms
}
