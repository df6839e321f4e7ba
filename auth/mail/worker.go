package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// Run works off what is due until ctx ends. What is under way then has 5 seconds to
// finish; what was claimed and has not begun is due at once for whoever runs next. An
// outage of the outbox is logged, and waited for.
func (c *Courier) Run(ctx context.Context) error {
	w := c.newWorker(ctx)
	defer w.end()
	defer w.running.Wait()
	next := time.NewTimer(0)
	defer next.Stop()
	for failed := 0; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-next.C:
		case <-w.freed:
		case <-c.wake:
			w.looks = len(soon)
		}
		if err := w.fill(ctx); err == nil {
			failed = 0
		} else if ctx.Err() == nil {
			failed++
			c.log(ctx, slog.LevelError, "claiming what is due", outbox.Entry{}, err)
		}
		next.Reset(w.pause(failed))
	}
}

// soon are pauses before looking again after something was enqueued: it may be in a
// transaction that has not ended.
var soon = [...]time.Duration{500 * time.Millisecond, 100 * time.Millisecond, 20 * time.Millisecond}

func (w *worker) pause(failed int) time.Duration {
	every := w.c.opts.Every
	if failed > 0 {
		return max(every, min(every<<min(failed, 10), time.Minute))
	}
	if w.looks > 0 {
		w.looks--
		return min(soon[w.looks], every)
	}
	return every
}

// Flush works off what is due now, and returns when there is nothing left that is due:
// for tests, and for hosts that run jobs of their own in place of [auth.Manager.Run]. The
// error says what could not be done, and waits for its next attempt.
func (c *Courier) Flush(ctx context.Context) error {
	w := c.newWorker(ctx)
	w.keeps = true
	defer w.end()
	for {
		started := w.started
		err := w.fill(ctx)
		w.running.Wait()
		if err != nil || w.started == started {
			return errors.Join(append(w.errs, err)...)
		}
	}
}

// A worker does a bounded number of entries at a time.
type worker struct {
	c       *Courier
	stopped context.Context // of the attempts: ends a while after that of the worker
	end     func()
	slots   chan struct{}
	freed   chan struct{} // somebody has a slot again, and there may be more to do
	running sync.WaitGroup
	started int
	looks   int

	keeps bool // somebody asks for errs in the end; Run has no end
	mu    sync.Mutex
	errs  []error
}

// working is in the context of what a worker does. Who has called Flush, perhaps by a
// request, is not who has asked for the mail.
type working struct{}

func (c *Courier) newWorker(ctx context.Context) *worker {
	late, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), working{}, true))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return &worker{c: c, stopped: late, end: func() { stop(); cancel() },
		slots: make(chan struct{}, parallel), freed: make(chan struct{}, 1)}
}

// fill claims as many entries as there are free slots, and begins them, until nothing more
// is due or no slot is free.
func (w *worker) fill(ctx context.Context) error {
	w.c.settle(ctx)
	for ctx.Err() == nil {
		free := 0
		for full := false; !full && free < parallel; {
			select {
			case w.slots <- struct{}{}:
				free++
			default:
				full = true
			}
		}
		if free == 0 {
			return nil // freed will tell
		}
		now := w.c.m.Now()
		entries, err := w.c.box.Claim(ctx, w.c.m.Realm(), now, now.Add(lease), free)
		for range free - len(entries) {
			<-w.slots
		}
		if err != nil {
			return fmt.Errorf("mail: claiming what is due: %w", err)
		}
		for _, e := range entries {
			w.started++
			w.running.Go(func() { w.work(ctx, e) })
		}
		if len(entries) < free {
			return nil
		}
	}
	return ctx.Err()
}

func (w *worker) work(ctx context.Context, e outbox.Entry) {
	defer func() {
		<-w.slots
		select {
		case w.freed <- struct{}{}:
		default:
		}
	}()
	if ctx.Err() != nil {
		w.c.postpone(w.stopped, e, 0)
		return
	}
	attempt, cancel := context.WithTimeout(w.stopped, timeout)
	defer cancel()
	if err := w.c.try(attempt, &e); err != nil {
		if ctx.Err() != nil && attempt.Err() != nil {
			w.c.postpone(w.stopped, e, 0) // it was we who broke it off
		} else {
			w.c.postpone(w.stopped, e, delay(e.Attempts))
		}
		if w.keeps {
			w.mu.Lock()
			w.errs = append(w.errs, err)
			w.mu.Unlock()
		}
	}
}
