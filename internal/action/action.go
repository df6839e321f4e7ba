// Package action compares the names of actions with patterns: those of permissions,
// and those of the scopes that a credential is limited to.
//
// A name is made of segments with colons between them, such as "posts:edit". Begin
// with [Match].
package action

import "strings"

// Match reports whether pattern covers the action name. A pattern is a name, in which
// a segment "*" stands for any one segment, and as the last one for any number of
// them, one at least: "posts:*" covers "posts:edit" and "posts:comments:edit", and
// not "posts"; "*:view" covers "posts:view"; "*" covers everything. The case counts.
//
// Nothing covers what is no name: "", and whatever has an empty segment or a "*" in
// it. So a pattern that is asked for as if it were an action is never allowed.
func Match(pattern, name string) bool {
	if pattern == name {
		return Valid(name)
	}
	star := strings.IndexByte(pattern, '*')
	switch {
	case star < 0:
		return false
	case star == len(pattern)-1 && (star == 0 || pattern[star-1] == ':'): // nearly every one
		return strings.HasPrefix(name, pattern[:star]) && Valid(name)
	case !Valid(name):
		return false
	}
	for {
		p, morePattern, deeper := strings.Cut(pattern, ":")
		n, moreName, longer := strings.Cut(name, ":")
		switch {
		case p == "*" && !deeper:
			return true
		case p != "*" && p != n, deeper != longer:
			return false
		case !deeper:
			return true
		}
		pattern, name = morePattern, moreName
	}
}

// Valid reports whether name is the name of an action: segments that are not empty
// and have no "*" in them.
func Valid(name string) bool {
	if name == "" || name[0] == ':' || name[len(name)-1] == ':' {
		return false
	}
	for i := range len(name) {
		switch name[i] {
		case '*':
			return false
		case ':':
			if name[i-1] == ':' {
				return false
			}
		}
	}
	return true
}

// ValidPattern reports whether pattern can cover anything: it is the name of an
// action, but that segments may be "*".
func ValidPattern(pattern string) bool {
	if pattern == "" {
		return false
	}
	for segment := range strings.SplitSeq(pattern, ":") {
		if segment == "" || segment != "*" && strings.Contains(segment, "*") {
			return false
		}
	}
	return true
}
