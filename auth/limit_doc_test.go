package auth_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var updateDocs = flag.Bool("update-docs", false, "write the table of defaults into docs/limits.md")

// The table in docs/limits.md is made of the defaults.
func TestLimitsTable(t *testing.T) {
	m, err := auth.New(noUsers{}, memory.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := auth.LimitsOf(m)
	in := func(l auth.Limit) string { return fmt.Sprintf("%d in %s", l.Max, spelled(l.Per)) }
	var b strings.Builder
	b.WriteString("| Option | Counted for | Default | When it is over |\n| --- | --- | --- | --- |\n")
	for _, row := range [][4]string{
		{"Free", "account, or known browser", fmt.Sprint(l.Free), "the next guess must wait"},
		{"Delay", "account, or known browser", spelled(l.Delay) + ", doubling", "429 until then"},
		{"Account", "account, or known browser", in(l.Account), "429 until the window ends, and Backoff"},
		{"Backoff", "account, or known browser", spelled(l.Backoff) + ", doubling", "429 until then"},
		{"BackoffMax", "account, or known browser", spelled(l.BackoffMax), "no longer wait than this"},
		{"BackoffFor", "account, or known browser", spelled(l.BackoffFor), "waits begin with Delay again"},
		{"Cap", "account, or known browser", fmt.Sprint(l.Cap) + " in a row", "429 until Unlock; of an account the event account.locked"},
		{"Network", "IPv4 address, IPv6 /64", in(l.Network), "429 until the window ends"},
		{"NetworkLong", "IPv4 address, IPv6 /64; known browser", in(l.NetworkLong), "429 until the window ends"},
		{"Site", "IPv6 /48", in(l.Site), "429 until the window ends"},
	} {
		fmt.Fprintf(&b, "| `Limits.%s` | %s | %s | %s |\n", row[0], row[1], row[2], row[3])
	}
	const path, begin, end = "../docs/limits.md", "<!-- defaults -->\n", "<!-- end -->"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table", path)
	}
	if *updateDocs {
		if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != b.String() {
		t.Errorf("%s has\n%s\nwant (go test ./auth -run TestLimitsTable -update-docs)\n%s", path, table, b.String())
	}
}

// spelled writes a duration as people do.
func spelled(d time.Duration) string {
	for _, u := range [...]struct {
		d    time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / u.d; n > 0 && d%u.d == 0 {
			if n > 1 {
				u.name += "s"
			}
			return fmt.Sprintf("%d %s", n, u.name)
		}
	}
	return d.String()
}
