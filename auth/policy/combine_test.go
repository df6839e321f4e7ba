package policy_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// first returns the first error of one of the classes.
func first(errs []error, classes ...string) (error, bool) {
	for _, err := range errs {
		if slices.Contains(classes, class(err)) {
			return err, true
		}
	}
	return nil, false
}

func count(errs []error, c string) (n int) {
	for _, err := range errs {
		if class(err) == c {
			n++
		}
	}
	return n
}

// Each combinator is asked with everything that up to four authorizers may say, in
// every order, and compared with what its comment says.
func TestCombinators(t *testing.T) {
	answers := []error{nil, noOne, noTwo, noPlain, soon, totp, silence(t), errDown, errSlow}
	for _, errs := range sequences(answers, 4) {
		check := func(name string, a auth.Authorizer, wantClass string, want error) {
			err := a.Authorize(t.Context(), ada("x"))
			if class(err) != wantClass || want != nil && !same(err, want) {
				t.Fatalf("%s of %v: %v (%s), want %v (%s)", name, errs, err, class(err), want, wantClass)
			}
			if d, _ := errors.AsType[*auth.Denial](err); errors.Is(err, auth.ErrForbidden) && want == nil && (d == nil || d.Policy == "" || d.Reason == "") {
				t.Fatalf("%s of %v: %v does not explain itself", name, errs, err)
			}
		}
		outage, broken := first(errs, "outage")
		no, denied := first(errs, "no", "silent")
		later, proof := first(errs, "later")
		several := count(errs, "later") > 1

		of := policy.AllOf(all(errs)...)
		switch {
		case len(errs) == 0:
			check("AllOf", of, "no", nil)
		case broken:
			check("AllOf", of, "outage", outage)
		case class(no) == "silent":
			check("AllOf", of, "no", nil)
		case denied:
			check("AllOf", of, "no", no)
		case several:
			check("AllOf", of, "later", nil)
		case proof:
			check("AllOf", of, "later", later)
		default:
			check("AllOf", of, "yes", nil)
		}

		of = policy.AnyOf(all(errs)...)
		switch no, denied := first(errs, "no"); {
		case len(errs) == 0:
			check("AnyOf", of, "no", nil)
		case count(errs, "yes") > 0:
			check("AnyOf", of, "yes", nil)
		case broken:
			check("AnyOf", of, "outage", outage)
		case several:
			check("AnyOf", of, "later", nil)
		case proof:
			check("AnyOf", of, "later", later)
		case denied:
			check("AnyOf", of, "no", no)
		default:
			check("AnyOf", of, "silent", nil)
		}

		of = policy.FirstOf(all(errs)...)
		i := slices.IndexFunc(errs, func(err error) bool { return class(err) != "silent" })
		switch {
		case i < 0:
			check("FirstOf", of, "silent", nil)
		default:
			check("FirstOf", of, class(errs[i]), errs[i])
		}
	}
}

// same reports whether an answer was passed on unchanged.
func same(got, want error) bool { return reflect.DeepEqual(got, want) }

// An outage that says ErrForbidden in its text only is one, and a no that is wrapped is
// a no.
func TestWrapped(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"looks like a no":     {errors.New(auth.ErrForbidden.Error()), "outage"},
		"joined":              {errors.Join(errors.New("row 7"), noOne), "no"},
		"joined later":        {errors.Join(errors.New("row 7"), totp), "later"},
		"ended":               {context.Canceled, "outage"},
		"no denial":           {(*auth.Denial)(nil), "no"},
		"no session":          {auth.ErrNoCredentials, "outage"},
		"session has ended":   {fmt.Errorf("the session: %w", auth.ErrBadCredentials), "outage"},
		"not fresh elsewhere": {auth.ErrNotFresh, "outage"},
	} {
		for what, a := range map[string]auth.Authorizer{
			"AllOf":      policy.AllOf(says(nil), says(tt.err), says(nil)),
			"AnyOf":      policy.AnyOf(silent, says(tt.err)),
			"FirstOf":    policy.FirstOf(silent, says(tt.err), says(nil)),
			"For":        policy.For(says(tt.err), "x"),
			"ByPrefix":   policy.ByPrefix(map[string]auth.Authorizer{"": says(tt.err)}),
			"PerRequest": policy.PerRequest(says(tt.err)),
		} {
			if err := a.Authorize(t.Context(), ada("x")); class(err) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s: %s: %v (%s), want %s", name, what, err, class(err), tt.want)
			}
		}
	}
}

