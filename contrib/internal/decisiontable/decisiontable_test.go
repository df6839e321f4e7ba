package decisiontable

import (
	"context"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// plain is the policy as a function.
func plain(roles policy.Roles) auth.AuthorizerFunc {
	return func(ctx context.Context, a auth.Access) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		in, err := policy.Describe(ctx, a, roles)
		if err != nil {
			return err
		}
		holds := func(role string) bool { return slices.Contains(in.Roles, role) }
		owns := in.UserID != "" && in.Object.Owner == in.UserID
		allowed := false
		switch in.Action {
		case "posts:list", "posts:create":
			allowed = in.UserID != ""
		case "posts:read":
			allowed = owns || holds("viewer")
		case "posts:edit":
			allowed = owns || holds("editor")
		case "posts:delete":
			allowed = owns || holds("admin")
		case "admin:view", "admin:roles", "admin:sessions":
			allowed = holds("admin")
		}
		if !allowed {
			return &auth.Denial{Policy: "plain"}
		}
		return nil
	}
}

func TestRun(t *testing.T) {
	Run(t, func(_ *testing.T, roles policy.Roles) auth.Authorizer { return plain(roles) })
}

func TestRows(t *testing.T) {
	if len(rows) < 60 {
		t.Errorf("%d rows, want 60 at least", len(rows))
	}
	seen := map[row]bool{}
	for i, row := range rows {
		question := row
		question.want = ""
		if seen[question] {
			t.Errorf("rows[%d] asks again: %+v", i, question)
		}
		seen[question] = true
	}
}

// TestBent has authorizers that are wrong in one way each: the table notices.
func TestBent(t *testing.T) {
	bend := func(f func(ctx context.Context, a auth.Access, right error) error) auth.Authorizer {
		right := plain(Roles)
		return auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error { return f(ctx, a, right(ctx, a)) })
	}
	denied := &auth.Denial{Policy: "bent"}
	for name, bent := range map[string]auth.Authorizer{
		"yes to everybody": bend(func(_ context.Context, a auth.Access, right error) error {
			return nil
		}),
		"no to everybody": bend(func(context.Context, auth.Access, error) error { return denied }),
		"nobody owns what is nobody's": bend(func(_ context.Context, a auth.Access, right error) error {
			if o, _ := a.Describe(); a.Identity == nil && o.ID != "" && o.Owner == "" {
				return nil
			}
			return right
		}),
		"a user is a role": bend(func(_ context.Context, a auth.Access, right error) error {
			if a.Identity != nil && a.Identity.UserID == "admin" {
				return nil
			}
			return right
		}),
		"admins may do everything": bend(func(ctx context.Context, a auth.Access, right error) error {
			if roles, _ := Roles(ctx, a); slices.Contains(roles, "admin") {
				return nil
			}
			return right
		}),
		"tenants are not looked at": bend(func(ctx context.Context, a auth.Access, right error) error {
			return plain(Roles)(context.Background(), a)
		}),
		"owners own everything": bend(func(_ context.Context, a auth.Access, right error) error {
			if o, _ := a.Describe(); a.Identity != nil && a.Identity.UserID == "olga" && o.ID != "" {
				return nil
			}
			return right
		}),
	} {
		t.Run(name, func(t *testing.T) {
			s, wrong := newSite(t, Compose(bent)), 0
			for _, row := range rows {
				if s.ask(t, row) != row.want {
					wrong++
				}
			}
			if wrong == 0 {
				t.Error("the table did not notice")
			}
		})
	}
}
