package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Options are what a host may choose. The zero value of every field means the
// default in its comment.
type Options struct {
	// Closed lets only those in who have an account here and have linked it.
	// Default: whoever comes with an account that nobody has linked becomes a new
	// user, if the [auth.UserLoader] has CreateUser.
	Closed bool
	// Admit is asked before anybody is logged in, created or linked by an account.
	// An error refuses it: return an [*auth.Problem], or one wrapping
	// [auth.ErrForbidden]; any other is an outage. It is called concurrently.
	Admit func(ctx context.Context, connector string, a Account) error
	// NewUser says what is known of a user who is about to be created. An error
	// refuses, as that of Admit. Default: the name, and the address if it is verified;
	// an address that is not is nobody's until it is proved. An address that NewUser
	// returns counts as proved if it is the account's own and verified, and otherwise
	// as claimed; where a [auth.Registrar] has addresses verified before there is an
	// account, the account's own is left out instead.
	NewUser func(ctx context.Context, connector string, a Account) (auth.Profile, error)
	// AutoLink links an account without asking, if its address is verified and
	// believed, and a user here has proved the same one, who owes no second factor: it
	// would not have been proved. Of Google the address has to be its own, or the
	// account one of an organisation. Default: whoever comes with an account whose
	// address a user here has is asked to log in as that user, and can link it then.
	AutoLink bool

	// Fresh is how old the proof of who one is may be, for linking and unlinking.
	// Default 10 minutes.
	Fresh time.Duration
	// Starts is how many logins may be begun from one network (an IPv4 address or an
	// IPv6 /64). Default 60 in 1 minute.
	Starts auth.Limit
	// MaxOpen is how many logins may be begun in ten minutes by all together, since
	// each is kept for so long. Of these a tenth may come from one IPv4 /24 or IPv6
	// /48 and half from one /16 or /32, or ten times Starts if that is more, so that
	// nobody with many addresses keeps all others out. Default 100,000.
	MaxOpen int64

	// Keys seal what is kept of tokens: the first seals, all of them open. They are
	// needed if a connector has KeepTokens. To change keys, give every process the new
	// one behind the old, then put it in front; keep the old one as long as there are
	// tokens that were last refreshed, or brought by a login, before that: without it
	// they are lost, and their users have to log in again. Default none.
	Keys []Key

	// Logger gets what does not fail a request. Default [slog.Default].
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Fresh == 0 {
		c.Fresh = 10 * time.Minute
	}
	if c.Starts == (auth.Limit{}) {
		c.Starts = auth.Limit{Max: 60, Per: time.Minute}
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = 100_000
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Keys = slices.Clone(c.Keys)
	return c
}

// check returns everything that is wrong with the options and the connectors.
func (p *Provider) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("oauth: "+format, args...)) }
	if err := checkOrigin(p.origin); err != nil {
		errs = append(errs, err)
	}
	if p.opts.Fresh < time.Second {
		bad("Options.Fresh is %v: make it a second or more, or 0 for 10 minutes", p.opts.Fresh)
	}
	if p.opts.Starts.Max < 1 || p.opts.Starts.Per < time.Second {
		bad("Options.Starts is %d in %v: make it 1 or more in a second or more, or leave it out for 60 in 1 minute", p.opts.Starts.Max, p.opts.Starts.Per)
	}
	if p.opts.MaxOpen < 1 {
		bad("Options.MaxOpen is %d: make it 1 or more, or 0 for 100,000", p.opts.MaxOpen)
	}
	if err := checkKeys(p.keys()); err != nil {
		errs = append(errs, err)
	}
	if len(p.connectors) == 0 {
		bad("New needs a connector, such as oauth.GitHub(id, secret, nil)")
	}
	seen := map[string]bool{}
	for i, c := range p.connectors {
		if c == nil {
			bad("connector %d is nil", i+1)
			continue
		}
		if seen[c.opts.Name] {
			bad("two connectors are named %q: give one of them another ConnectorOptions.Name", c.opts.Name)
		}
		seen[c.opts.Name] = true
		if err := c.check(); err != nil {
			errs = append(errs, err)
		}
		if c.opts.KeepTokens && len(p.keys()) == 0 {
			bad("connector %q: ConnectorOptions.KeepTokens needs a key to seal them with: give Options.Keys", c.opts.Name)
		}
	}
	return errors.Join(errs...)
}

// checkOrigin refuses what redirect URIs cannot be made from.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	switch {
	case err != nil, origin == "", originOf(origin) != origin:
		return fmt.Errorf(`oauth: New: the origin is %q: give the scheme and host that browsers see, and nothing more, such as "https://app.example"`, origin)
	case u.Scheme == "http" && !loopbackName(u.Hostname()):
		return fmt.Errorf("oauth: New: the origin is %q: codes would come over plain HTTP; make it https (plain HTTP is for localhost)", origin)
	}
	return nil
}
