package mail

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/internal/language"
)

// voices are the mail in each language, by its tag in lower case.
type voices struct {
	first *voice // for whoever wants a language that is not there
	tags  language.Set
	byTag map[string]*voice
}

func newVoices(site string, o *Options) (*voices, error) {
	texts := Texts()
	errs := unknownTexts("Options.Texts", o.Texts)
	maps.Copy(texts, o.Texts)
	sets, err := parse(o.Templates)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	v := &voices{first: &voice{site: site, location: o.Location, texts: texts, sets: sets}}
	v.byTag = map[string]*voice{strings.ToLower(texts["html.lang"]): v.first}
	for _, tag := range slices.Sorted(maps.Keys(o.Translations)) {
		field, key := fmt.Sprintf("Options.Translations[%q]", tag), strings.ToLower(tag)
		if !language.IsTag(tag) {
			errs = append(errs, fmt.Errorf("mail: %s: want the tag of a language, such as \"de\" or \"pt-BR\"", field))
			continue
		}
		if v.byTag[key] != nil {
			errs = append(errs, fmt.Errorf("mail: %s: these texts are there twice: those of %q are in Options.Texts, or differ in case only", field, key))
			continue
		}
		errs = append(errs, unknownTexts(field, o.Translations[tag])...)
		in := *v.first
		in.texts = maps.Clone(texts)
		in.texts["html.lang"], in.texts["html.dir"] = tag, "ltr"
		if language.RightToLeft(key) {
			in.texts["html.dir"] = "rtl"
		}
		maps.Copy(in.texts, o.Translations[tag])
		v.byTag[key] = &in
	}
	v.tags = slices.Sorted(maps.Keys(v.byTag))
	for _, key := range v.tags {
		errs = append(errs, v.byTag[key].check()...)
	}
	return v, errors.Join(errs...)
}

// match returns the language that the lines of an Accept-Language want most.
func (v *voices) match(lines []string) string {
	if tag, ok := v.tags.Match(lines); ok {
		return tag
	}
	return strings.ToLower(v.first.texts["html.lang"])
}

// in returns the mail in the language of the tag, or the first if there is none.
func (v *voices) in(tag string) *voice {
	if key, ok := v.tags.Lookup(strings.ToLower(tag)); ok {
		return v.byTag[key]
	}
	return v.first
}

// unknownTexts reports ids that nothing can use. Messages of a host's own cannot be known
// here, but for what the ids of their texts end in.
func unknownTexts(field string, texts map[string]string) (errs []error) {
	own := Texts()
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		_, ok := own[id]
		if message, part := cutLast(id); !ok && slices.Contains(parts(), part) {
			ok = !slices.Contains([]string{"", "html", "time", "mail", "fact", "notice"}, message)
		} else if of, isFact := strings.CutSuffix(message, ".fact"); !ok && isFact {
			ok = of != "" && slices.Contains(facts(), part)
		}
		if !ok {
			errs = append(errs, fmt.Errorf("mail: %s: there is no text %q, see mail.Texts", field, id))
		}
	}
	return errs
}

func cutLast(id string) (before, after string) {
	i := strings.LastIndexByte(id, '.')
	return id[:max(i, 0)], id[i+1:]
}
