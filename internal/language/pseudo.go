package language

import (
	"regexp"
	"strings"
)

var wordRE = regexp.MustCompile(`\{\w+\}|[^\s{}]+`)

// backwards lets each word be shown from right to left (Unicode TR9, section 2.2), but
// for placeholders.
func backwards(text string) string {
	const mark, override, end = "\u200f", "\u202e", "\u202c"
	return wordRE.ReplaceAllStringFunc(text, func(word string) string {
		if strings.HasPrefix(word, "{") {
			return word
		}
		return mark + override + word + end + mark
	})
}

// AllBackwards changes texts to those for trying out what is written from right to left,
// with what they say of the language, and returns them. CLDR has the tag "ar-XB" for that.
func AllBackwards(texts map[string]string) map[string]string {
	for id, text := range texts {
		texts[id] = backwards(text)
	}
	texts["html.lang"], texts["html.dir"], texts["time.layout"] = "ar-XB", "rtl", "2006/01/02 15:04 MST"
	return texts
}
