package account

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

// Observe is told of every event: it keeps what the user can read, and tells them of what
// changes nothing that Record is told of.
func (p *Provider) Observe(ctx context.Context, e auth.Event) {
	if e.Name == purgedEvent {
		return // nothing is kept of who is gone
	}
	if p.opts.Activity != nil {
		audit.Sink(p.opts.Activity, p.m.Realm(), activityLifetime)(ctx, e)
	}
	p.observeNotice(ctx, e)
}
