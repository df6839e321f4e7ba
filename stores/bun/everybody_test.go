package bunstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestDeleteAllSessionsInUse deletes a session while a transaction of another
// has it: what comes of it is a session that is gone, and not one that was
// passed over because it had changed.
func TestDeleteAllSessionsInUse(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		s := v.store(t, "", bunstore.Options{})
		ctx := t.Context()
		for n := range byte(3) {
			if err := s.CreateSession(ctx, newSession(n+1, "u")); err != nil {
				t.Fatal(err)
			}
		}
		type result struct {
			n   int
			err error
		}
		done := make(chan result, 1)
		err := s.InTx(ctx, func(tx1 context.Context) error {
			ss, err := s.LoadSession(tx1, newSession(2, "u").ID)
			if err != nil {
				return err
			}
			ss.SeenAt = ss.SeenAt.Add(time.Minute)
			if err := s.UpdateSession(tx1, ss); err != nil {
				return err
			}
			go func() {
				n, err := s.DeleteAllSessions(ctx, 10)
				done <- result{n, err}
			}()
			select {
			case r := <-done:
				t.Errorf("it did not wait: %+v", r)
				done <- r
			case <-time.After(300 * time.Millisecond): // it waits for the row
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := <-done; r.n != 3 || r.err != nil {
			t.Errorf("deleted %d, %v, want all 3", r.n, r.err)
		}
		if _, err := s.LoadSession(ctx, newSession(2, "u").ID); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("the session that was in use: %v, want ErrNotFound", err)
		}
	})
}
