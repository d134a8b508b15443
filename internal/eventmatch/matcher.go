package eventmatch

import (
	"bytes"
	"net/netip"
)

// extra is what some operators work out of a string once: its folded form, the
// address it spells.
type extra struct {
	folded   []byte
	addr     netip.Addr
	isFolded bool
	isParsed bool
}

// match tells whether a value satisfies m.
func (m *matcher) match(sc *scratch, v *value) bool {
	isString := v.kind == kindString
	switch m.op {
	case opString:
		return isString && string(v.text) == m.s
	case opNumber:
		return v.kind == kindNumber && v.num.compare(&m.more.number) == 0
	case opTrue:
		return v.kind == kindTrue
	case opFalse:
		return v.kind == kindFalse
	case opNull:
		return v.kind == kindNull
	case opPrefix:
		return isString && len(v.text) >= len(m.s) && string(v.text[:len(m.s)]) == m.s
	case opSuffix:
		return isString && len(v.text) >= len(m.s) && string(v.text[len(v.text)-len(m.s):]) == m.s
	case opEqualFold:
		return isString && string(sc.folded(v)) == m.s
	case opPrefixFold:
		if !isString {
			return false
		}
		f := sc.folded(v)
		return len(f) >= len(m.s) && string(f[:len(m.s)]) == m.s
	case opSuffixFold:
		if !isString {
			return false
		}
		f := sc.folded(v)
		return len(f) >= len(m.s) && string(f[len(f)-len(m.s):]) == m.s
	case opWildcard:
		return isString && wildcardMatch(m.more.pieces, v.text)
	case opNumeric:
		return v.kind == kindNumber && m.more.bounds.contain(&v.num)
	case opExists:
		return true
	case opCIDR:
		return isString && m.more.net.Contains(sc.addr(v))
	case opAnythingBut:
		for i := range m.more.not {
			if m.more.not[i].match(sc, v) {
				return false
			}
		}
		return true
	}
	return false
}

func (b *bounds) contain(d *decimal) bool {
	if b.low != nil {
		if c := d.compare(b.low); c < 0 || c == 0 && b.lowOpen {
			return false
		}
	}
	if b.high != nil {
		if c := d.compare(b.high); c > 0 || c == 0 && b.highOpen {
			return false
		}
	}
	return true
}

// wildcardMatch tells whether text consists of the pieces in turn with anything
// between them: the first at the start, the last at the end, the others each at
// the earliest place, which never spoils a match.
func wildcardMatch(pieces []string, text []byte) bool {
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(pieces) == 1 {
		return string(text) == first
	}
	if len(text) < len(first)+len(last) || string(text[:len(first)]) != first || string(text[len(text)-len(last):]) != last {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, p := range pieces[1 : len(pieces)-1] {
		at := indexString(text, p)
		if at < 0 {
			return false
		}
		text = text[at+len(p):]
	}
	return true
}

// indexString is strings.Index for a []byte and a string, without a conversion
// that allocates.
func indexString(text []byte, p string) int {
	for from := 0; ; {
		at := bytes.IndexByte(text[from:], p[0])
		if at < 0 || from+at+len(p) > len(text) {
			return -1
		}
		from += at
		if string(text[from:from+len(p)]) == p {
			return from
		}
		from++
	}
}

// extra returns the worked-out facts of a value, made on first use.
func (sc *scratch) extra(v *value) *extra {
	if v.extra == 0 {
		sc.extras = append(sc.extras, extra{})
		v.extra = int32(len(sc.extras))
	}
	return &sc.extras[v.extra-1]
}

// folded returns the value's text with case folded away.
func (sc *scratch) folded(v *value) []byte {
	x := sc.extra(v)
	if !x.isFolded {
		at := len(sc.buf)
		sc.buf = appendFolded(sc.buf, v.text)
		x.folded, x.isFolded = sc.buf[at:len(sc.buf):len(sc.buf)], true
	}
	return x.folded
}

// addr returns the IP address the value spells, or the zero Addr.
func (sc *scratch) addr(v *value) netip.Addr {
	x := sc.extra(v)
	if !x.isParsed {
		x.addr, x.isParsed = parseAddr(v.text), true
	}
	return x.addr
}

// parseAddr reads an address. What cannot be one is turned away before
// netip.ParseAddr would allocate an error for it.
func parseAddr(text []byte) netip.Addr {
	if len(text) < len("::") || len(text) > len("0000:0000:0000:0000:0000:ffff:255.255.255.255") {
		return netip.Addr{}
	}
	dots, colons := 0, 0
	for _, c := range text {
		switch {
		case c == '.':
			dots++
		case c == ':':
			colons++
		case c-'0' <= 9 || c|0x20-'a' <= 'f'-'a':
		default:
			return netip.Addr{} // a zone (%eth0) is no part of an address range either
		}
	}
	if colons < 2 && dots != 3 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
