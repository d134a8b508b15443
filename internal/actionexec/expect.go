package actionexec

import (
	"encoding/json"
	"strconv"
	"strings"

	activitycore "github.com/activity-core/activity-core"
)

// statuses is expect.status: each entry a status, or a class from 1 to 5 as 2xx.
type statuses []string

func parseStatuses(raw json.RawMessage) (statuses, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return statuses{"2xx"}, nil
	}
	var list []any
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, badStatus(string(raw))
		}
	} else {
		var one any
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, badStatus(string(raw))
		}
		list = []any{one}
	}
	want := statuses{}
	for _, v := range list {
		switch v := v.(type) {
		case float64:
			want = append(want, strconv.Itoa(int(v)))
		case string:
			want = append(want, strings.ToLower(v))
		default:
			return nil, badStatus(v)
		}
		last := want[len(want)-1]
		if len(last) != 3 || last[0] < '1' || last[0] > '5' || last[1:] != "xx" && (last[1] < '0' || last[1] > '9' || last[2] < '0' || last[2] > '9') {
			return nil, badStatus(last)
		}
	}
	return want, nil
}

func badStatus(v any) error {
	return activitycore.InvalidField("with.expect.status", v, "is no HTTP status; write 200, 2xx, or a list of them")
}

func (s statuses) match(status int) bool {
	text := strconv.Itoa(status)
	for _, want := range s {
		if want == text || strings.HasSuffix(want, "xx") && want[0] == text[0] {
			return true
		}
	}
	return false
}

// String is for messages: "200, 202 or 3xx".
func (s statuses) String() string {
	if len(s) == 0 {
		return "none"
	}
	if len(s) == 1 {
		return s[0]
	}
	return strings.Join(s[:len(s)-1], ", ") + " or " + s[len(s)-1]
}
