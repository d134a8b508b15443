package document

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

var (
	// flowTemplate is a text inside { } or [ ] that begins with ${ and has no quotes; the first
	// group is the key before it.
	flowTemplate = regexp.MustCompile(`[{\[,]\s*([^"'{}\[\],:#]+:\s+)?(\$\{[^}]*\})`)
	// badStart is a value that begins with a character that no plain text may begin with.
	badStart = regexp.MustCompile("(?:^\\s*(?:- +)?|: +|[{\\[,] *)([@%`\t][^,}\\]]*)")
	// plainColon is a key, and a text without quotes in which another colon and blank stand.
	plainColon = regexp.MustCompile(`^\s*(?:- +)*[^"'\s:#][^:#]*: +([^"'\[{|>&*!%@#\s].*?:(?: .*)?)$`)
	// quotedValue is a value in a line of its own that begins with a quote.
	quotedValue = regexp.MustCompile(`^\s*(?:- +)*(?:[^"'\s:#][^:#]*: +)?(["'].*)$`)
	escapedSign = regexp.MustCompile(`\\.`)
	// unknownAnchor is what the reader says of a text that begins with *.
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	saysLine      = regexp.MustCompile(`^line \d+: `)
)

// yamlFault is what the YAML reader says, at its right line, with a remedy where the cause is a
// usual one.
func yamlFault(data []byte, err error) core.FieldError {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	f := core.FieldError{Message: saysLine.ReplaceAllString(text, "")}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Column = 1
	}
	if strings.HasPrefix(f.Message, "did not find expected") && f.Line > 0 {
		f.Line++ // the reader's parser counts lines from 0, its scanner from 1
	}
	if !utf8.Valid(data) {
		at := 0
		for at < len(data) {
			r, n := utf8.DecodeRune(data[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		before := data[:at]
		f.Line, f.Column = bytes.Count(before, []byte("\n"))+1, at-bytes.LastIndexByte(before, '\n')
		f.Message = fmt.Sprintf("the byte 0x%02X is not UTF-8; save the file as UTF-8", data[at])
		return f
	}
	if strings.HasPrefix(f.Message, "control characters are not allowed") {
		return controlFault(f, data)
	}
	lines := strings.Split(string(data), "\n")
	if m := unknownAnchor.FindStringSubmatch(f.Message); m != nil {
		return aliasFault(f, lines, m[1])
	}
	for i := max(f.Line-2, 0); i < min(f.Line+1, len(lines)); i++ { // the reader may notice a line later
		if m := flowTemplate.FindStringSubmatchIndex(lines[i]); m != nil {
			key := ""
			if m[2] >= 0 {
				key = strings.TrimSpace(lines[i][m[2]:m[3]]) + " "
			}
			f.Line, f.Column = i+1, m[4]+1
			f.Message = fmt.Sprintf("quote it: {%s%s}", key, quoted(lines[i][m[4]:m[5]]))
			if key == "" {
				f.Message = "quote it: " + quoted(lines[i][m[4]:m[5]])
			}
			return f
		}
	}
	if f.Line < 1 || f.Line > len(lines) {
		return f
	}
	if strings.HasPrefix(f.Message, "mapping values are not allowed") {
		return colonFault(f, lines[f.Line-1])
	}
	if strings.HasPrefix(f.Message, "found a tab character") {
		return tabFault(f, lines)
	}
	if strings.HasPrefix(f.Message, "did not find expected key") || strings.HasPrefix(f.Message, "found unexpected end of stream") {
		return quoteFault(f, lines)
	}
	if !strings.Contains(f.Message, "cannot start any token") {
		return f
	}
	if m := badStart.FindStringSubmatchIndex(lines[f.Line-1]); m != nil {
		value := strings.TrimRight(lines[f.Line-1][m[2]:m[3]], " \r")
		f.Column = m[2] + 1
		if strings.HasPrefix(value, "\t") {
			f.Message = "a tab cannot indent YAML; write blanks"
		} else {
			f.Message = fmt.Sprintf("a text cannot begin with %s without quotes; quote it: %s", value[:1], quoted(value))
		}
	}
	return f
}

// colonFault is about a colon in a text without quotes, as in title: ${a ? 'x' : 'y'}.
func colonFault(f core.FieldError, line string) core.FieldError {
	m := plainColon.FindStringSubmatchIndex(strings.TrimRight(line, " \r"))
	if m == nil {
		return f
	}
	f.Column = m[2] + 1
	f.Message = "a text without quotes cannot hold a colon and a blank; quote it: " + quoted(strings.TrimRight(line, " \r")[m[2]:m[3]])
	return f
}

// controlFault is about a character that YAML takes in no place. The reader does not say where it
// stands.
func controlFault(f core.FieldError, data []byte) core.FieldError {
	text := string(data)
	at := strings.IndexFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || 0x7f <= r && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff
	})
	if at < 0 {
		return f
	}
	r, _ := utf8.DecodeRuneInString(text[at:])
	f.Line, f.Column = strings.Count(text[:at], "\n")+1, at-strings.LastIndexByte(text[:at], '\n')
	f.Message = fmt.Sprintf("the control character %U cannot stand in YAML; write \"\\u%04x\" in a text with quotes, or remove it", r, r)
	return f
}

