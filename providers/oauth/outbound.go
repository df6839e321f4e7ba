package oauth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The limits of what an identity provider may answer.
const (
	maxBody      = 1 << 20  // bytes of a body, after decompression
	maxHeaders   = 64 << 10 // bytes of a response's headers
	maxRedirects = 3
)

// An outbound is what a connector may ask of the outside: identity providers over
// TLS, at public addresses, with a limit on everything. It is safe for concurrent
// use.
//
// There is no proxy, also where the environment names one: it would be asked to
// connect to the address that is refused here.
type outbound struct {
	opts *ConnectorOptions
	base http.RoundTripper
}

// newOutbound starts nothing: connections are made when something is asked.
func newOutbound(o *ConnectorOptions) outbound {
	if o.Insecure != nil {
		return outbound{o, o.Insecure}
	}
	timeout := max(o.Timeout, 0)
	dial := &net.Dialer{Timeout: timeout, ControlContext: guard{slices.Clone(o.Networks), o.InsecureHTTP}.control}
	return outbound{o, &http.Transport{
		Proxy:                  nil,
		DialContext:            dial.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  timeout,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeaders,
		MaxIdleConns:           20,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        time.Minute,
	}}
}

// client returns a client for what is asked for ctx, and for nothing else: each
// request ends with ctx, whatever context it has itself, and after
// ConnectorOptions.Timeout.
//
// Its errors are errUnavailable or errBadAnswer. They have the address that was
// asked in them, as net/http makes them: log them by describe.
func (o outbound) client(ctx context.Context) *http.Client {
	return &http.Client{
		Timeout:       o.opts.Timeout,
		Transport:     limited{ctx, o},
		CheckRedirect: checkRedirect,
	}
}

// authURL returns where to send the browser.
func (o outbound) authURL(authURL string) string {
	if o.opts.Insecure != nil {
		return o.opts.Insecure.AuthURL(authURL)
	}
	return authURL
}

// checkRedirect follows what stays at one origin, and never sends a body again:
// the code and the client's secret go where the configuration says and nowhere
// else (RFC 9700, section 4.12).
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case first.Method != http.MethodGet && first.Method != http.MethodHead || req.Method != first.Method:
		return fmt.Errorf("%w: a redirect of a %s is not followed", errBadAnswer, first.Method)
	case req.URL.Scheme != first.URL.Scheme || !strings.EqualFold(req.URL.Host, first.URL.Host):
		return fmt.Errorf("%w: a redirect to another origin is not followed", errBadAnswer)
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d redirects", errBadAnswer, maxRedirects)
	}
	return nil
}

// limited is the transport of one client.
type limited struct {
	ctx context.Context
	out outbound
}

func (b limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := b.out.allowed(req.URL); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	// goth has no contexts: a request of its own is to end with ours.
	ctx, cancel := context.WithCancelCause(context.WithValue(req.Context(), plainKey{}, req.URL.Scheme == "http"))
	stop := context.AfterFunc(b.ctx, func() { cancel(context.Cause(b.ctx)) })
	end := func() { stop(); cancel(nil) }

	resp, err := b.out.base.RoundTrip(req.WithContext(ctx))
	if err == nil && resp == nil {
		err = errors.New("no response")
	}
	if err != nil {
		end()
		return nil, unavailable(ctx, err)
	}
	resp.Body = &limitedBody{body: resp.Body, left: maxBody, flow: b.ctx, ctx: ctx, end: end}
	if err := acceptable(resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// acceptable refuses what no caller could make anything of.
func acceptable(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusForbidden && tooOften(resp.Header):
		return fmt.Errorf("%w: it answers with status %d", errUnavailable, resp.StatusCode)
	case resp.ContentLength > maxBody:
		return errTooLong
	// What the transport asked for it has decompressed. Whatever is left was not
	// asked for, and cannot be counted.
	case resp.Header.Get("Content-Encoding") != "" && !strings.EqualFold(resp.Header.Get("Content-Encoding"), "identity"):
		return fmt.Errorf("%w: its encoding was not asked for", errBadAnswer)
	}
	return nil
}

// tooOften reports whether a refusal is of the rate and not of the request, as
// GitHub has it. It says nothing of the user: to take it for "there is no address"
// would make a second user of somebody who has one here.
func tooOften(h http.Header) bool {
	return h.Get("Retry-After") != "" || h.Get("X-RateLimit-Remaining") == "0"
}

var errTooLong = fmt.Errorf("%w: it is longer than %d bytes", errBadAnswer, maxBody)

// unavailable says why there is no answer. A request that was refused here keeps
// its own error.
func unavailable(ctx context.Context, err error) error {
	if errors.Is(err, errBadAnswer) || errors.Is(err, errUnavailable) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errUnavailable, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w", errUnavailable, err)
}

// allowed reports whether anything may be asked at u.
func (o outbound) allowed(u *url.URL) error {
	switch {
	case u.Host == "":
		return fmt.Errorf("%w: an address without a host", errBadAnswer)
	case u.User != nil:
		return fmt.Errorf("%w: an address with a password in it", errBadAnswer)
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (o.opts.Insecure != nil || o.opts.InsecureHTTP && loopbackName(u.Hostname())):
		return nil
	}
	return fmt.Errorf("%w: an address that is not https", errBadAnswer)
}

func loopbackName(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// limitedBody is a body of limited length. More is an error rather than an end: a
// document that was cut can mean something else.
type limitedBody struct {
	body io.ReadCloser
	left int64
	flow context.Context // of the client
	ctx  context.Context // of the request, which ends a little after
	end  func()
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	// One byte more than is left tells an end from an excess.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, errTooLong
	}
	b.left -= int64(n)
	switch {
	case err == io.EOF && b.flow.Err() == nil && b.ctx.Err() == nil:
	case err == io.EOF:
		// A server that sees us hang up may still get in a last word, and end what it
		// has sent half of as if that were all.
		err = fmt.Errorf("%w: it took too long", errUnavailable)
	case err != nil:
		err = unavailable(b.ctx, err)
	}
	return n, err
}

func (b *limitedBody) Close() error {
	err := b.body.Close()
	b.end()
	return err
}

// plainKey marks a connection without TLS, for guard.
type plainKey struct{}

// A guard decides which addresses are connected to. It is asked with the address
// that the name was resolved to, so that no name can stand for two.
type guard struct {
	networks []netip.Prefix
	loopback bool
}

func (g guard) control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("%w: %s is not connected to", errBadAnswer, network)
	}
	addr := ap.Addr().WithZone("").Unmap()
	if plain, _ := ctx.Value(plainKey{}).(bool); plain {
		// InsecureHTTP is for the loopback interface, whatever the name says.
		if g.loopback && addr.IsLoopback() {
			return nil
		}
	} else if g.loopback && addr.IsLoopback() || contains(g.networks, addr) || public(addr) {
		return nil
	}
	return fmt.Errorf("%w: its address %v is not a public one (Networks allows more)", errBadAnswer, addr)
}
