package auth_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
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
