package envelope

import (
	"bytes"
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	core "github.com/activity-core/activity-core"
)

// Differences names the fields in which two events of one ID differ: type, source, subject,
// payload, extensions. No difference means that one is a repeat of the other; any means a
// conflict. It is the one rule of that: ingest, record and router go by it.
//
// What a repeat changes by itself does not count: the time, which the publisher may have filled
// in, the trace, what ingest adds, and how the payload is written (white space, the order of
// keys, escapes, 1.0 for 1).
func Differences(a, b *core.Event) (fields []string) {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"type", a.Type == b.Type},
		{"source", a.Source == b.Source},
		{"subject", a.Subject == b.Subject},
		{"payload", samePayload(a.Payload, b.Payload)},
		{"extensions", bytes.Equal(untraced(a.Extensions).JSON(), untraced(b.Extensions).JSON())},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// Conflict tells in what an event differs from the one that is kept under its event_id; nil: in
// nothing, it is a repeat.
func Conflict(kept *core.EventRecord, given *core.Event) *core.EventConflict {
	first := kept.Event
	if kept.NoExtensions {
		first.Extensions = given.Extensions
	}
	differs := Differences(&first, given)
	if len(differs) == 0 {
		return nil
	}
	return &core.EventConflict{EventID: given.EventID, Differs: differs, KeptSequence: kept.StreamSeq}
}

// samePayload compares two JSON values; nothing is null, as when it is published.
func samePayload(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := valueOf(a)
	y, okY := valueOf(b)
	return okX && okY && sameValue(x, y)
}

func valueOf(payload []byte) (v any, ok bool) {
	if len(payload) == 0 {
		return nil, true
	}
	dec := json.NewDecoder(bytes.NewReader(core.WithoutBOM(payload)))
	dec.UseNumber()
	return v, dec.Decode(&v) == nil
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameValue)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || decimalOf(string(a)) == decimalOf(string(b)))
	}
	return a == b
}

// decimal is a number exactly: digits, which neither begin nor end with a zero, times ten to a
// power.
type decimal struct {
	negative bool
	digits   string
	power    int64
	raw      string // instead of all that, where the power is too large to count
}

// decimalOf reads a JSON number without rounding it.
func decimalOf(number string) (d decimal) {
	mantissa := number
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		power, err := strconv.ParseInt(number[i+1:], 10, 32)
		if err != nil {
			return decimal{raw: number}
		}
		d.power = power
	}
	mantissa, d.negative = strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.power -= int64(len(fraction))
	d.digits = strings.TrimLeft(whole+fraction, "0")
	if d.digits == "" {
		return decimal{}
	}
	short := strings.TrimRight(d.digits, "0")
	d.power += int64(len(d.digits) - len(short))
	d.digits = short
	return d
}

// untraced leaves out what names the attempt and not the event.
func untraced(x core.Extensions) core.Extensions {
	x = maps.Clone(x)
	delete(x, "traceparent")
	delete(x, "tracestate")
	return x
}
