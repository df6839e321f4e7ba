package memory_test

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestSuite(t *testing.T) {
	authtest.TestStore(t, func(t *testing.T) auth.Store { return memory.New(nil) })
}

func TestSuiteUsers(t *testing.T) {
	users := memory.NewUsers()
	id, err := users.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"})
	must(t, err)
	authtest.TestUserLoader(t, users, id)
}
