package activitycore

// RunInput is the argument of RunActivityWorkflow, kept small: everything else
// is read from the record at admission. A schedule's action carries cause.kind
// cron without a nominal time, which the workflow reads from its own workflow
// ID, so that a make-up run started by us is the same as a native firing.
type RunInput struct {
	ActivityID string `json:"activity_id"`
	Cause      Cause  `json:"cause"`
}
