package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

// MaxDepth bounds the nesting of a payload, and of what else an envelope holds; the envelope
// around it does not count. The matcher and CEL walk payloads recursively; nothing that people
// send comes near it.
const MaxDepth = 200

// How many levels lie around a payload: those of the envelope, and of a batch.
const (
	levelsOfEvent = 1
	levelsOfBatch = 2
)

// field is one member of the envelope: its name and its value as written.
type field struct {
	name  string
	value json.RawMessage
}

// scanObject splits one JSON object into its members without decoding their values, and proves
// on the way that all of data is valid JSON. The values alias data. Names are compared as
// written: JSON's member names are case-sensitive, other than encoding/json believes, and a
// member that is there twice is refused, since nobody can say which one was meant.
func scanObject(data []byte, into []field) ([]field, error) {
	i := skipSpace(data, 0)
	if i == len(data) || data[i] != '{' || !utf8.Valid(data) {
		if err := validJSON(data, levelsOfEvent); err != nil {
			return nil, err
		}
		return nil, core.Errorf(core.CodeMalformed,
			"an event is a JSON object {event_id, type, source, subject, time, payload} or a CloudEvent, not %s", kindOf(data[i]))
	}
	twice := ""
	for i = skipSpace(data, i+1); i >= len(data) || data[i] != '}'; {
		f, next, problem := scanMember(data, i)
		if problem != nil {
			return nil, malformedJSON(next, problem)
		}
		for _, other := range into {
			if other.name == f.name && twice == "" {
				twice = f.name
			}
		}
		into, i = append(into, f), next
		if i < len(data) && data[i] == ',' {
			if i = skipSpace(data, i+1); i < len(data) && data[i] == '}' {
				return nil, malformedJSON(i, errName)
			}
		} else if i < len(data) && data[i] != '}' {
			return nil, malformedJSON(i, errComma)
		}
	}
	if i = skipSpace(data, i+1); i < len(data) {
		return nil, malformedJSON(i, errTrailing)
	}
	if twice != "" {
		return nil, malformedField(twice, "is there twice; write it once")
	}
	return into, nil
}

// scanMember reads the member at i, and returns the index of what follows it, or that of the
// mistake.
func scanMember(data []byte, i int) (f field, next int, problem error) {
	if i >= len(data) {
		return f, i, errEnd
	}
	if data[i] != '"' {
		return f, i, errName
	}
	end, problem := checkString(data, i)
	if problem != nil {
		return f, end, problem
	}
	if f.name, problem = memberName(data[i:end]); problem != nil {
		return f, i, errName
	}
	if i = skipSpace(data, end); i >= len(data) {
		return f, i, errEnd
	}
	if data[i] != ':' {
		return f, i, errColon
	}
	i = skipSpace(data, i+1)
	if end, problem = checkValue(data, i, MaxDepth+levelsOfEvent-1); problem != nil {
		return f, end, problem
	}
	f.value = data[i:end:end]
	return f, skipSpace(data, end), nil
}

// memberName decodes a member's name; those of the envelope cost nothing.
func memberName(quoted []byte) (string, error) {
	switch string(quoted) {
	case `"event_id"`:
		return "event_id", nil
	case `"type"`:
		return "type", nil
	case `"source"`:
		return "source", nil
	case `"subject"`:
		return "subject", nil
	case `"time"`:
		return "time", nil
	case `"payload"`:
		return "payload", nil
	case `"also_types"`:
		return "also_types", nil
	}
	return unquote(quoted)
}

// validJSON reports the first mistake with its position. Around is how many levels lie around
// the payload. The fast path allocates nothing.
func validJSON(data []byte, around int) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return core.Errorf(core.CodeMalformed, "the event is empty; send a JSON envelope or a CloudEvent")
	}
	if !utf8.Valid(data) {
		if isUTF16(data) {
			return core.Errorf(core.CodeMalformed, "the event is UTF-16; JSON is UTF-8 (RFC 8259, section 8.1): save it as UTF-8")
		}
		return core.Errorf(core.CodeMalformed, "the event is not valid UTF-8; JSON is UTF-8 (RFC 8259, section 8.1)")
	}
	if at, problem := checkJSON(data, MaxDepth+around); problem != nil {
		return malformedJSON(at, problem)
	}
	return nil
}

func malformedJSON(at int, problem error) error {
	if errors.Is(problem, errDepth) {
		return core.Errorf(core.CodeMalformed, "the event's payload is nested deeper than %d levels", MaxDepth)
	}
	return core.Errorf(core.CodeMalformed, "the event is not valid JSON at byte %d: %v", at+1, problem)
}

// isUTF16 tells whether data begins with the byte order mark of UTF-16, as what Windows
// PowerShell redirects to a file does.
func isUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff})
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// unquote decodes a JSON string; the common one without escapes costs one allocation.
func unquote(quoted []byte) (string, error) {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", core.Wrap(core.CodeMalformed, err, "the event holds a malformed string")
	}
	return s, nil
}

// stringField decodes a member that has to be a string; null counts as absent.
func stringField(f field) (string, error) {
	switch {
	case f.value[0] == '"':
		return unquote(f.value)
	case isNull(f.value):
		return "", nil
	default:
		return "", invalidField(f.name, shorten(f.value), "must be a string, not %s", kindOf(f.value[0]))
	}
}

func isNull(value json.RawMessage) bool { return len(value) == 4 && value[0] == 'n' }

func kindOf(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

func malformedField(name, message string) *core.Error {
	return &core.Error{Code: core.CodeMalformed, Message: name + ": " + message,
		Fields: []core.FieldError{{Location: name, Message: message}}}
}

func invalidField(name string, value any, format string, args ...any) *core.Error {
	return core.InvalidField(name, value, format, args...)
}

// shorten keeps an offending value presentable.
func shorten[T ~string | ~[]byte](v T) string {
	const most = 80
	s := string(v)
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:cut], len(s))
}

// decodeList splits a JSON array into its elements.
func decodeList(data []byte) ([]json.RawMessage, error) {
	data = core.WithoutBOM(data)
	if err := validJSON(data, levelsOfBatch); err != nil {
		return nil, err
	}
	if first := data[skipSpace(data, 0)]; first != '[' {
		return nil, core.Errorf(core.CodeMalformed, "a batch is a JSON list of CloudEvents, not %s", kindOf(first))
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, core.Wrap(core.CodeMalformed, err, "a batch is a JSON list of CloudEvents")
	}
	return list, nil
}
