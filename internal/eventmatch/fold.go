package eventmatch

import (
	"unicode"
	"unicode/utf8"
)

// appendFolded appends s with every character replaced by one representative of
// the characters that differ from it only in case, so that two strings are equal
// under strings.EqualFold exactly when their folded forms are equal, and a
// prefix or suffix ignoring case is a prefix or suffix of the folded form.
func appendFolded(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			// K and S share their fold with the Kelvin sign and the long s;
			// the plain lower-case letter stands for all of them.
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		i += n
		dst = utf8.AppendRune(dst, foldRune(r))
	}
	return dst
}

// foldRune returns the smallest member of r's case orbit, lower-cased when that
// member is an ASCII letter.
func foldRune(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

func foldString(s string) string { return string(appendFolded(nil, []byte(s))) }
