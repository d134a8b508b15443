package temporalrun

import (
	"fmt"
	"net/http"
	"strings"

	activitycore "github.com/activity-core/activity-core"
)

// Defaults of an http_request's parameters, as documented.
const (
	defaultKeptBytes = 64 << 10
	maxKeptBytes     = 1 << 20
)

// undelivered says why an answer is not what the definition asked for, "" if it may be: a later action of the item cannot
// do without a field of its body, and the body has no fields. later are the item's actions after it.
func (b *batch) undelivered(rec activitycore.PlannedAction, res activitycore.ActionResult, later []activitycore.ActionRecord) string {
	if rec.Type != activitycore.ActionHTTPRequest || rec.Name == "" || res.Status != activitycore.ActionSucceeded {
		return ""
	}
	answer, why := bodyFault(rec, res)
	if why == "" || answer["truncated"] == true {
		return "" // what was cut was delivered all the same
	}
	for _, l := range later {
		for _, read := range b.resolver.Reads(l.PlannedAction) {
			if read.Step == rec.Name && read.Certain && len(read.Path) > 1 && read.Path[0] == "body" {
				return fmt.Sprintf("%s; actions[%d] needs %s of it", why, l.ActionIndex, read.Text())
			}
		}
	}
	return ""
}

// explained adds to the error of an action that reads an earlier one's result what became of that result.
func (b *batch) explained(err error, action activitycore.PlannedAction, earlier []activitycore.ActionRecord, results map[string]activitycore.ActionResult) error {
	message := activitycore.MessageOf(err)
	for _, read := range b.resolver.Reads(action) {
		res, known := results[read.Step]
		if !known || !strings.Contains(message, "steps."+read.Step) {
			continue
		}
		if res.Status != activitycore.ActionSucceeded {
			return activitycore.Wrap(activitycore.CodeOf(err), err, "%s: the action %q failed", message, read.Step)
		}
		for _, rec := range earlier {
			if rec.Name != read.Step || rec.Type != activitycore.ActionHTTPRequest || len(read.Path) == 0 || read.Path[0] != "body" {
				continue
			}
			if _, why := bodyFault(rec.PlannedAction, res); why != "" {
				return activitycore.Wrap(activitycore.CodeOf(err), err, "%s: %s", message, why)
			}
		}
	}
	return err
}

// bodyFault is an http_request's answer, and why its body is no JSON that has fields; "" if it is, or is a list.
func bodyFault(rec activitycore.PlannedAction, res activitycore.ActionResult) (answer map[string]any, why string) {
	v, err := resultValue(res.Result)
	answer, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, ""
	}
	body, text := answer["body"].(string)
	headers, _ := answer["headers"].(map[string]any)
	media, _ := headers["content-type"].(string)
	switch {
	case answer["truncated"] == true:
		limit := int64(defaultKeptBytes)
		if n, ok := rec.With["max_response_bytes"].(int64); ok {
			limit = n
		}
		return answer, fmt.Sprintf("the answer is larger than max_response_bytes (%d) and was cut there, so it is text; raise max_response_bytes of the action %q (at most %d)", limit, rec.Name, maxKeptBytes)
	case !text:
		return answer, ""
	case strings.EqualFold(fmt.Sprint(rec.With["method"]), http.MethodHead):
		return answer, fmt.Sprintf("the answer (status %v) has no body, since the method is HEAD", answer["status"])
	case strings.TrimSpace(body) == "":
		return answer, fmt.Sprintf("the answer (status %v) has no body", answer["status"])
	case media != "":
		return answer, fmt.Sprintf("the answer (status %v) is %s, no JSON", answer["status"], media)
	}
	return answer, fmt.Sprintf("the answer (status %v) is text, no JSON", answer["status"])
}
