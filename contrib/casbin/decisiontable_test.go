package casbinauthz_test

import (
	"os"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
	"github.com/gatehouse-go/gatehouse/contrib/internal/decisiontable"
)

func TestDecisionTable(t *testing.T) {
	decisiontable.Run(t, func(t *testing.T, roles policy.Roles) auth.Authorizer {
		a, err := casbinauthz.Open(os.DirFS("testdata/policy"), &casbinauthz.Options{Roles: roles, EndMark: true, Logger: discard})
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}
