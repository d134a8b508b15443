package eventmatch

import "net/netip"

// extra is what some operators work out of a string once: its folded form, the
// address it spells.
type extra struct {
	folded   []byte
	addr     netip.Addr
	isFolded bool
	isParsed bool
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
