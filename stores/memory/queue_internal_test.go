package memory

import (
	"math/rand/v2"
	"testing"
)

type thing struct {
	at    int32
	until int64
}

func (t *thing) place() *int32  { return &t.at }
func (t *thing) expires() int64 { return t.until }

// TestQueue does at random what a store does with a queue, and compares with a
// set of which everything is looked at.
func TestQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q queue[*thing]
	all := map[*thing]bool{}
	some := func() *thing {
		if len(q.due) == 0 {
			return nil
		}
		return q.due[r.IntN(len(q.due))].item
	}
	for step := range 50_000 {
		now := int64(step)
		grow := step/5000%2 == 0 // it also shrinks, to nothing
		switch op := r.IntN(10); {
		case op < 2 || grow && op < 6:
			x := &thing{until: now + r.Int64N(3000)}
			if op == 0 {
				x.until = never
			}
			all[x] = true
			q.push(x)
		case op < 7:
			if x := some(); x != nil {
				delete(all, x)
				q.remove(x)
			}
		default:
			if x := some(); x != nil {
				y := &thing{until: now + r.Int64N(3000) - 100}
				delete(all, x)
				all[y] = true
				q.replace(x, y)
			}
		}
		if step%50 != 0 {
			continue
		}
		for budget := 1 << 30; ; {
			x, ok := q.expired(now, &budget)
			if !ok {
				break
			}
			if !all[x] || x.until > now {
				t.Fatalf("step %d: expired returned %+v", step, x)
			}
			delete(all, x)
			q.remove(x)
		}
		for x := range all {
			if x.until <= now {
				t.Fatalf("step %d: expired did not return %+v", step, x)
			}
			if q.due[x.at].item != x {
				t.Fatalf("step %d: %+v is not in its place", step, x)
			}
		}
		if len(q.due) != len(all) {
			t.Fatalf("step %d: %d are queued, want %d", step, len(q.due), len(all))
		}
		if c := cap(q.due); c > 64 && c > 8*max(len(q.due), 1)+64 {
			t.Fatalf("step %d: room for %d, with %d queued", step, c, len(q.due))
		}
	}
}

func TestQueueBudget(t *testing.T) {
	var q queue[*thing]
	for range 100 {
		q.push(&thing{until: 1})
	}
	for i := range q.due {
		q.due[i].item.until = 1000 // all were in use meanwhile
	}
	budget := 10
	if _, ok := q.expired(1, &budget); ok || budget != 0 {
		t.Errorf("found %v, budget left %d, want nothing and none", ok, budget)
	}
	looked := 0
	for _, d := range q.due {
		if d.at == 1000 {
			looked++
		}
	}
	if looked != 10 {
		t.Errorf("looked at %d, want 10", looked)
	}
}
