package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	core "github.com/activity-core/activity-core"
)

func translateGitHub(h http.Header, body content) (core.Event, error) {
	return translateForge(GitHub, h.Get("X-GitHub-Event"), h.Get("X-GitHub-Delivery"), "X-GitHub", body)
}

func translateGitea(h http.Header, body content) (core.Event, error) {
	return translateForge(Gitea, h.Get("X-Gitea-Event"), h.Get("X-Gitea-Delivery"), "X-Gitea", body)
}

func translateForge(source Source, event, delivery, prefix string, body content) (core.Event, error) {
	if event == "" {
		return core.Event{}, missing(prefix+"-Event", "the event's name")
	}
	if delivery == "" {
		return core.Event{}, missing(prefix+"-Delivery", "the delivery's ID")
	}
	e := core.Event{EventID: delivery, Type: typed(source, word(event)), Subject: body.subject("repository", "full_name")}
	return withAction(e, source, event, body.text("action")), nil
}

// translateGitLab: the event is named "Merge Request Hook"; the ID of a delivery is the header
// Idempotency-Key (GitLab 17.4 and later), which its retries repeat. Before that there is only
// X-Gitlab-Event-UUID, which GitLab also repeats for other events that a webhook itself caused,
// so the body's hash is added to it.
func translateGitLab(h http.Header, body content) (core.Event, error) {
	event := h.Get("X-Gitlab-Event")
	if event == "" {
		return core.Event{}, missing("X-Gitlab-Event", "the event's name")
	}
	id := h.Get("Idempotency-Key")
	if id == "" {
		digest := sha256.Sum256(body.payload)
		uuid := h.Get("X-Gitlab-Event-UUID")
		if uuid == "" {
			return core.Event{}, missing("Idempotency-Key", "the delivery's ID (X-Gitlab-Event-UUID in older GitLabs)")
		}
		id = uuid + "." + hex.EncodeToString(digest[:6])
	}
	event = strings.TrimSuffix(event, " Hook")
	e := core.Event{EventID: id, Type: typed(GitLab, word(event)), Subject: body.subject("project", "path_with_namespace")}
	return withAction(e, GitLab, event, body.within("object_attributes", "action")), nil
}

// withAction adds the type that names the action, too.
func withAction(e core.Event, source Source, event, action string) core.Event {
	if also := typed(source, word(event)+"."+word(action)); word(action) != "" && also != e.Type {
		e.AlsoTypes = []string{also}
	}
	return e
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
