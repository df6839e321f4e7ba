package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// Goth returns a connector for one of goth's providers that has the usual
// constructor, such as discord.New or gitlab.New:
//
//	oauth.Goth(discord.New, id, secret, &oauth.ConnectorOptions{Scopes: []string{"identify", "email"}})
//
// For the others there is [GothFunc]; for GitHub and Google, [GitHub] and [Google]
// know more than goth. docs/oauth-providers.md lists all of goth's: which of them
// check a challenge, whose word about an address is taken, and which are refused
// and why. Default of Name: the provider's own; of Scopes: none, which for many
// providers means theirs.
//
// No state of goth's is shared: a provider is made for every flow, with an
// http.Client of that flow's. It gets the parameters that the flow has checked and
// none of the address. Some providers bypass the client they are given: they run
// without its limits, cannot check a challenge, and are listed.
func Goth[P goth.Provider](construct func(clientKey, secret, callbackURL string, scopes ...string) P, clientID, secret string, opts *ConnectorOptions) *Connector {
	g := gothSpec{id: clientID, secret: secret, credentials: true}
	if construct != nil {
		g.new = func(callback string, _ *http.Client, scopes []string) goth.Provider {
			return construct(clientID, secret, callback, scopes...)
		}
	}
	return gothConnector(g, opts)
}

// GothFunc returns a connector for any provider of goth, or of your own in goth's
// shape. construct is called for every flow, concurrently, and makes a new provider each
// time:
//
//	oauth.GothFunc(func(callback string, client *http.Client) goth.Provider {
//		return gitlab.NewCustomisedURL(id, secret, callback, authURL, tokenURL, profileURL, "read_user")
//	}, &oauth.ConnectorOptions{Name: "gitlab"})
//
// The client is put into the provider's exported field HTTPClient or Client, if it
// has one, so construct need not. A provider without such a field gets no challenge. The
// rest is as of [Goth], and ConnectorOptions.Scopes is not used: give the provider
// its own.
func GothFunc(construct func(callback string, client *http.Client) goth.Provider, opts *ConnectorOptions) *Connector {
	var g gothSpec
	if construct != nil {
		g.new = func(callback string, client *http.Client, _ []string) goth.Provider {
			return construct(callback, client)
		}
	}
	return gothConnector(g, opts)
}

// A gothSpec is what tells one connector by goth from another.
type gothSpec struct {
	new         func(callback string, client *http.Client, scopes []string) goth.Provider
	id, secret  string // if they are known
	credentials bool   // they are

	name, title string   // defaults; "" for those of the provider
	scopes      []string // default
	scope       string   // always asked for, or ""
	iss         string   // RFC 9207
	nonce       bool     // goes into the authorization request
	// quietly: the provider that fetches the profile is made without scopes.
	quietly bool
	// params are more of the authorization request, or nil. The host's replace them.
	params func(o *ConnectorOptions, f *flow) map[string]string
	// account completes what the profile said, or nil.
	account func(x *exchange) (Account, error)
	// revoke gives a token back, or is nil.
	revoke func(ctx context.Context, client *http.Client, t *oauth2.Token) error
}

// gothConnector makes two providers, to see what they are. Whatever is wrong is
// told by check.
func gothConnector(g gothSpec, opts *ConnectorOptions) *Connector {
	b := &gothBackend{gothSpec: g}
	b.origin.fetch, b.origin.keep = b.askOrigin, metadataKept
	var scopes []string
	if opts != nil {
		scopes = opts.Scopes
	}
	first := b.try(scopes)
	second := b.try(scopes)
	name, title := g.name, g.title
	if first != nil {
		b.traits, b.known = traitsOf(first)
		b.settable = clientField(first).IsValid()
		if b.traits.exchange {
			if _, err := configOf(first); err != nil {
				b.problems = append(b.problems, err)
			}
		}
		if samePointer(first, second) || sameField(first, second) {
			b.problems = append(b.problems, errors.New("the function returns the same provider twice: make a new one in it each time, as flows run at once"))
		}
		if name == "" {
			name = nameOf(first)
		}
		if title == "" {
			title = b.traits.title
		}
	}
	if title == "" {
		title = titleOf(name)
	}
	return newConnector(opts, name, title, g.scopes, func(c *Connector) backend {
		if b.scope != "" && !slices.Contains(c.opts.Scopes, b.scope) {
			c.opts.Scopes = append([]string{b.scope}, c.opts.Scopes...)
		}
		b.c = c
		c.oauth1 = b.known && b.traits.protocol == protoOAuth1 || !b.known && first != nil && b.oauth1(first)
		c.status = func(a Account) EmailStatus { return a.EmailStatus }
		return b
	})
}

