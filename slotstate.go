package activitycore

// SlotState is what Temporal knows of the execution of one nominal time.
type SlotState string

// The slot states.
const (
	SlotAbsent SlotState = "absent" // there is no execution
	SlotOpen   SlotState = "open"   // its execution has not ended; it may wait for a worker
	SlotClosed SlotState = "closed" // its execution has ended
)
