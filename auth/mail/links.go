package mail

import (
	"html"
	"regexp"
	"slices"
	"strings"
)

var (
	linkRE = regexp.MustCompile(`https?://[^\s<>"\x{2068}\x{2069}]+`)
	hrefRE = regexp.MustCompile(`(?i)\shref\s*=\s*"([^"]*)"`)
)

// Links returns where the message leads, in its text and in its HTML, each address once
// and in order: for tests, and for whoever shows mail in development.
func (m *Message) Links() []string {
	var links []string
	add := func(link string) {
		if !slices.Contains(links, link) {
			links = append(links, link)
		}
	}
	for _, link := range linkRE.FindAllString(m.Text, -1) {
		add(strings.TrimRight(link, ".,;:!?)"))
	}
	for _, href := range hrefRE.FindAllStringSubmatch(m.HTML, -1) {
		add(html.UnescapeString(href[1]))
	}
	return links
}
