package mail

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// A voice is the mail in one language.
type voice struct {
	site     string
	location *time.Location
	texts    map[string]string
	sets     *sets
}

// A View is the dot of a template: a message in words. All of it is plain text, which
// html/template escapes.
type View struct {
	ID       string // "account.verify"
	Language string // a BCP 47 tag, for the attribute lang
	Dir      string // "ltr" or "rtl"
	Site     string
	Subject  string
	Lead     []string // paragraphs: what this is about
	Facts    []Fact   // when, from where; none if they are not known
	Button   string   // what Link does; "" if there is no link
	Link     string
	LinkHint string // what to do if a button does not work
	Code     string // to be typed in place of following the link, or ""
	CodeHint string
	Note     []string          // paragraphs: how long it is good, and what to do if it was not you
	Footer   []string          // paragraphs below every message
	Data     map[string]string // what was given, each value on one line
}

// A Fact is something about what has happened.
type Fact struct{ Label, Value string }

// parts are what the texts of a message can be, behind its id.
func parts() []string { return []string{"subject", "lead", "button", "note"} }

// facts are the data that are shown one on a line, in this order.
func facts() []string { return []string{"what", "at", "until", "device", "addr"} }

// render makes the message that d says.
func (v *voice) render(d *Draft) (*Message, error) {
	view, err := v.view(d)
	if err != nil {
		return nil, err
	}
	m := &Message{ID: d.ID, To: d.To, Language: view.Language, Data: view.Data, Subject: view.Subject}
	var text, html bytes.Buffer
	if err := v.sets.text(d.ID).ExecuteTemplate(&text, textLayout, view); err != nil {
		return nil, fmt.Errorf("mail: rendering %q: %w", d.ID, err)
	}
	if err := v.sets.html(d.ID).ExecuteTemplate(&html, htmlLayout, view); err != nil {
		return nil, fmt.Errorf("mail: rendering %q: %w", d.ID, err)
	}
	m.Text, m.HTML = blankRE.ReplaceAllString(strings.TrimSpace(text.String()), "\n\n")+"\n", html.String()
	return m, nil
}

// blankRE is more than one empty line, which templates easily leave.
var blankRE = regexp.MustCompile(`\n{3,}`)

func (v *voice) view(d *Draft) (*View, error) {
	subject, ok := v.texts[d.ID+".subject"]
	if !ok {
		return nil, fmt.Errorf("mail: there is no text %q", d.ID+".subject")
	}
	f := filler{data: map[string]string{"address": oneLine(d.To), "site": v.site}, isolate: v.texts["html.dir"] == "rtl"}
	for name, value := range d.Data {
		switch {
		case isLink(name):
			if oneLine(value) != value {
				return nil, fmt.Errorf("mail: rendering %q: {%s} is not one line", d.ID, name)
			}
		case name == "at" || name == "until":
			value = v.when(oneLine(value))
		case name == "device":
			value = v.device(unlinked(oneLine(value)))
		case name == "what":
			value = v.what(unlinked(oneLine(value)))
		default:
			value = unlinked(oneLine(value))
		}
		if value != "" || f.data[name] == "" {
			f.data[name] = value
		}
	}
	view := &View{ID: d.ID, Language: v.texts["html.lang"], Dir: v.texts["html.dir"], Site: v.site, Data: f.data,
		Subject: f.fill(subject), Lead: f.paragraphs(v.text(d.ID, "lead")), Note: f.paragraphs(v.text(d.ID, "note")),
		Footer: f.paragraphs(v.texts["mail.footer"])}
	for _, name := range facts() {
		if value := f.data[name]; value != "" {
			view.Facts = append(view.Facts, Fact{f.fill(v.text(d.ID, "fact."+name)), f.fill("{" + name + "}")})
		}
	}
	if link := d.Data["link"]; link != "" {
		view.Link, view.Button, view.LinkHint = link, f.fill(v.text(d.ID, "button")), f.fill(v.texts["mail.link"])
	}
	if code := f.data["code"]; code != "" {
		view.Code, view.CodeHint = code, f.fill(v.texts["mail.code"])
	}
	if f.missing != "" {
		return nil, fmt.Errorf("mail: rendering %q: nothing is given for {%s}", d.ID, f.missing)
	}
	return view, nil
}

// text returns the text of a message, or what all notices, or all messages, say there.
func (v *voice) text(id, part string) string {
	if s, ok := v.texts[id+"."+part]; ok {
		return s
	}
	if strings.HasPrefix(id, "notice.") {
		if s, ok := v.texts["notice."+part]; ok {
			return s
		}
	}
	if s, ok := v.texts[part]; ok { // "fact.at"
		return s
	}
	return v.texts["mail."+part]
}

// when lays a time out that is said by RFC 3339, and leaves alone what is none.
func (v *voice) when(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.In(v.location).Format(v.texts["time.layout"])
}

// device says in words what auth calls a device, which is English, and leaves alone what
// is none of these.
func (v *voice) device(label string) string {
	if label == "Unknown device" {
		return v.texts["device.unknown"]
	}
	browser, system, ok := strings.Cut(label, " on ")
	if !ok {
		return label
	}
	f := filler{data: map[string]string{"browser": browser, "system": system}, isolate: v.texts["html.dir"] == "rtl"}
	return f.fill(v.texts["device.named"])
}

// what says in words what is called by the name of its kind, and leaves alone what has a
// name of its own.
func (v *voice) what(name string) string {
	if s, ok := v.texts["what."+name]; ok {
		return s
	}
	return name
}

// check returns what is wrong with the texts themselves.
func (v *voice) check() (errs []error) {
	lang := v.texts["html.lang"]
	if dir := v.texts["html.dir"]; dir != "ltr" && dir != "rtl" {
		errs = append(errs, fmt.Errorf("mail: the text \"html.dir\" of %q is %q: make it ltr or rtl", lang, dir))
	}
	for id, s := range v.texts {
		if strings.HasSuffix(id, ".subject") && strings.ContainsFunc(s, unicode.IsControl) {
			errs = append(errs, fmt.Errorf("mail: the text %q of %q is not one line", id, lang))
		}
	}
	return errs
}

var placeholderRE = regexp.MustCompile(`\{[a-z_]+\}`)

// A filler puts data where texts have {words}.
type filler struct {
	data    map[string]string
	isolate bool
	missing string // the first {word} without data
}

func (f *filler) fill(text string) string {
	return placeholderRE.ReplaceAllStringFunc(text, func(word string) string {
		name := word[1 : len(word)-1]
		value, ok := f.data[name]
		if !ok && f.missing == "" {
			f.missing = name
		}
		if f.isolate { // or an address would be torn apart among words that run the other way
			return "\u2068" + value + "\u2069"
		}
		return value
	})
}

func (f *filler) paragraphs(text string) (list []string) {
	for p := range strings.SplitSeq(text, "\n\n") {
		if p != "" {
			list = append(list, f.fill(p))
		}
	}
	return list
}
