package bunstore_test

import (
	"context"
	"fmt"
	"testing"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// preparedStatements counts those of the one connection of s.
func preparedStatements(t *testing.T, s *bunstore.Store) (n int) {
	t.Helper()
	must(t, s.SQLDB().QueryRowContext(t.Context(), "SELECT count(*) FROM pg_prepared_statements").Scan(&n))
	return n
}

// TestNothingIsPrepared has the connection that PgBouncer wants: every
// statement could be on another one of the server.
func TestNothingIsPrepared(t *testing.T) {
	v := servers[0]
	for _, mode := range []string{"exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			// As package open does it, and as a host that uses its DB.
			opened, err := open.Open(v.dsn(t, "pool_max_conns=1&default_query_exec_mode="+mode))
			must(t, err)
			defer opened.Close()
			if !opened.NoPrepare() {
				t.Error("Open keeps prepared statements")
			}
			s := v.store(t, "pool_max_conns=1&default_query_exec_mode="+mode, bunstore.Options{NoPrepare: true})
			everyVerb(t, s)
			whole(t, s)
			must(t, s.InTx(t.Context(), func(ctx context.Context) error { return s.ChangeCredentials(ctx, create("k", "1", "u")) }))
			if n := preparedStatements(t, s); n != 0 {
				t.Errorf("%d statements are prepared", n)
			}
		})
	}
	t.Run("default", func(t *testing.T) {
		opened, err := open.Open(v.dsn(t, ""))
		must(t, err)
		defer opened.Close()
		if opened.NoPrepare() {
			t.Error("Open keeps no prepared statements")
		}
	})
}

// TestPreparedStatementsAreFew asks for many users: the values are not in the
// text, or the driver would prepare a statement for each of them.
func TestPreparedStatementsAreFew(t *testing.T) {
	s := servers[0].store(t, "pool_max_conns=1", bunstore.Options{})
	ctx := t.Context()
	everyVerb(t, s)
	before := preparedStatements(t, s)
	for i := range 50 {
		user := fmt.Sprint("user ", i)
		must(t, second(s.UserSessions(ctx, user)), second(s.UserCredentials(ctx, user)), second(s.UserCredentials(ctx, user, "password", "email")),
			s.DeleteUserSessions(ctx, user, newSession(1, "u").ID), s.DeleteUserTickets(ctx, user, "reset"), s.Forget(ctx, user),
			third(s.Count(ctx, user, 0, day)), s.ChangeCredentials(ctx, create("k", user, user), create("l", user, user)))
	}
	if n := preparedStatements(t, s); n > before+5 {
		t.Errorf("%d statements are prepared, before it were %d", n, before)
	}
}
