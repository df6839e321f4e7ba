package bench

import (
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// A Row is one line of work for every site, and the gates for Gatehouse, which
// is the second of Ops; the first is the floor. A gate of 0 is none.
type Row struct {
	Name  string
	Ops   []Op
	Ratio float64 // of processor time to the floor's
	// Wall: the gate is for the wall time, since the work is done in parallel.
	Wall bool
	// Quiet: the gates are for the lower quartile of the wall time, since the work
	// is mostly a server's.
	Quiet  bool
	Allocs float64
	Bytes  float64
	Nanos  float64
	// NoAllocs: not even one.
	NoAllocs bool
}

// Rows returns what is compared: rows (a) to (d) of docs/performance.md.
func Rows(sites []*Site) []Row {
	each := func(op func(s *Site) Op) (ops []Op) {
		for i, s := range sites {
			o := op(s)
			o.Seldom = i >= 2
			ops = append(ops, o)
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
			return serveParallel(s.Name, s.Private, s.Requests(), runtime.GOMAXPROCS(0))
		}), Ratio: 1.6, Wall: true},
		{Name: "(d) login", Ops: each(func(s *Site) Op { return inBatches(s, false) }), Ratio: 1.5, Allocs: 8},
		{Name: "(d) logout", Ops: each(func(s *Site) Op { return inBatches(s, true) }), Ratio: 2, Allocs: 4},
	}
}

// StoreRows returns rows (f): the sites of a [Backend], one request at a time and
// [AtOnce]. The gates are on the latter. faster has those against other sites by
// their names. With a server they are on wall time.
func StoreRows(name string, server bool, sites []*Site, faster map[string]float64) []Row {
	rows := []Row{
		{Name: name + ", serial", Quiet: server},
		{Name: fmt.Sprintf("%s, %d at once", name, AtOnce), Quiet: server, Ratio: 1.3},
	}
	for _, s := range sites {
		rs := s.Requests()
		serial, parallel := serve(s.Name, s.Private, rs), serveParallel(s.Name, s.Private, rs, AtOnce)
		serial.Seldom = strings.Contains(s.Name, ",") && s.Name != scsSliding
		parallel.Seldom, parallel.Faster = serial.Seldom, faster[s.Name]
		rows[0].Ops, rows[1].Ops = append(rows[0].Ops, serial), append(rows[1].Ops, parallel)
	}
	return rows
}

// Of returns the ratio to the floor that the row's gate is about.
func (row Row) Of(r Result) float64 {
	switch {
	case row.Quiet:
		return r.QuietRatio
	case row.Wall:
		return r.WallRatio
	}
	return r.CPURatio
}

// Time returns the wall time that is shown.
func (row Row) Time(r Result) time.Duration {
	if row.Quiet {
		return r.Quiet
	}
	return r.Cost.Wall
}

// Slower returns the ratio to Gatehouse that the row's gates are about.
func (row Row) Slower(r Result) float64 {
	switch {
	case row.Quiet:
		return r.QuietSlower
	case row.Wall:
		return r.WallSlower
	}
	return r.CPUSlower
}

// Judge says for each gate of the row whether r, which is the result of
// number i of its Ops, holds it, and whether it holds all.
func (row Row) Judge(i int, r Result) (text string, ok bool) {
	ok = true
	gate := func(holds bool, format string, limit float64) {
		ok = ok && holds
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, limit) + ": " + map[bool]string{true: "holds", false: "FAILS"}[holds]
	}
	most := func(limit, is float64, format string) { gate(is <= limit, format, limit) }
	if r.Op.Faster > 0 {
		gate(row.Slower(r) >= r.Op.Faster, "≥ %gx Gatehouse", r.Op.Faster)
	}
	if i != 1 {
		return text, ok
	}
	if row.Ratio > 0 {
		most(row.Ratio, row.Of(r), "≤ %gx")
	}
	if row.Allocs > 0 || row.NoAllocs {
		most(row.Allocs, math.Round(r.Cost.Allocs), "≤ %.0f allocs") // a map that grows is a fraction of one
	}
	if row.Bytes > 0 {
		most(row.Bytes, r.Cost.Bytes, "≤ %.0f B")
	}
	if row.Nanos > 0 {
		most(row.Nanos, float64(r.Cost.CPU), "≤ %.0f ns")
	}
	return text, ok
}
