package gorillastore

import (
	"strings"

	"github.com/uptrace/bun/dialect"
)

// schemas are by dialect. All that is compared is bytes. Each statement does nothing
// if it has been done.
var schemas = map[dialect.Name][]string{
	// Records may be large, so the table is one with row IDs.
	dialect.SQLite: {
		`CREATE TABLE IF NOT EXISTS {p}gorilla (
	id BLOB NOT NULL PRIMARY KEY,
	digest BLOB NOT NULL,
	user_id BLOB,
	data BLOB NOT NULL,
	version INTEGER NOT NULL,
	seen_at INTEGER NOT NULL,
	renewed_at INTEGER NOT NULL,
	ends_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT`,
		`CREATE INDEX IF NOT EXISTS {p}gorilla_user ON {p}gorilla (user_id) WHERE user_id IS NOT NULL`,
		`CREATE INDEX IF NOT EXISTS {p}gorilla_expiry ON {p}gorilla (expires_at)`,
	},
	dialect.PG: {
		`CREATE TABLE IF NOT EXISTS {p}gorilla (
	id BYTEA NOT NULL PRIMARY KEY,
	digest BYTEA NOT NULL,
	user_id BYTEA,
	data BYTEA NOT NULL,
	version BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	renewed_at BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
)`,
		`CREATE INDEX IF NOT EXISTS {p}gorilla_user ON {p}gorilla (user_id) WHERE user_id IS NOT NULL`,
		`CREATE INDEX IF NOT EXISTS {p}gorilla_expiry ON {p}gorilla (expires_at)`,
	},
	// MySQL has no CREATE INDEX IF NOT EXISTS, so they are part of the table.
	dialect.MySQL: {
		`CREATE TABLE IF NOT EXISTS {p}gorilla (
	id BINARY(16) NOT NULL PRIMARY KEY,
	digest BINARY(32) NOT NULL,
	user_id VARBINARY(255),
	data MEDIUMBLOB NOT NULL,
	version BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	renewed_at BIGINT NOT NULL,
	ends_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	INDEX {p}gorilla_user (user_id),
	INDEX {p}gorilla_expiry (expires_at)
) ENGINE=InnoDB`,
	},
}

func schemaOf(name dialect.Name, prefix string) []string {
	var list []string
	for _, sql := range schemas[name] {
		list = append(list, strings.ReplaceAll(sql, "{p}", prefix))
	}
	return list
}
