package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPolicy compares the table of consequences and the limits with what they were when
// somebody last looked at them: no cell changes unnoticed.
func TestPolicy(t *testing.T) {
	g := newTool(t)
	delete(g.env, "GATEHOUSE_DB") // none is needed
	for file, args := range map[string][]string{"policy.txt": {"policy"}, "policy.md": {"policy", "--markdown"}} {
		file := filepath.Join("testdata", file)
		got := g.ok("", args...)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what is printed; if that was meant, go test ./cmd/gatehouse -run TestPolicy -update writes it:\n%s", file, got)
		}
	}
	var p policy
	if err := json.Unmarshal([]byte(g.ok("", "policy", "--json")), &p); err != nil {
		t.Fatal(err)
	}
	if n := 11 * 14; len(p.Consequences) != n || len(p.Limits) < 3 {
		t.Errorf("%d cells, want %d; %d limits", len(p.Consequences), n, len(p.Limits))
	}
	for _, c := range p.Consequences {
		if c == (consequence{"account.reclaimed", "password", "others dropped"}) {
			return
		}
	}
	t.Errorf("a cell is missing: %+v", p)
}

// Two forms at once are a mistake.
func TestPolicyUsage(t *testing.T) {
	code, out, said := newTool(t).run("", "policy", "--json", "--markdown")
	if code != exitUsage || out != "" || !strings.Contains(said, "--markdown and --json") {
		t.Errorf("%d, %q, %q", code, out, said)
	}
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{15 * time.Minute: "15m", time.Hour: "1h", 90 * time.Second: "1m30s", 30 * time.Second: "30s", 24 * time.Hour: "24h", time.Hour + time.Second: "1h0m1s"} {
		if got := spell(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
