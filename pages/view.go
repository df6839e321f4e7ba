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
//	event "login"       what an event of that name is, in words
//	device .Label       what auth calls a device, in words
//	addr .Addr          a netip.Addr, or "" if it is none
//	stylesheet          the style element, for the layout
//	template "main" .   the page, in the layout
type View struct {
	Page *auth.Page // as it was given to Render; its Data is the provider's, as for "keys", "key" and "accounts"

	Site  string       // Options.Site
	Home  string       // Options.Home, or the Manager's
	Logo  template.URL // Options.Logo
	Title string
	Lead  string // a sentence under the title, or ""
	Again string // where to get another link if that which has led here is not good, or ""
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
	// Unverified is whether it is an address of which nobody has shown yet that it is
	// theirs.
	Unverified bool
}

func (p *Pages) view(r *http.Request, page *auth.Page) *View {
	page = withoutSpent(page)
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
	if spent(page) {
		v.Again = v.Link(again[page.Name])
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

// again says on which page one can ask for the link that leads to another.
var again = map[string]string{"reset": "/forgot", "verify": "/verify", "email": "/email", "link": "/link"}

// withoutSpent returns the page without what can be sent with the link that has led to
// it, if that is not good any more.
func withoutSpent(page *auth.Page) *auth.Page {
	if page.Problem == nil || page.Problem.Code != "link_invalid" {
		return page
	}
	left := *page
	left.Forms = slices.DeleteFunc(slices.Clone(page.Forms), usesLink)
	return &left
}

// spent reports whether the link that has led to the page is not good, and the page
// has nothing else to offer.
func spent(page *auth.Page) bool {
	return page.Problem != nil && len(page.Forms) == 0 && (page.Problem.Code == "link_invalid" || page.Problem.Code == "wrong_browser")
}

func (p *Pages) title(page *auth.Page) string {
	if page.Problem != nil && (page.Name == "error" || spent(page)) {
		if s := p.texts.find("", "error.title."+page.Problem.Code); s != "" {
			return s
		}
	}
	if s := p.texts.find("", p.about(page, "title")...); s != "" {
		return s
	}
	if page.Title != "" {
		return page.Title
	}
	return p.texts.text("page.title")
}

func (p *Pages) lead(page *auth.Page) string {
	if spent(page) {
		return ""
	}
	ids := p.about(page, "lead")
	if _, ok := p.sets[page.Name]; !ok {
		ids = append(ids, "page.lead")
	}
	return p.texts.find("", ids...)
}

// about returns the ids of a text about the page as it is, the particular one first.
func (p *Pages) about(page *auth.Page, what string) (ids []string) {
	id := page.Name + "." + what
	if len(page.Forms) > 0 {
		ids = variants(id, page.Forms[0])
	}
	return append(ids, id)
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
	out := Session{ID: s.Handle(), Label: p.device(s.Label), SeenAt: s.SeenAt, BeganAt: s.CreatedAt}
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
	w := Way{Kind: c.Kind, Detail: c.Label, AddedAt: c.CreatedAt, UsedAt: c.UsedAt, Unverified: c.Kind == "email" && c.VerifiedAt.IsZero()}
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
