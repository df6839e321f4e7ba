package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// gothBackend is a backend by one of goth's providers. It keeps what they are
// made by, and none of them.
type gothBackend struct {
	gothSpec
	c        *Connector
	traits   gothTraits
	known    bool // traits are of this provider
	settable bool // it has a field for the client
	problems []error
	hung     atomic.Int64
	origin   fetched[string] // where browsers are sent
}

// An exchange is what a flow got from goth.
type exchange struct {
	ctx     context.Context
	flow    *flow
	user    goth.User
	account Account
}

func (b *gothBackend) begin(ctx context.Context, f *flow) (begun, error) {
	client := b.client(f.client, &gothTransport{})
	out, err := run(ctx, &b.hung, b.patience(), func() (begun, error) {
		p, err := b.make(f.callback, client, b.c.opts.Scopes)
		if err != nil {
			return begun{}, err
		}
		session, err := p.BeginAuth(f.state)
		if err != nil {
			return begun{}, err
		}
		authURL, err := session.GetAuthURL()
		if err != nil {
			return begun{}, err
		}
		u, err := url.Parse(authURL)
		if err != nil {
			return begun{}, fmt.Errorf("%w: the authorization endpoint is not an absolute URL", errBadAnswer)
		}
		out := begun{url: authURL, kept: []byte(session.Marshal())}
		switch q := u.Query(); {
		case hasRequestToken(session) && q.Get("oauth_token") != "":
			out.requestToken = q.Get("oauth_token")
		case f.state == "" || len(q["state"]) != 1 || q.Get("state") != f.state:
			return begun{}, fmt.Errorf("%w: goth's provider sends no state, and nothing would tell one login from another", errBadAnswer)
		}
		return out, nil
	})
	if err != nil {
		return begun{}, outcome(err, b.secret, f.state)
	}
	params := b.c.opts.AuthParams
	if out.requestToken == "" {
		params = b.params(f)
	}
	if out.url, err = withParams(out.url, params); err != nil {
		return begun{}, outcome(fmt.Errorf("%w: %w", errBadAnswer, err))
	}
	return out, nil
}

// params are ours of the authorization request.
func (b *gothBackend) params(f *flow) map[string]string {
	params := map[string]string{}
	if b.gothSpec.params != nil {
		for k, v := range b.gothSpec.params(&b.c.opts, f) {
			params[k] = v
		}
	}
	for k, v := range b.c.opts.AuthParams {
		params[k] = v
	}
	if b.pkce() && f.verifier != "" {
		params["code_challenge"] = oauth2.S256ChallengeFromVerifier(f.verifier)
		params["code_challenge_method"] = "S256"
	}
	if b.nonce {
		params["nonce"] = f.nonce
	}
	return params
}

// hasRequestToken reports whether a session is one of OAuth 1.0a, as goth's are.
func hasRequestToken(s goth.Session) bool {
	v := reflect.ValueOf(s)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return false
	}
	f := v.FieldByName("RequestToken")
	return f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil()
}

func (b *gothBackend) finish(ctx context.Context, f *flow, params url.Values) (Account, *oauth2.Token, error) {
	args, err := b.arguments(f, params)
	if err != nil {
		return Account{}, nil, err
	}
	t := &gothTransport{code: args.Get("code"), secretInBody: b.known}
	if b.pkce() {
		t.verifier = f.verifier
	}
	client := b.client(f.client, t)
	scopes := b.c.opts.Scopes
	if b.quietly {
		scopes = nil
	}
	kept := string(f.kept)
	user, err := run(ctx, &b.hung, b.patience(), func() (goth.User, error) {
		p, err := b.make(f.callback, client, scopes)
		if err != nil {
			return goth.User{}, err
		}
		if b.traits.exchange {
			session, err := trade(ctx, client, p, kept, args.Get("code"))
			if err != nil {
				return goth.User{}, err
			}
			return p.FetchUser(session)
		}
		session, err := p.UnmarshalSession(kept)
		if err != nil {
			return goth.User{}, fmt.Errorf("%w: what was kept of the flow cannot be read", errBadAnswer)
		}
		if err := sameRequestToken(session, args); err != nil {
			return goth.User{}, err
		}
		if _, err := session.Authorize(p, args); err != nil {
			return goth.User{}, err
		}
		return p.FetchUser(session)
	})
	secrets := []string{b.secret, f.state, f.verifier, args.Get("code"), args.Get("oauth_verifier"), user.AccessToken, user.RefreshToken}
	if err := t.verdict(err); err != nil {
		return Account{}, nil, outcome(err, secrets...)
	}
	if b.c.opts.RequirePKCE && !t.proved() {
		return Account{}, nil, fmt.Errorf("%w: goth's provider sent no PKCE verifier", errBadAnswer)
	}
	account, err := b.accountOf(user)
	if err == nil && b.gothSpec.account != nil {
		account, err = b.gothSpec.account(&exchange{ctx, f, user, account})
	}
	if err != nil {
		return Account{}, nil, outcome(err, secrets...)
	}
	return account, tokenOf(user), nil
}

