package authtest

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A browser is a client and the server that it visits, which runs the host and
// has one door more: a path that nobody can guess, behind which steps are taken.
type browser struct {
	t      testing.TB
	client *http.Client
	held   cookies // what was set at the door
	door   string
	steps  chan step
	taken  chan error
}

func openBrowser(t testing.TB, m *auth.Manager, h http.Handler, o *options) *browser {
	t.Helper()
	b := &browser{t: t, held: cookies{}, door: "/authtest-" + rand.Text(), steps: make(chan step, 1), taken: make(chan error, 1)}
	door := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := <-b.steps
		b.taken <- s(w, r)
	}))
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.addr != "" {
			r.RemoteAddr = o.addr
		}
		if r.URL.Path == b.door {
			door.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.CloseClientConnections() // Close waits for whoever still answers
		srv.Close()
	})
	b.client = srv.Client() // finds example.com at srv
	b.client.Timeout = time.Minute
	if len(o.header) > 0 {
		b.client.Transport = &dressing{b.client.Transport, o}
	}
	b.newJar(nil)
	return b
}

var origin = &url.URL{Scheme: "https", Host: "example.com", Path: "/"}

func (b *browser) newJar(with []*http.Cookie) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatalf("authtest: %v", err)
	}
	jar.SetCookies(origin, with)
	b.client.Jar = jar
}

// reopen closes the browser and opens it again.
func (b *browser) reopen() { b.newJar(b.held.endWithBrowser(false)) }

// visit takes a step at the door.
func (b *browser) visit(s step) error {
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, Origin+b.door, nil)
	if err != nil {
		return err
	}
	b.steps <- s
	res, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	b.held.take(res)
	select {
	case err := <-b.taken:
		return err
	default:
		return fmt.Errorf("the server answered %s", res.Status)
	}
}

// dressing adds headers to what is sent to the host.
type dressing struct {
	http.RoundTripper
	o *options
}

func (d *dressing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == origin.Host {
		r = r.Clone(r.Context())
		for name, values := range d.o.header {
			if _, set := r.Header[name]; !set {
				r.Header[name] = values
			}
		}
	}
	return d.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections is what the server and the client close up with.
func (d *dressing) CloseIdleConnections() {
	if c, ok := d.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
