package ruleeval

import (
	"fmt"
	"strconv"
	"strings"

	core "github.com/activity-core/activity-core"
)

// How much of an answer is kept, in bytes.
const (
	defaultKeptBytes = 64 << 10
	maxKeptBytes     = 1 << 20
)

var httpRequest = ActionSpec{
	Type:   core.ActionHTTPRequest,
	Doc:    "Sends one request over HTTP; its result is {status, headers, body, truncated}.",
	Answer: &Answer{Field: "body", Fault: bodyFault},
	Params: []Param{
		{Name: "method", Kind: KindString, Enum: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, Default: "POST", Doc: "The HTTP method."},
		{Name: "url", Kind: KindString, Required: true, Position: PositionURL, MaxLen: 8 << 10, Doc: "An http:// or https:// URL; inserted values are escaped by where they stand."},
		{Name: "query", Kind: KindMap, Elem: &Param{Kind: KindAny}, Doc: "Query parameters, appended escaped; a list repeats the parameter."},
		{Name: "headers", Kind: KindMap, Elem: &Param{Kind: KindString, Position: PositionHeader, MaxLen: 8 << 10}, Doc: "Request headers; a value may not be a secret."},
		{Name: "secret_headers", Kind: KindMap, Elem: &Param{Kind: KindString, Position: PositionSecret, MaxLen: 200}, Doc: "Maps a header to the name of the secret that is its value."},
		{Name: "body", Kind: KindAny, Doc: "The body: text is sent as it is, anything else as JSON."},
		{Name: "expect", Kind: KindObject, Doc: "What the response must be for the action to succeed.", Fields: []Param{
			{Name: "status", Kind: KindStatus, Default: "2xx", Doc: "A status, a class such as 2xx, or a list of them."},
			{Name: "body", Kind: KindCEL, Doc: "A CEL condition over status, headers (names in lower case) and body (decoded JSON, else text)."},
		}},
		{Name: "sign", Kind: KindString, Position: PositionSecret, MaxLen: 200, Doc: "The secret to sign with, as Standard Webhooks describe."},
		{Name: "max_response_bytes", Kind: KindInt, Min: 0, Max: maxKeptBytes, Default: int64(defaultKeptBytes), Doc: "How much of the response is kept for steps.<name>."},
	},
	Example: map[string]any{"url": "https://example.com/hooks/build"},
	decode:  decodeHTTP,
}

// HTTPRequestParams are the parameters of http_request.
type HTTPRequestParams struct {
	Method string // POST if absent
	URL    string
	// Query is appended to the URL's own, in key order.
	Query   map[string][]string
	Headers map[string]string
	// SecretHeaders maps a header to the name of the secret that is its value.
	SecretHeaders map[string]string
	// Body is sent if HasBody: text as it is, anything else as JSON.
	Body    any
	HasBody bool
	Expect  Expectation
	// Sign names the secret of a Standard Webhooks signature, or is empty.
	Sign string
	// MaxResponseBytes is how much of the response is kept, 0 to 1 MiB; 64 KiB if absent.
	MaxResponseBytes int64
}

// Expectation is what a response must be.
type Expectation struct {
	Status StatusSet // 2xx if absent
	// Body is a condition for [CompileResponse], or empty.
	Body string
}

// StatusSet is a set of HTTP statuses.
type StatusSet []StatusRange

// StatusRange are the statuses From to To, both inclusive.
type StatusRange struct{ From, To int }

// Contains reports whether status is in the set.
func (s StatusSet) Contains(status int) bool {
	for _, r := range s {
		if status >= r.From && status <= r.To {
			return true
		}
	}
	return false
}

// String writes the set as a definition does.
func (s StatusSet) String() string {
	parts := make([]string, len(s))
	for i, r := range s {
		if r.From == r.To {
			parts[i] = strconv.Itoa(r.From)
		} else {
			parts[i] = strconv.Itoa(r.From/100) + "xx"
		}
	}
	return strings.Join(parts, ", ")
}

func decodeHTTP(f fields) any {
	p := &HTTPRequestParams{Method: f.text("method", "POST"), URL: f.text("url", ""), Headers: f.texts("headers"),
		SecretHeaders: f.texts("secret_headers"), Sign: f.text("sign", ""), MaxResponseBytes: defaultKeptBytes}
	p.Body, p.HasBody = f["body"]
	if n, ok := f["max_response_bytes"].(int64); ok {
		p.MaxResponseBytes = n
	}
	if m, ok := f["query"].(map[string]any); ok {
		p.Query = decodeQuery(m)
	}
	p.Expect.Status = StatusSet{{200, 299}}
	if e, ok := f["expect"].(map[string]any); ok {
		if s, ok := e["status"]; ok {
			p.Expect.Status, _ = parseStatus(s)
		}
		p.Expect.Body, _ = e["body"].(string)
	}
	return p
}

// decodeQuery makes every parameter a list of texts; null in it is an absent filter.
func decodeQuery(m map[string]any) map[string][]string {
	query := make(map[string][]string, len(m))
	for name, v := range m {
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		values := []string{}
		for _, e := range list {
			if e == nil {
				continue
			}
			if text, err := nativeText(e); err == nil {
				values = append(values, text)
			}
		}
		query[name] = values
	}
	return query
}

// parseStatus reads 200, "200", "2xx" or a list of them.
func parseStatus(v any) (StatusSet, error) {
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			return nil, fmt.Errorf("must name at least one status")
		}
		var set StatusSet
		for _, e := range list {
			if _, nested := e.([]any); nested {
				return nil, fmt.Errorf("must be a status such as 200, a class such as 2xx, or a list of them")
			}
			s, err := parseStatus(e)
			if err != nil {
				return nil, err
			}
			set = append(set, s...)
		}
		return set, nil
	}
	n, ok := wholeNumber(v)
	if s, text := v.(string); text {
		if len(s) == 3 && s[0] >= '1' && s[0] <= '5' && strings.EqualFold(s[1:], "xx") {
			from := int(s[0]-'0') * 100
			return StatusSet{{from, from + 99}}, nil
		}
		i, err := strconv.ParseUint(s, 10, 16)
		n, ok = int64(i), err == nil
	}
	if !ok || n < 100 || n > 599 {
		return nil, fmt.Errorf("must be a status such as 200, a class such as 2xx, or a list of them; it is %s", describeNative(v))
	}
	return StatusSet{{int(n), int(n)}}, nil
}

// bodyFault says why an answer's body is no JSON that has fields.
func bodyFault(a core.PlannedAction, answer map[string]any) (why string, cut bool) {
	body, text := answer["body"].(string)
	headers, _ := answer["headers"].(map[string]any)
	media, _ := headers["content-type"].(string)
	switch {
	case answer["truncated"] == true:
		limit := int64(defaultKeptBytes)
		if n, ok := a.With["max_response_bytes"].(int64); ok {
			limit = n
		}
		return fmt.Sprintf("the answer is larger than max_response_bytes (%d) and was cut there, so it is text; raise max_response_bytes of the action %q (at most %d)", limit, a.Name, maxKeptBytes), true
	case !text:
		return "", false
	case strings.EqualFold(fmt.Sprint(a.With["method"]), "HEAD"):
		return fmt.Sprintf("the answer (status %v) has no body, since the method is HEAD", answer["status"]), false
	case strings.TrimSpace(body) == "":
		return fmt.Sprintf("the answer (status %v) has no body", answer["status"]), false
	case media != "":
		return fmt.Sprintf("the answer (status %v) is %s, no JSON", answer["status"], media), false
	}
	return fmt.Sprintf("the answer (status %v) is text, no JSON", answer["status"]), false
}
