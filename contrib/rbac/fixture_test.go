package rbac_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

func newMemory(tb testing.TB, roles ...rbac.Role) *rbac.Memory {
	tb.Helper()
	m, err := rbac.NewMemory(roles...)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func newAuthorizer(tb testing.TB, source rbac.Source, opts *rbac.Options) *rbac.Authorizer {
	tb.Helper()
	a, err := rbac.New(source, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func grant(tb testing.TB, m rbac.Store, g rbac.Grant) {
	tb.Helper()
	if err := m.Grant(context.Background(), g); err != nil {
		tb.Fatal(err)
	}
}

func revoke(tb testing.TB, m rbac.Store, g rbac.Grant) {
	tb.Helper()
	if err := m.Revoke(context.Background(), g); err != nil {
		tb.Fatal(err)
	}
}

// who returns the identity of a user, nil for "".
func who(id string) *auth.Identity {
	if id == "" {
		return nil
	}
	return &auth.Identity{UserID: id}
}

// post is an object of a tenant, "17" or "acme:17".
func post(name string) any {
	tenant, id, ok := strings.Cut(name, ":")
	switch {
	case name == "":
		return nil
	case !ok:
		tenant, id = "", name
	}
	return auth.Object{Type: "post", ID: id, Tenant: tenant}
}

// verdict is "yes", "no" or what else went wrong.
func verdict(err error) string {
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, auth.ErrForbidden):
		return "no"
	}
	return "outage"
}

// A journal is what was logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
