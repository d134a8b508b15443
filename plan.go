package activitycore

import (
	"encoding/json"
	"time"
)

// Plan is what a firing decided to do: made once, stored once, carried out from
// the record. Its actions are in order; Seq counts them from 0.
type Plan struct {
	Items   int             `json:"items"`
	Rules   []RuleTrace     `json:"rules"`
	Actions []PlannedAction `json:"actions"`
	// Cost is what its evaluations cost together, in units; 0 in plans that older versions stored.
	Cost int64 `json:"cost,omitempty"`
}

// RuleTrace explains one rule of a plan.
type RuleTrace struct {
	Rule string `json:"rule"`
	// When is the value of the rule's condition.
	When bool `json:"when"`
	// Items is how many items for_each gave; 1 for a rule without for_each that applied.
	Items int `json:"items"`
	// Actions is how many actions the rule planned.
	Actions int `json:"actions"`
	// Failed is how many of them could not be made; each has its Error.
	Failed int `json:"failed,omitempty"`
	// Cost is what the rule's evaluations cost, in units.
	Cost int64 `json:"cost,omitempty"`
	// Note says why nothing came of the rule, or is empty.
	Note string `json:"note,omitempty"`
}

// PlannedAction is one action of a plan with its parameters resolved.
type PlannedAction struct {
	Seq         int        `json:"seq"`
	Rule        string     `json:"rule"`
	ItemKey     string     `json:"item_key"`
	ItemIndex   int        `json:"item_index"`
	ActionIndex int        `json:"action_index"`
	Key         string     `json:"key"`
	Type        ActionType `json:"type"`
	Name        string     `json:"name,omitempty"`
	// With holds the resolved parameters. Where Deferred is set, strings in it may
	// still refer to steps.<name> and are resolved when the action is carried out.
	With map[string]any `json:"with"`
	// Deferred is true if With still contains ${…} over steps. Scope then holds
	// the values the remaining expressions need besides steps.
	Deferred bool           `json:"deferred,omitempty"`
	Scope    map[string]any `json:"scope,omitempty"`
	Retry    *RetryPolicy   `json:"retry,omitempty"`
	Timeout  Duration       `json:"timeout,omitempty"`
	OnError  OnError        `json:"on_error,omitempty"`
	// Error says why the parameters could not be made; With is empty then, and the action fails
	// when its turn comes. Safe to show.
	Error string `json:"error,omitempty"`
}

// ActionStatus is the state of one planned action.
type ActionStatus string

// The action statuses.
const (
	ActionPending   ActionStatus = "pending"
	ActionSucceeded ActionStatus = "succeeded"
	ActionFailed    ActionStatus = "failed"
	// ActionSkipped: an earlier action of the item failed with on_error: stop, or the run was
	// canceled.
	ActionSkipped ActionStatus = "skipped"
)

// ActionResult is what became of one planned action.
type ActionResult struct {
	Seq      int          `json:"seq"`
	Status   ActionStatus `json:"status"`
	Attempts int          `json:"attempts"`
	// Outcome is a word for metrics and people: created, updated, exists, delivered, published,
	// started, …
	Outcome string `json:"outcome,omitempty"`
	// Result is JSON that later actions see as steps.<name>; captured within a limit.
	Result json.RawMessage `json:"result,omitempty"`
	// Error is safe to show.
	Error      string    `json:"error,omitempty"`
	FinishedAt time.Time `json:"finished_at"`
}

// ActionRecord is a planned action with its result so far.
type ActionRecord struct {
	PlannedAction
	Status ActionStatus  `json:"status"`
	Result *ActionResult `json:"result,omitempty"`
}
