package slots

import (
	"fmt"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// outageOf finds the outage that kept a slot from starting within its grace: one that lasted at some moment between the
// slot and the end of the grace. The one that ends last explains most.
func outageOf(outages []activitycore.Outage, nominal time.Time, grace time.Duration) *activitycore.Outage {
	var found *activitycore.Outage
	for i, o := range outages {
		if o.From.After(nominal.Add(grace)) || !o.To.After(nominal) {
			continue
		}
		if found == nil || o.To.After(found.To) {
			found = &outages[i]
		}
	}
	return found
}

// gapOf finds the outage whose latest slot stands for a missed one under compress: of those that lasted at some moment between
// the slot and the end of its grace the one that began first, so that one that begins later does not change the answer. The outages are
// ordered by their start.
func gapOf(outages []activitycore.Outage, nominal time.Time, grace time.Duration) *activitycore.Outage {
	for i, o := range outages {
		if o.To.After(nominal) && !o.From.After(nominal.Add(grace)) {
			return &outages[i]
		}
	}
	return nil
}

// keptBy is the outage that kept a slot of the definition from starting, by its policy; nil if none is recorded.
func keptBy(def activitycore.StoredDefinition, outages []activitycore.Outage, nominal time.Time) *activitycore.Outage {
	if policyOf(def) == activitycore.MisfireCompress {
		return gapOf(outages, nominal, graceOf(def))
	}
	return outageOf(outages, nominal, graceOf(def))
}

// latestMissed is the last slot that the outage out kept from starting. Outages that follow on each other without a slot
// that could fire between them count as one.
func latestMissed(tl *timeline, outages []activitycore.Outage, nominal time.Time, out activitycore.Outage) time.Time {
	latest := nominal
	for {
		if t, ok := tl.last(latest, out.To); ok {
			latest = t
		}
		following, ok := tl.first(out.To)
		if !ok {
			return latest
		}
		next := outageOf(outages, following, 0)
		if next == nil {
			return latest
		}
		out = *next
	}
}

func describeOutage(o activitycore.Outage) string {
	return fmt.Sprintf("an outage (%s) from %s to %s", o.What, o.From.UTC().Format(time.RFC3339), o.To.UTC().Format(time.RFC3339))
}

// lateness is how late a slot of the outage out is for catchup_window: as late as it was when the outage ended, and later by
// what the recorded outages since have lasted. The time that earlier runs take does not count, or a backlog that is worked off one
// run at a time would push its own end out of the window. The outages are ordered by their start.
func lateness(outages []activitycore.Outage, nominal time.Time, out activitycore.Outage) time.Duration {
	late, end := out.To.Sub(nominal), out.To
	for _, o := range outages {
		if o.To.After(end) {
			late += o.To.Sub(later(o.From, end))
			end = o.To
		}
	}
	return late
}

// inGrace reports whether a slot that was late by so much when its outage ended is late only, and not missed. What happens
// after its grace does not change that: another outage, while it waits for its turn, does not make it missed.
func inGrace(def activitycore.StoredDefinition, late time.Duration) bool {
	return late <= graceOf(def)+def.TriggerConfig.Jitter.Std()
}

func windowReason(def activitycore.StoredDefinition, late time.Duration) string {
	return fmt.Sprintf("window: %s late, outside the catchup_window of %s", late.Round(time.Second), activitycore.Duration(windowOf(def)))
}
