package password

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// kind is the kind of the credentials and the name of the provider.
const kind = "password"

// Options are what a host may choose. The zero value of every field means the
// default in its comment.
type Options struct {
	// Login is what people type beside the password. Default [ByEmail].
	Login Login

	// Hasher makes the hashes of new passwords. Hashes of Bcrypt and Argon2id
	// are read in any case, and replaced by one of Hasher at the next login.
	// Default Bcrypt{}, of cost 12.
	Hasher Hasher
	// OldHashers read hashes of still other formats, such as [Werkzeug]. A
	// password that is wrong in normal form C is tried as it was typed, which is
	// what most others have hashed. Default none.
	OldHashers []Hasher
	// Pepper is a secret that goes into every hash. Default none.
	Pepper *Pepper

	// MinLength is how many characters (code points) a new password needs: 8
	// to 64, default 15. Fewer than 15 only where nobody logs in without a
	// second factor.
	MinLength int
	// SecondFactor reports whether this user cannot log in without a second
	// factor; a new password of theirs then needs 8 characters. An error is an
	// outage and the password is not set. Default: whoever owes one of the
	// Manager's factors, see [auth.Manager.FactorsOwed].
	SecondFactor func(ctx context.Context, userID string) (bool, error)
	// Words are what somebody would think of when they choose a password for
	// this site: its name, its host, its owner. A password that is made of
	// them, or of the user's own name or address, is refused. Default none.
	Words []string
	// Blocklist are passwords to refuse, whatever their case, besides some
	// 18,000 common ones. Default none.
	Blocklist []string
	// Breached is asked about every new password that is otherwise accepted.
	// If it cannot tell, that is logged and the password accepted. Default
	// nil: nobody is asked.
	Breached BreachChecker
	// BreachedStrict refuses new passwords (503) while Breached cannot tell.
	BreachedStrict bool

	// Validate is asked before a user is registered, after the package's own
	// checks of the profile and before those of the password. The profile is
	// as it was typed, without spaces around, and well formed. Return a
	// [*auth.Problem] to refuse; any other error is an outage. Default nil:
	// nothing more is asked.
	Validate func(ctx context.Context, p auth.Profile) error

	// Table makes a host's own users table the place where passwords are
	// kept. Default nil: they are in the store, as credentials.
	Table *Table

	// AtOnce is how many hashes are computed at the same time. Default the
	// number of processors, or GOMAXPROCS if that is lower: the best rate.
	// While so many are under way, other requests wait for Go's scheduler, up
	// to some 20 ms. One less spares them; so does a GOMAXPROCS of one more
	// than there are processors, and costs next to nothing.
	AtOnce int
	// Queue is how many more may wait for their turn; the next is told to come
	// back later (503). Default 64 for each one of AtOnce, and 128 at least.
	Queue int
	// MaxWait is how long one may wait. Default 30 seconds: two processors
	// finish 100 logins of the default Hasher in 10.
	MaxWait time.Duration

	// PerNetwork is how often one IPv4 address or IPv6 /64 can register. Default 10 in 1
	// hour.
	PerNetwork auth.Limit

	// Logger gets what does not fail a request: an upgrade that could not be
	// stored, a breach check that failed, a stored hash that nobody can read.
	// Default [slog.Default].
	Logger *slog.Logger
}

// A Login is what people type beside their password.
type Login int

const (
	ByEmail    Login = iota // the field "email", an address
	ByUsername              // the field "username", a user name; registering asks for no address
	ByEither                // the field "login", either of them; registering asks for an address and, if they like, a user name
)

// field returns the name of the input.
func (l Login) field() string {
	switch l {
	case ByUsername:
		return "username"
	case ByEither:
		return "login"
	}
	return "email"
}

// A Provider logs people in by password. Make one with [New]. It is for one
// [auth.Manager], and can be used once that has been made. Its methods are safe
// for concurrent use.
type Provider struct {
	opts   Options
	scheme *scheme
	policy *policy
	gate   *gate
	m      *auth.Manager

	dummyLock chan struct{} // one element for the one who makes it
	dummyHash atomic.Pointer[string]
}

