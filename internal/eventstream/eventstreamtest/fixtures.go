package eventstreamtest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// Definition makes a document; more may change it.
func Definition(name, eventType string, more ...func(*activitycore.Definition)) activitycore.Definition {
	d := activitycore.Definition{
		APIVersion: activitycore.APIVersion, Kind: activitycore.Kind, ID: activitycore.DefinitionID(name), Name: name, Enabled: true,
		TriggerType:   activitycore.TriggerEvent,
		TriggerConfig: activitycore.TriggerConfig{EventType: activitycore.StringList{eventType}},
		Rules:         []activitycore.Rule{{Name: "r", Actions: []activitycore.Action{{Type: activitycore.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
	for _, m := range more {
		m(&d)
	}
	return d
}

// Filters sets trigger_config.filters.
func Filters(f map[string]any) func(*activitycore.Definition) {
	return func(d *activitycore.Definition) { d.TriggerConfig.Filters = f }
}

// When sets trigger_config.when.
func When(expr string) func(*activitycore.Definition) {
	return func(d *activitycore.Definition) { d.TriggerConfig.When = expr }
}

// Event makes an event of source test; it panics if the payload is no JSON.
func Event(id, eventType string, payload any) activitycore.Event {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	return activitycore.Event{EventID: id, Type: eventType, Source: "test", Payload: data}
}

// Eventually waits for a condition; the time it may take is only there so that a failure ends.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Starts is a Starter that keeps what it started, as Temporal does, and can be told to fail. What the router does with Temporal itself is
// shown by the tests under fire and the benchmark.
type Starts struct {
	mu   sync.Mutex
	IDs  map[string]int
	Fail func(workflowID string, attempt int) error
	Gate chan struct{} // if not nil, starts wait until it is closed
}

// NewStarts makes a starter that never fails.
func NewStarts() *Starts { return &Starts{IDs: map[string]int{}} }

// StartRun is the port of router and replay.
func (s *Starts) StartRun(ctx context.Context, activityID string, cause activitycore.Cause) (activitycore.StartOutcome, error) {
	if s.Gate != nil {
		select {
		case <-s.Gate:
		case <-ctx.Done():
			return activitycore.StartOutcome{}, ctx.Err()
		}
	}
	id := activitycore.WorkflowID(activityID, cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Fail != nil {
		s.IDs["attempt "+id]++
		if err := s.Fail(id, s.IDs["attempt "+id]); err != nil {
			return activitycore.StartOutcome{}, err
		}
	}
	s.IDs[id]++
	return activitycore.StartOutcome{TemporalRunID: id, AlreadyStarted: s.IDs[id] > 1}, nil
}

// Count is how often the run of (definition, event) was started.
func (s *Starts) Count(activityID, eventID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.IDs[activitycore.WorkflowID(activityID, activitycore.EventCause(eventID))]
}
