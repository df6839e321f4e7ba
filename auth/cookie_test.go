package auth_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

func TestCookieAttributes(t *testing.T) {
	const attrs = "; Path=/; Secure; HttpOnly; SameSite=Lax"
	s := newSite(t, nil)
	v := s.visitor()
	set := v.post("/auth/trust?user=ada", "").Header["Set-Cookie"]
	if len(set) != 1 || !strings.HasPrefix(set[0], "__Host-sid=") || !strings.HasSuffix(set[0], attrs) || len(set[0]) != len("__Host-sid=")+43+len(attrs) {
		t.Errorf("login: %q", set)
	}
	set = v.post("/auth/logout", "").Header["Set-Cookie"]
	if len(set) != 1 || set[0] != "__Host-sid="+attrs+"; Max-Age=0" {
		t.Errorf("log-out: %q", set)
	}
	set = v.post("/auth/trust?user=ada&remember", "").Header["Set-Cookie"]
	if len(set) != 2 || !strings.HasPrefix(set[0], "__Host-sid=") || !strings.HasSuffix(set[0], attrs) ||
		!strings.HasPrefix(set[1], "__Host-remember=") || !strings.HasSuffix(set[1], attrs+"; Max-Age=2592000") {
		t.Errorf("login with Remember: %q", set)
	}
	set = v.post("/auth/logout", "").Header["Set-Cookie"]
	if len(set) != 2 || set[0] != "__Host-remember="+attrs+"; Max-Age=0" || set[1] != "__Host-sid="+attrs+"; Max-Age=0" {
		t.Errorf("log-out of a remembered browser: %q", set)
	}
}

func TestInsecureCookies(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.InsecureCookies = true })
	for addr, status := range map[string]int{
		"127.0.0.1:1": 200, "[::1]:1": 200, "[::ffff:127.0.0.1]:1": 200, "192.0.2.1:1": 503, "@": 503, "": 503,
	} {
		r := httptest.NewRequest("POST", "/auth/trust?user=ada", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%q: %d; want %d", addr, w.Code, status)
		}
		if set := w.Header().Get("Set-Cookie"); (set != "") != (status == 200) || strings.Contains(set, "Secure") || strings.Contains(set, "__Host-") {
			t.Errorf("%q: Set-Cookie %q", addr, set)
		}
	}
	if !strings.Contains(s.log.String(), "InsecureCookies") {
		t.Error("the log does not say why")
	}
}

func TestClientAddr(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name      string
		remote    string
		forwarded []string
		trusted   []netip.Prefix
		want      string
	}{
		{"socket", "192.0.2.1:99", nil, nil, "192.0.2.1"},
		{"header without trust", "192.0.2.1:99", []string{"8.8.8.8"}, nil, "192.0.2.1"},
		{"header from a stranger", "192.0.2.1:99", []string{"8.8.8.8"}, trusted, "192.0.2.1"},
		{"one proxy", "10.0.0.1:99", []string{"8.8.8.8"}, trusted, "8.8.8.8"},
		{"forged entries on the left", "10.0.0.1:99", []string{"1.1.1.1, 8.8.8.8"}, trusted, "8.8.8.8"},
		{"two proxies", "10.0.0.1:99", []string{"1.1.1.1, 8.8.8.8, 10.0.0.2"}, trusted, "8.8.8.8"},
		{"two headers", "10.0.0.1:99", []string{"1.1.1.1", "8.8.8.8, 10.0.0.2"}, trusted, "8.8.8.8"},
		{"two headers of proxies", "10.0.0.1:99", []string{"8.8.8.8", "10.0.0.2"}, trusted, "8.8.8.8"},
		{"proxies only", "10.0.0.1:99", []string{"10.0.0.3, 10.0.0.2"}, trusted, "10.0.0.3"},
		{"no header", "10.0.0.1:99", nil, trusted, "10.0.0.1"},
		{"junk", "10.0.0.1:99", []string{"8.8.8.8, junk"}, trusted, "10.0.0.1"},
		{"junk on the left", "10.0.0.1:99", []string{"junk, 8.8.8.8"}, trusted, "8.8.8.8"},
		{"empty", "10.0.0.1:99", []string{""}, trusted, "10.0.0.1"},
		{"port", "10.0.0.1:99", []string{"8.8.8.8:1234"}, trusted, "8.8.8.8"},
		{"IPv6", "[fd00::1]:99", []string{"2001:db8::1"}, trusted, "2001:db8::1"},
		{"IPv6 in brackets", "[fd00::1]:99", []string{"[2001:db8::1]"}, trusted, "2001:db8::1"},
		{"IPv6 with port", "[fd00::1]:99", []string{"[2001:db8::1]:5"}, trusted, "2001:db8::1"},
		{"mapped", "[::ffff:10.0.0.1]:99", []string{"::ffff:8.8.8.8"}, trusted, "8.8.8.8"},
		{"zone", "[fe80::1%eth0]:99", nil, nil, "fe80::1"},
		{"unix socket", "@", []string{"8.8.8.8"}, trusted, "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *auth.Options) { o.TrustedProxies = tt.trusted })
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.remote
			r.Header["X-Forwarded-For"] = tt.forwarded
			if got := s.m.ClientAddr(r).String(); got != tt.want {
				t.Errorf("%s; want %s", got, tt.want)
			}
		})
	}
}

