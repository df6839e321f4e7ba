package people_test

import (
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/examples/internal/indexed"
	"github.com/gatehouse-go/gatehouse/examples/internal/people"
)

func TestUsers(t *testing.T) {
	db, err := indexed.Open(filepath.Join(t.TempDir(), "users.db"), &bolt.Options{Timeout: time.Second, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	users := people.Users{DB: db}
	id, err := users.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	authtest.TestUserLoader(t, users, id)
}
