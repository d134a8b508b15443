package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// errMetadata is the refusal of a metadata service's address.
var errMetadata = errors.New("prohibited metadata service")

// metadataServices are the addresses at which clouds hand out what a machine may do and know.
// Some lie in ranges that are allowed for other reasons, one in a public one: they are reached
// only if they are allowed by their very address.
var metadataServices = addresses(
	"169.254.169.254",    // AWS, Azure, Google, Oracle, OpenStack, IBM, DigitalOcean, Hetzner, Huawei and others
	"fd00:ec2::254",      // AWS
	"169.254.170.2",      // AWS ECS, credentials of a task
	"169.254.170.23",     // AWS EKS, credentials of a pod
	"fd00:ec2::23",       // AWS EKS
	"fd20:ce::254",       // Google
	"168.63.129.16",      // Azure, WireServer
	"100.100.100.200",    // Alibaba
	"192.0.0.192",        // Oracle Classic
	"fd00:c1::a9fe:a9fe", // Oracle
	"169.254.0.23",       // Tencent
	"fe80::a9fe:a9fe",    // OpenStack
	"169.254.42.42",      // Scaleway
	"fd00:42::42",        // Scaleway
	"fd00:a9fe:a9fe::1",  // Akamai (Linode)
)

// embedding are IPv6 ranges whose addresses lead to an IPv4 address, and the byte at which it
// begins.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("::ffff:0:0/96"), 12}, // IPv4-mapped
	{ssrf.IPv6NAT64Prefix, 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12}, // NAT64 of one's own, as most write it
	{netip.MustParsePrefix("2002::/16"), 2},       // 6to4
}

func addresses(texts ...string) []netip.Addr {
	all := make([]netip.Addr, len(texts))
	for i, t := range texts {
		all[i] = netip.MustParseAddr(t)
	}
	return all
}

// guard decides on every address that is about to be dialled.
type guard struct {
	ssrf  *ssrf.Guardian
	named map[netip.Addr]bool // allowed by their very address
}

func newGuard(allow []netip.Prefix) *guard {
	g := &guard{named: map[netip.Addr]bool{}}
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.IsSingleIP() {
			g.named[p.Addr().Unmap()] = true
		}
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	g.ssrf = ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
	return g
}

// safe is the Control function of a dialer.
func (g *guard) safe(network, address string, c syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ssrf.ErrInvalidHostPort, address)
	}
	addr := at.Addr().WithZone("")
	if err := g.metadata(addr); err != nil {
		return err
	}
	// A network that translates to IPv4 may be allowed; what lies behind it is not allowed with it.
	if inner, ok := embedded(addr); ok && !g.named[addr] {
		if err := g.metadata(inner); err != nil {
			return err
		}
		if err := g.ssrf.Safe("tcp4", netip.AddrPortFrom(inner, at.Port()).String(), c); err != nil {
			return err
		}
	}
	return g.ssrf.Safe(network, address, c)
}

func (g *guard) metadata(addr netip.Addr) error {
	if slices.Contains(metadataServices, addr.Unmap()) && !g.named[addr.Unmap()] {
		return fmt.Errorf("%w: %s", errMetadata, addr)
	}
	return nil
}

// embedded is the IPv4 address that an IPv6 address leads to.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return netip.Addr{}, false
	}
	raw := addr.As16()
	for _, e := range embedding {
		if e.prefix.Contains(addr) {
			return netip.AddrFrom4([4]byte(raw[e.at : e.at+4])), true
		}
	}
	return netip.Addr{}, false
}
