package policy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A whole policy in parts: roles may do what they may, owners may do more to what is
// theirs, and the administration wants a proof of the last ten minutes. The client is
// told what to do, and only the log why it was a no.
func Example() {
	may := map[string][]string{"ada": {"admin:roles", "posts:delete"}, "bob": {"posts:read"}}
	roles := auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
		if a.Identity != nil {
			for _, action := range may[a.Identity.UserID] {
				if action == a.Action {
					return ctx.Err()
				}
			}
		}
		return &auth.Denial{Policy: "roles", Reason: "no role has the permission " + a.Action}
	})
	authorizer := policy.AllOf(
		policy.AnyOf(roles, policy.For(policy.Owner(nil), "posts:*")),
		policy.ByPrefix(map[string]auth.Authorizer{
			"admin": policy.Fresh(10 * time.Minute),
			"":      policy.Everybody(),
		}),
	)

	var log bytes.Buffer
	users := auth.UserFunc(func(_ context.Context, id string) (user, error) { return user(id), nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Authorizer: authorizer,
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(userID string, ago time.Duration, action string, object any) {
		id := &auth.Identity{UserID: userID, Proofs: []auth.Proof{{Method: "password", At: time.Now().Add(-ago)}}}
		err := m.Decide(context.Background(), auth.Access{Identity: id, Action: action, Object: object})
		w := httptest.NewRecorder()
		if err != nil {
			m.Refuse(w, httptest.NewRequest("GET", "/api", nil), err)
		}
		fmt.Println(strings.TrimSpace(fmt.Sprint(userID, " ", action, " ", w.Code, " ", w.Header().Get("WWW-Authenticate"))))
		if d, ok := errors.AsType[*auth.Denial](err); ok {
			fmt.Fprintf(&log, "%s: %s\n", d.Policy, d.Reason)
		}
	}
	post := auth.Object{Type: "post", ID: "17", Owner: "bob"}
	ask("bob", time.Hour, "posts:delete", post)
	ask("bob", time.Hour, "posts:delete", auth.Object{Type: "post", ID: "18", Owner: "eve"})
	ask("ada", time.Minute, "admin:roles", nil)
	ask("ada", time.Hour, "admin:roles", nil)
	fmt.Print(&log) // events say so by themselves
	// Output:
	// bob posts:delete 200
	// bob posts:delete 403
	// ada admin:roles 200
	// ada admin:roles 401 Cookie realm="gatehouse", error="insufficient_user_authentication", max_age=600
	// roles: no role has the permission posts:delete
	// fresh: no proof within 10m0s
}

// Who may read a document is a question of relations: documents are in projects,
// projects belong to teams, and teams are made of users and of other teams. A function
// follows them. It goes no way twice and not too far, whatever somebody has entered.
func Example_relations() {
	type relation struct{ object, name string }
	relations := map[relation][]string{ // a host asks its database
		{"document/9", "parent"}: {"project/3"},
		{"project/3", "reader"}:  {"team/core", "user/eve"},
		{"team/core", "member"}:  {"user/ada", "team/ops"},
		{"team/ops", "member"}:   {"user/bob", "team/core"}, // in a circle
	}
	const furthest = 8
	var related func(ctx context.Context, object, name, user string, seen map[relation]bool) (bool, error)
	related = func(ctx context.Context, object, name, user string, seen map[relation]bool) (bool, error) {
		at := relation{object, name}
		if seen[at] {
			return false, nil
		}
		if len(seen) >= furthest {
			return false, fmt.Errorf("relations: %s is too far away", object) // could not tell: an outage
		}
		seen[at] = true
		for _, subject := range relations[at] {
			if subject == user {
				return true, ctx.Err()
			}
			if found, err := related(ctx, subject, "member", user, seen); found || err != nil {
				return found, err
			}
		}
		for _, parent := range relations[relation{object, "parent"}] {
			if found, err := related(ctx, parent, name, user, seen); found || err != nil {
				return found, err
			}
		}
		return false, nil
	}
	readers := auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
		o, ok := a.Describe()
		if !ok || a.Identity == nil {
			return &auth.Denial{Policy: "relations", Reason: "there is no object, or nobody"}
		}
		switch found, err := related(ctx, o.String(), "reader", "user/"+a.Identity.UserID, map[relation]bool{}); {
		case err != nil:
			return err
		case !found:
			return &auth.Denial{Policy: "relations", Reason: "no way leads from " + o.String() + " to the user"}
		}
		return nil
	})

	authorizer := policy.AnyOf(
		policy.For(readers, "documents:read"),
		policy.For(policy.Owner(nil), "documents:*"),
	)
	for _, id := range []string{"ada", "bob", "eve", "mallory"} {
		access := auth.Access{Identity: &auth.Identity{UserID: id}, Action: "documents:read", Object: "document/9"}
		fmt.Println(id, authorizer.Authorize(context.Background(), access))
	}
	// Output:
	// ada <nil>
	// bob <nil>
	// eve <nil>
	// mallory auth: forbidden: relations: no way leads from document/9 to the user
}

// A list shows what whoever asks may read, by one query.
func ExampleFilter() {
	public := func(ctx context.Context, a auth.Access) (policy.Condition, error) {
		return policy.Equal("public", true), ctx.Err()
	}
	users := auth.UserFunc(func(_ context.Context, id string) (user, error) { return user(id), nil })
	m, err := auth.New(users, memory.New(nil), &auth.Options{
		Authorizer: policy.ByPrefix(map[string]auth.Authorizer{"posts:read": policy.AnyOf(policy.Owner(nil), filterFunc(public))}),
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	list := func(w http.ResponseWriter, r *http.Request) {
		condition, err := policy.Filter(r.Context(), m, "posts:read", "post")
		if err != nil {
			m.Refuse(w, r, err)
			return
		}
		for _, p := range []auth.Object{
			{Type: "post", ID: "1", Owner: "ada"},
			{Type: "post", ID: "2", Owner: "bob", Attrs: map[string]any{"public": true}},
			{Type: "post", ID: "3", Owner: "bob"},
		} { // with SQL: bunstore.Where
			if condition.Matches(p) {
				fmt.Println(p)
			}
		}
	}
	r := httptest.NewRequest("GET", "/posts", nil)
	list(httptest.NewRecorder(), r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{UserID: "ada", User: user("ada")})))
	// Output:
	// post/1
	// post/2
}

// filterFunc allows what meets the condition that it returns.
type filterFunc func(ctx context.Context, a auth.Access) (policy.Condition, error)

func (f filterFunc) Filter(ctx context.Context, a auth.Access) (policy.Condition, error) {
	return f(ctx, a)
}

func (f filterFunc) Authorize(ctx context.Context, a auth.Access) error {
	c, err := f(ctx, a)
	if err != nil {
		return err
	}
	if o, ok := a.Describe(); !ok || !c.Matches(o) {
		return &auth.Denial{Policy: "filter", Reason: "the object is not one of those"}
	}
	return nil
}
