package eventmatch

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// maxPayloadDepth is how deep a payload may nest, as in encoding/json.
const maxPayloadDepth = 10_000

type kind uint8

const (
	kindString kind = iota + 1
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

// value is one scalar the scanner kept.
type value struct {
	text  []byte  // of a string, unescaped; of a number, as written
	num   decimal // of a number
	path  int32   // id of the path it was found at; -1 once a duplicate key replaced it
	next  int32   // index of another value at the same path, or -1
	frame int32   // innermost array element whose object it is in, or -1
	extra int32   // index+1 into scratch.extras
	kind  kind
}

// frame is an array that was entered, or one of its elements. Values in
// different elements of one array cannot satisfy one pattern together.
type frame struct {
	parent int32 // of an element, its array; of an array, the element around it or -1
	array  bool
}

// stamp remembers the last occurrence of a key: in which object, and which
// values came of it, to drop them when the key comes again.
type stamp struct {
	object   uint32
	from, to int32
}

// scanner reads one payload in step with the tree of wanted paths. What no
// definition for the event's types looks at is skipped without being decoded,
// and checked only for closed strings and brackets.
type scanner struct {
	b      []byte
	types  uint64 // typeBits of the event
	hash   hasher
	vals   []value
	frames []frame
	stamps []stamp // by node id
	object uint32  // number of the object being read
	buf    []byte  // unescaped strings
	digits []byte  // digits that do not fit a word

	problem string // with at, the first error
	at      int
}

// scan reads payload and leaves the wanted values in s.vals.
func (s *scanner) scan(payload []byte, root *tnode) *PayloadError {
	s.b = payload
	i := s.space(0)
	if i == len(s.b) {
		return nil
	}
	i = s.value(i, root, -1, -1, 1)
	if i >= 0 {
		if i = s.space(i); i < len(s.b) {
			s.fail(i, "more text after the JSON value")
		}
	}
	if s.problem != "" {
		return &PayloadError{Offset: s.at, Problem: s.problem}
	}
	return nil
}

// fail records the first problem and returns -1, which every caller passes on.
func (s *scanner) fail(at int, problem string) int {
	if s.problem == "" {
		s.problem, s.at = problem, at
	}
	return -1
}

func (s *scanner) space(i int) int {
	for i < len(s.b) && s.b[i] <= ' ' && (s.b[i] == ' ' || s.b[i] == '\n' || s.b[i] == '\t' || s.b[i] == '\r') {
		i++
	}
	return i
}

// value reads the value at i, wanted at or below n, and returns the offset
// after it. own is the frame of the object the value is in, within the frame of
// the innermost array element.
func (s *scanner) value(i int, n *tnode, own, within int32, depth int) int {
	if i >= len(s.b) {
		return s.fail(i, "a value is missing")
	}
	wanted := n.leaf&s.types != 0
	switch s.b[i] {
	case '{':
		if n.below&s.types == 0 {
			return s.skipNested(i, depth)
		}
		return s.fields(i, n, within, depth)
	case '[':
		return s.elements(i, n, own, within, depth)
	case '"':
		if !wanted {
			return s.skipString(i)
		}
		text, end := s.text(i)
		if end >= 0 {
			s.vals = append(s.vals, value{text: text, path: n.id, frame: own, kind: kindString})
		}
		return end
	case 't':
		return s.literal(i, "true", kindTrue, n, own, wanted)
	case 'f':
		return s.literal(i, "false", kindFalse, n, own, wanted)
	case 'n':
		return s.literal(i, "null", kindNull, n, own, wanted)
	}
	if !wanted {
		return s.skipPlain(i)
	}
	return s.number(i, n, own)
}

func (s *scanner) literal(i int, word string, k kind, n *tnode, own int32, wanted bool) int {
	end := i + len(word)
	if end > len(s.b) || string(s.b[i:end]) != word {
		return s.fail(i, "a value is expected")
	}
	if wanted {
		s.vals = append(s.vals, value{path: n.id, frame: own, kind: k})
	}
	return end
}

func (s *scanner) number(i int, n *tnode, own int32) int {
	end := s.skipPlain(i)
	if end < 0 {
		return end
	}
	var d decimal
	var ok bool
	if d, s.digits, ok = parseDecimal(s.b[i:end], s.digits); !ok {
		return s.fail(i, "a value is expected")
	}
	s.vals = append(s.vals, value{text: s.b[i:end], num: d, path: n.id, frame: own, kind: kindNumber})
	return end
}

// fields reads an object whose node has wanted children.
func (s *scanner) fields(i int, n *tnode, own int32, depth int) int {
	if depth > maxPayloadDepth {
		return s.fail(i, "nested too deep")
	}
	s.object++
	object := s.object
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(s.b) || s.b[i] != '"' {
			return s.fail(i, "a key is expected")
		}
		var child *tnode
		keyStart := i + 1
		end := quoteOrBackslash(s.b, keyStart)
		if end < len(s.b) && s.b[end] == '"' {
			key := s.b[keyStart:end]
			if n.bloom&bloomBit(key) != 0 && !n.odd {
				child = n.child(s.hash, key)
			} else if n.odd {
				child = s.oddChild(n, key)
			}
			i = end + 1
		} else {
			var key []byte
			if key, i = s.text(i); i < 0 {
				return i
			}
			child = n.child(s.hash, key)
		}
		if i = s.space(i); i >= len(s.b) || s.b[i] != ':' {
			return s.fail(i, "a colon is expected after a key")
		}
		i = s.space(i + 1)
		if child != nil && n.id == 0 && child.key == envelopeKey {
			child = nil // a payload cannot pass for the envelope
		}
		if child == nil || (child.leaf|child.below)&s.types == 0 {
			i = s.skip(i, depth+1)
		} else {
			i = s.field(i, child, own, object, depth+1)
		}
		if i < 0 {
			return i
		}
		if i = s.space(i); i >= len(s.b) {
			return s.fail(i, "an object is not closed")
		}
		switch s.b[i] {
		case ',':
			i = s.space(i + 1)
		case '}':
			return i + 1
		default:
			return s.fail(i, "a comma or closing brace is expected")
		}
	}
}

