package auth

import (
	"context"
	"net/http"
)

// A Provider is a way for users to prove who they are. It is given to [New] in
// [Options], so that New sees the whole composition, and serves its own routes
// below [Options.Prefix].
//
// A handler that has a proof calls [Manager.LogIn] and ends with
// [Manager.Finish]; input that it refuses is a [Problem], answered by
// [Manager.Answer].
//
// Optional interfaces on a provider: [Factor], [Owner], [FormProvider], and
//
//	WrapCredentials(CredentialStore) CredentialStore
//
// for one whose credentials are kept by the host, and
//
//	CrossSite() []string
//
// for one with routes that browsers send to from another site, such as an
// authorization response by form_post. It returns patterns of its own,
// "POST /name/answer", as it mounts them, without {names}; New calls it after Mount.
// Their origin is not checked, if method and path are these to the byte. In return
// such a request is nobody's, wherever it comes from and whatever it carries: its
// cookies are taken away, no [RequestLoader] is asked, nobody remembered is logged in,
// and [Manager.LogIn] and [Manager.Reauthenticate] fail. All that the route can
// do is to check what was sent, keep it, and redirect (303) to a GET of the
// provider's, which comes with the browser's cookies. Another Manager's Handler around
// it checks its origin as ever.
//
// A provider may also have any of
//
//	Run(ctx context.Context) error
//	Record(ctx context.Context, e Event, changes []Change) error
//	Observe(ctx context.Context, e Event)
//	Admit(ctx context.Context, u User, proofs []Proof) error
//
// Run is work in the background, which [Manager.Run] starts; it returns when ctx ends.
// Record is told of "registered", of "device.added" and of every event with consequences
// ([Manager.Apply]), inside the transaction of the change if the store has one, after it
// is made: what it writes with ctx is kept with the change or not at all, and its error
// undoes the change (for "device.added", which changes nothing, it is logged). Without
// transactions it is told after the change. Observe is told of every
// event, as [Options.Events] are. Admit is asked at every login as
// [Options.BeforeLogIn] is, before it, and again once there is a session.
//
// A provider that is also a [RequestLoader] goes into [Options.Loaders] as well,
// which says in what order they are asked.
type Provider interface {
	// Name is unique in a Manager, in lower-case letters, digits and hyphens:
	// it is the Method of its proofs and may be a part of its paths.
	Name() string

	// Mount adds the provider's routes to mux, patterns such as "POST /login",
	// without prefix. It is called once, by New. It returns an error if
	// something that it needs is missing, saying what.
	Mount(m *Manager, mux Mux) error
}

// A Mux is what [http.ServeMux] and chi.Router have in common. Patterns are a
// method, a space and a path of literal segments and {names}.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// A Factor is a provider that can be demanded on top of another. The gate asks
// it at every login. Its page is at GET /<name>.
type Factor interface {
	Provider
	// Owed reports whether u, having given proofs, still owes this factor. An
	// error is an outage and nobody is logged in.
	Owed(ctx context.Context, u User, proofs []Proof) (bool, error)
}

// An Owner is a provider that keeps credentials. Two providers cannot own the
// same kind.
type Owner interface {
	Kinds() []Kind
}

// A Kind is a kind of credential and what it is for.
type Kind struct {
	Name  string // "password"; "oauth:github" of a provider that has several
	Role  Role
	Title string // for people, in English: "GitHub"; pages may translate by Name. Or ""
	// Consequences are what becomes of a user's credentials of this kind, by event:
	// see [Manager.Apply]. An event that is not in it does nothing to them, except
	// that "account.reclaimed" drops others, if they are no Identifier: a kind of which that
	// is forgotten must not let in who had the account before.
	Consequences map[string]Fate
}

// A Role is what a kind of credential is for.
type Role string

// The roles. Only a [FirstFactor] is a way in: the last of a user cannot be
// removed.
const (
	Identifier   Role = "identifier"
	FirstFactor  Role = "first factor"
	SecondFactor Role = "second factor"
	Device       Role = "device"
	Token        Role = "token" // acts for the user without a login: an API key
)

// A FormProvider is a provider that has forms on pages which are not its own: how to
// log in on the page "login", how to confirm who one is on "confirm".
type FormProvider interface {
	// PageForms returns the forms for the page of that name, none if the
	// provider has nothing to offer there. r is the request that the page
	// answers: its context says who is asking, so that "confirm" offers only what
	// the user has. What cannot be told now is offered. PageForms is called
	// concurrently, and for every page that is shown; it asks no store about a
	// page on which the provider has no form.
	PageForms(r *http.Request, page string) []Form
}
