package bench

import (
	"cmp"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A Cost is what one operation costs.
type Cost struct {
	Wall, CPU     time.Duration // CPU: of all threads of the process, those of the garbage collector included
	Allocs, Bytes float64
}

// An Op is something that is timed: run does it n times and returns what that
// has cost in all. It may leave out preparations.
type Op struct {
	Name     string
	Run      func(n int) Cost
	Parallel bool // it uses every processor
	Seldom   bool // it has every third round only: its figure is not what matters
	// Faster is the gate for Gatehouse against this one: how many times as long
	// it takes at least. 0 is none.
	Faster float64
}

// run does it n times. What is not parallel has one processor: otherwise the
// garbage collector takes as much of the others as happens to be idle.
func (op Op) run(n int) Cost {
	if !op.Parallel {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	return op.Run(n)
}

// A Result is an Op's cost over several rounds.
type Result struct {
	Op   Op
	Cost Cost // of one, the median of each
	// WallRatio and CPURatio are to the first Op, the medians of the rounds':
	// what disturbs a round disturbs both.
	WallRatio, CPURatio float64
	// WallSlower and CPUSlower are to the second Op, which is Gatehouse.
	WallSlower, CPUSlower float64
	// Quiet is the lower quartile of the wall time, QuietRatio and QuietSlower its
	// ratios to those of the first and the second Op. What waits for a server while
	// other programs take its processor tells more of them than of itself; they
	// never help it.
	Quiet                   time.Duration
	QuietRatio, QuietSlower float64
}

// Measure runs the ops by turns, so that whatever else the machine does
// disturbs all of them. In each of the rounds each op runs for about slice,
// which should be long enough for several garbage collections.
func Measure(rounds int, slice time.Duration, ops ...Op) []Result {
	n := make([]int, len(ops))
	for i, op := range ops {
		n[i] = enough(op, slice)
	}
	costs := make([][]Cost, len(ops)) // of one, by round
	for round := range rounds {
		for i, op := range ops {
			if op.Seldom && round%3 != 0 {
				costs[i] = append(costs[i], Cost{})
				continue
			}
			runtime.GC()
			c := op.run(n[i])
			costs[i] = append(costs[i], Cost{
				c.Wall / time.Duration(n[i]), c.CPU / time.Duration(n[i]),
				c.Allocs / float64(n[i]), c.Bytes / float64(n[i]),
			})
		}
	}
	results := make([]Result, len(ops))
	for i, op := range ops {
		var ran []int
		for round, c := range costs[i] {
			if c.Wall > 0 {
				ran = append(ran, round)
			}
		}
		ratio := func(to int, of func(Cost) time.Duration) float64 {
			return medianOf(ran, func(k int) float64 { return float64(of(costs[i][k])) / float64(of(costs[to][k])) })
		}
		wall, cpu := func(c Cost) time.Duration { return c.Wall }, func(c Cost) time.Duration { return c.CPU }
		second := min(1, len(ops)-1)
		quiet := quartileOf(ran, func(k int) time.Duration { return costs[i][k].Wall })
		results[i] = Result{
			Op: op,
			Cost: Cost{
				Wall:   medianOf(ran, func(k int) time.Duration { return costs[i][k].Wall }),
				CPU:    medianOf(ran, func(k int) time.Duration { return costs[i][k].CPU }),
				Allocs: medianOf(ran, func(k int) float64 { return costs[i][k].Allocs }),
				Bytes:  medianOf(ran, func(k int) float64 { return costs[i][k].Bytes }),
			},
			WallRatio: ratio(0, wall), CPURatio: ratio(0, cpu),
			WallSlower: ratio(second, wall), CPUSlower: ratio(second, cpu),
			Quiet: quiet,
		}
		results[i].QuietRatio = float64(quiet) / float64(results[0].Quiet)
	}
	for i := range results {
		results[i].QuietSlower = float64(results[i].Quiet) / float64(results[min(1, len(ops)-1)].Quiet)
	}
	return results
}

// enough returns how many op does in about slice, and warms it up. Of two tries
// the quicker counts: one may have been stopped by something else.
func enough(op Op, slice time.Duration) int {
	for n := 64; ; n *= 4 {
		if op.run(n).Wall >= slice/8 {
			if wall := min(op.run(n).Wall, op.run(n).Wall); wall >= slice/8 {
				return max(1, int(float64(n)*float64(slice)/float64(wall)))
			}
		}
	}
}

func medianOf[T cmp.Ordered](rounds []int, of func(round int) T) T {
	all := sorted(rounds, of)
	return all[len(all)/2]
}

func quartileOf[T cmp.Ordered](rounds []int, of func(round int) T) T {
	all := sorted(rounds, of)
	return all[len(all)/4]
}

func sorted[T cmp.Ordered](rounds []int, of func(round int) T) []T {
	all := make([]T, len(rounds))
	for i, round := range rounds {
		all[i] = of(round)
	}
	slices.Sort(all)
	return all
}

// timed returns what f costs.
func timed(f func()) Cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	f()
	c := Cost{Wall: time.Since(start), CPU: cpuTime() - cpu}
	runtime.ReadMemStats(&after)
	c.Allocs, c.Bytes = float64(after.Mallocs-before.Mallocs), float64(after.TotalAlloc-before.TotalAlloc)
	return c
}

// serve is the Op of serving the requests in turn.
func serve(name string, h http.Handler, rs []*http.Request) Op {
	w := NewSink()
	return Op{Name: name, Run: func(n int) Cost {
		return timed(func() {
			for i := range n {
				w.Reset()
				h.ServeHTTP(w, rs[i%InTurn])
			}
		})
	}}
}

// serveParallel is serve by several at once.
func serveParallel(name string, h http.Handler, rs []*http.Request, atOnce int) Op {
	return Op{Name: name, Parallel: true, Run: func(n int) Cost {
		return timed(func() {
			var wg sync.WaitGroup
			for p := range atOnce {
				wg.Go(func() {
					w := NewSink()
					for i := range (n + atOnce - 1) / atOnce {
						w.Reset()
						h.ServeHTTP(w, rs[(i+p*InTurn/atOnce)%InTurn])
					}
				})
			}
			wg.Wait()
		})
	}}
}

// inBatches is the Op of logging in, or out if out is true. Only that is
// timed; what was begun is ended again and the reverse, a batch at a time.
func inBatches(s *Site, out bool) Op {
	// Small, so that a request is still warm when it is served, as it is in a
	// server that has just read it.
	const batch = 256
	first := 0 // of the batch's users, who are InTurn
	rs, ids, tokens := make([]*http.Request, batch), make([]string, batch), make([]string, batch)
	w := NewSink()
	logIn := func(n int) Cost {
		for i := range n {
			rs[i], ids[i] = s.Enter(newRequest(http.MethodPost, "", "")), UserID((first+i)%InTurn*(Users/InTurn))
		}
		return timed(func() {
			for i := range n {
				w.Reset()
				if err := s.LogIn(w, rs[i], ids[i]); err != nil {
					panic(err)
				}
				tokens[i] = w.token(s.Cookie)
			}
		})
	}
	logOut := func(n int) Cost {
		for i := range n {
			rs[i] = s.Enter(newRequest(http.MethodPost, s.Cookie, tokens[i]))
		}
		return timed(func() {
			for i := range n {
				w.Reset()
				if err := s.LogOut(w, rs[i]); err != nil {
					panic(err)
				}
			}
		})
	}
	return Op{Name: s.Name, Run: func(n int) (sum Cost) {
		for n > 0 {
			some := min(n, batch)
			n, first = n-some, first+some
			in := logIn(some)
			ended := logOut(some)
			if out {
				in = ended
			}
			sum.Wall, sum.CPU = sum.Wall+in.Wall, sum.CPU+in.CPU
			sum.Allocs, sum.Bytes = sum.Allocs+in.Allocs, sum.Bytes+in.Bytes
		}
		return sum
	}}
}
