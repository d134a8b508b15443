package activitycore

import (
	"context"
	"time"
)

// DriftKinds are all kinds of drift.
func DriftKinds() []DriftKind {
	return []DriftKind{DriftMissing, DriftExtra, DriftChanged, DriftPausedOutside, DriftState}
}

// ScheduleWant is what the record wants a schedule to be like.
type ScheduleWant string

// The wishes. Of a disabled definition there may be no schedule; one that exists is held.
const (
	WantFiring   ScheduleWant = "firing"
	WantPaused   ScheduleWant = "paused"
	WantDisabled ScheduleWant = "disabled"
	WantNone     ScheduleWant = "none" // the definition is deleted, unknown, or has no cron trigger any more
)

// ScheduleProgress says whether a schedule follows its definition.
type ScheduleProgress string

// The states. What is refused waits for an edit of the definition, or for the next sync of
// everything.
const (
	ScheduleFollows ScheduleProgress = "follows"
	SchedulePending ScheduleProgress = "pending"
	ScheduleRefused ScheduleProgress = "refused"
)

// ScheduleState is what the record knows of one schedule. Temporal is not asked for it.
type ScheduleState struct {
	ScheduleID   string           `json:"schedule_id"`
	ActivityID   string           `json:"activity_id"`
	ActivityName string           `json:"activity_name,omitempty"`
	Wanted       ScheduleWant     `json:"wanted" enum:"firing,paused,disabled,none"`
	State        ScheduleProgress `json:"state" enum:"follows,pending,refused"`
	// Error says why the schedule does not follow yet.
	Error    string `json:"error,omitempty"`
	Code     Code   `json:"code,omitempty"`
	Revision int64  `json:"-"`
	// Drift is how it differed at the last observation.
	Drift []ScheduleDrift `json:"drift,omitempty"`
}

// ScheduleSelection restricts a list of schedules: "", [OnlyPending], or a kind of drift.
type ScheduleSelection string

// OnlyPending selects the schedules that do not follow yet, refused ones among them.
const OnlyPending ScheduleSelection = "pending"

// ScheduleFilter restricts a list of schedules; zero fields do not.
type ScheduleFilter struct {
	Only ScheduleSelection
	// NamePrefix matches the start of the activity's name.
	NamePrefix string
}

// ScheduleObservation is what a comparison of all schedules with the record saw.
type ScheduleObservation struct {
	// At is when Temporal was asked.
	At time.Time `json:"at"`
	// By is the process that asked.
	By       string `json:"by"`
	DryRun   bool   `json:"dry_run"`
	Wanted   int    `json:"wanted"`   // schedules the record asks for
	Observed int    `json:"observed"` // schedules of ours that Temporal listed
	InSync   int    `json:"in_sync"`
	// Drift counts the differences by kind; kinds without any are absent.
	Drift map[DriftKind]int `json:"drift"`
	// Mended is how many of them the same sync put right.
	Mended  int     `json:"mended"`
	Writes  int     `json:"writes"`
	Seconds float64 `json:"seconds"`
	// Blocked explains why deletions were held back, or is empty.
	Blocked string `json:"blocked,omitempty"`
	// Error says why the sync ended before it had written everything.
	Error string `json:"error,omitempty"`
	// Failed is a later attempt that came to no comparison.
	Failed *FailedObservation `json:"failed,omitempty"`
}

// FailedObservation is an attempt to compare all schedules that failed.
type FailedObservation struct {
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	Error string    `json:"error"`
	Code  Code      `json:"code"`
}

// Differ is how many differences were left when the comparison was over.
func (o ScheduleObservation) Differ() (n int) {
	for _, of := range o.Drift {
		n += of
	}
	return n - o.Mended
}

// ScheduleObservations keeps what schedules in Temporal were last seen to be like, so that
// nobody has to ask Temporal for a list.
type ScheduleObservations interface {
	// ObserveSchedules keeps an observation and each difference it saw, in place of those before.
	// One that is older than what is kept changes nothing.
	ObserveSchedules(ctx context.Context, o ScheduleObservation, drift []ScheduleDrift) error
	// ObservationFailed notes an attempt that failed; the observation before stays.
	ObservationFailed(ctx context.Context, f FailedObservation) error
	// LastObservation is the observation kept; At is zero if there is none, Failed may be set all
	// the same.
	LastObservation(ctx context.Context) (ScheduleObservation, error)
	// Schedules lists what is known of the schedules of live cron definitions, by name ascending.
	// With [OnlyPending] it lists those that do not follow yet, newest change first, also of
	// definitions that are deleted or have no cron trigger any more. With a kind of drift it lists
	// those that the last observation saw differ so, by the name they had then, also those that no
	// definition has.
	Schedules(ctx context.Context, f ScheduleFilter, p PageRequest) (Page[ScheduleState], error)
}
