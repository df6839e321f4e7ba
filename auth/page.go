package auth

import "net/http"

// Pages renders HTML. Package pages has one; without any, Gatehouse speaks
// JSON only.
type Pages interface {
	// Render answers with the page and p.Status. It writes nothing if it
	// returns an error.
	Render(w http.ResponseWriter, r *http.Request, p *Page) error
}

// A Page is what a page shows, without saying how it looks.
type Page struct {
	Name     string   // "login", "register", "password", "confirm", "account", "sessions", "error", or a provider's own
	Title    string   // in English, for a provider's own page; pages may translate by Name
	Status   int      // 0 is 200
	Problem  *Problem // what was wrong with what was sent, or nil
	Forms    []Form
	Next     string       // a safe path to go to afterwards, or ""
	Identity *Identity    // who is logged in, or nil
	Sessions []*Session   // on "sessions": live ones, newest first
	Flashes  []Flash      // messages from before
	Data     any          // what a provider's own page is about; as JSON, what clients that want JSON get
	Ways     []Credential // on "account": how the user can log in or be found; on any page of a user's at least the latter. Without Data

	m *Manager
}

// URL returns where path, such as "/register", is served, or "" if this
// composition has no such page. Templates use it for links.
func (p *Page) URL(path string) string {
	if p.m == nil {
		return ""
	}
	return p.m.URL(path)
}

// Home returns where a visitor who has nowhere else to go is sent.
func (p *Page) Home() string {
	if p.m == nil {
		return "/"
	}
	return p.m.opts.Home
}

// Action returns where a form that posts to path, such as "/logout", is to be
// sent.
func (p *Page) Action(path string) string {
	if p.m == nil {
		return path
	}
	return p.m.prefix + path
}

// KindTitle returns what people call credentials of a kind, in English, as their
// [Owner] says: "GitHub" for "oauth:github"; "" if it says nothing.
func (p *Page) KindTitle(kind string) string {
	if p.m == nil {
		return ""
	}
	return p.m.titles[kind]
}

// A Form is a form on a page: a POST to Action.
type Form struct {
	Name   string // "password"
	Action string // a path below the prefix: "/login"
	Submit string // the button's text in English; pages may translate by Name
	Fields []Field
	// Origins are other sites, "https://github.com", that the answer to the form
	// may redirect to. Browsers that apply a page's form-action (CSP) to redirects
	// as well refuse to go there unless the page names them.
	Origins []string
}

// A Field is an input of a [Form].
type Field struct {
	Name         string // as it is sent: "email"
	Label        string // in English; pages may translate by Name
	Hint         string // in English, or ""
	Type         string // of the HTML input: "email", "password", "text", "checkbox", "hidden"
	Autocomplete string // the HTML autofill token: "username", "current-password"
	Value        string // to be shown again; never a secret
	Optional     bool
	MinLength    int // in characters; 0: no minimum
	MaxLength    int // in characters; 0: no maximum
}
