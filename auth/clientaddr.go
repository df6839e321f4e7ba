package auth

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddr returns the client's address: the socket's, or, if that is one of
// [Options.TrustedProxies], the right-most entry of X-Forwarded-For that is
// not. Whatever cannot be read ends the search at the last address that could.
// IPv4-mapped addresses are unmapped and zones dropped. The result is invalid
// if the socket has no IP address.
func (m *Manager) ClientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if len(m.opts.TrustedProxies) == 0 {
		return addr
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		for rest := lines[i]; ; {
			if !m.trusted(addr) {
				return addr
			}
			comma := strings.LastIndexByte(rest, ',')
			next, ok := parseForwarded(strings.TrimSpace(rest[comma+1:]))
			if !ok {
				return addr
			}
			addr = next
			if comma < 0 {
				break
			}
			rest = rest[:comma]
		}
	}
	return addr
}

func (m *Manager) trusted(addr netip.Addr) bool {
	for _, p := range m.opts.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseForwarded reads an entry as proxies write it, some with a port.
func parseForwarded(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), true
}

// network returns what addr shares its limits with: an IPv4 address stands for
// itself, an IPv6 address for its /64, and all unknown ones for one another.
func network(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
