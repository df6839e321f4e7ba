// Command table measures Gatehouse beside scs and a floor and prints the table
// of docs/performance.md. It exits with 1 if a gate does not hold.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/bench"
)

func main() {
	t := table{ok: true}
	flag.IntVar(&t.rounds, "rounds", 7, "how many rounds; medians are shown")
	flag.DurationVar(&t.slice, "slice", 120*time.Millisecond, "how long each subject runs in a round")
	flag.StringVar(&t.only, "only", "", "only rows whose name contains this, such as (a)")
	flag.IntVar(&t.sessions, "sessions", 1_000_000, "how many sessions rows (e) and (k) have")
	backends := flag.String("backends", "sqlite,postgres,mysql,redis", "which of these rows (f) and (k) have")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	t.backends = strings.Split(*backends, ",")
	if err := t.run(); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	if !t.ok {
		os.Exit(1)
	}
}

const usage = `usage: table [flags]

Prints the table of docs/performance.md. Servers are named by the environment; a row
without its server says so and is skipped:

	GATEHOUSE_TEST_POSTGRES  postgres://user:password@host/database
	GATEHOUSE_TEST_MYSQL     mysql://user:password@host/database
	GATEHOUSE_TEST_REDIS     redis://host:6379/9

Exit code 1: a gate does not hold. 2: it could not be measured.

`

type table struct {
	rounds   int
	slice    time.Duration
	only     string
	sessions int
	backends []string
	ok       bool
}

func (t *table) run() error {
	fmt.Printf("%s, %s/%s, %d processors, %s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), time.Now().UTC().Format(time.DateOnly))
	fmt.Println("| row | subject | wall | CPU | x floor | x ours | allocs | bytes | gates |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|---|")
	if err := t.requests(); err != nil {
		return err
	}
	if err := t.authorizers(); err != nil {
		return err
	}
	if err := t.stores(); err != nil {
		return err
	}
	fmt.Println()
	fmt.Println("| row | what | measured | gate |")
	fmt.Println("|---|---|--:|---|")
	if err := t.million(); err != nil {
		return err
	}
	if err := t.hit(); err != nil {
		return err
	}
	if err := t.growth(); err != nil {
		return err
	}
	return t.logins()
}

// requests prints rows (a) to (d).
func (t *table) requests() error {
	sites, err := bench.Sites()
	if err != nil {
		return err
	}
	return t.print(sites, bench.InTurn, bench.Rows(sites))
}

// authorizers prints rows (g).
func (t *table) authorizers() error {
	if !t.wants("(g)") {
		return nil
	}
	for _, roles := range []int{100, 10_000} {
		rows, err := bench.RoleRows(roles)
		if err != nil {
			return err
		}
		t.measure(rows)
	}
	rows, err := bench.EngineRows()
	if err == nil {
		t.measure(rows)
	}
	return err
}

// print checks the sites before it times anything.
func (t *table) print(sites []*bench.Site, checks int, rows []bench.Row) error {
	if !slices.ContainsFunc(rows, func(row bench.Row) bool { return t.wants(row.Name) }) {
		return nil
	}
	for _, s := range sites {
		if err := bench.Check(s, checks); err != nil {
			return err
		}
	}
	t.measure(rows)
	return nil
}

func (t *table) measure(rows []bench.Row) {
	for _, row := range rows {
		if !t.wants(row.Name) {
			continue
		}
		for i, r := range bench.Measure(t.rounds, t.slice, row.Ops...) {
			gates, held := row.Judge(i, r)
			t.ok = t.ok && held
			fmt.Printf("| %s | %s | %s | %s | %.2f | %.2f | %.0f | %.0f | %s |\n", row.Name, r.Op.Name,
				short(row.Time(r)), short(r.Cost.CPU), row.Of(r), row.Slower(r), r.Cost.Allocs, r.Cost.Bytes, gates)
		}
	}
}

func (t *table) million() error {
	if !t.wants("(e)") {
		return nil
	}
	m, err := bench.MeasureMillion(t.sessions)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("(e) %d sessions of %d users", m.Sessions, m.Users)
	t.fact(name, "heap for each session", fmt.Sprintf("%.0f B", m.Bytes), "≤ 550 B", m.Bytes <= 550)
	t.fact(name, fmt.Sprintf("longest read during a sweep (without one: %s)", short(m.Control)),
		short(m.Stall), "≤ 1 ms, or no longer than without", m.Stall <= max(time.Millisecond, m.Control))
	t.fact(name, "one garbage collection", short(m.GC), "", true)
	return nil
}

func (t *table) logins() error {
	if !t.wants("(h)") {
		return nil
	}
	most := runtime.GOMAXPROCS(0)
	for _, atOnce := range []int{most, max(1, most-1)} {
		l, err := bench.MeasureLogins(100, atOnce)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("(h) 100 logins at once, AtOnce %d", atOnce)
		spares := atOnce < most
		rate, p99 := "≥ 95 % of the best", ""
		if spares {
			rate, p99 = "", "≤ 5 ms"
		}
		t.fact(name, fmt.Sprintf("logins a second (best rate of the hash alone: %.1f)", l.Best),
			fmt.Sprintf("%.1f (%.0f %%)", l.Rate, 100*l.Rate/l.Best), rate, spares || l.Rate >= 0.95*l.Best)
		t.fact(name, fmt.Sprintf("a bystander's p99 (while nobody logs in: %s)", short(l.Idle)),
			short(l.P99), p99, !spares || l.P99 <= 5*time.Millisecond)
		t.fact(name, "memory beyond what was there", mib(l.Peak), "≤ "+mib(l.Bound), l.Peak <= l.Bound)
	}
	return nil
}

// fact prints one line of the second table; a gate of "" is none.
func (t *table) fact(name, what, measured, gate string, held bool) {
	if gate != "" {
		gate += ": " + map[bool]string{true: "holds", false: "FAILS"}[held]
		t.ok = t.ok && held
	}
	fmt.Printf("| %s | %s | %s | %s |\n", name, what, measured, gate)
}

func (t *table) wants(name string) bool {
	return t.only == "" || strings.Contains(name, t.only) || strings.Contains(t.only, name)
}

func short(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d)/1e3)
	}
	return fmt.Sprintf("%.1f ms", float64(d)/1e6)
}

func mib(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
