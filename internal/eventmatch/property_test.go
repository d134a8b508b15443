package eventmatch

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The generators draw from small vocabularies, so that patterns and payloads
// meet often, and from the values that are easy to get wrong.
var (
	someKeys    = []string{"a", "b", "c", "items", "a.b", `x\y`, "ключ", "\ufffd"}
	someStrings = []string{"", "a", "A", "ab", "abc", "ABC", "ſ", "K", "refs/heads/main", "refs/heads/release-1", "refs/heads/release-22",
		"10.0.0.1", "10.1.2.3", "192.168.0.9", "::ffff:10.0.0.1", "2001:db8::1", "12:30:45", "*", `\`, "\"", "aXbXc", "straße", "STRASSE", "日本", "\ufffd", "1", "null"}
	someNumbers = []string{"0", "-0", "0.0", "1", "1.0", "1e0", "10e-1", "100", "1e2", "-1", "0.1", "0.10", "9007199254740993", "9007199254740992",
		"123456789012345678901234567890", "123456789012345678901234567891", "1234567890123456789012345678910e-1", "5e-324", "1e999999999999", "-1e999999999999", "1e-999999999999",
		"12.5", "15", "99.999999999999999999999999999999"}
	someCIDRs     = []string{"10.0.0.0/8", "10.0.0.1/32", "10.0.0.0/16", "0.0.0.0/0", "192.168.0.0/20", "2001:db8::/32", "::/0", "::ffff:10.0.0.0/104", "2001:db8::1/128"}
	someWildcards = []string{"*", "a*", "*c", "a*c", "refs/*/release-*", "*X*", `\*`, `*\\*`, "abc", "*refs*heads*", "日*"}
	someTypes     = []string{"t", "t.a", "t.b", "u"}
)

func drawKey(t *rapid.T) string { return rapid.SampledFrom(someKeys).Draw(t, "key") }

func drawString(t *rapid.T) string { return rapid.SampledFrom(someStrings).Draw(t, "string") }

func drawNumber(t *rapid.T) json.Number {
	return json.Number(rapid.SampledFrom(someNumbers).Draw(t, "number"))
}

func drawScalar(t *rapid.T) any {
	switch rapid.IntRange(0, 6).Draw(t, "scalar") {
	case 0, 1, 2:
		return drawString(t)
	case 3, 4:
		n := drawNumber(t)
		if strings.Contains(string(n), "999999999999") && strings.Contains(string(n), "e") {
			return 7
		}
		return n
	case 5:
		return rapid.Bool().Draw(t, "bool")
	}
	return nil
}

func drawOneOrMore(t *rapid.T, f func(*rapid.T) any) any {
	n := rapid.IntRange(0, 3).Draw(t, "list")
	if n == 0 {
		return f(t)
	}
	list := make([]any, n)
	for i := range list {
		list[i] = f(t)
	}
	return list
}

func drawAlternative(t *rapid.T) any {
	object := func(k string, v any) map[string]any { return map[string]any{k: v} }
	anyString := func(t *rapid.T) any { return drawString(t) }
	nonEmpty := func(t *rapid.T) any { return "a" + drawString(t) }
	wild := func(t *rapid.T) any { return rapid.SampledFrom(someWildcards).Draw(t, "wildcard") }
	switch rapid.IntRange(0, 16).Draw(t, "alternative") {
	case 0:
		return object("prefix", drawString(t))
	case 1:
		return object("suffix", drawString(t))
	case 2:
		return object("equals-ignore-case", drawString(t))
	case 3:
		return object("wildcard", wild(t))
	case 4:
		return object("anything-but", drawOneOrMore(t, drawScalar))
	case 5:
		name := rapid.SampledFrom([]string{"prefix", "suffix"}).Draw(t, "op")
		return object("anything-but", object(name, drawOneOrMore(t, nonEmpty)))
	case 6:
		return object("anything-but", object("equals-ignore-case", drawOneOrMore(t, anyString)))
	case 7:
		return object("anything-but", object("wildcard", drawOneOrMore(t, wild)))
	case 8:
		return object("numeric", []any{rapid.SampledFrom([]string{"=", "<", "<=", ">", ">="}).Draw(t, "sign"), rapid.IntRange(-1, 100).Draw(t, "n")})
	case 9:
		low := rapid.IntRange(-10, 100).Draw(t, "low")
		return object("numeric", []any{">", low, "<=", low + rapid.IntRange(1, 50).Draw(t, "width")})
	case 10:
		return object("exists", rapid.Bool().Draw(t, "exists"))
	case 11:
		return object("cidr", rapid.SampledFrom(someCIDRs).Draw(t, "cidr"))
	case 12:
		name := rapid.SampledFrom([]string{"prefix", "suffix"}).Draw(t, "op")
		return object(name, object("equals-ignore-case", drawString(t)))
	}
	return drawScalar(t)
}

func escapeKey(k string) string { return joinKeys([]string{k}) }

func drawFilters(t *rapid.T, depth int) map[string]any {
	out := map[string]any{}
	for range rapid.IntRange(1, 3).Draw(t, "keys") {
		key := escapeKey(drawKey(t))
		for rapid.IntRange(0, 2).Draw(t, "dotted") == 0 {
			key += "." + escapeKey(drawKey(t))
		}
		switch k := rapid.IntRange(0, 9).Draw(t, "what"); {
		case k == 0 && depth > 0:
			out["$or"] = []any{drawFilters(t, depth-1), drawFilters(t, depth-1)}
		case k == 1 && depth == 3:
			out["$event."+rapid.SampledFrom([]string{"type", "source", "subject"}).Draw(t, "envelope")] = drawOneOrMore(t, drawAlternative)
		case k < 4 && depth > 0:
			out[key] = drawFilters(t, depth-1)
		default:
			out[key] = drawOneOrMore(t, drawAlternative)
		}
	}
	return out
}

// drawJSON writes a JSON value as text: with white space, escapes and duplicate
// keys, which encoding/json would not write.
func drawJSON(t *rapid.T, b *strings.Builder, depth int) {
	gap := func() { b.WriteString(rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "gap")) }
	gap()
	defer gap()
	what := rapid.IntRange(0, 9).Draw(t, "value")
	switch {
	case what < 4 && depth > 0:
		b.WriteByte('{')
		for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
			if i > 0 {
				b.WriteByte(',')
			}
			gap()
			b.WriteString(drawJSONString(t, drawKey(t)))
			gap()
			b.WriteByte(':')
			drawJSON(t, b, depth-1)
		}
		b.WriteByte('}')
	case what < 6 && depth > 0:
		b.WriteByte('[')
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				b.WriteByte(',')
			}
			drawJSON(t, b, depth-1)
		}
		b.WriteByte(']')
	case what < 8:
		b.WriteString(drawJSONString(t, drawString(t)))
	case what < 9:
		b.WriteString(string(drawNumber(t)))
	default:
		b.WriteString(rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal"))
	}
}

func drawJSONString(t *rapid.T, s string) string {
	switch rapid.IntRange(0, 5).Draw(t, "escaping") {
	case 0:
		var b strings.Builder
		b.WriteByte('"')
		for _, r := range s {
			if r > 0xffff {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
		return b.String() + `"`
	case 1:
		if s == "\ufffd" {
			return rapid.SampledFrom([]string{"\"\xff\"", `"\ud800"`}).Draw(t, "invalid")
		}
	}
	out, _ := json.Marshal(s)
	return string(out)
}

