package bench_test

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/bench"
)

func TestSites(t *testing.T) {
	sites, err := bench.Sites()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sites {
		if err := bench.Check(s, bench.InTurn); err != nil {
			t.Error(err)
		}
	}
}

// The rows as ordinary benchmarks, for profiles and benchstat.
func BenchmarkRows(b *testing.B) {
	sites, err := bench.Sites()
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range bench.Rows(sites) {
		for _, op := range row.Ops {
			b.Run(row.Name+"/"+op.Name, func(b *testing.B) {
				c := op.Run(b.N)
				b.ReportMetric(float64(c.Wall)/float64(b.N), "ns/op")
				b.ReportMetric(float64(c.CPU)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(c.Allocs/float64(b.N), "allocs/op")
				b.ReportMetric(c.Bytes/float64(b.N), "B/op")
			})
		}
	}
}
