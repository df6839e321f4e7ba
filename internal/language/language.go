// Package language chooses among the languages that there are texts in. Start with
// [Set.Match].
package language

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var tagRE = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// IsTag reports whether s looks like the tag of a language (BCP 47): "de", "pt-BR".
func IsTag(s string) bool { return tagRE.MatchString(s) }

// rightToLeft are languages that are written so, unless their tag says otherwise.
var rightToLeft = []string{"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

// RightToLeft reports whether the language of the tag is written so.
func RightToLeft(tag string) bool {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	return slices.Contains(rightToLeft, primary)
}

// A Set are the languages that there are, by their tags in lower case and in order.
type Set []string

// maxTag bounds a language range: RFC 5646, section 4.4.1, has no longer tags.
const maxTag = 35

// Lookup returns the language for the range wanted, in lower case: itself, or what
// is left of it when its end is cut off (RFC 4647, section 3.4), or a language that
// is wanted more exactly than it was said, "pt-br" for "pt".
func (s Set) Lookup(wanted string) (tag string, ok bool) {
	if len(wanted) > maxTag {
		return "", false
	}
	for rest := wanted; rest != ""; {
		if slices.Contains(s, rest) {
			return rest, true
		}
		rest = rest[:max(0, strings.LastIndexByte(rest, '-'))]
	}
	for _, tag := range s {
		if strings.HasPrefix(tag, wanted+"-") {
			return tag, true
		}
	}
	return "", false
}

// Match returns the language that the lines of an Accept-Language (RFC 9110, section
// 12.5.4) want most of those that there are.
func (s Set) Match(lines []string) (tag string, ok bool) {
	for _, wanted := range Accept(lines) {
		if wanted == "*" {
			break
		}
		if tag, ok := s.Lookup(wanted); ok {
			return tag, true
		}
	}
	return "", false
}

// maxRanges bounds how many languages are read from a header: browsers send a
// handful.
const maxRanges = 20

// Accept returns the language ranges of Accept-Language in lower case, the most wanted
// first, without those that are not wanted.
func Accept(lines []string) []string {
	type entry struct {
		name string
		q    float64
	}
	var entries []entry
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			e := entry{strings.ToLower(strings.TrimSpace(name)), 1}
			if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
				if q, err := strconv.ParseFloat(v, 64); err == nil && q >= 0 && q <= 1 {
					e.q = q
				}
			}
			if e.name != "" && e.q > 0 && len(entries) < maxRanges {
				entries = append(entries, e)
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.q, a.q) })
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.name
	}
	return names
}
