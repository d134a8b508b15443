package eventmatch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
)

// document is a decoded event.
type document struct {
	payload  any
	envelope [envelopeFields][]any
	// extensions are the event's, by name.
	extensions map[string]any
}

func decode(ev *Event) (*document, error) {
	doc := &document{}
	if len(bytes.TrimLeft(ev.Payload, " \t\r\n")) > 0 {
		dec := json.NewDecoder(bytes.NewReader(ev.Payload))
		dec.UseNumber()
		err := dec.Decode(&doc.payload)
		if err == nil {
			if _, err = dec.Token(); err == nil {
				err = errors.New("more than one JSON value")
			} else if errors.Is(err, io.EOF) {
				err = nil
			}
		}
		if err != nil {
			offset := int(dec.InputOffset())
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				offset = int(syntax.Offset)
			}
			return nil, &PayloadError{Offset: offset, Problem: strings.TrimPrefix(err.Error(), "json: ")}
		}
	} else {
		doc.payload = map[string]any{}
	}
	add := func(f envelopeField, s string) {
		if s != "" {
			doc.envelope[f] = append(doc.envelope[f], strings.ToValidUTF8(s, "\ufffd"))
		}
	}
	add(envelopeType, ev.Type)
	for _, t := range ev.Types {
		add(envelopeType, t)
	}
	add(envelopeSource, ev.Source)
	add(envelopeSubject, ev.Subject)
	if len(ev.Extensions) > 0 {
		dec := json.NewDecoder(bytes.NewReader(ev.Extensions))
		dec.UseNumber()
		if err := dec.Decode(&doc.extensions); err != nil {
			return nil, &PayloadError{Problem: "extensions: " + err.Error()}
		}
	}
	return doc, nil
}

// group tries every combination of $or branches.
func (d *document) group(g *group) bool {
	return d.choose(nil, []*group{g})
}

// choose gathers the conditions of the groups still to do, branching at each $or.
func (d *document) choose(conds []*condition, todo []*group) bool {
	if len(todo) == 0 {
		return d.all(conds)
	}
	g, rest := todo[0], todo[1:]
	conds = append(conds[:len(conds):len(conds)], g.conds...)
	return d.branch(conds, g.ors, rest)
}

func (d *document) branch(conds []*condition, ors [][]*group, rest []*group) bool {
	if len(ors) == 0 {
		return d.choose(conds, rest)
	}
	for _, b := range ors[0] {
		if d.branch(conds, ors[1:], append([]*group{b}, rest...)) {
			return true
		}
	}
	return false
}

// need is a condition with the keys still to follow.
type need struct {
	keys []string
	cond *condition
}

// all tells whether the conditions hold together: inside an array of objects,
// one and the same element must satisfy all conditions that reach into it.
func (d *document) all(conds []*condition) bool {
	var needs []need
	for _, c := range conds {
		found := d.leaves(c)
		switch {
		case c.absent && len(found) == 0:
		case c.field.envelope != inPayload, c.field.extension():
			if !anyLeaf(found, c) {
				return false
			}
		default:
			needs = append(needs, need{c.field.keys, c})
		}
	}
	return hold(d.payload, needs)
}

func hold(v any, needs []need) bool {
	var deeper []need
	for _, n := range needs {
		if len(n.keys) > 0 {
			deeper = append(deeper, n)
		} else if !anyLeaf(crush(nil, v), n.cond) {
			return false
		}
	}
	if len(deeper) == 0 {
		return true
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if hold(e, deeper) {
				return true
			}
		}
	case map[string]any:
		byKey := map[string][]need{}
		for _, n := range deeper {
			byKey[n.keys[0]] = append(byKey[n.keys[0]], need{n.keys[1:], n.cond})
		}
		for k, below := range byKey {
			sub, present := v[k]
			if !present || !hold(sub, below) {
				return false
			}
		}
		return true
	}
	return false
}

// leaves returns every value at the condition's path, wherever arrays lead.
func (d *document) leaves(c *condition) []any {
	if c.field.envelope != inPayload {
		return d.envelope[c.field.envelope]
	}
	if c.field.extension() {
		if v, ok := d.extensions[c.field.keys[2]]; ok {
			return []any{v}
		}
		return nil
	}
	at := []any{d.payload}
	for _, k := range c.field.keys {
		var next []any
		for _, v := range at {
			next = step(next, v, k)
		}
		at = next
	}
	var out []any
	for _, v := range at {
		out = crush(out, v)
	}
	return out
}

func step(out []any, v any, key string) []any {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = step(out, e, key)
		}
	case map[string]any:
		if sub, ok := v[key]; ok {
			out = append(out, sub)
		}
	}
	return out
}

// crush appends the scalars in v, looking through arrays but not objects.
func crush(out []any, v any) []any {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			out = crush(out, e)
		}
	case map[string]any:
	default:
		out = append(out, v)
	}
	return out
}

func anyLeaf(leaves []any, c *condition) bool {
	for _, v := range leaves {
		for i := range c.any {
			if plainly(&c.any[i], v) {
				return true
			}
		}
	}
	return false
}

