package pages

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/internal/language"
)

// languages are the pages in each language, by its tag in lower case.
type languages struct {
	tags language.Set
	in   map[string]*Pages
}

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
		if !language.IsTag(tag) {
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
		if language.RightToLeft(key) {
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
			if tag, ok := p.languages.tags.Lookup(strings.ToLower(tag)); ok {
				return p.languages.in[tag], false
			}
			return p, false
		}
	}
	if tag, ok := p.languages.tags.Match(r.Header["Accept-Language"]); ok {
		return p.languages.in[tag], true
	}
	return p, true
}