// tabFault is about a tab before a line's text. The reader names the line before it, or its own.
func tabFault(f core.FieldError, lines []string) core.FieldError {
	for i := f.Line - 1; i < min(f.Line+1, len(lines)); i++ {
		indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " \t"))]
		if at := strings.IndexByte(indent, '\t'); at >= 0 {
			f.Line, f.Column, f.Message = i+1, at+1, "a tab cannot indent YAML; write blanks"
			return f
		}
	}
	return f
}

// quoteFault is about a text whose quotes end too early, as in 'it's', or never. The reader names
// the line after it, or the last one.
func quoteFault(f core.FieldError, lines []string) core.FieldError {
	for i := max(f.Line-3, 0); i < min(f.Line+1, len(lines)); i++ {
		m := quotedValue.FindStringSubmatchIndex(strings.TrimRight(lines[i], " \r"))
		if m == nil {
			continue
		}
		value := strings.TrimRight(lines[i], " \r")[m[2]:m[3]]
		quote, inner := value[:1], value[1:]
		doubled := `write \" for each " in it`
		if quote == "'" {
			doubled = "write '' for each ' in it"
			inner = strings.ReplaceAll(inner, "''", "")
		} else {
			inner = escapedSign.ReplaceAllString(inner, "")
		}
		_, after, closed := strings.Cut(inner, quote)
		after = strings.TrimLeft(after, " \t")
		switch {
		case !closed:
			f.Line, f.Column, f.Message = i+1, m[2]+1, "the quote "+quote+" is not closed; close it at the end of the text"
			return f
		case after != "" && !strings.HasPrefix(after, "#"):
			f.Line, f.Column = i+1, m[2]+1
			f.Message = fmt.Sprintf("the text ends at its second %s, before %s; %s", quote, after, doubled)
			return f
		}
	}
	return f
}

// aliasFault is about a text that begins with *, which YAML takes for an alias. The reader does not
// say where it stands.
func aliasFault(f core.FieldError, lines []string, name string) core.FieldError {
	f.Message = fmt.Sprintf("a text cannot begin with * without quotes; quote it: %s (aliases are not supported)", quoted("*"+name))
	alias := regexp.MustCompile(`(?:^\s*(?:- +)*|: +|[{\[,] *)(\*` + regexp.QuoteMeta(name) + `)(?:[\s,}\]]|$)`)
	for i, line := range lines {
		if m := alias.FindStringSubmatchIndex(line); m != nil {
			f.Line, f.Column = i+1, m[2]+1
			break
		}
	}
	return f
}
