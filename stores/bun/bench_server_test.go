package bunstore_test

import (
	"context"
	"testing"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// BenchmarkServersLoadSession is BenchmarkLoadSession on servers.
//
//	go test -run '^$' -bench ServersLoadSession ./stores/bun
func BenchmarkServersLoadSession(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, v := range servers {
		b.Run(v.name, func(b *testing.B) {
			s := v.store(b, "", bunstore.Options{})
			const sessions = 5000
			err := s.InTx(ctx, func(ctx context.Context) error {
				for i := range sessions {
					ss := newSession(0, "0190a8f0-0000-7000-8000-000000000000")
					ss.ID = benchID(i)
					if err := s.CreateSession(ctx, ss); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			place := "?"
			if v.name == "PostgreSQL" {
				place = "$1"
			}
			floor, err := s.SQLDB().Prepare(s.Named("SELECT id, user_id, actor, auth_version, proofs, binding, stale, label, addr, version, created_at, seen_at, ends_at, expires_at FROM {p}sessions WHERE id = " + place))
			if err != nil {
				b.Fatal(err)
			}
			defer floor.Close()
			for _, w := range []struct {
				name string
				load func(i int) error
			}{
				{"floor", func(i int) error {
					id := benchID(i % sessions)
					var key, proofs []byte
					var user, actor, version, binding, label, addr string
					var stale, n, created, seen, ends, expires int64
					return floor.QueryRowContext(ctx, id[:]).Scan(&key, &user, &actor, &version, &proofs, &binding, &stale, &label, &addr, &n, &created, &seen, &ends, &expires)
				}},
				{"store", func(i int) error { return second(s.LoadSession(ctx, benchID(i%sessions))) }},
			} {
				b.Run("serial/"+w.name, func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						if err := w.load(i); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run("par16/"+w.name, func(b *testing.B) { sixteen(b, w.load) })
			}
		})
	}
}
