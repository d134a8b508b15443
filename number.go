package activitycore

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// typedNumber is a number that is written as the program writes it: no zero at either end, no
// exponent, no sign but minus.
var typedNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`)

// NumberAsTyped refuses a number that a person typed and that would not be shown as it was
// typed: 0755, 1.10, 1234e56, 1_000 and 0x1F are more often names, versions and hashes than
// numbers, and readers of YAML disagree about some. What programs write for a float64 (1e-07,
// 1e+21) is accepted.
func NumberAsTyped(s string) error {
	if typedNumber.MatchString(s) && s != "-0" || encodedFloat(s) {
		return nil
	}
	digits := strings.TrimLeft(s, "+-")
	text := fmt.Sprintf("quote it: %q", s)
	switch {
	case strings.Contains(s, "_"):
		plain := strings.ReplaceAll(s, "_", "")
		if NumberAsTyped(plain) != nil {
			return fmt.Errorf("readers of YAML disagree about _ in numbers; %s", text)
		}
		return fmt.Errorf("readers of YAML disagree about _ in numbers; %s, or write %s for the number", text, plain)
	case len(digits) > 1 && digits[0] == '0' && strings.ContainsAny(digits[1:2], "xXoObB"):
		return fmt.Errorf("a number in another base would be shown in decimal; %s, or write it in decimal", text)
	case len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9':
		return fmt.Errorf("a number with a leading zero is octal in some YAMLs and decimal in others; %s", text)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return errors.New("the number is beyond what can be kept; write it as text, in quotes: " + strconv.Quote(s))
	}
	if len(s) > 17 || f == 0 && strings.ContainsAny(s, "123456789") { // not even the number would be kept
		return fmt.Errorf("as a number it would become %s; %s", plainFloat(f), text)
	}
	return fmt.Errorf("as a number it would become %s; %s, or write %[1]s for the number", plainFloat(f), text)
}

// plainFloat is a float64 in a form that NumberAsTyped accepts.
func plainFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f+0, 'f', -1, 64)
}

// encodedFloat reports whether s is how encoders of JSON write a float64 that they give an
// exponent.
func encodedFloat(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	if a := math.Abs(f); err != nil || a == 0 || a >= 1e-6 && a < 1e21 {
		return false
	}
	long := strconv.FormatFloat(f, 'e', -1, 64)
	return s == long || s == strings.Replace(long, "e-0", "e-", 1)
}

// ParseTyped reads a number that a person typed: as [ParseNumber] does, and only if that is the
// number that stands there.
func ParseTyped(s string) (any, error) {
	if err := NumberAsTyped(s); err != nil {
		return nil, err
	}
	v, err := ParseNumber(s)
	if err != nil {
		return nil, err
	}
	if f, ok := v.(float64); ok && !encodedFloat(s) && strconv.FormatFloat(f, 'f', -1, 64) != s {
		return nil, fmt.Errorf("the number has more digits than a 64-bit floating point keeps; quote it: %q", s)
	}
	return v, nil
}

// DecodeTyped is [DecodeJSON] for what a person typed: numbers are read by [ParseTyped].
func DecodeTyped(data []byte) (any, error) { return decodeJSON(data, ParseTyped) }
