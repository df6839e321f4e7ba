package redisstore

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// lanes is how many reads are under way before others wait for one of them
	// to return.
	lanes = 1
	// patience is how long after the last read has set out the next may in any
	// case: on a network that is slower than this waiting would not pay, and one
	// connection that is stuck must not keep everybody.
	patience = 250 * time.Microsecond
	// most is how many share a round trip at most.
	most = 128
)

// errUnanswered is for those whose round trip ended with a panic.
var errUnanswered = errors.New("the client did not return")

// together lets reads that come at once share a round trip, as a database lets
// commits. A caller that finds a lane free sends its own GET. Who comes while
// the lanes are taken waits, until one that returns hands its lane to one of
// those waiting, who sends the GETs of them all. There is no goroutine but
// those of the callers, and nobody who has its answer works for others.
//
// A GET is sent after its caller came, and answers that caller only. So what
// was written before a call is what the call reads.
type together struct {
	patience time.Duration
	mu       sync.Mutex
	leading  int       // how many are under way, or about to be
	sent     time.Time // when the last of them set out
	crowded  bool      // some came along with the last of them
	waiting  []*waiter // by when they came
}

// A waiter is a caller that found no lane free.
type waiter struct {
	cmd   *redis.StringCmd // in the hands of who leads while that is another
	until time.Time        // the context's deadline; zero if it has none
	leads bool             // under the lock: it has been handed a lane
	woken chan struct{}    // of one: it leads, or cmd is done
}

// get is a GET, together with others. On a cluster it goes alone: a server that
// is down there would keep those whose sessions are on another.
func (s *Store) get(ctx context.Context, key string) (string, error) {
	if _, one := s.client.(*redis.Client); !one {
		return s.client.Get(ctx, key).Result()
	}
	return s.loads.get(ctx, s.client, redis.NewStringCmd(ctx, "get", key))
}

// get does cmd, a GET.
func (t *together) get(ctx context.Context, client redis.UniversalClient, cmd *redis.StringCmd) (string, error) {
	t.mu.Lock()
	if t.free() {
		t.setOut()
		t.mu.Unlock()
		t.lead(ctx, client, cmd)
		return cmd.Result()
	}
	w := &waiter{cmd: cmd, woken: make(chan struct{}, 1)}
	w.until, _ = ctx.Deadline()
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	select {
	case <-w.woken:
		if !w.leads {
			return cmd.Result()
		}
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		t.leave(w)
		return "", err
	}
	t.lead(ctx, client, cmd)
	return cmd.Result()
}

// lead does cmd, and those of the others with it, and hands the lane on. The
// context may be canceled meanwhile, which is nothing to the others; its
// deadline is none before theirs.
func (t *together) lead(ctx context.Context, client redis.UniversalClient, cmd *redis.StringCmd) {
	defer t.handOver()
	with := t.take(ctx)
	if len(with) == 0 {
		_ = client.Process(ctx, cmd) // cmd has the error
		return
	}
	err := errUnanswered
	defer func() {
		tell(cmd, err)
		for _, w := range with {
			tell(w.cmd, err)
			w.woken <- struct{}{}
		}
	}()
	shared := context.WithoutCancel(ctx)
	if until, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		shared, cancel = context.WithDeadline(shared, until)
		defer cancel()
	}
	_, err = client.Pipelined(shared, func(p redis.Pipeliner) error {
		_ = p.Process(shared, cmd)
		for _, w := range with {
			_ = p.Process(shared, w.cmd)
		}
		return nil
	})
}

// tell has cmd fail with the error of its round trip, if it was not done and
// does not know. That another found nothing is no such error.
func tell(cmd *redis.StringCmd, err error) {
	if err != nil && !errors.Is(err, redis.Nil) && cmd.Err() == nil && cmd.Val() == "" {
		cmd.SetErr(err)
	}
}

// free says, under the lock, whether another may set out.
func (t *together) free() bool { return t.leading < lanes || time.Since(t.sent) > t.patience }

// setOut is called under the lock.
func (t *together) setOut() {
	t.leading++
	t.sent = time.Now()
}

// take returns those that come along: nobody who has longer than ctx. Where
// some came along the last time, those that had their answers then may be about
// to ask again, so they are let run first.
func (t *together) take(ctx context.Context) (with []*waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.crowded {
		t.mu.Unlock()
		runtime.Gosched()
		t.mu.Lock()
	}
	if len(t.waiting) > 0 {
		until, _ := ctx.Deadline()
		t.waiting = slices.DeleteFunc(t.waiting, func(w *waiter) bool {
			along := len(with) < most-1 && !later(w.until, until)
			if along {
				with = append(with, w)
			}
			return along
		})
	}
	t.crowded = len(with) > 0
	return with
}

// handOver gives a lane back, and to one that waits. Among those that come
// first it is the one that has longest, so that they can come along.
func (t *together) handOver() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leading--
	if len(t.waiting) == 0 || !t.free() {
		return
	}
	best := 0
	for i, w := range t.waiting[:min(len(t.waiting), most)] {
		if later(w.until, t.waiting[best].until) {
			best = i
		}
	}
	w := t.waiting[best]
	t.waiting = slices.Delete(t.waiting, best, best+1)
	t.setOut()
	w.leads = true
	w.woken <- struct{}{}
}

// leave is for one whose context has ended before it led.
func (t *together) leave(w *waiter) {
	t.mu.Lock()
	if i := slices.Index(t.waiting, w); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	leads := w.leads
	t.mu.Unlock()
	if leads {
		t.handOver()
	}
}

// later says whether deadline a is after b.
func later(a, b time.Time) bool { return !b.IsZero() && (a.IsZero() || a.After(b)) }
