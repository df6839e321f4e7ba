package oauth

import "net/netip"

// The addresses that are nobody's on the internet, or that lead to such: the
// registries of RFC 6890 as IANA keeps them, for IPv4, and for what is global
// unicast in IPv6.
var (
	special4 = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")
	special6 = prefixes("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")

	global6 = netip.MustParsePrefix("2000::/3")
	nat64   = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last 32 bits are an IPv4 address
	sixTo4  = netip.MustParsePrefix("2002::/16")    // RFC 3056: the 32 bits after the prefix are
)

func prefixes(s ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(s))
	for i, p := range s {
		list[i] = netip.MustParsePrefix(p)
	}
	return list
}

// public reports whether addr is an address of the internet.
func public(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	b := addr.As16()
	switch {
	case !addr.IsValid():
		return false
	case addr.Is4():
		return !contains(special4, addr)
	case nat64.Contains(addr):
		return public(netip.AddrFrom4([4]byte(b[12:16])))
	case sixTo4.Contains(addr):
		return public(netip.AddrFrom4([4]byte(b[2:6])))
	default:
		return global6.Contains(addr) && !contains(special6, addr)
	}
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
