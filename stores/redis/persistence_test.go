package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/servers"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// A record is what was acknowledged, and what was begun and is not known.
type record struct {
	mu               sync.Mutex
	created, deleted map[auth.SessionID]bool // acknowledged
	unsure           map[auth.SessionID]bool
}

func (r *record) note(ids []auth.SessionID, as map[auth.SessionID]bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		as = r.unsure
	}
	for _, id := range ids {
		as[id] = true
	}
}

// load logs people in and out until ctx ends or the store fails.
func (r *record) load(ctx context.Context, s *redisstore.Store, worker int) {
	for i := 0; ctx.Err() == nil; i++ {
		user := fmt.Sprint(worker, "-", i)
		var ids []auth.SessionID
		for j := range 3 {
			v := newSession(0, user)
			v.ID = auth.SessionID{1, byte(worker), byte(i >> 16), byte(i >> 8), byte(i), byte(j)}
			err := s.CreateSession(ctx, v)
			r.note([]auth.SessionID{v.ID}, r.created, err)
			if err != nil {
				return
			}
			ids = append(ids, v.ID)
		}
		var err error
		if i%2 == 0 {
			err = s.DeleteSession(ctx, ids[0])
			r.note(ids[:1], r.deleted, err)
		} else {
			err = s.DeleteUserSessions(ctx, user, ids[2])
			r.note(ids[:2], r.deleted, err)
		}
		if err != nil {
			return
		}
	}
}

// Redis is killed in the middle of logins and log-outs, and started again.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings []string
		kept     bool
	}{
		{"appendfsync always", []string{"--appendonly", "yes", "--appendfsync", "always"}, true},
		{"no persistence", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := servers.Redis(t, c.settings...)
			s, err := redisstore.Open(server.DSN(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r := &record{created: map[auth.SessionID]bool{}, deleted: map[auth.SessionID]bool{}, unsure: map[auth.SessionID]bool{}}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var wg sync.WaitGroup
			for w := range 16 {
				wg.Go(func() { r.load(ctx, s, w) })
			}
			for enough := false; !enough && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
				r.mu.Lock()
				enough = len(r.deleted) > 300
				r.mu.Unlock()
			}
			server.Kill()
			wg.Wait()
			for id := range r.created {
				if _, err := s.LoadSession(t.Context(), id); err == nil || errors.Is(err, auth.ErrNotFound) {
					t.Fatalf("LoadSession while the server is down: %v, want an outage", err)
				}
				break
			}
			server.Start()

			lost, back, there := 0, 0, 0
			for id := range r.created {
				_, err := s.LoadSession(t.Context(), id)
				if err != nil && !errors.Is(err, auth.ErrNotFound) {
					t.Fatalf("LoadSession after the server is back: %v", err)
				}
				switch {
				case err == nil && r.deleted[id]:
					back++
				case err == nil:
					there++
				case !r.deleted[id] && !r.unsure[id]:
					lost++
				}
			}
			t.Logf("%d sessions acknowledged, %d of them logged out, %d unsure; %d are there", len(r.created), len(r.deleted), len(r.unsure), there)
			if back > 0 {
				t.Errorf("%d sessions that were logged out are back", back)
			}
			if c.kept && lost > 0 {
				t.Errorf("%d sessions that were acknowledged are lost", lost)
			}
			if !c.kept && there > 0 {
				t.Errorf("%d sessions are there, want none", there)
			}
			// Whoever is there can be revoked, also those whose login nobody knows of.
			for w := range 16 {
				for i := range 1000 {
					v := auth.SessionID{1, byte(w), byte(i >> 16), byte(i >> 8), byte(i)}
					if !r.created[v] && !r.unsure[v] {
						break
					}
					must(t, s.DeleteUserSessions(t.Context(), fmt.Sprint(w, "-", i)))
				}
			}
			for _, all := range []map[auth.SessionID]bool{r.created, r.unsure} {
				for id := range all {
					if _, err := s.LoadSession(t.Context(), id); !errors.Is(err, auth.ErrNotFound) {
						t.Errorf("a session after its user's were deleted: %v", err)
					}
				}
			}
		})
	}
}
