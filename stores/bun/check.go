package bunstore

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/health"
)

var _ health.Checker = (*Store)(nil)

const (
	clockWarning = time.Second
	clockFault   = 30 * time.Second
	sweepWarning = 24 * time.Hour
	countAtMost  = 100_000
)

// Check implements [health.Checker]. It looks at the connection and the
// server's version, whether every migration has been applied and its tables
// and indexes are there, the server's clock (a warning from one second of
// difference, a fault from thirty), settings on which the store's promises
// rest, and how much waits to be swept. On SQLite it reads the whole file once.
func (s *Store) Check(ctx context.Context, now time.Time) []health.Finding {
	c := &check{ctx: ctx, s: s, now: now, began: time.Now()}
	if err := ctx.Err(); err != nil {
		c.broken("connection", err)
		return c.found
	}
	if !c.connection() {
		return c.found // the rest would say the same
	}
	if c.schema() {
		c.sweeping()
	}
	c.clock()
	switch s.backend.name {
	case "sqlite":
		c.sqlite()
	case "postgres":
		c.postgres()
	case "mysql":
		c.mysql()
	}
	return c.found
}

// A check collects findings.
type check struct {
	ctx   context.Context
	s     *Store
	now   time.Time
	began time.Time // what the clock of this process said at now
	found []health.Finding
}

func (c *check) add(check string, level health.Level, fix, detail string, args ...any) {
	if level == health.OK {
		fix = ""
	}
	c.found = append(c.found, health.Finding{Check: check, Level: level, Detail: fmt.Sprintf(detail, args...), Fix: fix})
}

// broken adds that something could not be found out.
func (c *check) broken(check string, err error) {
	c.add(check, health.Fault, "look at the server and its log", "could not be found out: %v", outage(c.ctx, "check", err))
}

// unless adds a finding of level if bad, and of OK else.
func (c *check) unless(bad bool, check string, level health.Level, fix, detail string, args ...any) {
	if !bad {
		level = health.OK
	}
	c.add(check, level, fix, detail, args...)
}

// ask scans the first row that q returns. q has the prefix where {p} is.
func (c *check) ask(q string, args []any, dest ...any) error {
	rows, err := c.rows(q, args...)
	if err != nil {
		return err
	}
	found, err := one(rows, dest...)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}

func (c *check) rows(q string, args ...any) (*sql.Rows, error) {
	return c.s.db.DB.QueryContext(c.ctx, c.s.backend.rebind(c.s.named(q)), args...)
}

// texts returns the strings in the one column that q returns.
func (c *check) texts(q string, args ...any) ([]string, error) {
	rows, err := c.rows(q, args...)
	if err != nil {
		return nil, err
	}
	var list []string
	err = each(rows, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		list = append(list, s)
		return err
	})
	return list, err
}

func (c *check) connection() bool {
	q := map[string]string{
		"sqlite":   "SELECT sqlite_version()",
		"postgres": "SELECT current_setting('server_version')",
		"mysql":    "SELECT VERSION()",
	}
	var version string
	if err := c.ask(q[c.s.backend.name], nil, &version); err != nil {
		c.add("connection", health.Fault, "start the server, or correct its name, user or password", "%v", outage(c.ctx, "connect", err))
		return false
	}
	name, least := "SQLite", "3.37"
	switch {
	case c.s.backend.name == "postgres":
		name, least = "PostgreSQL", "12.0"
	case strings.Contains(version, "MariaDB"):
		// In front of its version some servers say 5.5.5-.
		name, least, version = "MariaDB", "10.5", strings.TrimPrefix(version, "5.5.5-")
	case c.s.backend.name == "mysql":
		name, least = "MySQL", "8.0"
	}
	c.add("connection", health.OK, "", "connected to %s", name)
	c.unless(older(version, least), "version", health.Fault, "upgrade the server to "+least+" or later", "%s %s; %s or later is needed", name, version, least)
	return true
}

// older reports whether a version is less than least, by its first two numbers.
func older(version, least string) bool {
	var a, b [2]int
	_, _ = fmt.Sscanf(version, "%d.%d", &a[0], &a[1])
	_, _ = fmt.Sscanf(least, "%d.%d", &b[0], &b[1])
	return slices.Compare(a[:], b[:]) < 0
}

func (c *check) clock() {
	q := map[string]string{
		"sqlite":   `SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)`,
		"postgres": `SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`,
		"mysql":    `SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000`,
	}
	var at time.Time
	before := time.Since(c.began)
	if err := c.ask(q[c.s.backend.name], nil, (*timeColumn)(&at)); err != nil {
		c.broken("clock", err)
		return
	}
	after := time.Since(c.began)
	// Somewhere between before and after it was read.
	off := max(at.Sub(c.now)-after, c.now.Add(before).Sub(at), 0).Round(time.Millisecond)
	level := health.OK
	switch {
	case off >= clockFault:
		level = health.Fault
	case off >= clockWarning:
		level = health.Warning
	}
	detail := "the server's clock and this one agree"
	if level != health.OK {
		detail = fmt.Sprintf("the server's clock and this one are %v apart; of two processes that differ by as much, one ends sessions and locks too early", off)
	}
	c.add("clock", level, "synchronise the clocks of all machines (NTP)", "%s", detail)
}

