package authtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Decision is what somebody is told who wants to do something.
type Decision int

// The decisions. None of them is zero: a row of a table has to say something.
const (
	Allowed    Decision = iota + 1
	Denied              // whatever they prove
	NeedsProof          // not without another proof, which would help
	NeedsLogin          // nobody may; somebody might
	Undecided           // an outage: the authorizer could not tell, panicked or was late
)

func (d Decision) String() string {
	switch d {
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	case NeedsProof:
		return "needs another proof"
	case NeedsLogin:
		return "needs a login"
	case Undecided:
		return "undecided"
	}
	return "nothing"
}

// decisionOf says what the error of a Manager or an authorizer means.
func decisionOf(err error) Decision {
	var d *auth.Denial
	switch {
	case err == nil:
		return Allowed
	case errors.Is(err, auth.ErrNoCredentials):
		return NeedsLogin
	case errors.Is(err, auth.ErrNotFresh), errors.As(err, &d) && d.StepUp():
		return NeedsProof
	case errors.Is(err, auth.ErrForbidden):
		return Denied
	}
	return Undecided
}

// A PolicyRow is a question and its answer, for [Policy].
type PolicyRow struct {
	Name     string         // of the subtest; default: who, what, and which object
	Identity *auth.Identity // see [Identity]; nil: nobody
	Action   string
	Object   any       // or nil
	At       time.Time // when; default: now
	// Context makes the context of the question, such as that of a tenant. Default:
	// the test's.
	Context func(ctx context.Context) context.Context
	Want    Decision
	Policy  string // what says no, as in [auth.Denial]; default: whatever does
}

// Policy tests what a says to a table of questions, each in a subtest. It asks by a
// Manager of its own, as a site does: who is not active may do nothing, a credential
// that is limited no more than its scopes say, and whatever panics or is late lets
// nothing through. A row that wants nothing fails.
//
// [TestAuthorizer] is for what holds for every authorizer, whatever its policy.
func Policy(t *testing.T, a auth.Authorizer, rows []PolicyRow) {
	t.Helper()
	if a == nil || len(rows) == 0 {
		t.Fatal("authtest: Policy: there is no authorizer, or no row")
	}
	var told auth.Event
	m, err := auth.New(
		auth.UserFunc(func(context.Context, string) (User, error) { return User{}, auth.ErrNotFound }), noStore{},
		&auth.Options{
			Authorizer: a, AuditDecisions: true, Logger: slog.New(slog.DiscardHandler),
			Events: []func(context.Context, auth.Event){func(_ context.Context, e auth.Event) { told = e }},
		})
	if err != nil {
		t.Fatalf("authtest: Policy: %v", err)
	}
	var actions, allowed []string
	for i, row := range rows {
		actions = append(actions, row.Action)
		if row.Want == Allowed {
			allowed = append(allowed, row.Action)
		}
		t.Run(row.name(), func(t *testing.T) {
			if row.Want < Allowed || row.Want > Undecided {
				t.Fatalf("rows[%d] wants nothing: set Want, such as to authtest.Denied", i)
			}
			ctx := t.Context()
			if row.Context != nil {
				ctx = row.Context(ctx)
			}
			told = auth.Event{}
			err := m.Decide(ctx, auth.Access{Identity: row.Identity, Action: row.Action, Object: row.Object, At: row.At})
			got := decisionOf(err)
			if got == row.Want && (row.Policy == "" || row.Policy == told.Policy) {
				return
			}
			want := row.Want.String()
			if row.Policy != "" {
				want += " by " + row.Policy
			}
			t.Errorf("rows[%d]: %s: %s; want %s", i, row.question(), said(got, err, told), want)
		})
	}
	slices.Sort(actions)
	for _, action := range slices.Compact(actions) {
		if !slices.Contains(allowed, action) {
			t.Logf("no row allows anybody %q: a policy that has never heard of it would pass", action)
		}
	}
}

// said is a decision with who made it, and why.
func said(got Decision, err error, told auth.Event) string {
	s := got.String()
	if got == Undecided {
		return fmt.Sprintf("%s: %v", s, err)
	}
	if told.Policy != "" {
		s += " by " + told.Policy
	}
	if told.Reason != "" {
		s += ": " + told.Reason
	}
	return s
}

// noStore is a store for a Manager that needs none.
type noStore struct{ auth.Store }

// name names the row's subtest.
func (row PolicyRow) name() string {
	if row.Name != "" {
		return row.Name
	}
	who := "nobody"
	if id := row.Identity; id != nil {
		who = idOf(id)
	}
	words := []string{who, row.Action}
	if row.Object != nil {
		words = append(words, objectOf(row.Object))
	}
	return strings.ReplaceAll(strings.Join(words, " "), "/", " ") // a slash is for subtests of subtests
}

// question says what the row asks.
func (row PolicyRow) question() string {
	who := "nobody"
	if id := row.Identity; id != nil {
		who = idOf(id)
		if id.Actor != "" {
			who = id.Actor + " as " + who
		}
		for i, p := range id.Proofs {
			who += []string{", who has proved ", " and "}[min(i, 1)] + p.Method
			if age := (auth.Access{At: row.At}).Now().Sub(p.At).Round(time.Second); age > 0 {
				who += " " + age.String() + " ago"
			}
		}
		if id.Scopes != nil {
			who += fmt.Sprintf(", limited to %q", id.Scopes)
		}
	}
	s := fmt.Sprintf("%s: %q", who, row.Action)
	if row.Object != nil {
		s += " on " + objectOf(row.Object)
		if o, _ := (auth.Access{Object: row.Object}).Describe(); o.Tenant != "" || o.Owner != "" {
			s += fmt.Sprintf(" (tenant %q, owner %q)", o.Tenant, o.Owner)
		}
	}
	return s
}

func idOf(id *auth.Identity) string {
	if id.UserID == "" && id.User != nil {
		return id.User.AuthID()
	}
	return id.UserID
}

func objectOf(object any) string {
	if o, ok := (auth.Access{Object: object}).Describe(); ok {
		return o.String()
	}
	return fmt.Sprintf("%T", object)
}

// Identity returns who a user is as a [PolicyRow] has it, or an [auth.Access]. Nothing
// counts as fresh, unless [Fresh] or [Proofs] say otherwise; [Remember], [Restored] and
// [Scopes] say more, and no other option has a meaning here.
func Identity(t testing.TB, user auth.User, opts ...Option) *auth.Identity {
	t.Helper()
	o := collect(t, opts)
	if o.header != nil || o.addr != "" {
		t.Fatalf("authtest: Header and From are for requests, and Identity makes none")
	}
	id := o.identity(user)
	id.UserID = user.AuthID()
	return id
}
