package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A lostCommit is a store whose transactions are committed, without an answer.
type lostCommit struct {
	auth.Store
	lose bool
}

var errLostCommit = errors.New("the connection broke")

func (s *lostCommit) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	tx, _ := auth.As[interface {
		InTx(ctx context.Context, f func(ctx context.Context) error) error
	}](s.Store)
	err := tx.InTx(ctx, f)
	if err == nil && s.lose {
		err = errLostCommit
	}
	return err
}

// That a change may be made by half is told also if what is not known is whether
// rest has committed its part.
func TestHostileByKindCommitLost(t *testing.T) {
	ctx := t.Context()
	rest, keys := &lostCommit{Store: onSQLite(t), lose: true}, memory.New(nil)
	all := auth.ByKind(rest, map[string]auth.CredentialStore{"key": keys})
	err := all.ChangeCredentials(ctx, auth.Change{New: newKey("key", "1")}, auth.Change{New: newKey("email", "ada@example.com")})
	if !errors.Is(err, errLostCommit) {
		t.Errorf("ChangeCredentials: %v", err)
	}
	_, first := all.LoadCredential(ctx, "key", "1")
	_, second := all.LoadCredential(ctx, "email", "ada@example.com")
	if (first == nil) != (second == nil) && !strings.Contains(err.Error(), "by half") {
		t.Errorf("the key is there: %v, the address is there: %v, and nobody is told: %v", first == nil, second == nil, err)
	}
	// What is not in several stores is not by half.
	err = all.ChangeCredentials(ctx, auth.Change{New: newKey("email", "bob@example.com")})
	if err != nil && strings.Contains(err.Error(), "by half") {
		t.Errorf("a change in one store: %v", err)
	}
}
