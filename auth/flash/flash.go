// Package flash keeps messages for the next page in a cookie, for
// auth.Options.Flashes; [NewCookie] is where to start.
//
// What travels is which message and how it looks, never a text: whoever forges the
// cookie can make the site show a message of its own, and nothing else. It is no
// secret, is not signed, and is believed to be nothing more.
package flash

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Options change the cookie. The zero value of every field means the default in its
// comment.
type Options struct {
	// Realm is added to the cookie's name, for several Managers on one site: give
	// it what auth.Options.Realm is. Default "".
	Realm string
	// Insecure leaves out Secure and the __Host- prefix, for plain HTTP during
	// development: give it what auth.Options.InsecureCookies is.
	Insecure bool
}

// A Cookie is an [auth.Flashes] that keeps the messages of a browser in a cookie of
// the browser's: "__Host-flash", which ends with the browser. There are 8 messages
// at most, of which the oldest fall out, and the value has less than 1,024 bytes. A
// cookie with anything else in it, or one that is there twice, has no messages.
//
// It has no state of its own and is safe for concurrent use by different requests.
// Two requests of one browser at the same time can lose a message, or show one on
// both pages: the browser keeps what it is sent last.
type Cookie struct {
	name  string
	attrs string // when set and when deleted
	err   error
}

// NewCookie returns a Cookie; opts may be nil. It does not fail, so that it can
// stand in the options of auth.New, which asks Validate.
func NewCookie(opts *Options) *Cookie {
	var o Options
	if opts != nil {
		o = *opts
	}
	c := &Cookie{name: "__Host-flash", attrs: "; Path=/; Secure; HttpOnly; SameSite=Lax"}
	if o.Insecure {
		c.name, c.attrs = "flash", "; Path=/; HttpOnly; SameSite=Lax"
	}
	if o.Realm != "" {
		c.name += "-" + o.Realm
		if !realmRE.MatchString(o.Realm) || len(o.Realm) > 32 {
			c.err = fmt.Errorf("flash: Options.Realm is %q: use lower-case letters, digits and hyphens, 32 at most", o.Realm)
		}
	}
	return c
}

var realmRE = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Validate returns what is wrong with the options, or nil.
func (c *Cookie) Validate() error { return c.err }

// Add keeps f for the next page. It writes one Set-Cookie, in the place of an
// earlier one of this response; a header that is written already is not changed.
// The error wraps [auth.ErrInvalid] for what is no message, or is that of Validate.
func (c *Cookie) Add(w http.ResponseWriter, r *http.Request, f auth.Flash) error {
	if err := errors.Join(c.err, f.Validate()); err != nil {
		return err
	}
	value, set := c.pending(w.Header())
	if !set {
		value, _ = c.sent(r)
	}
	list := decode(value)
	if !slices.Contains(list, f) {
		list = append(list, f)
	}
	c.replace(w.Header(), c.name+"="+encode(list[max(0, len(list)-maxMessages):])+c.attrs)
	return nil
}

// Take returns the messages, oldest first, and deletes the cookie if the browser has
// one. It sets nothing else and writes nothing if there is no cookie. What cannot be
// read is no messages; the error is that of Validate.
//
// A page that shows messages is not for caches: the Manager's own say so.
func (c *Cookie) Take(w http.ResponseWriter, r *http.Request) ([]auth.Flash, error) {
	if c.err != nil {
		return nil, c.err
	}
	value, set := c.pending(w.Header()) // "" if they were taken already
	held, sent := c.sent(r)
	if !set {
		value = held
	}
	switch {
	case sent:
		c.replace(w.Header(), c.name+"="+c.attrs+"; Max-Age=0")
	case set:
		c.replace(w.Header(), "")
	}
	return decode(value), nil
}
