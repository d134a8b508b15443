package ruleeval

import (
	"regexp/syntax"
	"strings"

	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// tooMuch is a price that no evaluation can pay.
const tooMuch = CostLimit + 1

// priceList has every function whose work or result grows with its arguments.
// A function that is not here costs 1.
func priceList() map[string]price {
	ofText := func(args []ref.Val) float64 { return 1 + byteLen(args[0])/10 }
	ofBoth := func(args []ref.Val) float64 { return 1 + min(byteLen(args[0]), byteLen(args[1]))/10 }
	list := map[string]price{
		operators.Add:           priceAdd,
		operators.Equals:        priceEqual,
		operators.NotEquals:     priceEqual,
		operators.In:            priceIn,
		operators.Less:          ofBoth,
		operators.LessEquals:    ofBoth,
		operators.Greater:       ofBoth,
		operators.GreaterEquals: ofBoth,

		// A count is a fast scan, but not free: 10 MB take about a millisecond.
		"size": func(args []ref.Val) float64 { return 1 + byteLen(args[0])/1000 },

		"contains":   func(args []ref.Val) float64 { return 1 + (byteLen(args[0])+byteLen(args[1]))/10 },
		"startsWith": func(args []ref.Val) float64 { return 1 + min(byteLen(args[0]), byteLen(args[1]))/10 },
		"endsWith":   func(args []ref.Val) float64 { return 1 + min(byteLen(args[0]), byteLen(args[1]))/10 },
		// These two compare at every position.
		"indexOf":     func(args []ref.Val) float64 { return (1 + byteLen(args[0])/10) * (1 + byteLen(args[1])/10) },
		"lastIndexOf": func(args []ref.Val) float64 { return (1 + byteLen(args[0])/10) * (1 + byteLen(args[1])/10) },

		"matches":          priceRegex,
		"regex.extract":    priceRegex,
		"regex.extractAll": priceRegex,
		"regex.replace":    priceRegex,

		"replace": priceReplace,
		"split":   priceSplit,
		"join":    priceJoin,
		"format":  func(args []ref.Val) float64 { return byteLen(args[0])/10 + weight(args[1]) },
		"reverse": func(args []ref.Val) float64 { return 1 + byteLen(args[0])/10 + float64(listLen(args[0]))/10 },

		"slice":   func(args []ref.Val) float64 { return 1 + float64(listLen(args[0]))/10 },
		"flatten": priceFlatten,
		"sort":    priceSort,
		// The second list holds the keys that sortBy computed.
		"@sortByAssociatedKeys": priceSort,
		"distinct":              priceDistinct,
		"lists.range":           priceRange,
		"sets.contains":         priceSets,
		"sets.equivalent":       priceSets,
		"sets.intersects":       priceSets,
		"math.@max":             priceList1,
		"math.@min":             priceList1,

		orderedFunction: func(args []ref.Val) float64 {
			if m, ok := args[0].(traits.Mapper); ok {
				return 1 + float64(listLen(m))*log2(listLen(m))/5
			}
			return 1
		},
		// A zone is looked up, and each byte of the pattern writes up to ten.
		"time.format": func(args []ref.Val) float64 { return 5 + byteLen(args[1]) },
		"time.parse":  func(args []ref.Val) float64 { return 5 + byteLen(args[0])/10 },
		"json.encode": func(args []ref.Val) float64 { return weight(args[0]) },
	}
	for _, name := range []string{"string", "bytes", "int", "uint", "double", "timestamp", "duration", "bool",
		"lowerAscii", "upperAscii", "trim", "substring", "charAt", "strings.quote",
		"base64.encode", "base64.decode", "url_escape",
		"semver.compare", "semver_compare", "semver.is_valid", "semver.major", "semver.major_minor", "semver.prerelease"} {
		list[name] = ofText
	}
	// Decoding makes up to ten bytes of values from a byte of text.
	list["json"] = func(args []ref.Val) float64 { return 1 + byteLen(args[0])/5 }
	list["json.decode"] = list["json"]
	return list
}

func priceAdd(args []ref.Val) float64 {
	if _, accumulator := args[0].(traits.MutableLister); accumulator {
		return 1 + float64(listLen(args[1]))/10
	}
	n := byteLen(args[0]) + byteLen(args[1])
	if n > MaxStringBytes {
		return tooMuch
	}
	return 1 + (n+float64(listLen(args[0])+listLen(args[1])))/10
}

func priceEqual(args []ref.Val) float64 {
	if isContainer(args[0]) && isContainer(args[1]) {
		return min(weight(args[0]), weight(args[1]))
	}
	return 1 + min(byteLen(args[0]), byteLen(args[1]))/10
}

func priceIn(args []ref.Val) float64 {
	l, ok := args[1].(traits.Lister)
	if !ok {
		return 1
	}
	each := 1 + byteLen(args[0])/10
	if isContainer(args[0]) {
		each = weight(args[0]) * 10
	}
	return 1 + float64(listLen(l))*each/10
}

// priceRegex follows RE2: text times states. A counted repetition such as a{50}
// has many more states than letters.
func priceRegex(args []ref.Val) float64 {
	pattern, ok := args[1].(types.String)
	if !ok {
		return 1
	}
	if len(pattern) > MaxRegexBytes {
		return tooMuch
	}
	states := float64(len(pattern))
	if strings.Contains(string(pattern), "{") {
		if re, err := syntax.Parse(string(pattern), syntax.Perl); err == nil {
			if prog, err := syntax.Compile(re.Simplify()); err == nil {
				states = max(states, float64(len(prog.Inst)))
			}
		}
	}
	return (1 + byteLen(args[0])/10) * (1 + states/4)
}

func priceReplace(args []ref.Val) float64 {
	s, ok1 := args[0].(types.String)
	from, ok2 := args[1].(types.String)
	to, ok3 := args[2].(types.String)
	if !ok1 || !ok2 || !ok3 {
		return 1
	}
	count := float64(strings.Count(string(s), string(from)))
	if len(args) == 4 {
		if n, ok := args[3].(types.Int); ok && n >= 0 {
			count = min(count, float64(n))
		}
	}
	result := float64(len(s)) + count*float64(len(to)-len(from))
	if result > MaxStringBytes {
		return tooMuch
	}
	return 1 + (float64(len(s))+result)/10
}

func priceSplit(args []ref.Val) float64 {
	s, ok1 := args[0].(types.String)
	sep, ok2 := args[1].(types.String)
	if !ok1 || !ok2 {
		return 1
	}
	return 1 + float64(len(s))/10 + float64(strings.Count(string(s), string(sep)))
}

func priceJoin(args []ref.Val) float64 {
	l, ok := args[0].(traits.Lister)
	if !ok {
		return 1
	}
	n := float64(listLen(l))
	if n > MaxListItems {
		return tooMuch
	}
	var total float64
	if len(args) > 1 {
		total = byteLen(args[1]) * n
	}
	for it := l.Iterator(); it.HasNext() == types.True && total <= MaxStringBytes; {
		total += byteLen(it.Next())
	}
	if total > MaxStringBytes {
		return tooMuch
	}
	return 1 + (n+total)/10
}

// priceFlatten counts what the result holds, to the depth asked for.
func priceFlatten(args []ref.Val) float64 {
	depth := int64(1)
	if len(args) > 1 {
		if d, ok := args[1].(types.Int); ok {
			depth = int64(d)
		}
	}
	budget := float64(CostLimit + 1)
	var count func(v ref.Val, depth int64)
	count = func(v ref.Val, depth int64) {
		l, ok := v.(traits.Lister)
		if !ok || depth < 0 {
			return
		}
		for it := l.Iterator(); it.HasNext() == types.True && budget > 0; {
			budget--
			count(it.Next(), depth-1)
		}
	}
	count(args[0], min(depth, MaxDataDepth))
	return 1 + CostLimit + 1 - budget
}

func priceSort(args []ref.Val) float64 {
	keys := args[len(args)-1]
	l, ok := keys.(traits.Lister)
	if !ok {
		return 1
	}
	n := listLen(l)
	longest := 0.0
	for it := l.Iterator(); it.HasNext() == types.True; {
		longest = max(longest, byteLen(it.Next()))
	}
	return 1 + float64(n)*log2(n)*(1+longest/100)/5
}

func priceDistinct(args []ref.Val) float64 {
	l, ok := args[0].(traits.Lister)
	if !ok {
		return 1
	}
	containers, heaviest, units := 0.0, 0.0, 1.0
	for it := l.Iterator(); it.HasNext() == types.True && units < tooMuch; {
		e := it.Next()
		units += 1 + byteLen(e)/10
		if isContainer(e) {
			w := weight(e)
			containers, heaviest, units = containers+1, max(heaviest, w), units+w/10
		}
	}
	return units + containers*containers*heaviest/20
}

func priceRange(args []ref.Val) float64 {
	if n, ok := args[0].(types.Int); ok && n > 0 {
		return 1 + float64(n)/10
	}
	return 1
}

// priceSets: each is compared with each.
func priceSets(args []ref.Val) float64 {
	a, b := listLen(args[0]), listLen(args[1])
	each := 1.0
	for i, v := range args[:2] {
		other := [2]int{b, a}[i]
		if other == 0 {
			continue
		}
		if l, ok := v.(traits.Lister); ok {
			for it := l.Iterator(); it.HasNext() == types.True; {
				e := it.Next()
				if isContainer(e) {
					each = max(each, weight(e)*10)
				} else {
					each = max(each, byteLen(e)/10)
				}
				if each > CostLimit {
					return tooMuch
				}
			}
		}
	}
	return 1 + float64(a)*float64(b)*each/10
}

// priceList1: one pass over a list.
func priceList1(args []ref.Val) float64 {
	n := 0
	for _, a := range args {
		n += listLen(a)
	}
	return 1 + float64(n)/10
}
