package casbinauthz

import (
	"encoding/csv"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A rule is a row of a policy: "p, role:admin, admin:view".
type rule struct {
	section string // "p" or "g"
	kind    string // "p", "p2", "g", …
	values  []string
	where   string // "policy.csv:12"
}

// key is what a rule is found by.
func key(values []string) string { return strings.Join(values, "\x00") }

// readRules reads rows as Casbin's own file adapter does, and is stricter: what would
// quietly mean something else than what is written is an error.
func readRules(name string, data []byte) ([]rule, error) {
	var rules []rule
	var errs []error
	n := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", name, n)
		r, err := readRule(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("casbinauthz: %s: %w", where, err))
			continue
		}
		r.where = where
		rules = append(rules, r)
	}
	return rules, errors.Join(errs...)
}

var comment = regexp.MustCompile(`\s#`)

func readRule(line string) (rule, error) {
	c := csv.NewReader(strings.NewReader(line))
	c.TrimLeadingSpace = true
	values, err := c.Read()
	if err != nil {
		return rule{}, err
	}
	kind := values[0]
	if kind == "" || kind[0] != 'p' && kind[0] != 'g' {
		return rule{}, fmt.Errorf("%q is no kind of row: write p or g", kind)
	}
	for i, v := range values {
		switch {
		case v == "":
			return rule{}, fmt.Errorf("column %d is empty, which would be nobody's ID: write what is meant", i)
		case strings.TrimSpace(v) != v:
			return rule{}, fmt.Errorf("column %d ends in a space, which Casbin would compare: remove it", i)
		case comment.MatchString(v):
			return rule{}, fmt.Errorf("column %d has a comment in it, which Casbin would compare: comments have lines of their own", i)
		case !utf8.ValidString(v), strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsGraphic(r) }):
			return rule{}, fmt.Errorf("column %d is %q, with something that cannot be seen, which Casbin would compare: write UTF-8, and nothing but letters and signs", i, v)
		}
	}
	return rule{section: kind[:1], kind: kind, values: values[1:]}, nil
}

// readHierarchy reads the rows g, for a model whose matcher leaves them to us.
func readHierarchy(rules []rule) (hierarchy, error) {
	direct := hierarchy{}
	var errs []error
	for _, r := range rules {
		if r.section != "g" {
			continue
		}
		role, isRole := strings.CutPrefix(r.values[1], roleWord)
		switch from := r.values[0]; {
		case len(r.values) != 2, !isRole, role == "", validSubject(from) != nil,
			!strings.HasPrefix(from, roleWord) && !strings.HasPrefix(from, userWord):
			errs = append(errs, fmt.Errorf("casbinauthz: %s: write g, role:NAME, role:NAME or g, user:ID, role:NAME", r.where))
		default:
			direct[from] = append(direct[from], role)
		}
	}
	up := hierarchy{}
	for from := range direct {
		up[from] = direct.reach(from, nil)
	}
	return up, errors.Join(errs...)
}

// reach returns seen and the roles above from.
func (h hierarchy) reach(from string, seen []string) []string {
	for _, role := range h[from] {
		if !slices.Contains(seen, role) {
			seen = h.reach(roleWord+role, append(seen, role))
		}
	}
	return seen
}
