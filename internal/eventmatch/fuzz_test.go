package eventmatch

import (
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// decodeFilters reads a filters document the way the API does: one JSON value and nothing
// behind it.
func decodeFilters(text []byte) (filters map[string]any, ok bool) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	return filters, dec.Decode(&filters) == nil && dec.Decode(new(any)) == io.EOF
}

func githubBodies(tb testing.TB) (bodies [][]byte) {
	names, _ := filepath.Glob(filepath.Join("testdata", "github", "*.json"))
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		tb.Fatal("testdata/github is empty")
	}
	return bodies
}

var fuzzFilters = []string{
	`{}`,
	`{"ref":["refs/heads/main",{"prefix":"refs/heads/release-"}],"repository.full_name":"Codertocat/Hello-World"}`,
	`{"a":{"b":[1,{"numeric":[">",0,"<=",5]}]},"$or":[{"x":[{"exists":false}]},{"a.c":[null,true]}]}`,
	`{"a":[{"anything-but":{"wildcard":["*x*","y"]}}],"b":[{"cidr":"10.0.0.0/8"},{"suffix":{"equals-ignore-case":"X"}}]}`,
	`{"items.a":1,"items.b":[2],"$event.type":[{"prefix":"t"}]}`,
	`{"action":[{"equals-ignore-case":"EDITED"},{"wildcard":"e*d"}],"sender":{"login":{"anything-but":["x"]}}}`,
}

// fuzzPatterns reads up to eight patterns from a sequence of filters documents. A byte of wants
// says which of the types each pattern wants, bit by bit; none set means the first.
func fuzzPatterns(filters string, wants []byte) (patterns []*Pattern) {
	dec := json.NewDecoder(strings.NewReader(filters))
	dec.UseNumber()
	for i := 0; len(patterns) < 8; i++ {
		var doc map[string]any
		if dec.Decode(&doc) != nil {
			return patterns
		}
		var types []string
		for bit, name := range someTypes {
			if i < len(wants) && wants[i]>>bit&1 != 0 {
				types = append(types, name)
			}
		}
		if types == nil {
			types = someTypes[:1]
		}
		if p, err := ParsePattern(types, doc); err == nil {
			patterns = append(patterns, p)
		}
	}
	return patterns
}

// FuzzIndexAgainstReference lets the fuzzer write several patterns with their types, an event
// with its types, and how the index came to hold what it holds: each byte of steps puts a
// pattern under an ID or takes an ID out, and after each the event is matched. On JSON the two
// matchers agree; on anything else the index either says so or had no need to look there.
func FuzzIndexAgainstReference(f *testing.F) {
	bodies := githubBodies(f)
	all := strings.Join(fuzzFilters, "\n")
	steps := []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x83, 0x03, 0x81, 0x50, 0x24, 0x85}
	for i, filters := range fuzzFilters {
		f.Add(filters, []byte{1}, string(bodies[i%len(bodies)]), "t", "", "github", "s", []byte{0})
		f.Add(all, []byte{1, 2, 3, 8, 15, 4}, string(bodies[i%len(bodies)]), "t", "t.a u", "github", "", steps)
		f.Add(filters+all, []byte{3, 9}, `{"a":[{"b":1.0,"c":null},{"b":"x"}],"items":[{"a":1,"b":2},{"a":2}],"b":"10.1.2.3"}`, "u", "", "", "", steps)
		f.Add(all, []byte{8, 8, 8, 1}, `{"a":{"b":5e0},"a":[[{"b":3}]],"x":{}} `, "x", "u u", "s", "", steps)
	}
	seed := maphash.MakeSeed()
	f.Fuzz(func(t *testing.T, filters string, wants []byte, payload, eventType, moreTypes, source, subject string, steps []byte) {
		patterns := fuzzPatterns(filters, wants)
		if len(patterns) == 0 {
			return
		}
		ev := &Event{Type: eventType, Types: strings.Fields(moreTypes), Source: source, Subject: subject, Payload: []byte(payload)}
		verdicts := make([]bool, len(patterns)) // of the reference, which knows no history
		isJSON := true
		for i, p := range patterns {
			var err error
			verdicts[i], err = Reference(p, ev)
			isJSON = isJSON && err == nil
		}
		for _, narrow := range []bool{false, true} {
			ix := newIndex(hasher{seed, narrow})
			held := map[ID]int{}
			for _, step := range steps[:min(len(steps), 24)] {
				id := ID(rune('a' + step&7))
				if step&0x80 != 0 {
					ix.Remove(id)
					delete(held, id)
				} else {
					held[id] = int(step>>4) % len(patterns)
					ix.Add(id, patterns[held[id]])
				}
				got, err := ix.Match(ev, nil)
				if err != nil && !errors.Is(err, ErrPayload) {
					t.Fatalf("Match says %v, which is not ErrPayload", err)
				}
				if err != nil && isJSON {
					t.Fatalf("Match says %v of valid JSON %q", err, payload)
				}
				if !isJSON {
					continue
				}
				var want []ID
				for id, i := range held {
					if verdicts[i] {
						want = append(want, id)
					}
				}
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("filters %s\nwants %v\ntypes %q %q\npayload %s\nafter step %#x the index says %v, the reference %v", filters, wants, eventType, ev.Types, payload, step, got, want)
				}
			}
			for id := range held {
				ix.Remove(id)
			}
			mustBeEmpty(t, ix)
		}
	})
}

