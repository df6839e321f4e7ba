package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// name is that of the provider, and begins the kinds of its entries and the purposes of
// its tickets.
const name = "account"

// Options are what a host may choose. The zero value of every field means the default in
// its comment.
type Options struct {
	// RequireVerification lets nobody have an account before they have followed a link
	// that was sent to their address: registering answers alike whether or not there is
	// an account with it, and who has an address from before that is not verified is not
	// let in ("email_unverified") but sent the link. Default: accounts are made at once,
	// and the address is verified when its owner likes.
	RequireVerification bool

	// VerifyLifetime is how long a link to verify an address is good: a minute to 7 days.
	// Default 24 hours.
	VerifyLifetime time.Duration
	// ResetLifetime is how long a link to reset a password is good: a minute to 24 hours.
	// Default 30 minutes.
	ResetLifetime time.Duration
	// Codes also sends a code of 8 digits for resetting a password, to be typed in the
	// browser that has asked for it, for 10 minutes. Default: the link only.
	Codes bool
	// ChangeLifetime is how long a link to confirm a new address is good: a minute to 7
	// days. Default 24 hours.
	ChangeLifetime time.Duration
	// UndoLifetime is how long a change of address can be undone from the old one, which
	// is reserved for as long, if that was verified, and how long "this was not me" is good
	// after what it is about: an hour to 90 days. Default 7 days.
	UndoLifetime time.Duration
	// CloseAfter is how long an account that was closed can still be kept: a second to 90
	// days. Default 14 days.
	CloseAfter time.Duration

	// PerAddress is how much mail one address can be sent because somebody asked for it,
	// for each kind of mail: to register, to verify, to reset, to change the address. What
	// is more is not sent, and answered alike. A browser in which the user who has proved
	// the address has logged in before has as much for itself instead, see
	// [auth.Manager.Throttle]. Default 3 in 1 hour.
	PerAddress auth.Limit
	// PerNetwork is how much mail one IPv4 address or IPv6 /64 can ask for, for each kind
	// of mail; an IPv6 /48 has five times as much. It is also how many changes of address
	// one user can ask for, from wherever. What is more is not sent, and answered alike.
	// Default 10 in 1 hour.
	PerNetwork auth.Limit

	// Fresh is how lately somebody must have proved who they are to change their address,
	// to set a first password, to close or to export their account: a second to 24 hours.
	// Default 10 minutes.
	Fresh time.Duration

	// Activity is where what happens to accounts is kept, for its page "activity".
	// Default: it is not kept, and there is no such page.
	Activity audit.Store
	// Export adds what the host itself has of a user to what they can take along, as a
	// value for encoding/json. Default: nothing.
	Export func(ctx context.Context, userID string) (any, error)
	// WithoutNotices are events that users are not told of by mail, see [Notices].
	// Default: they are told of all of them.
	WithoutNotices []string

	// Logger gets what does not fail a request. Default [slog.Default].
	Logger *slog.Logger
}

// A Provider looks after accounts. Make one with [New]; it is for one [auth.Manager].
// Its methods are safe for concurrent use.
type Provider struct {
	opts Options
	post *mail.Courier
	m    *auth.Manager
	pass passwords // or nil: there are none
	link mailed    // or nil: nobody logs in by mail
}

// passwords is what a provider of passwords can do, as far as it concerns this one.
// Package password's has it.
type passwords interface {
	auth.Provider
	// NewPassword checks a password that the user has chosen, as any other new one, and
	// returns the change that makes it theirs, in place of the one that they have.
	NewPassword(ctx context.Context, userID, password string) (auth.Change, error)
	// HasPassword reports whether the user has one.
	HasPassword(ctx context.Context, userID string) (bool, error)
	// Matches reports whether password is that of c, which is kept nowhere yet.
	Matches(ctx context.Context, c auth.Credential, password string) (bool, error)
	// NewPasswordFields returns the inputs for a new password.
	NewPasswordFields() []auth.Field
	// LoginName returns the name by which a host's own table finds the user, "" if users
	// are found by their credentials. The error wraps auth.ErrNotFound if it has none.
	LoginName(ctx context.Context, userID string) (string, error)
}

