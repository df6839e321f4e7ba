package load_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/bench/load"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// under returns the report of a second of load on one site of two Managers, each with
// the store that of wraps around what they share.
func under(t *testing.T, of func(auth.Store) auth.Store) load.Report {
	t.Helper()
	shared, users := memory.New(nil), memory.NewUsers()
	cfg := load.Config{Clients: 16, Duration: time.Second}
	for i := range 2 {
		site, provider, err := load.NewSite(of(shared), users)
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(site)
		t.Cleanup(srv.Close)
		cfg.Sites = append(cfg.Sites, srv.URL)
		for k := range 4 * (1 - i) {
			email := fmt.Sprintf("user%d@example.com", k)
			id, err := provider.Register(t.Context(), auth.Profile{Email: email}, load.Password)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Accounts = append(cfg.Accounts, load.Account{UserID: id, Email: email})
		}
	}
	report, err := load.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRun(t *testing.T) {
	missing := map[string]bool{}
	for _, what := range []string{"a page", "a login", "a session", "a log-out", "a revocation", "a revocation of all others", "at once after the end"} {
		missing[what] = true
	}
	for range 20 { // a machine that is slow does not come to the rare ones in a second
		r := under(t, func(s auth.Store) auth.Store { return s })
		if r.Wrong != 0 {
			t.Fatalf("of %d answers %d are wrong: %q", r.Requests, r.Wrong, r.Faults)
		}
		for what := range r.Of {
			delete(missing, what)
		}
		if len(missing) == 0 {
			return
		}
	}
	t.Errorf("never done: %v", missing)
}

// A site that is wrong is found out.
func TestRunFinds(t *testing.T) {
	for name, c := range map[string]struct {
		of   func(auth.Store) auth.Store
		want string
	}{
		"a process that remembers what others have ended": {func(s auth.Store) auth.Store { return &stale{Store: s, seen: map[auth.SessionID]*auth.Session{}} }, "a session that has ended lives"},
		"a store that loses sessions":                     {func(s auth.Store) auth.Store { return &lossy{Store: s} }, "a session that nobody has ended is dead"},
		"a store that mixes sessions up":                  {func(s auth.Store) auth.Store { return &mixed{Store: s} }, "is given the page of"},
	} {
		t.Run(name, func(t *testing.T) {
			r := under(t, c.of)
			for range 9 { // on a machine that is slow
				if r.Wrong > 0 {
					break
				}
				r = under(t, c.of)
			}
			if r.Wrong == 0 || !strings.Contains(strings.Join(r.Faults, "\n"), c.want) {
				t.Errorf("of %d answers %d are wrong: %q", r.Requests, r.Wrong, r.Faults)
			}
		})
	}
}

type stale struct {
	auth.Store
	mu   sync.Mutex
	seen map[auth.SessionID]*auth.Session
}

func (s *stale) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ss := s.seen[id]; ss != nil {
		return ss, nil
	}
	ss, err := s.Store.LoadSession(ctx, id)
	if err == nil {
		s.seen[id] = ss
	}
	return ss, err
}

type lossy struct {
	auth.Store
	mu sync.Mutex
	n  int
}

func (s *lossy) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	s.mu.Lock()
	s.n++
	lost := s.n%20 == 0
	s.mu.Unlock()
	if lost {
		return nil, auth.ErrNotFound
	}
	return s.Store.LoadSession(ctx, id)
}

type mixed struct {
	auth.Store
	mu   sync.Mutex
	last *auth.Session
	n    int
}

func (s *mixed) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	ss, err := s.Store.LoadSession(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; err == nil && s.n%20 == 0 && s.last != nil && s.last.UserID != ss.UserID {
		return s.last, nil
	}
	if err == nil {
		s.last = ss
	}
	return ss, err
}
