package temporalschedule

import (
	"maps"
	"slices"
	"strings"

	schedulepb "go.temporal.io/api/schedule/v1"

	core "github.com/activity-core/activity-core"
)

// Observed is one schedule of Temporal whose ID has our prefix.
type Observed struct {
	ActivityID string
	// Owned is true if the schedule carries our owner marker.
	Owned bool
	// Hash is what the schedule says it was made from; "" if it says nothing.
	Hash   string
	Paused bool
	Note   string
	// Spec is the spec as listed, possibly cut; nil if Schedule is known.
	Spec *schedulepb.ScheduleSpec
	// Schedule is the whole of it; nil if it was only listed.
	Schedule *schedulepb.Schedule
}

// Actions on a schedule, as in [core.ScheduleDrift].
const (
	ActionCreate  = "create"
	ActionUpdate  = "update"
	ActionPause   = "pause"
	ActionUnpause = "unpause"
	ActionDelete  = "delete"
	ActionAdopt   = "adopt"
	// ActionNone: something is wrong that this program must not change.
	ActionNone = "none"
)

// Change is one difference between record and Temporal and what is to be done about it.
type Change struct {
	ActivityID string
	Name       string
	Kind       core.DriftKind
	Action     string
	Detail     string
	// Unrecorded is true for the deletion of a schedule whose definition the record has never heard
	// of.
	Unrecorded bool
}

// Diff compares what the record asks for with what Temporal has. It is pure: the same input
// gives the same changes, ordered by activity ID. A schedule that differs in several ways has
// one change for each; an adoption comes before an update, because an update must know whether
// to leave the schedule paused.
func Diff(desired []Desired, observed []Observed) []Change {
	wanted := make(map[string]Desired, len(desired))
	for _, d := range desired {
		wanted[d.ActivityID] = d
	}
	seen := make(map[string]Observed, len(observed))
	for _, o := range observed {
		seen[o.ActivityID] = o
	}
	ids := make(map[string]struct{}, len(wanted))
	for id := range wanted {
		ids[id] = struct{}{}
	}
	for id := range seen {
		ids[id] = struct{}{}
	}
	var changes []Change
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		d, ok := wanted[id]
		if !ok {
			d = unrecorded(id)
		}
		o, there := seen[id]
		changes = append(changes, diffOne(d, o, there)...)
	}
	return changes
}

func diffOne(d Desired, o Observed, there bool) []Change {
	change := func(kind core.DriftKind, action, detail string) Change {
		return Change{ActivityID: d.ActivityID, Name: d.Name, Kind: kind, Action: action, Detail: detail}
	}
	switch {
	case there && !o.Owned && d.Presence == Absent:
		return nil
	case there && !o.Owned:
		return []Change{change(core.DriftChanged, ActionNone,
			"a schedule with our ID exists that does not bear the owner marker of this installation (reconcile.owner); delete it in Temporal, and the next sync will make ours")}
	case d.Presence == Absent && there:
		c := change(core.DriftExtra, ActionDelete, "the definition is deleted or has no cron trigger any more")
		if !d.Recorded {
			c.Unrecorded, c.Detail = true, "the record knows no such definition"
		}
		return []Change{c}
	case d.Presence == Absent || d.Presence == IfPresent && !there:
		return nil
	case d.Err != nil:
		return []Change{change(core.DriftChanged, ActionNone, "the definition cannot be turned into a schedule: "+d.Err.Error())}
	case !there:
		return []Change{change(core.DriftMissing, ActionCreate, "Temporal has no schedule for the definition")}
	}
	var changes []Change
	if detail := changedParts(d, o); detail != "" {
		changes = append(changes, change(core.DriftChanged, ActionUpdate, detail))
	}
	ours := strings.HasPrefix(o.Note, holdNote)
	switch {
	case d.Hold == "" && o.Paused && ours:
		changes = append(changes, change(core.DriftState, ActionUnpause, "held by activity-core, and the definition is to fire"))
	case o.Paused && !ours && !d.Paused:
		// Also if the definition is disabled: enabling it must not end the pause.
		changes = slices.Insert(changes, 0, change(core.DriftPausedOutside, ActionAdopt, "paused in Temporal: "+quoteNote(o.Note)))
	case d.Hold != "" && !o.Paused:
		changes = append(changes, change(core.DriftState, ActionPause, "fires, and "+d.Hold))
	case d.Hold != "" && !ours:
		// Without our note, resuming the definition would look like a pause made in Temporal.
		changes = append(changes, change(core.DriftState, ActionPause, "the pause does not say that it is ours"))
	case d.Hold != "" && o.Note != holdNote+d.Hold:
		// Another pause took the place of the one that was held first, or the definition was
		// disabled as well.
		changes = append(changes, change(core.DriftState, ActionPause, "held for another reason: "+d.Hold))
	}
	return changes
}

// changedParts says what is not as wanted; "" if nothing is, as far as o tells.
func changedParts(d Desired, o Observed) string {
	var parts []string
	switch {
	case o.Schedule != nil:
		parts = differences(d.Schedule, o.Schedule)
	case !sameListed(d.Schedule.GetSpec(), o.Spec):
		parts = []string{"spec"}
	}
	switch {
	case len(parts) > 0 && o.Hash == d.Hash:
		return "edited in Temporal: " + strings.Join(parts, ", ")
	case len(parts) > 0:
		return "differs from the definition: " + strings.Join(parts, ", ")
	case o.Hash != d.Hash:
		return "the search attribute " + core.SearchAttrSpecHash + " is not that of the definition"
	}
	return ""
}

func quoteNote(note string) string {
	if note == "" {
		return "no reason given"
	}
	return note
}