// New returns a provider that sends its mail by post. opts may be nil and is not kept.
// What is wrong with it is reported by [auth.New].
func New(post *mail.Courier, opts *Options) *Provider {
	var o Options
	if opts != nil {
		o = *opts
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.VerifyLifetime, 24 * time.Hour},
		{&o.ResetLifetime, 30 * time.Minute},
		{&o.ChangeLifetime, 24 * time.Hour},
		{&o.UndoLifetime, 7 * 24 * time.Hour},
		{&o.CloseAfter, 14 * 24 * time.Hour},
		{&o.Fresh, 10 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
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
	o.WithoutNotices = slices.Clone(o.WithoutNotices)
	return &Provider{opts: o, post: post}
}

// check returns everything that is wrong with the options.
func (o *Options) check() error {
	var errs []error
	for _, d := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
	}{
		{"VerifyLifetime", o.VerifyLifetime, time.Minute, 7 * 24 * time.Hour},
		{"ResetLifetime", o.ResetLifetime, time.Minute, 24 * time.Hour},
		{"ChangeLifetime", o.ChangeLifetime, time.Minute, 7 * 24 * time.Hour},
		{"UndoLifetime", o.UndoLifetime, time.Hour, 90 * 24 * time.Hour},
		{"CloseAfter", o.CloseAfter, time.Second, 90 * 24 * time.Hour},
		{"Fresh", o.Fresh, time.Second, 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			errs = append(errs, fmt.Errorf("account: Options.%s is %v: make it %v to %v", d.name, d.value, d.least, d.most))
		}
	}
	for name, l := range map[string]auth.Limit{"PerAddress": o.PerAddress, "PerNetwork": o.PerNetwork} {
		if l.Max < 1 || l.Per < time.Second {
			errs = append(errs, fmt.Errorf("account: Options.%s is %d in %v: give both Max (1 or more) and Per (a second or more)", name, l.Max, l.Per))
		}
	}
	return errors.Join(errs...)
}

// Name implements [auth.Provider].
func (p *Provider) Name() string { return name }

// Mount implements [auth.Provider]. It reports everything that is wrong with the options
// at once.
func (p *Provider) Mount(m *auth.Manager, mux auth.Mux) error {
	errs := []error{p.opts.check()}
	if p.post == nil {
		errs = append(errs, errors.New("account: New needs a Courier: make one with mail.New"))
	} else if !slices.ContainsFunc(m.Providers(), func(q auth.Provider) bool { return q == auth.Provider(p.post) }) {
		errs = append(errs, errors.New("account: the Courier is not among auth.Options.Providers: put it there too, so that its worker runs"))
	}
	if p.m != nil {
		errs = append(errs, errors.New("account: a Provider is for one Manager: make another with New"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if _, ok := auth.As[interface {
		CreateUser(ctx context.Context, p auth.Profile) (id string, err error)
	}](m.Users()); p.opts.RequireVerification && !ok {
		return fmt.Errorf("account: Options.RequireVerification needs a UserLoader that has CreateUser; %T has not", m.Users())
	}
	p.m = m
	for _, q := range m.Providers() {
		if pass, ok := auth.As[passwords](q); ok {
			p.pass = pass
		}
		if link, ok := auth.As[mailed](q); ok {
			p.link = link
		}
	}
	mux.Handle("GET /sent", http.HandlerFunc(p.getSent))
	for _, mount := range []func(auth.Mux){p.mountVerify, p.mountRegister, p.mountReset, p.mountEmail, p.mountClose, p.mountActivity, p.mountNotices} {
		mount(mux)
	}
	return nil
}

// Record is the ability of [auth.Provider]: what follows from a change is enqueued in its
// transaction.
func (p *Provider) Record(ctx context.Context, e auth.Event, changes []auth.Change) error {
	for _, record := range []func(context.Context, auth.Event, []auth.Change) error{p.recordClaim, p.recordIntent, p.recordMove, p.recordRemoved, p.recordClosing, p.recordNotice} {
		if err := record(ctx, e, changes); err != nil {
			return err
		}
	}
	return nil
}

// user is a handler for who is logged in.
func (p *Provider) user(f http.HandlerFunc) http.Handler { return p.m.RequireSession(f) }
