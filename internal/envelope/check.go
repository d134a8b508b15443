package envelope

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// What is wrong with bytes that are not JSON.
var (
	errDepth    = errors.New("nested too deeply")
	errEnd      = errors.New("it ends too early")
	errTrailing = errors.New("something follows the value")
	errValue    = errors.New("a value is expected")
	errName     = errors.New("a member's name in quotes is expected")
	errColon    = errors.New("a colon is expected")
	errComma    = errors.New("a comma or the closing bracket is expected")
	errControl  = errors.New("a control character stands in a string; escape it")
	errEscape   = errors.New("an unknown escape stands in a string")
	errNumber   = errors.New("a number is malformed")
)

// checkJSON tells whether data is one JSON value (RFC 8259) nested at most most levels deep,
// and if not, what is wrong where. It is encoding/json's Valid with a position and a limit, at
// a third of the cost: the router does this for every event.
func checkJSON(data []byte, most int) (at int, problem error) {
	i := skipSpace(data, 0)
	i, problem = checkValue(data, i, most)
	if problem != nil {
		return i, problem
	}
	if i = skipSpace(data, i); i < len(data) {
		return i, errTrailing
	}
	return 0, nil
}

// checkValue returns the index behind the value at i, or that of the mistake. Left is how many
// levels it may have.
func checkValue(data []byte, i, left int) (int, error) {
	if i >= len(data) {
		return i, errEnd
	}
	switch c := data[i]; {
	case c == '"':
		return checkString(data, i)
	case c == '{' || c == '[':
		if left <= 0 {
			return i, errDepth
		}
		if c == '{' {
			return checkObject(data, i, left-1)
		}
		return checkArray(data, i, left-1)
	case c == '-' || c >= '0' && c <= '9':
		return checkNumber(data, i)
	case c == 't':
		return checkWord(data, i, "true")
	case c == 'f':
		return checkWord(data, i, "false")
	case c == 'n':
		return checkWord(data, i, "null")
	}
	return i, errValue
}

func checkObject(data []byte, i, left int) (int, error) {
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(data) {
			return i, errEnd
		}
		if data[i] != '"' {
			return i, errName
		}
		var err error
		if i, err = checkString(data, i); err != nil {
			return i, err
		}
		if i = skipSpace(data, i); i >= len(data) {
			return i, errEnd
		}
		if data[i] != ':' {
			return i, errColon
		}
		if i, err = checkValue(data, skipSpace(data, i+1), left); err != nil {
			return i, err
		}
		if i = skipSpace(data, i); i >= len(data) {
			return i, errEnd
		}
		switch data[i] {
		case '}':
			return i + 1, nil
		case ',':
			i = skipSpace(data, i+1)
		default:
			return i, errComma
		}
	}
}

func checkArray(data []byte, i, left int) (int, error) {
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = checkValue(data, i, left); err != nil {
			return i, err
		}
		if i = skipSpace(data, i); i >= len(data) {
			return i, errEnd
		}
		switch data[i] {
		case ']':
			return i + 1, nil
		case ',':
			i = skipSpace(data, i+1)
		default:
			return i, errComma
		}
	}
}

func checkString(data []byte, i int) (int, error) {
	for i++; i < len(data); i++ {
		i = skipPlain(data, i)
		if i >= len(data) {
			break
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return i, errControl
		case c == '\\':
			i++
			if i >= len(data) {
				return i, errEnd
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if i++; i >= len(data) {
						return i, errEnd
					}
					if !isHex(data[i]) {
						return i, errEscape
					}
				}
			default:
				return i, errEscape
			}
		}
	}
	return i, errEnd
}

// skipPlain skips bytes that mean nothing in a string, eight at a time. Near the end of data it
// may stop before one that does.
func skipPlain(data []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(data); i += 8 {
		w := binary.LittleEndian.Uint64(data[i:])
		control := (w - ones*' ') & ^w
		quote := w ^ ones*'"'
		slash := w ^ ones*'\\'
		// A byte's high bit is set where the byte is below ' ', or zero after the exclusive or
		// ("Bit Twiddling Hacks", determine if a word has a byte less than n). A false alarm comes
		// only above a true one, so the lowest is true.
		if found := (control | (quote-ones) & ^quote | (slash-ones) & ^slash) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return i
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func checkNumber(data []byte, i int) (int, error) {
	if data[i] == '-' {
		i++
	}
	switch {
	case i < len(data) && data[i] == '0':
		i++
	case i < len(data) && data[i] >= '1' && data[i] <= '9':
		i = skipDigits(data, i)
	default:
		return i, errNumber
	}
	if i < len(data) && data[i] == '.' {
		begin := i + 1
		if i = skipDigits(data, begin); i == begin {
			return i, errNumber
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		begin := i
		if i = skipDigits(data, begin); i == begin {
			return i, errNumber
		}
	}
	return i, nil
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}

func checkWord(data []byte, i int, word string) (int, error) {
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return i, errValue
	}
	return i + len(word), nil
}
