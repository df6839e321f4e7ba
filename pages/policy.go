package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// policy returns the Content-Security-Policy of pages whose one style element
// holds css.
func policy(css, logo string, allow []string) (string, error) {
	sum := sha256.Sum256([]byte(css))
	names := []string{"default-src", "style-src", "img-src", "form-action", "frame-ancestors", "base-uri"}
	sources := map[string][]string{
		"default-src":     {"'none'"},
		"style-src":       {"'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"},
		"form-action":     {"'self'"},
		"frame-ancestors": {"'none'"},
		"base-uri":        {"'none'"},
	}
	switch {
	case isDataImage(logo):
		sources["img-src"] = []string{"data:"}
	case logo != "":
		sources["img-src"] = []string{"'self'"}
	}
	var errs []error
	for i, entry := range allow {
		if err := checkSources(entry); err != nil {
			errs = append(errs, fmt.Errorf("pages: Options.Allow[%d]: %w", i, err))
			continue
		}
		words := strings.Fields(entry)
		if !slices.Contains(names, words[0]) {
			names = append(names, words[0])
		}
		sources[words[0]] = append(sources[words[0]], words[1:]...)
	}
	var parts []string
	for _, name := range names {
		if s := sources[name]; s != nil {
			parts = append(parts, name+" "+strings.Join(s, " "))
		}
	}
	return strings.Join(parts, "; "), errors.Join(errs...)
}

func checkSources(entry string) error {
	words := strings.Fields(entry)
	switch {
	case len(words) < 2:
		return errors.New(`want a directive and its sources, such as "font-src 'self'"`)
	case strings.ContainsFunc(entry, func(c rune) bool { return c < ' ' || c > '~' || c == ';' || c == ',' }):
		return errors.New("want one directive of printable ASCII, without ; and ,")
	case words[0] != strings.ToLower(words[0]):
		return fmt.Errorf("write %s in lower case", words[0])
	case words[0] == "default-src", !strings.HasSuffix(words[0], "-src") && words[0] != "form-action":
		return fmt.Errorf("%s cannot be widened: want form-action or one that ends in -src", words[0])
	}
	for _, s := range words[1:] {
		s = strings.ToLower(s) // as browsers do
		data := s == "data:" && (words[0] == "img-src" || words[0] == "font-src")
		_, host, hasScheme := strings.Cut(s, "://")
		if !hasScheme {
			host = s
		}
		if s == "'none'" || strings.HasPrefix(s, "'unsafe-") || strings.HasSuffix(s, ":") && !data || strings.HasPrefix(host, "*") {
			return fmt.Errorf("source %s would undo the policy: name a host, a path's site ('self') or a hash", s)
		}
	}
	return nil
}
