package catalog

import (
	"time"

	core "github.com/activity-core/activity-core"
)

// Outlook is when a cron definition fires next. One that is held has no next fire: it has the
// reason, and when it would fire otherwise. All is empty for other definitions, and where no
// time is left.
type Outlook struct {
	NextFire *time.Time `json:"next_fire,omitempty"`
	// Held says why it does not fire: paused, disabled or both.
	Held string `json:"held,omitempty"`
	// WouldFire is when it would fire next if it were not held.
	WouldFire *time.Time `json:"would_fire,omitempty"`
}

// OutlookOf is the outlook of a definition as it stands.
func OutlookOf(d core.StoredDefinition, now time.Time) Outlook {
	return outlook(&d.Definition, d.Paused, now)
}

// outlook is that of a document under a pause, which is none of the document's own.
func outlook(def *core.Definition, pause *core.Pause, now time.Time) Outlook {
	next := nextFire(def, now)
	if next == nil {
		return Outlook{}
	}
	if held := heldBy(def, pause); held != "" {
		return Outlook{Held: held, WouldFire: next}
	}
	return Outlook{NextFire: next}
}

// heldBy says why a definition does not fire as things are; empty if it does.
func heldBy(def *core.Definition, pause *core.Pause) string {
	switch {
	case pause != nil && !def.Enabled:
		return "paused by " + pause.By + ", and disabled"
	case pause != nil:
		return "paused by " + pause.By
	case !def.Enabled:
		return "disabled"
	}
	return ""
}

// nextFire is the next time that the expression of a definition names, whether or not it is held.
func nextFire(def *core.Definition, now time.Time) *time.Time {
	if def.TriggerType != core.TriggerCron {
		return nil
	}
	spec, err := CronSpec(def)
	if err != nil {
		return nil
	}
	if t, ok := spec.Next(now); ok {
		return &t
	}
	return nil
}
