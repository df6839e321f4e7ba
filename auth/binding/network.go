package binding

import (
	"net/http"
	"net/netip"
	"strconv"
)

// Network returns a part that sees the network of the client's address: the first
// ipv4Bits or ipv6Bits of it, and nothing if the address is not known, or 0 bits
// are to be looked at. An IPv4 address in IPv6 is IPv4.
//
// Sensible are Network(24, 48): providers give new addresses out of the same
// network, and IPv6 sites are a /48 or /56 whose hosts change the last 64 bits by
// themselves. Network(16, 32) is about one provider, and trips less. All 32 or 128 bits trip
// for many people every day. A laptop that is carried home, or a phone that leaves
// the wireless network, trips any of them; so does, on a site with both, whoever
// comes by IPv6 now and by IPv4 then, unless one of them has 0 bits.
//
// Behind proxies, the client's address is known only with Options.TrustedProxies of package auth.
//
// Bits that no address has (less than 0; more than 32 and 128; 0 and 0) give
// nil, which auth.New reports.
func Network(ipv4Bits, ipv6Bits int) func(r *http.Request, addr netip.Addr) string {
	if ipv4Bits < 0 || ipv4Bits > 32 || ipv6Bits < 0 || ipv6Bits > 128 || ipv4Bits+ipv6Bits == 0 {
		return nil
	}
	rule := "network " + strconv.Itoa(ipv4Bits) + "," + strconv.Itoa(ipv6Bits) + "\n"
	return func(_ *http.Request, addr netip.Addr) string {
		addr = addr.Unmap()
		bits := ipv6Bits
		if addr.Is4() {
			bits = ipv4Bits
		}
		network, err := addr.Prefix(bits)
		if err != nil || bits == 0 || !network.IsValid() {
			return ""
		}
		return rule + network.String()
	}
}
