package actionexec

import (
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
)

// ContextReceiver names the host and port that an HTTP source comes from.
func (e *Executor) ContextReceiver(s core.HTTPSource) string { return receiverOf(s.URL) }

func receiverOf(raw string) string {
	u, err := outbound.ParseURL(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname()) + ":" + outbound.PortOf(u)
}
