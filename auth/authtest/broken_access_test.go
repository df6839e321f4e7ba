package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

func accessOf(userID, action string) auth.Access {
	return auth.Access{
		Identity: &auth.Identity{UserID: userID, User: user(userID), Proofs: []auth.Proof{{Method: "password"}}, Scopes: []string{"edit", "read"}},
		Action:   action, Object: auth.Object{Type: "post", ID: "1", Owner: "ada", Attrs: map[string]any{"tags": []string{"a", "b"}}},
	}
}

// editors is an authorizer that is correct: whose a post is may edit it, anybody may
// read, and two at once can be asked for.
func editors(ctx context.Context, a auth.Access) error {
	o, _ := a.Describe()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case a.Action == "read" && (o.Type == "post" || a.Object == nil), a.Action == "edit" && a.Identity != nil && a.Identity.UserID == o.Owner:
		return nil
	}
	return fmt.Errorf("editors: %w", auth.ErrForbidden)
}

// editorsAll asks one by one, as f would be.
type editorsAll struct {
	auth.AuthorizerFunc
	all func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error
}

func eachAlone(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
	errs := make([]error, len(all))
	for i, a := range all {
		errs[i] = f(ctx, a)
	}
	return errs
}

func (e editorsAll) AuthorizeAll(ctx context.Context, all []auth.Access) []error {
	return e.all(ctx, e.AuthorizerFunc, all)
}

// silent is an error that says nothing.
type silent struct{}

func (silent) Error() string        { return "" }
func (silent) Is(target error) bool { return target == auth.ErrForbidden }

