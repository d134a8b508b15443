package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/envelope"
)

// content is the body of a genuine request, as an event's payload.
type content struct {
	payload json.RawMessage
	// members are the body's, if it is an object: by their exact names, since JSON's are
	// case-sensitive.
	members map[string]json.RawMessage
}

func contentOf(payload []byte) content {
	c := content{payload: payload}
	_ = json.Unmarshal(payload, &c.members) // what is no object has no members
	return c
}

// text returns a member that is a string, "" for any other: it is the sender's business.
func (c content) text(name string) string { return text(c.members[name]) }

// within returns a string in a member that is an object.
func (c content) within(object, name string) string {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(c.members[object], &m)
	return text(m[name])
}

// subject is such a string where an event's subject may look like it; a genuine delivery is not
// refused for it.
func (c content) subject(object, name string) string {
	s := c.within(object, name)
	if len(s) > envelope.MaxTextLength || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return ""
	}
	return s
}

func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

// readJSON reads a body that has to be JSON, itself or in the field payload of a form, which
// GitHub and Gitea send if they are set to application/x-www-form-urlencoded.
func readJSON(h http.Header, body []byte) (content, error) {
	const remedy = "set the webhook's content type to application/json"
	media := mediaType(h)
	if media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil || !form.Has("payload") {
			return content{}, core.Errorf(core.CodeMalformed, "the form holds no field payload; %s", remedy)
		}
		body = []byte(form.Get("payload"))
	}
	body = core.WithoutBOM(body)
	err := envelope.CheckPayload(body)
	switch {
	case err != nil && isJSON(media):
		return content{}, core.Wrap(core.CodeMalformed, err, "the body is announced as JSON, and is not: %s", core.MessageOf(err))
	case err != nil:
		return content{}, core.Wrap(core.CodeMalformed, err, "the body is not JSON (%s); %s", core.MessageOf(err), remedy)
	}
	return contentOf(body), nil
}

// readAny reads whatever a sender sends: JSON as it is, text as a string, other bytes as a
// string of base64. What is announced as something else than JSON counts as JSON if it is an
// object or a list. Only JSON that is nested too deeply for an event is refused.
func readAny(h http.Header, body []byte) (content, error) {
	media := mediaType(h)
	if media == "application/x-www-form-urlencoded" {
		if c, err := readJSON(h, body); err == nil {
			return c, nil
		}
	}
	body = core.WithoutBOM(body)
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 {
		return content{payload: json.RawMessage("null")}, nil
	}
	if isJSON(media) || trimmed[0] == '{' || trimmed[0] == '[' {
		err := envelope.CheckPayload(body)
		if err == nil {
			return contentOf(body), nil
		}
		if json.Valid(body) && utf8.Valid(body) { // an event cannot have it
			return content{}, err
		}
	}
	as := string(body)
	if !utf8.Valid(body) {
		as = base64.StdEncoding.EncodeToString(body)
	}
	payload, err := json.Marshal(as)
	return content{payload: payload}, err
}

func mediaType(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return strings.ToLower(strings.TrimSpace(h.Get("Content-Type")))
	}
	return media
}

// isJSON tells whether a media type, or none, announces JSON.
func isJSON(media string) bool {
	return media == "" || media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}
