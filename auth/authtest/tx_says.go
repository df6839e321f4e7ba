package authtest

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// knower is the ability of a store with transactions to know its own.
type knower interface {
	InTransaction(ctx context.Context) bool
}

// txSays is about a store that is a knower; others have nothing to say.
func txSays(t *testing.T, s auth.Store, tx transactor) {
	k, ok := auth.As[knower](s)
	if !ok {
		return
	}
	const rule = "InTransaction says whether verbs that are called with ctx are a part of a transaction"
	check := func(where string, ctx context.Context, want bool) {
		t.Helper()
		if got := k.InTransaction(ctx); got != want {
			t.Errorf("InTransaction %s: %v, want %v\n\trule: %s", where, got, want, rule)
		}
	}
	type key struct{}
	check("outside", t.Context(), false)
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		check("inside", ctx, true)
		check("inside, with another context around", context.WithValue(ctx, key{}, 1), true)
		check("inside, with the context outside", t.Context(), false)
		refused := tx.InTx(ctx, func(ctx context.Context) error {
			check("in one that has joined", ctx, true)
			return errRollBack{}
		})
		if !errors.Is(refused, errRollBack{}) {
			t.Errorf("InTx: %v", refused)
		}
		check("after one that had joined", ctx, true)
		return nil
	})
	must(t, "InTx", err)
	check("afterwards", t.Context(), false)
}
