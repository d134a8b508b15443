package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	activitycore "github.com/activity-core/activity-core"
)

// head is what we read of a body. Anything else that is there, or a member of another type, is the sender's business.
type head struct {
	Action           json.RawMessage `json:"action"`
	Type             json.RawMessage `json:"type"`
	Repository       json.RawMessage `json:"repository"`
	Project          json.RawMessage `json:"project"`
	ObjectAttributes json.RawMessage `json:"object_attributes"`
}

func readHead(body []byte) (h head) {
	_ = json.Unmarshal(body, &h) // a body that is no object has no head
	return h
}

func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

func member(raw json.RawMessage, name string) string {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(raw, &m)
	return text(m[name])
}

func translateGitHub(h http.Header, body []byte) (activitycore.Event, error) {
	return translateForge(GitHub, h.Get("X-GitHub-Event"), h.Get("X-GitHub-Delivery"), "X-GitHub", body)
}

func translateGitea(h http.Header, body []byte) (activitycore.Event, error) {
	return translateForge(Gitea, h.Get("X-Gitea-Event"), h.Get("X-Gitea-Delivery"), "X-Gitea", body)
}

func translateForge(source Source, event, delivery, prefix string, body []byte) (activitycore.Event, error) {
	if event == "" {
		return activitycore.Event{}, missing(prefix+"-Event", "the event's name")
	}
	if delivery == "" {
		return activitycore.Event{}, missing(prefix+"-Delivery", "the delivery's ID")
	}
	b := readHead(body)
	e := activitycore.Event{EventID: delivery, Type: typed(source, word(event)), Subject: member(b.Repository, "full_name")}
	if action := word(text(b.Action)); action != "" {
		e.AlsoTypes = []string{e.Type + "." + action}
	}
	return e, nil
}

// translateGitLab: the event is named "Merge Request Hook"; the ID of a delivery is the header Idempotency-Key (GitLab
// 17.4 and later), which its retries repeat. Before that there is only X-Gitlab-Event-UUID, which GitLab also repeats for other events that
// a webhook itself caused, so the body's hash is added to it.
func translateGitLab(h http.Header, body []byte) (activitycore.Event, error) {
	event := h.Get("X-Gitlab-Event")
	if event == "" {
		return activitycore.Event{}, missing("X-Gitlab-Event", "the event's name")
	}
	id := h.Get("Idempotency-Key")
	if id == "" {
		digest := sha256.Sum256(body)
		uuid := h.Get("X-Gitlab-Event-UUID")
		if uuid == "" {
			return activitycore.Event{}, missing("Idempotency-Key", "the delivery's ID (X-Gitlab-Event-UUID in older GitLabs)")
		}
		id = uuid + "." + hex.EncodeToString(digest[:6])
	}
	b := readHead(body)
	e := activitycore.Event{EventID: id, Type: typed(GitLab, word(strings.TrimSuffix(event, " Hook"))), Subject: member(b.Project, "path_with_namespace")}
	if action := word(member(b.ObjectAttributes, "action")); action != "" {
		e.AlsoTypes = []string{e.Type + "." + action}
	}
	return e, nil
}

// translateStandard: the payload's member type names the event, as the specification recommends. The prefix keeps
// a sender from posing as another source.
func translateStandard(h http.Header, body []byte) (activitycore.Event, error) {
	event := text(readHead(body).Type)
	if event == "" {
		return activitycore.Event{}, activitycore.InvalidField("type", nil, "is missing; a Standard Webhook's body is {type, timestamp, data}")
	}
	return activitycore.Event{EventID: h.Get(headerID), Type: typed(Standard, event)}, nil
}

// word makes a name fit for an event's type: "Merge Request" becomes merge_request.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '_'
		}
	}, strings.TrimSpace(s))
}
