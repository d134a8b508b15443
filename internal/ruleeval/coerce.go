package ruleeval

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// coerce gives a resolved value the form its parameter has and checks it:
// numbers in text become text, a double with an integral value becomes an
// integer where one is needed. skip names paths that are still templates. It is idempotent.
func coerce(p *Param, v any, at path, skip map[string]bool) (any, error) {
	if len(skip) > 0 && skip[at.String()] {
		return v, nil
	}
	bad := func() error {
		return p.fault(at, v, fmt.Errorf("must be %s, is %s", p.what(), describeNative(v)))
	}
	switch p.Kind {
	case KindCEL:
		switch v := v.(type) {
		case bool:
			return strconv.FormatBool(v), nil
		case string:
			if err := checkText(p, v); err != nil {
				return nil, p.fault(at, v, err)
			}
			return v, nil
		}
		return nil, bad()
	case KindString:
		switch v.(type) {
		case nil, []any, map[string]any:
			if v == nil {
				return nil, p.fault(at, v, errors.New("is null; leave it out or give a text"))
			}
			if p.Position != PositionText {
				return nil, bad()
			}
		}
		text, err := nativeText(v)
		if err == nil {
			err = checkText(p, text)
		}
		if err != nil {
			return nil, p.fault(at, v, err)
		}
		return text, nil
	case KindInt:
		n, ok := wholeNumber(v)
		if !ok || n < p.Min || n > p.Max {
			return nil, bad()
		}
		return n, nil
	case KindNumber:
		var f float64
		switch v := v.(type) {
		case int64:
			f = float64(v)
		case uint64:
			f = float64(v)
		case float64:
			f = v
		default:
			return nil, bad()
		}
		if f < float64(p.Min) || f > float64(p.Max) {
			return nil, bad()
		}
		return v, nil
	case KindBool:
		if _, ok := v.(bool); !ok {
			return nil, bad()
		}
	case KindDuration:
		s, ok := v.(string)
		if !ok {
			return nil, bad()
		}
		d, err := core.ParseDuration(s)
		if err == nil && d <= 0 {
			err = fmt.Errorf("%s is not above zero", s)
		}
		if err != nil {
			return nil, p.fault(at, v, err)
		}
		return d.String(), nil
	case KindStatus:
		if _, err := parseStatus(v); err != nil {
			return nil, p.fault(at, v, err)
		}
		return v, nil
	case KindList:
		list, ok := v.([]any)
		if !ok {
			return nil, bad()
		}
		if p.Max > 0 && int64(len(list)) > p.Max {
			return nil, p.fault(at, nil, fmt.Errorf("has %d elements, at most %d are allowed", len(list), p.Max))
		}
		out := make([]any, len(list))
		for i, e := range list {
			c, err := coerce(p.Elem, e, append(at, i), skip)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case KindMap, KindObject:
		return coerceMap(p, v, at, skip, bad)
	case KindAny:
	}
	return v, nil
}

// fault is what is wrong with a value. It keeps the value, unless that is a header's or in the
// place of a secret's name, where somebody may have written the secret itself.
func (p *Param) fault(at path, v any, err error) *fieldFault {
	if p.Position == PositionSecret || p.Position == PositionHeader {
		v = nil
	}
	return &fieldFault{at.String(), err, v}
}

func coerceMap(p *Param, v any, at path, skip map[string]bool, bad func() error) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, bad()
	}
	out := make(map[string]any, len(m))
	for _, k := range sortedKeys(m) {
		elem := p.Elem
		if p.Kind == KindObject {
			if elem = p.field(k); elem == nil {
				return nil, &fieldFault{at: append(at, k).String(), err: fmt.Errorf("is not a parameter here%s; known: %s", didYouMean(k, p.fieldNames()), strings.Join(p.fieldNames(), ", "))}
			}
		} else if elem.Position == PositionHeader || elem.Position == PositionSecret {
			if err := checkHeaderName(k); err != nil {
				return nil, &fieldFault{at: append(at, k).String(), err: err}
			}
		}
		c, err := coerce(elem, m[k], append(at, k), skip)
		if err != nil {
			return nil, err
		}
		out[k] = c
	}
	for i := range p.Fields {
		f := &p.Fields[i]
		_, given := m[f.Name]
		if f.Required && !given {
			return nil, &fieldFault{at: append(at, f.Name).String(), err: fmt.Errorf("is required: %s", f.Doc)}
		}
		for _, other := range f.Excludes {
			if _, both := m[other]; given && both {
				return nil, &fieldFault{at: append(at, f.Name).String(), err: fmt.Errorf("cannot be given together with %s", other)}
			}
		}
	}
	return out, nil
}

// wholeNumber reads an integer, also one that went through a decoder that makes everything float64.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case uint64:
		return int64(v), v <= math.MaxInt64
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	}
	return 0, false
}

// checkText applies enum, length and position to a text.
func checkText(p *Param, s string) error {
	if p.Enum != nil {
		for _, e := range p.Enum {
			if s == e {
				return nil
			}
		}
		return &textError{fmt.Errorf("%s is not one of %s%s", quoteShort(s), strings.Join(p.Enum, ", "), didYouMean(s, p.Enum)), p, faultEnum}
	}
	if limit := p.maxLen(); len(s) > limit {
		return &textError{&limitError{fmt.Sprintf("has %d bytes, at most %d are allowed", len(s), limit)}, p, faultLength}
	}
	if p.Required && strings.TrimSpace(s) == "" {
		return errors.New("is empty")
	}
	switch p.Position {
	case PositionURL:
		return checkURL(s)
	case PositionType:
		return core.ValidateEventType(s)
	case PositionEventID:
		if s != "" { // as if it were absent
			return envelope.CheckID(s)
		}
	case PositionEventText:
		return envelope.CheckText(s)
	case PositionToken:
		return checkToken(s)
	case PositionWorkflowID:
		return cmp.Or(checkToken(s), core.CheckWorkflowID(s))
	case PositionNamespace:
		return cmp.Or(checkToken(s), core.CheckWorkflowNamespace(s))
	case PositionQueue:
		return cmp.Or(checkLine(p, s), core.CheckWorkflowTaskQueue(s))
	case PositionWorkflow:
		return cmp.Or(checkLine(p, s), core.CheckWorkflowType(s))
	case PositionSecret:
		if s == "" || strings.Contains(s, "${") {
			return fmt.Errorf("%s is not the name of a secret", quoteShort(s))
		}
		fallthrough
	case PositionLine:
		return checkLine(p, s)
	case PositionHeader:
		for i := 0; i < len(s); i++ {
			if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
				return fmt.Errorf("%s holds a line break or control character, which an HTTP header may not", quoteShort(s))
			}
		}
	case PositionText:
	}
	return nil
}

func checkToken(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return fmt.Errorf("%s may hold ASCII letters, digits and signs, no blanks and no control characters", quoteShort(s))
		}
	}
	return nil
}

func checkLine(p *Param, s string) error {
	for _, r := range s {
		if breaksLine(r) {
			return &textError{fmt.Errorf("%s holds a line break or control character (%U), which cannot stand here", quoteShort(s), r), p, faultLine}
		}
	}
	return nil
}

// checkHeaderName accepts the tokens of RFC 9110, section 5.1, except the headers
// that the client or activity-core sets.
func checkHeaderName(name string) error {
	if name == "" {
		return errors.New("a header's name is missing")
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return fmt.Errorf("%s is not a header's name", quoteShort(name))
		}
	}
	switch strings.ToLower(name) {
	case "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive", "proxy-connection",
		"idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature":
		return fmt.Errorf("%s is set by activity-core itself", name)
	}
	return nil
}
