package deptest

import (
	"fmt"
	"slices"
	"strings"
)

// A Package is what `go list -deps -json` says of a package. Tests are not
// looked at: they may import what they like.
type Package struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// A Rule says what the packages of one part of the tree may import.
//
// Folders are named from the root of the tree. An element "*" stands for any
// one name, and an ending "/..." adds what is below; "." is the root itself.
type Rule struct {
	// Part is the folder. What is below it belongs to it, unless an earlier
	// rule has it. A "*" makes every folder that fits a part of its own. The
	// packages of one part may import each other.
	Part string
	// May are the folders of the project that the part may import, whether
	// directly or through others. "a" is the package in folder a alone.
	May []string
	// Never are exceptions to May.
	Never []string
	// Third are the packages of other people's modules that the part may import
	// itself; an ending "/..." adds what is below, "*" is any. A part with none
	// depends on none at all, not through others either.
	Third []string
}

// Check returns what in pkgs breaks the rules, a sentence each, sorted. The
// first rule whose Part fits a package is the one that counts; a package of
// the project that no rule fits is an error as well. Packages of the project
// are those below module.
func Check(module string, rules []Rule, pkgs []Package) []string {
	c := checker{module: module, rules: rules, pkgs: make(map[string]Package)}
	for _, p := range pkgs {
		c.pkgs[p.ImportPath] = p
	}
	for _, p := range c.pkgs {
		if folder, ok := c.folder(p.ImportPath); ok {
			c.check(p, folder)
		}
	}
	slices.Sort(c.faults)
	return slices.Compact(c.faults)
}

type checker struct {
	module string
	rules  []Rule
	pkgs   map[string]Package
	faults []string
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// check walks everything that p depends on, nearest first, so that a fault
// names the shortest way.
func (c *checker) check(p Package, folder string) {
	rule, part := c.rule(folder)
	if rule == nil {
		c.fault("%s: no rule for this folder; add one to the table", folder)
		return
	}
	type step struct {
		path string
		via  string // the package that imports it, "" for p
	}
	seen := map[string]bool{p.ImportPath: true}
	var queue []step
	for _, i := range p.Imports {
		queue = append(queue, step{path: i})
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if seen[s.path] {
			continue
		}
		seen[s.path] = true
		dep, known := c.pkgs[s.path]
		if s.path == "C" || s.path == "unsafe" || known && dep.Standard {
			continue // what the standard library imports is standard
		}
		through := ""
		if s.via != "" {
			through = " (through " + c.name(s.via) + ")"
		}
		if other, ours := c.folder(s.path); ours {
			_, otherPart := c.rule(other)
			same := otherPart == part
			if !same && (!fitsAny(rule.May, other) || fitsAny(rule.Never, other)) {
				c.fault("%s imports %s%s", folder, other, through)
				continue // one line for it, none for all that it needs
			}
		} else if direct := s.via == ""; len(rule.Third) == 0 || direct && !imported(rule.Third, s.path) {
			c.fault("%s imports %s%s", folder, s.path, through)
			continue
		} else if !direct {
			continue // for the rule of the package that imports it
		}
		for _, i := range dep.Imports {
			queue = append(queue, step{path: i, via: s.path})
		}
	}
}

// folder returns the folder of a package of the project.
func (c *checker) folder(path string) (string, bool) {
	if path == c.module {
		return ".", true
	}
	return strings.CutPrefix(path, c.module+"/")
}

func (c *checker) name(path string) string {
	if f, ok := c.folder(path); ok {
		return f
	}
	return path
}

// rule returns the rule for the folder and the part of the tree it belongs to.
func (c *checker) rule(folder string) (*Rule, string) {
	for i := range c.rules {
		if part, ok := fit(c.rules[i].Part, folder, true); ok {
			return &c.rules[i], part
		}
	}
	return nil, ""
}

// fit matches a folder with a pattern and returns what matched, without what
// is below.
func fit(pattern, folder string, below bool) (string, bool) {
	if p, ok := strings.CutSuffix(pattern, "/..."); ok {
		pattern, below = p, true
	}
	want, have := strings.Split(pattern, "/"), strings.Split(folder, "/")
	if len(have) < len(want) || len(have) > len(want) && !below {
		return "", false
	}
	for i := range want {
		if want[i] != "*" && want[i] != have[i] {
			return "", false
		}
	}
	return strings.Join(have[:len(want)], "/"), true
}

func fitsAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		_, ok := fit(p, folder, false)
		return ok || p == "..."
	})
}

func imported(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, tree := strings.CutSuffix(p, "/...")
		return p == "*" || path == p || tree && (path == below || strings.HasPrefix(path, below+"/"))
	})
}
