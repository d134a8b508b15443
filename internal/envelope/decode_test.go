package envelope

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
)

func TestTheOwnEnvelopeIsReadAsWritten(t *testing.T) {
	e, err := Decode(nil, []byte(` {"event_id":"42","type":"github.push","source":"github","subject":"acme/api","time":"2026-03-01T10:30:00.5+01:00",
		"payload":{"n":9007199254740993},"also_types":["a.b"],"hops":2,"chain":["0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11"],"a_field_of_tomorrow":{"x":[1]}} `))
	if err != nil {
		t.Fatal(err)
	}
	want := core.Event{EventID: "42", Type: "github.push", Source: "github", Subject: "acme/api",
		Time: time.Date(2026, 3, 1, 9, 30, 0, 5e8, time.UTC), Payload: json.RawMessage(`{"n":9007199254740993}`), AlsoTypes: []string{"a.b"}, Hops: 2,
		Chain: []string{"0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11"}}
	got, _ := json.Marshal(e)
	wanted, _ := json.Marshal(want)
	if string(got) != string(wanted) {
		t.Fatalf("%s\nwant %s", got, wanted)
	}
}

func TestCloudEventsAreReadInEveryMode(t *testing.T) {
	id := CloudEventID("A234", "/mycontext")
	for name, c := range map[string]struct {
		h       Header
		data    string
		payload string
	}{
		"structured": {Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}},
			`{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value","datacontenttype":"application/json","data":{"a":1}}`, `{"a":1}`},
		"structured without a content type": {nil, `{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234","data":{"a":1}}`, `{"a":1}`},
		"without data":                      {nil, `{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234"}`, `null`},
		"text":                              {nil, `{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234","datacontenttype":"text/xml","data":"<a/>"}`, `"<a/>"`},
		"base64 of JSON":                    {nil, `{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234","data_base64":"eyJhIjoxfQ=="}`, `{"a":1}`},
		"base64 of bytes":                   {nil, `{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234","datacontenttype":"image/png","data_base64":"/wA="}`, `"/wA="`},
		"binary":                            {Header{"ce-specversion": {"1.0"}, "Ce-Type": {"com.example"}, "ce-source": {"/mycontext"}, "CE-ID": {"A234"}, "content-type": {"application/json"}}, `{"a":1}`, `{"a":1}`},
		"binary text":                       {Header{"ce-specversion": {"1.0"}, "ce-type": {"com.example"}, "ce-source": {"/mycontext"}, "ce-id": {"%41234"}, "content-type": {"text/plain"}}, `hello`, `"hello"`},
		"binary in quotes":                  {Header{"ce-specversion": {"1.0"}, "ce-type": {`"com.example"`}, "ce-source": {`"/my\context"`}, "ce-id": {`"A%3234"`}}, `7`, `7`},
		"structured with attributes in headers, too": {Header{"Content-Type": {"application/cloudevents+json"}, "ce-specversion": {"1.0"}, "ce-type": {"com.example"}, "ce-source": {"/mycontext"}, "ce-id": {"A234"}},
			`{"specversion":"1.0","type":"com.example","source":"/mycontext","id":"A234","data":{"a":1}}`, `{"a":1}`},
		"binary without data": {Header{"ce-specversion": {"1.0"}, "ce-type": {"com.example"}, "ce-source": {"/mycontext"}, "ce-id": {"A234"}}, ``, `null`},
	} {
		e, err := Decode(c.h, []byte(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.EventID != id || e.Type != "com.example" || e.Source != "/mycontext" || string(e.Payload) != c.payload {
			t.Errorf("%s: %+v %s", name, e, e.Payload)
		}
	}
	for _, data := range []string{`null`, `{}`, `"a"`, `1`, ` `} { // a batch of no events is one; these are none
		if batch, err := DecodeBatch([]byte(data)); !core.IsCode(err, core.CodeMalformed) {
			t.Errorf("batch %s: %v %v", data, batch, err)
		}
	}
	for _, value := range []string{`"`, `"a`, `"a"b"`, `"a\`, `a%zz`} {
		if _, err := Decode(Header{"ce-specversion": {"1.0"}, "ce-type": {"a"}, "ce-source": {"/s"}, "ce-id": {value}}, nil); !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("ce-id: %s: %v", value, err)
		}
	}
	batch, err := DecodeBatch([]byte(`[{"specversion":"1.0","type":"a","source":"s","id":"1"},{"specversion":"1.0","type":"b","source":"s","id":"2"}]`))
	if err != nil || len(batch) != 2 || batch[1].Type != "b" {
		t.Fatal(batch, err)
	}
}

// The examples of docs/events.md are events.
func TestTheExamplesOfTheDocumentationAreEvents(t *testing.T) {
	doc, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		if _, err := Decode(nil, b[1]); err != nil {
			t.Errorf("%v\n%s", err, b[1])
		}
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for data, says := range map[string]string{
		``:       "empty",
		`[]`:     "object",
		`{"a":`:  "byte 6",
		`"text"`: "a string",
		`{"event_id":"1","type":"x","payload":1}}`:                                         "byte 40",
		`{"type":"x","payload":1}`:                                                         "event_id: is missing",
		`{"event_id":"1","payload":1}`:                                                     "type: is missing",
		`{"event_id":"1","type":"x"}`:                                                      "payload: is missing",
		`{"event_id":1,"type":"x","payload":1}`:                                            "event_id: must be a string, not a number",
		`{"event_id":"1","type":"a b","payload":1}`:                                        `type: contains ' '`,
		`{"event_id":"1","type":"x","payload":1,"time":"yesterday"}`:                       "time: is not an RFC 3339",
		`{"event_id":"1","type":"x","payload":1,"hops":"2"}`:                               "hops: must be a whole number",
		`{"event_id":"1","type":"x","payload":1,"chain":"a"}`:                              "chain: must be a list",
		`{"event_id":"1","type":"x","payload":1,"chain":["a"]}`:                            "chain[0]: must be the ID of a definition, a UUID",
		`{"event_id":"1","type":"x","payload":1,"hops":99}`:                                "hops: is 99",
		`{"event_id":"1","type":"x","payload":1,"type":"y"}`:                               "type: is there twice",
		`{"event_id":"1","type":"x","payload":1,"also_types":"y"}`:                         "also_types: must be a list",
		`{"event_id":"a\u0000b","type":"x","payload":1}`:                                   "event_id: contains a control character",
		`{"event_id":"` + strings.Repeat("x", 257) + `","type":"x","payload":1}`:           "at most 256",
		`{"specversion":"0.3","type":"x","source":"s","id":"1"}`:                           `specversion: must be "1.0"`,
		`{"specversion":"1.0","type":"x","id":"1"}`:                                        "source: is missing",
		`{"specversion":"1.0","type":"x","source":"s"}`:                                    "id: is missing",
		`{"specversion":"1.0","source":"s","id":"1"}`:                                      "type: is missing",
		`{"specversion":"1.0","type":"x","source":"s","id":"1","data":1,"data_base64":""}`: "data_base64: and data are both there",
		`{"specversion":"1.0","type":"x","source":"s","id":"1","data_base64":"?"}`:         "data_base64: is not base64",
	} {
		_, err := Decode(nil, []byte(data))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v, want %q", data, err, says)
			continue
		}
		if c := core.CodeOf(err); c != core.CodeInvalid && c != core.CodeMalformed {
			t.Errorf("%s: code %s", data, c)
		}
	}
	for says, h := range map[string]Header{
		"ce-source: is missing":          {"ce-specversion": {"1.0"}, "ce-type": {"x"}, "ce-id": {"1"}},
		"ce-specversion: must be":        {"ce-type": {"x"}, "ce-id": {"1"}, "ce-source": {"s"}},
		"ce-id: is there more than once": {"ce-specversion": {"1.0"}, "ce-type": {"x"}, "ce-id": {"1", "2"}, "ce-source": {"s"}},
		"specversion: is missing":        {"Content-Type": {MediaTypeCloudEvent}},
		"one event, not a":               {"Content-Type": {MediaTypeBatch}},
	} {
		if _, err := Decode(h, []byte(`{}`)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want %q", h, err, says)
		}
	}
	_, err := DecodeBatch([]byte(`[{"specversion":"1.0","type":"a","source":"s","id":"1"},{"specversion":"1.0","type":"a b","source":"s","id":"1"}]`))
	if err == nil || !strings.Contains(err.Error(), "[1].type") {
		t.Error(err)
	}
}

// Whatever is encoded is read back the same.
func TestEncodeAndDecodeAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äöü€]{0,40}`)
		word := rapid.StringMatching(`[A-Za-z0-9._:/@+=~-]{1,40}`)
		payload, err := json.Marshal(rapid.MapOf(text, rapid.Int64()).Draw(t, "payload"))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.OneOf(rapid.Just(0), rapid.IntRange(MaxDepth-5, MaxDepth-1)).Draw(t, "levels around it") { // it is one itself
			if rapid.Bool().Draw(t, "in a list") {
				payload = []byte("[" + string(payload) + "]")
			} else {
				payload = []byte(`{"a":` + string(payload) + "}")
			}
		}
		e := core.Event{EventID: rapid.StringMatching(`[ -~äöü€]{1,60}`).Draw(t, "id"), Type: word.Draw(t, "type"), Source: text.Draw(t, "source"), Subject: text.Draw(t, "subject"),
			Time: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC(), Payload: payload, AlsoTypes: rapid.SliceOfN(word, 0, 3).Draw(t, "also"), Hops: rapid.IntRange(0, core.MaxHops).Draw(t, "hops")}
		data, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(Header{"Nats-Msg-Id": {MessageID(e.EventID)}}, data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		again, err := Encode(back)
		if err != nil || string(again) != string(data) {
			t.Fatalf("%v\n%s\n%s", err, data, again)
		}
	})
}

