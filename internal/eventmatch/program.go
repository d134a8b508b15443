package eventmatch

import "encoding/binary"

// conj is one combination of a pattern's conditions, as filed in an index. All
// that checking it needs is in two neighbouring cache lines, because at 100,000
// definitions a place that has to be fetched from memory costs as much as a
// hundred instructions.
type conj struct {
	id   ID
	more *conjMore
	seq  uint64 // never used twice
	slot int32  // of the definition: dense, unique within a snapshot
	size uint32 // of the code
	code [inlineCode]byte
}

// inlineCode is the room for code in a conj, which it fills up to 128 bytes.
const inlineCode = 128 - 40

// conjMore is what is seldom needed.
type conjMore struct {
	rec   *record
	needs []pathNeed
	code  []byte // all of it, when it is longer than inlineCode
}

// pathNeed is a condition and the id of its path in this index.
type pathNeed struct {
	path int32
	cond *condition
}

// The code of a combination; numbers are varints unless said otherwise:
//
//	how many event types it is for, then their ids
//	how many conditions, then for each
//	    how many bytes follow for this condition
//	    its path, times two, plus one if an absent value satisfies it
//	    then the alternatives: an op byte and its operand
//
// Operands are: for the string operators a length and the text; for a number its
// sign (1 byte), exponent (4), leading digits (8) and the rest of its digits with
// their length; for a range a byte saying which bounds there are and whether they
// are open, and their numbers; for a wildcard the number of pieces and each with
// its length; for a network the bits and the 16 bytes of its address; for
// anything-but the length of the alternatives that follow.

// encode gives a combination its code. The condition last, which an anchor has
// already looked at, comes last.
func (c *conj) encode(types []uint32, last int) {
	b := binary.AppendUvarint(nil, uint64(len(types)))
	for _, id := range types {
		b = binary.AppendUvarint(b, uint64(id))
	}
	needs := c.more.needs
	b = binary.AppendUvarint(b, uint64(len(needs)))
	for i := range needs {
		if i != last {
			b = appendNeed(b, &needs[i])
		}
	}
	if last >= 0 {
		b = appendNeed(b, &needs[last])
	}
	c.size = uint32(len(b))
	if len(b) <= inlineCode {
		copy(c.code[:], b)
	} else {
		c.more.code = b
	}
}

func appendNeed(b []byte, need *pathNeed) []byte {
	head := uint64(need.path) << 1
	if need.cond.absent {
		head++
	}
	body := binary.AppendUvarint(nil, head)
	for i := range need.cond.any {
		body = appendMatcher(body, &need.cond.any[i])
	}
	return appendText(b, body)
}

func appendMatcher(b []byte, m *matcher) []byte {
	b = append(b, byte(m.op))
	switch m.op {
	case opString, opPrefix, opSuffix, opEqualFold, opPrefixFold, opSuffixFold:
		b = appendText(b, m.s)
	case opNumber:
		b = appendDecimal(b, &m.more.number)
	case opNumeric:
		b = appendBounds(b, &m.more.bounds)
	case opWildcard:
		b = binary.AppendUvarint(b, uint64(len(m.more.pieces)))
		for _, piece := range m.more.pieces {
			b = appendText(b, piece)
		}
	case opCIDR:
		net := m.more.net
		addr := net.Addr().As16()
		b = append(append(b, byte(net.Bits()), byte(net.Addr().BitLen())), addr[:]...)
	case opAnythingBut:
		var not []byte
		for i := range m.more.not {
			not = appendMatcher(not, &m.more.not[i])
		}
		b = appendText(b, not)
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendDecimal(b []byte, d *decimal) []byte {
	b = append(b, byte(d.sign))
	b = binary.LittleEndian.AppendUint32(b, uint32(d.exp))
	b = binary.LittleEndian.AppendUint64(b, d.lead)
	return appendText(b, d.tail)
}

// The bits of a range's first byte.
const (
	hasLow = 1 << iota
	lowIsOpen
	hasHigh
	highIsOpen
)

func appendBounds(b []byte, r *bounds) []byte {
	at := len(b)
	b = append(b, 0)
	if r.low != nil {
		b[at] |= hasLow
		b = appendDecimal(b, r.low)
	}
	if r.high != nil {
		b[at] |= hasHigh
		b = appendDecimal(b, r.high)
	}
	if r.lowOpen {
		b[at] |= lowIsOpen
	}
	if r.highOpen {
		b[at] |= highIsOpen
	}
	return b
}

// uvarint takes a number off the front of code.
func uvarint(code []byte) (uint32, []byte) {
	if code[0] < 0x80 {
		return uint32(code[0]), code[1:]
	}
	return longUvarint(code)
}

func longUvarint(code []byte) (uint32, []byte) {
	x, n := binary.Uvarint(code)
	return uint32(x), code[n:]
}
