package perrequest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/perrequest"
)

type rolesOf string // a key of those who keep roles

func Example() {
	ctx := context.WithValue(context.Background(), perrequest.Key{}, new(perrequest.Memo)) // auth does that

	memo := perrequest.From(ctx)
	if _, ok := memo.Load(rolesOf("ada")); !ok {
		memo.Store(rolesOf("ada"), "editor") // after asking a database
	}
	fmt.Println(memo.Load(rolesOf("ada")))
	// Output: editor true
}

// Outside of requests nothing is kept, and nothing panics.
func TestNowhere(t *testing.T) {
	for _, ctx := range []context.Context{t.Context(), context.WithValue(t.Context(), perrequest.Key{}, (*perrequest.Memo)(nil)),
		context.WithValue(t.Context(), perrequest.Key{}, "another's")} {
		m := perrequest.From(ctx)
		m.Store(1, 2)
		if v, ok := m.Load(1); ok || v != nil {
			t.Errorf("kept %v", v)
		}
	}
}

// Keys of different types do not meet, and neither do requests.
func TestApart(t *testing.T) {
	var one, two perrequest.Memo
	one.Store(rolesOf("ada"), 1)
	if _, ok := one.Load("ada"); ok {
		t.Error("found by a key of another type")
	}
	if _, ok := two.Load(rolesOf("ada")); ok {
		t.Error("found in another request")
	}
	one.Store(rolesOf("ada"), nil)
	if v, ok := one.Load(rolesOf("ada")); v != nil || !ok {
		t.Errorf("nil is a value: %v, %v", v, ok)
	}
}

func TestConcurrent(t *testing.T) {
	var m perrequest.Memo
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				m.Store(i%2, i%2)
				if v, ok := m.Load(i % 2); !ok || v != i%2 {
					t.Errorf("%v, %v", v, ok)
				}
			}
		})
	}
	all.Wait()
}
