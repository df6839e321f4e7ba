package main

import (
	"fmt"
	"io"
	"strings"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Create the tables, or bring them up to date."`
	Down   migrateDownCmd   `cmd:"" help:"Undo the newest migrations, with all that is in their tables."`
	Status migrateStatusCmd `cmd:"" help:"Show which migrations have been applied."`
	SQL    migrateSQLCmd    `cmd:"" name:"sql" help:"Print the SQL of the migrations, without a database."`
}

// Help is the detail of the help.
func (*migrateCmd) Help() string {
	return `Migrations are only ever added by a release. A site may call bunstore's Migrate at every start instead, which is the same as "migrate up"; or its own tool may run what "migrate sql" prints.`
}

// A step is a migration in JSON.
type step struct {
	Name      string `json:"name"`
	Comment   string `json:"comment"`
	AppliedAt moment `json:"applied_at"`
}

func stepsOf(all []bunstore.MigrationStatus) []step {
	steps := make([]step, len(all))
	for i, m := range all {
		steps[i] = step{m.Name, m.Comment, moment(m.AppliedAt)}
	}
	return steps
}

// differing returns the migrations whose state is another after than before, as
// they are in want.
func differing(before, after, want []bunstore.MigrationStatus) []step {
	applied := map[string]bool{}
	for _, m := range before {
		applied[m.Name] = !m.AppliedAt.IsZero()
	}
	now := map[string]bool{}
	for _, m := range after {
		now[m.Name] = !m.AppliedAt.IsZero()
	}
	steps := []step{}
	for _, s := range stepsOf(want) {
		if applied[s.Name] != now[s.Name] {
			steps = append(steps, s)
		}
	}
	return steps
}

type migrateUpCmd struct{}

// Help is the detail of the help.
func (*migrateUpCmd) Help() string {
	return `Creates the tables, or brings them up to date. It may be called at any time and by several at once; one that was killed half-way is made up for by the next. A database file that is not there is created.

Examples:

    gatehouse migrate up --db file:app.db
    gatehouse migrate up --no-users --prefix auth_`
}

// Run migrates.
func (*migrateUpCmd) Run(a *app) error {
	db, err := a.database(true)
	if err != nil {
		return err
	}
	defer db.Close()
	before, err := db.MigrationStatus(a.ctx)
	if err == nil {
		err = db.Migrate(a.ctx)
	}
	if err != nil {
		return err
	}
	after, err := db.MigrationStatus(a.ctx)
	if err != nil {
		return err
	}
	done := differing(before, after, after)
	return a.print(map[string]any{"applied": done}, func(w io.Writer) {
		for _, m := range done {
			fmt.Fprintf(w, "applied %s %s\n", m.Name, line(m.Comment))
		}
		if len(done) == 0 {
			fmt.Fprintln(w, "nothing to do: the schema is up to date")
		}
	})
}

type migrateDownCmd struct {
	Steps int  `default:"1" placeholder:"N" help:"How many to undo (${default})."`
	Yes   bool `help:"Do it without asking."`
}

// Help is the detail of the help.
func (*migrateDownCmd) Help() string {
	return `Undoes the newest migrations. The tables that they have created are dropped, and what is in them is lost: users, passwords, sessions. So it asks first; where nobody can be asked, it needs --yes.

Examples:

    gatehouse migrate down
    gatehouse migrate down --steps 2 --yes`
}

// Validate is called by Kong.
func (c *migrateDownCmd) Validate() error {
	if c.Steps < 1 {
		return fmt.Errorf("--steps is %d: make it 1 or more", c.Steps)
	}
	return nil
}

// Run undoes migrations.
func (c *migrateDownCmd) Run(a *app) error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	before, err := db.MigrationStatus(a.ctx)
	if err != nil {
		return err
	}
	var names []string
	for i := len(before) - 1; i >= 0 && len(names) < c.Steps; i-- {
		if !before[i].AppliedAt.IsZero() {
			names = append(names, before[i].Name+" "+before[i].Comment)
		}
	}
	if len(names) > 0 {
		err = a.confirm(c.Yes, fmt.Sprintf("This undoes %s of the tables %s… in %s, and drops what is in them.",
			strings.Join(names, ", "), a.flags.Prefix, shown(a.flags.DB)))
		if err == nil {
			err = db.MigrateDown(a.ctx, c.Steps)
		}
		if err != nil {
			return err
		}
	}
	after, err := db.MigrationStatus(a.ctx)
	if err != nil {
		return err
	}
	undone := differing(before, after, before)
	return a.print(map[string]any{"undone": undone}, func(w io.Writer) {
		for _, m := range undone {
			fmt.Fprintf(w, "undid %s %s\n", m.Name, line(m.Comment))
		}
		if len(undone) == 0 {
			fmt.Fprintln(w, "nothing to do: no migration has been applied")
		}
	})
}