// Others than For may have no opinion, and say so in their own words.
func TestForeignSilence(t *testing.T) {
	foreign := says(fmt.Errorf("billing: not mine: %w", policy.ErrNoOpinion))
	for name, tt := range map[string]struct {
		a    auth.Authorizer
		want string
	}{
		"FirstOf":  {policy.FirstOf(foreign, says(nil)), "yes"},
		"AnyOf":    {policy.AnyOf(foreign, foreign), "silent"},
		"AllOf":    {policy.AllOf(says(nil), foreign), "no"},
		"AllOf, 2": {policy.AllOf(foreign, says(totp)), "no"},
		"Not":      {policy.Not(foreign), "silent"},
	} {
		if err := tt.a.Authorize(t.Context(), ada("x")); class(err) != tt.want {
			t.Errorf("%s: %v (%s), want %s", name, err, class(err), tt.want)
		}
	}
}

// Everybody is asked whose outage would be hidden, and nobody else.
func TestWhoIsAsked(t *testing.T) {
	var asked string
	a := func(name string, err error) auth.Authorizer {
		return auth.AuthorizerFunc(func(context.Context, auth.Access) error {
			asked += name
			return err
		})
	}
	for name, tt := range map[string]struct {
		a    auth.Authorizer
		want string
	}{
		"all of, behind a no":       {policy.AllOf(a("1", noOne), a("2", soon), a("3", nil)), "123"},
		"all of, behind an outage":  {policy.AllOf(a("1", nil), a("2", errDown), a("3", nil)), "12"},
		"any of, behind a yes":      {policy.AnyOf(a("1", noOne), a("2", nil), a("3", nil)), "12"},
		"any of, behind an outage":  {policy.AnyOf(a("1", errDown), a("2", noOne), a("3", nil)), "123"},
		"first of, behind a no":     {policy.FirstOf(silent, a("2", noOne), a("3", nil)), "2"},
		"for another":               {policy.For(a("1", nil), "y"), ""},
		"by prefix":                 {policy.ByPrefix(map[string]auth.Authorizer{"": a("1", nil), "x": a("2", nil), "x:y": a("3", nil)}), "2"},
		"not, who is nobody's":      {policy.Not(a("1", noOne)), "1"},
		"the same one, twice":       {policy.AllOf(a("1", nil), a("1", nil)), "11"},
		"per request, without such": {policy.PerRequest(a("1", nil)), "1"},
	} {
		asked = ""
		_ = tt.a.Authorize(t.Context(), ada("x"))
		if asked != tt.want {
			t.Errorf("%s: asked %q, want %q", name, asked, tt.want)
		}
	}
}

// What the client is told is good for everybody who has to say yes.
func TestStricter(t *testing.T) {
	methods := func(ms ...string) error {
		return &auth.Denial{Policy: "m", Reason: strings.Join(ms, "+"), Methods: ms}
	}
	for name, tt := range map[string]struct {
		errs []error
		want auth.Denial
	}{
		"the newer":          {[]error{soon, older}, auth.Denial{Policy: "soon; older", Reason: "too old; too old by far", MaxAge: time.Minute}},
		"either way":         {[]error{older, soon}, auth.Denial{Policy: "older; soon", Reason: "too old by far; too old", MaxAge: time.Minute}},
		"age and methods":    {[]error{older, totp}, auth.Denial{Policy: "older; totp", Reason: "too old by far; one factor", MaxAge: time.Hour, Methods: []string{"passkey", "totp"}}},
		"methods and age":    {[]error{totp, older}, auth.Denial{Policy: "totp; older", Reason: "one factor; too old by far", MaxAge: time.Hour, Methods: []string{"passkey", "totp"}}},
		"good for both":      {[]error{totp, key}, auth.Denial{Policy: "totp; key", Reason: "one factor; no key", MaxAge: time.Second, Methods: []string{"passkey"}}},
		"nothing for both":   {[]error{methods("a"), methods("b")}, auth.Denial{Policy: "m", Reason: "a; b", Methods: []string{"a"}}},
		"for two of three":   {[]error{methods("a", "b"), methods("b"), methods("a")}, auth.Denial{Policy: "m", Reason: "a+b; b; a", Methods: []string{"b"}}},
		"twice the same":     {[]error{soon, soon}, auth.Denial{Policy: "soon", Reason: "too old", MaxAge: time.Minute}},
		"one with no reason": {[]error{&auth.Denial{MaxAge: time.Hour}, soon}, auth.Denial{Policy: "soon", Reason: "too old", MaxAge: time.Minute}},
	} {
		before := *tt.errs[0].(*auth.Denial)
		err := policy.AllOf(all(tt.errs)...).Authorize(t.Context(), ada("x"))
		if d, _ := errors.AsType[*auth.Denial](err); d == nil || !reflect.DeepEqual(*d, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, d, tt.want)
		}
		if !reflect.DeepEqual(before, *tt.errs[0].(*auth.Denial)) {
			t.Errorf("%s: changed %+v to %+v", name, before, tt.errs[0])
		}
	}
}

