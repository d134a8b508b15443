package eventmatch

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// needCode is one condition of a combination's code.
type needCode struct {
	path   uint32
	absent bool   // an absent value satisfies it
	any    []byte // the alternatives
}

// program returns the code of a combination.
func (c *conj) program() []byte {
	if c.size <= inlineCode {
		return c.code[:c.size]
	}
	return c.more.code
}

// nextNeed takes a condition off the front of code.
func nextNeed(code []byte) (need needCode, rest []byte) {
	size, code := uvarint(code)
	any, rest := code[:size], code[size:]
	head, any := uvarint(any)
	return needCode{path: head >> 1, absent: head&1 != 0, any: any}, rest
}

// holds runs a combination's code against the values kept.
func (sc *scratch) holds(c *conj, typeID uint32) bool {
	n, code := uvarint(c.program())
	var id uint32
	rightType := false
	for ; n > 0; n-- {
		id, code = uvarint(code)
		rightType = rightType || id == typeID
	}
	if !rightType {
		return false // two anchors hash alike
	}
	count, needs := uvarint(code)
	inArrays := 0
	code = needs
	for range count {
		var need needCode
		need, code = nextNeed(code)
		at := sc.heads[need.path] - 1
		if at < 0 {
			if !need.absent {
				return false
			}
			continue
		}
		satisfied, free := false, false
		for ; at >= 0 && !free; at = sc.vals[at].next {
			v := &sc.vals[at]
			if satisfied && v.frame >= 0 || !sc.satisfies(v, need.any) {
				continue
			}
			satisfied, free = true, v.frame < 0
		}
		if !satisfied {
			return false
		}
		if !free {
			inArrays++
		}
	}
	return inArrays < 2 || sc.together(needs, count)
}

// together tells whether the conditions can be satisfied without taking values
// from two different elements of one array. Frames come after the frames
// around them, so one pass from the last to the first works out, for every
// element, which conditions it and its best choice of inner elements satisfy.
// The best element of an array is the one that satisfies most: a path leads
// through an array or it does not, so what an element misses no other place can
// supply, and if one element satisfies all that must be, none satisfies more.
func (sc *scratch) together(code []byte, count uint32) bool {
	n := len(sc.frames)
	if cap(sc.reach) < n {
		sc.reach = make([]uint64, n)
	}
	reach := sc.reach[:n] // by frame: the conditions satisfied within, as bits
	clear(reach)
	var all, outside uint64
	for i := range count {
		var need needCode
		need, code = nextNeed(code)
		bit := uint64(1) << i
		all |= bit
		at := sc.heads[need.path] - 1
		if at < 0 {
			outside |= bit // absent, as holds has made sure
		}
		for ; at >= 0; at = sc.vals[at].next {
			v := &sc.vals[at]
			if v.frame < 0 {
				if outside&bit == 0 && sc.satisfies(v, need.any) {
					outside |= bit
				}
			} else if reach[v.frame]&bit == 0 && sc.satisfies(v, need.any) {
				reach[v.frame] |= bit
			}
		}
	}
	for i := n - 1; i >= 0; i-- {
		f := sc.frames[i]
		switch {
		case !f.array:
			if bits.OnesCount64(reach[i]) > bits.OnesCount64(reach[f.parent]) {
				reach[f.parent] = reach[i]
			}
		case f.parent >= 0:
			reach[f.parent] |= reach[i]
		default:
			outside |= reach[i]
		}
	}
	return outside == all
}

// satisfies tells whether a value is one of the alternatives in code.
func (sc *scratch) satisfies(v *value, code []byte) bool {
	for len(code) > 0 {
		o := op(code[0])
		code = code[1:]
		ok := false
		switch o {
		case opString, opPrefix, opSuffix, opEqualFold, opPrefixFold, opSuffixFold:
			var text []byte
			text, code = nextText(code)
			ok = v.kind == kindString && sc.textMatch(v, o, text)
		case opNumber:
			var d decimal
			d, code = nextDecimal(code)
			ok = v.kind == kindNumber && v.num.compare(&d) == 0
		case opTrue:
			ok = v.kind == kindTrue
		case opFalse:
			ok = v.kind == kindFalse
		case opNull:
			ok = v.kind == kindNull
		case opExists:
			ok = true
		case opNumeric:
			ok, code = numericMatch(v, code)
		case opWildcard:
			ok, code = wildcardMatch(v, code)
		case opCIDR:
			if v.kind == kindString {
				ok = network(code).Contains(sc.addr(v))
			}
			code = code[networkSize:]
		case opAnythingBut:
			var not []byte
			not, code = nextText(code)
			ok = !sc.satisfies(v, not)
		}
		if ok {
			return true
		}
	}
	return false
}

func nextText(code []byte) (text, rest []byte) {
	n, code := uvarint(code)
	return code[:n], code[n:]
}

func nextDecimal(code []byte) (d decimal, rest []byte) {
	d.sign = int8(code[0])
	d.exp = int32(binary.LittleEndian.Uint32(code[1:]))
	d.lead = binary.LittleEndian.Uint64(code[5:])
	d.tail, rest = nextText(code[13:])
	return d, rest
}

// textMatch compares a string value with the operand of a string operator.
func (sc *scratch) textMatch(v *value, o op, want []byte) bool {
	text := v.text
	if o == opEqualFold || o == opPrefixFold || o == opSuffixFold {
		text = sc.folded(v)
	}
	if len(text) < len(want) {
		return false
	}
	switch o { //nolint:exhaustive // the others compare the whole text
	case opPrefix, opPrefixFold:
		text = text[:len(want)]
	case opSuffix, opSuffixFold:
		text = text[len(text)-len(want):]
	}
	return string(text) == string(want)
}

// numericMatch tells whether a value is within the bounds at the start of code.
func numericMatch(v *value, code []byte) (ok bool, rest []byte) {
	has := code[0]
	code = code[1:]
	ok = v.kind == kindNumber
	var d decimal
	if has&hasLow != 0 {
		d, code = nextDecimal(code)
		if ok {
			c := v.num.compare(&d)
			ok = c > 0 || c == 0 && has&lowIsOpen == 0
		}
	}
	if has&hasHigh != 0 {
		d, code = nextDecimal(code)
		if ok {
			c := v.num.compare(&d)
			ok = c < 0 || c == 0 && has&highIsOpen == 0
		}
	}
	return ok, code
}

// networkSize is how many bytes of code a network takes.
const networkSize = 2 + 16

func network(code []byte) netip.Prefix {
	addr := netip.AddrFrom16([16]byte(code[2:networkSize]))
	if code[1] == 32 {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, int(code[0]))
}

// wildcardMatch tells whether a string consists of the pieces in code in turn
// with anything between them: the first at the start, the last at the end, the
// others each at the earliest place, which never spoils a match.
func wildcardMatch(v *value, code []byte) (ok bool, rest []byte) {
	n, code := uvarint(code)
	ok = v.kind == kindString
	text := v.text
	for i := range n {
		var piece []byte
		piece, code = nextText(code)
		switch {
		case !ok || len(piece) > len(text):
			ok = false
		case i == 0:
			ok = string(text[:len(piece)]) == string(piece)
			text = text[len(piece):]
		case i == n-1:
			ok = string(text[len(text)-len(piece):]) == string(piece)
		default:
			at := bytes.Index(text, piece)
			if ok = at >= 0; ok {
				text = text[at+len(piece):]
			}
		}
	}
	return ok, code
}
