package envelope

import (
	"slices"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestARepeatSaysTheSameHoweverItIsWritten(t *testing.T) {
	for _, same := range [][2]string{
		{`{"a":1,"b":[true,null]}`, ` { "b" : [ true , null ] , "a" : 1 } `},
		{`"ä<"`, `"\u00e4\u003c"`},
		{`[1,10,-2.5,0]`, `[1.0,1e1,-25E-1,-0.00]`},
		{`123456789012345678901234567890`, `1.2345678901234567890123456789e29`},
		{`1e9999999999`, `1e9999999999`},
		{``, `null`},
	} {
		a, b := core.Event{Payload: []byte(same[0])}, core.Event{Payload: []byte(same[1])}
		if got := Differences(&a, &b); len(got) > 0 {
			t.Errorf("%s and %s: differ in %v, want in nothing", same[0], same[1], got)
		}
	}
	for _, other := range [][2]string{
		{`{"a":1}`, `{"a":2}`}, {`{"a":1}`, `{"b":1}`}, {`{"a":1}`, `{"a":1,"b":null}`}, {`[1,2]`, `[2,1]`}, {`[1]`, `[1,1]`}, {`1`, `"1"`},
		{`123456789012345678901234567890`, `123456789012345678901234567891`}, {`1`, `-1`}, {`1`, `10`}, {`0.1`, `0.10000000000000001`},
		{`1e9999999999`, `1e9999999998`}, {`{}`, `[]`}, {`null`, `false`}, {`[]`, `null`},
	} {
		a, b := core.Event{Payload: []byte(other[0])}, core.Event{Payload: []byte(other[1])}
		if got := Differences(&a, &b); !slices.Equal(got, []string{"payload"}) {
			t.Errorf("%s and %s: differ in %v, want in the payload", other[0], other[1], got)
		}
	}
}

func TestOneCloudEventInThreeFormsIsOneEvent(t *testing.T) {
	structured, err := Decode(nil, []byte(`{"specversion":"1.0","id":"1","source":"/o","type":"a.b","partitionkey":"k","data":{"n":"ä","m":1}}`))
	if err != nil {
		t.Fatal(err)
	}
	binary, err := Decode(Header{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/o"}, "ce-type": {"a.b"}, "ce-partitionkey": {"k"},
		"ce-time": {"2026-03-01T00:00:00Z"}, "ce-traceparent": {"00-1"}}, []byte(`{"m":1,"n":"\u00e4"}`))
	if err != nil {
		t.Fatal(err)
	}
	own, err := Encode(structured)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := Decode(nil, own)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]core.Event{"binary": binary, "envelope": stored} {
		if got := Differences(&structured, &other); other.EventID != structured.EventID || len(got) > 0 {
			t.Errorf("%s: event %s differs in %v, want %s and no difference", name, other.EventID, got, structured.EventID)
		}
	}
}

func TestAKeptEventWithoutExtensionsIsComparedWithoutThem(t *testing.T) {
	given := core.Event{EventID: "e1", Type: "a", Extensions: core.Extensions{"k": "v"}}
	kept := core.EventRecord{Event: core.Event{EventID: "e1", Type: "a"}, StreamSeq: 7}
	if got := Conflict(&kept, &given); got == nil || got.KeptSequence != 7 || !slices.Equal(got.Differs, []string{"extensions"}) {
		t.Errorf("kept without any: %+v, want a conflict of extensions with sequence 7", got)
	}
	kept.NoExtensions = true
	if got := Conflict(&kept, &given); got != nil {
		t.Errorf("kept by a release that kept none: %+v, want no conflict", got)
	}
}
