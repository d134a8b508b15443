package eventmatch

// The code of a combination read back. An index keeps no patterns: what an update has to undo
// stands in the code. Matching never comes here.

// decode returns the event types of a combination, its conditions in the order of the code, and for
// each type the condition it is filed under, -1 for none.
func (c *conj) decode() (types []uint32, needs []pathNeed, filed []int) {
	n, code := uvarint(c.program())
	types = make([]uint32, n)
	for i := range types {
		types[i], code = uvarint(code)
	}
	n, code = uvarint(code)
	needs = make([]pathNeed, n)
	for i := range needs {
		var need needCode
		need, code = nextNeed(code)
		needs[i] = pathNeed{int32(need.path), &condition{absent: need.absent, any: matchers(need.any)}}
	}
	filed = make([]int, len(types))
	for i := range filed {
		n, code = uvarint(code)
		filed[i] = int(n) - 1
	}
	return types, needs, filed
}

// matchers reads alternatives.
func matchers(code []byte) (all []matcher) {
	for len(code) > 0 {
		m := matcher{op: op(code[0])}
		code = code[1:]
		var text []byte
		switch m.op {
		case opString, opPrefix, opSuffix, opEqualFold, opPrefixFold, opSuffixFold:
			text, code = nextText(code)
			m.s = string(text)
		case opNumber:
			m.more = &operand{}
			m.more.number, code = nextDecimal(code)
		case opNumeric:
			m.more = &operand{}
			m.more.bounds, code = nextBounds(code)
		case opWildcard:
			m.more = &operand{}
			var n uint32
			for n, code = uvarint(code); n > 0; n-- {
				text, code = nextText(code)
				m.more.pieces = append(m.more.pieces, string(text))
			}
		case opCIDR:
			m.more = &operand{net: network(code)}
			code = code[networkSize:]
		case opAnythingBut:
			text, code = nextText(code)
			m.more = &operand{not: matchers(text)}
		case opTrue, opFalse, opNull, opExists:
		}
		all = append(all, m)
	}
	return all
}

func nextBounds(code []byte) (b bounds, rest []byte) {
	has := code[0]
	rest = code[1:]
	b.lowOpen, b.highOpen = has&lowIsOpen != 0, has&highIsOpen != 0
	if has&hasLow != 0 {
		b.low = new(decimal)
		*b.low, rest = nextDecimal(rest)
	}
	if has&hasHigh != 0 {
		b.high = new(decimal)
		*b.high, rest = nextDecimal(rest)
	}
	return b, rest
}