func authorizerSuite() suite {
	test := func(t *testing.T, a auth.Authorizer) {
		authtest.TestAuthorizer(t, a,
			[]auth.Access{accessOf("ada", "edit"), accessOf("bob", "read"), {Action: "read"}},
			[]auth.Access{accessOf("bob", "edit"), {Action: "edit"}})
	}
	s := suite{name: "Authorizer", correct: func(t *testing.T) { test(t, editorsAll{editors, eachAlone}) }}
	calls := func() func() int { // counts, for all
		var mu sync.Mutex
		n := 0
		return func() int {
			mu.Lock()
			defer mu.Unlock()
			n++
			return n
		}
	}
	flips, forever := calls(), make(chan struct{})
	for _, b := range []struct {
		sentence string
		f        auth.AuthorizerFunc
		want     []string
	}{
		{"nil is the only yes: says no", func(context.Context, auth.Access) error { return auth.ErrForbidden }, []string{"Allowed", "Concurrent"}},
		{"ErrForbidden is a no: another error", func(ctx context.Context, a auth.Access) error {
			if err := editors(ctx, a); err != nil {
				return errDown
			}
			return nil
		}, []string{"Denied", "Concurrent"}},
		{"ErrForbidden is a no: with another outcome", func(ctx context.Context, a auth.Access) error {
			if err := editors(ctx, a); err != nil {
				return errors.Join(err, auth.ErrNotFound)
			}
			return nil
		}, []string{"Denied"}},
		{"ErrForbidden is a no: says yes", func(ctx context.Context, a auth.Access) error { return ctx.Err() }, []string{"Denied", "UnknownAction", "Nobody", "UnknownObject"}},
		{"an error says why not", func(ctx context.Context, a auth.Access) error {
			if err := editors(ctx, a); err != nil {
				return silent{}
			}
			return nil
		}, []string{"Denied"}},
		{"a nil pointer in an error is not nil", func(ctx context.Context, a auth.Access) error {
			var d *auth.Denial
			if err := editors(ctx, a); err != nil {
				d = &auth.Denial{Reason: "no"}
			}
			return d
		}, []string{"Allowed"}},
		{"nil is the only yes: for what is unknown", func(ctx context.Context, a auth.Access) error {
			if a.Action != "read" && a.Action != "edit" && a.Identity != nil {
				return nil
			}
			return editors(ctx, a)
		}, []string{"UnknownAction"}},
		{"nil is the only yes: for actions that begin alike", func(ctx context.Context, a auth.Access) error {
			if len(a.Action) > 4 {
				a.Action = a.Action[:4]
			}
			return editors(ctx, a)
		}, []string{"UnknownAction"}},
		{"nil is the only yes: for actions in another case", func(ctx context.Context, a auth.Access) error {
			a.Action = strings.ToLower(a.Action)
			return editors(ctx, a)
		}, []string{"UnknownAction"}},
		{"nil is the only yes: for a pattern", func(ctx context.Context, a auth.Access) error {
			if a.Action == "edit:*" {
				a.Action = "edit"
			}
			return editors(ctx, a)
		}, []string{"UnknownAction"}},
		{"what it does not know is not allowed: an object", func(ctx context.Context, a auth.Access) error {
			if _, ok := a.Describe(); !ok && a.Object != nil && a.Identity != nil && (a.Action == "read" || a.Action == "edit") {
				return ctx.Err()
			}
			return editors(ctx, a)
		}, []string{"UnknownObject"}},
		{"it does not panic: an object", func(ctx context.Context, a auth.Access) error {
			if a.Object != nil {
				_ = a.Object.(auth.Object)
			}
			return editors(ctx, a)
		}, []string{"UnknownObject"}},
		{"it does not panic: an object that is a strange string", func(ctx context.Context, a auth.Access) error {
			if s, ok := a.Object.(string); ok && s != "" {
				_, id, _ := strings.Cut(s, "/")
				_ = id[0]
			}
			return editors(ctx, a)
		}, []string{"UnknownObject"}},
		{"Identity is nil: nobody", func(ctx context.Context, a auth.Access) error {
			if a.Identity == nil && ctx.Err() == nil {
				return nil
			}
			return editors(ctx, a)
		}, []string{"Nobody"}},
		{"it does not panic: nobody", func(ctx context.Context, a auth.Access) error {
			if a.Action == "edit" && a.Identity.UserID == "" {
				return auth.ErrForbidden
			}
			return editors(ctx, a)
		}, []string{"Nobody", "Denied"}},
		{"nobody may do no more: owns what is nobody's", func(ctx context.Context, a auth.Access) error {
			if o, _ := a.Describe(); a.Identity == nil && a.Action == "edit" && a.Object != nil && o.Owner == "" && o.Type == "post" {
				return nil
			}
			return editors(ctx, a)
		}, []string{"Nobody"}},
		{"what it does not know is not allowed: a user", func(ctx context.Context, a auth.Access) error {
			if a.Identity != nil && a.Identity.User == nil && a.Action == "edit" {
				return nil
			}
			return editors(ctx, a)
		}, []string{"OnlyUserID"}},
		{"a context that has ended is never a yes", func(ctx context.Context, a auth.Access) error {
			return editors(context.WithoutCancel(ctx), a)
		}, []string{"EndedContext"}},
		{"a context that has ended is not a no", func(ctx context.Context, a auth.Access) error {
			if ctx.Err() != nil {
				return fmt.Errorf("%w: %w", auth.ErrForbidden, ctx.Err())
			}
			return editors(ctx, a)
		}, []string{"EndedContext"}},
		{"changes nothing of what it is given: proofs", func(ctx context.Context, a auth.Access) error {
			if a.Identity != nil && len(a.Identity.Proofs) > 0 {
				a.Identity.Proofs[0].Method += "!"
			}
			return editors(ctx, a)
		}, []string{"ChangesNothing"}},
		{"changes nothing of what it is given: scopes", func(ctx context.Context, a auth.Access) error {
			if a.Identity != nil && len(a.Identity.Scopes) == 2 {
				a.Identity.Scopes[0], a.Identity.Scopes[1] = a.Identity.Scopes[1], a.Identity.Scopes[0]
			}
			return editors(ctx, a)
		}, []string{"ChangesNothing"}},
		{"changes nothing of what it is given: the identity", func(ctx context.Context, a auth.Access) error {
			if a.Identity != nil {
				a.Identity.Actor += "!"
			}
			return editors(ctx, a)
		}, []string{"ChangesNothing"}},
		{"changes nothing of what it is given: deep in the object", func() auth.AuthorizerFunc {
			var mu sync.Mutex
			return func(ctx context.Context, a auth.Access) error {
				mu.Lock()
				defer mu.Unlock()
				if o, ok := a.Object.(auth.Object); ok && o.Attrs != nil {
					slices.Reverse(o.Attrs["tags"].([]string))
				}
				return editors(ctx, a)
			}
		}(), []string{"ChangesNothing"}},
		{"to the same question it says the same", func(ctx context.Context, a auth.Access) error {
			if flips()%7 == 0 {
				return fmt.Errorf("now and then: %w", auth.ErrForbidden)
			}
			return editors(ctx, a)
		}, []string{"SaysTheSame"}},
		{"starts no goroutine that outlives the call", func(ctx context.Context, a auth.Access) error {
			go func() { <-forever }()
			return editors(ctx, a)
		}, []string{"NoGoroutines"}},
		{"starts no goroutine that outlives the call: for a second", func(ctx context.Context, a auth.Access) error {
			go time.Sleep(time.Second)
			return editors(ctx, a)
		}, []string{"NoGoroutines"}},
		{"is called concurrently", func() auth.AuthorizerFunc {
			var busy sync.Mutex
			return func(ctx context.Context, a auth.Access) error {
				if !busy.TryLock() {
					return errDown
				}
				defer busy.Unlock()
				pause()
				return editors(ctx, a)
			}
		}(), []string{"Concurrent"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) { test(t, b.f) }, b.want})
	}
	for sentence, all := range map[string]func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error{
		"answers each": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			if len(all) > 1 {
				all = all[1:]
			}
			return eachAlone(ctx, f, all)
		},
		"in order": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			errs := eachAlone(ctx, f, all)
			slices.Reverse(errs)
			return errs
		},
		"as Authorize does: one no is a no for all": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			errs := eachAlone(ctx, f, all)
			if err := errors.Join(errs...); err != nil {
				for i := range errs {
					errs[i] = auth.ErrForbidden
				}
			}
			return errs
		},
		"never a yes": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			return eachAlone(context.WithoutCancel(ctx), f, all)
		},
		"as Authorize does: an object that it does not know": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			errs := eachAlone(ctx, f, all)
			for i, a := range all {
				if _, ok := a.Describe(); !ok && a.Object != nil {
					errs[i] = ctx.Err()
				}
			}
			return errs
		},
		"as Authorize does: an action that it does not know": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			errs := eachAlone(ctx, f, all)
			for i, a := range all {
				if a.Action != "read" && a.Action != "edit" {
					errs[i] = ctx.Err()
				}
			}
			return errs
		},
		"as Authorize does: nobody": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			errs := eachAlone(ctx, f, all)
			for i, a := range all {
				if o, ok := a.Describe(); a.Identity == nil && ok && o.Owner != "" {
					errs[i] = ctx.Err()
				}
			}
			return errs
		},
		"does not panic": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			for _, a := range all {
				if a.Object != nil {
					_ = a.Object.(auth.Object)
				}
			}
			return eachAlone(ctx, f, all)
		},
		"changes nothing of all": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			errs := eachAlone(ctx, f, all)
			for i := range all {
				all[i].Identity = nil
			}
			return errs
		},
		"none": func(ctx context.Context, f auth.AuthorizerFunc, all []auth.Access) []error {
			return append(eachAlone(ctx, f, all), make([]error, 1)[:max(0, 1-len(all))]...)
		},
	} {
		s.broken = append(s.broken, broken{"AuthorizeAll: " + sentence, func(t *testing.T) { test(t, editorsAll{editors, all}) }, []string{"AuthorizeAll"}})
	}
	slices.SortFunc(s.broken, func(a, b broken) int { return strings.Compare(a.sentence, b.sentence) }) // a map has no order
	return s
}