// A payload has the same 200 levels whichever way it comes, and one more is refused in each.
func TestEveryWayInHasTheSameDepth(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	const ce = `{"specversion": "1.0", "id": "1", "source": "s", "type": "x", "data": `
	ways := map[string]func(payload string) error{
		"Validate": func(p string) error {
			return Validate(core.Event{EventID: "1", Type: "x", Payload: []byte(p)})
		},
		"Encode": func(p string) error {
			_, err := Encode(core.Event{EventID: "1", Type: "x", Payload: []byte(p)})
			return err
		},
		"an envelope": func(p string) error {
			_, err := Decode(nil, []byte(`{"event_id": "1", "type": "x", "payload": `+p+`}`))
			return err
		},
		"a structured CloudEvent": func(p string) error {
			_, err := Decode(nil, []byte(ce+p+"}"))
			return err
		},
		"a binary CloudEvent": func(p string) error {
			_, err := Decode(Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"s"}, "Ce-Type": {"x"}}, []byte(p))
			return err
		},
		"base64": func(p string) error {
			_, err := Decode(nil, []byte(strings.Replace(ce, `"data"`, `"data_base64"`, 1)+`"`+base64.StdEncoding.EncodeToString([]byte(p))+`"}`))
			return err
		},
		"a batch": func(p string) error {
			_, err := DecodeBatch([]byte("[" + ce + p + "}]"))
			return err
		},
	}
	for name, way := range ways {
		if err := way(deep(MaxDepth)); err != nil {
			t.Errorf("%s: %d levels: %v", name, MaxDepth, err)
		}
		if err := way(deep(MaxDepth + 1)); !core.IsCode(err, core.CodeMalformed) || !strings.Contains(err.Error(), "nested deeper than 200 levels") {
			t.Errorf("%s: %d levels: %v", name, MaxDepth+1, err)
		}
	}
}

