package pages

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// languages are the pages in each language, by its tag in lower case.
type languages struct {
	tags []string // in lower case and in order
	in   map[string]*Pages
}

var tagRE = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// rightToLeft are languages that are written so, unless their tag or the host says
// otherwise.
var rightToLeft = []string{"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

// translate makes the pages of each language: p with other texts.
func (p *Pages) translate(css string) error {
	if len(p.opts.Translations) == 0 {
		return nil
	}
	p.languages.in = map[string]*Pages{strings.ToLower(p.texts.text("html.lang")): p}
	var errs []error
	for _, tag := range slices.Sorted(maps.Keys(p.opts.Translations)) {
		bad := func(err error) { errs = append(errs, fmt.Errorf("pages: Options.Translations[%q]: %w", tag, err)) }
		key := strings.ToLower(tag)
		if !tagRE.MatchString(tag) {
			bad(errors.New(`want the tag of a language, such as "de" or "pt-BR"`))
			continue
		}
		if p.languages.in[key] != nil {
			bad(fmt.Errorf("these texts are there twice: those of %q are in Options.Texts, or differ in case only", key))
			continue
		}
		texts := maps.Clone(p.opts.Texts)
		if texts == nil {
			texts = map[string]string{}
		}
		texts["html.lang"], texts["html.dir"] = tag, "ltr"
		if primary, _, _ := strings.Cut(key, "-"); slices.Contains(rightToLeft, primary) {
			texts["html.dir"] = "rtl"
		}
		maps.Copy(texts, p.opts.Translations[tag])
		for _, id := range p.texts.unknown(p.opts.Translations[tag]) {
			bad(fmt.Errorf("there is no text %q, see pages.Texts", id))
		}
		in := &Pages{opts: p.opts, csp: p.csp, texts: catalogue{host: texts, english: p.texts.english}}
		var err error
		if in.sets, err = parse(p.opts.Templates, in.funcs(css)); err != nil {
			return errors.Join(errs...) // New has reported it for the pages without translation
		}
		p.languages.in[key] = in
	}
	p.languages.tags = slices.Sorted(maps.Keys(p.languages.in))
	return errors.Join(errs...)
}

// speaking returns the pages in the language for r, and whether they depend on what
// its Accept-Language says.
func (p *Pages) speaking(r *http.Request) (in *Pages, accept bool) {
	if p.languages.in == nil {
		return p, false
	}
	if p.opts.Language != nil {
		if tag := p.opts.Language(r); tag != "" {
			if tag, ok := p.languages.lookup(strings.ToLower(tag)); ok {
				return p.languages.in[tag], false
			}
			return p, false
		}
	}
	for _, wanted := range acceptLanguage(r.Header["Accept-Language"]) {
		if wanted == "*" {
			break
		}
		if tag, ok := p.languages.lookup(wanted); ok {
			return p.languages.in[tag], true
		}
	}
	return p, true
}

// maxTag bounds a language range: RFC 5646, section 4.4.1, has no longer tags.
const maxTag = 35

// lookup returns the language for the range wanted, in lower case: itself, or what
// is left of it when its end is cut off (RFC 4647, section 3.4), or a language that
// is wanted more exactly than it was said, "pt-br" for "pt".
func (l *languages) lookup(wanted string) (tag string, ok bool) {
	if len(wanted) > maxTag {
		return "", false
	}
	for rest := wanted; rest != ""; {
		if _, ok := l.in[rest]; ok {
			return rest, true
		}
		rest = rest[:max(0, strings.LastIndexByte(rest, '-'))]
	}
	for _, tag := range l.tags {
		if strings.HasPrefix(tag, wanted+"-") {
			return tag, true
		}
	}
	return "", false
}

// maxRanges bounds how many languages are read from a header: browsers send a
// handful.
const maxRanges = 20

// acceptLanguage returns the language ranges of Accept-Language (RFC 9110, section
// 12.5.4) in lower case, the most wanted first, without those that are not wanted.
func acceptLanguage(lines []string) []string {
	type entry struct {
		name string
		q    float64
	}
	var entries []entry
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			e := entry{strings.ToLower(strings.TrimSpace(name)), 1}
			if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
				if q, err := strconv.ParseFloat(v, 64); err == nil && q >= 0 && q <= 1 {
					e.q = q
				}
			}
			if e.name != "" && e.q > 0 && len(entries) < maxRanges {
				entries = append(entries, e)
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.q, a.q) })
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.name
	}
	return names
}
