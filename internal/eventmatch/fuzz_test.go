package eventmatch

import (
	"encoding/json"
	"errors"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// decodeFilters reads a filters document the way the API does.
func decodeFilters(text []byte) (filters map[string]any, ok bool) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	return filters, dec.Decode(&filters) == nil
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

// FuzzIndexAgainstReference lets the fuzzer write both the filters and the
// payload. On JSON the two matchers agree; on anything else the index either
// says so or had no need to look there.
func FuzzIndexAgainstReference(f *testing.F) {
	bodies := githubBodies(f)
	for i, filters := range fuzzFilters {
		f.Add(filters, string(bodies[i%len(bodies)]), "t", "github")
		f.Add(filters, `{"a":[{"b":1.0,"c":null},{"b":"x"}],"items":[{"a":1,"b":2},{"a":2}],"b":"10.1.2.3"}`, "t", "")
		f.Add(filters, `{"a":{"b":5e0},"a":[[{"b":3}]],"x":{}} `, "u", "s")
	}
	seed := maphash.MakeSeed()
	f.Fuzz(func(t *testing.T, filterText, payload, eventType, source string) {
		filters, ok := decodeFilters([]byte(filterText))
		if !ok {
			return
		}
		p, err := ParsePattern([]string{"t", "u"}, filters)
		if err != nil {
			return
		}
		ev := &Event{Type: eventType, Types: []string{"u"}, Source: source, Payload: []byte(payload)}
		want, refErr := Reference(p, ev)
		for _, narrow := range []bool{false, true} {
			ix := newIndex(hasher{seed, narrow})
			ix.Add("p", p)
			got, err := ix.Match(ev, nil)
			switch {
			case err != nil && !errors.Is(err, ErrPayload):
				t.Errorf("Match says %v, which is not ErrPayload", err)
			case err != nil && refErr == nil:
				t.Errorf("Match says %v of valid JSON %q", err, payload)
			case refErr == nil && slices.Contains(got, ID("p")) != want:
				t.Errorf("filters %s\npayload %s\nindex says %v, reference %v", filterText, payload, got, want)
			}
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
		if ix.Len() != 0 || ix.snap.Load().anchors.sub != nil {
			t.Errorf("%s: something is left after removal", text)
		}
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
