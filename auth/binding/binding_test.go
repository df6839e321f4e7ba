package binding_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/binding"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// seen returns what a part sees, and checks that it says by which rule.
func seen(t *testing.T, s string) string {
	t.Helper()
	if s == "" {
		return ""
	}
	rule, what, ok := strings.Cut(s, "\n")
	if !ok || rule == "" || what == "" {
		t.Errorf("%q has no rule", s)
	}
	return what
}

func TestUserAgent(t *testing.T) {
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0"
	for userAgent, want := range map[string]string{
		fmt.Sprintf(firefox, 140): "Firefox on Linux",
		fmt.Sprintf(firefox, 141): "Firefox on Linux", // updated itself
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                          "Firefox on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":           "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 11.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.59 Safari/537.36":       "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0.0.0": "Edge on Windows",
		"curl/8.16.0":      "curl",
		"":                 "",
		"SomethingElse/12": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", userAgent)
		if got := seen(t, binding.UserAgent(r, netip.Addr{})); got != want {
			t.Errorf("%s: %q; want %q", userAgent, got, want)
		}
	}
	if got := binding.UserAgent(httptest.NewRequest("GET", "/", nil), netip.Addr{}); got != "" {
		t.Errorf("without a User-Agent: %q", got)
	}
}

func TestNetwork(t *testing.T) {
	for _, tt := range []struct {
		v4, v6 int
		addr   string
		want   string
	}{
		{24, 48, "192.0.2.7", "192.0.2.0/24"},
		{24, 48, "192.0.2.255", "192.0.2.0/24"},
		{24, 48, "192.0.3.0", "192.0.3.0/24"},
		{24, 48, "::ffff:192.0.2.7", "192.0.2.0/24"},
		{24, 48, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"},
		{24, 48, "2001:db8:1:ffff::", "2001:db8:1::/48"},
		{24, 48, "2001:db8:2::", "2001:db8:2::/48"},
		{24, 48, "fe80::1%eth0", "fe80::/48"},
		{24, 48, "", ""},
		{32, 128, "192.0.2.7", "192.0.2.7/32"},
		{32, 128, "2001:db8::1", "2001:db8::1/128"},
		{0, 48, "192.0.2.7", ""},
		{0, 48, "::ffff:192.0.2.7", ""},
		{0, 48, "2001:db8::1", "2001:db8::/48"},
		{24, 0, "2001:db8::1", ""},
		{24, 0, "192.0.2.7", "192.0.2.0/24"},
		{1, 1, "192.0.2.7", "128.0.0.0/1"},
	} {
		var addr netip.Addr
		if tt.addr != "" {
			addr = netip.MustParseAddr(tt.addr)
		}
		part := binding.Network(tt.v4, tt.v6)
		if got := seen(t, part(httptest.NewRequest("GET", "/", nil), addr)); got != tt.want {
			t.Errorf("Network(%d, %d) sees %q of %s; want %q", tt.v4, tt.v6, got, tt.addr, tt.want)
		}
	}
}

// Parts that look in different ways say so, also where they see the same.
func TestRules(t *testing.T) {
	r, addr := httptest.NewRequest("GET", "/", nil), netip.MustParseAddr("128.0.0.0")
	r.Header.Set("User-Agent", "curl/8.16.0")
	rules := map[string]string{}
	for name, part := range map[string]func(*http.Request, netip.Addr) string{
		"UserAgent":       binding.UserAgent,
		"Network(24, 48)": binding.Network(24, 48),
		"Network(16, 48)": binding.Network(16, 48),
		"Network(24, 64)": binding.Network(24, 64),
		"Network(24, 4)":  binding.Network(24, 4),
	} {
		rule, _, _ := strings.Cut(part(r, addr), "\n")
		if other, taken := rules[rule]; taken {
			t.Errorf("%s and %s have the same rule, %q", name, other, rule)
		}
		rules[rule] = name
	}
}

func TestNetworkMisconfigured(t *testing.T) {
	for _, bits := range [][2]int{{-1, 48}, {33, 48}, {24, -1}, {24, 129}, {0, 0}} {
		part := binding.Network(bits[0], bits[1])
		if part != nil {
			t.Errorf("Network(%d, %d) is something", bits[0], bits[1])
		}
		_, err := auth.New(authtest.NewUsers(), memory.New(nil), &auth.Options{
			Binding: auth.Binding{To: []func(*http.Request, netip.Addr) string{binding.UserAgent, part}},
		})
		if err == nil || !strings.Contains(err.Error(), "Options.Binding.To[1] is nil") || !strings.Contains(err.Error(), "binding.Network") {
			t.Errorf("Network(%d, %d): New says %v", bits[0], bits[1], err)
		}
	}
}
