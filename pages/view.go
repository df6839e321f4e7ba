package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A View is the dot of every template: the page with its texts chosen and
// everything worked out that HTML has no way to say. Templates can also call
//
//	text "id" "n" 3     the text, with {n} filled in
//	when .SeenAt        a time element
//	stylesheet          the style element, for the layout
//	template "main" .   the page, in the layout
type View struct {
	Page *auth.Page // as it was given to Render; its Data is the provider's, as for "keys", "key" and "accounts"

	Site  string       // Options.Site
	Home  string       // Options.Home, or the Manager's
	Logo  template.URL // Options.Logo
	Title string
	Lead  string // a sentence under the title, or ""
	User  string // what to call who is logged in, or ""

	Flashes  []Flash   // messages from before, oldest first
	Problem  *Problem  // what was wrong, or nil
	Forms    []Form    // in the order of the page
	Sessions []Session // that of the request first
	Others   bool      // whether Sessions has any but that of the request
	Ways     []Way
}

// Action returns where a form that posts to path, such as "/logout", is sent.
func (v *View) Action(path string) string { return v.Page.Action(path) }

// Link returns where path, such as "/register", is served, or "" if there is
// no such page here. It takes along where the visitor wanted to go.
func (v *View) Link(path string) string {
	link := v.Page.URL(path)
	if link != "" && v.Page.Next != "" {
		link += "?next=" + url.QueryEscape(v.Page.Next)
	}
	return link
}

// A Session is one login of the user.
type Session struct {
	ID      string // what to send to revoke it
	Label   string // the device
	Addr    string // or ""
	Current bool   // whether the request came with it
	// Remembered is whether the browser stays logged in after it is closed, see
	// [auth.Remember].
	Remembered bool
	SeenAt     time.Time
	BeganAt    time.Time
}

// A Way is something that the user logs in with or is found by.
type Way struct {
	Kind    string // of the credential
	Title   string
	Detail  string // which of that kind, or ""
	AddedAt time.Time
	UsedAt  time.Time // zero: not known
}

func (p *Pages) view(r *http.Request, page *auth.Page) *View {
	v := &View{
		Page:  page,
		Site:  p.opts.Site,
		Home:  p.opts.Home,
		Logo:  template.URL(p.opts.Logo), // checked by New
		Title: p.title(page),
		Lead:  p.lead(page),
		User:  p.user(page),
	}
	if v.Home == "" {
		v.Home = page.Home()
	}
	v.Forms = p.forms(r, page)
	v.Problem = p.problem(page, v.Forms)
	if v.Flashes = p.flashes(page); len(v.Flashes) > 0 {
		pointToFlashes(v.Forms)
	}
	for _, s := range page.Sessions {
		v.addSession(p.session(page, s))
	}
	for _, c := range page.Ways {
		v.Ways = append(v.Ways, p.way(page, c))
	}
	return v
}

func (p *Pages) title(page *auth.Page) string {
	if page.Name == "error" && page.Problem != nil {
		if s := p.texts.find("", "error.title."+page.Problem.Code); s != "" {
			return s
		}
	}
	if s := p.texts.find("", page.Name+".title"); s != "" {
		return s
	}
	if page.Title != "" {
		return page.Title
	}
	return p.texts.text("page.title")
}

func (p *Pages) lead(page *auth.Page) string {
	id := page.Name + ".lead"
	if _, ok := p.sets[page.Name]; !ok && p.texts.find("", id) == "" {
		id = "page.lead"
	}
	return p.texts.find("", id)
}

func (p *Pages) user(page *auth.Page) string {
	if page.Identity == nil {
		return ""
	}
	if p.opts.UserName != nil && page.Identity.User != nil {
		return p.opts.UserName(page.Identity.User)
	}
	return identifier(page)
}

// identifier returns what the user types to log in, as far as the page knows.
func identifier(page *auth.Page) string {
	for _, kind := range []string{"email", "username"} {
		for _, c := range page.Ways {
			if c.Kind == kind {
				return c.Key
			}
		}
	}
	return ""
}

func (p *Pages) session(page *auth.Page, s *auth.Session) Session {
	out := Session{ID: s.Handle(), Label: s.Label, SeenAt: s.SeenAt, BeganAt: s.CreatedAt}
	if out.Label == "" {
		out.Label = p.texts.text("sessions.unknown")
	}
	if s.Addr.IsValid() {
		out.Addr = s.Addr.String()
	}
	out.Remembered = slices.ContainsFunc(s.Proofs, func(proof auth.Proof) bool { return proof.Kind == "remember" })
	id := page.Identity
	out.Current = id != nil && id.Session != nil && id.Session.ID == s.ID
	return out
}

func (v *View) addSession(s Session) {
	if s.Current {
		v.Sessions = append([]Session{s}, v.Sessions...)
		return
	}
	v.Sessions = append(v.Sessions, s)
	v.Others = true
}

func (p *Pages) way(page *auth.Page, c auth.Credential) Way {
	w := Way{Kind: c.Kind, Detail: c.Label, AddedAt: c.CreatedAt, UsedAt: c.UsedAt}
	w.Title = p.texts.find(page.KindTitle(c.Kind), "way."+c.Kind)
	if w.Title == "" {
		w.Title = c.Label
	}
	if w.Detail == w.Title {
		w.Detail = ""
	}
	if w.Title == "" {
		w.Title = c.Kind
	}
	// Other keys are digests or numbers: nothing that a person knows.
	if w.Detail == "" && (c.Kind == "email" || c.Kind == "username") {
		w.Detail = c.Key
	}
	return w
}
