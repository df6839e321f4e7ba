package authtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestAuthorizer tests every rule of [auth.Authorizer]. allowed are questions
// that it answers with yes, at least one; denied are some that it answers with
// no, best of somebody who is known, and about an object. What is in them is asked in
// other ways too: about actions that nobody has heard of, such as
// "posts:authtest-no-such-action" beside "posts:edit", and about objects of other types.
// So allowed has no question that a wildcard of the policy answers, such as "posts:*",
// unless it covers only actions that there are. If the authorizer has the method
// AuthorizeAll of [auth.Manager.AuthorizeAll], that is tested too.
//
// What a policy says is for [Policy] to test.
func TestAuthorizer(t *testing.T, a auth.Authorizer, allowed, denied []auth.Access) {
	if len(allowed) == 0 {
		t.Fatal("authtest: TestAuthorizer needs a question whose answer is yes: one that always says no passes everything else")
	}
	s := authorizerTest{a, allowed, denied, slices.Concat(allowed, denied)}
	t.Run("Allowed", s.allows)
	t.Run("Denied", s.denies)
	t.Run("UnknownAction", s.unknownAction)
	t.Run("UnknownObject", s.unknownObject)
	t.Run("Nobody", s.nobody)
	t.Run("OnlyUserID", s.onlyUserID)
	t.Run("EndedContext", s.endedContext)
	t.Run("ChangesNothing", s.changesNothing)
	t.Run("SaysTheSame", s.saysTheSame)
	t.Run("Concurrent", s.concurrent)
	t.Run("NoGoroutines", s.noGoroutines)
	if all, ok := a.(allAuthorizer); ok {
		t.Run("AuthorizeAll", func(t *testing.T) { s.asksAll(t, all) })
	}
}

// allAuthorizer is the ability of an [auth.Authorizer] to answer several questions.
type allAuthorizer interface {
	AuthorizeAll(ctx context.Context, all []auth.Access) []error
}

type authorizerTest struct {
	a                    auth.Authorizer
	allowed, denied, all []auth.Access
}

// errPanicked: the authorizer, and with it the program.
var errPanicked = errors.New("panic")

// authorize asks.
func (s *authorizerTest) authorize(ctx context.Context, access auth.Access) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanicked, p)
		}
	}()
	return s.a.Authorize(ctx, access)
}

// ask asks, and requires of the answer what holds for all of them.
func (s *authorizerTest) ask(t *testing.T, ctx context.Context, what string, access auth.Access) error {
	t.Helper()
	err := s.authorize(ctx, access)
	if errors.Is(err, errPanicked) {
		t.Errorf("%s, %s: %v\n\trule: an Authorizer does not panic, whatever it is asked", what, describe(access), err)
	}
	checkRefusal(t, what+", "+describe(access), err)
	return err
}

// checkRefusal requires that err is nil, a no or an outage, and tells why.
func checkRefusal(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
		t.Errorf("%s: the error is a nil %T\n\trule: nil is the only yes, and a nil pointer in an error is not nil", what, err)
		return
	}
	if err.Error() == "" {
		t.Errorf("%s: the error %T says nothing\n\trule: an error says why not", what, err)
	}
	if errors.Is(err, auth.ErrForbidden) {
		checkErr(t, what, err, auth.ErrForbidden, "an error that wraps ErrForbidden is a no")
	}
}

func (s *authorizerTest) allows(t *testing.T) {
	for i, access := range s.allowed {
		if err := s.ask(t, t.Context(), fmt.Sprintf("allowed[%d]", i), access); err != nil {
			t.Errorf("allowed[%d], %s: %v\n\trule: nil is the yes", i, describe(access), err)
		}
	}
}

func (s *authorizerTest) denies(t *testing.T) {
	for i, access := range s.denied {
		what := fmt.Sprintf("denied[%d]", i)
		checkErr(t, what+", "+describe(access), s.ask(t, t.Context(), what, access), auth.ErrForbidden, "an error that wraps ErrForbidden is a no")
	}
}

func (s *authorizerTest) unknownAction(t *testing.T) {
	const rule = "nil is the only yes: an action that it does not know is not allowed, and the names of actions are not patterns"
	for i, access := range s.allowed {
		kind, _, _ := strings.Cut(access.Action, ":")
		for _, action := range []string{
			"", "*", kind + ":*", "*:*", ":", access.Action + ":", ":" + access.Action, access.Action + ":*", access.Action + " ", access.Action + "\x00",
			access.Action + ":authtest-no-such-action", "authtest-no-such-action", kind + ":authtest-no-such-action",
			strings.ToUpper(access.Action), "' OR '1'='1", strings.Repeat("authtest:", 1000),
		} {
			other := access
			other.Action = action
			if action == access.Action {
				continue
			}
			if err := s.ask(t, t.Context(), fmt.Sprintf("allowed[%d] with another action", i), other); err == nil {
				t.Errorf("allowed[%d] with the action %.80q: allowed\n\trule: %s", i, action, rule)
			}
		}
	}
}

