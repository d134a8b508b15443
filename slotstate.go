package activitycore

// SlotState is what Temporal knows of one nominal time of a cron definition.
type SlotState string

// The slot states.
const (
	// SlotAbsent: no execution, and no schedule that would still start one.
	SlotAbsent SlotState = "absent"
	// SlotWaiting: no execution yet; the schedule holds the slot behind a longer run, or has not come to it.
	SlotWaiting SlotState = "waiting"
	// SlotOpen: its execution has not ended. It may wait for a worker.
	SlotOpen SlotState = "open"
	// SlotClosed: its execution has ended.
	SlotClosed SlotState = "closed"
)
