package apikey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Key is what can be known of a key after it was made.
type Key struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Prefix    string    `json:"prefix"` // how the key begins, up to its ID
	Scopes    []string  `json:"scopes"` // what it is limited to; nil: not limited
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
	UsedAt    time.Time `json:"used_at,omitzero"`    // zero: not yet; exact to a minute
}

// Limited reports whether the key is limited to its Scopes.
func (k Key) Limited() bool { return k.Scopes != nil }

// A Created is a key that was just made: the only one who knows the secret. Do not
// log it or keep it.
type Created struct {
	Key
	Secret string `json:"key"` // the whole key, as it is sent
}

// A Listing is what [Provider.List] and the options say to the page "keys".
type Listing struct {
	Keys   []Key   `json:"keys"`
	Scopes []Scope `json:"scopes"` // Options.Scopes
	// Stale says that the user has to confirm who they are before they make a key.
	Stale bool `json:"-"`
}

// A NewKey says what key to make.
type NewKey struct {
	Name   string   // for people: 1 to 60 characters, without spaces around
	Scopes []string // of Options.Scopes; with those, nil is none of them
	// Lifetime is after how long the key expires: a second or more,
	// Options.MaxLifetime at most. 0 means Options.Lifetime.
	Lifetime time.Duration
	// NeverExpires needs Options.InsecureNoExpiry. Lifetime must be 0 then.
	NeverExpires bool
}

// maxName bounds the name of a key, in characters: fewer than 255 bytes of any.
const maxName = 60

// attempts bounds how often a change begins anew that has met another.
const attempts = 50

// Create makes a key for a user, with the same checks as the route POST /keys but for
// who asks: that is the caller's to decide, and never what was sent. A ctx that
// belongs to a request that came with a key is refused with [auth.ErrForbidden]: a
// key cannot manage keys.
//
// The error is an [*auth.Problem]: "forbidden", "invalid_field", "too_many_keys"
// (409), "conflict" if others made keys for the user all the while; or it wraps
// [auth.ErrNotFound]: no such user. Any other is an outage.
func (p *Provider) Create(ctx context.Context, userID string, k NewKey) (Created, error) {
	u, err := p.m.Users().LoadUser(ctx, userID)
	if err != nil {
		return Created{}, err
	}
	return p.createFor(ctx, u, userID, k)
}

// createFor is Create for a user who is known: the key is of the AuthVersion that
// they had then.
func (p *Provider) createFor(ctx context.Context, u auth.User, userID string, k NewKey) (Created, error) {
	rec, expiresAt, err := p.checkNew(ctx, &k)
	if err != nil {
		return Created{}, err
	}
	if v, ok := u.(interface{ AuthVersion() string }); ok {
		rec.version = v.AuthVersion()
	}
	for range attempts {
		t := newToken(p.start)
		rec.digest = digest(p.tag, t)
		c := auth.Credential{Kind: kind, Key: t.id, UserID: userID, Data: rec.encode(), Label: k.Name,
			Generation: 1, CreatedAt: p.m.Now(), ExpiresAt: expiresAt}
		switch err = p.add(ctx, &c); {
		case err == nil:
			p.tell(ctx, auth.Event{Name: "key.created"}, &c)
			return Created{p.describe(&c, rec), t.text}, nil
		case !meets(err):
			return Created{}, err
		}
	}
	return Created{}, conflict(err)
}

// checkNew checks k and tidies its name, and returns what is kept of it.
func (p *Provider) checkNew(ctx context.Context, k *NewKey) (rec record, expiresAt time.Time, err error) {
	if err := p.refuseKey(ctx); err != nil {
		return rec, expiresAt, err
	}
	if k.Name, err = checkName(k.Name); err != nil {
		return rec, expiresAt, err
	}
	if rec.scopes, err = p.checkScopes(k.Scopes); err != nil {
		return rec, expiresAt, err
	}
	lifetime := cmp.Or(k.Lifetime, p.opts.Lifetime)
	switch {
	case k.NeverExpires && (!p.opts.InsecureNoExpiry || k.Lifetime != 0):
		return rec, expiresAt, invalidField("days", "A key has to expire.")
	case k.NeverExpires:
	case lifetime < time.Second || lifetime > p.opts.MaxLifetime:
		return rec, expiresAt, invalidField("days", fmt.Sprintf("A key lives 1 to %d days.", p.maxDays()))
	default:
		expiresAt = p.m.Now().Add(lifetime)
	}
	return rec, expiresAt, nil
}

