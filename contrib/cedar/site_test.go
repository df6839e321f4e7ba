package cedarauthz_test

import (
	"context"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/internal/decisiontable"
)

// siteRoles are everywhere, but for tess, who edits in the tenant acme.
func siteRoles(ctx context.Context, a auth.Access) ([]string, error) {
	if a.Identity == nil {
		return nil, nil
	}
	switch a.Identity.UserID {
	case "alma":
		return []string{"admin", "editor", "viewer"}, nil
	case "eddie":
		return []string{"editor", "viewer"}, nil
	case "vera":
		return []string{"viewer"}, nil
	case "tess":
		if tenant, err := policy.TenantOf(ctx, a); err != nil || tenant != "acme" {
			return nil, err
		}
		return []string{"editor", "viewer"}, nil
	}
	return nil, nil
}

func TestSite(t *testing.T) {
	a := openSite(t, siteRoles)
	post := auth.Object{Type: "post", ID: "17", Owner: "owen"}
	theirs := auth.Object{Type: "post", ID: "18", Owner: "owen", Tenant: "acme"}
	everybody := []string{"alma", "eddie", "vera", "tess", "owen", "ulla", ""}
	users := everybody[:6]
	for _, row := range []struct {
		action string
		object any
		who    []string
	}{
		{"posts:list", nil, users},
		{"posts:list", auth.Object{Type: "post"}, users},
		{"posts:create", nil, users},
		{"posts:create", "post", users},
		{"posts:read", post, []string{"alma", "eddie", "vera", "owen"}},
		{"posts:edit", post, []string{"alma", "eddie", "owen"}},
		{"posts:delete", post, []string{"alma", "owen"}},
		{"posts:read", theirs, []string{"alma", "eddie", "vera", "tess", "owen"}},
		{"posts:edit", theirs, []string{"alma", "eddie", "tess", "owen"}},
		{"posts:delete", theirs, []string{"alma", "owen"}},
		{"posts:read", "post/19", []string{"alma", "eddie", "vera"}},
		{"admin:view", nil, []string{"alma"}},
		{"admin:roles", nil, []string{"alma"}},
		{"admin:sessions", nil, []string{"alma"}},
		{"posts", nil, nil},
		{"posts:*", nil, nil},
		{"*", nil, nil},
		{"posts:publish", post, nil},
		{"posts:list:all", nil, nil},
		{"posts:edit:title", post, nil},
		{"admin", nil, nil},
		{"admin:view:all", nil, nil},
		{"Posts:list", nil, nil},
		{"", nil, nil},
	} {
		for _, user := range everybody {
			want := "no"
			if slices.Contains(row.who, user) {
				want = "yes"
			}
			check(t, a, by(user, row.action, row.object), want)
		}
	}
}

func TestAuthorizer(t *testing.T) {
	post := auth.Object{Type: "post", ID: "17", Owner: "owen", Attrs: map[string]any{"status": "draft", "tags": []string{"a"}}}
	authtest.TestAuthorizer(t, openSite(t, siteRoles),
		[]auth.Access{by("ulla", "posts:list", nil), by("owen", "posts:edit", post), by("eddie", "posts:edit", post), by("alma", "admin:view", nil)},
		[]auth.Access{by("ulla", "posts:edit", post), by("vera", "posts:edit", post), by("eddie", "admin:view", nil), by("", "posts:list", nil)})
}

func TestDecisionTable(t *testing.T) {
	decisiontable.Run(t, func(t *testing.T, roles policy.Roles) auth.Authorizer { return openSite(t, roles) })
}
