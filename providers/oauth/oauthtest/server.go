package oauthtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a [Server] can be given. The zero value of every field means
// the default in its comment.
type Options struct {
	// URL is where browsers reach the Server, if the program serves it itself:
	// http or https, with or without a path, without a slash at its end. A path
	// has to be stripped ([http.StripPrefix]) before the Server is called. It is the issuer of
	// [OIDC]. Default what [Server.Start] listens on, and before, and without it,
	// https://idp.example, which [Server.RoundTrip] reaches all the same.
	URL string
	// Clients are the applications that are registered. Default none, and then
	// everything is one: any ID, any secret, any redirect URI.
	Clients []Client
	// People are who can log in. Default ada and grace, whose addresses are
	// verified, and mallory, who claims Ada's without being asked to prove it.
	People []Person
	// Keys are what ID tokens are signed with, at all services: see
	// [Server.Keys]. Making an RSA key takes a moment; servers can share them.
	// Default a new key per service.
	Keys []*Key
	// NoPKCE makes a provider that has never heard of PKCE: it ignores
	// code_challenge and code_verifier, and its metadata says nothing of them.
	NoPKCE bool
	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// A Server is an identity provider, or rather several. Make one with [New]. It is an
// [http.Handler] and an [http.RoundTripper], and safe for concurrent use.
type Server struct {
	// URL is where the Server is, and the issuer of [OIDC]. [New] and
	// [Server.Start] set it; nobody else does.
	URL string

	opts   Options
	err    error
	routes map[string]route
	look   *look
	script atomic.Pointer[Script]

	closed context.Context // ends with Close
	close  context.CancelFunc
	http   *http.Server

	mu     sync.Mutex // people and grants
	people []Person
	grants grants

	keyMu sync.Mutex
	keys  map[Service][]*Key

	recordMu sync.Mutex
	records  []Request
	counts   map[Endpoint]int
	issued   []string
}

type route struct {
	endpoint Endpoint
	methods  string
	handler  http.HandlerFunc
}

// New makes a Server. It listens nowhere until [Server.Start], but can be called
// at once. What is wrong with the options is the error of [Server.Start],
// [Server.RoundTrip] and [Server.Visit], and the answer to every request.
func New(opts *Options) *Server {
	s := &Server{URL: "https://idp.example", keys: make(map[Service][]*Key), counts: make(map[Endpoint]int)}
	if opts != nil {
		s.opts = *opts
	}
	s.closed, s.close = context.WithCancel(context.Background())
	s.grants = newGrants()
	errs := []error{checkClients(s.opts.Clients)}
	if s.opts.URL != "" {
		s.URL = s.opts.URL
		errs = append(errs, checkURL(s.opts.URL))
	}
	for i, k := range s.opts.Keys {
		if k == nil || k.Algorithm() == "" {
			errs = append(errs, fmt.Errorf("oauthtest: Options.Keys[%d] needs a Signer of crypto/rsa or crypto/ecdsa", i))
		}
	}
	people := s.opts.People
	if people == nil {
		people = defaultPeople()
	}
	for _, p := range people {
		errs = append(errs, s.AddPerson(p))
	}
	var err error
	s.look, err = newLook()
	s.err = errors.Join(append(errs, err)...)
	s.routes = make(map[string]route)
	s.routeOIDC()
	s.routeGitHub()
	s.routeGoogle()
	s.routeApple()
	s.routeTwitter()
	return s
}

func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(raw, "/") {
		return fmt.Errorf("oauthtest: Options.URL is %q: give http://host or https://host, with a path or without, and no slash at its end", raw)
	}
	return nil
}

// Start listens on an address of the loopback, such as "127.0.0.1:0" (the
// default, for ""), and serves there until [Server.Close]. Unless [Options.URL] is
// set, URL becomes http:// and the host of addr and the port. Call it before
// anything that depends on URL. To a browser, localhost and 127.0.0.1 are two sites; two ports of one of them are not.
//
// An address that others can reach is an error: whoever reaches the Server can
// be anybody. So are a second call and any fault of the options.
func (s *Server) Start(addr string) error {
	if s.err != nil {
		return s.err
	}
	if s.http != nil {
		return errors.New("oauthtest: the Server was started already")
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("oauthtest: the address %q: %w", addr, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("oauthtest: the address %q is not of the loopback: give localhost or 127.0.0.1, or serve the Server yourself", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("oauthtest: %w", err)
	}
	if s.opts.URL == "" {
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return errors.Join(fmt.Errorf("oauthtest: %w", err), l.Close())
		}
		s.URL = "http://" + net.JoinHostPort(host, port)
	}
	s.http = &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return s.closed },
		ReadHeaderTimeout: 10 * time.Second,
	}
	go s.http.Serve(l) // ends with Close; its error says only that
	return nil
}

// Close ends what is under way, and the listening. A Server that was closed is not used any more.
func (s *Server) Close() error {
	s.close()
	if s.http == nil {
		return nil
	}
	return s.http.Close()
}

// ServeHTTP answers for [OIDC] at the root, and for the imitated services below
// their hosts, as in /github.com/login/oauth/authorize.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.err != nil {
		http.Error(w, s.err.Error(), http.StatusInternalServerError)
		return
	}
	path := r.URL.Path
	rt, known := s.routes[path]
	if !known {
		rt = route{endpoint: Unknown, handler: s.unknown}
	}
	asked := s.URL + path
	if host, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); imitated(host) {
		asked = "https:/" + path
	}
	if r.URL.RawQuery != "" {
		asked += "?" + r.URL.RawQuery
	}
	s.record(r, rt.endpoint, asked)
	if s.takenOver(w, r, rt.endpoint) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if known && !strings.Contains(rt.methods, r.Method) {
		w.Header().Set("Allow", rt.methods)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	rt.handler(w, r)
}

func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		s.look.index(w, s.People())
		return
	}
	http.NotFound(w, r)
}

func (s *Server) handle(path string, e Endpoint, methods string, h http.HandlerFunc) {
	s.routes[path] = route{endpoint: e, methods: methods, handler: h}
}

func (s *Server) now() time.Time {
	if s.opts.Now != nil {
		return s.opts.Now()
	}
	return time.Now()
}
