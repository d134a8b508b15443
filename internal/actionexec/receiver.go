package actionexec

import (
	"strings"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// Receiver names whom an attempt at an action waits for: the host and port of a request, the task queue of a workflow whose
// result is waited for; "" for all others, which are quick.
func (e *Executor) Receiver(a activitycore.PlannedAction) string {
	params, err := ruleeval.Decode(a)
	if err != nil {
		return ""
	}
	switch p := params.(type) {
	case *ruleeval.HTTPRequestParams:
		return receiverOf(p.URL)
	case *ruleeval.ReportProgressParams:
		if e.cfg.Hub != nil {
			return receiverOf(e.cfg.Hub.String())
		}
	case *ruleeval.StartWorkflowParams:
		if p.Wait {
			return strings.Join([]string{"workflow", p.Namespace, p.TaskQueue}, "\x00")
		}
	}
	return ""
}

// ContextReceiver names the host and port that an HTTP source comes from.
func (e *Executor) ContextReceiver(s activitycore.HTTPSource) string { return receiverOf(s.URL) }

func receiverOf(raw string) string {
	u, err := outbound.ParseURL(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname()) + ":" + outbound.PortOf(u)
}
