package auth

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddr returns the client's address: the socket's, or, if that is one of
// [Options.TrustedProxies], the right-most entry of X-Forwarded-For that is
// not. Whatever cannot be read ends the search at the last address that could.
// IPv4-mapped addresses are unmapped and zones dropped. A proxy that comes by a Unix socket
// is at 127.0.0.1, if that is one of them. The result is invalid if the socket has no IP
// address otherwise.
func (m *Manager) ClientAddr(r *http.Request) netip.Addr {
	addr, ok := m.peer(r)
	if !ok {
		return netip.Addr{}
	}
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

// peer returns where the socket is from.
func (m *Manager) peer(r *http.Request) (addr netip.Addr, ok bool) {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return peer.Addr().Unmap().WithZone(""), true
	}
	_, unix := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr)
	return localhost, unix && m.trusted(localhost)
}

var localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})

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

// site returns the IPv6 /48 that addr is in.
func site(addr netip.Addr) (string, bool) {
	if !addr.Is6() {
		return "", false
	}
	p, err := addr.Prefix(48)
	return p.String(), err == nil
}
