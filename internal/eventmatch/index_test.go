package eventmatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func mustPattern(tb testing.TB, eventType string, filters map[string]any) *Pattern {
	tb.Helper()
	p, err := ParsePattern([]string{eventType}, filters)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Two definitions swap their conditions in one Apply, over and over. Whatever
// state a reader sees, exactly one of them matches its event.
func TestReadersSeeAllOfAChangeOrNothing(t *testing.T) {
	ix := NewIndex()
	x, y := mustPattern(t, "t", map[string]any{"a": "x"}), mustPattern(t, "t", map[string]any{"a": []any{map[string]any{"prefix": "yy"}}, "b": 1})
	ix.Apply(Change{"p", x}, Change{"q", y})
	var done atomic.Bool
	var readers sync.WaitGroup
	events := []*Event{{Type: "t", Payload: []byte(`{"a":"x"}`)}, {Type: "t", Payload: []byte(`{"b":1.0,"a":"yyy"}`)}}
	var seenBy [2][2]atomic.Int64
	for range 2 {
		readers.Go(func() {
			var ids []ID
			for i := 0; !done.Load(); i++ {
				ids, _ = ix.Match(events[i%2], ids[:0])
				if len(ids) != 1 {
					t.Errorf("event %d matched %v", i%2, ids)
					return
				}
				seenBy[i%2][slices.Index([]ID{"p", "q"}, ids[0])].Add(1)
			}
		})
	}
	var last [2][2]int64
	for round := 0; round < 200 || slices.ContainsFunc(last[:], func(r [2]int64) bool { return r[0] == 0 || r[1] == 0 }); round++ {
		ix.Apply(Change{"p", y}, Change{"q", x}, Change{ID(fmt.Sprint(round % 50)), x}, Change{ID(fmt.Sprint(round % 50)), nil})
		ix.Apply(Change{"p", x}, Change{"q", y})
		for i := range last {
			last[i] = [2]int64{seenBy[i][0].Load(), seenBy[i][1].Load()}
		}
		if t.Failed() {
			break
		}
	}
	done.Store(true)
	readers.Wait()
}

func TestAnAddedIDReplacesAndARemovedOneMayReturn(t *testing.T) {
	ix := NewIndex()
	ev := func(a string) *Event { return &Event{Type: "t", Payload: []byte(`{"a":"` + a + `"}`)} }
	expect := func(a string, want ...ID) {
		t.Helper()
		got, err := ix.Match(ev(a), nil)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s matched %v (%v), want %v", a, got, err, want)
		}
	}
	ix.Add("p", mustPattern(t, "t", map[string]any{"a": "x"}))
	ix.Add("p", mustPattern(t, "t", map[string]any{"a": "y"}))
	expect("x")
	expect("y", "p")
	ix.Remove("p")
	ix.Remove("p")
	expect("y")
	ix.Add("q", mustPattern(t, "t", nil))
	ix.Add("p", mustPattern(t, "u", nil))
	expect("y", "q")
	ix.Add("p", mustPattern(t, "t", nil))
	expect("y", "p", "q")
	if ix.Len() != 2 {
		t.Errorf("Len is %d", ix.Len())
	}
}

func TestAPatternIsReportedOnceForSeveralTypesAndValues(t *testing.T) {
	ix := NewIndex()
	p, err := ParsePattern([]string{"t", "t.a"}, map[string]any{
		"$or": []any{map[string]any{"a": []any{1, 2}}, map[string]any{"b": []any{map[string]any{"exists": true}, "x"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ix.Add("p", p)
	got, err := ix.Match(&Event{Type: "t", Types: []string{"t.a", "t"}, Payload: []byte(`{"a":[1,2,1],"b":["x","x"]}`)}, []ID{"kept"})
	if err != nil || !slices.Equal(got, []ID{"kept", "p"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	ix := NewIndex()
	v := newVocabulary(400)
	for i := range 500 {
		ix.Add(ID(fmt.Sprint(i)), v.pattern(t))
	}
	for _, size := range payloadSizes {
		events := v.events(t, 200, size.files...)
		dst := make([]ID, 0, 500)
		i := 0
		perEvent := testing.AllocsPerRun(2000, func() {
			dst, _ = ix.Match(events[i%len(events)], dst[:0])
			i++
		})
		if perEvent != 0 {
			t.Errorf("%s: %v allocations an event", size.name, perEvent)
		}
	}
}

func TestAPayloadThatIsNotJSONIsNamedWithItsOffset(t *testing.T) {
	ix := NewIndex()
	p := mustPattern(t, "t", map[string]any{"a.b": 1})
	ix.Add("p", p)
	for payload, offset := range map[string]int{
		`{"a":{"b":1}`:                        12,
		`{"a":{"b":01}}`:                      10,
		`{"a":{"b":tru}}`:                     10,
		`{"a" 1}`:                             5,
		`{"a":1}}`:                            7,
		`{"a":"x`:                             5,
		`{"z":[1,{"y":"]"}`:                   5,
		`{"a":{"b":1}, }`:                     14,
		`{"a":{"b":"\q"}}`:                    0, // nobody looks into it … but b is wanted
		`{"a":` + strings.Repeat("[", 10_001): 10_004,
	} {
		got, err := ix.Match(&Event{Type: "t", Payload: []byte(payload)}, nil)
		var pe *PayloadError
		if !errors.As(err, &pe) || !errors.Is(err, ErrPayload) || len(got) != 0 {
			t.Errorf("%.40q: matched %v, error %v", payload, got, err)
			continue
		}
		if pe.Offset != offset && offset != 0 {
			t.Errorf("%.40q: %v, want offset %d", payload, err, offset)
		}
		if _, err := Reference(p, &Event{Type: "t", Payload: []byte(payload)}); !errors.Is(err, ErrPayload) {
			t.Errorf("%.40q: Reference says %v", payload, err)
		}
		if _, err := ix.Match(&Event{Type: "t", Payload: []byte(`{"a":{"b":1}}`)}, nil); err != nil {
			t.Fatalf("after an error, a good event fails: %v", err)
		}
	}
	if _, err := ix.Match(&Event{Type: "unknown", Payload: []byte(`{`)}, nil); err != nil {
		t.Errorf("a payload nobody looks at was read: %v", err)
	}
}
