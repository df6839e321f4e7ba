package bunstore

import (
	"cmp"
	"database/sql"
	"strconv"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth/health"
)

// sqlite checks the settings of a connection and reads the file through.
func (c *check) sqlite() {
	var synchronous intColumn
	var journal, file, integrity string
	for q, dest := range map[string]any{
		"PRAGMA synchronous":  &synchronous,
		"PRAGMA journal_mode": &journal,
		"SELECT COALESCE((SELECT file FROM pragma_database_list WHERE name = 'main'), '')": &file,
		"PRAGMA quick_check(1)": &integrity,
	} {
		if err := c.ask(q, nil, dest); err != nil {
			c.broken("settings", err)
			return
		}
	}
	c.unless(integrity != "ok", "integrity", health.Fault, "restore a backup", "quick_check says: %s", integrity)
	if file == "" {
		c.add("durability", health.Warning, "open a file", "the database is in memory and ends with the process")
		return
	}
	switch {
	case synchronous == 0:
		c.add("durability", health.Fault, "open it with _pragma=synchronous(full)", "synchronous is off: a loss of power may destroy the file")
	case synchronous == 1:
		c.add("durability", health.Warning, "open it with _pragma=synchronous(full)", "synchronous is normal: a loss of power may undo the last log-outs and changes of passwords")
	default:
		c.add("durability", health.OK, "", "every commit reaches the disk")
	}
	switch journal {
	case "wal":
		c.add("journal", health.OK, "", "journal_mode is wal")
	case "off", "memory":
		c.add("journal", health.Fault, "open it with _pragma=journal_mode(wal)", "journal_mode is %s: a process that dies may destroy the file", journal)
	default:
		c.add("journal", health.Warning, "open it with _pragma=journal_mode(wal)", "journal_mode is %s: readers and the writer wait for one another", journal)
	}
}

// postgres checks the settings of the server and of a connection.
func (c *check) postgres() {
	v, err := c.settings(`SELECT name, setting FROM pg_settings WHERE name IN
('fsync', 'synchronous_commit', 'full_page_writes', 'default_transaction_isolation', 'default_transaction_read_only', 'autovacuum')
UNION ALL SELECT 'recovery', CAST(pg_is_in_recovery() AS TEXT)`)
	if err != nil {
		c.broken("settings", err)
		return
	}
	c.unless(v["recovery"] == "true" || v["default_transaction_read_only"] == "on", "writable", health.Fault,
		"connect to the primary (target_session_attrs=read-write)", "in recovery: %s, default_transaction_read_only: %s", v["recovery"], v["default_transaction_read_only"])
	switch {
	case v["fsync"] == "off":
		c.add("durability", health.Fault, "set fsync = on", "fsync is off: a loss of power may destroy the database")
	case v["synchronous_commit"] == "off":
		c.add("durability", health.Warning, "set synchronous_commit = on", "synchronous_commit is off: a server that dies may undo the last log-outs and changes of passwords")
	case v["full_page_writes"] == "off":
		c.add("durability", health.Warning, "set full_page_writes = on", "full_page_writes is off: a loss of power may damage pages")
	default:
		c.add("durability", health.OK, "", "every commit reaches the disk")
	}
	c.unless(v["default_transaction_isolation"] != "read committed", "isolation", health.Warning,
		"set default_transaction_isolation = 'read committed'", "default_transaction_isolation is %s", v["default_transaction_isolation"])
	c.unless(v["autovacuum"] != "on", "autovacuum", health.Warning, "set autovacuum = on", "autovacuum is %s", v["autovacuum"])
}

