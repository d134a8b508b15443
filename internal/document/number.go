package document

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

// plainNumber is what YAML takes for a decimal number. The YAML reader makes text of one beyond
// a float64, such as 1e400; here it stays a number.
var plainNumber = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// isNumber tells whether a scalar is written as a number.
func isNumber(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!int", "!!float":
		return true
	case "!!str":
		return n.Style == 0 && plainNumber.MatchString(strings.ReplaceAll(n.Value, "_", ""))
	}
	return false
}

// number reads a number of a free-form value: in a filter as it is written, since it is
// compared with what an event says digit by digit; elsewhere as the program counts, int64,
// uint64 or float64, and then only if that is the number that stands there.
func (d *decoder) number(n *yaml.Node, loc string) any {
	if err := core.NumberAsTyped(n.Value); err != nil && ambiguous(n.Value) {
		d.fault(n, loc, n.Value, "%s", err)
		return nil
	}
	literal, ok := jsonNumber(n)
	if !ok {
		d.fault(n, loc, n.Value, "the number has no JSON form; write digits, or text in quotes")
		return nil
	}
	if d.filters {
		return json.Number(literal)
	}
	v, err := core.ParseNumber(literal)
	f, isFloat := v.(float64)
	switch {
	case err != nil && !strings.ContainsAny(literal, ".eE"):
		d.fault(n, loc, n.Value, "the integer is beyond 64 bits; write it as text, in quotes")
		return nil
	case err != nil:
		d.fault(n, loc, n.Value, "the number is beyond a 64-bit floating point; write it as text, in quotes")
		return nil
	case isFloat && !sameNumber(literal, strconv.FormatFloat(f, 'e', -1, 64)):
		d.fault(n, loc, n.Value, "the number has more digits than a 64-bit floating point keeps; write %s, or all of it as text, in quotes", strconv.FormatFloat(f, 'g', -1, 64))
		return nil
	}
	if err := core.NumberAsTyped(n.Value); err != nil {
		d.fault(n, loc, n.Value, "%s", err)
		return nil
	}
	return v
}

// ambiguous tells of a number that readers of YAML read differently. A filter, which compares
// by value and keeps every digit, takes others.
func ambiguous(s string) bool {
	plus := strings.HasPrefix(s, "+") // a telephone number
	s = strings.TrimLeft(s, "+-")
	return plus || strings.Contains(s, "_") || len(s) > 1 && s[0] == '0' && strings.ContainsAny(s[1:2], "0123456789xXoObB")
}

// jsonNumber writes a YAML or JSON number as JSON does: 0x1F is 31, 1_000 is 1000, .5 is 0.5
// and +1. is 1.
func jsonNumber(n *yaml.Node) (string, bool) {
	text := strings.ReplaceAll(n.Value, "_", "")
	if n.ShortTag() == "!!int" { // also in hexadecimal, octal, binary
		if i, err := strconv.ParseInt(text, 0, 64); err == nil {
			return strconv.FormatInt(i, 10), true
		}
		if u, err := strconv.ParseUint(text, 0, 64); err == nil {
			return strconv.FormatUint(u, 10), true
		}
	}
	if !plainNumber.MatchString(text) {
		return "", false // .inf, .nan
	}
	sign := ""
	switch text[0] {
	case '-':
		sign, text = "-", text[1:]
	case '+':
		text = text[1:]
	}
	mantissa, exponent := text, ""
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		mantissa, exponent = text[:at], text[at:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction + exponent, true
}

// sameNumber compares two finite decimal numbers by value.
func sameNumber(a, b string) bool {
	da, ea := digits(a)
	db, eb := digits(b)
	return da == db && ea == eb
}

// digits splits a number into its sign and digits, without zeros at either end, and the power
// of ten of the last digit. Exponents saturate.
func digits(s string) (string, int) {
	mantissa, exponent := s, 0
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		mantissa = s[:at]
		var err error
		if exponent, err = strconv.Atoi(s[at+1:]); err != nil || exponent > math.MaxInt32 || exponent < math.MinInt32 {
			exponent = math.MaxInt32
			if s[at+1] == '-' {
				exponent = math.MinInt32
			}
		}
	}
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	short := strings.TrimRight(all, "0")
	if short == "" {
		return "", 0
	}
	return sign + short, exponent + len(all) - len(short)
}