// The limit of a network holds for an IPv6 /64, however it is written, and for
// each IPv4 address by itself.
func TestNetworkLimits(t *testing.T) {
	free := func(addrs ...string) int {
		s := newSite(t, nil)
		n := 0
		for i := range 40 {
			r := httptest.NewRequest("POST", "/", nil)
			r.RemoteAddr = addrs[i%len(addrs)]
			if _, err := s.m.Attempt(r, "test", string(rune('a'+i)), s.m.Nobody()); err == nil {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		name  string
		addrs []string
		want  int
	}{
		{"one address", []string{"192.0.2.1:1"}, 20},
		{"two addresses", []string{"192.0.2.1:1", "192.0.2.2:1"}, 40},
		{"one mapped", []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:2"}, 20},
		{"one /64", []string{"[2001:db8::1]:1", "[2001:db8::ffff:1]:1", "[2001:DB8::2%eth0]:1"}, 20},
		{"two /64", []string{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1"}, 40},
		{"unknown", []string{"@", "", "x"}, 20},
	} {
		if got := free(tt.addrs...); got != tt.want {
			t.Errorf("%s: %d; want %d", tt.name, got, tt.want)
		}
	}
}

// A proxy that comes by a Unix socket is believed like one at 127.0.0.1: else all its
// clients would have the limits of one network together.
func TestClientAddrBehindAUnixSocket(t *testing.T) {
	for trusted, want := range map[string]string{"127.0.0.1/32": "8.8.8.8", "127.0.0.0/8": "8.8.8.8", "10.0.0.0/8": "invalid IP", "": "invalid IP"} {
		s := newSite(t, func(o *auth.Options) {
			if trusted != "" {
				o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(trusted)}
			}
		})
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s.m.ClientAddr(r)) })}
		var serving sync.WaitGroup
		serving.Go(func() { srv.Serve(l) })
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://site/", nil)
		r.Header.Set("X-Forwarded-For", "1.1.1.1, 8.8.8.8")
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(res.Body)
		res.Body.Close()
		srv.Close()
		serving.Wait()
		if string(got) != want {
			t.Errorf("trusting %q: %s; want %s", trusted, got, want)
		}
	}

	// Whoever has no address on another socket is no proxy.
	s := newSite(t, func(o *auth.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "@"
	r.Header.Set("X-Forwarded-For", "8.8.8.8")
	if got := s.m.ClientAddr(r); got.IsValid() {
		t.Errorf("without a Unix socket: %s", got)
	}
}
