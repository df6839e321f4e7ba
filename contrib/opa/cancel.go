package opaauthz

import (
	"context"
	"sync/atomic"
)

// A cancel stops the engine when a context has ended. Left alone, the engine starts a
// goroutine for every decision that waits for that, and has a timer made. This looks
// at the clock now and then while it is asked anyway, at every expression.
type cancel struct {
	ctx   context.Context
	asked atomic.Uint32
	ended atomic.Bool
}

// often is how many times the engine asks for each look at the clock.
const often = 16

func (c *cancel) Cancel() { c.ended.Store(true) }

func (c *cancel) Cancelled() bool {
	if c.asked.Add(1)%often == 0 && c.ctx.Err() != nil {
		c.ended.Store(true)
	}
	return c.ended.Load()
}