// What the client is told of AnyOf turns one of them into a yes.
func TestEasier(t *testing.T) {
	for name, tt := range map[string]struct {
		errs []error
		want auth.Denial
	}{
		"all methods":     {[]error{totp, key}, auth.Denial{Policy: "totp; key", Reason: "one factor; no key", MaxAge: time.Second, Methods: []string{"passkey", "totp", "key"}}},
		"whatever method": {[]error{totp, older}, auth.Denial{Policy: "totp; older", Reason: "one factor; too old by far", MaxAge: time.Hour}},
		"beside a no":     {[]error{noOne, totp}, *totp},
	} {
		err := policy.AnyOf(all(tt.errs)...).Authorize(t.Context(), ada("x"))
		if d, _ := errors.AsType[*auth.Denial](err); d == nil || !reflect.DeepEqual(*d, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, d, tt.want)
		}
	}
}

func TestNot(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	ending, cancel := context.WithCancel(t.Context())
	nobody := ada("x")
	nobody.Identity = nil
	namelessIdentity := ada("x")
	namelessIdentity.Identity = &auth.Identity{}
	for name, tt := range map[string]struct {
		ctx  context.Context
		a    auth.Authorizer
		q    auth.Access
		want string
	}{
		"yes":               {t.Context(), says(nil), ada("x"), "no"},
		"no":                {t.Context(), says(noOne), ada("x"), "yes"},
		"plain no":          {t.Context(), says(auth.ErrForbidden), ada("x"), "yes"},
		"later":             {t.Context(), says(totp), ada("x"), "later"},
		"silent":            {t.Context(), silent, ada("x"), "silent"},
		"outage":            {t.Context(), says(errDown), ada("x"), "outage"},
		"nobody":            {t.Context(), says(noOne), nobody, "no"},
		"nobody with an ID": {t.Context(), says(noOne), namelessIdentity, "no"},
		"nil":               {t.Context(), nil, ada("x"), "outage"},
		"ended":             {ended, says(noOne), ada("x"), "outage"},
		"ends meanwhile": {ending, auth.AuthorizerFunc(func(context.Context, auth.Access) error {
			cancel()
			return noOne
		}), ada("x"), "outage"},
		"twice, yes":     {t.Context(), policy.Not(policy.Not(says(nil))), ada("x"), "no"},
		"another tenant": {policy.WithTenant(t.Context(), "a"), policy.Users(), about(ada("x"), auth.Object{Type: "post", ID: "1", Tenant: "b"}), "no"},
		"my tenant": {policy.WithTenant(t.Context(), "a"), says(noOne),
			about(ada("x"), auth.Object{Type: "post", ID: "1", Tenant: "a"}), "yes"},
	} {
		if err := policy.Not(tt.a).Authorize(tt.ctx, tt.q); class(err) != tt.want {
			t.Errorf("%s: %v (%s), want %s", name, err, class(err), tt.want)
		}
	}
}