// A stranger is an object of a type that no policy expects.
type stranger struct{ Owner, ID string }

// unknownObject asks about what nobody has said anything of, where the answer is no
// for what somebody has. What a string says of itself may be enough for a yes.
func (s *authorizerTest) unknownObject(t *testing.T) {
	const rule = "an object of a type that it does not expect is not allowed, and no reason to panic"
	for i, access := range s.all {
		userID := ""
		if access.Identity != nil {
			userID = access.Identity.UserID
		}
		for name, object := range map[string]any{
			"a struct": stranger{Owner: userID}, "a pointer to a struct": &stranger{Owner: userID}, "a nil pointer": (*stranger)(nil), "a nil *auth.Object": (*auth.Object)(nil),
			"a number": 17, "a function": func() {}, "a map": map[string]string{"owner": userID}, "an empty string": "",
		} {
			access.Object = object
			err := s.ask(t, t.Context(), "with "+name+" as object", access)
			if i >= len(s.allowed) && err == nil {
				t.Errorf("denied[%d] with %s as object: allowed\n\trule: %s", i-len(s.allowed), name, rule)
			}
		}
		for _, text := range []string{"authtest-no-such-type", "authtest-no-such-type/1", "/", "/1", "*", "*/*", strings.Repeat("authtest/", 1000)} {
			access.Object = text
			_ = s.ask(t, t.Context(), "with a string as object", access)
		}
	}
}

func (s *authorizerTest) nobody(t *testing.T) {
	for _, action := range []string{"", "*", "authtest-no-such-action"} {
		if err := s.ask(t, t.Context(), "nobody", auth.Access{Action: action}); err == nil {
			t.Errorf("nobody with the action %q: allowed\n\trule: Identity is nil for nobody, who may do nothing unknown", action)
		}
	}
	for i, access := range s.all {
		access.Identity = nil
		may := s.ask(t, t.Context(), "nobody", access) == nil
		if may && i >= len(s.allowed) {
			t.Errorf("denied[%d] for nobody: allowed\n\trule: nobody may do no more than somebody", i-len(s.allowed))
		}
		if o, ok := access.Object.(auth.Object); ok {
			o.Owner = ""
			access.Object = o
			if err := s.ask(t, t.Context(), "nobody", access); err == nil && !may {
				t.Errorf("question %d for nobody, about an object without an owner: allowed\n\trule: nobody owns nothing", i)
			}
		}
	}
}

func (s *authorizerTest) onlyUserID(t *testing.T) {
	for i, access := range s.all {
		if access.Identity == nil {
			continue
		}
		bare := *access.Identity // but who acts as them, and the limits of a key
		bare.User, bare.Proofs = nil, nil
		access.Identity = &bare
		// It may panic: what a Manager gives out has a User.
		if err := s.authorize(t.Context(), access); err == nil && i >= len(s.allowed) {
			t.Errorf("denied[%d] without User and proofs: allowed\n\trule: who is less known may do no more", i-len(s.allowed))
		}
	}
}

func (s *authorizerTest) endedContext(t *testing.T) {
	for name, ctx := range ended(t) {
		for i, access := range s.all {
			what := fmt.Sprintf("question %d with a context that is %s", i, name)
			err := s.ask(t, ctx, what, access)
			switch {
			case err == nil:
				t.Errorf("%s, %s: allowed\n\trule: a context that has ended is never a yes", what, describe(access))
			case i < len(s.allowed):
				checkOutage(t, what+", "+describe(access), err, "a context that has ended is a no only if it is one without looking at anything, and an outage otherwise")
			}
		}
	}
}

func (s *authorizerTest) changesNothing(t *testing.T) {
	for i, access := range s.all {
		before := snapshot(access)
		_ = s.ask(t, t.Context(), fmt.Sprint("question ", i), access)
		if after := snapshot(access); after != before {
			t.Errorf("question %d was\n\t%s\nand is\n\t%s\n\trule: an Authorizer changes nothing of what it is given", i, before, after)
		}
	}
}

func (s *authorizerTest) saysTheSame(t *testing.T) {
	for i, access := range s.all {
		first := decisionOf(s.authorize(t.Context(), access))
		for range 30 { // the order of a map may decide
			if d := decisionOf(s.authorize(t.Context(), access)); d != first {
				t.Errorf("question %d, %s: %v, and then %v\n\trule: to the same question it says the same", i, describe(access), first, d)
				break
			}
		}
	}
}

