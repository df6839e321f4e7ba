package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A transaction is kept from the start of a flow to its callback. The state is
// in the address, a secret is in the browser's cookie, and the store has digests of
// both; what else is secret is made from them, so that what the store has is of use
// to nobody (RFC 9700, 2.1.1 and 4.7).

const (
	cookieName = "oauth"
	purpose    = "oauth"        // of the ticket of a transaction
	posted     = "oauth-posted" // of the ticket of an answer that came as a form
	lifetime   = 10 * time.Minute
	// perBrowser is how many transactions a browser can have open: with one more the
	// oldest ends.
	perBrowser = 8
)

// An intent is what a flow is for.
type intent string

const (
	toLogIn   intent = "login"
	toLink    intent = "link"
	toConfirm intent = "confirm"
)

// A transaction is what the ticket holds.
type transaction struct {
	Version   int    `json:"v"`
	Connector string `json:"connector"`
	Intent    intent `json:"intent"`
	Browser   []byte `json:"browser"` // digest of the cookie's secret
	// Session is the handle of the session that began it, of toLink and toConfirm. The
	// user is the ticket's.
	Session  string `json:"session,omitempty"`
	Next     string `json:"next,omitempty"`
	Remember bool   `json:"remember,omitempty"`
	Kept     []byte `json:"kept,omitempty"` // what the backend keeps, sealed
	Began    int64  `json:"began"`          // Unix milliseconds
}

const transactionVersion = 1

// A secret is 256 random bits.
type secret [32]byte

func newSecret() (s secret) {
	rand.Read(s[:])
	return s
}

func (s secret) String() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// parseSecret reads what String wrote, in that spelling only.
func parseSecret(text string) (s secret, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(s)) {
		return s, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(s[:], []byte(text))
	return s, err == nil && n == len(s)
}

// tags keep digests of one purpose and realm from being of use in another.
type tags struct{ realm string }

func newTags(realm string) tags { return tags{realm} }

// of derives 256 bits from key, for one purpose and for data.
func (t tags) of(key []byte, purpose string, data ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, s := range append([]string{"gatehouse oauth 1", t.realm, purpose}, data...) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(s)))
		mac.Write(length[:])
		mac.Write([]byte(s))
	}
	return mac.Sum(nil)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// A browser is the cookie of a browser that has begun something: its secret, and
// which of its transactions comes next.
type browser struct {
	secret secret
	next   int
}

func (p *Provider) browserOf(r *http.Request) (b browser, ok bool) {
	text, next, _ := strings.Cut(p.m.Cookie(r, cookieName), ".")
	if b.secret, ok = parseSecret(text); !ok {
		return browser{}, false
	}
	n, err := strconv.Atoi(next)
	if err != nil || n < 0 || n >= perBrowser || len(next) != 1 {
		return browser{}, false
	}
	b.next = n
	return b, true
}

// flowKeys returns what the browser's secret and a state give together.
func (p *Provider) flowKeys(s secret, state string) (nonce, verifier string, seal [32]byte) {
	nonce = encode(p.tags.of(s[:], "nonce", state))
	verifier = encode(p.tags.of(s[:], "verifier", state)) // 43 characters (RFC 7636, 4.1)
	copy(seal[:], p.tags.of(s[:], "seal", state))
	return nonce, verifier, seal
}

// ticketKey is what a transaction is found by: the state, or of OAuth 1.0a the
// request token of that connector.
func (p *Provider) ticketKey(state string) string { return encode(p.tags.of([]byte(state), "state")) }

func (p *Provider) requestTokenKey(c *Connector, token string) string {
	return encode(p.tags.of([]byte(token), "request token", c.opts.Name))
}