// desk is what the tables ask about: whose a post is may edit it, for an hour after a
// proof; anybody may read.
var desk = auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
	switch o, _ := a.Describe(); {
	case a.Action == "panic":
		panic("secret")
	case a.Action == "down":
		return errDown
	case a.Action == "read" && ctx.Value(deskKey{}) == nil:
		return nil
	case a.Action == "read":
		return &auth.Denial{Policy: "hours", Reason: "the desk is closed"}
	case a.Identity == nil || a.Identity.UserID != o.Owner:
		return &auth.Denial{Policy: "owner", Reason: "it is somebody else's"}
	}
	if fresh, err := a.Fresh(ctx, time.Hour); err != nil || !fresh {
		return &auth.Denial{Policy: "fresh", Reason: "the proof is too old", MaxAge: time.Hour}
	}
	return nil
})

type deskKey struct{}

var deskDay = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// deskRows are rows that are right, by the names of their subtests.
func deskRows(t *testing.T) map[string]authtest.PolicyRow {
	post := auth.Object{Type: "post", ID: "1", Owner: "ada", Tenant: "north"}
	closed := func(ctx context.Context) context.Context { return context.WithValue(ctx, deskKey{}, true) }
	ada := authtest.Identity(t, user("ada"), authtest.Fresh())
	then := authtest.Identity(t, user("ada"), authtest.Proofs(auth.Proof{Method: "password", At: deskDay}))
	return map[string]authtest.PolicyRow{
		"ada_edit_post_1":         {Identity: ada, Action: "edit", Object: post, Want: authtest.Allowed},
		"bob_edit_post_1":         {Identity: authtest.Identity(t, user("bob"), authtest.Fresh()), Action: "edit", Object: post, Want: authtest.Denied, Policy: "owner"},
		"nobody_edit_post_1":      {Action: "edit", Object: post, Want: authtest.NeedsLogin, Policy: "owner"},
		"nobody_read":             {Action: "read", Want: authtest.Allowed},
		"named":                   {Name: "named", Action: "read", Context: closed, Want: authtest.NeedsLogin, Policy: "hours"},
		"long_ago":                {Name: "long ago", Identity: then, Action: "edit", Object: post, Want: authtest.NeedsProof, Policy: "fresh"},
		"then":                    {Name: "then", Identity: then, Action: "edit", Object: post, At: deskDay.Add(time.Hour), Want: authtest.Allowed},
		"never":                   {Name: "never", Identity: authtest.Identity(t, user("ada")), Action: "edit", Object: post, Want: authtest.NeedsProof},
		"a_key":                   {Name: "a key", Identity: authtest.Identity(t, user("ada"), authtest.Fresh(), authtest.Scopes("read")), Action: "edit", Object: post, Want: authtest.Denied, Policy: "auth"},
		"only_a_user":             {Name: "only a user", Identity: &auth.Identity{User: user("ada")}, Action: "read", Want: authtest.Allowed},
		"disabled":                {Name: "disabled", Identity: authtest.Identity(t, authtest.User{ID: "ada", Disabled: true}), Action: "read", Want: authtest.Denied, Policy: "auth"},
		"ada_panic":               {Identity: ada, Action: "panic", Want: authtest.Undecided},
		"ada_down_authtest_test.": {Name: "ada down authtest_test.", Identity: ada, Action: "down", Object: user("x"), Want: authtest.Undecided},
	}
}

