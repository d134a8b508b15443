package envelope

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

// The media types of CloudEvents' JSON format (CloudEvents JSON Event Format 1.0, sections 3
// and 4).
const (
	MediaTypeCloudEvent = "application/cloudevents+json"
	MediaTypeBatch      = "application/cloudevents-batch+json"
)

// cePrefix starts the headers of binary mode, in NATS and in HTTP.
const cePrefix = "ce-"

// DecodeBatch reads a CloudEvents batch: a JSON list of structured events. It is all or
// nothing; an error names the element, as in "[3].type".
func DecodeBatch(data []byte) ([]core.Event, error) {
	list, err := decodeList(data)
	if err != nil {
		return nil, err
	}
	events := make([]core.Event, 0, len(list))
	for i, element := range list {
		e, err := Decode(Header{"Content-Type": {MediaTypeCloudEvent}}, element)
		if err != nil {
			return nil, at(i, err)
		}
		events = append(events, e)
	}
	return events, nil
}

// IsBatch tells whether the headers announce a CloudEvents batch.
func IsBatch(h Header) bool { return isBatch(h) }

// IsBinary tells whether the headers carry a CloudEvent in binary mode: the body is its data,
// whatever that looks like.
func IsBinary(h Header) bool { return isBinary(h) }

// at puts the index of a batch's element before the fields of its error.
func at(i int, err error) error {
	prefix := "[" + strconv.Itoa(i) + "]"
	wrapped := core.Wrap(core.CodeOf(err), err, "%s: %s", prefix, core.MessageOf(err))
	var fields []core.FieldError
	if e, ok := err.(*core.Error); ok { //nolint:errorlint // this package returns the type itself
		for _, f := range e.Fields {
			f.Location = prefix + "." + f.Location
			fields = append(fields, f)
		}
	}
	wrapped.Fields = fields
	return wrapped
}

// attributes are those of a CloudEvent that we use.
type attributes struct {
	specversion, id, source, typ, subject, time, datacontenttype string
	extensions                                                   core.Extensions
}

func decodeStructured(fields []field) (core.Event, error) {
	var a attributes
	var data, base64Data *field
	for i, f := range fields {
		var target *string
		switch f.name {
		case "specversion":
			target = &a.specversion
		case "id":
			target = &a.id
		case "source":
			target = &a.source
		case "type":
			target = &a.typ
		case "subject":
			target = &a.subject
		case "time":
			target = &a.time
		case "datacontenttype":
			target = &a.datacontenttype
		case "data":
			data = &fields[i]
			continue
		case "data_base64":
			base64Data = &fields[i]
			continue
		default: // an extension attribute
			if v, err := core.DecodeData(f.value); err == nil && v != nil {
				keep(&a.extensions, f.name, v)
			}
			continue
		}
		var err error
		if *target, err = stringField(f); err != nil {
			return core.Event{}, err
		}
	}
	e, err := a.event("")
	if err != nil {
		return core.Event{}, err
	}
	switch {
	case data != nil && base64Data != nil:
		return core.Event{}, invalidField("data_base64", nil, "and data are both there; a CloudEvent has one of them")
	case base64Data != nil:
		text, err := stringField(*base64Data)
		if err != nil {
			return core.Event{}, err
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return core.Event{}, invalidField("data_base64", shorten(text), "is not base64 (RFC 4648, section 4)")
		}
		e.Payload, err = payload("data_base64", a.datacontenttype, raw)
		if err != nil {
			return core.Event{}, err
		}
	case data != nil:
		e.Payload = data.value
	default:
		e.Payload = json.RawMessage("null")
	}
	return e, nil
}

// decodeBinary reads the attributes from headers named ce-…; the body is the data.
func decodeBinary(h Header, data []byte) (core.Event, error) {
	var a attributes
	a.datacontenttype = get(h, "content-type")
	for name, values := range h {
		if len(values) == 0 || !hasPrefixFold(name, cePrefix) {
			continue
		}
		attribute := strings.ToLower(name[len(cePrefix):])
		if len(values) > 1 {
			return core.Event{}, malformedField(cePrefix+attribute, "is there more than once")
		}
		value, err := attributeValue(values[0])
		if err != nil {
			return core.Event{}, invalidField(cePrefix+attribute, shorten(values[0]), "is not encoded as CloudEvents want it: %v", err)
		}
		switch attribute {
		case "specversion":
			a.specversion = value
		case "id":
			a.id = value
		case "source":
			a.source = value
		case "type":
			a.typ = value
		case "subject":
			a.subject = value
		case "time":
			a.time = value
		default: // in headers every value is text
			keep(&a.extensions, attribute, value)
		}
	}
	e, err := a.event(cePrefix)
	if err != nil {
		return core.Event{}, err
	}
	e.Payload, err = payload("data", a.datacontenttype, data)
	return e, err
}

