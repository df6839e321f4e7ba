package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A Manager is a composition: the host's users, a store, and what [Options]
// say. Make one with [New]. Its methods are safe for concurrent use.
type Manager struct {
	opts   Options
	users  UserLoader
	store  Store
	below  SessionStore // store, but for what a cache would answer from memory
	cached bool         // whether that is another
	joined joinedLoader // users, if it finds sessions together with them; or nil
	now    func() time.Time
	logger *slog.Logger
	prefix string // "/auth"

	factors       []Factor
	formProviders []FormProvider
	keepers       []keeper
	observers     []observer
	admitters     []admitter
	runners       []runner
	consequences  consequences
	roles         map[string]Role   // by kind of credential
	titles        map[string]string // the same
	firstMethods  map[string]bool   // names of providers that are a way in
	routes        []route
	pages         map[string]bool // paths with a page
	crossSite     map[string]bool // whole paths that other sites may POST to

	cookies     cookieNames
	sessionTag  tag
	loginTag    tag
	deviceTag   tag
	rememberTag tag
	watchers    watchers
	nobody      string
	touchEvery  time.Duration
}

// New puts a Manager together. Everything that is wrong or missing in the
// composition is reported at once, in one error. New does no I/O and starts
// nothing; opts may be nil and is not kept.
func New(users UserLoader, store Store, opts *Options) (*Manager, error) {
	o := opts.withDefaults()
	errs := []error{o.check()}
	if isNil(users) {
		errs = append(errs, errors.New("auth: New needs a UserLoader: give it UserFunc of a function that finds your users"))
	}
	if isNil(store) {
		errs = append(errs, errors.New("auth: New needs a Store: give it memory.New(nil) or one of package bunstore"))
	} else {
		errs = append(errs, checkStore(store)...)
	}
	table, wrong := newConsequences(o.Providers, o.Consequences)
	errs = append(errs, wrong...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	m := &Manager{
		opts:         o,
		users:        users,
		store:        inRealm(store, o.Realm),
		now:          o.Now,
		logger:       o.Logger,
		prefix:       o.Prefix,
		roles:        map[string]Role{"email": Identifier, "username": Identifier, deviceKind: Device, rememberKind: Device},
		titles:       map[string]string{},
		consequences: table,
		firstMethods: map[string]bool{},
		pages:        map[string]bool{},
		cookies:      newCookieNames(o.Realm, o.InsecureCookies),
		sessionTag:   newTag(o.Realm, o.Epoch, "session"),
		loginTag:     newTag(o.Realm, o.Epoch, "login"),
		deviceTag:    newTag(o.Realm, o.Epoch, "device"),
		rememberTag:  newTag(o.Realm, o.Epoch, "remember"),
		nobody:       newNobody(),
		touchEvery:   min(time.Minute, o.IdleTimeout/10),
	}
	m.below = m.store
	if below := uncached(store); below != nil {
		m.below, m.cached = inRealm(Combine(store, Parts{Sessions: below}), o.Realm), true
	}
	if o.Realm == "" { // in a realm, users have other names in the store
		m.joined = joinedIn(users, store)
	}
	credentials, kept := CredentialStore(m.store), true
	for _, p := range o.Providers {
		if f, ok := As[Factor](p); ok {
			m.factors = append(m.factors, f)
		}
		if f, ok := As[FormProvider](p); ok {
			m.formProviders = append(m.formProviders, f)
		}
		if k, ok := As[keeper](p); ok {
			m.keepers = append(m.keepers, k)
		}
		if o, ok := As[observer](p); ok {
			m.observers = append(m.observers, o)
		}
		if a, ok := As[admitter](p); ok {
			m.admitters = append(m.admitters, a)
		}
		if r, ok := As[runner](p); ok {
			m.runners = append(m.runners, r)
		}
		if owner, ok := As[Owner](p); ok {
			for _, k := range owner.Kinds() {
				m.roles[k.Name], m.titles[k.Name] = k.Role, k.Title
				if k.Role == FirstFactor {
					m.firstMethods[p.Name()] = true
				}
			}
		}
		if wrapper, ok := As[interface {
			WrapCredentials(CredentialStore) CredentialStore
		}](p); ok {
			if w := wrapper.WrapCredentials(credentials); !same(w, credentials) {
				credentials, kept = w, false
			}
		}
	}
	if !kept {
		m.store = wrapped{m.store, credentials}
	}
	m.store = withStandIn(m.store, m.Now, m.limiterDown)
	if err := m.collectRoutes(); err != nil {
		return nil, err
	}
	return m, nil
}

// wrapped is a store whose credentials are partly kept by the host.
type wrapped struct {
	Store
	credentials CredentialStore
}

func (s wrapped) Unwrap() any { return s.Store }

func (s wrapped) LoadCredential(ctx context.Context, kind, key string) (Credential, error) {
	return s.credentials.LoadCredential(ctx, kind, key)
}

func (s wrapped) UserCredentials(ctx context.Context, userID string, kinds ...string) ([]Credential, error) {
	return s.credentials.UserCredentials(ctx, userID, kinds...)
}

func (s wrapped) ChangeCredentials(ctx context.Context, changes ...Change) error {
	return s.credentials.ChangeCredentials(ctx, changes...)
}

// Users returns the host's users, as given to [New].
func (m *Manager) Users() UserLoader { return m.users }

// Store returns the store, for providers. What can log a user in is changed
// with [Manager.ChangeCredentials] only.
func (m *Manager) Store() Store { return m.store }

// Now returns the time by [Options.Now], in UTC and as precise as stores keep
// it, milliseconds.
func (m *Manager) Now() time.Time { return m.now().UTC().Truncate(time.Millisecond) }

// Nobody returns an ID, shaped like a UUID, that no user has. A provider looks
// it up where there is no user, so that known and unknown users take the same
// steps.
func (m *Manager) Nobody() string { return m.nobody }

// Realm returns [Options.Realm]. What a provider digests has the realm in it, so
// that no secret of one is of use in another.
func (m *Manager) Realm() string { return m.opts.Realm }

// URL returns where the page at path, such as "/register", is served, or "" if
// this composition has no such page.
func (m *Manager) URL(path string) string {
	if !m.pages[path] {
		return ""
	}
	return m.prefix + path
}

// Path returns path, such as "/oauth/github/callback", below [Options.Prefix],
// whether or not anything is served there: for what a provider tells others of its
// routes. [Manager.URL] is for links to pages.
func (m *Manager) Path(path string) string { return m.prefix + path }

func newNobody() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// realmName is what a WWW-Authenticate header calls this Manager.
func (m *Manager) realmName() string {
	if m.opts.Realm == "" {
		return "gatehouse"
	}
	return m.opts.Realm
}
