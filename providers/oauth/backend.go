package oauth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
)

// A backend is what differs between identity providers. It is called
// concurrently and keeps nothing of a flow; what it is given and returns shares
// no memory afterwards.
type backend interface {
	// check returns everything that is wrong with the configuration.
	check() error
	// begin returns where to send the browser.
	begin(ctx context.Context, f *flow) (begun, error)
	// finish trades what the callback brought for an account, with one token
	// request. params has only what the flow has checked.
	finish(ctx context.Context, f *flow, params url.Values) (Account, *oauth2.Token, error)
	// issuer returns who signs the responses (RFC 9207), "" if that is not known,
	// and whether each must say so.
	issuer(ctx context.Context, f *flow) (issuer string, required bool, err error)
	// origins returns the origins that the browser is sent to, as far as they can
	// be told.
	origins(ctx context.Context, client *http.Client) []string
	// pkce reports whether a challenge can be sent, and a verifier with the code.
	pkce() bool
}

// A tokenBackend can do something with tokens that were kept.
type tokenBackend interface {
	// refresh returns a new token for t. The error is errInvalidGrant if there is
	// none any more, whoever asks.
	refresh(ctx context.Context, client *http.Client, t *oauth2.Token) (*oauth2.Token, error)
	// revoke gives t back (RFC 7009), if the identity provider takes it.
	revoke(ctx context.Context, client *http.Client, t *oauth2.Token) error
}

// A flow is one way of a browser to an identity provider and back.
type flow struct {
	client   *http.Client // of this flow alone: bounded, and it ends with its context
	callback string       // the redirect URI
	state    string
	nonce    string
	verifier string    // of PKCE
	kept     []byte    // what begin returned
	stepUp   bool      // the user is to prove anew who they are
	began    time.Time // when the browser was sent away
	now      time.Time
}

// begun is what a backend has begun.
type begun struct {
	url  string // where to send the browser
	kept []byte // what finish needs; secret, and kept sealed
	// requestToken is the token that the callback is found by, of OAuth 1.0a,
	// which has no state; or "".
	requestToken string
}
