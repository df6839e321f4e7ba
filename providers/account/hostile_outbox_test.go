package account_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// An eager outbox has entries of some kinds worked off, alone, before the transaction of
// who enqueues them has committed: it is no part of it.
type eager struct {
	outbox.Store
	kinds []string
	work  func()
	early bool
	later []outbox.Entry
}

func (o *eager) Enqueue(ctx context.Context, e outbox.Entry) error {
	if !slices.Contains(o.kinds, e.Kind) {
		o.later = append(o.later, e)
		return nil
	}
	err := o.Store.Enqueue(ctx, e)
	o.early = true
	o.work()
	o.early = false
	return err
}

func (o *eager) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	return o.whole(ctx).Claim(ctx, realm, now, until, limit)
}

func (o *eager) Postpone(ctx context.Context, e outbox.Entry) error {
	return o.whole(ctx).Postpone(ctx, e)
}

// whole is the outbox with what came later, unless somebody is early.
func (o *eager) whole(ctx context.Context) outbox.Store {
	if !o.early {
		for _, e := range o.later {
			_ = o.Store.Enqueue(ctx, e)
		}
		o.later = nil
	}
	return o.Store
}

// With an outbox of another kind than the store, mail about what has not been committed is
// late, and not lost.
func TestOutboxApart(t *testing.T) {
	box := &eager{Store: memory.NewOutbox(), kinds: []string{"account.verify", "account.undo", "account.closing"}}
	s := newSite(t, sqlite(t), func(set *setup) { set.outbox = box })
	box.work = s.flush
	s.register(ada, good)
	s.clock.Advance(time.Minute)
	s.browser().logIn(ada, good).post("/verify", "token", s.token(s.mailed(ada, "account.verify"))).want(t, http.StatusOK, "")

	s.browser().logIn(ada, good).moves(neu)
	s.clock.Advance(time.Minute)
	s.browser().post("/email/undo", "token", s.undoToken(ada)).want(t, http.StatusOK, "")
	s.browser().post("/reset", "token", s.token(s.mailed(ada, "account.first-password")), "password", other).want(t, http.StatusOK, "")

	s.browser().logIn(ada, other).post("/close").want(t, http.StatusOK, "")
	s.clock.Advance(time.Minute)
	s.browser().post("/close", "token", s.token(s.mailed(ada, "account.closing"))).want(t, http.StatusOK, "")
	s.browser().logIn(ada, other)
}
