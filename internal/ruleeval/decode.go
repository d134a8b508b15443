package ruleeval

import (
	"fmt"
	"strconv"
	"strings"

	activitycore "github.com/activity-core/activity-core"
)

// CreateTaskParams are the parameters of create_task.
type CreateTaskParams struct {
	Title       string
	Description string
	Labels      []string
	Priority    string // one of Priorities; normal if absent
	Assignee    string
	UniqueKey   string
	IfOpen      activitycore.IfOpen // skip if absent
	Comment     string
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

// PublishEventParams are the parameters of publish_event.
type PublishEventParams struct {
	Type, Source, Subject string
	Payload               any // never nil; an empty map if absent
	EventID               string
	Extensions            map[string]any // nil if absent
}

// StartWorkflowParams are the parameters of start_workflow.
type StartWorkflowParams struct {
	WorkflowType, TaskQueue string
	WorkflowID, Namespace   string // empty: the caller's default
	// Args are the arguments; input is the only one where it is used.
	Args             []any
	Wait             bool
	Memo             map[string]any
	ExecutionTimeout activitycore.Duration // 0: none
}

// ReportProgressParams are the parameters of report_progress.
type ReportProgressParams struct {
	Message string
	Percent *float64 // nil if absent
	Status  string   // running if absent
	Subject string
	Data    any
}

// Decode checks the resolved parameters of an action and returns them as a
// pointer to the struct of its type. It fails with CodeInvalid if a parameter is
// wrong, and if a.Deferred is set: such an action goes through [ResolveDeferred] first.
func Decode(a activitycore.PlannedAction) (any, error) {
	if a.Deferred {
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "action %s still waits for the results of earlier steps", a.Key)
	}
	return DecodeParams(a.Type, a.With)
}

// DecodeParams is [Decode] for parameters alone.
func DecodeParams(t activitycore.ActionType, with map[string]any) (any, error) {
	p := paramsRoot(t)
	if p == nil {
		return nil, activitycore.InvalidField("type", string(t), "%q is not an action type", t)
	}
	if with == nil {
		with = map[string]any{}
	}
	v, err := coerce(p, with, nil, nil)
	if err != nil {
		return nil, fieldError("", err)
	}
	return decodeParams(t, fields(v.(map[string]any))), nil
}

// fields reads parameters that coerce has checked.
type fields map[string]any

func (f fields) text(name, absent string) string {
	if s, ok := f[name].(string); ok {
		return s
	}
	return absent
}

func (f fields) texts(name string) map[string]string {
	m, ok := f[name].(map[string]any)
	if !ok {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k], _ = v.(string)
	}
	return out
}

func decodeParams(t activitycore.ActionType, f fields) any {
	switch t {
	case activitycore.ActionCreateTask:
		p := &CreateTaskParams{
			Title: f.text("title", ""), Description: f.text("description", ""), Priority: f.text("priority", "normal"),
			Assignee: f.text("assignee", ""), UniqueKey: f.text("unique_key", ""), Comment: f.text("comment", ""),
			IfOpen: activitycore.IfOpen(f.text("if_open", string(activitycore.IfOpenSkip))),
		}
		list, _ := f["labels"].([]any)
		for _, l := range list {
			p.Labels = append(p.Labels, l.(string))
		}
		return p
	case activitycore.ActionHTTPRequest:
		return decodeHTTP(f)
	case activitycore.ActionPublishEvent:
		p := &PublishEventParams{Type: f.text("type", ""), Source: f.text("source", ""), Subject: f.text("subject", ""),
			Payload: f["payload"], EventID: f.text("event_id", "")}
		p.Extensions, _ = f["extensions"].(map[string]any)
		if p.Payload == nil {
			p.Payload = map[string]any{}
		}
		return p
	case activitycore.ActionStartWorkflow:
		p := &StartWorkflowParams{WorkflowType: f.text("workflow_type", ""), TaskQueue: f.text("task_queue", ""),
			WorkflowID: f.text("workflow_id", ""), Namespace: f.text("namespace", "")}
		if in, ok := f["input"]; ok {
			p.Args = []any{in}
		} else {
			p.Args, _ = f["args"].([]any)
		}
		p.Wait, _ = f["wait"].(bool)
		p.Memo, _ = f["memo"].(map[string]any)
		p.ExecutionTimeout, _ = activitycore.ParseDuration(f.text("execution_timeout", "0s"))
		return p
	default:
		p := &ReportProgressParams{Message: f.text("message", ""), Status: f.text("status", "running"), Subject: f.text("subject", ""), Data: f["data"]}
		switch v := f["percent"].(type) {
		case int64:
			n := float64(v)
			p.Percent = &n
		case float64:
			p.Percent = &v
		}
		return p
	}
}

func decodeHTTP(f fields) *HTTPRequestParams {
	p := &HTTPRequestParams{Method: f.text("method", "POST"), URL: f.text("url", ""), Headers: f.texts("headers"),
		SecretHeaders: f.texts("secret_headers"), Sign: f.text("sign", ""), MaxResponseBytes: 64 << 10}
	p.Body, p.HasBody = f["body"]
	if n, ok := f["max_response_bytes"].(int64); ok {
		p.MaxResponseBytes = n
	}
	if m, ok := f["query"].(map[string]any); ok {
		p.Query = make(map[string][]string, len(m))
		for k, v := range m {
			list, many := v.([]any)
			if !many {
				list = []any{v}
			}
			values := []string{}
			for _, e := range list {
				if e == nil {
					continue // an absent filter
				}
				text, err := nativeText(e)
				if err != nil {
					continue
				}
				values = append(values, text)
			}
			p.Query[k] = values
		}
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
