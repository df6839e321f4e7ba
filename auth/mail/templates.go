package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	texttemplate "text/template"
)

//go:embed templates
var builtin embed.FS

const (
	textLayout = "layout.txt"
	htmlLayout = "layout.html"
	generic    = "message" // what is in every message that has no template of its own
	main       = "main"    // what the layouts call it
)

// sets are the templates of each message, by its id, and of all others.
type sets struct {
	texts map[string]*texttemplate.Template
	htmls map[string]*htmltemplate.Template
}

func (s *sets) text(id string) *texttemplate.Template {
	if t := s.texts[id]; t != nil {
		return t
	}
	return s.texts[generic]
}

func (s *sets) html(id string) *htmltemplate.Template {
	if t := s.htmls[id]; t != nil {
		return t
	}
	return s.htmls[generic]
}

// parse reads the templates: files of custom replace the package's own.
func parse(custom fs.FS) (*sets, error) {
	own, err := fs.Sub(builtin, "templates")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	if err := read(own, files); err != nil {
		return nil, err
	}
	if custom != nil {
		if err := read(custom, files); err != nil {
			return nil, fmt.Errorf("mail: Options.Templates: %w", err)
		}
	}
	s := &sets{map[string]*texttemplate.Template{}, map[string]*htmltemplate.Template{}}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == textLayout || name == htmlLayout {
			continue
		}
		if err := s.add(name, files); err != nil {
			errs = append(errs, fmt.Errorf("mail: Options.Templates: %w", err))
		}
	}
	return s, errors.Join(errs...)
}

func read(from fs.FS, into map[string]string) error {
	for _, pattern := range []string{"*.html", "*.txt"} {
		names, err := fs.Glob(from, pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			text, err := fs.ReadFile(from, name)
			if err != nil {
				return err
			}
			into[name] = string(text)
		}
	}
	return nil
}

// add parses a message's template with the layout around it, and runs it once: html/template
// finds faults only then.
func (s *sets) add(name string, files map[string]string) error {
	if id, ok := strings.CutSuffix(name, ".txt"); ok {
		t := texttemplate.New("").Option("missingkey=zero")
		for _, file := range [][2]string{{textLayout, files[textLayout]}, {name, files[name]}, {main, files[name]}} {
			if _, err := t.New(file[0]).Parse(file[1]); err != nil {
				return err
			}
		}
		s.texts[id] = t
		return t.ExecuteTemplate(io.Discard, textLayout, sample())
	}
	t := htmltemplate.New("").Option("missingkey=zero")
	for _, file := range [][2]string{{htmlLayout, files[htmlLayout]}, {name, files[name]}, {main, files[name]}} {
		if _, err := t.New(file[0]).Parse(file[1]); err != nil {
			return err
		}
	}
	s.htmls[strings.TrimSuffix(name, ".html")] = t
	return t.ExecuteTemplate(io.Discard, htmlLayout, sample())
}

// sample is a View with something in every field, to try templates with.
func sample() *View {
	data := map[string]string{}
	for _, name := range []string{"link", "address", "new_address", "code", "device", "addr", "at", "until", "what", "site"} {
		data[name] = name
	}
	return &View{ID: "sample", Language: "en", Dir: "ltr", Site: "site", Subject: "subject", Lead: []string{"lead"}, Facts: []Fact{{"label", "value"}},
		Button: "button", Link: "https://app.example/", LinkHint: "hint", Code: "00000000", CodeHint: "hint", Note: []string{"note"}, Footer: []string{"footer"}, Data: data}
}
