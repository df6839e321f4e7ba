package main

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// roleNames are the roles that there are here. What each may do is said in the policy;
// see the folder of that name.
var roleNames = []string{"admin", "editor", "viewer"}

// assignments is where it is kept who has which role: bunstore's Roles, or memory. What
// is changed there counts from the next request on, whoever has changed it.
type assignments interface {
	Grants(ctx context.Context, userID string) ([]bunstore.Grant, int64, error)
	Grant(ctx context.Context, g bunstore.Grant) error
	Revoke(ctx context.Context, g bunstore.Grant) error // auth.ErrNotFound
	Holders(ctx context.Context, role, after string, limit int) ([]bunstore.Grant, string, error)
}

// memoryRoles keeps who has which role until the demo ends.
type memoryRoles struct {
	mu  sync.RWMutex
	all []bunstore.Grant
}

func (m *memoryRoles) Grants(ctx context.Context, userID string) (list []bunstore.Grant, version int64, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, g := range m.all {
		if g.UserID == userID {
			list = append(list, g)
		}
	}
	return list, 0, ctx.Err()
}

func (m *memoryRoles) Grant(ctx context.Context, g bunstore.Grant) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.all, g) {
		m.all = append(m.all, g)
		slices.SortFunc(m.all, func(a, b bunstore.Grant) int {
			return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.Role, b.Role))
		})
	}
	return nil
}

func (m *memoryRoles) Revoke(ctx context.Context, g bunstore.Grant) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.all, g)
	if i < 0 {
		return auth.ErrNotFound
	}
	m.all = slices.Delete(m.all, i, i+1)
	return nil
}

// Holders returns them all at once.
func (m *memoryRoles) Holders(ctx context.Context, role, after string, limit int) (list []bunstore.Grant, next string, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, g := range m.all {
		if g.Role == role {
			list = append(list, g)
		}
	}
	return list, "", ctx.Err()
}
