package maillink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
)

const (
	// name is that of the provider, of its kind, and of its cookie.
	name = "link"
	// purpose is that of its tickets, the kind of its entries, and what its mail says
	// to whom has an account; unknown is what it says to whom has none.
	purpose = "link.login"
	unknown = "link.unknown"
)

// Options are what a host may choose. The zero value of every field means the default in
// its comment.
type Options struct {
	// Lifetime is how long a link is good: a minute to an hour. Default 15 minutes.
	Lifetime time.Duration
	// PerAddress is how many links can be sent to one address; what is more is not sent,
	// and answered alike. A browser in which the user who has proved it has logged in
	// before has as many for itself instead. Default 3 in 1 hour.
	PerAddress auth.Limit
	// PerNetwork is how many links one IPv4 address or IPv6 /64 can ask for, and five times
	// as many an IPv6 /48; what is more is not sent, and answered alike. Default 10 in 1
	// hour.
	PerNetwork auth.Limit
	// Logger gets what does not fail a request. Default [slog.Default].
	Logger *slog.Logger
}

// A Provider logs people in by links. Make one with [New]; it is for one [auth.Manager].
// Its methods are safe for concurrent use.
type Provider struct {
	opts  Options
	post  *mail.Courier
	m     *auth.Manager
	names names // or nil
	alone bool  // whether nobody else has forms
}

// names is a provider of passwords whose users may be in a table of the host's. Package
// password's has it.
type names interface {
	auth.Provider
	// LoginName returns the name by which a host's own table finds the user, "" if users
	// are found by their credentials. The error wraps auth.ErrNotFound if it has none.
	LoginName(ctx context.Context, userID string) (string, error)
}

// New returns a provider that sends its links by post. opts may be nil and is not kept.
// What is wrong with it is reported by [auth.New].
func New(post *mail.Courier, opts *Options) *Provider {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Lifetime == 0 {
		o.Lifetime = 15 * time.Minute
	}
	if o.PerAddress == (auth.Limit{}) {
		o.PerAddress = auth.Limit{Max: 3, Per: time.Hour}
	}
	if o.PerNetwork == (auth.Limit{}) {
		o.PerNetwork = auth.Limit{Max: 10, Per: time.Hour}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Provider{opts: o, post: post}
}

// check returns everything that is wrong with the options.
func (o *Options) check() error {
	var errs []error
	if o.Lifetime < time.Minute || o.Lifetime > time.Hour {
		errs = append(errs, fmt.Errorf("maillink: Options.Lifetime is %v: make it 1m to 1h", o.Lifetime))
	}
	for _, l := range []struct {
		name string
		auth.Limit
	}{{"PerAddress", o.PerAddress}, {"PerNetwork", o.PerNetwork}} {
		if l.Max < 1 || l.Per < time.Second {
			errs = append(errs, fmt.Errorf("maillink: Options.%s is %d in %v: give both Max (1 or more) and Per (a second or more)", l.name, l.Max, l.Per))
		}
	}
	return errors.Join(errs...)
}

// Name implements [auth.Provider].
func (p *Provider) Name() string { return name }

// Kinds implements [auth.Owner]. Nothing is kept of this kind: what a login by link
// rests on is the address. It makes the provider a way in.
func (p *Provider) Kinds() []auth.Kind { return []auth.Kind{{Name: name, Role: auth.FirstFactor}} }

// Mount implements [auth.Provider]. It reports everything that is wrong with the options
// at once.
func (p *Provider) Mount(m *auth.Manager, mux auth.Mux) error {
	errs := []error{p.opts.check()}
	switch {
	case p.post == nil:
		errs = append(errs, errors.New("maillink: New needs a Courier: make one with mail.New"))
	case !slices.ContainsFunc(m.Providers(), func(q auth.Provider) bool { return q == auth.Provider(p.post) }):
		errs = append(errs, errors.New("maillink: the Courier is not among auth.Options.Providers: put it there too, so that its worker runs"))
	}
	if p.m != nil {
		errs = append(errs, errors.New("maillink: a Provider is for one Manager: make another with New"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.m = m
	for _, q := range m.Providers() {
		if n, ok := auth.As[names](q); ok {
			p.names = n
		}
	}
	p.alone = !slices.ContainsFunc(m.Providers(), func(q auth.Provider) bool {
		_, ok := auth.As[auth.FormProvider](q)
		return ok && q != auth.Provider(p)
	})
	p.post.Handle(purpose, p.compose)
	mux.Handle("GET /link", http.HandlerFunc(p.get))
	mux.Handle("POST /link", http.HandlerFunc(p.postLink))
	return nil
}
