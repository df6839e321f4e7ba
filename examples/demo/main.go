// Demo is a whole site on Gatehouse: people register, log in, see their own
// page and settings, change their password, and see and end their sessions. They write
// posts, which are theirs, and read, edit and delete what their roles say; and admins
// say who has which.
//
//	go run ./examples/demo
//
// It keeps everything in one SQLite file and needs no set-up. The flag -db takes
// PostgreSQL and MariaDB or MySQL instead, and -sessions puts sessions into Redis: of
// two demos that are given the same, each knows whom the other has logged in or out.
//
// People can also log in
// with accounts that they have elsewhere: an identity provider of the demo's own, on
// another port, stands in for GitHub and Google and believes whoever presses a button
// (the flag -oauth). With GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET in the
// environment it is the real GitHub, with GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET
// the real Google, and with OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET an
// OpenID Connect issuer beside them. A browser in which
// somebody has logged in to stay is remembered, and what uses a session from
// another kind of browser has to confirm who it is: see the flags -binding and
// -remember-overlap.
//
// There are the roles admin, editor and viewer, and the flag -authz says which engine
// decides by them: rbac, casbin, cedar or opa, with policies that say the same, in the
// folder policy, or in another that -policy names and that may change while the demo
// runs. Nobody is an admin until -bootstrap-admin names an address: the account of
// whoever owns it is the first, which is proved by an account elsewhere (Google, in which
// everybody can be anybody), by a link in a mail to it (all of which everybody can read
// here) or by a link that is printed where the demo was started. API keys can be limited
// to some of what their users may.
//
// Mail goes nowhere: it is shown at /dev/mail, to everybody, which is for a demo only. The
// flag -smtp sends it as well. With -verify=required nobody has an account before they
// have followed the link that is mailed to them. Pages and mail are in English and
// German, and in ar-XB, which is English from right to left for trying out.
//
// Its routes:
//
//	GET  /                       public; says who is logged in, or offers to log in
//	GET  /me                     for users; HTML, or JSON for Accept: application/json or an API key
//	GET  /settings               for users who proved who they are within 10 minutes
//	GET  /posts                  for users; those posts that they may read (before=ID: older ones)
//	GET  /posts/new              for users; the form
//	POST /posts                  for users; title and body, as a form or as JSON
//	GET  /posts/{id}             for the owner, viewers, editors and admins; to others it is not there
//	PUT  /posts/{id}             for the owner, editors and admins; forms: POST /posts/{id}/edit, where GET is the form
//	DELETE /posts/{id}           for the owner and admins; forms: POST /posts/{id}/delete
//	GET  /admin                  for admins; users, their roles and sessions (q=: those that it finds, after=ID: more)
//	POST /admin/roles            for admins who proved who they are within 10 minutes; user, role, do=grant or do=revoke
//	POST /admin/sessions         the same; ends the session of the user, or all without session
//	GET  /admin/first            for whom the printed link is, and POST, which makes them the first admin
//	GET  /dev/mail               public, since this is a demo: the mail that it has sent; HTML, or for
//	                             Accept: application/json a list, newest first, of to, subject, text, html and links
//	*    /auth/...               Gatehouse's own: register, login, logout, password, sessions, confirm, keys, session,
//	                             accounts (those elsewhere), oauth/github, oauth/google, oauth/oidc
//	     /auth/verify            GET and POST: the link in the mail to whoever has registered; token, and
//	                             the password in another browser than that. Without a token for users: sends it again
//	     /auth/forgot            GET and POST; email. The mail says whether there is an account
//	     /auth/reset             GET and POST; token and password
//	     /auth/email             GET and POST: for users email, the new one; from its mail token
//	     /auth/email/undo        GET and POST; token, from the mail to the old address
//	     /auth/link              GET and POST: to log in by mail; email, then token in the same browser
//	     /auth/disown            GET and POST; token, from any mail that says what has happened
//	     /auth/close             GET and POST: for users; token, from the mail, to keep the account after all
//	     /auth/export            GET: for users; all that there is of them, as JSON
//	     /auth/activity          GET: for users; what has happened to their account
//
// Posts and users are JSON to whoever asks for Accept: application/json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-go/gatehouse/providers/password"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	addr     string
	db       string
	sessions string // "": in db
	proxies  prefixes
	binding  string        // off, notice or strict
	overlap  time.Duration // see auth.Options.RememberOverlap

	authz      string // rbac, casbin, cedar or opa
	policy     string // a folder; "": what is built in
	firstAdmin string // an e-mail address; "": nobody

	verify     string        // required or optional
	closeAfter time.Duration // how long an account that was closed can be kept
	smtp       string        // of a mail server, or "": mail goes nowhere but to /dev/mail

	oauth     string // dev, all or off
	oauthAddr string // of the identity provider; "": where it can be

	seams // no flag sets these
}

// seams let the tests see what the demo does without waiting for it. Zero
// means what everybody gets.
type seams struct {
	now    func() time.Time
	hasher password.Hasher
	env    func(name string) string // the environment
	prefix string                   // of keys in Redis
	stdout io.Writer
	open   func(ctx context.Context, dsn string) (kept, error)
}

// prefixes is a flag that may be given several times, or once with commas.
type prefixes []netip.Prefix

func (p *prefixes) String() string { return fmt.Sprint([]netip.Prefix(*p)) }

func (p *prefixes) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8", part)
		}
		*p = append(*p, prefix)
	}
	return nil
}

