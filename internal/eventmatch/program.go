package eventmatch

import (
	"encoding/binary"
	"slices"
)

// conj is one combination of a pattern's conditions, as filed in an index. All
// that checking it needs is in two neighbouring cache lines, because at 100,000
// definitions a place that has to be fetched from memory costs as much as a
// hundred instructions.
type conj struct {
	id   ID
	more *conjMore // nil for most
	seq  uint64    // never used twice
	slot int32     // of the definition: dense, unique within a snapshot
	size uint32    // of the code
	code [inlineCode]byte
}

// inlineCode is the room for code in a conj, which it fills up to 128 bytes.
const inlineCode = 128 - 40

// conjMore is what is seldom needed.
type conjMore struct {
	code []byte // all of it, when it is longer than inlineCode
	next *conj  // another combination of the same definition
}

// following is the next combination of the same definition, or nil.
func (c *conj) following() *conj {
	if c.more == nil {
		return nil
	}
	return c.more.next
}

// seldom is the combination's conjMore, made now if there was none.
func (c *conj) seldom() *conjMore {
	if c.more == nil {
		c.more = &conjMore{}
	}
	return c.more
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
//	for each event type, which of the conditions, from 1, it is filed under; 0 is none
//
// Operands are: for the string operators a length and the text; for a number its
// sign (1 byte), exponent (4), leading digits (8) and the rest of its digits with
// their length; for a range a byte saying which bounds there are and whether they
// are open, and their numbers; for a wildcard the number of pieces and each with
// its length; for a network the bits and the 16 bytes of its address; for
// anything-but the length of the alternatives that follow.

// encode gives a combination its code. filed says for each of the types which of the conditions
// the combination is filed under, -1 for none. That of the last type, which an anchor has
// already looked at, comes last.
func (c *conj) encode(types []uint32, needs []pathNeed, filed []int) {
	last := filed[len(filed)-1]
	b := binary.AppendUvarint(nil, uint64(len(types)))
	for _, id := range types {
		b = binary.AppendUvarint(b, uint64(id))
	}
	b = binary.AppendUvarint(b, uint64(len(needs)))
	for i := range needs {
		if i != last {
			b = appendNeed(b, &needs[i])
		}
	}
	if last >= 0 {
		b = appendNeed(b, &needs[last])
	}
	for _, i := range filed {
		switch {
		case i == last && i >= 0:
			i = len(needs) - 1
		case last >= 0 && i > last:
			i--
		}
		b = binary.AppendUvarint(b, uint64(i+1))
	}
	c.size = uint32(len(b))
	if len(b) <= inlineCode {
		copy(c.code[:], b)
	} else {
		c.seldom().code = slices.Clip(b)
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
	case opTrue, opFalse, opNull, opExists: // the operator says it all
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
