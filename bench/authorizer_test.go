package bench_test

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/bench"
)

// TestAuthorizers asks everybody of rows (g): the rows are made only if all answers are
// right. What decides by roles allocates nothing.
func TestAuthorizers(t *testing.T) {
	rows, err := bench.RoleRows(100)
	if err != nil {
		t.Fatal(err)
	}
	engines, err := bench.EngineRows()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if c := row.Ops[1].Run(1000); c.Allocs >= 100 {
			t.Errorf("%s: %v allocations in 1000 decisions", row.Name, c.Allocs)
		}
	}
	for _, row := range engines {
		for _, op := range row.Ops {
			op.Run(1)
		}
	}
}
