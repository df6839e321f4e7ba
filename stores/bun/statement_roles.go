package bunstore

const (
	roleColumns  = "name, permissions, inherits"
	grantColumns = "user_id, role, tenant, object"
)

// initRoles sets the statements about roles.
func (q *statements) initRoles(set func(*statement, string)) {
	// One row at least, whether or not somebody has a role, and whether or not
	// there is a version: a host may empty tables.
	const version = `SELECT v.version, `
	const from = ` FROM (SELECT 1 AS one) x LEFT JOIN {p}role_version v ON v.id = x.one LEFT JOIN `
	set(&q.grants, version+`g.role, g.tenant, g.object`+from+`{p}role_grants g ON g.user_id = ?`)
	set(&q.roles, version+`r.name, r.permissions, r.inherits`+from+`{p}roles r ON r.name > ?`)

	set(&q.grant, `INSERT INTO {p}role_grants (`+grantColumns+`) VALUES (?, ?, ?, ?) ON CONFLICT (`+grantColumns+`) DO NOTHING`)
	set(&q.revoke, `DELETE FROM {p}role_grants WHERE user_id = ? AND role = ? AND tenant = ? AND object = ?`)
	set(&q.deleteUserGrants, `DELETE FROM {p}role_grants WHERE user_id = ?`)
	set(&q.deleteRoleGrants, `DELETE FROM {p}role_grants WHERE role = ?`)

	set(&q.holders, `SELECT `+grantColumns+` FROM {p}role_grants WHERE role = ? ORDER BY user_id, tenant, object LIMIT ?`)
	// That a user comes later is said twice: MySQL seeks by it, and not by a
	// comparison of rows.
	set(&q.holdersAfter, `SELECT `+grantColumns+` FROM {p}role_grants WHERE role = ? AND user_id >= ? AND (user_id, tenant, object) > (?, ?, ?)
ORDER BY user_id, tenant, object LIMIT ?`)

	set(&q.setRole, `INSERT INTO {p}roles (`+roleColumns+`) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions, inherits = excluded.inherits`)
	set(&q.deleteRole, `DELETE FROM {p}roles WHERE name = ?`)
	set(&q.raiseRoles, `INSERT INTO {p}role_version (id, version) VALUES (1, ?)
ON CONFLICT (id) DO UPDATE SET version = CASE WHEN excluded.version > {p}role_version.version THEN excluded.version ELSE {p}role_version.version + ? END`)
}