// FuzzParsePattern feeds the parser any JSON: it refuses with a path, or what
// it accepts can be indexed, matched, explained and removed.
func FuzzParsePattern(f *testing.F) {
	for _, s := range append(fuzzFilters, `{"a":[{"prefx":1}]}`, `{"a":[]}`, `{"$or":[{}]}`, `{"a..b":1}`, `{"$event":1}`, `{"a":[{"numeric":["<",1,"<",2]}]}`,
		`{"a":{"prefix":"x","b":1}}`, `{"a":1e5000}`, `{"a":[{"wildcard":"**"}]}`, `{"a":[{"cidr":"10.0.0.0"}]}`) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filters, ok := decodeFilters([]byte(text))
		if !ok {
			return
		}
		p, err := ParsePattern([]string{"t"}, filters)
		if err != nil {
			var one *PatternError
			if !errors.As(err, &one) || !strings.HasPrefix(one.Path, "filters") || one.Problem == "" || err.Error() == "" {
				t.Errorf("%s: the error %#v says too little", text, err)
			}
			return
		}
		ix := NewIndex()
		ix.Add("p", p)
		ev := &Event{Type: "t", Payload: []byte(text)}
		sameAnswer(t, ix, map[ID]*Pattern{"p": p}, ev)
		ix.Remove("p")
		mustBeEmpty(t, ix)
	})
}

// FuzzScannerAgainstEncodingJSON compares every value at a few paths.
func FuzzScannerAgainstEncodingJSON(f *testing.F) {
	for _, body := range githubBodies(f) {
		f.Add(body)
	}
	for _, s := range []string{``, ` `, `1`, `"a"`, `[1,[2,{"a":3}]]`, `{"a":"\ud83d\ude00\ud800x\u0041","a.b":1,"a":{"b":[true,false,null]}}`, `{"a":1}x`, `{"a"`, `{"\u0061":"` + "\xff" + `"}`, `{"b":{"c":[{"a":[}]}}`} {
		f.Add([]byte(s))
	}
	paths := [][]string{{"a"}, {"a", "b"}, {"b", "c"}, {"repository", "id"}, {"sender", "login"}, {"a", "a"}, {"\ufffd"}}
	h := hasher{seed: maphash.MakeSeed()}
	root, pool := &tnode{}, idPool{next: 1}
	ids := make([]int32, len(paths))
	for i, keys := range paths {
		root, ids[i] = root.plant(h, keys, 1, pool.get)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		sc := scanner{types: 1, hash: h, stamps: make([]stamp, pool.next)}
		err := sc.scan(payload, root)
		doc, refErr := decode(&Event{Payload: payload})
		if refErr != nil {
			return
		}
		if err != nil {
			t.Fatalf("%v of valid JSON %q", err, payload)
		}
		for i, keys := range paths {
			var got []any
			for _, v := range sc.vals {
				if v.path == ids[i] {
					got = append(got, plainValue(&v))
				}
			}
			want := doc.leaves(&condition{field: field{keys: keys}})
			if !slices.Equal(got, want) {
				t.Errorf("payload %q\nat %v: scanned %v, want %v", payload, keys, got, want)
			}
		}
	})
}

func plainValue(v *value) any {
	switch v.kind {
	case kindString:
		return string(v.text)
	case kindNumber:
		return json.Number(v.text)
	case kindTrue, kindFalse:
		return v.kind == kindTrue
	}
	return nil
}