// plainly is the meaning of each operator in the plainest terms at hand.
func plainly(m *matcher, v any) bool {
	s, isString := v.(string)
	n, isNumber := v.(json.Number)
	switch m.op {
	case opString:
		return isString && s == m.s
	case opNumber:
		return isNumber && plainCompare(n, &m.more.number) == 0
	case opTrue, opFalse:
		b, isBool := v.(bool)
		return isBool && b == (m.op == opTrue)
	case opNull:
		return v == nil
	case opPrefix:
		return isString && strings.HasPrefix(s, m.s)
	case opSuffix:
		return isString && strings.HasSuffix(s, m.s)
	case opEqualFold:
		return isString && strings.EqualFold(s, m.s)
	case opPrefixFold:
		return isString && plainFoldPrefix([]rune(s), []rune(m.s))
	case opSuffixFold:
		return isString && plainFoldSuffix([]rune(s), []rune(m.s))
	case opWildcard:
		var parts []string
		for _, piece := range m.more.pieces {
			parts = append(parts, regexp.QuoteMeta(piece))
		}
		return isString && regexp.MustCompile(`(?s)\A`+strings.Join(parts, ".*")+`\z`).MatchString(s)
	case opNumeric:
		b := m.more.bounds
		if !isNumber {
			return false
		}
		if b.low != nil {
			if c := plainCompare(n, b.low); c < 0 || c == 0 && b.lowOpen {
				return false
			}
		}
		if b.high != nil {
			if c := plainCompare(n, b.high); c > 0 || c == 0 && b.highOpen {
				return false
			}
		}
		return true
	case opExists:
		return true
	case opCIDR:
		a, err := netip.ParseAddr(s)
		return isString && err == nil && m.more.net.Contains(a.Unmap())
	case opAnythingBut:
		for i := range m.more.not {
			if plainly(&m.more.not[i], v) {
				return false
			}
		}
		return true
	}
	return false
}

// plainFoldPrefix tells whether s begins with the characters of prefix, each in
// any case. Case never changes the number of characters here: folding is
// Unicode's simple one, as in strings.EqualFold.
func plainFoldPrefix(s, prefix []rune) bool {
	return len(s) >= len(prefix) && strings.EqualFold(string(s[:len(prefix)]), string(prefix))
}

func plainFoldSuffix(s, suffix []rune) bool {
	return len(s) >= len(suffix) && strings.EqualFold(string(s[len(s)-len(suffix):]), string(suffix))
}

// plainCompare compares a payload number with a pattern number.
func plainCompare(n json.Number, want *decimal) int {
	const beyond = 2 * MaxNumberExponent // every pattern number has a smaller power of ten, and fewer digits
	sign, digits, power := plainNumber(string(n))
	switch {
	case sign == 0:
		return -int(want.sign)
	case power.Cmp(big.NewInt(beyond)) > 0:
		return sign
	case power.Cmp(big.NewInt(-beyond)) < 0: // nearer to zero than every pattern number but zero itself
		if want.sign == 0 {
			return sign
		}
		return -int(want.sign)
	case len(digits) > beyond: // what is cut off only says that the number is not quite what is left
		digits = digits[:beyond] + "1"
	}
	got, _ := new(big.Rat).SetString("0." + digits + "e" + power.String())
	if sign < 0 {
		got.Neg(got)
	}
	return got.Cmp(want.rat())
}

// plainNumber takes a JSON number apart: sign × 0.digits × 10^power, with digits
// that neither begin nor end with a zero. Zero has sign 0.
func plainNumber(n string) (sign int, digits string, power *big.Int) {
	digits, negative := strings.CutPrefix(n, "-")
	power = new(big.Int)
	if e := strings.IndexAny(digits, "eE"); e >= 0 {
		if exponent := strings.TrimLeft(digits[e+1:], "+-0"); len(exponent) > 20 { // as good as any longer one
			power.Exp(big.NewInt(10), big.NewInt(20), nil)
		} else {
			power.SetString("0"+exponent, 10)
		}
		if strings.HasPrefix(digits[e+1:], "-") {
			power.Neg(power)
		}
		digits = digits[:e]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, "", power
	}
	power.Add(power, big.NewInt(int64(len(digits)-len(fraction))))
	digits = strings.TrimRight(digits, "0")
	if negative {
		return -1, digits, power
	}
	return 1, digits, power
}

// rat returns the decimal's exact value.
func (a *decimal) rat() *big.Rat {
	digits := string(append(big.NewInt(0).SetUint64(a.lead).Append(nil, 10), a.tail...))
	mantissa, _ := new(big.Int).SetString(digits, 10)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(abs(int64(a.exp)-int64(len(digits)))), nil)
	r := new(big.Rat).SetInt(mantissa)
	if int64(a.exp) >= int64(len(digits)) {
		r.Mul(r, new(big.Rat).SetInt(power))
	} else {
		r.Quo(r, new(big.Rat).SetInt(power))
	}
	if a.sign < 0 {
		r.Neg(r)
	}
	return r
}

func abs(n int64) int64 { return max(n, -n) }
