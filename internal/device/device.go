// Package device reads from a User-Agent what people call the device that sends
// it: "Firefox on Linux". [Name] is all there is to it.
package device

import "strings"

// Name returns the family of the browser and the system, "Firefox on Linux", or
// the one of them that is known, or "". Versions are not a part of it, and
// only the first 512 bytes of userAgent are looked at.
func Name(userAgent string) string {
	if len(userAgent) > 512 {
		userAgent = userAgent[:512]
	}
	// The lower the index, the better: nearly every browser also claims to be
	// an older one.
	browser, system := len(browserMarks), len(systemMarks)
	start := true
	for i := range len(userAgent) {
		c := userAgent[i]
		if start && c >= 'A' && c <= 'p' {
			rest := userAgent[i:]
			browser = firstMark(rest, browserMarks[:browser])
			system = firstMark(rest, systemMarks[:system])
		}
		start = c == ' ' || c == '(' || c == ';'
	}
	switch {
	case browser < len(browserMarks) && system < len(systemMarks):
		return browserMarks[browser].name + " on " + systemMarks[system].name
	case browser < len(browserMarks):
		return browserMarks[browser].name
	case system < len(systemMarks):
		return systemMarks[system].name
	}
	return ""
}

// firstMark returns the index of the first mark that word begins with, or how
// many marks there are.
func firstMark(word string, marks []mark) int {
	for i := range marks {
		if in := marks[i].in; in[0] == word[0] && strings.HasPrefix(word, in) {
			return i
		}
	}
	return len(marks)
}
