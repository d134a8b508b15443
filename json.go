package activitycore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// WithoutBOM returns what follows the byte order mark (U+FEFF) that some programs write before
// UTF-8 text. RFC 8259 lets a reader ignore it, and every reader here does: data without one is
// returned as it is.
func WithoutBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }

// MarshalPlain is the JSON of v with <, > and & as they are: people read it, and it is never
// part of a page. Objects' keys are sorted.
func MarshalPlain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return PlainJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// PlainJSON writes <, > and & in place of the escapes that encoding/json makes of them. The
// JSON means the same.
func PlainJSON(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u00`)) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		if i+6 <= len(text) {
			if sign := htmlSigns[strings.ToLower(string(text[i:i+6]))]; sign != 0 {
				out = append(out, sign)
				i += 5
				continue
			}
		}
		out = append(out, text[i], text[i+1]) // another escape, also that of a backslash
		i++
	}
	return out
}

// htmlSigns are the signs that encoding/json escapes for the sake of HTML.
var htmlSigns = map[string]byte{`\u003c`: '<', `\u003e`: '>', `\u0026`: '&'}

// DecodeJSON decodes one JSON value as the whole program sees JSON: objects as
// map[string]any, arrays as []any, integers as int64 (uint64 above its range),
// other numbers as float64. Integers are never turned into floating point, so
// 12000000 is not printed as 1.2e+07. An integer beyond uint64 is an error
// (see [ParseNumber] for the exception, and [DecodeData]), and so is trailing data.
func DecodeJSON(data []byte) (any, error) { return decodeJSON(data, ParseNumber) }

// DecodeData is [DecodeJSON] for data that was accepted as it is: an event's payload, fetched
// context, an answer over HTTP. There a number that DecodeJSON refuses must not make all the
// rest unusable: an integer beyond 64 bits is the nearest float64, as in most other JSON
// readers, and a number beyond that as well is the text that it is written as.
func DecodeData(data []byte) (any, error) { return decodeJSON(data, DataNumber) }

// DataNumber reads a JSON number as [DecodeData] does.
func DataNumber(s string) (any, error) {
	if v, err := ParseNumber(s); err == nil {
		return v, nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, nil
	}
	return s, nil
}

func decodeJSON(data []byte, number func(string) (any, error)) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(WithoutBOM(data)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("data after the JSON value at byte %d", dec.InputOffset())
	}
	return replaceNumbers(v, number)
}

// normalizeNumbers replaces json.Number in v as [DecodeJSON] does, in place where it can.
func normalizeNumbers(v any) (any, error) { return replaceNumbers(v, ParseNumber) }

func replaceNumbers(v any, number func(string) (any, error)) (any, error) {
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		for k, e := range v {
			n, err := replaceNumbers(e, number)
			if err != nil {
				return nil, err
			}
			v[k] = n
		}
		return v, nil
	case []any:
		for i, e := range v {
			n, err := replaceNumbers(e, number)
			if err != nil {
				return nil, err
			}
			v[i] = n
		}
		return v, nil
	}
	return v, nil
}

// ParseNumber reads a JSON number: int64 where it is written as an integer and
// fits, then uint64, float64 where it has a fraction or exponent. Encoders
// write large floating point numbers without either (2^64 is
// 18446744073709552000 in Go and JavaScript): an integer beyond 64 bits that is
// exactly how a float64 is written is that float64, any other is an error.
func ParseNumber(s string) (any, error) {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return u, nil
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == s {
			return f, nil
		}
		return nil, fmt.Errorf("integer %s is beyond 64 bits; write it as text", s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return nil, fmt.Errorf("number %s is beyond a 64-bit floating point", s)
	}
	return f, nil
}

// UnmarshalJSON reads the JSON form written by this package. It is lenient
// about unknown fields, since it reads what the store holds, also by a newer
// version; what users write goes through internal/document, which is strict. Numbers in filters
// stay as they are written, as [json.Number]: an event is compared with them digit by digit.
func (d *Definition) UnmarshalJSON(data []byte) error {
	type plain Definition // without methods
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	p := plain{Enabled: true}
	if err := dec.Decode(&p); err != nil {
		return err
	}
	*d = Definition(p)
	fix := func(m map[string]any) error {
		_, err := normalizeNumbers(m)
		return err
	}
	if err := fix(d.Vars); err != nil {
		return err
	}
	for name, src := range d.Context {
		v, err := normalizeNumbers(src.Static)
		if err != nil {
			return err
		}
		src.Static = v
		d.Context[name] = src
	}
	for i := range d.Rules {
		for j := range d.Rules[i].Actions {
			if err := fix(d.Rules[i].Actions[j].With); err != nil {
				return err
			}
		}
	}
	return nil
}

// UnmarshalJSON reads With and Scope with exact numbers, as [DecodeJSON] does.
func (a *PlannedAction) UnmarshalJSON(data []byte) error {
	type plain PlannedAction // without methods
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var p plain
	if err := dec.Decode(&p); err != nil {
		return err
	}
	for _, m := range []map[string]any{p.With, p.Scope} {
		if _, err := normalizeNumbers(m); err != nil {
			return err
		}
	}
	*a = PlannedAction(p)
	return nil
}

// UnmarshalJSON reads both parts; the method of the embedded action would otherwise hide what
// the record adds.
func (r *ActionRecord) UnmarshalJSON(data []byte) error {
	var x struct {
		Status ActionStatus  `json:"status"`
		Result *ActionResult `json:"result"`
	}
	if err := json.Unmarshal(data, &x); err != nil {
		return err
	}
	if err := json.Unmarshal(data, &r.PlannedAction); err != nil {
		return err
	}
	r.Status, r.Result = x.Status, x.Result
	return nil
}

// UnmarshalJSON keeps numbers as they are written, as [json.Number]: an explanation is read to
// be shown.
func (x *FilterExplanation) UnmarshalJSON(data []byte) error {
	type plain FilterExplanation // without methods
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode((*plain)(x))
}
