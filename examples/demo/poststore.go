package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/uptrace/bun/dialect"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// posts is where posts are. The error is auth.ErrNotFound for one that is not there.
type posts interface {
	Create(ctx context.Context, p *post) error
	Load(ctx context.Context, id string) (*post, error)
	Update(ctx context.Context, p *post) error // title and body
	Delete(ctx context.Context, id string) error
	DeleteOf(ctx context.Context, owner string) error // all of theirs; none is no error
	// List returns the newest posts that meet the condition, and were made before the
	// one with that ID, if it is not "".
	List(ctx context.Context, which policy.Condition, before string, limit int) ([]*post, error)
}

// sqlPosts keeps posts in a table beside Gatehouse's own.
type sqlPosts struct{ db *bunstore.Store }

// postColumns are the columns of what conditions of policies look at.
var postColumns = bunstore.Columns{"id": "id", "tenant": "tenant", "owner": "owner"}

func newSQLPosts(ctx context.Context, store *bunstore.Store) (*sqlPosts, error) {
	db := store.DB(ctx)
	create := db.NewCreateTable().Model((*post)(nil)).IfNotExists().String()
	if db.Dialect().Name() == dialect.MySQL {
		create += " DEFAULT CHARACTER SET utf8mb4"
	}
	if _, err := db.ExecContext(ctx, create); err != nil {
		// Of two demos that start at once PostgreSQL fails one, but then the table is there.
		if _, missing := db.NewSelect().Model((*post)(nil)).Exists(ctx); missing != nil {
			return nil, errors.Join(err, missing)
		}
	}
	return &sqlPosts{store}, nil
}

func (s *sqlPosts) Create(ctx context.Context, p *post) error {
	return s.db.InTx(ctx, func(ctx context.Context) error { // which waits for its turn on SQLite
		_, err := s.db.DB(ctx).NewInsert().Model(p).Exec(ctx)
		return err
	})
}

func (s *sqlPosts) Load(ctx context.Context, id string) (*post, error) {
	var found []*post
	err := s.db.DB(ctx).NewSelect().Model(&found).Where("id = ?", id).Scan(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, auth.ErrNotFound
	}
	return found[0], nil
}

func (s *sqlPosts) Update(ctx context.Context, p *post) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.db.DB(ctx).NewUpdate().Model(p).Column("title", "body").WherePK().Exec(ctx); err != nil {
			return err
		}
		_, err := s.Load(ctx, p.ID) // it may have gone meanwhile
		return err
	})
}

func (s *sqlPosts) Delete(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		done, err := s.db.DB(ctx).NewDelete().Model((*post)(nil)).Where("id = ?", id).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return auth.ErrNotFound
	})
}

func (s *sqlPosts) DeleteOf(ctx context.Context, owner string) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		_, err := s.db.DB(ctx).NewDelete().Model((*post)(nil)).Where("owner = ?", owner).Exec(ctx)
		return err
	})
}

func (s *sqlPosts) List(ctx context.Context, which policy.Condition, before string, limit int) ([]*post, error) {
	var list []*post
	q := s.db.DB(ctx).NewSelect().Model(&list).ApplyQueryBuilder(bunstore.Where(which, postColumns)).OrderExpr("id DESC").Limit(int64(limit))
	if before != "" {
		q = q.Where("id < ?", before)
	}
	return list, q.Scan(ctx)
}

// memoryPosts keeps posts until the demo ends.
type memoryPosts struct {
	mu   sync.Mutex
	byID map[string]post
}

func (s *memoryPosts) Create(ctx context.Context, p *post) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]post{}
	}
	s.byID[p.ID] = *p
	return nil
}

func (s *memoryPosts) Load(ctx context.Context, id string) (*post, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.byID[id]
	if !ok {
		return nil, auth.ErrNotFound
	}
	return &p, nil
}

func (s *memoryPosts) Update(ctx context.Context, p *post) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.byID[p.ID]
	if !ok {
		return auth.ErrNotFound
	}
	old.Title, old.Body = p.Title, p.Body
	s.byID[p.ID] = old
	return nil
}

func (s *memoryPosts) Delete(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byID[id]; !ok {
		return auth.ErrNotFound
	}
	delete(s.byID, id)
	return nil
}

func (s *memoryPosts) DeleteOf(ctx context.Context, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.byID, func(_ string, p post) bool { return p.Owner == owner })
	return nil
}

func (s *memoryPosts) List(ctx context.Context, which policy.Condition, before string, limit int) ([]*post, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*post
	for id, p := range s.byID {
		if (before == "" || id < before) && which.Matches(p.AuthObject()) {
			list = append(list, &p)
		}
	}
	slices.SortFunc(list, func(a, b *post) int { return cmp.Compare(b.ID, a.ID) })
	return list[:min(limit, len(list))], nil
}
