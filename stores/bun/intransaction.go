package bunstore

import "context"

// InTransaction reports whether the verbs of s called with ctx are a part of a
// transaction, by [Store.InTx] or [Store.WithTx]: what is read may then never be
// committed.
func (s *Store) InTransaction(ctx context.Context) bool {
	_, ok := s.tx(ctx)
	return ok
}
