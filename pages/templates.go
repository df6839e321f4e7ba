package pages

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed html/*.html
var builtin embed.FS

//go:embed style.css
var style string

const (
	layout  = "layout.html" // what is around every page
	main    = "main"        // what the layout calls the page in it
	generic = "page"        // the page for names that have none of their own
)

// parts are the templates that pages share.
func parts() []string {
	return []string{"flash.html", "problem.html", "form.html", "field.html", "again.html", "nav.html"}
}

// parse returns a set of templates per page: the layout, the parts and the
// page as "main". Files of custom replace the package's own. See unescapable as well.
func parse(custom fs.FS, funcs template.FuncMap) (map[string]*template.Template, error) {
	own, err := fs.Sub(builtin, "html")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	if err := read(own, files); err != nil {
		return nil, err
	}
	if custom != nil {
		if err := read(custom, files); err != nil {
			return nil, fmt.Errorf("pages: Options.Templates: %w", err)
		}
	}
	base := template.New("").Funcs(funcs)
	var errs []error
	for _, name := range append(parts(), layout) {
		if _, err := base.New(name).Parse(files[name]); err != nil {
			errs = append(errs, fmt.Errorf("pages: Options.Templates: %w", err))
		}
		delete(files, name)
	}
	if errs != nil { // or every page would report them again
		return nil, errors.Join(errs...)
	}
	sets := map[string]*template.Template{}
	for file, text := range files {
		set, err := page(base, file, text)
		if err != nil {
			errs = append(errs, fmt.Errorf("pages: Options.Templates: %w", err))
			continue
		}
		sets[strings.TrimSuffix(file, ".html")] = set
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return sets, errors.Join(errs...)
}

func read(from fs.FS, into map[string]string) error {
	names, err := fs.Glob(from, "*.html")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		into[path.Base(name)] = string(text)
	}
	return nil
}

func page(base *template.Template, file, text string) (*template.Template, error) {
	set, err := base.Clone()
	if err != nil {
		return nil, err
	}
	// Under the file's own name, so that errors have it.
	if _, err := set.New(file).Parse(text); err != nil {
		return nil, err
	}
	if _, err := set.AddParseTree(main, set.Lookup(file).Tree); err != nil {
		return nil, err
	}
	return set, nil
}

// unescapable returns what is wrong with templates that can be parsed. Escaping is done,
// and its faults are found, when a template is first run. Without a View it cannot run to
// the end, which says nothing.
func unescapable(sets map[string]*template.Template) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		err := sets[name].ExecuteTemplate(io.Discard, layout, nil)
		if fault := (*template.Error)(nil); errors.As(err, &fault) {
			errs = append(errs, fmt.Errorf("pages: Options.Templates: %w", fault))
		}
	}
	return errors.Join(errs...)
}

// stylesheet returns what stands in the style element, byte for byte.
func stylesheet(extra string) string {
	if extra == "" {
		return style
	}
	return style + "\n" + extra
}

// funcs are what every template can call.
func (p *Pages) funcs(css string) template.FuncMap {
	return template.FuncMap{
		// text returns the text with the given id; pairs fill in its {words}.
		"text": func(id string, pairs ...any) string { return p.texts.text(id, pairs...) },
		// when shows a time.
		"when": p.when,
		// event says in words what an [auth.Event] of that name is.
		"event": p.event,
		// device says in words what auth calls a device.
		"device": p.device,
		// addr shows a netip.Addr, and nothing if it is none.
		"addr": addr,
		// stylesheet is the style element. It is made here, whole, so that no
		// layout can change a byte of what the policy names by its hash.
		"stylesheet": func() template.HTML { return template.HTML("<style>" + css + "</style>") },
	}
}

func (p *Pages) event(name string) string {
	var ids []string
	for rest := name; rest != ""; rest = rest[:max(0, strings.LastIndexByte(rest, '.'))] {
		ids = append(ids, "activity.event."+rest)
	}
	return p.texts.find("", append(ids, "activity.unknown")...)
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (p *Pages) when(t time.Time) template.HTML {
	t = t.In(p.opts.location())
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` +
		template.HTMLEscapeString(t.Format(p.texts.text("time.layout"))) + `</time>`)
}
