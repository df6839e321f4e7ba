package action_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/action"
)

func Example() {
	for _, name := range []string{"posts:edit", "posts:comments:edit", "posts", "posts:*"} {
		fmt.Println(name, action.Match("posts:*", name))
	}
	// Output:
	// posts:edit true
	// posts:comments:edit true
	// posts false
	// posts:* false
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"posts:edit", "posts:edit", true},
		{"posts:edit", "posts:read", false},
		{"posts:edit", "posts", false},
		{"posts:edit", "posts:edit:all", false},
		{"posts", "posts", true},
		{"posts", "posts:edit", false},
		{"posts:edit", "Posts:edit", false},
		{"posts:*", "posts:edit", true},
		{"posts:*", "posts:comments:edit", true},
		{"posts:*", "posts", false},
		{"posts:*", "postscript:edit", false},
		{"posts:*", "posts:", false},
		{"posts:*", "posts::edit", false},
		{"posts:*", "posts:*", false},
		{"*", "posts", true},
		{"*", "posts:edit", true},
		{"*", "", false},
		{"*", "*", false},
		{"*", ":", false},
		{"*:view", "posts:view", true},
		{"*:view", "view", false},
		{"*:view", "posts:edit", false},
		{"*:view", "posts:comments:view", false},
		{"*:view", ":view", false},
		{"*:*", "posts", false},
		{"*:*", "posts:view", true},
		{"*:*", "posts:comments:view", true},
		{"a:*:c", "a:b:c", true},
		{"a:*:c", "a:b:d", false},
		{"a:*:c", "a:c", false},
		{"a:*:c", "a:b:b:c", false},
		{"a:*:*", "a:b", false},
		{"a:*:*", "a:b:c:d", true},
		{"", "", false},
		{"", "posts", false},
		{"posts:", "posts:", false},
		{"posts:ed*", "posts:edit", false},
		{"posts:ed*", "posts:ed*", false},
		{"*posts", "posts", false},
		{"**", "posts", false},
		{":*", ":edit", false},
		{"a\x00:*", "a\x00:b", true},
		{"é:*", "é:b", true},
		{"\u00e9:*", "e\u0301:b", false}, // composed and not
	} {
		if got := action.Match(tt.pattern, tt.name); got != tt.want {
			t.Errorf("Match(%q, %q) is %v", tt.pattern, tt.name, got)
		}
	}
}

func TestValid(t *testing.T) {
	for name, want := range map[string][2]bool{ // as a name, as a pattern
		"posts":       {true, true},
		"posts:edit":  {true, true},
		"a:b:c":       {true, true},
		"a b:é":       {true, true},
		"":            {false, false},
		":":           {false, false},
		":a":          {false, false},
		"a:":          {false, false},
		"a::b":        {false, false},
		"*":           {false, true},
		"a:*":         {false, true},
		"*:b":         {false, true},
		"a:*:c":       {false, true},
		"a:b*":        {false, false},
		"a:*b":        {false, false},
		"**":          {false, false},
		"*:":          {false, false},
		"a:**:b":      {false, false},
		"posts:\x00x": {true, true},
	} {
		if got := [2]bool{action.Valid(name), action.ValidPattern(name)}; got != want {
			t.Errorf("%q is valid: %v, want %v", name, got, want)
		}
	}
}

// The rules again, by the letter and without any thought of speed.
func slowValid(name string, wildcards bool) bool {
	return !slices.ContainsFunc(strings.Split(name, ":"), func(s string) bool {
		return s == "" || strings.Contains(s, "*") && (s != "*" || !wildcards)
	})
}

func slowMatch(pattern, name string) bool {
	if !slowValid(name, false) {
		return false
	}
	p, n := strings.Split(pattern, ":"), strings.Split(name, ":")
	last := len(p) - 1
	if len(n) < len(p) || len(n) > len(p) && p[last] != "*" {
		return false
	}
	for i := range p {
		if p[i] != "*" && p[i] != n[i] {
			return false
		}
	}
	return true
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{{"posts:*", "posts:edit"}, {"*:view", "posts:view"}, {"a:*:c", "a:b:c"}, {"*", "*"}, {"a:", "a:"}, {"", ""}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		check(t, pattern, name)
		check(t, abc(pattern), abc(name)) // where they meet more often
	})
}

// abc maps a text to one with few different letters.
func abc(s string) string {
	return strings.Map(func(r rune) rune { return rune("ab::*"[r%5]) }, s)
}

func check(t *testing.T, pattern, name string) {
	if got, want := action.Match(pattern, name), slowMatch(pattern, name); got != want {
		t.Errorf("Match(%q, %q) is %v, want %v", pattern, name, got, want)
	}
	if got, want := action.Valid(name), slowValid(name, false); got != want {
		t.Errorf("Valid(%q) is %v, want %v", name, got, want)
	}
	if got, want := action.ValidPattern(pattern), slowValid(pattern, true); got != want {
		t.Errorf("ValidPattern(%q) is %v, want %v", pattern, got, want)
	}
	if action.Match(pattern, name) && !(action.Valid(name) && action.ValidPattern(pattern)) {
		t.Errorf("%q covers %q, and one of them is not valid", pattern, name)
	}
}

// All short texts, each with each.
func TestMatchAll(t *testing.T) {
	all := []string{""}
	for last := all; len(last[0]) < 5; {
		var longer []string
		for _, s := range last {
			for _, c := range "a:*" {
				longer = append(longer, s+string(c))
			}
		}
		all, last = append(all, longer...), longer
	}
	for _, pattern := range all {
		for _, name := range all {
			check(t, pattern, name)
		}
	}
}

func TestAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		action.Match("posts:*", "posts:comments:edit")
		action.Match("posts:edit", "posts:edit")
		action.ValidPattern("posts:*:edit")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, pattern := range []string{"posts:edit", "posts:read", "posts:*", "*", "*:edit"} {
		b.Run(pattern, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				action.Match(pattern, "posts:edit")
			}
		})
	}
}