func (p *Provider) maxDays() int { return int(p.opts.MaxLifetime / day) }

func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", invalidField("name", "Give the key a name.")
	case !utf8.ValidString(name), strings.ContainsFunc(name, invisible):
		return "", invalidField("name", "A name has no control characters.")
	case utf8.RuneCountInString(name) > maxName:
		return "", invalidField("name", fmt.Sprintf("A name has at most %d characters.", maxName))
	}
	return name, nil
}

// invisible reports whether r is not seen where a name is shown, or makes what is
// around it look like something else.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// checkScopes returns the scopes in the order in which they are offered, nil if
// there are none to offer.
func (p *Provider) checkScopes(asked []string) ([]string, error) {
	for _, name := range asked {
		if !slices.ContainsFunc(p.opts.Scopes, func(s Scope) bool { return s.Name == name }) {
			return nil, invalidField("scopes", "There is no scope "+fmt.Sprintf("%.64q", name)+".")
		}
	}
	if len(p.opts.Scopes) == 0 {
		return nil, nil
	}
	scopes := []string{}
	for _, s := range p.opts.Scopes {
		if slices.Contains(asked, s.Name) {
			scopes = append(scopes, s.Name)
		}
	}
	return scopes, nil
}

// add stores a key, if the user may have one more. It goes to the store directly,
// and not through [auth.Manager.ChangeCredentials]: nobody can log in with a key,
// so that no session has to end and none of the user's logins is in doubt.
func (p *Provider) add(ctx context.Context, c *auth.Credential) error {
	held, err := p.m.Store().UserCredentials(ctx, c.UserID, kind, limitKind)
	if err != nil {
		return err
	}
	// Of two calls that have counted the same keys, the second stops at the limit.
	next := auth.Credential{Kind: limitKind, Key: c.UserID, UserID: c.UserID, CreatedAt: c.CreatedAt, UsedAt: c.CreatedAt}
	limit := auth.Change{New: &next}
	changes := []auth.Change{{}, {New: c}}
	live := 0
	for i := range held {
		switch h := &held[i]; {
		case h.Kind == limitKind:
			next.CreatedAt = h.CreatedAt
			limit.Old = h
		case expired(h, c.CreatedAt):
			changes = append(changes, auth.Change{Old: h})
		default:
			live++
		}
	}
	if live >= p.opts.PerUser {
		return &auth.Problem{Status: http.StatusConflict, Code: "too_many_keys",
			Detail: fmt.Sprintf("You have %d keys, and cannot have more. Revoke one that is no longer needed.", live)}
	}
	changes[0] = limit
	return p.m.Store().ChangeCredentials(ctx, changes...)
}

// meets reports whether a change has met another, and can begin anew.
func meets(err error) bool {
	return errors.Is(err, auth.ErrConflict) || errors.Is(err, auth.ErrExists) || errors.Is(err, auth.ErrNotFound)
}