// The subject of a type is valid for NATS, no wildcard, and says which type it was.
func TestSubjectsAreValidAndDistinct(t *testing.T) {
	for typ, want := range map[string]string{
		"github.push": "activity.github.push", "a..b": "activity.a%2E.b", ".a": "activity.%2Ea", "a.": "activity.a%2E", "a:b/c": "activity.a%3Ab%2Fc", "a%2Eb": "activity.a%252Eb",
	} {
		if got := Subject(typ); got != want {
			t.Errorf("Subject(%q) = %q, want %q", typ, got, want)
		}
	}
	valid := regexp.MustCompile(`^activity(\.[A-Za-z0-9_%-]+)+$`)
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.StringMatching(`[A-Za-z0-9._:/@+=~*> %-]{1,30}`)
		a, b := typ.Draw(t, "a"), typ.Draw(t, "b")
		if !valid.MatchString(Subject(a)) {
			t.Fatalf("%q gives %q", a, Subject(a))
		}
		if a != b && Subject(a) == Subject(b) {
			t.Fatalf("%q and %q share %q", a, b, Subject(a))
		}
	})
}

func TestMessageIDsTravelInHeadersUnchanged(t *testing.T) {
	for _, id := range []string{"42", "order/42", "mit Leerzeichen", "ünïcode", " x ", "a\tb"} {
		m := nats.NewMsg("x")
		m.Header.Set("Nats-Msg-Id", MessageID(id))
		if strings.TrimSpace(MessageID(id)) != MessageID(id) || strings.ContainsAny(MessageID(id), " \t\r\n") {
			t.Errorf("%q gives %q", id, MessageID(id))
		}
	}
	if MessageID("order/42") != "order/42" {
		t.Error("a plain ID was changed")
	}
}

