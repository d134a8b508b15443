package eventmatch

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var someDigits = rapid.StringMatching(`-?(0|[1-9][0-9]{0,45})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?`)

// nearby changes the writing of a number, or its last digit.
func nearby(t *rapid.T, n string) string {
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		if !strings.ContainsAny(n, ".eE") {
			return n + "." + strings.Repeat("0", rapid.IntRange(1, 25).Draw(t, "zeros"))
		}
	case 1:
		if !strings.ContainsAny(n, "eE") {
			return n + "e0"
		}
	case 2:
		if !strings.ContainsAny(n, ".eE") && n != "0" && n != "-0" {
			return n + "0e-1"
		}
	case 3:
		if strings.Contains(n, ".") && !strings.ContainsAny(n, "eE") {
			return n + "1"
		}
	}
	return n
}

func TestDecimalsCompareAsRationals(t *testing.T) {
	equal := 0
	check := func(t *rapid.T) {
		a := someDigits.Draw(t, "a")
		b := nearby(t, a)
		if rapid.IntRange(0, 3).Draw(t, "unrelated") == 0 {
			b = someDigits.Draw(t, "b")
		}
		da, _, okA := parseDecimal([]byte(a), nil)
		db, _, okB := parseDecimal([]byte(b), nil)
		if !okA || !okB {
			t.Fatalf("%s or %s was refused", a, b)
		}
		ra, _ := new(big.Rat).SetString(a)
		rb, _ := new(big.Rat).SetString(b)
		want := ra.Cmp(rb)
		if got := plainCompare(json.Number(a), &db); got != want {
			t.Fatalf("the reference compares %s and %s: %d, want %d", a, b, got, want)
		}
		if got := da.compare(&db); got != want {
			t.Fatalf("compare(%s, %s) = %d, want %d (%+v, %+v)", a, b, got, want, da, db)
		}
		if da.rat().Cmp(ra) != 0 {
			t.Fatalf("%s became %v", a, da.rat())
		}
		if (da.hash() == db.hash()) != (want == 0) {
			t.Fatalf("%s and %s: hashes %x and %x", a, b, da.hash(), db.hash())
		}
		if want == 0 && a != b {
			equal++
		}
		if low, high := &da, &db; want < 0 {
			if _, level, ok := commonCell(low, high); ok && low.cell(level) != high.cell(level) {
				t.Fatalf("%s and %s are not in their common cell", a, b)
			}
			mid := new(big.Rat).Quo(new(big.Rat).Add(ra, rb), big.NewRat(2, 1))
			dm, _, _ := parseDecimal([]byte(mid.FloatString(90)), nil)
			if cell, level, ok := commonCell(low, high); ok && low.compare(&dm) <= 0 && dm.compare(high) <= 0 && dm.cell(level) != cell {
				t.Fatalf("%s lies between %s and %s but not in their cell", mid, a, b)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 30 {
			check(t)
		}
	})
	if equal == 0 {
		t.Fatal("the generator never wrote one number in two ways")
	}
}

func FuzzDecimalAcceptsWhatJSONDoes(f *testing.F) {
	for _, s := range append(someNumbers, "01", "1.", ".5", "-", "1e", "1e+", "+1", "0x1", "1_0", "NaN", "") {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _, ok := parseDecimal(text, nil)
		isNumber := json.Valid(text) && strings.Trim(string(text), "0123456789+-.eE") == "" && len(text) > 0
		if ok != isNumber {
			t.Errorf("parseDecimal(%q) accepted: %v, JSON: %v", text, ok, isNumber)
		}
	})
}

func TestNumbersBeyondEveryPatternStillCompare(t *testing.T) {
	big, _, _ := parseDecimal([]byte("1e999999999999999999999"), nil)
	tiny, _, _ := parseDecimal([]byte("-1e-999999999999999999999"), nil)
	most, _, _ := parseDecimal([]byte("9e999"), nil)
	zero, _, _ := parseDecimal([]byte("0e999999999"), nil)
	if big.compare(&most) <= 0 || tiny.compare(&zero) >= 0 || zero.sign != 0 {
		t.Errorf("%+v %+v %+v", big, tiny, zero)
	}
}

// The reference reads numbers on its own; where both are at their limits they must still agree.
// Numbers of a million digits are what fits in an event: explain must answer for them too.
func TestTheReferenceComparesNumbersOfEverySize(t *testing.T) {
	million := strings.Repeat("0", 1_010_000)
	numbers := []string{
		"0", "-0.0e99", "1", "1" + million + "e-1010000", "1" + million + "1e-1010001", "0." + million + "1e1010001", "-1" + million + "e-1010000",
		"1e999", "9.99e1000", "1e-999", "-1e-999", "1e2001", "1e1000000", "-1e1000000", "1e-1000000", "-1e-1000000", "1e" + strings.Repeat("9", 40), "1e-" + strings.Repeat("9", 40),
		"1e+0000000000000000000000000000001", "10", strings.Repeat("1", 1000), strings.Repeat("1", 999) + "2", strings.Repeat("1", 1000) + ".5", strings.Repeat("1", 3000) + "e-2000",
	}
	for _, want := range numbers {
		d, _, ok := parseDecimal([]byte(want), nil)
		if !ok || d.exp > MaxNumberExponent || d.exp < -MaxNumberExponent || len(d.tail) > MaxNumberExponent {
			continue // refused in a pattern
		}
		for _, n := range numbers {
			got, _, _ := parseDecimal([]byte(n), nil)
			if a, b := plainCompare(json.Number(n), &d), got.compare(&d); a != b {
				t.Errorf("%.40s… and %.40s…: the reference says %d, the index %d", n, want, a, b)
			}
		}
	}
}
