package eventtrigger

import (
	"context"
	"fmt"
	"log/slog"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// Trigger is an indexed definition, as far as routing needs it.
type Trigger struct {
	ID, Name    string
	Version     int64
	Paused      *activitycore.Pause
	AllowCycles bool // whether it fires for events that its own runs caused
	When        When // nil: every event that passes the filters matches
}

// Triggers is the catalogue's event definitions in memory. One goroutine uses it at a time.
type Triggers struct {
	catalogue activitycore.Catalogue
	compile   CompileWhen
	log       *slog.Logger

	follower changes.Follower
	index    *eventmatch.Index
	byID     map[eventmatch.ID]*Trigger
	ids      []eventmatch.ID // scratch
	found    []*Trigger      // scratch
}

// New makes an empty set; [Triggers.Refresh] fills it. Log receives which definitions cannot be used.
func New(c activitycore.Catalogue, compile CompileWhen, log *slog.Logger) *Triggers {
	return &Triggers{catalogue: c, compile: compile, log: log,
		index: eventmatch.NewIndex(), byID: map[eventmatch.ID]*Trigger{}}
}

// Refresh brings the index to the catalogue's revision as of now. Called after a batch was taken and before it is matched, it makes promise 3
// hold: an event published after a change was saved is matched with that change.
func (t *Triggers) Refresh(ctx context.Context) error {
	var found []eventmatch.Change
	err := t.follower.Follow(ctx, t.catalogue, func() {
		t.index, t.byID, found = eventmatch.NewIndex(), map[eventmatch.ID]*Trigger{}, nil
	}, func(row activitycore.StoredDefinition) {
		found = append(found, t.change(&row))
	})
	if len(found) > 0 { // also after an error: the follower does not hand these over again
		t.index.Apply(found...)
	}
	return err
}

// change files one row. A row that cannot be indexed was saved by another version of the program that knows more: it is left out and
// said so, rather than stopping every other definition.
func (t *Triggers) change(row *activitycore.StoredDefinition) eventmatch.Change {
	id := eventmatch.ID(row.ID)
	delete(t.byID, id)
	if !row.Live() || !row.Enabled || row.TriggerType != activitycore.TriggerEvent {
		return eventmatch.Change{ID: id}
	}
	entry, pattern, err := NewTrigger(row, t.compile)
	if err != nil {
		t.log.Error("definition cannot be matched; events do not start it", "activity", row.Name, "version", row.Version, "error", err)
		return eventmatch.Change{ID: id}
	}
	t.byID[id] = entry
	return eventmatch.Change{ID: id, Pattern: pattern}
}

// NewTrigger compiles what a definition says about events. An error means that no event can start it.
func NewTrigger(row *activitycore.StoredDefinition, compile CompileWhen) (*Trigger, *eventmatch.Pattern, error) {
	pattern, err := ParsePattern(row)
	if err != nil {
		return nil, nil, err
	}
	t := &Trigger{ID: row.ID, Name: row.Name, Version: row.Version, Paused: row.Paused, AllowCycles: row.TriggerConfig.AllowCycles}
	if row.TriggerConfig.When != "" {
		if t.When, err = compile(row.Definition); err != nil {
			return nil, nil, err
		}
	}
	return t, pattern, nil
}

// ParsePattern compiles a definition's types and filters; an error is CodeInvalid.
func ParsePattern(row *activitycore.StoredDefinition) (*eventmatch.Pattern, error) {
	pattern, err := eventmatch.ParsePattern(row.TriggerConfig.EventType, row.TriggerConfig.Filters)
	if err != nil {
		return nil, activitycore.Wrap(activitycore.CodeInvalid, err, "trigger_config of %s: %v", row.Name, err)
	}
	return pattern, nil
}

// Match returns the definitions whose type and filters match; the slice is good until the next call.
func (t *Triggers) Match(e *activitycore.Event) ([]*Trigger, error) {
	ids, err := t.index.Match(Matchable(e), t.ids[:0])
	t.ids = ids[:0]
	if err != nil {
		return nil, activitycore.Wrap(activitycore.CodeMalformed, err, "payload: %v", err)
	}
	t.found = t.found[:0]
	for _, id := range ids {
		t.found = append(t.found, t.byID[id])
	}
	return t.found, nil
}

// Matchable is what types and filters see of an event.
func Matchable(e *activitycore.Event) *eventmatch.Event {
	return &eventmatch.Event{Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload, Extensions: e.Extensions.JSON()}
}

// PauseReason words why a paused definition does not run.
func PauseReason(p *activitycore.Pause) string {
	if p.Reason == "" {
		return "paused by " + p.By
	}
	return fmt.Sprintf("paused by %s: %s", p.By, p.Reason)
}