// arguments are what goth is given: what the flow checked and made, and nothing of
// the address besides.
func (b *gothBackend) arguments(f *flow, params url.Values) (url.Values, error) {
	args := url.Values{}
	if token := params.Get("oauth_token"); token != "" {
		args.Set("oauth_token", token)
		args.Set("oauth_verifier", params.Get("oauth_verifier"))
	} else {
		args.Set("code", params.Get("code"))
		args.Set("state", f.state)
		if b.pkce() {
			args.Set("code_verifier", f.verifier)
		}
	}
	for _, v := range []string{args.Get("code"), args.Get("oauth_verifier")} {
		// Some providers write it into JSON as it is. RFC 6749, appendix A.11, has
		// printable ASCII, and nobody makes codes with these two.
		if strings.ContainsAny(v, `"\`) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, fmt.Errorf("%w: the code has characters that no code has", errInvalidGrant)
		}
	}
	return args, nil
}

// sameRequestToken refuses the callback of another flow of OAuth 1.0a.
func sameRequestToken(s goth.Session, args url.Values) error {
	if !hasRequestToken(s) {
		if args.Has("oauth_token") {
			return fmt.Errorf("%w: a request token for a flow that has none", errInvalidGrant)
		}
		return nil
	}
	authURL, err := s.GetAuthURL()
	if err != nil {
		return fmt.Errorf("%w: what was kept of the flow cannot be read", errBadAnswer)
	}
	u, err := url.Parse(authURL)
	if err != nil || u.Query().Get("oauth_token") == "" || u.Query().Get("oauth_token") != args.Get("oauth_token") {
		return fmt.Errorf("%w: the request token of another flow", errInvalidGrant)
	}
	return nil
}

// client returns client with t before its transport.
func (b *gothBackend) client(client *http.Client, t *gothTransport) *http.Client {
	c := *client
	t.base = c.Transport
	if t.base == nil {
		t.base = http.DefaultTransport
	}
	c.Transport = t
	check := c.CheckRedirect
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if check == nil {
			return nil
		}
		if err := check(req, via); err != nil {
			return t.fault(err)
		}
		return nil
	}
	return &c
}

// patience is how long goth may take altogether: some of its providers bypass the
// client, and its timeout with it.
func (b *gothBackend) patience() time.Duration { return 4 * b.c.opts.Timeout }

// accountOf returns what goth says of the user.
func (b *gothBackend) accountOf(user goth.User) (Account, error) {
	a := Account{
		Subject:   user.UserID,
		Email:     user.Email,
		Name:      user.Name,
		Username:  user.NickName,
		AvatarURL: user.AvatarURL,
		Claims:    user.RawData,
	}
	if a.Name == "" {
		a.Name = strings.TrimSpace(user.FirstName + " " + user.LastName)
	}
	if b.traits.subject != nil {
		a.Subject = b.traits.subject(user)
	}
	if b.traits.noEmail {
		a.Email = ""
	}
	if a.Email != "" && b.traits.email != nil {
		a.EmailStatus = b.traits.email(a)
	}
	if !plausible(a.Subject) {
		return Account{}, fmt.Errorf("%w: the profile does not say whose it is", errBadAnswer)
	}
	return a, nil
}

func tokenOf(user goth.User) *oauth2.Token {
	if user.AccessToken == "" {
		return nil
	}
	return &oauth2.Token{AccessToken: user.AccessToken, TokenType: "Bearer", RefreshToken: user.RefreshToken, Expiry: user.ExpiresAt}
}

func (b *gothBackend) issuer(context.Context, *flow) (string, bool, error) { return b.iss, false, nil }

// origins returns where goth sends browsers, which it is asked once: some of its
// providers, and who knows which of others, ask somebody else first.
func (b *gothBackend) origins(ctx context.Context, client *http.Client) []string {
	if origin := originOf(b.traits.authURL); origin != "" {
		return []string{origin}
	}
	origin, ok := b.origin.glance(ctx, client, time.Now())
	if !ok {
		return nil
	}
	return []string{origin}
}

// askOrigin asks goth for an authorization request that nobody will make.
func (b *gothBackend) askOrigin(ctx context.Context, client *http.Client) (string, time.Duration, error) {
	authURL, err := run(ctx, &b.hung, b.patience(), func() (string, error) {
		p, err := b.make("https://callback.invalid/", client, nil)
		if err != nil {
			return "", err
		}
		session, err := p.BeginAuth("origin")
		if err != nil {
			return "", err
		}
		return session.GetAuthURL()
	})
	origin := originOf(authURL)
	if err == nil && origin == "" {
		err = wrap(errBadAnswer, "the authorization endpoint is not an absolute URL")
	}
	return origin, metadataFresh, err
}
