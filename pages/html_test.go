package pages_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	tagRE  = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*>`)
	attrRE = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
	voids  = []string{"meta", "input", "img"}
)

// An element of a page, as far as the tests look at it.
type element struct {
	name  string
	attrs map[string]string
}

// elements returns the elements of a page, and fails the test where the page is
// not what every browser reads the same: tags unclosed or crossed, text that
// looks like a tag, attributes twice.
func elements(t *testing.T, page string) (all []element) {
	t.Helper()
	page, ok := strings.CutPrefix(page, "<!DOCTYPE html>\n")
	if !ok {
		t.Errorf("does not start with the doctype")
	}
	page = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(page, "<style></style>")
	var open []string
	at := 0
	for _, m := range tagRE.FindAllStringSubmatchIndex(page, -1) {
		if text := page[at:m[0]]; strings.ContainsAny(text, "<>") {
			t.Errorf("stray < or > in %q", text)
		}
		at = m[1]
		name := page[m[4]:m[5]]
		switch closing := m[2] != m[3]; {
		case closing && (len(open) == 0 || open[len(open)-1] != name):
			t.Errorf("</%s> closes %v", name, open)
		case closing:
			open = open[:len(open)-1]
		default:
			e := element{name, map[string]string{}}
			for _, a := range attrRE.FindAllStringSubmatch(page[m[6]:m[7]], -1) {
				if _, twice := e.attrs[a[1]]; twice {
					t.Errorf("%s has %s twice", name, a[1])
				}
				e.attrs[a[1]] = a[2]
			}
			all = append(all, e)
			if !slices.Contains(voids, name) {
				open = append(open, name)
			}
		}
	}
	if rest := page[at:]; len(open) > 0 || strings.ContainsAny(rest, "<>") {
		t.Errorf("not closed: %v; then %q", open, rest)
	}
	return all
}

// find returns the elements of that name which have all the attributes; pairs
// are names and values.
func find(all []element, name string, pairs ...string) (found []element) {
	for _, e := range all {
		ok := e.name == name
		for i := 0; i < len(pairs); i += 2 {
			v, has := e.attrs[pairs[i]]
			ok = ok && has && v == pairs[i+1]
		}
		if ok {
			found = append(found, e)
		}
	}
	return found
}

// checkPage fails the test where the page keeps somebody out or is unsafe.
func checkPage(t *testing.T, page string) []element {
	t.Helper()
	all := elements(t, page)
	ids := map[string]bool{}
	for _, e := range all {
		if id, ok := e.attrs["id"]; ok {
			if ids[id] || id == "" || strings.ContainsAny(id, " \t\n") {
				t.Errorf("id %q is there twice or cannot be one", id)
			}
			ids[id] = true
		}
		for a := range e.attrs {
			if a == "style" || strings.HasPrefix(a, "on") {
				t.Errorf("%s has %s, which the policy forbids", e.name, a)
			}
		}
	}
	labels, focus := map[string]int{}, 0
	for _, e := range all {
		if id, ok := e.attrs["for"]; ok {
			labels[id]++
		}
		for _, id := range strings.Fields(e.attrs["aria-describedby"]) {
			if !ids[id] {
				t.Errorf("%s is described by %q, which is not there", e.attrs["id"], id)
			}
		}
		if id, ok := strings.CutPrefix(e.attrs["href"], "#"); ok && !ids[id] {
			t.Errorf("a link leads to %q, which is not there", id)
		}
		if _, ok := e.attrs["autofocus"]; ok {
			focus++
		}
		switch e.name {
		case "script", "link", "iframe", "base", "object":
			t.Errorf("has a %s", e.name)
		case "form":
			if e.attrs["method"] != "post" || e.attrs["action"] == "" {
				t.Errorf("form with %v", e.attrs)
			}
		}
	}
	if focus > 1 {
		t.Errorf("%d fields have the focus", focus)
	}
	for _, e := range find(all, "input") {
		_, hidden := e.attrs["hidden"]
		if e.attrs["type"] != "hidden" && !hidden && labels[e.attrs["id"]] != 1 {
			t.Errorf("input %q has %d labels", e.attrs["name"], labels[e.attrs["id"]])
		}
		if _, has := e.attrs["value"]; has && e.attrs["type"] == "password" {
			t.Errorf("input %q shows a password", e.attrs["name"])
		}
	}
	for _, name := range []string{"html", "head", "title", "style", "body", "main", "h1"} {
		if n := len(find(all, name)); n != 1 {
			t.Errorf("%d elements %s", n, name)
		}
	}
	return all
}

// body returns the page without its stylesheet, to be read.
func body(page string) string {
	_, after, _ := strings.Cut(page, "</style>")
	return after
}