// List returns the user's keys that have not expired, the newest first.
func (p *Provider) List(ctx context.Context, userID string) ([]Key, error) {
	held, err := p.m.Store().UserCredentials(ctx, userID, kind)
	if err != nil {
		return nil, err
	}
	now := p.m.Now()
	keys := make([]Key, 0, len(held))
	for i := range held {
		if expired(&held[i], now) {
			continue
		}
		rec, err := decode(held[i].Data)
		if err != nil {
			return nil, err
		}
		keys = append(keys, p.describe(&held[i], rec))
	}
	slices.SortStableFunc(keys, func(a, b Key) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return keys, nil
}

func (p *Provider) describe(c *auth.Credential, rec record) Key {
	return Key{ID: c.Key, Name: c.Label, Prefix: p.start + c.Key, Scopes: rec.scopes,
		CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt, UsedAt: c.UsedAt}
}

// Rename gives the user's key with that ID another name. The error is an
// [*auth.Problem]: "forbidden", as in [Provider.Create]; "invalid_field";
// "not_found" (404), which wraps [auth.ErrNotFound], if the user has no such
// key; "conflict". Any other is an outage.
func (p *Provider) Rename(ctx context.Context, userID, id, name string) error {
	name, err := checkName(name)
	if err != nil {
		return err
	}
	_, err = p.change(ctx, userID, id, func(c auth.Credential) *auth.Credential {
		c.Label = name
		return &c
	})
	return err
}

// Revoke ends the user's key with that ID. When it returns, no request that comes
// after is let in by it. The error is as that of [Provider.Rename].
func (p *Provider) Revoke(ctx context.Context, userID, id string) error {
	c, err := p.change(ctx, userID, id, func(auth.Credential) *auth.Credential { return nil })
	if err == nil {
		p.m.LookAgain(userID) // its live connections end
		p.tell(ctx, auth.Event{Name: "key.revoked"}, &c)
	}
	return err
}

// withdraw revokes a key that was never shown to anybody.
func (p *Provider) withdraw(ctx context.Context, userID, id string) error {
	_, err := p.change(ctx, userID, id, func(auth.Credential) *auth.Credential { return nil })
	if errors.Is(err, auth.ErrNotFound) {
		return nil
	}
	return err
}

// change replaces the user's key by what f makes of it, and returns what it was.
func (p *Provider) change(ctx context.Context, userID, id string, f func(auth.Credential) *auth.Credential) (auth.Credential, error) {
	if err := p.refuseKey(ctx); err != nil {
		return auth.Credential{}, err
	}
	var err error
	for range attempts {
		var c auth.Credential
		c, err = p.m.Store().LoadCredential(ctx, kind, id)
		if err == nil && c.UserID != userID { // nobody learns that it is another's
			err = auth.ErrNotFound
		}
		if err == nil {
			err = p.m.Store().ChangeCredentials(ctx, auth.Change{Old: &c, New: f(c)})
		}
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, auth.ErrNotFound):
			return c, &auth.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is no such key, or it was revoked already.", Err: err}
		case !errors.Is(err, auth.ErrConflict): // a use was written down meanwhile, or a new name
			return c, err
		}
	}
	return auth.Credential{}, conflict(err)
}

// refuseKey refuses what a request asks for that came with a key: whoever has
// found one would give themselves others.
func (p *Provider) refuseKey(ctx context.Context) error {
	id, err := p.m.IdentityFrom(ctx)
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		return nil
	case err != nil:
		return err
	case id.Credential != nil && id.Credential.Kind == kind:
		return forbidden()
	}
	return nil
}

// tell tells of a change to a key, by its name and its ID.
func (p *Provider) tell(ctx context.Context, e auth.Event, c *auth.Credential) {
	e.UserID, e.Method, e.Reason = c.UserID, kind, c.Label+" ("+p.start+c.Key+")"
	if id, err := p.m.IdentityFrom(ctx); err == nil {
		e.Actor = id.Actor
	}
	p.m.EmitContext(ctx, e)
}

func forbidden() error {
	return &auth.Problem{Status: http.StatusForbidden, Code: "forbidden", Err: auth.ErrForbidden,
		Detail: "A key cannot manage keys: log in."}
}

func invalidField(field, detail string) error {
	return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: field, Detail: detail}
}

func conflict(err error) error {
	return &auth.Problem{Status: http.StatusConflict, Code: "conflict", Err: err,
		Detail: "The keys were changed somewhere else meanwhile. Please try again."}
}