type migrateStatusCmd struct{}

// Help is the detail of the help.
func (*migrateStatusCmd) Help() string {
	return `Lists the migrations of this version of Gatehouse, and when each was applied. It changes nothing. "gatehouse doctor" says so too if one is missing.

Examples:

    gatehouse migrate status
    gatehouse migrate status --json | jq '.migrations[] | select(.applied_at == null)'`
}

// Run shows the state of the schema.
func (*migrateStatusCmd) Run(a *app) error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.MigrationStatus(a.ctx)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"migrations": stepsOf(all)}, func(w io.Writer) {
		rows := [][]string{{"NAME", "COMMENT", "APPLIED"}}
		for _, s := range stepsOf(all) {
			rows = append(rows, []string{s.Name, s.Comment, s.AppliedAt.String()})
		}
		table(w, rows)
	})
}

type migrateSQLCmd struct {
	Dialect string `required:"" enum:"sqlite,postgres,mysql" placeholder:"NAME" help:"sqlite, postgres or mysql, which is MariaDB as well."`
	Down    bool   `help:"Print what undoes the migrations, newest first."`
	Format  string `enum:"plain,goose" default:"plain" placeholder:"NAME" help:"plain or goose (${default})."`
	Only    string `placeholder:"NAME" help:"Print this migration alone. Default: all of them."`
}

// Help is the detail of the help.
func (*migrateSQLCmd) Help() string {
	return `Prints the SQL of the migrations for those who run it with a tool of their own, to read it or to have it reviewed. No database is needed; --prefix and --no-users count. What is run so is not noted as applied. A later "migrate up", or a site that calls Migrate, does it again, which changes nothing, and notes it.

With --format goose, a file has both directions, as github.com/pressly/goose wants it; give it one migration each.

Examples:

    gatehouse migrate sql --dialect postgres > schema.sql
    gatehouse migrate sql --dialect mysql --down
    gatehouse migrate sql --dialect sqlite --format goose --only 20261122000001 \
        > migrations/20261122000001_gatehouse.sql`
}

// A script is a migration as SQL, in JSON.
type script struct {
	Name    string   `json:"name"`
	Comment string   `json:"comment"`
	Up      []string `json:"up"`
	Down    []string `json:"down"`
}

// Run prints SQL.
func (c *migrateSQLCmd) Run(a *app) error {
	if c.Down && c.Format == "goose" {
		return usage("leave --down out", "a file for goose has both directions")
	}
	all, err := migrationsOf(c.Dialect, a.flags.Prefix, a.flags.NoUsers)
	if err != nil {
		return usage("", "%v", err)
	}
	scripts := []script{}
	for _, m := range all {
		if c.Only == "" || c.Only == m.Name {
			scripts = append(scripts, script{m.Name, m.Comment, m.SQL, m.Down})
		}
	}
	if len(scripts) == 0 {
		return notFound(`leave --only out to see all`, "there is no migration %s", c.Only)
	}
	return a.print(map[string]any{"dialect": c.Dialect, "migrations": scripts}, func(w io.Writer) {
		if c.Format == "goose" {
			fmt.Fprintln(w, "-- +goose Up")
			writeUp(w, scripts)
			fmt.Fprintln(w, "\n-- +goose Down")
			writeDown(w, scripts)
			return
		}
		if c.Down {
			writeDown(w, scripts)
			return
		}
		writeUp(w, scripts)
	})
}

func writeUp(w io.Writer, scripts []script) {
	for i, s := range scripts {
		writeScript(w, i, s, s.Up)
	}
}

func writeDown(w io.Writer, scripts []script) {
	for i := range scripts {
		s := scripts[len(scripts)-1-i]
		writeScript(w, i, s, s.Down)
	}
}

func writeScript(w io.Writer, i int, s script, statements []string) {
	if i > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "-- %s %s\n", s.Name, s.Comment)
	for _, sql := range statements {
		fmt.Fprintf(w, "%s;\n", strings.TrimRight(strings.TrimSpace(sql), ";"))
	}
}
