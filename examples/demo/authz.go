package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
	opaauthz "github.com/gatehouse-go/gatehouse/contrib/opa"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// engines are what -authz takes.
var engines = []string{"rbac", "casbin", "cedar", "opa"}

// openEngine opens the engine that decides. They take the roles of whoever asks from
// the same place, and policies that say the same from the same folder: one line is
// another.
func openEngine(name string, files fs.FS, roles *rbac.Authorizer, logger *slog.Logger) (auth.Authorizer, error) {
	switch name {
	case "rbac":
		own := policy.For(policy.Owner(nil), "posts:read", "posts:edit", "posts:delete")
		return policy.AnyOf(own, roles), nil
	case "casbin":
		return casbinauthz.Open(files, &casbinauthz.Options{Roles: roles.RolesOf, Logger: logger})
	case "cedar":
		return cedarauthz.Open(files, &cedarauthz.Options{Roles: roles.RolesOf, Logger: logger})
	case "opa":
		return opaauthz.Open(files, &opaauthz.Options{Roles: roles.RolesOf, Logger: logger})
	}
	return nil, fmt.Errorf("-authz %q: there is no such engine", name)
}

//go:embed policy
var policies embed.FS

// newAuthorizer returns what decides who may do what, and what is to run beside the
// site for as long as that is served: it takes new versions of the policy.
func newAuthorizer(c config, grants rbac.GrantSource, logger *slog.Logger) (auth.Authorizer, []func(context.Context) error, error) {
	files, err := fs.Sub(policies, "policy")
	if c.policy != "" {
		files = os.DirFS(c.policy)
	}
	if err != nil {
		return nil, nil, err
	}
	roles, err := rbac.Open(files, &rbac.Options{Files: []string{"roles.yaml"}, User: "user", Grants: grants, Logger: logger})
	if err != nil {
		return nil, nil, fmt.Errorf("-policy: %w", err)
	}
	engine, err := openEngine(c.authz, files, roles, logger)
	if err != nil {
		return nil, nil, fmt.Errorf("-policy: %w", err)
	}
	var run []func(context.Context) error
	if c.policy != "" {
		run = append(run, roles.Run)
		if r, ok := engine.(interface{ Run(context.Context) error }); ok {
			run = append(run, r.Run)
		}
	}
	// Whoever may change what others may do proves once more who they are, whatever
	// the engine says.
	all := policy.AllOf(engine, policy.ByPrefix(map[string]auth.Authorizer{
		"admin:roles":    policy.Fresh(fresh),
		"admin:sessions": policy.Fresh(fresh),
		"":               policy.Everybody(),
	}))
	return policy.PerRequest(all), run, nil
}
