package eventmatch

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operators maps each operator to the parser of its operand, which reports its
// own mistakes.
var operators = map[string]func(p *parser, c *condition, at string, v any){
	"prefix":             (*parser).prefix,
	"suffix":             (*parser).suffix,
	"equals-ignore-case": (*parser).equalsIgnoreCase,
	"wildcard":           (*parser).wildcard,
	"anything-but":       (*parser).anythingBut,
	"numeric":            (*parser).numeric,
	"exists":             (*parser).exists,
	"cidr":               (*parser).cidr,
}

var operatorNames = []string{"anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"}

// alternative parses one thing a value may be: a scalar or an operator.
func (p *parser) alternative(c *condition, at string, v any) {
	doc, ok := v.(map[string]any)
	if !ok {
		if m, ok := p.scalar(at, v); ok {
			c.any = append(c.any, m)
		}
		return
	}
	if len(doc) != 1 {
		p.fail(at, v, fmt.Sprintf("has %d keys where one operator is expected", len(doc)), "an operator is an object with one key, such as {prefix: refs/heads/}")
		return
	}
	for name, operand := range doc {
		parse, known := operators[name]
		if !known {
			p.fail(at+"."+name, operand, fmt.Sprintf("%q is not an operator%s", name, didYouMean(name, operatorNames)),
				"the operators are "+strings.Join(operatorNames, ", "))
			return
		}
		parse(p, c, at+"."+name, operand)
	}
}

// scalar parses a value that is compared for equality.
func (p *parser) scalar(at string, v any) (matcher, bool) {
	switch v := v.(type) {
	case string:
		return matcher{op: opString, s: v}, p.goodString(at, v)
	case nil:
		return matcher{op: opNull}, true
	case bool:
		if v {
			return matcher{op: opTrue}, true
		}
		return matcher{op: opFalse}, true
	case time.Time:
		p.fail(at, v, "is a YAML timestamp, which JSON does not have", "quote it, so that it is compared as text")
		return matcher{}, false
	case []any:
		p.fail(at, v, "is a list inside a list", "list the wanted values in one list")
		return matcher{}, false
	}
	d, ok := p.number(at, v)
	return matcher{op: opNumber, more: &operand{number: d}}, ok
}

// number parses a Go or JSON number.
func (p *parser) number(at string, v any) (decimal, bool) {
	text, ok := numberText(v)
	if !ok {
		p.fail(at, v, fmt.Sprintf("%s (%T) is not a number, string, boolean or null", show(v), v), "write one of these, or an operator such as {prefix: …}")
		return decimal{}, false
	}
	d, _, ok := parseDecimal([]byte(text), nil)
	switch {
	case !ok:
		p.fail(at, v, text+" is not a finite JSON number", "write digits, such as 12 or 0.5")
	case d.exp > MaxNumberExponent || d.exp < -MaxNumberExponent || len(d.tail) > MaxNumberExponent:
		p.fail(at, v, fmt.Sprintf("%s has more than %d digits or a power of ten beyond ±%d", show(text), MaxNumberExponent, MaxNumberExponent), "use a smaller number")
		ok = false
	}
	return d, ok
}

