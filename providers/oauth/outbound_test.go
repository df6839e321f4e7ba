package oauth

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// local is an outbound for servers of a test, over TLS or, on the loopback, without.
func local(t *testing.T, s *httptest.Server, change ...func(*ConnectorOptions)) outbound {
	t.Helper()
	o := &ConnectorOptions{Timeout: 5 * time.Second, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for _, f := range change {
		f(o)
	}
	out := newOutbound(o)
	transport := out.base.(*http.Transport)
	if s != nil && s.TLS != nil {
		transport.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	}
	t.Cleanup(transport.CloseIdleConnections)
	return out
}

func TestOA25OnlyPublicAddressesAreConnectedTo(t *testing.T) {
	for _, s := range []string{
		"127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::10.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1",
		"64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "2002:7f00:1::", "2002:0a00:0001::", "2001::1", "2001:db8::1", "100::1", "5f00::1", "3fff::1",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	for _, s := range []string{"140.82.121.4", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// The address is looked at when it is connected to, so that a name that has
// another one by then is refused as well.
func TestOA25AddressesAreLookedAtWhenConnecting(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer s.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer plain.Close()
	none := func(o *ConnectorOptions) { o.Networks = nil }
	insecure := func(o *ConnectorOptions) { o.Networks, o.InsecureHTTP = nil, true }

	for name, c := range map[string]struct {
		out outbound
		url string
		ok  bool
	}{
		"loopback":                 {local(t, s, none), s.URL, false},
		"a name for it":            {local(t, s, none), strings.Replace(s.URL, "127.0.0.1", "localhost", 1), false},
		"allowed":                  {local(t, s), s.URL, true},
		"plain":                    {local(t, nil, none), plain.URL, false},
		"plain and allowed":        {local(t, nil), plain.URL, false},
		"plain and InsecureHTTP":   {local(t, nil, insecure), plain.URL, true},
		"TLS and InsecureHTTP":     {local(t, s, insecure), s.URL, true},
		"plain, and not loopback":  {local(t, nil, insecure), "http://example.com/", false},
		"a password":               {local(t, s), strings.Replace(s.URL, "//", "//u:p@", 1), false},
		"another scheme":           {local(t, nil), "ftp://127.0.0.1/", false},
		"a metadata service":       {local(t, nil, none), "https://169.254.169.254/latest/meta-data", false},
		"as an IPv4-mapped adress": {local(t, nil, none), "https://[::ffff:169.254.169.254]/", false},
		"a number":                 {local(t, nil, none), "https://2852039166/", false},
	} {
		asked.Store(0)
		resp, err := c.out.client(t.Context()).Get(c.url)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.ok || (asked.Load() == 1) != c.ok {
			t.Errorf("%s: %v, and it was asked %d times", name, err, asked.Load())
		}
		if err != nil && !errors.Is(err, errBadAnswer) && !errors.Is(err, errUnavailable) {
			t.Errorf("%s: %v is of no class", name, err)
		}
	}
}

// A plain connection is for the loopback interface, whatever resolves to what.
func TestOA25PlainConnectionsStayOnTheLoopback(t *testing.T) {
	g := guard{networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, loopback: true}
	plain := context.WithValue(t.Context(), plainKey{}, true)
	for _, c := range []struct {
		ctx     context.Context
		network string
		address string
		ok      bool
	}{
		{plain, "tcp4", "127.0.0.1:80", true}, {plain, "tcp6", "[::1]:80", true},
		{plain, "tcp4", "8.8.8.8:80", false}, {plain, "tcp4", "10.0.0.1:80", false},
		{t.Context(), "tcp4", "10.0.0.1:443", true}, {t.Context(), "tcp4", "11.0.0.1:443", true}, {t.Context(), "tcp4", "192.168.0.1:443", false},
		{t.Context(), "udp4", "8.8.8.8:443", false}, {t.Context(), "tcp4", "nonsense", false},
		{t.Context(), "tcp6", "[::ffff:10.0.0.1]:443", true}, {t.Context(), "tcp6", "[fe80::1%eth0]:443", false},
	} {
		if err := g.control(c.ctx, c.network, c.address, nil); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.network, c.address, err)
		}
	}
	if g := (guard{}); g.control(plain, "tcp4", "127.0.0.1:80", nil) == nil {
		t.Error("a plain connection without InsecureHTTP")
	}
}

// What is sent to the identity provider goes nowhere else, whatever it answers.
func TestOA26NoCredentialLeavesItsHost(t *testing.T) {
	var stolen atomic.Value
	thief := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stolen.Store(r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + r.Referer())
	}))
	defer thief.Close()
	var location atomic.Value
	var status, posts, gets atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
		} else {
			gets.Add(1)
		}
		if r.URL.Path == "/end" {
			fmt.Fprint(w, "the end")
			return
		}
		w.Header().Set("Location", location.Load().(string))
		w.WriteHeader(int(status.Load()))
	}))
	defer s.Close()
	client := local(t, s).client(t.Context())

	port := thief.URL[strings.LastIndexByte(thief.URL, ':'):]
	for _, to := range []string{thief.URL, "//" + thief.Listener.Addr().String() + "/end", strings.Replace(s.URL, "https:", "http:", 1) + "/end",
		"https://127.0.0.1.nip.example/end", "https://localhost" + port, `/\` + thief.Listener.Addr().String()} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			location.Store(to)
			status.Store(int64(code))
			posts.Store(0)
			req, _ := http.NewRequest(http.MethodGet, s.URL+"/user?access_token=secret", nil)
			req.Header.Set("Authorization", "Bearer secret")
			resp, err := client.Do(req)
			if err == nil {
				// "/\host" is a path of the same origin.
				if resp.Body.Close(); resp.Request.URL.Host != s.Listener.Addr().String() {
					t.Errorf("%d to %s was followed to %v", code, to, resp.Request.URL)
				}
			} else if !errors.Is(err, errBadAnswer) {
				t.Errorf("%d to %s: %v", code, to, err)
			}
			if resp, err := client.PostForm(s.URL+"/token", map[string][]string{"code": {"secret"}}); err == nil {
				resp.Body.Close()
				t.Errorf("the redirect %d of a POST to %s was followed", code, to)
			}
			if posts.Load() != 1 {
				t.Errorf("%d to %s: %d POSTs", code, to, posts.Load())
			}
		}
	}
	// A POST is not followed at its own origin either.
	location.Store("/end")
	for _, code := range []int{301, 302, 303, 307, 308} {
		status.Store(int64(code))
		if resp, err := client.PostForm(s.URL+"/token", nil); err == nil {
			resp.Body.Close()
			t.Errorf("the redirect %d of a POST was followed", code)
		}
		resp, err := client.Get(s.URL + "/user")
		if err != nil {
			t.Errorf("%d at one origin: %v", code, err)
			continue
		}
		resp.Body.Close()
	}
	location.Store("/again")
	gets.Store(0)
	if resp, err := client.Get(s.URL + "/user"); err == nil {
		resp.Body.Close()
		t.Error("redirects without end were followed")
	}
	if gets.Load() != maxRedirects+1 {
		t.Errorf("%d requests", gets.Load())
	}
	if got := stolen.Load(); got != nil {
		t.Errorf("another host got %v", got)
	}
}

func TestOA27AnswersHaveLimits(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 20<<20))
	z.Close()
	slow := make(chan struct{})
	defer close(slow)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		case "/slowbody":
			fmt.Fprint(w, "{")
			w.(http.Flusher).Flush()
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		case "/exact":
			w.Write(make([]byte, maxBody))
		case "/long":
			w.Write(make([]byte, maxBody+1))
		case "/endless":
			for i := 0; i < 200; i++ { // 100 MiB and more
				if _, err := w.Write(make([]byte, 1<<19)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		case "/odd":
			w.Header().Set("Content-Encoding", "deflate")
			w.Write([]byte{1})
		case "/headers":
			for i := range 200 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1000))
			}
		case "/500":
			w.WriteHeader(500)
		case "/503":
			w.WriteHeader(503)
		case "/429":
			w.WriteHeader(429)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
		}
	}))
	defer s.Close()
	client := local(t, s, func(o *ConnectorOptions) { o.Timeout = 300 * time.Millisecond }).client(t.Context())
	for path, want := range map[string]error{
		"/slow": errUnavailable, "/slowbody": errUnavailable, "/exact": nil, "/long": errBadAnswer, "/endless": errBadAnswer, "/bomb": errBadAnswer,
		"/odd": errBadAnswer, "/headers": errUnavailable, "/500": errUnavailable, "/503": errUnavailable, "/429": errUnavailable, "/cut": errUnavailable,
	} {
		start := time.Now()
		resp, err := client.Get(s.URL + path)
		n := 0
		if err == nil {
			var body []byte
			body, err = io.ReadAll(resp.Body)
			n = len(body)
			resp.Body.Close()
		}
		// net/http has words of its own for its timeouts.
		if !errors.Is(outcome(err), want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if n > maxBody {
			t.Errorf("%s: %d bytes came through", path, n)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", path, d)
		}
	}
	s.CloseClientConnections()
	s.Listener.Close()
	if _, err := client.Get(s.URL); !errors.Is(err, errUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

// An answer that ends when the time is over is no whole answer, whatever the server
// says: it can have been told that nobody listens any more.
func TestOA27HalfAnAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	idp := transportFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(io.MultiReader(strings.NewReader("{"), readerFunc(func([]byte) (int, error) {
			cancel()
			return 0, io.EOF
		})))}, nil
	})
	c := newConnector(&ConnectorOptions{Insecure: idp}, "x", "X", nil, func(*Connector) backend { return &fake{name: "x"} })
	resp, err := c.out.client(ctx).Get("https://idp.example/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); !errors.Is(err, errUnavailable) {
		t.Errorf("%q, %v", body, err)
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
func (f transportFunc) AuthURL(u string) string                           { return u }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// x/oauth2 before 0.27 spent memory on tokens with many dots; what comes is limited
// before anything looks at it.
func TestOA28TokenResponsesAreLimited(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"a","token_type":"Bearer","id_token":"%s"}`, strings.Repeat(".", 2*maxBody))
	}))
	defer s.Close()
	config := oauth2.Config{ClientID: "id", ClientSecret: "s", Endpoint: oauth2.Endpoint{TokenURL: s.URL, AuthStyle: oauth2.AuthStyleInHeader}}
	token, err := config.Exchange(clientContext(t.Context(), local(t, s).client(t.Context())), "code")
	if token != nil || !errors.Is(outcome(err), errBadAnswer) {
		t.Errorf("%v, %v", token, err)
	}
}

// goth's requests have no context of their own: they end with the flow's.
func TestRequestsEndWithTheFlow(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	client := local(t, s).client(ctx)
	go func() { <-arrived; cancel() }()
	req, _ := http.NewRequest(http.MethodGet, s.URL, nil) // context.Background
	if resp, err := client.Do(req); err == nil {
		resp.Body.Close()
		t.Error("the request went on")
	} else if !errors.Is(err, errUnavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-gone
}

// No proxy of the environment is asked: it would connect to what is refused here.
func TestNoProxyIsUsed(t *testing.T) {
	if newOutbound(&ConnectorOptions{}).base.(*http.Transport).Proxy != nil {
		t.Error("there is a proxy")
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "{}") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	out := local(t, s)
	for range 3 {
		resp, err := out.client(t.Context()).Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
