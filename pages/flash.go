package pages

import (
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Flash is a message from before, in words.
type Flash struct {
	ID       string // of the [auth.Flash]
	Text     string
	Category string // "info", "success", "warning" or "error", or the host's own
}

// flashes returns the messages that there is a text for. One without is nobody's:
// it came from elsewhere, or means nothing here.
func (p *Pages) flashes(page *auth.Page) (list []Flash) {
	for _, f := range page.Flashes {
		text := p.flashText(f.ID)
		if text == "" {
			continue
		}
		if f.Category == "" {
			f.Category = "info"
		}
		list = append(list, Flash{ID: f.ID, Text: text, Category: f.Category})
	}
	return list
}

// flashText looks for a text of the message, then of what is left of its ID when
// the end is cut off at a dot, and then for one of the problem of that name. A text
// that is "" on purpose ends the search.
func (p *Pages) flashText(id string) string {
	for _, section := range []string{"flash.", "problem."} {
		var ids []string
		for rest := id; rest != ""; rest = rest[:max(0, strings.LastIndexByte(rest, '.'))] {
			ids = append(ids, section+rest)
		}
		if slices.ContainsFunc(ids, p.texts.has) {
			return p.texts.find("", ids...)
		}
	}
	return ""
}

// pointToFlashes lets the field that has the focus be described by the messages:
// whoever listens to the page begins there.
func pointToFlashes(forms []Form) {
	for i := range forms {
		for j := range forms[i].Fields {
			if f := &forms[i].Fields[j]; f.Focus {
				f.DescribedBy = strings.TrimSpace("flash " + f.DescribedBy)
			}
		}
	}
}
