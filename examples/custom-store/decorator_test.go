package customstore

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// A watched store reports how long a session took to load. Everything else is as it is behind it.
type watched struct {
	auth.Store
	report func(took time.Duration, err error)
}

func (w watched) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	began := time.Now()
	v, err := w.Store.LoadSession(ctx, id)
	w.report(time.Since(began), err)
	return v, err
}

// Unwrap lets auth.As find Sweep, which auth.Store does not have.
func (w watched) Unwrap() any { return w.Store }

// A decorator keeps the contract as well, with all the abilities.
func TestDecorator(t *testing.T) {
	watch := func(t *testing.T) auth.Store {
		return watched{openStore(t), func(time.Duration, error) {}}
	}
	if _, ok := auth.As[auth.Sweeper](watch(t)); !ok {
		t.Error("the decorator hides Sweep")
	}
	authtest.TestStore(t, watch)
}