// oddChild looks a key up as encoding/json would decode it, with U+FFFD for
// every invalid byte.
func (s *scanner) oddChild(n *tnode, key []byte) *tnode {
	if !utf8.Valid(key) {
		at := len(s.buf)
		s.buf = appendValid(s.buf, key)
		key = s.buf[at:]
	}
	return n.child(s.hash, key)
}

// field reads a wanted field's value. As in encoding/json the last of several
// fields of one name counts: what an earlier one left is dropped.
func (s *scanner) field(i int, child *tnode, own int32, object uint32, depth int) int {
	if last := &s.stamps[child.id]; last.object == object {
		for j := last.from; j < last.to; j++ {
			s.vals[j].path = -1
		}
	}
	from := int32(len(s.vals))
	i = s.value(i, child, own, own, depth)
	s.stamps[child.id] = stamp{object, from, int32(len(s.vals))}
	return i
}

// elements reads an array at n: its scalars are values at n's path, its objects
// are looked into as if they stood in the array's place.
func (s *scanner) elements(i int, n *tnode, own, within int32, depth int) int {
	if depth > maxPayloadDepth {
		return s.fail(i, "nested too deep")
	}
	deeper := n.below&s.types != 0
	array := within
	if deeper {
		array = int32(len(s.frames))
		s.frames = append(s.frames, frame{within, true})
	}
	i = s.space(i + 1)
	if i < len(s.b) && s.b[i] == ']' {
		s.forget(array, len(s.vals), deeper)
		return i + 1
	}
	start := len(s.vals)
	for {
		if deeper && i < len(s.b) && (s.b[i] == '{' || s.b[i] == '[') {
			element, before := int32(len(s.frames)), len(s.vals)
			s.frames = append(s.frames, frame{array, false})
			i = s.value(i, n, own, element, depth+1)
			s.forget(element, before, true)
		} else {
			i = s.value(i, n, own, within, depth+1)
		}
		if i < 0 {
			return i
		}
		if i = s.space(i); i >= len(s.b) {
			return s.fail(i, "an array is not closed")
		}
		switch s.b[i] {
		case ',':
			i = s.space(i + 1)
		case ']':
			s.forget(array, start, deeper)
			return i + 1
		default:
			return s.fail(i, "a comma or closing bracket is expected")
		}
	}
}

