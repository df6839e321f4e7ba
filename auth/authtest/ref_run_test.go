package authtest_test

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// A correct store and a correct loader pass.
func TestReference(t *testing.T) {
	t.Run("Store", func(t *testing.T) {
		authtest.TestStore(t, func(*testing.T) auth.Store { return newRef() })
	})
	t.Run("UserLoader", func(t *testing.T) { authtest.TestUserLoader(t, newRefUsers(), "User-1") })
}
