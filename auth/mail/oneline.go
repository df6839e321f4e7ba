package mail

import (
	"strings"
	"unicode"
)

// maxValue bounds what people can have written into a mail, in bytes. Links are longer
// than anything else, and far from it.
const maxValue = 1000

// oneLine returns s as part of a line, whoever has written it: without line breaks and
// other control characters, without marks that turn the direction of writing, and not
// endless. So no value can look like a header, or like another paragraph of ours.
func oneLine(s string) string {
	if len(s) > maxValue {
		s = s[:maxValue]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, s))
}

// unlinked returns s without the scheme of an address in it: programs that read mail would
// make a link of it, in a message that is ours.
func unlinked(s string) string { return strings.ReplaceAll(s, "://", " ") }
