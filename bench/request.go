package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// newRequest returns a request as a browser sends it, with two cookies of other
// people's and, if it is not "", ours between them.
func newRequest(method, cookie, token string) *http.Request {
	line := "_ga=GA1.2.1733021841.1763771641; "
	if cookie != "" {
		line += cookie + "=" + token + "; "
	}
	line += "theme=dark"
	r := &http.Request{
		Method: method, URL: &url.URL{Path: "/account"}, RequestURI: "/account", Host: "example.com",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "192.0.2.7:51413",
		Header: http.Header{
			"Accept":          {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
			"Accept-Encoding": {"gzip, deflate, br"},
			"Accept-Language": {"en-US,en;q=0.5"},
			"Cookie":          {line},
			"Sec-Fetch-Site":  {"same-origin"},
			"User-Agent":      {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		},
	}
	return r.WithContext(context.Background())
}

func requests(of func(i int) *http.Request) []*http.Request {
	all := make([]*http.Request, InTurn)
	for i := range all {
		all[i] = of(i)
	}
	return all
}

// Anonymous returns requests without our cookie.
func Anonymous() []*http.Request {
	return requests(func(int) *http.Request { return newRequest(http.MethodGet, "", "") })
}

// Forged returns requests with tokens that have the right form and that nobody
// has issued.
func (s *Site) Forged() []*http.Request {
	return requests(func(int) *http.Request {
		var b [32]byte
		rand.Read(b[:])
		return newRequest(http.MethodGet, s.Cookie, base64.RawURLEncoding.EncodeToString(b[:]))
	})
}

// Malformed returns requests with cookies that cannot be tokens.
func (s *Site) Malformed() []*http.Request {
	return requests(func(i int) *http.Request {
		return newRequest(http.MethodGet, s.Cookie, strings.Repeat("!", 1+i%64))
	})
}

// A Sink is a ResponseWriter that keeps the header and says which user the page
// has seen.
type Sink struct {
	header http.Header
	Status int
	User   *User
	Name   string // the user's
}

// NewSink returns an empty Sink.
func NewSink() *Sink { return &Sink{header: make(http.Header, 8)} }

// Header implements [http.ResponseWriter].
func (s *Sink) Header() http.Header { return s.header }

// Write implements [http.ResponseWriter].
func (s *Sink) Write(b []byte) (int, error) {
	if s.Status == 0 {
		s.Status = http.StatusOK
	}
	return len(b), nil
}

// WriteHeader implements [http.ResponseWriter].
func (s *Sink) WriteHeader(status int) { s.Status = status }

// Reset makes s as good as new.
func (s *Sink) Reset() {
	clear(s.header)
	s.Status, s.User, s.Name = 0, nil, ""
}

// token returns what the last Set-Cookie sets the cookie to.
func (s *Sink) token(cookie string) string {
	lines := s.header["Set-Cookie"]
	if len(lines) == 0 {
		return ""
	}
	pair, _, _ := strings.Cut(lines[len(lines)-1], ";")
	return strings.TrimPrefix(pair, cookie+"=")
}

// page tells the Sink who is asking, and reads the name, as a page would that
// greets its user. Libraries may have wrapped the Sink.
func page(user userFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := user(r.Context())
		if !ok {
			return
		}
		for {
			switch v := w.(type) {
			case *Sink:
				v.User, v.Name = u, u.Name
				return
			case interface{ Unwrap() http.ResponseWriter }:
				w = v.Unwrap()
			default:
				return
			}
		}
	})
}

// plain is a page that does not ask who is asking.
func plain(http.ResponseWriter, *http.Request) {}