func (s *authorizerTest) concurrent(t *testing.T) {
	const rule = "an Authorizer is called concurrently"
	errs := atOnce(callers, func(i int) error {
		for range 4 {
			access := s.allowed[i%len(s.allowed)]
			if err := s.authorize(t.Context(), access); err != nil {
				return fmt.Errorf("%s: %w", describe(access), err)
			}
			if len(s.denied) == 0 {
				continue
			}
			access = s.denied[i%len(s.denied)]
			if err := s.authorize(t.Context(), access); !errors.Is(err, auth.ErrForbidden) {
				return fmt.Errorf("%s: error is %v, want %v", describe(access), err, auth.ErrForbidden)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
			return
		}
	}
}

func (s *authorizerTest) noGoroutines(t *testing.T) {
	const decisions, some = 200, 20 // some are of pools, and of connections
	ask := func() {
		for i := range decisions {
			_ = s.authorize(t.Context(), s.all[i%len(s.all)])
		}
	}
	ask()
	before := runtime.NumGoroutine()
	ask()
	if after := goroutines(before + some); after > before+some {
		t.Errorf("%d decisions have left %d goroutines\n\trule: an Authorizer starts no goroutine that outlives the call", decisions, after-before)
	}
}

// goroutines counts those that do not end of themselves in a moment, or are no more than
// enough: on a busy machine the last take their time.
func goroutines(enough int) int {
	n := runtime.NumGoroutine()
	for until := time.Now().Add(100 * time.Millisecond); n > enough && time.Now().Before(until); {
		runtime.Gosched()
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

func (s *authorizerTest) asksAll(t *testing.T, a allAuthorizer) {
	const rule = "AuthorizeAll answers each question, in order, as Authorize does"
	ask := func(ctx context.Context, what string, all []auth.Access) (errs []error) {
		t.Helper()
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("AuthorizeAll %s: panic: %v\n\trule: an Authorizer does not panic, whatever it is asked", what, p)
				errs = make([]error, len(all))
				for i := range errs {
					errs[i] = errPanicked
				}
			}
		}()
		return a.AuthorizeAll(ctx, all)
	}
	reversed := slices.Clone(s.all)
	slices.Reverse(reversed)
	for name, all := range map[string][]auth.Access{
		"of none": nil, "of one": s.all[:1], "of all": s.all, "of all, the other way round": reversed, "of what is unknown": s.unknown(),
	} {
		before := snapshot(all)
		errs := ask(t.Context(), name, all)
		if len(errs) != len(all) {
			t.Errorf("AuthorizeAll %s: %d answers to %d questions\n\trule: %s", name, len(errs), len(all), rule)
			continue
		}
		if after := snapshot(all); after != before {
			t.Errorf("AuthorizeAll %s: what it was given has changed\n\trule: an Authorizer changes nothing of what it is given", name)
		}
		for i, err := range errs {
			checkRefusal(t, "AuthorizeAll, "+describe(all[i]), err)
			one := s.ask(t, t.Context(), "one by one", all[i])
			if decisionOf(err) != decisionOf(one) && !errors.Is(err, errPanicked) {
				t.Errorf("AuthorizeAll %s, %s: %v, and Authorize says %v\n\trule: %s", name, describe(all[i]), err, one, rule)
			}
		}
	}
	for name, ctx := range ended(t) {
		for i, err := range ask(ctx, "with a context that is "+name, s.all) {
			if err == nil {
				t.Errorf("AuthorizeAll with a context that is %s, question %d: allowed\n\trule: a context that has ended is never a yes", name, i)
			}
		}
	}
}

// unknown returns each question about something else that is not known, or of nobody.
func (s *authorizerTest) unknown() (all []auth.Access) {
	for _, access := range s.all {
		action, object, pointer, nobody := access, access, access, access
		action.Action = "authtest-no-such-action"
		object.Object, pointer.Object = stranger{}, (*stranger)(nil)
		nobody.Identity = nil
		all = append(all, action, object, pointer, nobody)
	}
	return all
}

func describe(a auth.Access) string {
	if a.Identity == nil {
		return fmt.Sprintf("nobody, %.80q, %.300s", a.Action, fmt.Sprintf("%+v", a.Object))
	}
	id := *a.Identity
	return fmt.Sprintf("%q as %q with %+v, %+v, %.80q, %.300s", id.Actor, id.UserID, id.User, id.Proofs, a.Action, fmt.Sprintf("%+v", a.Object))
}