func TestByPrefix(t *testing.T) {
	of := func(keys ...string) map[string]auth.Authorizer {
		m := map[string]auth.Authorizer{}
		for _, k := range keys {
			m[k] = says(&auth.Denial{Policy: "key " + k, Reason: "-"})
		}
		return m
	}
	for _, tt := range []struct {
		keys         []string
		action, want string // want: the policy that answers
	}{
		{[]string{"posts", "posts:comments", ""}, "posts", "key posts"},
		{[]string{"posts", "posts:comments", ""}, "posts:edit", "key posts"},
		{[]string{"posts", "posts:comments", ""}, "posts:comments", "key posts:comments"},
		{[]string{"posts", "posts:comments", ""}, "posts:comments:edit", "key posts:comments"},
		{[]string{"posts", "posts:comments", ""}, "posts:commentsedit", "key posts"},
		{[]string{"posts", "posts:comments", ""}, "postscript", "key "},
		{[]string{"posts", "posts:comments", ""}, "Posts:edit", "key "},
		{[]string{"posts:edit"}, "posts", "by prefix"},
		{[]string{"posts"}, "postscript:edit", "by prefix"},
		{[]string{""}, "anything", "key "},
		{[]string{""}, "", "by prefix"},
		{[]string{""}, "posts:", "by prefix"},
		{[]string{""}, "posts::edit", "by prefix"},
		{[]string{""}, ":posts", "by prefix"},
		{[]string{""}, "posts:*", "by prefix"},
		{[]string{"posts", ""}, "*", "by prefix"},
		{nil, "posts", "by prefix"},
	} {
		m := of(tt.keys...)
		a := policy.ByPrefix(m)
		clear(m) // is not the combinator's any more
		err := a.Authorize(t.Context(), ada(tt.action))
		if d, _ := errors.AsType[*auth.Denial](err); d == nil || d.Policy != tt.want {
			t.Errorf("%q with %q: %v, want %q", tt.action, tt.keys, err, tt.want)
		}
	}
	for _, key := range []string{"posts:", ":posts", "posts:*", "*", ":", "a::b"} {
		a := policy.ByPrefix(map[string]auth.Authorizer{key: says(nil), "": says(nil)})
		if err := a.Authorize(t.Context(), ada("posts:edit")); class(err) != "outage" {
			t.Errorf("with the key %q: %v", key, err)
		}
		if err := validate(a); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("with the key %q: Validate: %v", key, err)
		}
	}
}

func TestFor(t *testing.T) {
	for _, tt := range []struct {
		patterns     []string
		action, want string
	}{
		{[]string{"posts:*"}, "posts:edit", "yes"},
		{[]string{"posts:*"}, "posts:comments:edit", "yes"},
		{[]string{"posts:*"}, "posts", "silent"},
		{[]string{"posts:edit", "posts:read"}, "posts:read", "yes"},
		{[]string{"*:read"}, "posts:read", "yes"},
		{[]string{"*"}, "posts:read", "yes"},
		{[]string{"*"}, "", "silent"},
		{[]string{"*"}, "*", "silent"},
		{[]string{"posts:edit"}, "posts:edit:all", "silent"},
		{nil, "posts:edit", "outage"},
		{[]string{"posts:"}, "posts:edit", "outage"},
		{[]string{"posts:ed*"}, "posts:edit", "outage"},
		{[]string{"posts:edit", ""}, "posts:edit", "outage"},
	} {
		a := policy.For(says(nil), tt.patterns...)
		if err := a.Authorize(t.Context(), ada(tt.action)); class(err) != tt.want {
			t.Errorf("%q for %q: %v, want %s", tt.action, tt.patterns, err, tt.want)
		}
		if err := validate(a); (err != nil) != (tt.want == "outage") {
			t.Errorf("for %q: Validate: %v", tt.patterns, err)
		}
	}
	err := policy.For(says(nil), "posts:*").Authorize(t.Context(), ada("admin:view"))
	if d, _ := errors.AsType[*auth.Denial](err); d == nil || d.Policy != "for" || !strings.Contains(d.Reason, "posts:*") {
		t.Errorf("does not explain itself: %v", err)
	}
}

func validate(a auth.Authorizer) error {
	v, ok := a.(interface{ Validate() error })
	if !ok {
		return errors.New("there is no Validate")
	}
	return v.Validate()
}

// pointer is an authorizer that is often nil by accident.
type pointer struct{ err error }

func (p *pointer) Authorize(context.Context, auth.Access) error { return p.err }