var (
	tablePattern  = regexp.MustCompile(`CREATE TABLE IF NOT EXISTS (\S+)`)
	columnPattern = regexp.MustCompile(`(?m)^\t([a-z_]+) [A-Z]`)
	indexPattern  = regexp.MustCompile(`(?m)(UNIQUE )?(?:INDEX IF NOT EXISTS|KEY) ([a-z0-9_]+) (?:ON (\S+) )?\(`)
)

// schema reports whether all tables are there.
func (c *check) schema() bool {
	const migrate = "run gatehouse migrate up, or Store.Migrate"
	status, err := c.s.MigrationStatus(c.ctx)
	if err != nil {
		c.broken("migrations", err)
		return false
	}
	var missing, newer []string
	for _, m := range status {
		switch {
		case m.SQL == nil:
			newer = append(newer, m.Name)
		case m.AppliedAt.IsZero():
			missing = append(missing, m.Name+" "+m.Comment)
		}
	}
	switch {
	case len(missing) > 0:
		// A host may have applied them with its own tool: then it is a warning.
		c.add("migrations", health.Warning, migrate, "not applied: %s", strings.Join(missing, ", "))
	case len(newer) > 0:
		c.add("migrations", health.Warning, "upgrade this process too", "the schema is of a newer release: %s", strings.Join(newer, ", "))
	default:
		c.add("migrations", health.OK, "", "all %d are applied", len(status))
	}

	tables, indexes := true, true
	for _, m := range c.s.Migrations() {
		table, there := "", false
		for _, q := range m.SQL {
			if name := tablePattern.FindStringSubmatch(q); name != nil {
				table = name[1]
				err := c.table(table, q)
				there = err == nil
				if !there {
					c.add("schema", health.Fault, migrate, "table %s is not as it should be: %v", table, outage(c.ctx, "check", err))
					tables = false
				}
			}
			for _, index := range indexPattern.FindAllStringSubmatch(q, -1) {
				indexes = there && c.index(index[2], table, index[1] != "") && indexes
			}
		}
	}
	if tables && indexes {
		c.add("schema", health.OK, "", "all tables, columns and indexes are there")
	}
	return tables
}

// table asks for the columns that ddl, a CREATE TABLE, has.
func (c *check) table(name, ddl string) error {
	var columns []string
	for _, col := range columnPattern.FindAllStringSubmatch(ddl, -1) {
		columns = append(columns, col[1])
	}
	rows, err := c.rows("SELECT " + strings.Join(columns, ", ") + " FROM " + name + " WHERE 1 = 0")
	if err != nil {
		return err
	}
	return each(rows, func(*sql.Rows) error { return nil })
}

// index reports whether the index is there.
func (c *check) index(name, table string, unique bool) bool {
	const fix = "create it as gatehouse migrate sql prints it"
	q := map[string]string{
		"sqlite": `SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = ? AND tbl_name = ?`,
		"postgres": `SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname = CAST(? AS TEXT) AND i.indrelid = to_regclass(CAST(? AS TEXT)) AND i.indisvalid`,
		"mysql": `SELECT count(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = ? AND table_name = ?`,
	}
	var n intColumn
	err := c.ask(q[c.s.backend.name], []any{name, table}, &n)
	switch {
	case err != nil:
		c.broken("schema", err)
	case n != 0:
		return true
	case unique:
		c.add("schema", health.Fault, fix, "the unique index %s is missing: two tickets may be in one slot", name)
	default:
		c.add("schema", health.Warning, fix, "the index %s is missing: what it is for reads all of %s", name, table)
	}
	return false
}

// sweeping counts what has expired.
func (c *check) sweeping() {
	for _, table := range []string{"sessions", "credentials", "tickets", "counters", "audit"} {
		var all, long int64
		for _, q := range []struct {
			at time.Time
			n  *int64
		}{{c.now, &all}, {c.now.Add(-sweepWarning), &long}} {
			err := c.ask(fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM {p}%s WHERE expires_at <= ? LIMIT %d) x`, table, countAtMost),
				[]any{q.at.UnixMilli()}, (*intColumn)(q.n))
			if err != nil {
				c.broken("sweep", err)
				return
			}
		}
		more := ""
		if all == countAtMost {
			more = " or more"
		}
		c.unless(long > 0, "sweep", health.Warning, "run Manager.Run in one process, or gatehouse sweep regularly",
			"%d%s expired %s wait to be swept", all, more, table)
	}
}
