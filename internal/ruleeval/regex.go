package ruleeval

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// matchConstant is matches with a pattern that is written in the expression: compiled once.
func matchConstant(pattern string) (functions.FunctionOp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return func(args ...ref.Val) ref.Val {
		s, ok := args[0].(types.String)
		if !ok {
			return types.NewErr("no such overload: matches(%s)", typeNames(args))
		}
		return types.Bool(re.MatchString(string(s)))
	}, nil
}

// regexReplace is the library's function with a bound on what it may write.
func regexReplace(args ...ref.Val) ref.Val {
	var s [3]string
	limit := -1
	for i, a := range args {
		if str, ok := a.(types.String); ok && i < 3 {
			s[i] = string(str)
		} else if n, ok := a.(types.Int); ok && i == 3 {
			limit = int(n)
		} else {
			return types.NewErr("no such overload: regex.replace(%s)", typeNames(args))
		}
	}
	if limit == 0 {
		return types.String(s[0])
	}
	re, err := regexp.Compile(s[1])
	if err != nil {
		return types.NewErr("regex.replace: %v", err)
	}
	template, err := regexTemplate(s[2], re.NumSubexp())
	if err != nil {
		return types.NewErr("regex.replace: %v", err)
	}
	var out []byte
	last, done := 0, 0
	for _, m := range re.FindAllStringSubmatchIndex(s[0], limit) {
		out = append(out, s[0][last:m[0]]...)
		size := len(out)
		for _, part := range template {
			if part.group < 0 {
				size += len(part.text)
			} else {
				size += m[2*part.group+1] - m[2*part.group]
			}
		}
		if size > MaxStringBytes {
			return types.NewErr("regex.replace: the result is longer than %d bytes", MaxStringBytes)
		}
		for _, part := range template {
			if part.group < 0 {
				out = append(out, part.text...)
			} else if m[2*part.group] >= 0 {
				out = append(out, s[0][m[2*part.group]:m[2*part.group+1]]...)
			}
		}
		last = m[1]
		done++
	}
	return types.String(append(out, s[0][last:]...))
}

type regexPart struct {
	text  string
	group int // -1: text
}

// regexTemplate reads a replacement in which \0 … \9 are groups and \\ is a backslash.
func regexTemplate(s string, groups int) ([]regexPart, error) {
	var parts []regexPart
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			text.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i < len(s) && s[i] == '\\':
			text.WriteByte('\\')
		case i < len(s) && s[i] >= '0' && s[i] <= '9':
			g := int(s[i] - '0')
			if g > groups {
				return nil, fmt.Errorf("the replacement names group \\%d, the pattern has %d", g, groups)
			}
			parts = append(parts, regexPart{text: text.String(), group: -1}, regexPart{group: g})
			text.Reset()
		default:
			return nil, errors.New(`in the replacement, \ must be followed by a digit or by \`)
		}
	}
	return append(parts, regexPart{text: text.String(), group: -1}), nil
}
