package ruleeval

import (
	"fmt"
	"strings"
)

// piece is one part of a template's source: literal text, or the text of an expression.
type piece struct {
	text   string
	isExpr bool
	// at is the byte offset of the expression's first byte in the template.
	at int
}

// scanError is a fault of the template's own syntax.
type scanError struct {
	at  int
	msg string
}

func (e *scanError) Error() string { return fmt.Sprintf("at character %d: %s", e.at+1, e.msg) }

// scan splits a template. ${ begins an expression, the matching } ends it; a
// brace inside a CEL string, a quoted field name, a comment or a map does not
// count. $${ stands for ${ as text. A $ before anything else is text.
func scan(s string) ([]piece, error) {
	var pieces []piece
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			pieces = append(pieces, piece{text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			lit.WriteString("${")
			i += 3
		case strings.HasPrefix(s[i:], "${"):
			start := i + 2
			end, err := exprEnd(s, start)
			if err != nil {
				return nil, err
			}
			if strings.TrimSpace(s[start:end]) == "" {
				return nil, &scanError{i, "${} holds no expression; write $${ for the text ${"}
			}
			flush()
			pieces = append(pieces, piece{text: s[start:end], isExpr: true, at: start})
			i = end + 1
		default:
			j := strings.IndexByte(s[i+1:], '$')
			if j < 0 {
				j = len(s)
			} else {
				j += i + 1
			}
			lit.WriteString(s[i:j])
			i = j
		}
	}
	flush()
	return pieces, nil
}

// exprEnd returns the offset of the } that closes the expression beginning at start.
func exprEnd(s string, start int) (int, error) {
	depth := 0
	for i := start; i < len(s); {
		switch c := s[i]; c {
		case '{':
			depth++
			i++
		case '}':
			if depth == 0 {
				return i, nil
			}
			depth--
			i++
		case '"', '\'':
			end := stringEnd(s, i, isRaw(s, start, i))
			if end < 0 {
				return 0, &scanError{i, "a string inside ${…} is not closed"}
			}
			i = end
		case '`':
			end := strings.IndexByte(s[i+1:], '`')
			if end < 0 {
				return 0, &scanError{i, "a quoted field name inside ${…} is not closed"}
			}
			i += end + 2
		case '/':
			if i+1 < len(s) && s[i+1] == '/' {
				end := strings.IndexByte(s[i:], '\n')
				if end < 0 {
					return 0, &scanError{start - 2, "${ is not closed before the end of the text (a // comment runs to the end of the line)"}
				}
				i += end
				continue
			}
			i++
		default:
			i++
		}
	}
	return 0, &scanError{start - 2, "${ is not closed; write $${ for the text ${"}
}

// isRaw reports whether the quote at i has an r before it, as in r'\d', br” or rb”.
func isRaw(s string, start, i int) bool {
	word := i
	for word > start && word > i-3 && (s[word-1]|0x20 >= 'a' && s[word-1]|0x20 <= 'z' || s[word-1] == '_' || s[word-1] >= '0' && s[word-1] <= '9') {
		word--
	}
	switch strings.ToLower(s[word:i]) {
	case "r", "br", "rb":
		return true
	}
	return false
}

// stringEnd returns the offset after the string that begins with the quote at i, or -1.
func stringEnd(s string, i int, raw bool) int {
	quote := s[i : i+1]
	triple := strings.HasPrefix(s[i:], strings.Repeat(quote, 3))
	if triple {
		quote = strings.Repeat(quote, 3)
	}
	for j := i + len(quote); j < len(s); {
		switch {
		case s[j] == '\\' && !raw:
			j += 2
		case strings.HasPrefix(s[j:], quote):
			return j + len(quote)
		case !triple && (s[j] == '\n' || s[j] == '\r'):
			return -1
		default:
			j++
		}
	}
	return -1
}