// What is nil is an outage, whoever else says what, and Validate says which.
func TestNil(t *testing.T) {
	var none *pointer
	for name, tt := range map[string]struct {
		a    auth.Authorizer
		want []string // in what Validate says
	}{
		"AllOf":       {policy.AllOf(says(noOne), nil), []string{"AllOf: authorizer 2 of 2 is nil"}},
		"AllOf, two":  {policy.AllOf(nil, says(nil), none), []string{"AllOf: authorizer 1 of 3", "AllOf: authorizer 3 of 3"}},
		"AnyOf":       {policy.AnyOf(nil, says(noOne)), []string{"AnyOf: authorizer 1 of 2 is nil"}},
		"FirstOf":     {policy.FirstOf(silent, none, says(nil)), []string{"FirstOf: authorizer 2 of 3 is nil"}},
		"Not":         {policy.Not(none), []string{"Not: the authorizer is nil"}},
		"For":         {policy.For(auth.AuthorizerFunc(nil), "*"), []string{"For: the authorizer is nil"}},
		"ByPrefix":    {policy.ByPrefix(map[string]auth.Authorizer{"x": nil, "y": none}), []string{`ByPrefix: the authorizer of "x" is nil`, `of "y" is nil`}},
		"PerRequest":  {policy.PerRequest(nil), []string{"PerRequest: the authorizer is nil"}},
		"deep":        {policy.AllOf(policy.ByPrefix(map[string]auth.Authorizer{"": policy.FirstOf(policy.For(policy.Not(nil), "*"))})), []string{"Not: the authorizer is nil"}},
		"fresh":       {policy.AllOf(policy.Fresh(0), policy.Proof()), []string{"fresh: 0s", "Proof: a method is missing"}},
		"no unit":     {policy.AllOf(policy.Fresh(10), policy.Proof("totp").Within(600)), []string{"fresh: 10ns", "proof: 600ns"}}, // would never end
		"within":      {policy.PerRequest(policy.Proof("totp").Within(-1)), []string{"proof: -1ns"}},
		"proof of ''": {policy.Proof("totp", ""), []string{"Proof: a method is missing"}},
	} {
		if err := tt.a.Authorize(t.Context(), ada("x")); class(err) != "outage" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := policy.FilterOf(t.Context(), tt.a, ada("x")); class(err) != "outage" {
			t.Errorf("%s: filter: %v", name, err)
		}
		err := validate(tt.a)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Validate: %v, want %q", name, err, want)
			}
		}
	}
	good := policy.AllOf(policy.Users(), policy.AnyOf(says(nil), policy.Owner(nil)), policy.Not(policy.Fresh(time.Minute)), policy.Proof("a").Within(time.Hour))
	if err := validate(good); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
}

// A panic is the Manager's to answer, and not a yes on the way there.
func TestPanicPasses(t *testing.T) {
	panics := auth.AuthorizerFunc(func(context.Context, auth.Access) error { panic("oops") })
	for name, a := range map[string]auth.Authorizer{
		"AllOf":      policy.AllOf(says(nil), panics),
		"AnyOf":      policy.AnyOf(says(noOne), panics, says(nil)),
		"FirstOf":    policy.FirstOf(panics, says(nil)),
		"Not":        policy.Not(panics),
		"For":        policy.For(panics, "*"),
		"ByPrefix":   policy.ByPrefix(map[string]auth.Authorizer{"": panics}),
		"PerRequest": policy.PerRequest(panics),
		"Owner":      policy.Owner(func(o any) string { return o.(*pointer).err.Error() }),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_ = a.Authorize(t.Context(), about(ada("x"), "post/1"))
		}()
	}
}

// Nobody can change what a combinator is made of.
func TestMembersAreCopied(t *testing.T) {
	as := []auth.Authorizer{says(noOne)}
	patterns, methods := []string{"x"}, []string{"totp"}
	allOf, anyOf, firstOf := policy.AllOf(as...), policy.AnyOf(as...), policy.FirstOf(as...)
	forX, proof := policy.For(says(nil), patterns...), policy.Proof(methods...)
	as[0], patterns[0], methods[0] = says(nil), "y", "password"
	for _, a := range []auth.Authorizer{allOf, anyOf, firstOf, proof} {
		if err := a.Authorize(t.Context(), ada("x")); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%T: %v", a, err)
		}
	}
	if err := forX.Authorize(t.Context(), ada("x")); err != nil {
		t.Error(err)
	}
	d, _ := errors.AsType[*auth.Denial](proof.Authorize(t.Context(), ada("x")))
	if d == nil {
		t.Fatal("no denial")
	}
	d.Methods[0] = "password"
	if err := proof.Authorize(t.Context(), ada("x")); class(err) != "later" {
		t.Error(err)
	}
}