// try makes a provider while the site is put together. What goes wrong is kept for
// check.
func (b *gothBackend) try(scopes []string) (p goth.Provider) {
	if b.new == nil {
		if len(b.problems) == 0 {
			b.problems = append(b.problems, errors.New("the function that makes the provider is nil"))
		}
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			p = nil
			b.problems = append(b.problems, fmt.Errorf("making goth's provider panics (%T): look at what it is given", v))
		}
	}()
	p = b.new("https://callback.invalid/", &http.Client{Transport: noRequests{}}, slices.Clone(scopes))
	if isNil(p) {
		b.problems = append(b.problems, errors.New("the function that makes the provider returns nil"))
		return nil
	}
	_ = p.Name() // this can panic too
	return p
}

// noRequests is the transport of a client that is not to be used yet.
type noRequests struct{}

func (noRequests) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%w: nothing is asked while the site is put together", errUnavailable)
}

func isNil(p goth.Provider) bool {
	if p == nil {
		return true
	}
	v := reflect.ValueOf(p)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func samePointer(a, b goth.Provider) bool {
	if a == nil || b == nil {
		return false
	}
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	// Two pointers to nothing may be equal.
	return va.Kind() == reflect.Pointer && va.Type() == vb.Type() && va.Elem().Type().Size() > 0 && va.Pointer() == vb.Pointer()
}

// clientField returns the field that takes the client, the zero Value if there is
// none.
func clientField(p goth.Provider) reflect.Value {
	v := reflect.ValueOf(p)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}
	}
	for _, name := range []string{"HTTPClient", "Client"} {
		field, ok := v.Elem().Type().FieldByName(name)
		if !ok {
			continue
		}
		// It can be that of a provider within, which can be nil.
		if f, err := v.Elem().FieldByIndexErr(field.Index); err == nil && f.CanSet() && f.Type() == reflect.TypeFor[*http.Client]() {
			return f
		}
	}
	return reflect.Value{}
}

// sameField reports whether two providers take the client into one field, of a
// provider within both.
func sameField(a, b goth.Provider) bool {
	if isNil(a) || isNil(b) {
		return false
	}
	fa, fb := clientField(a), clientField(b)
	return fa.IsValid() && fb.IsValid() && fa.Addr().Pointer() == fb.Addr().Pointer()
}

// make returns a provider of one flow's own. It may panic.
func (b *gothBackend) make(callback string, client *http.Client, scopes []string) (goth.Provider, error) {
	p := b.new(callback, client, slices.Clone(scopes))
	if isNil(p) {
		return nil, fmt.Errorf("%w: no provider was made", errBadAnswer)
	}
	if f := clientField(p); f.IsValid() {
		f.Set(reflect.ValueOf(client))
	}
	return p, nil
}

// check returns what is wrong with the configuration.
func (b *gothBackend) check() error {
	errs := slices.Clone(b.problems)
	if b.credentials && b.id == "" {
		errs = append(errs, errors.New("the client ID is empty: take it from the registration at the identity provider"))
	}
	if b.credentials && b.secret == "" {
		errs = append(errs, errors.New("the client secret is empty: take it from the registration at the identity provider"))
	}
	if b.traits.refused != "" {
		errs = append(errs, fmt.Errorf("goth's %s cannot be used: %s", b.traits.title, b.traits.refused))
	} else if b.c.opts.Insecure != nil && b.bypasses() && len(b.problems) == 0 {
		errs = append(errs, errors.New("ConnectorOptions.Insecure: this provider of goth does not use the client that it is given, and would ask the real identity provider: leave it nil"))
	}
	return errors.Join(errs...)
}

// oauth1 reports whether a provider's sessions have a request token, as goth's of
// OAuth 1.0a do.
func (b *gothBackend) oauth1(p goth.Provider) (is bool) {
	defer func() { _ = recover() }() // it is none of goth's; begin will tell
	session, err := p.UnmarshalSession("{}")
	if err != nil {
		return false
	}
	v := reflect.Indirect(reflect.ValueOf(session))
	return v.Kind() == reflect.Struct && v.FieldByName("RequestToken").IsValid()
}

// bypasses reports whether some requests do not come by the client.
func (b *gothBackend) bypasses() bool {
	if b.known {
		return b.traits.bypassed != bypassesNothing
	}
	return !b.settable
}

func (b *gothBackend) pkce() bool {
	if b.known {
		return b.traits.pkce
	}
	return b.settable
}

// nameOf returns the provider's own name, as far as it can be a connector's.
func nameOf(p goth.Provider) string {
	var name strings.Builder
	for _, r := range strings.ToLower(p.Name()) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-' && name.Len() > 0:
			name.WriteRune(r)
		case name.Len() > 0:
			name.WriteByte('-')
		}
	}
	s := name.String()
	return strings.TrimRight(s[:min(len(s), 32)], "-")
}

// titleOf returns what to call a provider that only has a name.
func titleOf(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
