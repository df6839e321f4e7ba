package memory

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Hashes that are equal are too rare to wait for.
func TestTableEqualHashes(t *testing.T) {
	const hash = 42
	id := func(i int) (id auth.SessionID) { id[31] = byte(i + 1); return id }
	for remove := range 4 {
		tab := make(table)
		all := make([]*session, 4)
		for i := range all {
			all[i] = &session{Session: auth.Session{ID: id(i)}}
			tab.add(hash, all[i])
		}
		tab.remove(hash, all[remove])
		for i, s := range all {
			want := s
			if i == remove {
				want = nil
			}
			if got := tab.get(hash, id(i)); got != want {
				t.Errorf("%d removed: get(%d) = %p, want %p", remove, i, got, want)
			}
		}
		if all[remove].twin != nil {
			t.Errorf("%d removed: it still has a twin", remove)
		}
		for i, s := range all {
			if i != remove {
				tab.remove(hash, s)
			}
		}
		if len(tab) != 0 {
			t.Errorf("%d are left in an empty table", len(tab))
		}
	}
}
