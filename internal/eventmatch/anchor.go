package eventmatch

import (
	"math/bits"
	"net/netip"
)

// An anchor is a necessary sign of a match that can be looked up: "this type,
// this path, exactly this value", or a weaker one such as "begins with these 16
// bytes". Every combination of conditions is filed under the anchors of one of
// its conditions; an event finds it there, and then all conditions are checked.
// So an anchor may let too much through, never too little.
type anchor struct {
	kind anchorKind
	rung uint8
	path int32
	hash uint64 // of the value, or of the part of it that the rung looks at
}

type anchorKind uint8

const (
	anchorAlways     anchorKind = iota // no usable condition: every event of the type
	anchorPresent                      // any value
	anchorText                         // any string
	anchorNumber                       // any number
	anchorExact                        // this value
	anchorFold                         // this string, ignoring case
	anchorPrefix                       // a string beginning …
	anchorSuffix                       // … or ending with these bytes
	anchorPrefixFold                   // the same, ignoring case
	anchorSuffixFold
	anchorIPv4 // an address in this network
	anchorIPv6
	anchorMagnitude // a number between these powers of two, both ends included
	anchorKinds     // how many there are
)

// rungs are the lengths at which prefixes and suffixes are filed: a longer one
// goes to the rung below it. Fewer rungs mean fewer look-ups per value, more
// rungs fewer candidates.
var rungs = [...]int{1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128}

// network rungs are the same for the bits of an address range.
var (
	rungs4 = [...]int{8, 16, 24, 32}
	rungs6 = [...]int{16, 32, 48, 64, 128}
)

// rungFor returns the index of the highest rung not above n, or -1.
func rungFor(rungs []int, n int) int {
	for r := len(rungs) - 1; r >= 0; r-- {
		if rungs[r] <= n {
			return r
		}
	}
	return -1
}

// seen is which anchors are in use at one path for one event type: for each
// kind the rungs as bits. It saves the look-ups that cannot succeed.
type seen [anchorKinds]uint32

// key is where an anchor's posting is filed.
func (a anchor) key(typeID uint32) uint64 {
	return mix(mix(uint64(typeID), uint64(uint32(a.path))<<16|uint64(a.kind)<<8|uint64(a.rung)), a.hash)
}

// Hashes of the values that have no bytes to hash.
const (
	hashTrue  = 0x71ee
	hashFalse = 0xfa15e
	hashNull  = 0x9011
)

func hashPrefix(h hasher, net netip.Prefix) uint64 {
	b := net.Addr().As16()
	return h.bytes(b[:])
}

// anchor returns a matcher's anchor. Several matchers may share one.
func (m *matcher) anchor(h hasher, path int32) anchor {
	a := anchor{path: path, kind: anchorPresent}
	part := func(k anchorKind, s string, fromEnd bool) {
		r := rungFor(rungs[:], len(s))
		if r < 0 {
			a.kind = anchorText
			return
		}
		s2 := s[:rungs[r]]
		if fromEnd {
			s2 = s[len(s)-rungs[r]:]
		}
		a.kind, a.rung, a.hash = k, uint8(r), h.string(s2)
	}
	switch m.op {
	case opString:
		a.kind, a.hash = anchorExact, h.string(m.s)
	case opNumber:
		a.kind, a.hash = anchorExact, m.more.number.hash()
	case opTrue:
		a.kind, a.hash = anchorExact, hashTrue
	case opFalse:
		a.kind, a.hash = anchorExact, hashFalse
	case opNull:
		a.kind, a.hash = anchorExact, hashNull
	case opPrefix:
		part(anchorPrefix, m.s, false)
	case opSuffix:
		part(anchorSuffix, m.s, true)
	case opEqualFold:
		a.kind, a.hash = anchorFold, h.string(m.s)
	case opPrefixFold:
		part(anchorPrefixFold, m.s, false)
	case opSuffixFold:
		part(anchorSuffixFold, m.s, true)
	case opWildcard:
		first, last := m.more.pieces[0], m.more.pieces[len(m.more.pieces)-1]
		if len(first) >= len(last) {
			part(anchorPrefix, first, false)
		} else {
			part(anchorSuffix, last, true)
		}
	case opNumeric:
		a.kind = anchorNumber
		b := &m.more.bounds
		if b.low == nil || b.high == nil {
			break
		}
		if b.low.compare(b.high) == 0 {
			a.kind, a.hash = anchorExact, b.low.hash()
		} else if cell, level, ok := commonCell(b.low, b.high); ok {
			a.kind, a.rung, a.hash = anchorMagnitude, level, cell
		}
	case opCIDR:
		net := m.more.net
		k, ladder := anchorIPv4, rungs4[:]
		if net.Addr().Is6() {
			k, ladder = anchorIPv6, rungs6[:]
		}
		r := rungFor(ladder, net.Bits())
		if r < 0 {
			a.kind = anchorText
			break
		}
		wide, _ := net.Addr().Prefix(ladder[r])
		a.kind, a.rung, a.hash = k, uint8(r), hashPrefix(h, wide)
	case opExists, opAnythingBut: // any value will do
	}
	return a
}

// cellLevels is how many sizes of cells numbers are filed in.
const cellLevels = 32

// commonCell returns the smallest cell that holds both numbers. A cell of level
// l is all numbers that agree in sign, power of ten and the top l bits of their
// 19 leading digits; a range within one power of ten often fits a small one.
func commonCell(a, b *decimal) (cell uint64, level uint8, ok bool) {
	if a.sign != b.sign || a.exp != b.exp || a.sign == 0 {
		return 0, 0, false
	}
	same := bits.LeadingZeros64(a.lead ^ b.lead)
	level = uint8(min(same/2, cellLevels-1))
	return a.cell(level), level, true
}

// cell returns the number's cell of a level.
func (a *decimal) cell(level uint8) uint64 {
	top := a.lead &^ (^uint64(0) >> (2 * level))
	return mix(top, uint64(uint32(a.exp))<<8|uint64(uint8(a.sign)))
}
