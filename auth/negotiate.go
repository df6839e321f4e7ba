package auth

import (
	"net/http"
	"strconv"
	"strings"
)

// wantsHTML reports whether r is answered with a page: by Accept, and where
// that does not decide, by what kind of request it is.
func (m *Manager) wantsHTML(r *http.Request) bool {
	if m.opts.Pages == nil {
		return false
	}
	html, json := accepts(r.Header["Accept"])
	if html != json {
		return html > json
	}
	switch r.Header.Get("Sec-Fetch-Mode") {
	case "navigate":
		return true
	case "":
	default:
		return false
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(contentType), "application/x-www-form-urlencoded")
}

// accepts returns how much HTML and JSON are named in Accept, 0 to 1. Wildcards
// name neither.
func accepts(lines []string) (html, json float64) {
	for _, line := range lines {
		for entry := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(entry, ";")
			q := 1.0
			for param := range strings.SplitSeq(params, ";") {
				if v, ok := strings.CutPrefix(strings.TrimSpace(param), "q="); ok {
					if f, err := strconv.ParseFloat(v, 64); err == nil && f >= 0 && f <= 1 {
						q = f
					}
				}
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "text/html", "application/xhtml+xml":
				html = max(html, q)
			case "application/json", "application/problem+json":
				json = max(json, q)
			}
		}
	}
	return html, json
}
