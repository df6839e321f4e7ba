package redisstore

import (
	"context"
	"errors"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ErrCredentials is what every verb of credentials fails with: a server that
// may forget is no place for passwords and linked accounts, without which
// nobody can ever log in again. Put them into an SQL database.
var ErrCredentials = errors.New("redisstore: Redis keeps no credentials; keep them in SQL and put the two together with auth.Combine(sql, auth.Parts{Sessions: redis, Tickets: redis, Limiter: redis})")

// KeepsCredentials returns [ErrCredentials]. auth.New asks it, to refuse a
// composition that would lose credentials before it has any.
func (s *Store) KeepsCredentials() error { return ErrCredentials }

// LoadCredential implements [auth.CredentialStore]. It fails with
// [ErrCredentials].
func (s *Store) LoadCredential(context.Context, string, string) (auth.Credential, error) {
	return auth.Credential{}, ErrCredentials
}

// UserCredentials implements [auth.CredentialStore]. It fails with
// [ErrCredentials].
func (s *Store) UserCredentials(context.Context, string, ...string) ([]auth.Credential, error) {
	return nil, ErrCredentials
}

// ChangeCredentials implements [auth.CredentialStore]. It fails with
// [ErrCredentials].
func (s *Store) ChangeCredentials(context.Context, ...auth.Change) error { return ErrCredentials }
