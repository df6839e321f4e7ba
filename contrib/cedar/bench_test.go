package cedarauthz_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

// unscoped are the policies of the site with the action in the condition: all of them
// are evaluated for every question, and all look at the object.
const unscoped = `
permit (principal, action, resource) when { action == Action::"posts:list" && principal is User };
permit (principal, action, resource) when { action == Action::"posts:create" && principal is User };
permit (principal, action, resource) when { resource.owner == principal && principal is User && ["posts"].contains("posts") };
permit (principal, action, resource) when { action == Action::"posts:read" && principal in Role::"viewer" };
permit (principal, action, resource) when { action == Action::"posts:edit" && principal in Role::"editor" };
permit (principal, action, resource) when { action == Action::"posts:delete" && principal in Role::"admin" };
permit (principal, action, resource) when { action == Action::"admin:view" && principal in Role::"admin" };
`

type benchmark struct {
	name   string
	policy []byte
	roles  []string
	access auth.Access
	want   cedar.Decision
}

func benchmarks(tb testing.TB) []benchmark {
	site, err := os.ReadFile("testdata/policy/site.cedar")
	if err != nil {
		tb.Fatal(err)
	}
	at := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ask := func(action, owner string) auth.Access {
		return auth.Access{
			Identity: &auth.Identity{UserID: "ada", Proofs: []auth.Proof{{Method: "password", At: at.Add(-time.Minute)}}},
			Action:   action, At: at,
			Object: &auth.Object{Type: "post", ID: "17", Tenant: "acme", Owner: owner, Attrs: map[string]any{"status": "draft"}},
		}
	}
	return []benchmark{
		{"Site/Allow", site, []string{"editor", "viewer"}, ask("posts:edit", "bob"), cedar.Allow},
		{"Site/Own", site, nil, ask("posts:edit", "ada"), cedar.Allow},
		{"Site/Deny", site, []string{"editor", "viewer"}, ask("posts:delete", "bob"), cedar.Deny},
		{"Unscoped/Allow", []byte(unscoped), []string{"editor", "viewer"}, ask("posts:edit", "bob"), cedar.Allow},
		{"Unscoped/Deny", []byte(unscoped), []string{"viewer"}, ask("posts:edit", "bob"), cedar.Deny},
	}
}

// BenchmarkByHand is what Cedar itself takes, with everything it needs built beforehand.
func BenchmarkByHand(b *testing.B) {
	for _, bm := range benchmarks(b) {
		b.Run(bm.name, func(b *testing.B) {
			set, err := cedar.NewPolicySetFromBytes("site.cedar", bm.policy)
			if err != nil {
				b.Fatal(err)
			}
			o := bm.access.Object.(*auth.Object)
			user := cedar.NewEntityUID("User", cedar.String(bm.access.Identity.UserID))
			post := cedar.NewEntityUID("post", cedar.String(o.ID))
			edit := cedar.NewEntityUID("Action", cedar.String(bm.access.Action))
			var roles []cedar.EntityUID
			for _, r := range bm.roles {
				roles = append(roles, cedar.NewEntityUID("Role", cedar.String(r)))
			}
			entities := cedar.EntityMap{
				user: {UID: user, Parents: cedar.NewEntityUIDSet(roles...)},
				edit: {UID: edit, Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Action", "posts:*"))},
				post: {UID: post, Attributes: cedar.NewRecord(cedar.RecordMap{
					"owner":  cedar.NewEntityUID("User", cedar.String(o.Owner)),
					"tenant": cedar.String(o.Tenant),
					"status": cedar.String("draft"),
				})},
			}
			request := cedar.Request{Principal: user, Action: edit, Resource: post, Context: cedar.NewRecord(cedar.RecordMap{"tenant": cedar.String("acme")})}
			b.ReportAllocs()
			for b.Loop() {
				if got, diag := cedar.Authorize(set, entities, request); got != bm.want || len(diag.Errors) > 0 {
					b.Fatal(got, diag)
				}
			}
		})
	}
}

// BenchmarkAdapter is the same question, asked as a Manager asks it.
func BenchmarkAdapter(b *testing.B) {
	for _, bm := range benchmarks(b) {
		b.Run(bm.name, func(b *testing.B) {
			set, err := cedar.NewPolicySetFromBytes("site.cedar", bm.policy)
			if err != nil {
				b.Fatal(err)
			}
			a, err := cedarauthz.New(func() *cedar.PolicySet { return set }, &cedarauthz.Options{
				Roles: func(context.Context, auth.Access) ([]string, error) { return bm.roles, nil },
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Authorize(b.Context(), bm.access); (err == nil) != bool(bm.want) {
					b.Fatal(err)
				}
			}
		})
	}
}
