package eventmatch

import (
	"errors"
	"fmt"
	"strings"
)

// A PatternError is one mistake in an event trigger: where it is, the value
// that is wrong, and what to write instead.
type PatternError struct {
	// Path locates the mistake in trigger_config, such as
	// "filters.ref[0].prefix" or "event_type[1]".
	Path string
	// Value is what stands there, as decoded.
	Value any
	// Problem says what is wrong with it; Remedy what to write instead.
	Problem, Remedy string
}

// Error reads "filters.ref[0].prefix: 5 is not a string; quote it: \"5\"".
func (e *PatternError) Error() string {
	s := e.Path + ": " + e.Problem
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// PatternErrors lists every mistake found in one trigger, in document order
// with sorted keys, at most [MaxErrors] of them. errors.As finds a
// *[PatternError] in it.
type PatternErrors []*PatternError

// Error joins the mistakes with line breaks.
func (es PatternErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As look at each mistake.
func (es PatternErrors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// ErrPayload is wrapped by every error about an event whose payload is not
// JSON; such an event is poison: trying again does not help.
var ErrPayload = errors.New("event payload is not valid JSON")

// A PayloadError says where a payload stops being JSON. It wraps [ErrPayload].
type PayloadError struct {
	// Offset is the byte, counted from 0, at which the payload went wrong.
	Offset int
	// Problem says what was expected there.
	Problem string
}

// Error reads "event payload is not valid JSON: offset 17: unterminated string".
func (e *PayloadError) Error() string {
	return fmt.Sprintf("%v: offset %d: %s", ErrPayload, e.Offset, e.Problem)
}

// Unwrap makes errors.Is(err, ErrPayload) true.
func (e *PayloadError) Unwrap() error { return ErrPayload }

// show prints a decoded value the way a user wrote it, shortened.
func show(v any) string {
	var s string
	switch v := v.(type) {
	case string:
		s = fmt.Sprintf("%q", v)
	case nil:
		s = "null"
	case []any:
		s = fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		keys := sortedKeys(v)
		if len(keys) > 4 {
			keys = append(keys[:4], "…")
		}
		s = "{" + strings.Join(keys, ", ") + "}"
	default:
		s = fmt.Sprint(v)
	}
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
