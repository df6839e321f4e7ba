package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A policy is the Content-Security-Policy of pages.
type policy struct {
	whole         string
	before, after string   // of whole, where form-action ends
	actions       []string // the sources of form-action
}

// newPolicy returns the policy of pages whose one style element holds css.
func newPolicy(css, logo string, allow []string) (policy, error) {
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
	p := policy{actions: sources["form-action"]}
	for _, name := range names {
		s := sources[name]
		if s == nil {
			continue
		}
		if p.whole != "" {
			p.whole += "; "
		}
		p.whole += name + " " + strings.Join(s, " ")
		if name == "form-action" {
			p.before = p.whole
		}
	}
	p.after = p.whole[len(p.before):]
	return p, errors.Join(errs...)
}

// allowing returns the policy of a page with these forms: the answers to them may
// redirect to their origins as well.
func (p *policy) allowing(forms []auth.Form) string {
	var more []string
	for _, f := range forms {
		for _, origin := range f.Origins {
			if origin = strings.ToLower(origin); isOrigin(origin) && !slices.Contains(p.actions, origin) {
				more = append(more, origin)
			}
		}
	}
	if more == nil {
		return p.whole
	}
	slices.Sort(more)
	return p.before + " " + strings.Join(slices.Compact(more), " ") + p.after
}

var originRE = regexp.MustCompile(`^https?://[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*(:([0-9]{1,5}))?$`)

// isOrigin reports whether s, in lower case, is a scheme, a host and perhaps a
// port, and nothing that a policy would read otherwise. IPv6 addresses are none: a
// policy has no way to write them.
func isOrigin(s string) bool {
	m := originRE.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	port := m[len(m)-1]
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && 0 < n && n < 1<<16
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