func policySuite() suite {
	s := suite{name: "Policy", correct: func(t *testing.T) { authtest.Policy(t, desk, slices.Collect(maps.Values(deskRows(t)))) }}
	change := func(sentence, name string, change func(row *authtest.PolicyRow)) {
		s.broken = append(s.broken, broken{sentence, func(t *testing.T) {
			row := deskRows(t)[name]
			row.Name = name
			change(&row)
			authtest.Policy(t, desk, []authtest.PolicyRow{row})
		}, []string{name}})
	}
	wants := []authtest.Decision{authtest.Allowed, authtest.Denied, authtest.NeedsProof, authtest.NeedsLogin, authtest.Undecided, 0, 99}
	for name, row := range deskRows(&testing.T{}) {
		for _, want := range wants {
			if want != row.Want {
				change(fmt.Sprintf("%s wants %v", name, want), name, func(row *authtest.PolicyRow) { row.Want = want; row.Policy = "" })
			}
		}
		change(name+" by another policy", name, func(row *authtest.PolicyRow) { row.Policy = "another" })
	}
	slices.SortFunc(s.broken, func(a, b broken) int { return strings.Compare(a.sentence, b.sentence) })
	return s
}

// TestPolicyChild is run by TestPolicySays.
func TestPolicyChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("run by TestPolicySays")
	}
	rows := deskRows(t)
	one := func(name string, want authtest.Decision, policy string) authtest.PolicyRow {
		row := rows[name]
		row.Want, row.Policy = want, policy
		return row
	}
	authtest.Policy(t, desk, []authtest.PolicyRow{
		one("ada_edit_post_1", authtest.Denied, "owner"), one("bob_edit_post_1", authtest.Allowed, ""), one("nobody_edit_post_1", authtest.NeedsLogin, "fresh"),
		one("long_ago", authtest.Allowed, ""), one("a_key", authtest.Allowed, ""), one("ada_down_authtest_test.", authtest.Allowed, ""), one("nobody_read", 0, ""),
		{Identity: &auth.Identity{UserID: "ada", Actor: "eve"}, Action: "edit", Object: user("x"), Want: authtest.Allowed},
	})
}

// What a row that fails says: who, what, to what, what was wanted and what was said.
func TestPolicySays(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestPolicyChild$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("it passed")
	}
	for _, want := range []string{
		`rows[0]: ada, who has proved authtest: "edit" on post/1 (tenant "north", owner "ada"): allowed; want denied by owner`,
		`rows[1]: bob, who has proved authtest: "edit" on post/1 (tenant "north", owner "ada"): denied by owner: it is somebody else's; want allowed`,
		`rows[2]: nobody: "edit" on post/1 (tenant "north", owner "ada"): needs a login by owner: it is somebody else's; want needs a login by fresh`,
		`rows[3]: ada, who has proved password `, `ago: "edit" on post/1 (tenant "north", owner "ada"): needs another proof by fresh: the proof is too old; want allowed`,
		`rows[4]: ada, who has proved authtest, limited to ["read"]: "edit" on post/1 (tenant "north", owner "ada"): denied by auth: the credential is not good for "edit"; want allowed`,
		`rows[5]: ada, who has proved authtest: "down" on authtest_test.user: undecided: down; want allowed`,
		`rows[6] wants nothing: set Want`,
		`rows[7]: eve as ada: "edit" on authtest_test.user: denied by owner: it is somebody else's; want allowed`,
		"--- FAIL: TestPolicyChild/ada_edit_authtest_test.user",
		`no row allows anybody "read"`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nothing says\n\t%s\nin\n%s", want, out)
		}
	}
}
