package outbound

import (
	"bytes"
	"html"
	"unicode/utf16"
	"unicode/utf8"
)

// needle is one form of a secret. It is found whatever way its characters are escaped.
type needle struct {
	chars [][]byte // each character in UTF-8; a byte that is none stands alone
	runes []rune   // the same, -1 for such a byte
	// encoded: it is base64, which may be wrapped into lines, and whose neighbours hold bits of the
	// secret.
	encoded bool
}

func newNeedle(s string, encoded bool) needle {
	n := needle{encoded: encoded}
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			r = -1
		}
		n.chars, n.runes = append(n.chars, []byte(s[:size])), append(n.runes, r)
		s = s[size:]
	}
	return n
}

// finder looks for many needles at once.
type finder struct {
	needles []needle
	by      [256][]int // needles by their first byte
}

func newFinder(needles []needle) *finder {
	f := &finder{needles: needles}
	for i, n := range needles {
		first := n.chars[0][0]
		f.by[first] = append(f.by[first], i)
	}
	return f
}

// blot replaces what is found. In a text that was cut, the beginning of a secret at the end is
// one too.
func (f *finder) blot(text []byte, cut bool) []byte {
	var out []byte
	done := 0
	for i := 0; i < len(text); {
		from, to := f.at(text, i, cut)
		if to < 0 {
			i++
			continue
		}
		from = max(from, done)
		out = append(append(out, text[done:from]...), redacted...)
		done, i = to, to
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// plain reports whether nothing that is looked for begins with a byte, escaped or not.
func (f *finder) plain(b byte) bool {
	return len(f.by[b]) == 0 && b != '\\' && b != '%' && b != '&' && b != '+'
}

// at is the longest find that begins at i, with what belongs to it on both sides; to is -1 if
// there is none.
func (f *finder) at(text []byte, i int, cut bool) (from, to int) {
	from, to = i, -1
	if f.plain(text[i]) {
		return from, to
	}
	firsts, count := readings(text, i)
	for _, first := range firsts[:count] {
		for _, k := range f.by[first] {
			n := &f.needles[k]
			end := n.match(text, i, cut)
			if end <= to {
				continue
			}
			from, to = i, end
			if n.encoded {
				from, to = withNeighbours(text, i, end)
			}
		}
	}
	// A letter that is the end of an escape goes with it, so that JSON stays JSON.
	if to >= 0 && text[i] != '\\' && from == i {
		slashes := 0
		for from-slashes > 0 && text[from-slashes-1] == '\\' {
			slashes++
		}
		from -= slashes % 2
	}
	return from, to
}

// readings are the bytes with which a character can begin that stands at i, escaped or not.
func readings(text []byte, i int) (firsts [2*maxNested + 2]byte, count int) {
	add := func(b byte) { firsts[count], count = b, count+1 }
	add(text[i])
	switch text[i] {
	case '\\':
		if r, end := backslashed(text, i); end > 0 {
			add(firstByte(r))
		}
	case '%':
		p := i + 1
		for range maxNested {
			if got, end := hexNumber(text, p, 2); end > 0 {
				add(byte(got))
				if got == '+' {
					add(' ')
				}
			}
			if !bytes.HasPrefix(text[p:], []byte("25")) {
				break
			}
			p += 2
		}
	case '&':
		if bytes.IndexByte(text[i:min(i+maxEntity, len(text))], ';') > 0 {
			add(unescaped(text[i:min(i+maxEntity*2, len(text))])[0])
		}
	case '+':
		add(' ')
	}
	return firsts, count
}

func firstByte(r rune) byte { return string(r)[0] }

// withNeighbours takes in the characters beside a find in base64 that hold bits of it.
func withNeighbours(text []byte, from, to int) (int, int) {
	if from > 0 && inAlphabet(text[from-1]) {
		from--
	}
	if to < len(text) && inAlphabet(text[to]) {
		to++
	}
	for to < len(text) && text[to] == '=' {
		to++
	}
	return from, to
}

func inAlphabet(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '+' || b == '/' || b == '-' || b == '_'
}

// match is where a find that begins at i ends, -1 if there is none. An escape can be read in
// more than one way, so each way is followed.
func (n *needle) match(text []byte, i int, cut bool) int {
	var now, next [maxReadings]int
	now[0] = i
	count := 1
	for c := range n.chars {
		reached := 0
		for _, p := range now[:count] {
			if n.encoded && c > 0 {
				p = skipLineBreak(text, p)
			}
			reached = n.step(c, text, p, &next, reached)
		}
		if reached == 0 {
			if cut && c >= shortestSecret && last(now[:count]) >= len(text) {
				return len(text)
			}
			return -1
		}
		now, count = next, reached
	}
	return last(now[:count])
}

func last(positions []int) int {
	most := positions[0]
	for _, p := range positions {
		most = max(most, p)
	}
	return most
}

// Bounds of what is taken for one character.
const (
	maxReadings = 12
	maxNested   = 4  // how often it was escaped again
	maxEntity   = 12 // characters of an HTML entity, such as &eacute;
)

// step adds the positions after the character c where it stands at p.
func (n *needle) step(c int, text []byte, p int, next *[maxReadings]int, reached int) int {
	add := func(end int) {
		for _, e := range next[:reached] {
			if e == end {
				return
			}
		}
		if reached < maxReadings {
			next[reached] = end
			reached++
		}
	}
	if p >= len(text) {
		return reached
	}
	char, r := n.chars[c], n.runes[c]
	if bytes.HasPrefix(text[p:], char) {
		add(p + len(char))
	}
	switch text[p] {
	case '\\':
		afterBackslashes(text, p, r, add)
	case '%':
		for depth := range maxNested {
			if end := afterPercent(text, p, char, depth); end > 0 {
				add(end)
			}
			if end := afterPercent(text, p, []byte("+"), depth); r == ' ' && end > 0 {
				add(end)
			}
		}
	case '&':
		afterEntity(text, p, r, add)
	case '+':
		if r == ' ' {
			add(p + 1)
		}
	}
	return reached
}

// afterBackslashes reads an escape, and a run of backslashes as one, two or more of them.
func afterBackslashes(text []byte, p int, r rune, add func(int)) {
	if r == '\\' {
		for j := p; j < len(text) && text[j] == '\\' && j-p < 1<<maxNested; j++ {
			add(j + 1)
		}
	}
	if got, end := backslashed(text, p); end > 0 && got == r {
		add(end)
	}
}

// backslashed reads \/ \n \u002B \x2B, with as many backslashes as come of escaping again; end
// is 0 if it is none of them.
func backslashed(text []byte, p int) (r rune, end int) {
	j := p
	for j < len(text) && text[j] == '\\' && j-p < 1<<maxNested {
		j++
	}
	if j >= len(text) {
		return 0, 0
	}
	switch b := text[j]; b {
	case 'u':
		return unicodeEscape(text, j)
	case 'x':
		return hexNumber(text, j+1, 2)
	case '"', '/', '\'':
		return rune(b), j + 1
	default:
		if k := bytes.IndexByte([]byte("bfnrt"), b); k >= 0 {
			return rune("\b\f\n\r\t"[k]), j + 1
		}
	}
	return 0, 0
}

// unicodeEscape reads u002B at j, or a pair of surrogates.
func unicodeEscape(text []byte, j int) (rune, int) {
	first, end := hexNumber(text, j+1, 4)
	if end == 0 || !utf16.IsSurrogate(first) {
		return first, end
	}
	k := end
	for k < len(text) && text[k] == '\\' {
		k++
	}
	if k == end || k >= len(text) || text[k] != 'u' {
		return 0, 0
	}
	second, end := hexNumber(text, k+1, 4)
	return utf16.DecodeRune(first, second), end
}

func hexNumber(text []byte, at, digits int) (rune, int) {
	if at+digits > len(text) {
		return 0, 0
	}
	var v rune
	for _, b := range text[at : at+digits] {
		switch {
		case b >= '0' && b <= '9':
			v = v<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			v = v<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, 0
		}
	}
	return v, at + digits
}

// afterPercent reads %2B, each byte of a character, after a depth of %25.
func afterPercent(text []byte, p int, char []byte, depth int) int {
	for _, b := range char {
		if p >= len(text) || text[p] != '%' {
			return 0
		}
		p++
		for range depth {
			if !bytes.HasPrefix(text[p:], []byte("25")) {
				return 0
			}
			p += 2
		}
		got, end := hexNumber(text, p, 2)
		if end == 0 || got != rune(b) {
			return 0
		}
		p = end
	}
	return p
}

// afterEntity reads &quot; &#43; &#x2b; and &amp;quot;.
func afterEntity(text []byte, p int, r rune, add func(int)) {
	j := p + 1
	for range maxNested {
		semicolon := bytes.IndexByte(text[j:min(j+maxEntity, len(text))], ';')
		if semicolon < 0 {
			return
		}
		j += semicolon + 1
		if unescaped(text[p:j]) == string(r) {
			add(j)
		}
	}
}

func unescaped(text []byte) string {
	got := string(text)
	for range maxNested {
		more := html.UnescapeString(got)
		if more == got {
			break
		}
		got = more
	}
	return got
}

// skipLineBreak passes over the end of a line of wrapped base64, also as JSON writes it.
func skipLineBreak(text []byte, p int) int {
	for p < len(text) {
		switch {
		case text[p] == '\n' || text[p] == '\r':
			p++
		case text[p] == '\\' && p+1 < len(text) && (text[p+1] == 'n' || text[p+1] == 'r'):
			p += 2
		default:
			return p
		}
	}
	return p
}
