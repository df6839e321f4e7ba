package pages

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A catalogue finds texts by id: the host's, else what a provider says in
// English, else the default.
type catalogue struct{ host, english map[string]string }

func newCatalogue(host map[string]string) (catalogue, []error) {
	c := catalogue{host: host, english: Texts()}
	var errs []error
	for _, id := range c.unknown(host) {
		errs = append(errs, fmt.Errorf("pages: Options.Texts: there is no text %q, see pages.Texts", id))
	}
	return c, errs
}

// unknown returns the ids that nothing can use, in order.
func (c catalogue) unknown(texts map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(texts)), c.known)
}

// known reports whether id can be used by anything. What providers name (codes,
// fields, kinds, pages of their own) cannot be known here.
func (c catalogue) known(id string) bool {
	if _, ok := c.english[id]; ok {
		return true
	}
	section, rest, ok := strings.Cut(id, ".")
	if !ok {
		return false
	}
	switch section {
	case "field", "hint", "submit", "problem", "way", "flash":
		return true
	case "error":
		if strings.HasPrefix(rest, "title.") {
			return true
		}
	}
	for _, part := range []string{"field.", "hint.", "submit.", "title.", "lead."} {
		if strings.HasPrefix(rest, part) {
			return true
		}
	}
	for other := range c.english {
		if strings.HasPrefix(other, section+".") {
			return false
		}
	}
	return true // a page that is not built in
}

// text returns the text id, or id itself if there is none. Pairs are names and
// values: "n", 3 fills in {n}.
func (c catalogue) text(id string, pairs ...any) string {
	s, ok := c.host[id]
	if !ok {
		s, ok = c.english[id]
	}
	if !ok {
		return id
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		s = strings.ReplaceAll(s, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return s
}

// has reports whether there is a text id.
func (c catalogue) has(id string) bool {
	_, host := c.host[id]
	_, english := c.english[id]
	return host || english
}

// find returns the host's text for the first of ids that it has one for, else
// said if that is not "", else the first default, else "".
func (c catalogue) find(said string, ids ...string) string {
	for _, id := range ids {
		if s, ok := c.host[id]; ok {
			return s
		}
	}
	if said != "" {
		return said
	}
	for _, id := range ids {
		if s, ok := c.english[id]; ok {
			return s
		}
	}
	return ""
}