func numberText(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return v.String(), true
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return fmt.Sprint(v), true // refused as not finite
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case float32:
		return numberText(float64(v))
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// text parses an operand that must be a string.
func (p *parser) text(at string, v any, example string) (string, bool) {
	s, ok := v.(string)
	if !ok {
		p.fail(at, v, show(v)+" is not a string", "write a string, such as "+example)
		return "", false
	}
	return s, p.goodString(at, s)
}

func (p *parser) prefix(c *condition, at string, v any) {
	p.affix(c, at, v, opPrefix, opPrefixFold, `"refs/heads/"`)
}

func (p *parser) suffix(c *condition, at string, v any) {
	p.affix(c, at, v, opSuffix, opSuffixFold, `".png"`)
}

// affix parses a prefix or suffix: a string, or {equals-ignore-case: string}.
func (p *parser) affix(c *condition, at string, v any, exact, fold op, example string) {
	if doc, ok := v.(map[string]any); ok {
		inner, ok := doc["equals-ignore-case"]
		if !ok || len(doc) != 1 {
			p.fail(at, v, show(v)+" is not a string or {equals-ignore-case: string}", "write a string, such as "+example)
			return
		}
		if s, ok := p.text(at+".equals-ignore-case", inner, example); ok {
			c.any = append(c.any, matcher{op: fold, s: foldString(s)})
		}
		return
	}
	if s, ok := p.text(at, v, example); ok {
		c.any = append(c.any, matcher{op: exact, s: s})
	}
}

func (p *parser) equalsIgnoreCase(c *condition, at string, v any) {
	if s, ok := p.text(at, v, `"alice"`); ok {
		c.any = append(c.any, matcher{op: opEqualFold, s: foldString(s)})
	}
}

func (p *parser) wildcard(c *condition, at string, v any) {
	if m, ok := p.wildcardMatcher(at, v); ok {
		c.any = append(c.any, m)
	}
}

func (p *parser) wildcardMatcher(at string, v any) (matcher, bool) {
	s, ok := p.text(at, v, `"*.png"`)
	if !ok {
		return matcher{}, false
	}
	var pieces []string
	var cur strings.Builder
	afterStar := false
	for i := 0; i < len(s); i++ {
		star := s[i] == '*'
		switch {
		case star && afterStar:
			p.fail(at, v, fmt.Sprintf("%q has two asterisks in a row", s), "one asterisk already stands for any text")
			return matcher{}, false
		case star:
			pieces = append(pieces, cur.String())
			cur.Reset()
		case s[i] == '\\' && (i+1 == len(s) || s[i+1] != '*' && s[i+1] != '\\'):
			p.fail(at, v, fmt.Sprintf("%q has a backslash before something else than * or \\", s), `write \* for an asterisk and \\ for a backslash`)
			return matcher{}, false
		case s[i] == '\\':
			i++
			fallthrough
		default:
			cur.WriteByte(s[i])
		}
		afterStar = star
	}
	if len(pieces) == 0 {
		return matcher{op: opString, s: cur.String()}, true
	}
	return matcher{op: opWildcard, more: &operand{pieces: append(pieces, cur.String())}}, true
}

// anythingBut parses a scalar, a list of scalars, or one of the string
// operators with a string or a list of them.
func (p *parser) anythingBut(c *condition, at string, v any) {
	var not []matcher
	doc, isDoc := v.(map[string]any)
	if !isDoc {
		list, isList := v.([]any)
		if !isList {
			list = []any{v}
		}
		if len(list) == 0 {
			p.fail(at, v, "is an empty list, which excludes nothing", "list the values to exclude, or write {exists: true}")
			return
		}
		for i, e := range list {
			here := at
			if isList {
				here = fmt.Sprintf("%s[%d]", at, i)
			}
			m, ok := p.scalar(here, e)
			if !ok {
				return
			}
			not = append(not, m)
		}
	} else if not = p.anythingButOperator(at, doc); len(not) == 0 {
		return
	}
	c.any = append(c.any, matcher{op: opAnythingBut, more: &operand{not: not}})
}

func (p *parser) anythingButOperator(at string, doc map[string]any) (not []matcher) {
	inside := []string{"prefix", "suffix", "equals-ignore-case", "wildcard"}
	if len(doc) != 1 {
		p.fail(at, doc, fmt.Sprintf("has %d keys where one operator is expected", len(doc)), "write one of "+strings.Join(inside, ", ")+", a value, or a list of values")
		return nil
	}
	name := sortedKeys(doc)[0]
	here := at + "." + name
	list, isList := doc[name].([]any)
	if !isList {
		list = []any{doc[name]}
	}
	if len(list) == 0 {
		p.fail(here, doc[name], "is an empty list, which excludes nothing", "list what to exclude")
		return nil
	}
	for i, e := range list {
		each := here
		if isList {
			each = fmt.Sprintf("%s[%d]", here, i)
		}
		var m matcher
		var s string
		var ok bool
		switch name {
		case "prefix", "suffix":
			m.op = opPrefix
			if name == "suffix" {
				m.op = opSuffix
			}
			s, ok = p.text(each, e, `"init"`)
			if m.s = s; ok && s == "" {
				p.fail(each, e, "is empty, and every string begins and ends with that", "name what to exclude")
				return nil
			}
		case "equals-ignore-case":
			s, ok = p.text(each, e, `"alice"`)
			m = matcher{op: opEqualFold, s: foldString(s)}
		case "wildcard":
			m, ok = p.wildcardMatcher(each, e)
		default:
			p.fail(here, e, fmt.Sprintf("%q cannot stand inside anything-but%s", name, didYouMean(name, inside)), "write one of "+strings.Join(inside, ", ")+", a value, or a list of values")
			return nil
		}
		if !ok {
			return nil
		}
		not = append(not, m)
	}
	return not
}

const numericExample = `such as [">", 0, "<=", 100] or ["=", 5]`

// numeric parses ["=", 5], one bound, or a lower and an upper bound.
func (p *parser) numeric(c *condition, at string, v any) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list)%2 != 0 || len(list) > 4 {
		p.fail(at, v, show(v)+" is not a list of one or two comparisons", "write comparison and number in turn, "+numericExample)
		return
	}
	var b bounds
	for i := 0; i < len(list); i += 2 {
		here := fmt.Sprintf("%s[%d]", at, i)
		sign, ok := list[i].(string)
		if !ok {
			p.fail(here, list[i], show(list[i])+" is not a comparison", "write comparison and number in turn, "+numericExample)
			return
		}
		if _, isNumber := numberText(list[i+1]); !isNumber {
			p.fail(fmt.Sprintf("%s[%d]", at, i+1), list[i+1], show(list[i+1])+" is not a number", "write it without quotes, "+numericExample)
			return
		}
		d, ok := p.number(fmt.Sprintf("%s[%d]", at, i+1), list[i+1])
		if !ok {
			return
		}
		isLow, isHigh := sign == ">" || sign == ">=" || sign == "=", sign == "<" || sign == "<=" || sign == "="
		switch {
		case sign == "!=" || sign == "<>":
			p.fail(here, sign, fmt.Sprintf("there is no comparison %q", sign), fmt.Sprintf("write [{anything-but: %v}]", list[i+1]))
			return
		case !isLow && !isHigh:
			p.fail(here, sign, fmt.Sprintf("there is no comparison %q", sign), `use one of "=", "<", "<=", ">", ">="`)
			return
		case isLow && b.low != nil || isHigh && b.high != nil:
			p.fail(here, sign, fmt.Sprintf("%q sets a bound a second time", sign), "write at most one lower and one upper bound, "+numericExample)
			return
		}
		if isLow {
			b.low, b.lowOpen = &d, sign == ">"
		}
		if isHigh {
			b.high, b.highOpen = &d, sign == "<"
		}
	}
	if b.low != nil && b.high != nil {
		if order := b.low.compare(b.high); order > 0 || order == 0 && (b.lowOpen || b.highOpen) {
			p.fail(at, v, "no number is within these bounds", "make the lower bound less than the upper one")
			return
		}
	}
	c.any = append(c.any, matcher{op: opNumeric, more: &operand{bounds: b}})
}

