package pages

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Options change how the pages look. Every field is optional. They must not be
// changed once [New] has them.
type Options struct {
	// Site is the site's name, shown above each page and in its title.
	// Default: none.
	Site string

	// Home is a path on this site, where the site's name leads to.
	// Default: that of the Manager, auth.Options.Home.
	Home string

	// Logo is the site's logo: a path on this site, such as "/logo.svg", or a
	// data:image/ URL. It is shown 32 CSS pixels high. Default: none.
	Logo string

	// Texts replaces texts by id, see [Texts]. Values are plain text; {words}
	// in braces are filled in where the default has them. An id that starts
	// like those of a page built in and does not exist is an error.
	Texts map[string]string

	// Translations are the pages in other languages: texts by id, as in Texts, by the
	// language's tag (BCP 47), such as "de" or "pt-BR". A text that is missing is
	// that of Texts, or else the default. A provider's own words are English where
	// no text stands for them; those of the providers here all have one in [Texts].
	// [Translations] has the languages that are built in, such as German; a host that
	// says something else in one of them changes that map.
	// The tag is the text "html.lang"; "html.dir" is "rtl" for languages that are
	// written so, if it is not among the texts. Default: one language, that of Texts
	// and the defaults, which has the tag "html.lang" there, "en" if it says nothing.
	Translations map[string]map[string]string

	// Language returns the tag of the language in which to show a page to r, such as
	// what the user has chosen; "" leaves it to the browser. One that is not among
	// the Translations is cut short, "de-AT" to "de", and if that is not there either
	// the language is that of Texts. Default: what the browser prefers by its
	// Accept-Language (RFC 9110), which Vary then names.
	Language func(*http.Request) string

	// Templates replaces templates by the name of the file: "login.html" the
	// page "login", "page.html" the page for everything that has none of its
	// own, "layout.html" what is around them, and the parts "flash.html",
	// "problem.html", "form.html", "field.html", "again.html" and "nav.html". A file of any other name, "code.html",
	// is the page of that name. Copy one of the package's own to start from;
	// its dot is a [View]. Only files that end in ".html" at the root are read.
	// Default: none.
	Templates fs.FS

	// CSS is added after the built-in stylesheet, whose colours are custom
	// properties at its top. To change those of links and buttons:
	//
	//	:root { --accent: #0f766e; --fill: #0f766e }
	//	@media (prefers-color-scheme: dark) { :root { --accent: #5eead4 } }
	//
	// Default: none.
	CSS string

	// Allow adds sources to the Content-Security-Policy, for a layout that
	// loads something: "style-src 'self'", "font-src 'self'". Each is a
	// directive that ends in -src, or form-action, and its sources. Sources
	// that would undo the policy ('unsafe-inline', *) are refused.
	// Default: none.
	Allow []string

	// UserName returns what to call a user who is logged in. Default: the
	// e-mail address or user name that the page has in Ways; without one the
	// pages do not say who is logged in.
	UserName func(auth.User) string

	// Location is the time zone in which times are shown. Default: UTC.
	Location *time.Location
}

// check reports what is wrong with the fields that are used as they are.
func (o *Options) check() (errs []error) {
	if !localPath(o.Home) && o.Home != "" {
		errs = append(errs, errors.New(`pages: Options.Home: want a path on this site, such as "/"`))
	}
	if !localPath(o.Logo) && o.Logo != "" && !isDataImage(o.Logo) {
		errs = append(errs, errors.New(`pages: Options.Logo: want a path on this site, such as "/logo.svg", or a data:image/ URL`))
	}
	if strings.Contains(strings.ToLower(o.CSS), "</style") {
		errs = append(errs, errors.New(`pages: Options.CSS: "</style" would end the stylesheet: remove it`))
	}
	if o.Language != nil && len(o.Translations) == 0 {
		errs = append(errs, errors.New("pages: Options.Language: there is nothing to choose from: give Translations as well, or leave it out"))
	}
	return errs
}

func localPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.ContainsAny(s, "\\ \t\r\n\x00")
}

func isDataImage(s string) bool { return strings.HasPrefix(s, "data:image/") }

func (o *Options) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}
