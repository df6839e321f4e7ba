package gorillastore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Memory is a [Backend] in the memory of the process, for tests of hosts. It has no
// bound.
type Memory struct {
	mu      sync.Mutex
	records map[ID]Record
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{records: make(map[ID]Record)} }

// Len returns how many records there are.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records)
}

// Load implements [Backend].
func (m *Memory) Load(ctx context.Context, id ID) (*Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id]
	if !ok {
		return nil, auth.ErrNotFound
	}
	r.Data = bytes.Clone(r.Data)
	return &r, nil
}

// Create implements [Backend].
func (m *Memory) Create(ctx context.Context, r *Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.records[r.ID]; taken {
		return fmt.Errorf("gorillastore: create: the ID is taken")
	}
	m.put(r, 1)
	return nil
}

// Update implements [Backend].
func (m *Memory) Update(ctx context.Context, r *Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch old, ok := m.records[r.ID]; {
	case !ok:
		return auth.ErrNotFound
	case old.Version != r.Version:
		return auth.ErrConflict
	}
	m.put(r, r.Version+1)
	return nil
}

func (m *Memory) put(r *Record, version int64) {
	kept := *r
	kept.Version, kept.Data = version, bytes.Clone(r.Data)
	for _, t := range []*time.Time{&kept.SeenAt, &kept.RenewedAt, &kept.EndsAt, &kept.ExpiresAt} {
		*t = ofMillis(millis(*t))
	}
	m.records[r.ID] = kept
}

// Delete implements [Backend].
func (m *Memory) Delete(ctx context.Context, id ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.records[id]; !ok {
		return auth.ErrNotFound
	}
	delete(m.records, id)
	return nil
}

// DeleteUser implements [Backend].
func (m *Memory) DeleteUser(ctx context.Context, userID string, except ...ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.records {
		if userID != "" && r.UserID == userID && !slices.Contains(except, id) {
			delete(m.records, id)
		}
	}
	return nil
}

// Sweep implements [Backend].
func (m *Memory) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.records {
		if n < limit && !r.ExpiresAt.After(now) {
			delete(m.records, id)
			n++
		}
	}
	return n, nil
}

// millis returns t as it is kept: 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func ofMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
