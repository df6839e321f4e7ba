package main

import (
	"context"
	"fmt"

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

// people finds persons in the users table of a store.
type people struct{ auth.UserLoader }

// Unwrap lets Gatehouse find what else the table can do, such as CreateUser.
func (p people) Unwrap() any { return p.UserLoader }

func (p people) LoadUser(ctx context.Context, id string) (auth.User, error) {
	u, err := p.UserLoader.LoadUser(ctx, id)
	if err != nil {
		return nil, err
	}
	switch u := u.(type) {
	case *bunstore.User:
		return &person{u, u.Email, u.Name}, nil
	case *memory.User:
		return &person{u, u.Email, u.Name}, nil
	}
	return nil, fmt.Errorf("unexpected user %T", u)
}