func parse(args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main says what is wrong, once
	flags.StringVar(&c.addr, "addr", "localhost:8080", "listen on this `address`, which must be of the loopback interface: the demo speaks plain HTTP")
	flags.StringVar(&c.db, "db", "file:demo.db", "keep everything in this `database`: file:NAME for SQLite, postgres://USER:PASSWORD@HOST/NAME, mysql://USER:PASSWORD@HOST/NAME, or memory: for nowhere")
	flags.StringVar(&c.sessions, "sessions", "", "keep sessions, and what else lives for a while, in this Redis instead: redis://HOST:PORT/DB (`url`)")
	flags.Var(&c.proxies, "trusted-proxies", "believe X-Forwarded-For of proxies in this `network` (CIDR)")
	flags.StringVar(&c.binding, "binding", "notice", "what becomes of a session that is used from another browser than it began in: with off nothing, with notice it has to be confirmed before the settings, with strict it ends (`off|notice|strict`)")
	flags.DurationVar(&c.overlap, "remember-overlap", time.Minute, "let the token of a remembered browser be used again for this `duration` after its use; later it is taken for stolen")
	flags.StringVar(&c.authz, "authz", "rbac", "let this engine decide who may do what; they all decide alike (`rbac|casbin|cedar|opa`)")
	flags.StringVar(&c.policy, "policy", "", "read what the engine decides by from this `folder`, and again whenever it changes: roles.yaml, and for the other engines model.conf and policy.csv, site.cedar or site.rego (default: what is built in, see the folder policy beside the source)")
	flags.StringVar(&c.firstAdmin, "bootstrap-admin", "", "as long as nobody is an admin, let the account with this `address` be the first: once the address is proved, by an account elsewhere or by the mail to it, which everybody reads at /dev/mail; or by a link that is printed here when somebody has registered with it")
	flags.StringVar(&c.verify, "verify", "optional", "let people register with an address that they have yet to show to be theirs, or with required only with one that they have: by a link that is mailed to them (`required|optional`)")
	flags.DurationVar(&c.closeAfter, "close-after", 14*24*time.Hour, "delete an account this `duration` after it was closed; until then its owner can have it back")
	flags.StringVar(&c.smtp, "smtp", "", "send mail by this server too, beside showing it at /dev/mail: smtp://USER:PASSWORD@HOST:PORT (`url`)")
	flags.StringVar(&c.oauth, "oauth", "dev", "let people log in with accounts elsewhere: with dev GitHub and Google, with all Apple and OpenID Connect too, with off none; an identity provider of the demo's own stands in for those that the environment does not name (`dev|all|off`)")
	flags.StringVar(&c.oauthAddr, "oauth-addr", "", "let that identity provider listen on this `address` of the loopback interface (default 127.0.0.1:"+standInPort+", or another port if that is taken)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		flags.Usage()
		return c, err
	case err != nil:
		return c, fmt.Errorf("%w (-h lists the flags)", err)
	case flags.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q (-h lists the flags)", flags.Arg(0))
	case c.binding != "off" && c.binding != "notice" && c.binding != "strict":
		return c, fmt.Errorf("-binding %q: want off, notice or strict", c.binding)
	case c.overlap < time.Second || c.overlap > 10*time.Minute:
		return c, fmt.Errorf("-remember-overlap %v: make it 1s or more, and 10m at most", c.overlap)
	case !slices.Contains(engines, c.authz):
		return c, fmt.Errorf("-authz %q: want %s", c.authz, strings.Join(engines, ", "))
	case c.verify != "required" && c.verify != "optional":
		return c, fmt.Errorf("-verify %q: want required or optional", c.verify)
	case c.closeAfter < time.Second || c.closeAfter > 90*24*time.Hour:
		return c, fmt.Errorf("-close-after %v: make it 1s or more, and 2160h at most", c.closeAfter)
	case c.oauth != "dev" && c.oauth != "all" && c.oauth != "off":
		return c, fmt.Errorf("-oauth %q: want dev, all or off", c.oauth)
	}
	if c.firstAdmin != "" {
		var err error
		if c.firstAdmin, err = adminAddress(c.firstAdmin); err != nil {
			return c, err
		}
	}
	return c, nil
}

func run(ctx context.Context, args []string) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	return serve(ctx, c)
}

// serve serves the site until ctx ends.
func serve(ctx context.Context, c config) error {
	listener, err := listen(ctx, c.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	origin := "http://" + address(c.addr, listener.Addr())
	s, err := newSite(ctx, c, origin, slog.Default())
	if err != nil {
		return err
	}
	defer s.close()

	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second, // a login may wait for its turn to hash
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	background, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, run := range append(s.run, s.manager.Run) {
		running.Go(func() { _ = run(background) }) // it ends with background, and has nothing else to say
	}
	defer func() { cancel(); running.Wait() }()

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Printf("The demo is at %s\n", origin)
	fmt.Printf("The mail that it sends is at %s/dev/mail\n", origin)
	if s.idp != nil {
		fmt.Printf("Its identity provider, where everybody can be anybody, is at %s\n", s.idp.URL)
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(grace)
	}
}

// address returns where the site is by the name that was asked for: browsers
// keep the cookies of localhost and 127.0.0.1 apart.
func address(asked string, actual net.Addr) string {
	host, _, err := net.SplitHostPort(asked)
	_, port, _ := net.SplitHostPort(actual.String())
	if err != nil || host == "" {
		return actual.String()
	}
	return net.JoinHostPort(host, port)
}

// listen listens on addr, if it can be reached from this machine only.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if a, ok := listener.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		listener.Close()
		return nil, fmt.Errorf("-addr %s can be reached from other machines: the demo speaks plain HTTP; use localhost", addr)
	}
	return listener, nil
}
