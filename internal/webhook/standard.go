package webhook

import (
	"net/http"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/standardwebhook"
)

// beginStandard reads the headers of Standard Webhooks, or Svix's of the same meaning.
func beginStandard(secrets []string, h http.Header, now time.Time) (prover, error) {
	proof, err := standardwebhook.ReadProof(h, now)
	if err != nil {
		return nil, err
	}
	keys := standardKeys(secrets)
	return func(body []byte) error { return proof.Check(keys, body) }, nil
}

// standardKeys leaves out what is no secret: the configuration was refused for it.
func standardKeys(secrets []string) (keys []standardwebhook.Key) {
	for _, s := range secrets {
		if k, err := standardwebhook.ParseSecret(s); err == nil {
			keys = append(keys, k)
		}
	}
	return keys
}

// translateStandard: the body is the sender's business. Where it is an object, its member type
// (or event_type, as some senders have it) names the event. The prefix keeps a sender from
// posing as another source.
func translateStandard(h http.Header, body content) (core.Event, error) {
	e := core.Event{EventID: standardwebhook.MessageID(h), Type: string(Standard)}
	for _, name := range []string{"type", "event_type"} {
		sent := body.text(name)
		fit := word(sent)
		if fit == "" {
			continue
		}
		e.Type = typed(Standard, fit)
		if as := typed(Standard, sent); as != e.Type && core.ValidateEventType(as) == nil { // what it was called before unfit bytes were mapped
			e.AlsoTypes = []string{as}
		}
		break
	}
	return e, nil
}
