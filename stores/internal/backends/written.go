package backends

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// written keeps what a store in memory was ever given, since what it holds cannot
// be looked at from outside.
type written struct {
	auth.Store
	mu  sync.Mutex
	all bytes.Buffer
}

func (w *written) Unwrap() any { return w.Store }

func (w *written) keep(values ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range values {
		switch v := v.(type) {
		case []byte:
			w.all.Write(v)
		default:
			fmt.Fprint(&w.all, v)
		}
		w.all.WriteString("\n")
	}
}

func (w *written) dump() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.all.Bytes())
}

func (w *written) CreateSession(ctx context.Context, s *auth.Session) error {
	w.keep(s.ID[:], s.UserID, s.Actor, s.AuthVersion, s.Binding, s.Label)
	for _, p := range s.Proofs {
		w.keep(p.Method, p.Kind, p.Key)
	}
	return w.Store.CreateSession(ctx, s)
}

func (w *written) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	for _, c := range changes {
		if c.New != nil {
			w.keep(c.New.Kind, c.New.Key, c.New.UserID, c.New.Data, c.New.Label)
		}
	}
	return w.Store.ChangeCredentials(ctx, changes...)
}

func (w *written) PutTicket(ctx context.Context, t auth.Ticket) error {
	w.keep(t.Purpose, t.Key, t.UserID, t.Slot, t.Data)
	return w.Store.PutTicket(ctx, t)
}

func (w *written) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	w.keep(key)
	return w.Store.Count(ctx, key, window, now)
}
