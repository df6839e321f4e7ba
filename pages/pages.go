// Package pages shows Gatehouse's pages as HTML: logging in, registering, the
// account, its sessions, changing the password, confirming who one is, what is asked
// for here and answered by mail, what has happened to the account, errors,
// and any page of a provider's own. It is an [auth.Pages], to be given to
// auth.New in Options; [New] is where to start.
//
// The pages need no JavaScript and load nothing: one stylesheet stands in each
// page and a strict Content-Security-Policy names it by its hash. They are made
// for keyboards, screen readers and password managers, for small screens and
// large, light and dark.
//
// Everything can be replaced: each text by its id (see [Texts]), in as many
// languages as there are Options.Translations (German is built in: [Translations]), each page, the layout and the parts
// they share by file name, the colours by a line of CSS.
// What a template is given is a [View].
//
// It is not a template engine for the host's pages, and it decides nothing:
// what a page has on it is what the [auth.Page] says.
package pages

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Pages is an [auth.Pages]. It may be used concurrently.
type Pages struct {
	opts  Options
	texts catalogue
	sets  map[string]*template.Template // by the page's name
	csp   policy
	err   error

	languages languages
}

// New makes pages; opts may be nil. It does not fail, so that it can stand in
// the options of auth.New, which asks Validate.
func New(opts *Options) *Pages {
	p := &Pages{}
	if opts != nil {
		p.opts = *opts
	}
	var errs []error
	p.texts, errs = newCatalogue(p.opts.Texts)
	errs = append(errs, p.opts.check()...)

	css := stylesheet(p.opts.CSS)
	var err error
	p.csp, err = newPolicy(css, p.opts.Logo, p.opts.Allow)
	errs = append(errs, err)
	p.sets, err = parse(p.opts.Templates, p.funcs(css))
	errs = append(errs, err, unescapable(p.sets), p.translate(css))

	p.err = errors.Join(errs...)
	return p
}

// Validate returns everything that is wrong with the options, naming each
// field, or nil.
func (p *Pages) Validate() error { return p.err }

// Render answers with the page. A page without a template of its own gets the
// one of "page", which shows any form. It sets the headers that a page with
// secrets in its forms needs, and leaves all others alone. The policy lets forms be
// sent to this site only, and answered with redirects to it and to the Origins of
// the page's forms; what is not a scheme ("https" or "http"), a host and perhaps a
// port is left out of it.
//
// It writes nothing and sets no header if it returns an error: that of
// Validate, or what a replaced template met.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, page *auth.Page) error {
	if p.err != nil {
		return p.err
	}
	status := page.Status
	if status == 0 {
		status = http.StatusOK
	}
	if status < 200 || status > 999 {
		return fmt.Errorf("pages: status %d is none that a page can have", status)
	}
	in, accept := p.speaking(r)
	set, ok := in.sets[page.Name]
	if !ok {
		set = in.sets[generic]
	}
	var body bytes.Buffer // so that a failure is not half a page
	if err := set.ExecuteTemplate(&body, layout, in.view(r, page)); err != nil {
		return fmt.Errorf("pages: %s: %w", page.Name, err)
	}

	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Content-Security-Policy", p.csp.allowing(page.Forms))
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	// Not no-referrer: with it browsers send "Origin: null" with a form, which
	// those without Sec-Fetch-Site then have nothing to set against.
	if h.Get("Referrer-Policy") == "" { // whoever has a secret in the address has said so
		h.Set("Referrer-Policy", "same-origin")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if len(p.opts.Translations) > 0 {
		h.Set("Content-Language", in.texts.text("html.lang"))
	}
	if accept {
		h.Add("Vary", "Accept-Language")
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // the visitor has gone: nobody to tell
	}
	return nil
}
