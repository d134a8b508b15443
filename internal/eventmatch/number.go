package eventmatch

import (
	"math/bits"
	"strings"
)

// decimal is a JSON number by value: 1, 1.0 and 1e0 are the same decimal, and
// integers beyond 2^53 keep every digit. Its value is
//
//	sign × 0.d₁d₂d₃… × 10^exp
//
// with d₁ ≠ 0, the first 19 digits in lead (padded with zeros) and any further
// ones, without trailing zeros, in tail. Two decimals are equal exactly when
// their fields are.
type decimal struct {
	lead uint64 // 19 digits, so 10^18 ≤ lead < 10^19; 0 for zero
	tail []byte // digits after the 19th
	exp  int32  // saturates at ±maxExp
	sign int8   // -1, 0, 1
}

const (
	leadDigits = 19
	// maxExp is where exponents saturate. Numbers in patterns stay far below
	// (MaxNumberExponent), so a saturated payload number still compares right
	// with every one of them.
	maxExp = 1 << 30
)

// pow10 holds the powers of ten that fit a uint64.
var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// parseDecimal reads a JSON number. Digits beyond the 19th are appended to buf,
// which is returned grown; ok is false when text is not a JSON number.
func parseDecimal(text, buf []byte) (d decimal, _ []byte, ok bool) {
	i, neg := 0, false
	if i < len(text) && text[i] == '-' {
		neg = true
		i++
	}
	intStart := i
	for i < len(text) && text[i]-'0' <= 9 {
		i++
	}
	intEnd := i
	if intEnd == intStart || (text[intStart] == '0' && intEnd-intStart > 1) {
		return d, buf, false
	}
	fracStart, fracEnd := i, i
	if i < len(text) && text[i] == '.' {
		fracStart = i + 1
		for i++; i < len(text) && text[i]-'0' <= 9; i++ {
		}
		fracEnd = i
		if fracEnd == fracStart {
			return d, buf, false
		}
	}
	var exp int64
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		expNeg := false
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			expNeg = text[i] == '-'
			i++
		}
		expStart := i
		for ; i < len(text) && text[i]-'0' <= 9; i++ {
			if exp < 1<<40 {
				exp = exp*10 + int64(text[i]-'0')
			}
		}
		if i == expStart {
			return d, buf, false
		}
		if expNeg {
			exp = -exp
		}
	}
	if i != len(text) {
		return d, buf, false
	}

	// The common case: an integer of at most 19 digits, or one with a short
	// fraction, gathers its digits in one word.
	n, tailStart := 0, len(buf)
	point := int64(intEnd - intStart)
	leading := true
	for _, span := range [2][2]int{{intStart, intEnd}, {fracStart, fracEnd}} {
		for j := span[0]; j < span[1]; j++ {
			c := text[j]
			if leading {
				if c == '0' {
					point--
					continue
				}
				leading = false
			}
			if n < leadDigits {
				d.lead = d.lead*10 + uint64(c-'0')
			} else {
				buf = append(buf, c)
			}
			n++
		}
	}
	if n == 0 {
		return decimal{}, buf, true // 0, -0, 0.0, 0e9
	}
	if n < leadDigits {
		d.lead *= pow10[leadDigits-n]
	}
	end := len(buf)
	for end > tailStart && buf[end-1] == '0' {
		end--
	}
	buf = buf[:end]
	if end > tailStart {
		d.tail = buf[tailStart:end:end]
	}
	d.exp = int32(max(-maxExp, min(maxExp, point+exp)))
	d.sign = 1
	if neg {
		d.sign = -1
	}
	return d, buf, true
}

// compare returns -1, 0 or 1 as a is less than, equal to or greater than b.
func (a *decimal) compare(b *decimal) int {
	switch {
	case a.sign != b.sign:
		return cmp3(a.sign < b.sign)
	case a.sign == 0:
		return 0
	case a.exp != b.exp:
		return cmp3((a.exp < b.exp) == (a.sign > 0))
	case a.lead != b.lead:
		return cmp3((a.lead < b.lead) == (a.sign > 0))
	case len(a.tail) == 0 && len(b.tail) == 0:
		return 0
	}
	return strings.Compare(string(a.tail), string(b.tail)) * int(a.sign)
}

func cmp3(less bool) int {
	if less {
		return -1
	}
	return 1
}

// hash mixes a decimal's fields so that equal numbers hash equally.
func (a *decimal) hash() uint64 {
	h := mix(a.lead, uint64(uint32(a.exp))<<8|uint64(uint8(a.sign)))
	for _, c := range a.tail {
		h = mix(h, uint64(c))
	}
	return h
}

// mix folds two words into one, spreading every input bit over the result.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return hi ^ lo
}
