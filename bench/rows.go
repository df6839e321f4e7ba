package bench

import (
	"fmt"
	"math"
	"net/http"
)

// A Row is one line of work for every site, and the gates for Gatehouse, which
// is the second of Ops; the first is the floor. A gate of 0 is none.
type Row struct {
	Name  string
	Ops   []Op
	Ratio float64 // of processor time to the floor's
	// Wall: the gate is for the wall time, since the work is done in parallel.
	Wall   bool
	Allocs float64
	Bytes  float64
	Nanos  float64
	// NoAllocs: not even one.
	NoAllocs bool
}

// Rows returns what is compared: rows (a) to (d) of docs/performance.md.
func Rows(sites []*Site) []Row {
	each := func(op func(s *Site) Op) (ops []Op) {
		for _, s := range sites {
			ops = append(ops, op(s))
		}
		return ops
	}
	get := func(page func(s *Site) http.Handler, rs func(s *Site) []*http.Request) []Op {
		return each(func(s *Site) Op { return serve(s.Name, page(s), rs(s)) })
	}
	private := func(s *Site) http.Handler { return s.Private }
	public := func(s *Site) http.Handler { return s.Public }
	plain := func(s *Site) http.Handler { return s.Plain }
	lazy := sites[0].Lazy
	forged := get(public, (*Site).Forged)
	return []Row{
		{Name: "(a) authenticated request", Ops: get(private, (*Site).Requests), Ratio: 1.6, Allocs: 3, Bytes: 512},
		{Name: "(b) untouched: no cookie", Ops: get(plain, func(*Site) []*http.Request { return Anonymous() }), NoAllocs: true, Nanos: 50},
		{Name: "(b) forged cookie", Ops: append([]Op{serve("floor", lazy, sites[0].Forged())}, forged[1:]...), Ratio: 1.5},
		{Name: "(b) forged cookie, against a floor without a context", Ops: forged},
		{Name: "(b) malformed cookie", Ops: get(public, (*Site).Malformed)},
		{Name: "(c) authenticated, in parallel", Ops: each(func(s *Site) Op {
			return serveParallel(s.Name, s.Private, s.Requests())
		}), Ratio: 1.6, Wall: true},
		{Name: "(d) login", Ops: each(func(s *Site) Op { return inBatches(s, false) }), Ratio: 1.5, Allocs: 8},
		{Name: "(d) logout", Ops: each(func(s *Site) Op { return inBatches(s, true) }), Ratio: 2, Allocs: 4},
	}
}

// Of returns the ratio to the floor that the row's gate is about.
func (row Row) Of(r Result) float64 {
	if row.Wall {
		return r.WallRatio
	}
	return r.CPURatio
}

// Judge says for each gate of the row whether r holds it, and whether it holds
// all.
func (row Row) Judge(r Result) (text string, ok bool) {
	ok = true
	gate := func(limit, is float64, format string) {
		holds := is <= limit
		ok = ok && holds
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, limit) + ": " + map[bool]string{true: "holds", false: "FAILS"}[holds]
	}
	if row.Ratio > 0 {
		gate(row.Ratio, row.Of(r), "≤ %gx")
	}
	if row.Allocs > 0 || row.NoAllocs {
		gate(row.Allocs, math.Round(r.Cost.Allocs), "≤ %.0f allocs") // a map that grows is a fraction of one
	}
	if row.Bytes > 0 {
		gate(row.Bytes, r.Cost.Bytes, "≤ %.0f B")
	}
	if row.Nanos > 0 {
		gate(row.Nanos, float64(r.Cost.CPU), "≤ %.0f ns")
	}
	return text, ok
}
