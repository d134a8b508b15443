package envelope

import (
	"os"
	"reflect"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

// The sample cloudevents-extensions.
func TestExtensionAttributesAreKeptInEveryForm(t *testing.T) {
	sample, err := os.ReadFile("testdata/cloudevents-extensions/event.json")
	if err != nil {
		t.Fatal(err)
	}
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	binary := Header{"ce-specversion": {"1.0"}, "ce-type": {"a"}, "ce-source": {"/s"}, "ce-id": {"1"}, "Ce-Partitionkey": {"k%207"}, "ce-datacontenttype": {"x"}}
	for name, c := range map[string]struct {
		h    Header
		data string
		want core.Extensions
	}{
		"the sample": {nil, string(sample), core.Extensions{"partitionkey": "k-7", "traceparent": trace}},
		"of every kind": {nil, `{"specversion":"1.0","type":"a","source":"s","id":"1","a":true,"b":7,"c":1.5,"d":null,"e":{},"F":"x","g_h":"x","dataschema":"u","data":1}`,
			core.Extensions{"a": true, "b": int64(7), "c": 1.5}},
		"binary":             {binary, `{}`, core.Extensions{"partitionkey": "k 7"}},
		"our own":            {nil, `{"event_id":"1","type":"a","payload":1,"extensions":{"a":"x","b":9007199254740993}}`, core.Extensions{"a": "x", "b": int64(9007199254740993)}},
		"our own, null":      {nil, `{"event_id":"1","type":"a","payload":1,"extensions":null}`, nil},
		"our own, no member": {nil, `{"event_id":"1","type":"a","payload":1}`, nil},
	} {
		e, err := Decode(c.h, []byte(c.data))
		if err != nil || !reflect.DeepEqual(e.Extensions, c.want) {
			t.Errorf("%s: extensions %v, %v; want %v", name, e.Extensions, err, c.want)
			continue
		}
		raw, err := Encode(e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := Decode(nil, raw); err != nil || !reflect.DeepEqual(again.Extensions, c.want) {
			t.Errorf("%s: published as %s and read as %v, %v; want %v", name, raw, again.Extensions, err, c.want)
		}
	}
}

func TestAWrongExtensionIsNamed(t *testing.T) {
	for data, want := range map[string]string{
		`7`:            "extensions: must be an object",
		`{"A":1}`:      "extensions.A: is no name of an extension attribute",
		`{"type":"x"}`: "extensions.type: is an attribute of CloudEvents' own",
		`{"a":[1]}`:    "extensions.a: must be text, a number or a boolean",
		`{"a":null}`:   "extensions.a: must be text, a number or a boolean",
		`{"a":"x\ny"}`: "extensions.a: is no UTF-8 text without control characters",
		`{"a":"` + strings.Repeat("x", MaxTextLength+1) + `"}`: "extensions.a: is longer than 2048 bytes",
	} {
		_, err := Decode(nil, []byte(`{"event_id":"1","type":"a","payload":1,"extensions":`+data+`}`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v; want %s", data, err, want)
		}
	}
}