// New returns a provider. opts may be nil and is not kept. What is wrong with
// it is reported by [auth.New].
func New(opts *Options) *Provider {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Hasher == nil {
		o.Hasher = Bcrypt{}
	}
	if o.MinLength == 0 {
		o.MinLength = defaultMinLength
	}
	if o.AtOnce == 0 {
		o.AtOnce = min(runtime.GOMAXPROCS(0), runtime.NumCPU())
	}
	if o.Queue == 0 {
		o.Queue = max(64*o.AtOnce, 128)
	}
	if o.MaxWait == 0 {
		o.MaxWait = 30 * time.Second
	}
	if o.PerNetwork == (auth.Limit{}) {
		o.PerNetwork = auth.Limit{Max: 10, Per: time.Hour}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Words = slices.Clone(o.Words)
	more := make(map[string]bool, len(o.Blocklist))
	for _, s := range o.Blocklist {
		more[fold(s)] = true
	}
	p := &Provider{
		opts:   o,
		scheme: newScheme(o.Hasher, o.OldHashers, o.Pepper),
		policy: &policy{o.MinLength, o.Words, more, o.Breached, o.BreachedStrict, o.Logger, o.SecondFactor},
		gate:   newGate(max(o.AtOnce, 1), o.Queue, o.MaxWait),

		dummyLock: make(chan struct{}, 1),
	}
	if o.SecondFactor == nil {
		p.policy.factors = func(ctx context.Context, userID string) (bool, error) {
			owed, err := p.m.FactorsOwed(ctx, userID)
			return len(owed) > 0, err
		}
	}
	return p
}

// check returns everything that is wrong with the options.
func (o *Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("password: "+format, args...)) }
	if o.Login < ByEmail || o.Login > ByEither {
		bad("Options.Login is %d: make it ByEmail, ByUsername or ByEither", o.Login)
	}
	for _, h := range append([]Hasher{o.Hasher}, o.OldHashers...) {
		if isNil(h) {
			bad("Options.Hasher or one of Options.OldHashers is a nil %T: leave it out", h)
		} else if v, ok := h.(interface{ Validate() error }); ok {
			errs = append(errs, v.Validate())
		}
	}
	errs = append(errs, o.Pepper.validate())
	switch o.Hasher.(type) {
	case Werkzeug, *Werkzeug:
		if o.Pepper != nil {
			bad("Options.Pepper does not go with the Hasher Werkzeug, whose hashes others are to read: leave one of them out")
		}
	}
	if o.MinLength < leastMinLength || o.MinLength > maxMinLength {
		bad("Options.MinLength is %d: make it %d to %d, or 0 for %d", o.MinLength, leastMinLength, maxMinLength, defaultMinLength)
	}
	if o.Breached != nil && isNil(o.Breached) {
		bad("Options.Breached is a nil %T: leave it out", o.Breached)
	}
	if o.BreachedStrict && o.Breached == nil {
		bad("Options.BreachedStrict is set without Options.Breached: give a BreachChecker such as &RangeChecker{}")
	}
	if o.AtOnce < 1 {
		bad("Options.AtOnce is %d: make it 1 or more, or 0 for the default", o.AtOnce)
	}
	if o.Queue < 0 {
		bad("Options.Queue is %d: make it 1 or more, or 0 for the default", o.Queue)
	}
	if o.MaxWait < 0 {
		bad("Options.MaxWait is %v: make it more than 0, or 0 for 30 seconds", o.MaxWait)
	}
	if l := o.PerNetwork; l.Max < 1 || l.Per < time.Second {
		bad("Options.PerNetwork is %d in %v: give both Max (1 or more) and Per (a second or more)", l.Max, l.Per)
	}
	if t := o.Table; t != nil && (t.LookUp == nil || t.Name == nil || t.Save == nil) {
		bad("Options.Table needs all of LookUp, Name and Save")
	}
	return errors.Join(errs...)
}

// isNil reports whether v is nil or holds a nil pointer or function.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	rv := reflect.ValueOf(v)
	return (rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Func) && rv.IsNil()
}

// Name implements [auth.Provider].
func (p *Provider) Name() string { return kind }

// Kinds implements [auth.Owner].
func (p *Provider) Kinds() []auth.Kind {
	return []auth.Kind{{Name: kind, Role: auth.FirstFactor, Consequences: map[string]auth.Fate{
		"account.reclaimed": auth.DropOthers, // whoever takes the account over has set one of their own
		"account.disowned":  auth.DropAll,
		"email.reverted":    auth.DropAll, // whoever had changed the address knows it
	}}}
}

// Mount implements [auth.Provider]. It reports everything that is wrong with
// the options at once. The routes of registration exist only if the host's
// users can be created: its [auth.UserLoader] has CreateUser, and there is no
// [Table]; they cannot go without an address where a [auth.Registrar] verifies it.
func (p *Provider) Mount(m *auth.Manager, mux auth.Mux) error {
	if err := p.opts.check(); err != nil {
		return err
	}
	if p.m != nil {
		return errors.New("password: a Provider is for one Manager: make another with New")
	}
	p.m = m
	if _, ok := m.Registrar(); ok && p.opts.Login == ByUsername && p.canRegister() {
		return errors.New("password: Options.Login is ByUsername, whose users have no address, and a registrar verifies addresses first: " +
			"make it ByEmail or ByEither, or leave account.Options.RequireVerification out")
	}
	user := func(f http.HandlerFunc) http.Handler { return m.RequireSession(f) }
	mux.Handle("POST /login", http.HandlerFunc(p.postLogin))
	mux.Handle("GET /password", user(p.getPassword))
	mux.Handle("POST /password", user(p.postPassword))
	mux.Handle("POST /confirm", user(p.postConfirm))
	if p.canRegister() {
		mux.Handle("GET /register", http.HandlerFunc(p.getRegister))
		mux.Handle("POST /register", http.HandlerFunc(p.postRegister))
	}
	return nil
}

func (p *Provider) canRegister() bool {
	_, ok := auth.As[interface {
		CreateUser(ctx context.Context, p auth.Profile) (id string, err error)
	}](p.m.Users())
	return ok && p.opts.Table == nil
}

// hash returns a new hash of a password that prepare has returned.
func (p *Provider) hash(ctx context.Context, prepared []byte) (encoded string, err error) {
	err = p.gate.do(ctx, func() (err error) {
		encoded, err = p.scheme.hash(prepared)
		return err
	})
	return encoded, err
}

// dummy returns the hash that is verified where there is none, so that it takes
// as long. It is made of the present parameters, by the first login of anybody;
// others wait for it.
func (p *Provider) dummy(ctx context.Context) (string, error) {
	if encoded := p.dummyHash.Load(); encoded != nil {
		return *encoded, nil
	}
	select {
	case p.dummyLock <- struct{}{}:
		defer func() { <-p.dummyLock }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if encoded := p.dummyHash.Load(); encoded != nil {
		return *encoded, nil
	}
	encoded, err := p.hash(ctx, []byte(standIn))
	if err == nil {
		p.dummyHash.Store(&encoded)
	}
	return encoded, err
}

// standIn is hashed in the place of what is too long, and is the password of
// the dummy. Neither can make a login right.
const standIn = "neither the password of anybody nor one that is too long"
