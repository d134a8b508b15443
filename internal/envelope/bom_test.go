package envelope

import (
	"strings"
	"testing"
)

// The sample bom-events: programs on Windows write a byte order mark before UTF-8 text.
func TestAByteOrderMarkBeforeAnEventIsReadPast(t *testing.T) {
	const bom, ce = "\ufeff", `{"specversion":"1.0","type":"a","source":"s","id":"1","data":{"a":1}}`
	binary := func(contentType string) Header {
		return Header{"ce-specversion": {"1.0"}, "ce-type": {"a"}, "ce-source": {"/s"}, "ce-id": {"1"}, "content-type": {contentType}}
	}
	for name, c := range map[string]struct {
		h             Header
		data, payload string
	}{
		"own":         {nil, bom + `{"event_id":"1","type":"a","payload":{"a":1}}`, `{"a":1}`},
		"structured":  {nil, bom + ce, `{"a":1}`},
		"binary":      {binary("application/json"), bom + `{"a":1}`, `{"a":1}`},
		"binary text": {binary("text/plain"), bom + `hello`, `"hello"`},
		"base64":      {nil, `{"specversion":"1.0","type":"a","source":"s","id":"1","data_base64":"77u/eyJhIjoxfQ=="}`, `{"a":1}`},
	} {
		e, err := Decode(c.h, []byte(c.data))
		if err != nil || string(e.Payload) != c.payload {
			t.Errorf("%s: payload %s, %v; want %s", name, e.Payload, err, c.payload)
		}
	}
	batch, err := DecodeBatch([]byte(bom + "[" + ce + "]"))
	if err != nil || len(batch) != 1 {
		t.Errorf("batch: %d events, %v; want 1", len(batch), err)
	}
	if _, err := Decode(nil, []byte(bom+`{"a":1,}`)); err == nil || !strings.Contains(err.Error(), "at byte 8") {
		t.Errorf("the byte is not counted behind the mark: %v", err)
	}
	for _, utf16 := range []string{"\xff\xfe{\x00}\x00", "\xfe\xff\x00{\x00}"} {
		if _, err := Decode(nil, []byte(utf16)); err == nil || !strings.Contains(err.Error(), "UTF-16") {
			t.Errorf("UTF-16 is not named: %v", err)
		}
	}
}
