package policy_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

func TestConditionMatches(t *testing.T) {
	type slug string
	o := auth.Object{Type: "post", ID: "17", Tenant: "a", Owner: "ada", Attrs: map[string]any{
		"public": true, "level": int64(3), "state": "draft", "tags": []string{"x"}, "int": 4, "slug": slug("s"),
		"id": "99", "owner": "eve", "float": 1.5, "nil": nil, "big": uint64(1 << 63), "type": "page",
	}}
	is := policy.Equal
	for name, tt := range map[string]struct {
		c    policy.Condition
		want bool
	}{
		"zero":                   {policy.Condition{}, false},
		"none":                   {policy.None(), false},
		"all":                    {policy.All(), true},
		"id":                     {is("id", "17"), true},
		"no attribute is the ID": {is("id", "99"), false},
		"owner":                  {is("owner", "ada"), true},
		"no attribute the owner": {is("owner", "eve"), false},
		"tenant":                 {is("tenant", "a"), true},
		"bool":                   {is("public", true), true},
		"other bool":             {is("public", false), false},
		"bool as text":           {is("public", "true"), false},
		"int64":                  {is("level", int64(3)), true},
		"an int in a condition":  {is("level", 3), true},
		"a uint8 in a condition": {is("level", uint8(3)), true},
		"an int in an object":    {is("int", int64(4)), true},
		"text of another type":   {is("slug", "s"), true},
		"text in a condition":    {policy.In("state", slug("x"), slug("draft")), true},
		"number as text":         {is("level", "3"), false},
		"a field that is not":    {is("absent", ""), false},
		"nil":                    {is("nil", nil), false},
		"nil of nothing":         {is("absent", nil), false},
		"a list":                 {is("tags", "x"), false},
		"a list in a condition":  {is("tags", []string{"x"}), false},
		"a float":                {is("float", 1.5), false},
		"too big":                {is("big", uint64(1<<63)), false},
		"the case counts":        {is("state", "Draft"), false},
		"in":                     {policy.In("state", "public", "draft"), true},
		"not in":                 {policy.In("state", "public", "hidden"), false},
		"in nothing":             {policy.In[string]("state"), false},
		"and":                    {policy.And(is("id", "17"), is("owner", "ada")), true},
		"not and":                {policy.And(is("id", "17"), is("owner", "eve")), false},
		"or":                     {policy.Or(is("id", "18"), is("owner", "ada")), true},
		"nor":                    {policy.Or(is("id", "18"), is("owner", "eve")), false},
		"and of nothing":         {policy.And(), false},
		"or of nothing":          {policy.Or(), false},
		"an empty and":           {policy.Condition{Op: policy.OpAnd}, false},
		"an empty or":            {policy.Condition{Op: policy.OpOr}, false},
		"an empty in":            {policy.Condition{Op: policy.OpIn, Field: "id"}, false},
		"another operator":       {policy.Condition{Op: 17}, false},
		"and of an empty and":    {policy.And(policy.Condition{Op: policy.OpAnd}, policy.All()), false},
		"and of an empty or":     {policy.And(policy.Condition{Op: policy.OpOr}, policy.All()), false},
		"or of an empty and":     {policy.Or(policy.Condition{Op: policy.OpAnd}, policy.None()), false},
	} {
		if got := tt.c.Matches(o); got != tt.want {
			t.Errorf("%s: %+v matches: %v, want %v", name, tt.c, got, tt.want)
		}
	}
}

// What is joined is as small as can be.
func TestConditionShape(t *testing.T) {
	x, y, z := policy.Equal("x", "1"), policy.Equal("y", "2"), policy.Equal("z", "3")
	for name, tt := range map[string]struct{ got, want policy.Condition }{
		"and of one":       {policy.And(x), x},
		"and all":          {policy.And(policy.All(), x, policy.All()), x},
		"and none":         {policy.And(x, policy.None(), y), policy.None()},
		"and nothing else": {policy.And(policy.All(), policy.All()), policy.All()},
		"and in and":       {policy.And(policy.And(x, y), z), policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{x, y, z}}},
		"or of one":        {policy.Or(x), x},
		"or none":          {policy.Or(policy.None(), x), x},
		"or all":           {policy.Or(x, policy.All(), y), policy.All()},
		"or nothing else":  {policy.Or(policy.None(), policy.None()), policy.None()},
		"or in or":         {policy.Or(x, policy.Or(y, z)), policy.Condition{Op: policy.OpOr, Of: []policy.Condition{x, y, z}}},
		"or in and":        {policy.And(x, policy.Or(y, z)), policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{x, {Op: policy.OpOr, Of: []policy.Condition{y, z}}}}},
		"no value":         {policy.In[int64]("x"), policy.None()},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, tt.got, tt.want)
		}
	}
}

// FuzzCondition compares And and Or with what they stand for, of conditions that may
// have been made by hand and badly, and sees that they change nothing they are given.
func FuzzCondition(f *testing.F) {
	for i := range uint64(200) {
		f.Add(i)
	}
	values := []any{"", "a", "b", true, false, int64(1), 1, nil, []string{"a"}}
	fields := []string{"id", "owner", "tenant", "x", "y", ""}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		value := func() any { return values[r.IntN(len(values))] }
		var condition func(depth int) policy.Condition
		condition = func(depth int) policy.Condition {
			c := policy.Condition{Op: policy.Op(r.IntN(7) - 1), Field: fields[r.IntN(len(fields))]}
			for range r.IntN(3) {
				c.Values = append(c.Values, value())
			}
			for range r.IntN(4) {
				if depth > 0 {
					c.Of = append(c.Of, condition(depth-1))
				}
			}
			return c
		}
		var cs []policy.Condition
		for range r.IntN(4) {
			cs = append(cs, condition(3))
		}
		before := clone(cs)
		and, or := policy.And(cs...), policy.Or(cs...)
		if !reflect.DeepEqual(cs, before) {
			t.Fatalf("changed %+v to %+v", before, cs)
		}
		for range 20 {
			o := auth.Object{ID: []string{"", "a", "b"}[r.IntN(3)], Owner: []string{"", "a", "b"}[r.IntN(3)], Attrs: map[string]any{"x": value(), "y": value()}}
			met := 0
			for _, c := range cs {
				if c.Matches(o) {
					met++
				}
			}
			if got, want := and.Matches(o), len(cs) > 0 && met == len(cs); got != want {
				t.Fatalf("And(%+v) matches %#v: %v, want %v", cs, o, got, want)
			}
			if got, want := or.Matches(o), met > 0; got != want {
				t.Fatalf("Or(%+v) matches %#v: %v, want %v", cs, o, got, want)
			}
		}
	})
}

func clone(cs []policy.Condition) []policy.Condition {
	cs = slices.Clone(cs)
	for i := range cs {
		cs[i].Values, cs[i].Of = slices.Clone(cs[i].Values), clone(cs[i].Of)
	}
	return cs
}