func drawEvent(t *rapid.T) *Event {
	var b strings.Builder
	drawJSON(t, &b, 5)
	return &Event{
		Type:    rapid.SampledFrom(someTypes).Draw(t, "type"),
		Types:   rapid.SliceOfN(rapid.SampledFrom(someTypes), 0, 2).Draw(t, "types"),
		Source:  drawString(t),
		Subject: drawString(t),
		Payload: []byte(b.String()),
	}
}

func drawPattern(t *rapid.T) *Pattern {
	types := rapid.SliceOfN(rapid.SampledFrom(someTypes), 1, 3).Draw(t, "pattern types")
	var filters map[string]any
	if rapid.IntRange(0, 9).Draw(t, "filtered") > 0 {
		filters = drawFilters(t, 3)
	}
	p, err := ParsePattern(types, filters)
	if err != nil {
		t.Skipf("refused: %v", err)
	}
	return p
}

func TestIndexAnswersAsTheReferenceThroughEveryUpdate(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		t.Run(fmt.Sprintf("colliding hashes %v", narrow), rapid.MakeCheck(func(t *rapid.T) {
			ix := newIndex(hasher{maphash.MakeSeed(), narrow})
			held := map[ID]*Pattern{}
			for range rapid.IntRange(1, 12).Draw(t, "steps") {
				id := ID(rapid.SampledFrom([]string{"p", "q", "r", "s", "v"}).Draw(t, "id"))
				if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
					ix.Remove(id)
					delete(held, id)
				} else {
					p := drawPattern(t)
					ix.Add(id, p)
					held[id] = p
				}
				for range 2 {
					sameAnswer(t, ix, held, drawEvent(t))
				}
			}
			for id := range held {
				ix.Remove(id)
			}
			mustBeEmpty(t, ix)
		}))
	}
}

// failer is a [testing.TB] or a [rapid.T].
type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func sameAnswer(t failer, ix *Index, held map[ID]*Pattern, ev *Event) {
	t.Helper()
	got, err := ix.Match(ev, nil)
	if err != nil {
		t.Fatalf("payload %q: %v", ev.Payload, err)
	}
	slices.Sort(got)
	var want []ID
	for id, p := range held {
		ok, err := Reference(p, ev)
		if err != nil {
			t.Fatalf("payload %q: %v", ev.Payload, err)
		}
		if x, err := Explain(p, ev); err != nil || x.Matched != ok {
			t.Fatalf("payload %q: Explain says %v %v, Reference %v", ev.Payload, x, err, ok)
		}
		if ok {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("payload %s\ntypes %v %v source %q subject %q\nindex says     %v\nreference says %v", ev.Payload, ev.Type, ev.Types, ev.Source, ev.Subject, got, want)
	}
}

// mustBeEmpty checks that nothing is left over once every pattern is removed.
func mustBeEmpty(t interface {
	Helper()
	Fatalf(string, ...any)
}, ix *Index) {
	t.Helper()
	s := ix.snap.Load()
	w := &ix.w
	if s.count != 0 || s.types != nil || s.anchors.sub != nil || s.root.children != nil || s.root.below != 0 || s.envelopeUsed != 0 {
		t.Fatalf("the snapshot of an emptied index still holds something: %+v", s)
	}
	if len(w.records)+len(w.types)+len(w.paths)+len(w.pathBits)+len(w.uses)+len(w.anchored) != 0 {
		t.Fatalf("the writer of an emptied index still counts something: %+v", w)
	}
	if int(w.pathIDs.next)-int(envelopeFields) != len(w.pathIDs.free) || int(w.slots.next) != len(w.slots.free) || int(w.typeIDs.next) != len(w.typeIDs.free) {
		t.Fatalf("ids were lost: %+v %+v", w.pathIDs, w.slots)
	}
}