// begin begins a transaction, and returns where to send the browser.
func (p *Provider) begin(w http.ResponseWriter, r *http.Request, c *Connector, t transaction, userID string) (authURL string, err error) {
	if err := p.countStart(r); err != nil {
		return "", err
	}
	b, ok := p.browserOf(r)
	if !ok {
		b = browser{secret: newSecret()}
	}
	now := p.m.Now()
	state := newSecret().String()
	nonce, verifier, key := p.flowKeys(b.secret, state)
	begun, err := c.begin(r.Context(), &flow{callback: p.callbackURL(c), state: state, nonce: nonce, verifier: verifier,
		stepUp: t.Intent == toConfirm, began: now, now: now})
	if err != nil {
		return "", err
	}
	ticketKey := p.ticketKey(state)
	if begun.requestToken != "" {
		// The callback brings no state: what it brings finds the transaction, and the
		// key of what is kept is made of the cookie's secret and that.
		ticketKey = p.requestTokenKey(c, begun.requestToken)
		_, _, key = p.flowKeys(b.secret, begun.requestToken)
	}
	t.Version, t.Connector, t.Began = transactionVersion, c.opts.Name, now.UnixMilli()
	t.Browser = p.tags.of(b.secret[:], "browser")
	if begun.kept != nil {
		if t.Kept, err = seal(key, begun.kept, []byte(ticketKey)); err != nil {
			return "", err
		}
	}
	data, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	err = p.m.Store().PutTicket(r.Context(), auth.Ticket{
		Purpose: purpose, Key: ticketKey, UserID: userID,
		Slot:      encode(t.Browser) + "/" + strconv.Itoa(b.next),
		Data:      data,
		CreatedAt: now, ExpiresAt: now.Add(lifetime),
	})
	if err != nil {
		return "", err
	}
	b.next = (b.next + 1) % perBrowser
	if err := p.m.SetCookie(w, r, cookieName, b.secret.String()+"."+strconv.Itoa(b.next), lifetime); err != nil {
		return "", err
	}
	return begun.url, nil
}

// take ends the transaction that a callback belongs to, and returns it with what
// its flow needs. Whatever is wrong with it, it is used up.
func (p *Provider) take(r *http.Request, c *Connector, answer answer) (t transaction, userID string, f *flow, err error) {
	found, key := answer.State, p.ticketKey(answer.State)
	if answer.requestToken != "" {
		found, key = answer.requestToken, p.requestTokenKey(c, answer.requestToken)
	}
	ticket, err := p.m.Store().TakeTicket(r.Context(), purpose, key)
	if errors.Is(err, auth.ErrNotFound) {
		return t, "", nil, expired("no transaction has this state")
	} else if err != nil {
		return t, "", nil, err
	}
	if err := json.Unmarshal(ticket.Data, &t); err != nil || t.Version != transactionVersion {
		return t, "", nil, expired("the transaction cannot be read")
	}
	now := p.m.Now()
	b, ok := p.browserOf(r)
	switch {
	case !now.Before(ticket.ExpiresAt):
		err = expired("the transaction is too old")
	case !ok || subtle.ConstantTimeCompare(p.tags.of(b.secret[:], "browser"), t.Browser) != 1:
		err = expired("the transaction was begun in another browser")
	case t.Connector != c.opts.Name:
		err = expired("the transaction is of another connector")
	}
	if err != nil {
		return t, "", nil, err
	}
	f = &flow{callback: p.callbackURL(c), state: answer.State, stepUp: t.Intent == toConfirm, began: time.UnixMilli(t.Began), now: now}
	var sealKey [32]byte
	f.nonce, f.verifier, sealKey = p.flowKeys(b.secret, found)
	if t.Kept != nil {
		if f.kept, err = unseal(sealKey, t.Kept, []byte(key)); err != nil {
			return t, "", nil, expired("the transaction cannot be opened")
		}
	}
	return t, ticket.UserID, f, nil
}

// within gives a flow its client, and bounds how long the identity provider may
// keep the browser waiting in all.
func (c *Connector) within(ctx context.Context, f *flow) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.opts.Timeout)
	f.client = c.out.client(ctx)
	return ctx, cancel
}

func (c *Connector) begin(ctx context.Context, f *flow) (begun, error) {
	ctx, cancel := c.within(ctx, f)
	defer cancel()
	var b begun
	err := c.guarded(func() (err error) {
		b, err = c.backend.begin(ctx, f)
		return err
	})
	if err != nil {
		return b, problemOf(err)
	}
	if !c.encrypted(b.url) {
		return b, problemOf(wrap(errBadAnswer, "the authorization endpoint is not https"))
	}
	b.url = c.out.authURL(b.url)
	return b, nil
}

// encrypted reports whether the browser can be sent to address: by https, or by plain
// HTTP on this machine, if that is allowed.
func (c *Connector) encrypted(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && c.opts.InsecureHTTP && loopbackName(u.Hostname()))
}
