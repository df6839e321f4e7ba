package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A person is the demo's own user, whatever keeps it.
type person struct {
	auth.User
	Email, Name string
}

// called returns what a person is called on a page.
func called(u auth.User) string {
	p, ok := u.(*person)
	if !ok {
		return ""
	}
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// IsActive and AuthVersion hand on what the store's own user says.
func (p *person) IsActive() bool {
	a, ok := p.User.(interface{ IsActive() bool })
	return !ok || a.IsActive()
}

func (p *person) AuthVersion() string {
	if v, ok := p.User.(interface{ AuthVersion() string }); ok {
		return v.AuthVersion()
	}
	return ""
}

// people finds persons in the users table of a store, and knows what else there is of
// them.
type people struct {
	auth.UserLoader
	posts posts
	roles assignments
}

// Unwrap lets Gatehouse find what else the table can do, such as CreateUser.
func (p people) Unwrap() any { return p.UserLoader }

func (p people) LoadUser(ctx context.Context, id string) (auth.User, error) {
	u, err := p.UserLoader.LoadUser(ctx, id)
	if err != nil {
		return nil, err
	}
	return personOf(u)
}

// List returns a page of those that the query finds, see bunstore's ListUsers.
func (p people) List(ctx context.Context, query, after string, limit int) (list []*person, next string, err error) {
	table, ok := p.UserLoader.(interface {
		ListUsers(ctx context.Context, query, after string, limit int) ([]auth.User, string, error)
	})
	if !ok {
		return nil, "", fmt.Errorf("%T lists no users", p.UserLoader)
	}
	users, next, err := table.ListUsers(ctx, query, after, limit)
	for _, u := range users {
		person, err := personOf(u)
		if err != nil {
			return nil, "", err
		}
		list = append(list, person)
	}
	return list, next, err
}

// DeleteUser deletes a person whose account was closed, and all that the demo has of
// them. It can be done again from any point: the person goes last.
func (p people) DeleteUser(ctx context.Context, id string) error {
	table, ok := p.UserLoader.(interface {
		DeleteUser(ctx context.Context, id string) error
	})
	if !ok {
		return fmt.Errorf("%T deletes no users", p.UserLoader)
	}
	if err := p.posts.DeleteOf(ctx, id); err != nil {
		return err
	}
	if err := p.roles.RevokeAll(ctx, id); err != nil {
		return err
	}
	return table.DeleteUser(ctx, id)
}

func personOf(u auth.User) (*person, error) {
	switch u := u.(type) {
	case *bunstore.User:
		return &person{u, u.Email, u.Name}, nil
	case *memory.User:
		return &person{u, u.Email, u.Name}, nil
	}
	return nil, fmt.Errorf("unexpected user %T", u)
}

// memoryUsers are users in memory that can be listed.
type memoryUsers struct {
	*memory.Users
	mu  sync.Mutex
	ids []string // in the order of their creation, which is also that of the IDs
}

func (t *memoryUsers) CreateUser(ctx context.Context, p auth.Profile) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, err := t.Users.CreateUser(ctx, p)
	if err == nil {
		t.ids = append(t.ids, id)
		slices.Sort(t.ids)
	}
	return id, err
}

// ListUsers does what bunstore's does.
func (t *memoryUsers) ListUsers(ctx context.Context, query, after string, limit int) (list []auth.User, next string, err error) {
	t.mu.Lock()
	ids := slices.Clone(t.ids)
	t.mu.Unlock()
	query = strings.ToLower(query)
	for _, id := range ids {
		if id <= after {
			continue
		}
		u, err := t.LoadUser(ctx, id)
		if errors.Is(err, auth.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, "", err
		}
		if u, ok := u.(*memory.User); !ok || !strings.Contains(strings.ToLower(u.Email+"\n"+u.Name+"\n"+u.ID), query) {
			continue
		}
		if len(list) == limit {
			return list, list[limit-1].AuthID(), nil
		}
		list = append(list, u)
	}
	return list, "", nil
}