// mysql checks the settings of the server and of a connection, and what tables
// are made of.
func (c *check) mysql() {
	v, err := c.settings(`SHOW SESSION VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog',
'sql_mode', 'tx_isolation', 'transaction_isolation', 'autocommit', 'read_only', 'innodb_doublewrite', 'binlog_format')`)
	if err != nil {
		c.broken("settings", err)
		return
	}
	c.unless(v["read_only"] == "ON", "writable", health.Warning, "connect to the primary", "read_only is %s", v["read_only"])
	switch {
	case v["innodb_doublewrite"] == "OFF":
		c.add("durability", health.Warning, "set innodb_doublewrite = ON", "innodb_doublewrite is off: a loss of power may damage pages")
	case v["innodb_flush_log_at_trx_commit"] != "1":
		c.add("durability", health.Warning, "set innodb_flush_log_at_trx_commit = 1",
			"innodb_flush_log_at_trx_commit is %s: a machine that dies may undo the last log-outs and changes of passwords", v["innodb_flush_log_at_trx_commit"])
	case v["log_bin"] == "ON" && v["sync_binlog"] != "1":
		c.add("durability", health.Warning, "set sync_binlog = 1",
			"sync_binlog is %s: a machine that dies may undo the last log-outs and changes of passwords", v["sync_binlog"])
	default:
		c.add("durability", health.OK, "", "every commit reaches the disk")
	}
	c.unless(v["autocommit"] == "OFF", "autocommit", health.Fault, "set autocommit = 1 for the session", "autocommit is %s", v["autocommit"])
	isolation := v["transaction_isolation"] + v["tx_isolation"] // one of them, or twice the same
	switch {
	case strings.Contains(isolation, "READ-UNCOMMITTED"):
		c.add("isolation", health.Fault, "set transaction_isolation = 'READ-COMMITTED'", "isolation is READ-UNCOMMITTED: what is read may never have been kept")
	case strings.Contains(isolation, "SERIALIZABLE"):
		c.add("isolation", health.Warning, "set transaction_isolation = 'READ-COMMITTED'", "isolation is SERIALIZABLE: readers and writers wait for one another")
	case v["log_bin"] == "ON" && v["binlog_format"] == "STATEMENT":
		c.add("isolation", health.Fault, "set binlog_format = 'ROW'", "binlog_format is STATEMENT: transactions of the store, which are READ COMMITTED, are refused")
	default:
		c.add("isolation", health.OK, "", "transactions see what is committed")
	}
	c.unless(!strings.Contains(v["sql_mode"], "STRICT_TRANS_TABLES") && !strings.Contains(v["sql_mode"], "STRICT_ALL_TABLES"), "sql_mode", health.Warning,
		"set sql_mode to one with STRICT_TRANS_TABLES", "sql_mode is %s", strconv.Quote(v["sql_mode"]))

	var tables, columns []string
	for _, m := range c.s.Migrations() {
		for _, q := range m.SQL {
			if name := tablePattern.FindStringSubmatch(q); name != nil {
				tables = append(tables, "'"+name[1]+"'") // the prefix has no quote in it
			}
		}
	}
	in := strings.Join(tables, ", ")
	tables, err = c.texts(`SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND engine <> 'InnoDB' AND table_name IN (` + in + `)`)
	if err == nil {
		columns, err = c.texts(`SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns
WHERE table_schema = DATABASE() AND collation_name IS NOT NULL AND column_name IN ('id', 'user_id', 'kind', 'credential_key', 'purpose', 'ticket_key', 'slot', 'counter_key')
AND table_name IN (` + in + `)`)
	}
	if err != nil {
		c.broken("tables", err)
		return
	}
	c.unless(len(tables) > 0, "engine", health.Fault, "ALTER TABLE … ENGINE=InnoDB", "tables that are not InnoDB, and keep no transaction: %s", list(tables))
	c.unless(len(columns) > 0, "collation", health.Fault, "make them VARBINARY(255)", "keys that are compared by a collation, not by bytes: %s", list(columns))
}

// settings returns what q, which returns names and values, says.
func (c *check) settings(q string) (map[string]string, error) {
	rows, err := c.rows(q)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	err = each(rows, func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		values[name] = value
		return err
	})
	return values, err
}

func list(names []string) string { return cmp.Or(strings.Join(names, ", "), "none") }