func (p *parser) exists(c *condition, at string, v any) {
	want, ok := v.(bool)
	switch {
	case !ok:
		p.fail(at, v, show(v)+" is not true or false", "write {exists: true} or {exists: false}")
	case want:
		c.any = append(c.any, matcher{op: opExists})
	default:
		c.absent = true
	}
}

func (p *parser) cidr(c *condition, at string, v any) {
	s, ok := p.text(at, v, `"10.0.0.0/8"`)
	if !ok {
		return
	}
	net, err := netip.ParsePrefix(s)
	if err != nil {
		remedy := `write an address and a number of bits, such as "10.0.0.0/8" or "2001:db8::/32"`
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			remedy = fmt.Sprintf(`for this one address write "%s/%d"`, a, a.BitLen())
		}
		p.fail(at, v, fmt.Sprintf("%q is not an address range", s), remedy)
		return
	}
	// ::ffff:10.0.0.0/104 is 10.0.0.0/8 written as IPv6; addresses are unmapped
	// in the same way before they are compared.
	if a := net.Addr(); a.Is4In6() && net.Bits() >= 96 {
		net = netip.PrefixFrom(a.Unmap(), net.Bits()-96)
	}
	c.any = append(c.any, matcher{op: opCIDR, more: &operand{net: net.Masked()}})
}
