package flash

import (
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// maxMessages of the longest are less than a kilobyte.
const maxMessages = 8

// encode writes messages as id:category, with ~ between them. None of these
// characters needs quotes in a cookie (RFC 6265, section 4.1.1).
func encode(list []auth.Flash) string {
	var b strings.Builder
	for i, f := range list {
		if i > 0 {
			b.WriteByte('~')
		}
		b.WriteString(f.ID)
		b.WriteByte(':')
		b.WriteString(f.Category)
	}
	return b.String()
}

// decode reads what encode has written. Anything else is no messages: it was not
// written here.
func decode(value string) []auth.Flash {
	if value == "" {
		return nil
	}
	var list []auth.Flash
	for more := true; more; {
		var entry string
		entry, value, more = strings.Cut(value, "~")
		id, category, ok := strings.Cut(entry, ":")
		f := auth.Flash{ID: id, Category: category}
		if !ok || f.Validate() != nil || len(list) == maxMessages || slices.Contains(list, f) {
			return nil
		}
		list = append(list, f)
	}
	return list
}