// attributeValue decodes a header of binary mode, in both bindings: first a value that stands
// in double quotes (RFC 7230, section 3.2.6), then percent-encoding (HTTP binding 1.0, section
// 3.1.3.2).
func attributeValue(s string) (string, error) {
	inner, quoted := strings.CutPrefix(s, `"`)
	if !quoted {
		return url.PathUnescape(s)
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '\\' && i+1 < len(inner):
			i++
			b.WriteByte(inner[i])
		case inner[i] == '"' && i+1 == len(inner):
			return url.PathUnescape(b.String())
		case inner[i] == '"' || inner[i] == '\\':
			return "", errQuote
		default:
			b.WriteByte(inner[i])
		}
	}
	return "", errQuote
}

var errQuote = errors.New("a value that begins with a double quote ends with one, and has a backslash before those within")

// event checks the required attributes; prefix goes before their names in errors.
func (a attributes) event(prefix string) (core.Event, error) {
	if a.specversion != "1.0" {
		return core.Event{}, invalidField(prefix+"specversion", a.specversion, "must be \"1.0\"")
	}
	if err := checkID(prefix+"id", a.id, MaxIDLength-1-sourceHashLength); err != nil {
		return core.Event{}, err
	}
	if a.source == "" {
		return core.Event{}, invalidField(prefix+"source", nil, "is missing; a CloudEvent is identified by source and id together")
	}
	if err := checkType(prefix+"type", a.typ); err != nil {
		return core.Event{}, err
	}
	t, err := parseTime(prefix+"time", a.time)
	if err != nil {
		return core.Event{}, err
	}
	return core.Event{
		EventID: CloudEventID(a.id, a.source), Type: a.typ, Source: a.source, Subject: a.subject, Time: t, Extensions: a.extensions,
	}, nil
}

// payload turns a CloudEvent's bytes into JSON: JSON stays what it is, text becomes a string,
// anything else a string of base64, so that no byte is lost. Absent content type means JSON
// (CloudEvents 1.0, datacontenttype).
func payload(name, contentType string, raw []byte) (json.RawMessage, error) {
	if len(raw) == 0 {
		return json.RawMessage("null"), nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(contentType))
	}
	jsonLike := media == "" || media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
	if plain := strings.HasPrefix(media, "text/"); jsonLike || plain {
		raw = core.WithoutBOM(raw)
	}
	switch {
	case jsonLike:
		if err := validJSON(raw, 0); err != nil {
			return nil, core.Wrap(core.CodeMalformed, err, "%s: is not the JSON that the content type promises", name)
		}
		return raw, nil
	case strings.HasPrefix(media, "text/") && utf8.Valid(raw):
		return json.Marshal(string(raw))
	default:
		return json.Marshal(base64.StdEncoding.EncodeToString(raw))
	}
}

// isBinary: a required attribute is in a header. The content type decides before that: a
// structured event or a batch may repeat its attributes in headers (HTTP binding 1.0, section
// 3.2.2; NATS binding, section 3.2.2).
func isBinary(h Header) bool { return formOf(h) == formBinary }

func isBatch(h Header) bool { return formOf(h) == formBatch }

// form is the form of an event that its headers announce.
type form uint8

const (
	formUnsaid form = iota // whatever the body says
	formBinary
	formStructured
	formBatch
)

// formOf goes through the headers once: it is asked for every message.
func formOf(h Header) form {
	binary := false
	for name, values := range h {
		if len(values) == 0 || values[0] == "" {
			continue
		}
		switch len(name) {
		case len("content-type"):
			if !strings.EqualFold(name, "content-type") {
				continue
			}
			if hasPrefixFold(values[0], MediaTypeBatch) {
				return formBatch
			}
			if hasPrefixFold(values[0], MediaTypeCloudEvent) {
				return formStructured
			}
		case len(cePrefix + "id"), len(cePrefix + "specversion"):
			binary = binary || strings.EqualFold(name, cePrefix+"id") || strings.EqualFold(name, cePrefix+"specversion")
		}
	}
	if binary {
		return formBinary
	}
	return formUnsaid
}

func get(h Header, name string) string {
	for n, values := range h {
		if len(values) > 0 && strings.EqualFold(n, name) {
			return values[0]
		}
	}
	return ""
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
