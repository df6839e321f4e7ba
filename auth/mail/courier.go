package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// A Courier enqueues mail and, in the background, makes and sends it. Make one with
// [New]; it is for one [auth.Manager]. Its methods are safe for concurrent use, but for
// Handle.
type Courier struct {
	base   string
	host   string // of base
	box    outbox.Store
	mailer Mailer
	opts   Options
	m      *auth.Manager

	composers map[string]Composer
	voices    *voices
	wake      chan struct{}
	joins     bool // the outbox is a part of transactions, or the store has none

	mu   sync.Mutex
	sent map[string]outbox.Entry // taken by the server, and the outbox does not know it yet
}

// A Draft is a mail that is to be made: which, to whom, and what is filled in.
type Draft struct {
	ID     string            // of [Texts]: "account.verify"
	To     string            // one address; "": where the entry says
	UserID string            // whose language it is in, see [Options.Language]; "": whom the entry is for
	Data   map[string]string // see [Texts]
}

// A Composer does what an entry asks for when it is due: it looks the account up, makes
// the token, and returns the mail to send, or nil if there is none to send. It is
// called again if that, or the sending, fails, and must then make a new token in place
// of the old. An error is an outage. It is called concurrently, and returns soon after
// ctx has ended.
type Composer func(ctx context.Context, e outbox.Entry) (*Draft, error)

// New returns a Courier. base is where browsers find the site, such as
// "https://app.example": links begin with it, whatever a request says. It is http only on
// loopback. What is wrong is reported by [auth.New]. opts may be nil and is not kept.
func New(base string, box outbox.Store, mailer Mailer, opts *Options) *Courier {
	return &Courier{base: base, box: box, mailer: mailer, opts: opts.withDefaults(),
		composers: map[string]Composer{}, wake: make(chan struct{}, 1), sent: map[string]outbox.Entry{}}
}

// Name implements [auth.Provider].
func (c *Courier) Name() string { return "mail" }

// Mount implements [auth.Provider]. It has no routes, and reports everything that is wrong
// with what [New] was given.
func (c *Courier) Mount(m *auth.Manager, _ auth.Mux) error {
	errs := c.opts.check()
	host, err := checkBase(c.base)
	errs = append(errs, err)
	if c.box == nil {
		errs = append(errs, errors.New("mail: New needs an outbox: give it that of the store, or memory.NewOutbox()"))
	}
	if c.mailer == nil {
		errs = append(errs, errors.New("mail: New needs a Mailer: give it one of package smtpmail, or a Box for development"))
	}
	if c.m != nil {
		errs = append(errs, errors.New("mail: a Courier is for one Manager: make another with New"))
	}
	site := c.opts.Site
	if site == "" {
		site = host
	}
	voices, err := newVoices(site, &c.opts)
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	c.m, c.host, c.voices = m, host, voices
	c.joins = transactional(c.box) || !transactional(m.Store())
	return nil
}

func transactional(store any) bool {
	_, ok := auth.As[interface {
		InTx(ctx context.Context, f func(ctx context.Context) error) error
	}](store)
	return ok
}

// Handle says who does what entries of a kind ask for; the last call for a kind counts.
// Providers call it while they are mounted.
func (c *Courier) Handle(kind string, f Composer) { c.composers[kind] = f }

// Post enqueues e, and returns once it is kept: within the transaction of ctx, if the
// outbox joins it. If it is of another kind than a store that has transactions, and there
// was nothing to send for an entry, it is worked off once more a minute later: what it is
// about may not have been committed. ID, Realm, CreatedAt and, if it is zero, DueAt are filled in, and a
// Language of "" is that of the request that ctx belongs to, see [Courier.LanguageOf]. An error
// that wraps [auth.ErrInvalid] says that To is not exactly one address, that Data has more
// than 65,000 bytes, or that the outbox takes no such entry.
func (c *Courier) Post(ctx context.Context, e outbox.Entry) error {
	_, err := c.enqueue(ctx, e)
	return err
}

func (c *Courier) enqueue(ctx context.Context, e outbox.Entry) (outbox.Entry, error) {
	if e.To != "" {
		if err := checkAddress(e.To); err != nil {
			return e, fmt.Errorf("mail: enqueueing %q: %w", e.Kind, err)
		}
	}
	if len(e.Data) > mostData {
		return e, fmt.Errorf("mail: enqueueing %q: %w: data too long", e.Kind, auth.ErrInvalid)
	}
	e.Data = escaped(e.Data)
	now := c.m.Now()
	e.ID, e.Realm, e.CreatedAt = rand.Text(), c.m.Realm(), now
	if r, ok := c.m.Request(ctx); ok && e.Language == "" && ctx.Value(working{}) == nil {
		e.Language = c.LanguageOf(r)
	}
	if e.DueAt.IsZero() {
		e.DueAt = now
	}
	if err := c.box.Enqueue(ctx, e); err != nil {
		return e, fmt.Errorf("mail: enqueueing %q: %w", e.Kind, err)
	}
	c.lookNow()
	return e, nil
}

// lookNow has the worker of this process look for what is due.
func (c *Courier) lookNow() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Link returns the address of a page below the Manager's prefix, such as "/reset", with
// a token in its query; without "?token=" if token is "".
func (c *Courier) Link(path, token string) string {
	link := c.base + c.m.Path(path)
	if token != "" {
		link += "?token=" + url.QueryEscape(token)
	}
	return link
}

// LanguageOf returns the language for mail that r asks for: that of the texts there are
// which its Accept-Language wants most.
func (c *Courier) LanguageOf(r *http.Request) string {
	return c.voices.match(r.Header["Accept-Language"])
}

// Outbox returns where mail waits.
func (c *Courier) Outbox() outbox.Store { return c.box }
