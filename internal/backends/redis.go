package backends

import "testing"

func redisBackend(_ testing.TB, name, dsn, prefix string) *Backend {
	return &Backend{
		Name: name,
		open: func(t testing.TB) Instance {
			t.Helper()
			t.Skip("not there yet")
			return Instance{}
		},
	}
}

// remove removes what has the prefix.
func remove(t testing.TB, dsn, prefix string) {
	if len(dsn) > 0 && dsn[0] == 'p' {
		clearSQL(t, dsn, prefix)
	}
}
