package eventstreamtest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/testkit"
)

// Definition makes a document; more may change it.
func Definition(name, eventType string, more ...func(*core.Definition)) core.Definition {
	d := core.Definition{
		APIVersion: core.APIVersion, Kind: core.Kind, ID: core.DefinitionID(name), Name: name, Enabled: true,
		TriggerType:   core.TriggerEvent,
		TriggerConfig: core.TriggerConfig{EventType: core.StringList{eventType}},
		Rules:         []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
	for _, m := range more {
		m(&d)
	}
	return d
}

// Filters sets trigger_config.filters.
func Filters(f map[string]any) func(*core.Definition) {
	return func(d *core.Definition) { d.TriggerConfig.Filters = f }
}

// When sets trigger_config.when.
func When(expr string) func(*core.Definition) {
	return func(d *core.Definition) { d.TriggerConfig.When = expr }
}

// Event makes an event of source test; it panics if the payload is no JSON.
func Event(id, eventType string, payload any) core.Event {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return core.Event{EventID: id, Type: eventType, Source: "test", Payload: data}
}

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	testkit.Eventually(t, what, condition)
}

// Starts is a Starter that keeps what it started, as Temporal does, and can be told to fail.
// What the router does with Temporal itself is shown by the tests under fire and the benchmark.
type Starts struct {
	mu   sync.Mutex
	IDs  map[string]int
	Fail func(workflowID string, attempt int) error
	Gate chan struct{} // if not nil, starts wait until it is closed
}

// NewStarts makes a starter that never fails.
func NewStarts() *Starts { return &Starts{IDs: map[string]int{}} }

// StartRun is the port of router and replay.
func (s *Starts) StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error) {
	if s.Gate != nil {
		select {
		case <-s.Gate:
		case <-ctx.Done():
			return core.StartOutcome{}, ctx.Err()
		}
	}
	id := core.WorkflowID(activityID, cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Fail != nil {
		s.IDs["attempt "+id]++
		if err := s.Fail(id, s.IDs["attempt "+id]); err != nil {
			return core.StartOutcome{}, err
		}
	}
	s.IDs[id]++
	return core.StartOutcome{TemporalRunID: id, AlreadyStarted: s.IDs[id] > 1}, nil
}

// Count is how often the run of (definition, event) was started.
func (s *Starts) Count(activityID, eventID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.IDs[core.WorkflowID(activityID, core.EventCause(eventID))]
}
