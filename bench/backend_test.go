package bench_test

import (
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/bench"
)

// Everybody in row (f) does the work, and nothing is left of it.
func TestBackends(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (*bench.Backend, error){
		"SQLite": func(t *testing.T) (*bench.Backend, error) { return bench.SQLite(t.TempDir(), bench.InTurn) },
		"PostgreSQL": func(t *testing.T) (*bench.Backend, error) {
			return bench.Postgres(server(t, "GATEHOUSE_TEST_POSTGRES"), bench.InTurn)
		},
		"MariaDB": func(t *testing.T) (*bench.Backend, error) {
			return bench.MySQL(server(t, "GATEHOUSE_TEST_MYSQL"), bench.InTurn)
		},
		"Redis": func(t *testing.T) (*bench.Backend, error) {
			return bench.Redis(server(t, "GATEHOUSE_TEST_REDIS"), bench.InTurn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}()
			sites, mapped, err := b.Sites()
			if err != nil {
				t.Fatal(err)
			}
			ready, err := b.Ready()
			if err != nil {
				t.Fatal(err)
			}
			if (ready == nil) != (name == "Redis") {
				t.Errorf("ready-made users: %d sites", len(ready))
			}
			for _, s := range slices.Concat(sites, mapped, ready) {
				if err := bench.Check(s, 16); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A little of MeasureGrowth: that the many are there, and each with its user.
func TestGrowth(t *testing.T) {
	few, err := bench.SQLite(t.TempDir(), bench.InTurn)
	if err != nil {
		t.Fatal(err)
	}
	defer few.Close()
	many, err := bench.SQLite(t.TempDir(), bench.InTurn)
	if err != nil {
		t.Fatal(err)
	}
	defer many.Close()
	g, err := bench.MeasureGrowth(few, many, 3000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Verbs) != 3 || g.Bytes < 100 || g.Bytes > 2000 {
		t.Errorf("it is %+v", g)
	}
}