// An event whose ID is what another event's ID becomes in the header must not be dropped as
// that one's repeat.
func TestDifferentEventsHaveDifferentMessageIDs(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"ünïcode", "two words", "42"} {
		for range 4 {
			if other, ok := seen[MessageID(id)]; ok {
				t.Errorf("%q and %q both have the message ID %q", id, other, MessageID(id))
			}
			seen[MessageID(id)] = id
			if MessageID(id) == id {
				break // as in the header: nothing else becomes it
			}
			id = MessageID(id)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("", "", []byte(`{"event_id":"1","type":"x","payload":{"a":[1,2.5e3,"\u00e9"]}}`))
	f.Add("Content-Type", MediaTypeCloudEvent, []byte(`{"specversion":"1.0","type":"x","source":"s","id":"1","data_base64":"eyJhIjoxfQ=="}`))
	f.Add("ce-id", "%31", []byte(`{}`))
	f.Add("ce-specversion", "1.0", []byte(`<a/>`))
	files, _ := filepath.Glob("../webhook/testdata/github/ping/*.json")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			f.Add("", "", append(append([]byte(`{"event_id":"1","type":"github.ping","payload":`), data...), '}'))
		}
	}
	f.Fuzz(func(t *testing.T, name, value string, data []byte) {
		h := Header{name: {value}}
		if strings.HasPrefix(name, "ce-") {
			h = Header{name: {value}, "ce-specversion": {"1.0"}, "ce-type": {"x"}, "ce-source": {"s"}, "ce-id": {"1"}, "content-type": {value}}
		}
		e, err := Decode(h, data)
		if err != nil {
			if c := core.CodeOf(err); c != core.CodeInvalid && c != core.CodeMalformed {
				t.Fatalf("an error without its code: %v", err)
			}
			return
		}
		// What is accepted can be published again, and is the same then.
		again, err := Encode(e)
		if err != nil {
			t.Fatalf("accepted and not valid: %v", err)
		}
		back, err := Decode(nil, again)
		if err != nil || back.EventID != e.EventID || back.Type != e.Type {
			t.Fatalf("%v: %+v became %+v", err, e, back)
		}
	})
}

// What can be published, a definition can ask for: the two rules for types are the same.
func TestEveryTypeOfAnEventCanBeNamedInADefinition(t *testing.T) {
	candidates := []string{"", ".", "a..b", ".a", "a.", "https://acme.example/orders", "com.acme.order.v1+json", "user.created@v2", "a=b~c", strings.Repeat("a", 200), strings.Repeat("a", 201), "é", "a\nb"}
	for c := range 256 {
		candidates = append(candidates, string(rune(c)), "a"+string([]byte{byte(c)})+"b")
	}
	for _, typ := range candidates {
		published, named := checkType("type", typ), core.ValidateEventType(typ)
		if (published == nil) != (named == nil) {
			t.Errorf("%q: as an event's type %v, as event_type of a definition %v", typ, published, named)
		}
	}
}
