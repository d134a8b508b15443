package activitycore

// ActionType is what an action does.
type ActionType string

// The action types.
const (
	ActionCreateTask     ActionType = "create_task"
	ActionHTTPRequest    ActionType = "http_request"
	ActionPublishEvent   ActionType = "publish_event"
	ActionStartWorkflow  ActionType = "start_workflow"
	ActionReportProgress ActionType = "report_progress"
)

// ActionTypes lists every action type, in the order of the documentation.
func ActionTypes() []ActionType {
	return []ActionType{ActionCreateTask, ActionHTTPRequest, ActionPublishEvent, ActionStartWorkflow, ActionReportProgress}
}

// Action is one thing to do for one item.
type Action struct {
	Type ActionType `json:"type"`
	// Name makes the result available to later actions of the same item as steps.<name>.
	Name string `json:"name,omitempty"`
	// With holds the type's parameters; strings may contain ${…}.
	With map[string]any `json:"with,omitempty"`
	// Retry overrides the type's default retry policy.
	Retry *RetryPolicy `json:"retry,omitempty"`
	// Timeout for one attempt; default 30s, at most 1 h.
	Timeout Duration `json:"timeout,omitempty"`
	// OnError: stop (default) ends the item's remaining actions; continue goes on.
	OnError OnError `json:"on_error,omitempty"`
}

// OnError says what an action's final failure does to the item's later actions.
type OnError string

// The OnError values.
const (
	OnErrorStop     OnError = "stop"
	OnErrorContinue OnError = "continue"
)

// RetryPolicy bounds the attempts of an action.
type RetryPolicy struct {
	// MaxAttempts, 1 to 100; default 5.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// InitialInterval, default 1s; doubled after each attempt by BackoffCoefficient (default 2) up
	// to MaximumInterval (default 1m).
	InitialInterval    Duration `json:"initial_interval,omitempty"`
	BackoffCoefficient float64  `json:"backoff_coefficient,omitempty"`
	MaximumInterval    Duration `json:"maximum_interval,omitempty"`
}
