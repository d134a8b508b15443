package eventtrigger

import (
	"context"
	"log/slog"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// Trigger is what one version of a definition says about events, compiled.
type Trigger struct {
	ID, Name string
	Version  int64

	deleted, disabled bool
	allowCycles       bool
	paused            *core.Pause
	when              When // nil: every event that passes the filters matches
}

// Compile compiles what a definition says about events. An error is CodeInvalid: no event can
// start it.
func Compile(row *core.StoredDefinition, compile CompileWhen) (*Trigger, *eventmatch.Pattern, error) {
	pattern, err := ParsePattern(row)
	if err != nil {
		return nil, nil, err
	}
	t := &Trigger{ID: row.ID, Name: row.Name, Version: row.Version,
		deleted: !row.Live(), disabled: !row.Enabled, allowCycles: row.TriggerConfig.AllowCycles, paused: row.Paused}
	if row.TriggerConfig.When != "" {
		if t.when, err = compile(row.Definition); err != nil {
			return nil, nil, err
		}
	}
	return t, pattern, nil
}

// Triggers is the catalogue's event definitions in memory. One goroutine uses it at a time.
type Triggers struct {
	catalogue core.Catalogue
	compile   CompileWhen
	log       *slog.Logger

	follower changes.Follower
	index    *eventmatch.Index
	byID     map[eventmatch.ID]*Trigger

	ids       []eventmatch.ID // scratch
	decisions []Decision      // scratch
}

// New makes an empty set; [Triggers.Refresh] fills it. Log receives which definitions cannot be
// used.
func New(c core.Catalogue, compile CompileWhen, log *slog.Logger) *Triggers {
	return &Triggers{catalogue: c, compile: compile, log: log,
		index: eventmatch.NewIndex(), byID: map[eventmatch.ID]*Trigger{}}
}

// Of is one definition, which is not followed, whether it is in use or not.
func Of(row *core.StoredDefinition, compile CompileWhen) (*Triggers, error) {
	t, pattern, err := Compile(row, compile)
	if err != nil {
		return nil, err
	}
	one := &Triggers{index: eventmatch.NewIndex(), byID: map[eventmatch.ID]*Trigger{eventmatch.ID(row.ID): t}}
	one.index.Add(eventmatch.ID(row.ID), pattern)
	return one, nil
}

// Refresh brings the index to the catalogue's revision as of now. Called after a batch was
// taken and before it is matched, it makes promise 3 hold: an event published after a change
// was saved is matched with that change.
func (t *Triggers) Refresh(ctx context.Context) error {
	var found []eventmatch.Change
	err := t.follower.Follow(ctx, t.catalogue, func() {
		t.index, t.byID, found = eventmatch.NewIndex(), map[eventmatch.ID]*Trigger{}, nil
	}, func(row core.StoredDefinition) {
		found = append(found, t.change(&row))
	})
	if len(found) > 0 { // also after an error: the follower does not hand these over again
		t.index.Apply(found...)
	}
	return err
}

// change files one row. A row that cannot be indexed was saved by another version of the
// program that knows more: it is left out and said so, rather than stopping every other
// definition.
func (t *Triggers) change(row *core.StoredDefinition) eventmatch.Change {
	id := eventmatch.ID(row.ID)
	delete(t.byID, id)
	if !row.Live() || !row.Enabled || row.TriggerType != core.TriggerEvent {
		return eventmatch.Change{ID: id}
	}
	entry, pattern, err := Compile(row, t.compile)
	if err != nil {
		t.log.Error("definition cannot be matched; events do not start it", "activity", row.Name, "version", row.Version, "error", err)
		return eventmatch.Change{ID: id}
	}
	t.byID[id] = entry
	return eventmatch.Change{ID: id, Pattern: pattern}
}

// ParsePattern compiles a definition's types and filters; an error is CodeInvalid.
func ParsePattern(row *core.StoredDefinition) (*eventmatch.Pattern, error) {
	pattern, err := eventmatch.ParsePattern(row.TriggerConfig.EventType, row.TriggerConfig.Filters)
	if err != nil {
		return nil, core.Wrap(core.CodeInvalid, err, "trigger_config of %s: %v", row.Name, err)
	}
	return pattern, nil
}

// Match appends the definitions of an index whose types and filters an event passes. An error is
// CodeMalformed: the payload is no JSON.
func Match(index *eventmatch.Index, e *core.Event, into []eventmatch.ID) ([]eventmatch.ID, error) {
	ids, err := index.Match(matchable(e), into)
	return ids, malformed(err)
}

// Explain prepares to say of definitions which of their types and filters an event passes. An error
// is CodeMalformed: the payload is no JSON.
func Explain(e *core.Event) (*eventmatch.Explainer, error) {
	x, err := eventmatch.NewExplainer(matchable(e))
	return x, malformed(err)
}

func malformed(err error) error {
	if err == nil {
		return nil
	}
	return core.Wrap(core.CodeMalformed, err, "payload: %v", err)
}

// matchable is what types and filters see of an event.
func matchable(e *core.Event) *eventmatch.Event {
	return &eventmatch.Event{Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload, Extensions: e.Extensions.JSON()}
}
