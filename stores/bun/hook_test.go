package bunstore_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A recorder is a query hook that keeps all that it is shown, as one that
// prints SQL would.
type recorder struct {
	mu   sync.Mutex
	list []string
	all  strings.Builder
}

func (r *recorder) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, e.Query)
	fmt.Fprintln(&r.all, e.Query, e.QueryTemplate, e.QueryArgs, e.Model)
	return ctx
}

func (r *recorder) AfterQuery(ctx context.Context, e *bun.QueryEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(&r.all, e.Query, e.Err)
}

// recorded runs every verb on a store of a database with a recorder.
func recorded(t *testing.T, opts bunstore.Options) (s *bunstore.Store, r *recorder, secrets []string) {
	t.Helper()
	db, err := open.DB(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	r = new(recorder)
	opts.CloseDB = true
	s, err = bunstore.New(db.WithQueryHook(r), &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.list = nil // a host sees those of Migrate, but they are not queries
	return s, r, everyVerb(t, s)
}

func TestHooksSeeNoSecret(t *testing.T) {
	for _, opts := range []bunstore.Options{{}, {NoPrepare: true}} {
		_, r, secrets := recorded(t, opts)
		wantNoSecrets(t, r, secrets)
	}
}

// wantNoSecrets looks for them in what a hook was shown.
func wantNoSecrets(t *testing.T, r *recorder, secrets []string) {
	t.Helper()
	seen := r.all.String()
	if !strings.Contains(seen, "DELETE FROM") {
		t.Fatal("the hook saw nothing")
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), fmt.Sprint([]byte(secret))} {
			if strings.Contains(strings.ToLower(seen), form) {
				t.Errorf("a hook sees %q", form)
			}
		}
	}
}
