package outbound

import (
	"errors"
	"net/netip"
	"testing"
)

// A metadata service is opened by its very address, not by a range around it, however small.
func TestAMetadataServiceIsOpenedByItsVeryAddressOnly(t *testing.T) {
	for _, addr := range metadataServices {
		around := netip.PrefixFrom(addr, addr.BitLen()-1).Masked()
		address := netip.AddrPortFrom(addr, 80).String()
		network := map[bool]string{true: "tcp4", false: "tcp6"}[addr.Is4()]
		if err := newGuard([]netip.Prefix{around}).safe(network, address, nil); !errors.Is(err, errMetadata) {
			t.Errorf("%s with %s allowed: got %v, want %v", addr, around, err, errMetadata)
		}
		if err := newGuard([]netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}).safe(network, address, nil); err != nil {
			t.Errorf("%s allowed by its address: got %v, want nil", addr, err)
		}
	}
}
