package main

import (
	"context"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// engines are what -authz takes.
var engines = []string{"rbac", "casbin", "cedar", "opa"}

// plain is for the time being.
func plain(roles assignments) auth.Authorizer {
	may := map[string][]string{
		"posts:read": {"viewer", "editor", "admin"}, "posts:edit": {"editor", "admin"}, "posts:delete": {"admin"},
		"admin:view": {"admin"}, "admin:roles": {"admin"}, "admin:sessions": {"admin"},
	}
	return auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
		no := &auth.Denial{Policy: "plain", Reason: "no role"}
		if a.Identity == nil {
			return no
		}
		if a.Action == "posts:list" || a.Action == "posts:create" {
			return nil
		}
		o, _ := a.Describe()
		switch a.Action {
		case "posts:read", "posts:edit", "posts:delete":
			if o.Owner == a.Identity.UserID {
				return nil
			}
		}
		grants, _, err := roles.Grants(ctx, a.Identity.UserID)
		if err != nil {
			return fmt.Errorf("roles: %w", err)
		}
		for _, g := range grants {
			for _, role := range may[a.Action] {
				if g.Role == role {
					if a.Action == "admin:roles" || a.Action == "admin:sessions" {
						if ok, err := a.Fresh(ctx, fresh); err != nil || !ok {
							return &auth.Denial{Policy: "fresh", MaxAge: fresh}
						}
					}
					return nil
				}
			}
		}
		return no
	})
}
