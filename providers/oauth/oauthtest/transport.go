package oauthtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// RoundTrip answers requests to URL and, over https, to the hosts of the
// imitated services, in this process and whether the Server was started or not.
// Every other request is an error, and is recorded as [Elsewhere].
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.err != nil {
		return nil, s.err
	}
	path, ours := s.local(r.URL)
	if !ours {
		s.record(r, Elsewhere, r.URL.String())
		return nil, fmt.Errorf("oauthtest: a request to %s://%s, which is none of this server's hosts", r.URL.Scheme, r.URL.Host)
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.closed, cancel)
	in := r.Clone(ctx)
	in.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:1"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Header == nil {
		in.Header = make(http.Header)
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}

	reader, writer := io.Pipe()
	p := &pipe{header: make(http.Header), ready: make(chan struct{}), body: writer}
	context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	failed := make(chan error, 1)
	go func() {
		finished := false
		defer func() {
			in.Body.Close()
			stop()
			defer cancel() // at last, when the pipe has its error
			if v := recover(); !finished {
				err := io.ErrUnexpectedEOF // what a client sees when the server hangs up
				if v != nil && v != http.ErrAbortHandler {
					err = fmt.Errorf("oauthtest: a handler panicked: %v", v)
				}
				failed <- err
				writer.CloseWithError(err)
			}
		}()
		s.ServeHTTP(p, in)
		p.WriteHeader(http.StatusOK)
		finished = true
		writer.Close()
	}()
	select {
	case <-p.ready:
	case <-ctx.Done():
		select {
		case <-p.ready: // and what came after it is for the body to tell
		case err := <-failed:
			return nil, err
		default:
			return nil, context.Cause(ctx)
		}
	}
	resp := &http.Response{
		Status:        strconv.Itoa(p.status) + " " + http.StatusText(p.status),
		StatusCode:    p.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        p.sent,
		Body:          &body{Reader: reader, close: func() error { cancel(); return reader.Close() }},
		ContentLength: -1,
		Request:       r,
	}
	if n, err := strconv.ParseInt(p.sent.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	return resp, nil
}

// local returns the path on the Server of what is asked for at u, and whether
// it is the Server's.
func (s *Server) local(u *url.URL) (string, bool) {
	if host := strings.TrimSuffix(u.Host, ":443"); u.Scheme == "https" && imitated(host) {
		return "/" + host + u.Path, true
	}
	own, err := url.Parse(s.URL)
	if err != nil || u.Scheme != own.Scheme || u.Host != own.Host {
		return "", false
	}
	path, ok := strings.CutPrefix(u.Path, own.Path)
	if path == "" {
		path = "/"
	}
	return path, ok && path[0] == '/'
}

// AuthURL returns where on this Server a browser finds what is at authURL: below
// its host for an imitated service, as in URL/github.com/login/oauth/authorize.
// Any other URL is returned as it is.
func (s *Server) AuthURL(authURL string) string {
	rest, ok := strings.CutPrefix(authURL, "https://")
	if !ok {
		return authURL
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	if !imitated(host) {
		return authURL
	}
	return s.URL + "/" + rest
}

// A pipe is the ResponseWriter of a handler whose answer is read while it is
// being written, as over a connection.
type pipe struct {
	header http.Header // the handler's
	sent   http.Header
	status int
	once   sync.Once
	ready  chan struct{}
	body   *io.PipeWriter
}

func (p *pipe) Header() http.Header { return p.header }

func (p *pipe) WriteHeader(status int) {
	p.once.Do(func() {
		p.status, p.sent = status, p.header.Clone()
		close(p.ready)
	})
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.header.Get("Content-Type") == "" {
		p.header.Set("Content-Type", http.DetectContentType(b))
	}
	p.WriteHeader(http.StatusOK)
	return p.body.Write(b)
}

// Flush sends the header; the body is never held back.
func (p *pipe) Flush() { p.WriteHeader(http.StatusOK) }

type body struct {
	io.Reader
	close func() error
}

func (b *body) Close() error { return b.close() }
