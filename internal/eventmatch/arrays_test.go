package eventmatch

import (
	"hash/maphash"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawNested writes objects and arrays over three keys and three values, so that
// most conditions hold somewhere and the question is whether they hold together.
func drawNested(t *rapid.T, b *strings.Builder, depth int) {
	what := rapid.IntRange(0, 9).Draw(t, "value")
	switch {
	case depth > 0 && what < 4:
		b.WriteByte('{')
		for i, key := range []string{"a", "b", "c"} {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + key + `":`)
			drawNested(t, b, depth-1)
		}
		b.WriteByte('}')
	case depth > 0 && what < 8:
		b.WriteByte('[')
		for i := range rapid.IntRange(1, 3).Draw(t, "elements") {
			if i > 0 {
				b.WriteByte(',')
			}
			drawNested(t, b, depth-1)
		}
		b.WriteByte(']')
	default:
		b.WriteByte(byte('1' + rapid.IntRange(0, 2).Draw(t, "scalar")))
	}
}

// nestedCase is a payload with arrays in it, and conditions on it of which several may concern
// one array.
type nestedCase struct {
	payload string
	filters []map[string]any
}

func drawNestedCase(t *rapid.T) nestedCase {
	var b strings.Builder
	b.WriteString(`{"a":`)
	drawNested(t, &b, 4)
	b.WriteString(`,"b":[`)
	drawNested(t, &b, 4)
	b.WriteString(`]}`)
	n := nestedCase{payload: b.String()}
	for range 8 {
		filters := map[string]any{}
		for range rapid.IntRange(2, 4).Draw(t, "conditions") {
			path := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "top")
			for range rapid.IntRange(1, 3).Draw(t, "levels") {
				path += "." + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "level")
			}
			filters[path] = []any{rapid.IntRange(1, 3).Draw(t, "want"), rapid.IntRange(1, 3).Draw(t, "or")}
			if rapid.IntRange(0, 15).Draw(t, "absence") == 0 {
				filters[path] = []any{map[string]any{"exists": false}}
			}
		}
		n.filters = append(n.filters, filters)
	}
	return n
}

// answered is how many of a case's conditions match, and how many are not met only because no
// one element meets them all.
type answered struct{ matched, apart int }

func (n nestedCase) check(t failer) (sum answered) {
	ev := &Event{Type: "t", Payload: []byte(n.payload)}
	for _, filters := range n.filters {
		p, err := ParsePattern([]string{"t"}, filters)
		if err != nil {
			t.Fatalf("%v: %v", filters, err)
		}
		ix := newIndex(hasher{maphash.MakeSeed(), false})
		ix.Add("p", p)
		sameAnswer(t, ix, map[ID]*Pattern{"p": p}, ev)
		if x, _ := Explain(p, ev); x.Matched {
			sum.matched++
		} else if x.Filters[len(x.Filters)-1].Path == "filters" {
			sum.apart++
		}
	}
	return sum
}

func TestConditionsInOneArrayHoldForOneElement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { drawNestedCase(t).check(t) })

	// That the generator finds what the test is about is seen with examples that are the same in
	// every run.
	cases, sum := rapid.Custom(drawNestedCase), answered{}
	for seed := range 300 {
		one := cases.Example(seed).check(t)
		sum.matched, sum.apart = sum.matched+one.matched, sum.apart+one.apart
	}
	if sum.matched < 30 || sum.apart < 5 {
		t.Errorf("the generator is useless: of 300 cases %d matched, %d held only apart", sum.matched, sum.apart)
	}
	t.Logf("%d matched, %d held only apart", sum.matched, sum.apart)
}

func TestArrayElementsAreTakenOneAtATime(t *testing.T) {
	const people = `{"employees":[{"first":"John","last":"Doe","tags":["x","y"]},{"first":"Anna","last":"Smith"},[{"first":"Peter","last":"Jones"}]],
		"teams":[{"name":"red","members":[{"id":1,"role":"lead"},{"id":2,"role":"dev"}]},{"name":"blue","members":[{"id":3,"role":"lead"}]}]}`
	for _, tc := range []struct {
		name    string
		filters map[string]any
		want    bool
	}{
		{"one element has both", map[string]any{"employees": map[string]any{"first": "Anna", "last": "Smith"}}, true},
		{"two elements have one each", map[string]any{"employees.first": "Anna", "employees.last": "Doe"}, false},
		{"an array inside the array", map[string]any{"employees.first": "Peter", "employees.last": "Jones"}, true},
		{"scalars of one array count together", map[string]any{"employees.first": "John", "$or": []any{map[string]any{"employees.tags": "x"}, map[string]any{"employees.nothing": 1}}}, true},
		{"inner and outer element agree", map[string]any{"teams.name": "blue", "teams.members.role": "lead", "teams.members.id": 3}, true},
		{"the inner element is in another outer one", map[string]any{"teams.name": "blue", "teams.members.id": 1}, false},
		{"two inner elements of one outer", map[string]any{"teams.name": "red", "teams.members.id": 2, "teams.members.role": "lead"}, false},
		{"independent arrays do not bind each other", map[string]any{"teams.name": "blue", "employees.first": "John"}, true},
		{"or branches are bound too", map[string]any{"employees.first": "Anna", "$or": []any{map[string]any{"employees.last": "Doe"}, map[string]any{"employees.last": "Jones"}}}, false},
		{"absence is of the whole event", map[string]any{"employees.first": "Anna", "employees.tags": []any{map[string]any{"exists": false}}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ParsePattern([]string{"t"}, tc.filters)
			if err != nil {
				t.Fatal(err)
			}
			ev := &Event{Type: "t", Payload: []byte(people)}
			ix := NewIndex()
			ix.Add("p", p)
			sameAnswer(t, ix, map[ID]*Pattern{"p": p}, ev)
			if got, _ := Reference(p, ev); got != tc.want {
				t.Errorf("matched %v, want %v", got, tc.want)
			}
		})
	}
}