// forget takes the newest frame back when no value was found in it.
func (s *scanner) forget(f int32, before int, made bool) {
	if made && len(s.vals) == before && int(f) == len(s.frames)-1 {
		s.frames = s.frames[:f]
	}
}

// skip passes over a value nobody wants.
func (s *scanner) skip(i, depth int) int {
	if i >= len(s.b) {
		return s.fail(i, "a value is missing")
	}
	switch s.b[i] {
	case '"':
		return s.skipString(i)
	case '{', '[':
		return s.skipNested(i, depth)
	}
	return s.skipPlain(i)
}

// skipPlain passes over a number or literal.
func (s *scanner) skipPlain(i int) int {
	start := i
	for i < len(s.b) && plain[s.b[i]] {
		i++
	}
	if i == start {
		return s.fail(i, "a value is expected")
	}
	return i
}

// plain marks the bytes numbers and literals are made of.
var plain = func() (t [256]bool) {
	for _, c := range "+-.0123456789eEtrufalsn" {
		t[c] = true
	}
	return t
}()

// skipString passes over the string whose opening quote is at i.
func (s *scanner) skipString(i int) int {
	for j := i + 1; ; {
		k := bytes.IndexByte(s.b[j:], '"')
		if k < 0 {
			return s.fail(i, "a string is not closed")
		}
		k += j
		if s.b[k-1] != '\\' {
			return k + 1
		}
		escapes := 0
		for s.b[k-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return k + 1
		}
		j = k + 1
	}
}

// skipNested passes over the object or array that opens at i.
func (s *scanner) skipNested(i, depth int) int {
	start, b := i, s.b
	depth--
	for open := 0; i < len(b); i++ {
		switch nested[b[i]] {
		case 0:
		case 1:
			if i = s.skipString(i); i < 0 {
				return i
			}
			i--
		case 2:
			open++
			if depth+open > maxPayloadDepth {
				return s.fail(i, "nested too deep")
			}
		case 3:
			if open--; open == 0 {
				return i + 1
			}
		}
	}
	return s.fail(start, "an object or array is not closed")
}

// nested classes the bytes skipNested stops at.
var nested = [256]uint8{'"': 1, '{': 2, '[': 2, '}': 3, ']': 3}

// text returns the content of the string whose opening quote is at i, and the
// offset after its closing quote.
func (s *scanner) text(i int) ([]byte, int) {
	end := quoteOrBackslash(s.b, i+1)
	if end < len(s.b) && s.b[end] == '"' {
		raw := s.b[i+1 : end]
		if utf8.Valid(raw) {
			return raw, end + 1
		}
	}
	end = s.skipString(i)
	if end < 0 {
		return nil, end
	}
	at := len(s.buf)
	var ok bool
	if s.buf, ok = appendUnescaped(s.buf, s.b[i+1:end-1]); !ok {
		return nil, s.fail(i, "a string has an invalid escape")
	}
	return s.buf[at:len(s.buf):len(s.buf)], end
}

// quoteOrBackslash returns the offset of the first quote or backslash from i
// on, or len(b), looking at eight bytes at a time.
func quoteOrBackslash(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, e := w^(ones*'"'), w^(ones*'\\')
		if hit := ((q-ones)&^q | (e-ones)&^e) & highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] == '"' || b[i] == '\\' {
			return i
		}
	}
	return i
}
