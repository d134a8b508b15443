package envelope

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	core "github.com/activity-core/activity-core"
)

// Header is a set of message headers: nats.Header and http.Header convert to it. Names are
// compared without regard to case, as CloudEvents' bindings want.
type Header map[string][]string

// Decode reads one message: activity-core's own envelope, a structured CloudEvent, or a binary
// one in headers. The subject it arrived on is named in errors only: the type in the envelope
// decides. A time that is absent stays zero; whoever knows when the message was stored may fill
// it in.
//
// Errors are CodeMalformed (bytes that are not the format) or CodeInvalid (a field's value),
// and name the field.
func Decode(h Header, data []byte) (core.Event, error) {
	e, err := decode(h, data)
	if err != nil {
		return core.Event{}, err
	}
	if err := validateHead(e); err != nil {
		return core.Event{}, err
	}
	return e, nil
}

func decode(h Header, data []byte) (core.Event, error) {
	form := formOf(h)
	if form != formUnsaid {
		if form == formBinary {
			return decodeBinary(h, data)
		}
		if form == formBatch {
			return core.Event{}, core.Errorf(core.CodeMalformed,
				"a message carries one event, not a CloudEvents batch; publish its events one by one, or POST the batch to /events")
		}
	}
	var room [12]field
	fields, err := scanObject(core.WithoutBOM(data), room[:0])
	if err != nil {
		return core.Event{}, err
	}
	for _, f := range fields {
		if f.name == "specversion" {
			return decodeStructured(fields)
		}
	}
	if form == formStructured {
		return core.Event{}, malformedField("specversion", "is missing, although the content type says CloudEvents")
	}
	return decodeOwn(fields)
}

// decodeOwn reads activity-core's own envelope. Members it does not know are ignored: a newer
// publisher must be able to talk to an older router.
func decodeOwn(fields []field) (e core.Event, err error) {
	payload := false
	for _, f := range fields {
		switch f.name {
		case "event_id":
			e.EventID, err = stringField(f)
		case "type":
			e.Type, err = stringField(f)
		case "source":
			e.Source, err = stringField(f)
		case "subject":
			e.Subject, err = stringField(f)
		case "time":
			e.Time, err = timeField(f)
		case "payload":
			e.Payload, payload = f.value, true
		case "also_types":
			e.AlsoTypes, err = listField(f)
		case "extensions":
			e.Extensions, err = extensionsField(f)
		case "hops":
			if e.Hops, err = strconv.Atoi(string(f.value)); err != nil {
				err = invalidField("hops", shorten(f.value), "must be a whole number")
			}
		case "chain":
			if json.Unmarshal(f.value, &e.Chain) != nil {
				err = invalidField("chain", shorten(f.value), "must be a list of definitions' IDs")
			}
		}
		if err != nil {
			return core.Event{}, err
		}
	}
	if !payload {
		return core.Event{}, invalidField("payload", nil, "is missing; write null if there is nothing to say")
	}
	return e, nil
}

// timeField decodes a time; the usual one allocates nothing.
func timeField(f field) (t time.Time, err error) {
	if n := len(f.value); n > 2 && f.value[0] == '"' && t.UnmarshalText(f.value[1:n-1]) == nil {
		return t.UTC(), nil
	}
	s, err := stringField(f)
	if err != nil {
		return t, err
	}
	return parseTime(f.name, s)
}

// listField decodes a list of strings.
func listField(f field) (list []string, err error) {
	if json.Unmarshal(f.value, &list) != nil {
		return nil, invalidField(f.name, shorten(f.value), "must be a list of strings")
	}
	return list, nil
}

// Encode writes the envelope that [Decode] reads, after [Validate].
func Encode(e core.Event) ([]byte, error) {
	if err := Validate(e); err != nil {
		return nil, err
	}
	if len(e.Payload) == 0 {
		e.Payload = json.RawMessage("null")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the payload stays as it was sent, apart from white space
	if err := enc.Encode(e); err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "the event cannot be written as JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
